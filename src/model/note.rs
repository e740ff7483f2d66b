//! One of wingmate's own messages: what the loops have to say, before a log format gives it its look.

use super::settings::Level;
use super::unit::Pid;

/// A message of wingmate's own. It goes to stderr as unit `wingmate`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    pub level: Level,
    /// The unit it is about, if it is about one.
    pub unit: Option<String>,
    /// What happened, lower case, without the unit's name and without a newline.
    pub text: String,
    /// Fields of `json`: the process, the exit status and the unit's state it speaks of.
    pub pid: Option<Pid>,
    pub status: Option<u8>,
    pub state: Option<&'static str>,
}

impl Note {
    /// A message without fields about no unit.
    pub fn new(level: Level, text: impl Into<String>) -> Note {
        Note { level, unit: None, text: text.into(), pid: None, status: None, state: None }
    }

    /// The same about this unit.
    pub fn about(self, unit: impl Into<String>) -> Note {
        Note { unit: Some(unit.into()), ..self }
    }
}
