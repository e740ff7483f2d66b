//! Time: three clocks that must not be mixed, and durations as users write them.

use std::fmt;
use std::ops::Add;
use std::time::Duration;

macro_rules! clock { ($(#[$doc:meta])* $name:ident) => {
    $(#[$doc])*
    #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
    pub struct $name(u64);

    impl $name {
        /// That many nanoseconds after the clock's zero.
        pub const fn from_nanos(nanos: u64) -> Self {
            Self(nanos)
        }

        /// Nanoseconds since the clock's zero.
        pub const fn nanos(self) -> u64 {
            self.0
        }

        /// How long after `earlier` this is; zero if it isn't.
        pub fn since(self, earlier: Self) -> Duration {
            Duration::from_nanos(self.0.saturating_sub(earlier.0))
        }
    }

    impl Add<Duration> for $name {
        type Output = Self;

        fn add(self, duration: Duration) -> Self {
            Self(self.0.saturating_add(u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)))
        }
    }
} }

clock! {
    /// CLOCK_MONOTONIC: never set, stands still while the machine is suspended. Back-off, time-outs, run times.
    Mono
}
clock! {
    /// CLOCK_BOOTTIME: never set, goes on through a suspend. `@every`.
    Boot
}

/// CLOCK_REALTIME in nanoseconds since 1970 UTC; can be set, forward and back. Cron, stamps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Wall(i64);

impl Wall {
    /// That many nanoseconds since 1970 UTC.
    pub const fn from_nanos(nanos: i64) -> Wall {
        Wall(nanos)
    }

    /// That many seconds since 1970 UTC.
    pub const fn from_seconds(seconds: i64) -> Wall {
        Wall(seconds.saturating_mul(1_000_000_000))
    }

    /// Nanoseconds since 1970 UTC.
    pub const fn nanos(self) -> i64 {
        self.0
    }

    /// Whole seconds since 1970 UTC, rounded down.
    pub const fn seconds(self) -> i64 {
        self.0.div_euclid(1_000_000_000)
    }

    /// How long after `earlier` this is; zero if it isn't.
    pub fn since(self, earlier: Wall) -> Duration {
        Duration::from_nanos(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }
}

/// One look at all clocks: read once a turn of the loop, so that a turn is one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Now {
    pub mono: Mono,
    pub boot: Boot,
    pub wall: Wall,
}

/// A duration as a person reads it: `400ms`, `3.2s`, `2m05s`, `3h12m`, `4d06h`.
#[derive(Clone, Copy, Debug)]
pub struct Spoken(pub Duration);

impl fmt::Display for Spoken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (seconds, millis) = (self.0.as_secs(), self.0.subsec_millis());
        match seconds {
            0 => write!(f, "{millis}ms"),
            1..60 if millis < 50 => write!(f, "{seconds}s"),
            1..60 => write!(f, "{seconds}.{}s", (millis / 100).max(u32::from(millis >= 50))),
            60..3600 => write!(f, "{}m{:02}s", seconds / 60, seconds % 60),
            3600..86_400 => write!(f, "{}h{:02}m", seconds / 3600, seconds / 60 % 60),
            _ => write!(f, "{}d{:02}h", seconds / 86_400, seconds / 3600 % 24),
        }
    }
}

/// What was written isn't a duration.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
pub enum DurationError {
    /// No number, or an unknown unit.
    #[error("'{0}' is not a duration (such as 500ms, 10s, 1m30s, 2h; a bare number is seconds)")]
    Malformed(String),
    /// Over [`LONGEST`].
    #[error("'{0}' is out of range (at most 10 years)")]
    TooLong(String),
}

/// The longest duration that a configuration may ask for: ten years, so that sums never overflow.
pub const LONGEST: Duration = Duration::from_secs(10 * 366 * 86_400);

/// Reads `500ms`, `10s`, `1m30s`, `2h`, `1d`, `1.5s`, or bare seconds.
pub fn parse_duration(text: &str) -> Result<Duration, DurationError> {
    let malformed = || DurationError::Malformed(text.to_owned());
    let mut rest = text.trim();
    if rest.is_empty() {
        return Err(malformed());
    }
    let bare = rest.bytes().all(|b| b.is_ascii_digit() || b == b'.');
    let (mut total, mut last) = (0u128, u128::MAX);
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
        let (number, tail) = rest.split_at(digits);
        let letters = tail.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(tail.len());
        let (unit, tail) = tail.split_at(letters);
        let nanos: u128 = match unit {
            "ns" => 1,
            "us" | "µs" => 1_000,
            "ms" => 1_000_000,
            "s" => 1_000_000_000,
            "" if bare => 1_000_000_000,
            "m" => 60_000_000_000,
            "h" => 3_600_000_000_000,
            "d" => 86_400_000_000_000,
            _ => return Err(malformed()),
        };
        // Units come in falling order, each once: `30s1m` is more likely a slip than a wish.
        if nanos >= last {
            return Err(malformed());
        }
        last = nanos;
        total += scaled(number, nanos).ok_or_else(malformed)?;
        rest = tail;
    }
    if total > LONGEST.as_nanos() {
        return Err(DurationError::TooLong(text.to_owned()));
    }
    u64::try_from(total).map(Duration::from_nanos).map_err(|_| malformed())
}

/// `number` (digits, with a fraction or without) times `nanos`; saturates far above [`LONGEST`].
fn scaled(number: &str, nanos: u128) -> Option<u128> {
    let (whole, fraction) = number.split_once('.').unwrap_or((number, "0"));
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    if !digits(whole) || !digits(fraction) {
        return None;
    }
    let whole = whole.bytes().fold(0u128, |sum, b| (sum * 10 + u128::from(b - b'0')).min(u128::from(u64::MAX)));
    let mut sum = whole * nanos;
    let mut place = nanos;
    for b in fraction.bytes() {
        place /= 10;
        sum += u128::from(b - b'0') * place;
    }
    Some(sum)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read() {
        for (text, millis) in [
            ("500ms", 500),
            ("10s", 10_000),
            ("1m30s", 90_000),
            ("2h", 7_200_000),
            ("10", 10_000),
            ("0", 0),
            ("0.5", 500),
            ("1.25s", 1_250),
            ("1h1s", 3_601_000),
            ("1d", 86_400_000),
        ] {
            assert_eq!(parse_duration(text), Ok(Duration::from_millis(millis)), "{text}");
        }
    }

    #[test]
    fn slips_are_refused() {
        for text in ["", "s", "10x", "1m2", "30s1m", "1s1s", "-1", "1..5s", ".5s", "1e3", "10 s", "1m 30s"] {
            assert_eq!(parse_duration(text), Err(DurationError::Malformed(text.into())), "{text}");
        }
        for text in ["4000d", "99999999999999999999999999999999999999999999h"] {
            assert_eq!(parse_duration(text), Err(DurationError::TooLong(text.into())), "{text}");
        }
    }

    #[test]
    fn durations_are_spoken() {
        for (millis, text) in [
            (0, "0ms"),
            (400, "400ms"),
            (1_000, "1s"),
            (3_249, "3.2s"),
            (59_999, "59.9s"),
            (125_000, "2m05s"),
            (11_520_000, "3h12m"),
            (367_200_000, "4d06h"),
            (2_060, "2.1s"),
        ] {
            assert_eq!(Spoken(Duration::from_millis(millis)).to_string(), text);
        }
    }
}
