//! Signals by name and number (signal(7)), as users write and read them.

use crate::text::near::nearest;
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

/// Other names of some of them, which other systems' tools print.
const SYNONYMS: [(&str, u8); 3] = [("IOT", 6), ("CLD", 17), ("POLL", 29)];

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
        TTIN = 21,
        TTOU = 22,
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
#[error("unknown signal '{text}' ({})", meant(text))]
pub struct UnknownSignal {
    text: String,
}

/// The name that is likely meant, or what there is to choose from.
fn meant(text: &str) -> String {
    let upper = text.to_ascii_uppercase();
    match nearest(upper.strip_prefix("SIG").unwrap_or(&upper), NAMES.map(|(name, _)| name)) {
        Some(name) => format!("did you mean '{name}'?"),
        None => "a name such as TERM, SIGUSR1 or RTMIN+3, or a number from 1 to 64".into(),
    }
}

impl FromStr for Signal {
    type Err = UnknownSignal;

    /// `TERM`, `SIGTERM`, `term`, `15`, `RTMIN+3`, `SIGRTMAX-1`.
    fn from_str(text: &str) -> Result<Signal, UnknownSignal> {
        let unknown = || UnknownSignal { text: text.to_owned() };
        if let Ok(number) = text.parse::<i32>() {
            return Signal::from_number(number).ok_or_else(unknown);
        }
        let upper = text.to_ascii_uppercase();
        let name = upper.strip_prefix("SIG").unwrap_or(&upper);
        if let Some((_, number)) = NAMES.iter().chain(&SYNONYMS).find(|(n, _)| *n == name) {
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

/// What becomes of a signal that comes to wingmate: `FROM:TO`, dumb-init's `-r`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rewrite {
    pub from: Signal,
    /// `None`: it is dropped.
    pub to: Option<Signal>,
}

/// What can't be caught, is a child's end, or is raised by a fault of wingmate's own: nobody sees these come.
const UNSEEN: [u8; 9] = [4, 5, 7, 8, 9, 11, 17, 19, 31];

/// What was written isn't a rewrite.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum BadRewrite {
    #[error("'{0}' is not of the form FROM:TO (TERM:QUIT or 15:3; 15:0 drops it)")]
    Form(String),
    #[error(transparent)]
    Unknown(#[from] UnknownSignal),
    #[error("{0} is never passed on, and so can't be rewritten")]
    Unseen(Signal),
}

impl FromStr for Rewrite {
    type Err = BadRewrite;

    fn from_str(text: &str) -> Result<Rewrite, BadRewrite> {
        let (from, to) = text.split_once(':').ok_or_else(|| BadRewrite::Form(text.to_owned()))?;
        let from: Signal = from.parse()?;
        if UNSEEN.contains(&from.0) {
            return Err(BadRewrite::Unseen(from));
        }
        let to = if to == "0" { None } else { Some(to.parse()?) };
        Ok(Rewrite { from, to })
    }
}

/// What a signal becomes by these; the last word on it counts. `None`: it is dropped.
pub fn rewritten(signal: Signal, rewrites: &[Rewrite]) -> Option<Signal> {
    rewrites.iter().rfind(|rewrite| rewrite.from == signal).map_or(Some(signal), |rewrite| rewrite.to)
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
    fn a_rewrite_is_read_and_its_last_word_counts() {
        let rewrites = ["TERM:QUIT", "15:0", "SIGWINCH:15", "usr1:RTMIN+3", "HUP:9"].map(|text| text.parse().unwrap());
        let becomes = |signal| rewritten(signal, &rewrites);
        assert_eq!(becomes(Signal::TERM), None);
        assert_eq!(becomes(Signal::WINCH), Some(Signal::TERM), "no further than one step");
        assert_eq!(becomes(Signal::USR1), Some(Signal::RTMIN_3));
        assert_eq!(becomes(Signal::HUP), Some(Signal::KILL));
        assert_eq!(becomes(Signal::INT), Some(Signal::INT));
    }

    #[test]
    fn a_rewrite_of_nothing_is_refused() {
        for text in ["", "TERM", "15-3", ":", ":15", "15:", "0:15", "NOPE:15", "15:NOPE", "15:65", "15:-1", "15:00x"] {
            assert!(text.parse::<Rewrite>().is_err(), "{text}");
        }
        for text in ["KILL:TERM", "STOP:0", "CHLD:TERM", "SEGV:TERM"] {
            assert!(matches!(text.parse::<Rewrite>(), Err(BadRewrite::Unseen(_))), "{text}");
        }
    }

    #[test]
    fn the_likely_name_is_suggested() {
        let said = |text: &str| text.parse::<Signal>().unwrap_err().to_string();
        assert_eq!(said("TREM"), "unknown signal 'TREM' (did you mean 'TERM'?)");
        assert_eq!(said("sigwnich"), "unknown signal 'sigwnich' (did you mean 'WINCH'?)");
        let list = "a name such as TERM, SIGUSR1 or RTMIN+3, or a number from 1 to 64";
        assert_eq!(said("reload"), format!("unknown signal 'reload' ({list})"));
        assert_eq!(said("65"), format!("unknown signal '65' ({list})"));
    }

    #[test]
    fn strangers_are_refused() {
        for text in ["", "SIG", "0", "65", "-1", "TERMX", "RTMIN-1", "RTMIN+31", "RTMIN++1", "RTMAX+1"] {
            assert!(text.parse::<Signal>().is_err(), "{text}");
        }
    }
}
