//! What others may know of a unit: where it stands, and how it ended. The status table, the verdict and the main
//! command's machine speak in these words.

use super::event::Fault;
use crate::model::exit::Exit;
use crate::model::moment::Mono;
use crate::model::unit::Pid;
use std::fmt;

/// How a life ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum End {
    Exited(Exit),
    NeverStarted(Fault),
    /// It came up in no way that counts, or ended in one that nobody can tell.
    Lost(String),
}

impl End {
    /// The exit status that stands for it (spec/cli.md).
    pub fn status(&self) -> u8 {
        match self {
            End::Exited(exit) => exit.status(),
            End::NeverStarted(fault) => fault.kind.status(),
            End::Lost(_) => 1,
        }
    }
}

impl fmt::Display for End {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            End::Exited(exit) => exit.fmt(f),
            End::NeverStarted(fault) => f.write_str(&fault.text),
            End::Lost(text) => f.write_str(text),
        }
    }
}

/// Where a service stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    Stopped,
    /// For its dependencies.
    Waiting,
    /// Its program, once it runs, isn't ready yet.
    Starting {
        pid: Option<Pid>,
    },
    Running {
        pid: Pid,
        since: Mono,
    },
    Stopping {
        pid: Option<Pid>,
    },
    Backoff {
        until: Mono,
    },
    Done,
    Failed,
}

impl Standing {
    /// The state's name, as the log and the status table have it.
    pub fn name(self) -> &'static str {
        match self {
            Standing::Stopped => "stopped",
            Standing::Waiting => "waiting",
            Standing::Starting { .. } => "starting",
            Standing::Running { .. } => "running",
            Standing::Stopping { .. } => "stopping",
            Standing::Backoff { .. } => "backoff",
            Standing::Done => "done",
            Standing::Failed => "failed",
        }
    }
}
