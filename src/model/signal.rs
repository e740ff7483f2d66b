//! Signals by name and number (signal(7)), as users write and read them.

use std::fmt;
use std::str::FromStr;

/// A signal number, 1–64 on Linux.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Signal(u8);

/// Names and numbers of the standard signals, x86-64 and ARM numbering (signal(7)).
const NAMES: [(&str, u8); 31] = [
    ("HUP", 1),
    ("INT", 2),
    ("QUIT", 3),
    ("ILL", 4),
    ("TRAP", 5),
    ("ABRT", 6),
    ("BUS", 7),
    ("FPE", 8),
    ("KILL", 9),
    ("USR1", 10),
    ("SEGV", 11),
    ("USR2", 12),
    ("PIPE", 13),
    ("ALRM", 14),
    ("TERM", 15),
    ("STKFLT", 16),
    ("CHLD", 17),
    ("CONT", 18),
    ("STOP", 19),
    ("TSTP", 20),
    ("TTIN", 21),
    ("TTOU", 22),
    ("URG", 23),
    ("XCPU", 24),
    ("XFSZ", 25),
    ("VTALRM", 26),
    ("PROF", 27),
    ("WINCH", 28),
    ("IO", 29),
    ("PWR", 30),
    ("SYS", 31),
];

/// The first and last real-time signal as the C library counts them (musl and glibc keep 32–34 to themselves).
const RTMIN: u8 = 34;
const RTMAX: u8 = 64;

macro_rules! signals { ($($name:ident = $number:literal),*) => { $(
    #[doc = concat!("SIG", stringify!($name), ".")]
    pub const $name: Signal = Signal($number);
)* } }

impl Signal {
    signals!(
        HUP = 1,
        INT = 2,
        QUIT = 3,
        ABRT = 6,
        KILL = 9,
        USR1 = 10,
        USR2 = 12,
        PIPE = 13,
        TERM = 15,
        CHLD = 17,
        CONT = 18,
        STOP = 19,
        TSTP = 20,
        WINCH = 28
    );
    /// `SIGRTMIN+3`, by which systemd-style managers ask a container's init to halt.
    pub const RTMIN_3: Signal = Signal(RTMIN + 3);

    /// The signal of this number, if there is one (1–64).
    pub fn from_number(number: i32) -> Option<Signal> {
        u8::try_from(number).ok().filter(|n| (1..=RTMAX).contains(n)).map(Signal)
    }

    /// Its number.
    pub fn number(self) -> i32 {
        i32::from(self.0)
    }
}

impl fmt::Display for Signal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match NAMES.iter().find(|(_, n)| *n == self.0) {
            Some((name, _)) => write!(f, "SIG{name}"),
            None if self.0 > RTMIN => write!(f, "SIGRTMIN+{}", self.0 - RTMIN),
            None if self.0 == RTMIN => f.write_str("SIGRTMIN"),
            None => write!(f, "signal {}", self.0),
        }
    }
}

impl fmt::Debug for Signal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// What was written isn't a signal.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("unknown signal '{0}' (a name such as TERM, SIGUSR1 or RTMIN+3, or a number from 1 to 64)")]
pub struct UnknownSignal(String);

impl FromStr for Signal {
    type Err = UnknownSignal;

    /// `TERM`, `SIGTERM`, `term`, `15`, `RTMIN+3`, `SIGRTMAX-1`.
    fn from_str(text: &str) -> Result<Signal, UnknownSignal> {
        let unknown = || UnknownSignal(text.to_owned());
        if let Ok(number) = text.parse::<i32>() {
            return Signal::from_number(number).ok_or_else(unknown);
        }
        let upper = text.to_ascii_uppercase();
        let name = upper.strip_prefix("SIG").unwrap_or(&upper);
        if let Some((_, number)) = NAMES.iter().find(|(n, _)| *n == name) {
            return Ok(Signal(*number));
        }
        let offset = |rest: &str, sign: char| match rest.strip_prefix(sign) {
            Some(digits) => digits.parse::<u8>().ok().filter(|_| digits.bytes().all(|b| b.is_ascii_digit())),
            None => rest.is_empty().then_some(0),
        };
        let number = match (name.strip_prefix("RTMIN"), name.strip_prefix("RTMAX")) {
            (Some(rest), _) => offset(rest, '+').and_then(|n| RTMIN.checked_add(n)),
            (_, Some(rest)) => offset(rest, '-').and_then(|n| RTMAX.checked_sub(n)),
            _ => None,
        };
        number.filter(|n| (RTMIN..=RTMAX).contains(n)).map(Signal).ok_or_else(unknown)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_numbers_meet() {
        for text in ["TERM", "SIGTERM", "sigterm", "15"] {
            assert_eq!(text.parse(), Ok(Signal::TERM), "{text}");
        }
        assert_eq!("RTMIN+3".parse(), Ok(Signal::RTMIN_3));
        assert_eq!("SIGRTMAX-27".parse(), Ok(Signal::RTMIN_3));
        assert_eq!(Signal::RTMIN_3.to_string(), "SIGRTMIN+3");
        for number in 1..=64 {
            let signal = Signal::from_number(number).unwrap();
            if number <= 31 || number >= 34 {
                assert_eq!(signal.to_string().parse(), Ok(signal));
            }
        }
    }

    #[test]
    fn strangers_are_refused() {
        for text in ["", "SIG", "0", "65", "-1", "TERMX", "RTMIN-1", "RTMIN+31", "RTMIN++1", "RTMAX+1"] {
            assert!(text.parse::<Signal>().is_err(), "{text}");
        }
    }
}
