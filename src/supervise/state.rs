//! The states of a service's machine (`service`), each with what it carries.

use super::daemon::Adopting;
use super::halt::Halt;
use super::judging::Over;
use super::proxy::Proxy;
use super::task::Task;
use super::watch::{Awaiting, Watch};
use crate::model::exit::Exit;
use crate::model::moment::Mono;
use crate::model::unit::Pid;
use std::time::Duration;

/// What was asked for last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wanted {
    Up,
    Down,
}

#[derive(Debug)]
pub(super) enum State {
    Stopped,
    /// For its dependencies; `told`: what was said of them last.
    Waiting {
        told: Option<Box<str>>,
    },
    /// `pre_start` is under way.
    Preparing(Box<Task>),
    Starting,
    /// The starter of a forking daemon was started; see `daemon`.
    Adopting(Box<Adopting>),
    /// `group`: the one that `pid` leads. `proxy`: of a forking daemon.
    Running {
        pid: Pid,
        group: Option<Pid>,
        up: Up,
        proxy: Option<Box<Proxy>>,
    },
    Stopping(Box<Halt>),
    /// Nothing of the life is left but `post_stop`; then the verdict on it.
    Clearing(Box<(Task, Over)>),
    Backoff {
        until: Mono,
    },
    Done,
    Failed,
}

/// Whether a program that runs is up.
#[derive(Debug)]
pub(super) enum Up {
    Awaited(Box<Awaiting>),
    /// `took`: from its start to readiness.
    Since {
        since: Mono,
        took: Duration,
        watch: Option<Box<Watch>>,
    },
}

impl Up {
    /// How long it has been up, if it is.
    pub(super) fn ran(&self, now: Mono) -> Option<Duration> {
        match self {
            Up::Awaited(_) => None,
            Up::Since { since, .. } => Some(now.since(*since)),
        }
    }
}

/// The end of a process.
#[derive(Clone, Copy, Debug)]
pub struct Death {
    pub pid: Pid,
    /// Unknown if somebody else reaped it.
    pub exit: Option<Exit>,
    /// The group that it led still has members.
    pub group_lives: bool,
    /// A process that it may have left behind lives; told of forking daemons only.
    pub lingering: bool,
}
