//! A service as the configuration asks for it.

use super::address::{Address, Url};
use super::command::{Identity, ProcessSpec};
use super::signal::Signal;
use std::ffi::OsString;
use std::fmt;
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
    /// When it ends for good, everything stops and its status is wingmate's.
    pub critical: bool,
    pub stop: StopSpec,
    /// Set for a command that forks into the background and writes its pid there.
    pub pidfile: Option<Box<PidFile>>,
    /// What has to be so before it starts; the reverse order holds at a stop. By unit name: copies of a service
    /// (`instances`) are units of their own.
    pub depends_on: Vec<Dependency>,
    /// What few services ask for; boxed, so that a thousand plain ones stay small.
    pub extras: Option<Box<ServiceExtras>>,
}

/// What a service may ask for beyond the usual.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ServiceExtras {
    /// When it counts as up; without it: as soon as its program runs.
    pub ready: Option<Ready>,
    pub health: Option<Health>,
    /// sd_notify's `WATCHDOG=1` must arrive within it.
    pub watchdog: Option<Duration>,
    /// Exits that are not failures; `None`: 0 alone.
    pub success_codes: Option<Vec<u8>>,
    /// Exits after which it isn't restarted, whatever `restart` says.
    pub no_restart_codes: Vec<u8>,
    /// Run before the stop signal is sent.
    pub stop_command: Option<Vec<OsString>>,
    pub pre_start: Option<Hook>,
    pub post_stop: Option<Hook>,
    /// The name that stands for all copies of a service with `instances`.
    pub base: Option<String>,
}

/// Something that a unit waits for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dependency {
    pub name: String,
    pub condition: Condition,
}

/// What has to be so of a dependency.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Condition {
    /// Its program runs.
    Started,
    /// It is running.
    Ready,
    /// It is done.
    Completed,
}

impl Condition {
    /// As it is written and read.
    pub fn name(self) -> &'static str {
        match self {
            Condition::Started => "started",
            Condition::Ready => "ready",
            Condition::Completed => "completed",
        }
    }
}

/// How a service's readiness is found out, and how long it may take.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ready {
    pub kind: ReadyKind,
    /// Between the end of one probe and the next.
    pub interval: Duration,
    /// From the start of the program to readiness.
    pub timeout: Duration,
}

/// The sign of readiness.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReadyKind {
    Probe(Probe),
    /// This text in a line of the unit's output.
    Log(String),
    /// sd_notify(3)'s `READY=1`.
    Notify,
    /// A newline on this descriptor.
    Fd(i32),
}

/// Something that is tried from outside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Probe {
    /// A connection is accepted.
    Tcp(Address),
    /// The same on a Unix socket.
    Unix(PathBuf),
    /// Any answer 2xx or 3xx.
    Http(Url),
    /// It exits with 0.
    Exec(Vec<OsString>),
    /// It exists.
    File(PathBuf),
}

impl fmt::Display for Probe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Probe::Tcp(address) => write!(f, "tcp {address}"),
            Probe::Unix(path) => write!(f, "unix {}", path.display()),
            Probe::Http(url) => url.fmt(f),
            Probe::Exec(command) => {
                write!(f, "exec {}", command.first().map_or("".into(), |program| program.to_string_lossy()))
            }
            Probe::File(path) => write!(f, "file {}", path.display()),
        }
    }
}

/// How a running service is watched from outside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Health {
    pub probe: Probe,
    pub interval: Duration,
    /// Of one probe.
    pub timeout: Duration,
    /// So many failures in a row stop the service.
    pub retries: u32,
    /// Failures this soon after `running` don't count.
    pub start_period: Duration,
}

/// A command beside the service's own: `pre_start`, `post_stop`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hook {
    pub command: Vec<OsString>,
    /// Instead of the service's own.
    pub identity: Option<Identity>,
    pub timeout: Duration,
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

/// spec/config.md's default of `ready.interval`.
pub const READY_INTERVAL: Duration = Duration::from_millis(200);
/// spec/config.md's default of `ready.timeout`.
pub const READY_TIMEOUT: Duration = Duration::from_secs(60);
/// spec/config.md's default of a hook's `timeout`.
pub const HOOK_TIMEOUT: Duration = Duration::from_secs(30);

static PLAIN: ServiceExtras = ServiceExtras {
    ready: None,
    health: None,
    watchdog: None,
    success_codes: None,
    no_restart_codes: Vec::new(),
    stop_command: None,
    pre_start: None,
    post_stop: None,
    base: None,
};

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
            critical: false,
            stop: StopSpec::default(),
            pidfile: None,
            depends_on: Vec::new(),
            extras: None,
        }
    }

    /// What is asked for beyond the usual.
    pub fn extras(&self) -> &ServiceExtras {
        self.extras.as_deref().unwrap_or(&PLAIN)
    }

    /// The same, to be added to.
    pub fn extras_mut(&mut self) -> &mut ServiceExtras {
        self.extras.get_or_insert_default()
    }

    /// Exits that are not failures.
    pub fn success_codes(&self) -> &[u8] {
        self.extras().success_codes.as_deref().unwrap_or(&[0])
    }

    /// Whether it talks sd_notify(3).
    pub fn notifies(&self) -> bool {
        let extras = self.extras();
        extras.watchdog.is_some() || extras.ready.as_ref().is_some_and(|ready| ready.kind == ReadyKind::Notify)
    }
}
