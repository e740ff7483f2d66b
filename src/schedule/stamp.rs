//! Instants as text: RFC 3339 with the zone's offset. `wingmate next` and `WINGMATE_SCHEDULED_TIME` show them.

use super::civil::Civil;
use super::zone::{Shown, Zone};
use crate::model::moment::Wall;
use std::fmt;
use time::{Date, Month};

/// An instant in a zone, as RFC 3339 without a fraction: `2027-08-19T13:23:00+01:00`, never `Z`.
#[derive(Clone, Copy, Debug)]
pub struct Stamp<'a> {
    pub at: Wall,
    pub zone: &'a Zone,
}

impl fmt::Display for Stamp<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let instant = self.at.seconds();
        // Offsets of old local times have seconds, RFC 3339's have none: the instant is kept, the clock rounded.
        let offset = (i64::from(self.zone.span(instant).offset) + 30).div_euclid(60);
        let civil = Civil::from_seconds(instant.saturating_add(offset * 60));
        let ((year, month, day), second) = (civil.date().to_calendar_date(), civil.seconds_of_day());
        let month = u8::from(month);
        let (hour, minute, second) = (second / 3_600, second / 60 % 60, second % 60);
        let (sign, offset) = (if offset < 0 { '-' } else { '+' }, offset.abs());
        write!(f, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}")?;
        write!(f, "{sign}{:02}:{:02}", offset / 60, offset % 60)
    }
}

/// What was written is no time.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
#[error("'{0}' is not a time (such as 2027-08-19T13:23:00+01:00; without an offset it is the zone's)")]
pub struct StampError(String);

/// Reads an RFC 3339 time; the seconds may be left out, `T` may be a blank, and without an offset it is a
/// time of `zone`: the first of two, or the end of the gap if the clocks skip it.
pub fn read(text: &str, zone: &Zone) -> Result<Wall, StampError> {
    instant(text, zone).ok_or_else(|| StampError(text.to_owned()))
}

fn instant(text: &str, zone: &Zone) -> Option<Wall> {
    let mut rest = Digits(text.trim());
    let year = i32::try_from(rest.number(4, 0..=9_999)?).ok()?;
    rest.one_of("-")?;
    let month = Month::try_from(u8::try_from(rest.number(2, 1..=12)?).ok()?).ok()?;
    rest.one_of("-")?;
    let day = u8::try_from(rest.number(2, 1..=31)?).ok()?;
    let date = Date::from_calendar_date(year, month, day).ok()?;
    rest.one_of("Tt ")?;
    let hour = rest.number(2, 0..=23)?;
    rest.one_of(":")?;
    let minute = rest.number(2, 0..=59)?;
    let (mut second, mut nanos) = (0, 0);
    if rest.one_of(":").is_some() {
        // A leap second is the next minute's first to a Unix clock.
        second = rest.number(2, 0..=60)?;
        if rest.one_of(".,").is_some() {
            nanos = rest.fraction()?;
        }
    }
    let civil = Civil::new(date, hour * 3_600 + minute * 60 + second);
    let seconds = match rest.offset()? {
        Some(offset) => civil.seconds().checked_sub(offset)?,
        None => match zone.shown(civil) {
            Shown::At(instant) | Shown::Skipped(instant) => instant,
        },
    };
    seconds.checked_mul(1_000_000_000)?.checked_add(nanos).map(Wall::from_nanos)
}

/// What is left to read.
struct Digits<'a>(&'a str);

