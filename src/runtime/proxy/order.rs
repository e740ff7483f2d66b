//! What is asked of `wmpidproxy`, and why it has no daemon's status to end with.

use crate::launch::environment::Lent;
use crate::launch::plan::PlanError;
use crate::model::exit::Exit;
use crate::model::moment::Spoken;
use crate::model::signal::Signal;
use crate::runtime::pidfile::PidFileError;
use crate::supervise::adoption::Refusal;
use crate::sys::fault::Fault;
use crate::sys::files::reason;
use rustix::io::Errno;
use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

/// What is asked for.
#[derive(Clone, Debug)]
pub struct Order {
    pub pid_file: PathBuf,
    /// How long the daemon may take to be named.
    pub start_timeout: Duration,
    /// What TERM becomes.
    pub stop_signal: Signal,
    /// From TERM to SIGKILL; `None`: the daemon may take as long as it likes.
    pub stop_timeout: Option<Duration>,
    /// What HUP becomes.
    pub reload_signal: Signal,
    /// Program and arguments.
    pub command: Vec<OsString>,
    pub environment: Vec<Lent<'static>>,
}

impl Order {
    /// What a signal is passed on as.
    pub(super) fn becomes(&self, signal: Signal) -> Signal {
        match signal {
            Signal::TERM => self.stop_signal,
            Signal::HUP => self.reload_signal,
            other => other,
        }
    }
}

/// Why there is no daemon's status to end with.
#[derive(Debug, thiserror::Error)]
pub enum ProxyError {
    #[error(transparent)]
    PidFile(#[from] PidFileError),
    #[error(transparent)]
    Plan(#[from] PlanError),
    #[error("{0}")]
    Launch(Fault),
    #[error("cannot {what}: {}", reason(&(*errno).into()))]
    System { what: &'static str, errno: Errno },
    #[error("cannot start the daemon: '{program}' {exit}")]
    StarterFailed { program: String, exit: Exit },
    #[error("'{program}' named no daemon within {}; pid file '{}': {refusal}", Spoken(*within), path.display())]
    TimedOut { program: String, within: Duration, path: PathBuf, refusal: Refusal },
    #[error("'{program}' left no daemon behind; pid file '{}': {refusal}", path.display())]
    NothingLeft { program: String, path: PathBuf, refusal: Refusal },
    #[error("'{program}' cannot be stopped")]
    Unstoppable { program: String },
}

impl ProxyError {
    /// The exit status that it means.
    pub(super) fn status(&self) -> u8 {
        match self {
            ProxyError::Launch(fault) => fault.status().unwrap_or(1),
            ProxyError::StarterFailed { exit, .. } => exit.status(),
            ProxyError::PidFile(_)
            | ProxyError::Plan(_)
            | ProxyError::System { .. }
            | ProxyError::TimedOut { .. }
            | ProxyError::NothingLeft { .. }
            | ProxyError::Unstoppable { .. } => 1,
        }
    }
}
