//! One run of a cron job, from the order to launch it until its process, and where it was stopped its group, is gone.
//!
//! ```text
//! Starting ──launched──▶ Running ──exited──▶ gone
//!     │ launch failed       │ timeout, replaced, shutdown
//!     ▼                     ▼
//!    gone                Stopping ──process and group gone──▶ gone
//! ```
//!
//! - It keeps the manner in which it was started: a reload meanwhile is about later runs.
//! - What a run leaves in its process group lives on: crontab(5) jobs may start things in the background. It is ended
//!   with the run when the run is stopped.

use super::action::Action;
use super::ending::{Ending, Living};
use crate::model::exit::Exit;
use crate::model::job::Manner;
use crate::model::moment::{Mono, Wall};
use crate::model::unit::{Life, Pid, UnitId};
use std::rc::Rc;
use std::time::Duration;

/// What a run is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Errand {
    /// The moment that its schedule named, or that of wingmate's start.
    pub moment: Wall,
    pub origin: Origin,
    /// How many tries have failed.
    pub tries: u32,
}

impl Errand {
    /// Whether it is for this reason, and was never tried.
    pub fn is_first_of(&self, origin: Origin) -> bool {
        self.origin == origin && self.tries == 0
    }
}

/// Why a run is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// By its schedule.
    Clock,
    /// Wingmate has started.
    Start,
    /// It fell into a time when wingmate wasn't running.
    MadeUp,
}

/// Why a run is stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// Everything is.
    Shutdown,
    /// It took longer than this.
    TimedOut(Duration),
    /// The next one is due.
    Replaced,
}

/// A run under way.
#[derive(Debug)]
pub struct Run {
    pub life: Life,
    pub errand: Errand,
    pub manner: Rc<Manner>,
    state: State,
}

#[derive(Debug)]
enum State {
    Starting,
    Running {
        pid: Pid,
        since: Mono,
        /// When its timeout is over.
        until: Option<Mono>,
    },
    Stopping {
        ending: Ending,
        since: Mono,
        why: Why,
    },
    Gone,
}

/// How a run's process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outcome {
    pub exit: Option<Exit>,
    pub ran: Duration,
    /// It was told to stop.
    pub why: Option<Why>,
}

impl Run {
    /// One that is ordered.
    pub fn new(life: Life, errand: Errand, manner: Rc<Manner>) -> Run {
        Run { life, errand, manner, state: State::Starting }
    }

    /// Its program runs; `false`: that was known.
    pub fn launched(&mut self, pid: Pid, now: Mono) -> bool {
        let starting = matches!(self.state, State::Starting);
        if starting {
            let until = self.manner.timeout.map(|timeout| now + timeout);
            self.state = State::Running { pid, since: now, until };
        }
        starting
    }

    /// Whether its launch hasn't been answered yet.
    pub fn is_starting(&self) -> bool {
        matches!(self.state, State::Starting)
    }

    /// Whether its process runs and hasn't been told to stop.
    pub fn is_running(&self) -> bool {
        matches!(self.state, State::Running { .. })
    }

    /// Its process was reaped.
    pub fn exited(
        &mut self,
        dead: Pid,
        exit: Option<Exit>,
        group_lives: bool,
        now: Mono,
        actions: &mut Vec<Action>,
    ) -> Option<Outcome> {
        match &mut self.state {
            State::Running { pid, since, .. } if *pid == dead => {
                let ran = now.since(*since);
                self.state = State::Gone;
                Some(Outcome { exit, ran, why: None })
            }
            State::Stopping { ending, since, why } if ending.pid() == Some(dead) => {
                let outcome = Outcome { exit, ran: now.since(*since), why: Some(*why) };
                ending.exited(dead, exit, group_lives, now, actions);
                Some(outcome)
            }
            State::Running { .. } | State::Stopping { .. } | State::Starting | State::Gone => None,
        }
    }

    /// Its group was seen empty.
    pub fn group_gone(&mut self) {
        if let State::Stopping { ending, .. } = &mut self.state {
            ending.group_gone();
        }
    }

    /// Whether nothing of it is left that is awaited.
    pub fn is_gone(&self) -> bool {
        match &self.state {
            State::Gone => true,
            State::Stopping { ending, .. } => ending.gone(),
            State::Starting | State::Running { .. } => false,
        }
    }

    /// It is to stop within `limit`. `stop.signal: none` lets it end by itself until then.
    pub fn stop(&mut self, unit: UnitId, why: Why, limit: Duration, now: Mono, actions: &mut Vec<Action>) {
        let stop = self.manner.stop;
        let limit = limit.min(stop.timeout);
        match &mut self.state {
            State::Running { pid, since, .. } => {
                let living = Living { unit, life: self.life, pid: *pid, group: Some(*pid) };
                let ending = Ending::ordered(living, stop, stop.signal, limit, now, actions);
                self.state = State::Stopping { ending, since: *since, why };
            }
            State::Stopping { ending, why: before, .. } => {
                ending.hasten(now + limit);
                if why == Why::Shutdown {
                    *before = why;
                }
            }
            State::Starting | State::Gone => {}
        }
    }

    /// SIGKILL to whatever is left of it, now.
    pub fn kill(&mut self, now: Mono, actions: &mut Vec<Action>) {
        if let State::Stopping { ending, .. } = &mut self.state {
            ending.hasten(now);
            ending.expire(now, actions);
        }
    }

    /// Whether SIGKILL was needed to end it.
    pub fn was_killed(&self) -> bool {
        matches!(&self.state, State::Stopping { ending, .. } if ending.killed())
    }

    /// The same, of one that the shutdown stops.
    pub fn overran(&self) -> bool {
        self.was_killed() && matches!(&self.state, State::Stopping { why: Why::Shutdown, .. })
    }

    /// When it has something to do.
    pub fn deadline(&self) -> Option<Mono> {
        match &self.state {
            State::Running { until, .. } => *until,
            State::Stopping { ending, .. } => ending.deadline(),
            State::Starting | State::Gone => None,
        }
    }

    /// Does what is due, but for its timeout: that is `timed_out`'s.
    pub fn expire(&mut self, now: Mono, actions: &mut Vec<Action>) {
        if let State::Stopping { ending, .. } = &mut self.state {
            ending.expire(now, actions);
        }
    }

    /// The process whose time is over, and how long it had.
    pub fn timed_out(&self, now: Mono) -> Option<(Pid, Duration)> {
        match &self.state {
            State::Running { pid, until: Some(until), .. } if *until <= now => {
                self.manner.timeout.map(|time| (*pid, time))
            }
            State::Running { .. } | State::Starting | State::Stopping { .. } | State::Gone => None,
        }
    }

    /// Its process, while that lives, and since when.
    pub fn process(&self) -> Option<(Pid, Mono)> {
        match &self.state {
            State::Running { pid, since, .. } => Some((*pid, *since)),
            State::Stopping { ending, since, .. } => ending.pid().map(|pid| (pid, *since)),
            State::Starting | State::Gone => None,
        }
    }

    /// The group that is awaited, when it may have been emptied by an orphan's end.
    pub fn awaited_group(&self) -> Option<Pid> {
        match &self.state {
            State::Stopping { ending, .. } => ending.awaited_group(),
            State::Starting | State::Running { .. } | State::Gone => None,
        }
    }
}
