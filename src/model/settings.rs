//! What holds for wingmate as a whole.

use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

/// Settings after the command line, the environment and `wingmate.yaml` were laid over each other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    pub log: LogSettings,
    pub shutdown_timeout: Duration,
    /// From the signal that asks to stop until anything is stopped; counts into the timeout.
    pub shutdown_delay: Duration,
    /// The zone of jobs that name none: an IANA name or a POSIX string; `None`: `TZ`, `/etc/localtime`, UTC.
    pub timezone: Option<String>,
    /// Where jobs with `missed: once` keep when they were last due.
    pub state: Option<PathBuf>,
}

/// How lines leave wingmate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LogSettings {
    pub format: LogFormat,
    pub level: Level,
    /// RFC 3339 local time on each line of `text`.
    pub timestamps: bool,
}

/// spec/supervision.md: inside the 10 s that engines give.
pub const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(8);

impl Default for Settings {
    fn default() -> Settings {
        Settings {
            log: LogSettings::default(),
            shutdown_timeout: SHUTDOWN_TIMEOUT,
            shutdown_delay: Duration::ZERO,
            timezone: None,
            state: None,
        }
    }
}

/// spec/logging.md: what a line looks like.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LogFormat {
    #[default]
    Text,
    Json,
    Raw,
}

/// How loud one of wingmate's own messages is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    Error,
    Warn,
    #[default]
    Info,
    Debug,
}

impl Level {
    /// As it is written and read.
    pub fn name(self) -> &'static str {
        match self {
            Level::Error => "error",
            Level::Warn => "warn",
            Level::Info => "info",
            Level::Debug => "debug",
        }
    }
}

/// What was written is none of the allowed words.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
#[error("'{found}' is not one of {allowed}")]
pub struct UnknownWord {
    pub found: String,
    pub allowed: &'static str,
}

impl FromStr for LogFormat {
    type Err = UnknownWord;

    fn from_str(text: &str) -> Result<LogFormat, UnknownWord> {
        match text {
            "text" => Ok(LogFormat::Text),
            "json" => Ok(LogFormat::Json),
            "raw" => Ok(LogFormat::Raw),
            _ => Err(UnknownWord { found: text.to_owned(), allowed: "text, json, raw" }),
        }
    }
}

impl FromStr for Level {
    type Err = UnknownWord;

    fn from_str(text: &str) -> Result<Level, UnknownWord> {
        match text {
            "error" => Ok(Level::Error),
            "warn" => Ok(Level::Warn),
            "info" => Ok(Level::Info),
            "debug" => Ok(Level::Debug),
            _ => Err(UnknownWord { found: text.to_owned(), allowed: "error, warn, info, debug" }),
        }
    }
}