impl Digits<'_> {
    fn one_of(&mut self, letters: &str) -> Option<char> {
        let first = self.0.chars().next().filter(|c| letters.contains(*c))?;
        self.0 = self.0.get(first.len_utf8()..)?;
        Some(first)
    }

    /// Exactly that many digits.
    fn number(&mut self, digits: usize, range: std::ops::RangeInclusive<i64>) -> Option<i64> {
        let text = self.0.get(..digits).filter(|text| text.bytes().all(|b| b.is_ascii_digit()))?;
        self.0 = self.0.get(digits..)?;
        text.parse().ok().filter(|number| range.contains(number))
    }

    /// A fraction of a second in nanoseconds; more digits than nine are dropped.
    fn fraction(&mut self) -> Option<i64> {
        let end = self.0.find(|c: char| !c.is_ascii_digit()).unwrap_or(self.0.len());
        let (digits, rest) = self.0.split_at_checked(end)?;
        self.0 = rest;
        let place = |(sum, place): (i64, i64), b: u8| (sum + i64::from(b - b'0') * place, place / 10);
        (!digits.is_empty()).then(|| digits.bytes().fold((0, 100_000_000), place).0)
    }

    /// The offset in seconds and the end of the text; `Some(None)` without an offset.
    fn offset(&mut self) -> Option<Option<i64>> {
        let offset = match self.one_of("Zz+-") {
            None => None,
            Some('Z' | 'z') => Some(0),
            Some(sign) => {
                let hours = self.number(2, 0..=23)?;
                self.one_of(":")?;
                let seconds = hours * 3_600 + self.number(2, 0..=59)? * 60;
                Some(if sign == '-' { -seconds } else { seconds })
            }
        };
        self.0.is_empty().then_some(offset)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stamps_go_there_and_back() {
        let zone = Zone::from_posix("CET-1CEST,M3.5.0,M10.5.0/3").unwrap();
        for text in ["2027-08-19T13:23:00+02:00", "2027-01-01T00:00:00+01:00", "1969-12-31T23:59:59+01:00"] {
            assert_eq!(Stamp { at: read(text, &zone).unwrap(), zone: &zone }.to_string(), text);
        }
        let west = Zone::from_posix("NST3:30").unwrap();
        assert_eq!(Stamp { at: Wall::from_seconds(0), zone: &west }.to_string(), "1969-12-31T20:30:00-03:30");
        assert_eq!(Stamp { at: Wall::from_seconds(0), zone: &Zone::utc() }.to_string(), "1970-01-01T00:00:00+00:00");
    }

    #[test]
    fn times_are_read() {
        let zone = Zone::from_posix("CET-1CEST,M3.5.0,M10.5.0/3").unwrap();
        for (text, nanos) in [
            ("1970-01-01T00:00:00Z", 0),
            ("1970-01-01 00:00z", 0),
            ("1970-01-01T00:00:01.5-00:00", 1_500_000_000),
            ("1970-01-01T00:00:00.1234567899+00:00", 123_456_789),
            ("1970-01-01T02:30:00+02:30", 0),
            ("1970-01-01T01:00", 0),
            // Comes twice: the first. Is skipped: the end of the gap, 01:00 UTC.
            ("2027-10-31T02:30:00", 1_824_942_600_000_000_000),
            ("2027-03-28T02:30:00", 1_806_195_600_000_000_000),
        ] {
            assert_eq!(read(text, &zone), Ok(Wall::from_nanos(nanos)), "{text}");
        }
    }

    #[test]
    fn what_is_no_time_is_refused() {
        for text in [
            "",
            "now",
            "2027-02-29T00:00:00Z",
            "2027-13-01T00:00:00Z",
            "2027-1-1T00:00:00Z",
            "2027-01-01",
            "2027-01-01T24:00:00Z",
            "2027-01-01T00:60:00Z",
            "2027-01-01T00:00:00.Z",
            "2027-01-01T00:00:00+1",
            "2027-01-01T00:00:00+0100",
            "2027-01-01T00:00:00Zz",
            "2027-01-01T00:00:00 +01:00",
            "9999-01-01T00:00:00Z",
            "２027-01-01T00:00:00Z",
        ] {
            assert_eq!(read(text, &Zone::utc()), Err(StampError(text.to_owned())), "{text}");
        }
    }
}
