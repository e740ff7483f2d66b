//! Units (services, jobs, the main command) by number and name, and the processes that live for them.

use std::fmt;
use std::num::NonZeroI32;

/// A process id, never 0 or negative: those mean groups to kill(2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Pid(NonZeroI32);

impl Pid {
    /// The init of a pid namespace.
    pub const INIT: Pid = match NonZeroI32::new(1) {
        Some(one) => Pid(one),
        None => unreachable!(), // evaluated by the compiler
    };

    /// The pid of this number, if it can be one.
    pub fn from_raw(raw: i32) -> Option<Pid> {
        NonZeroI32::new(raw).filter(|n| n.get() > 0).map(Pid)
    }

    /// Its number.
    pub fn raw(self) -> i32 {
        self.0.get()
    }
}

impl fmt::Display for Pid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// A unit's number: its place in the supervisor's table. Never used again for another unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UnitId(pub u32);

/// Which of a unit's starts a thing belongs to, so that a late exit of one can't touch the next.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Life(pub u32);

impl Life {
    /// The life after this one.
    pub fn next(self) -> Life {
        Life(self.0.wrapping_add(1))
    }
}

/// The two names that no unit of the configuration can take.
pub const MAIN: &str = "main";
/// Wingmate's own name in the log.
pub const WINGMATE: &str = "wingmate";

/// Whether `name` may name a unit: `[A-Za-z0-9][A-Za-z0-9._@-]*`, and not one of the taken ones.
pub fn check_name(name: &str) -> Result<(), NameError> {
    let allowed = |b: u8| b.is_ascii_alphanumeric() || b"._@-".contains(&b);
    if name == MAIN || name == WINGMATE {
        Err(NameError::Taken(name.to_owned()))
    } else if name.bytes().all(allowed) && name.as_bytes().first().is_some_and(u8::is_ascii_alphanumeric) {
        Ok(())
    } else {
        Err(NameError::Malformed(name.to_owned()))
    }
}

/// Why a name can't be a unit's.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
pub enum NameError {
    /// `main` or `wingmate`.
    #[error("the name '{0}' is wingmate's own; choose another")]
    Taken(String),
    /// Another character, or none.
    #[error("the name '{0}' is not allowed (letters, digits, '.', '_', '@' and '-', beginning with a letter or digit)")]
    Malformed(String),
}
