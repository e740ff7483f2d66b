//! A cron job as the configuration asks for it.

use super::command::ProcessSpec;
use super::service::StopSpec;

/// A job: a process that is run when its schedule says so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JobSpec {
    pub name: String,
    pub process: ProcessSpec,
    /// As written, checked by `schedule::Schedule::parse`: five fields or a macro.
    pub schedule: String,
    /// The zone, as written; `None`: the one of the settings.
    pub timezone: Option<String>,
    pub stop: StopSpec,
}
