//! A service as the configuration asks for it.

use super::command::ProcessSpec;
use super::signal::Signal;
use std::path::PathBuf;
use std::time::Duration;

/// A service: a process that is to be kept running (or, as a oneshot, to be run once).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServiceSpec {
    pub name: String,
    pub process: ProcessSpec,
    pub oneshot: bool,
    pub autostart: bool,
    pub restart: Restart,
    /// A run that lived this long, counted from running, is a good one.
    pub startsecs: Duration,
    pub backoff: Backoff,
    pub max_restarts: Option<MaxRestarts>,
    /// Exits that are not failures.
    pub success_codes: Vec<u8>,
    /// When it ends for good, everything stops and its status is wingmate's.
    pub critical: bool,
    pub stop: StopSpec,
    /// Set for a command that forks into the background and writes its pid there.
    pub pidfile: Option<PidFile>,
}

/// Where a daemon writes its pid, and how long that may take.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PidFile {
    pub path: PathBuf,
    pub timeout: Duration,
}

/// When a service that ended is started again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Restart {
    Always,
    OnFailure,
    Never,
}

impl Restart {
    /// As it is written and read.
    pub fn name(self) -> &'static str {
        match self {
            Restart::Always => "always",
            Restart::OnFailure => "on-failure",
            Restart::Never => "never",
        }
    }
}

/// Delay before a restart after a short run, doubling from `initial` to `max`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Backoff {
    pub initial: Duration,
    pub max: Duration,
}

/// When a service has been restarted often enough to be called failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MaxRestarts {
    /// More short runs in a row than this.
    InARow(u32),
    /// More restarts of any kind than `count` in the last `within`.
    Within { count: u32, within: Duration },
}

/// How a unit is stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StopSpec {
    /// `None` (jobs only): no signal is sent, SIGKILL when the time is over.
    pub signal: Option<Signal>,
    /// From the stop signal to SIGKILL.
    pub timeout: Duration,
    pub group: StopGroup,
}

/// What the stop signal and SIGKILL are sent to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StopGroup {
    /// Both to the process group.
    Group,
    /// The signal to the main process, SIGKILL to the group.
    KillGroup,
    /// Both to the main process only; leftovers are left alone.
    Main,
}

/// spec/config.md's default of `startsecs`.
pub const STARTSECS: Duration = Duration::from_secs(10);
/// spec/config.md's default of `stop.timeout`.
pub const STOP_TIMEOUT: Duration = Duration::from_secs(5);
/// spec/config.md's default of `ready.timeout` with a `pidfile`.
pub const PIDFILE_TIMEOUT: Duration = Duration::from_secs(30);

impl Default for Backoff {
    fn default() -> Backoff {
        Backoff { initial: Duration::from_millis(100), max: Duration::from_secs(30) }
    }
}

impl Default for StopSpec {
    fn default() -> StopSpec {
        StopSpec { signal: Some(Signal::TERM), timeout: STOP_TIMEOUT, group: StopGroup::Group }
    }
}

impl ServiceSpec {
    /// A service with every default of spec/config.md.
    pub fn new(name: impl Into<String>, process: ProcessSpec) -> ServiceSpec {
        ServiceSpec {
            name: name.into(),
            process,
            oneshot: false,
            autostart: true,
            restart: Restart::Always,
            startsecs: STARTSECS,
            backoff: Backoff::default(),
            max_restarts: None,
            success_codes: vec![0],
            critical: false,
            stop: StopSpec::default(),
            pidfile: None,
        }
    }
}
