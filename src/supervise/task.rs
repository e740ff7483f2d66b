//! A command beside a service's own: `pre_start`, `stop.command`, `post_stop`. One machine for the three of them.
//!
//! ```text
//! Ordered ──launched──▶ Running ──time over, told to end──▶ Ending ──▶ over
//!    │ launch failed       │ exited
//!    └─────────────────────┴──────────────────────────────────────▶ over
//! ```
//!
//! - It has a life of its own, so that no event of it can be taken for one of the service's program.
//! - What it leaves in its process group when it ends by itself is its own affair (it may have started something on
//!   purpose); when it is ended, its group goes with it.

use super::action::{Action, Part};
use super::ending::{Ending, Living};
use super::event::Fault;
use super::state::Death;
use crate::model::exit::Exit;
use crate::model::moment::{Mono, Spoken};
use crate::model::service::StopSpec;
use crate::model::unit::{Life, Pid, UnitId};
use std::time::Duration;

/// One run of such a command.
#[derive(Debug)]
pub struct Task {
    unit: UnitId,
    pub life: Life,
    pub part: Part,
    began: Mono,
    /// When it is ended.
    until: Mono,
    /// When nothing of it may be left.
    by: Option<Mono>,
    stop: StopSpec,
    state: State,
}

#[derive(Debug)]
enum State {
    Ordered,
    Running { pid: Pid },
    Ending(Ending),
}

/// How it went; in words, if it went wrong.
pub type Outcome = Result<(), String>;

impl Part {
    /// Its key in the configuration.
    pub fn name(self) -> &'static str {
        match self {
            Part::Program => "command",
            Part::PreStart => "pre_start",
            Part::StopCommand { .. } => "stop.command",
            Part::PostStop => "post_stop",
        }
    }
}

impl Task {
    /// Orders it to be launched; it is to be over within `time`, and all of it gone by `by`. `stop`: how its service is
    /// stopped, and so it.
    pub fn order(
        (unit, life): (UnitId, Life),
        part: Part,
        stop: StopSpec,
        (time, by): (Duration, Option<Mono>),
        now: Mono,
        actions: &mut Vec<Action>,
    ) -> Task {
        actions.push(Action::Launch { unit, life, part, due: None });
        let until = by.map_or(now + time, |by| by.min(now + time));
        Task { unit, life, part, began: now, until, by, stop, state: State::Ordered }
    }

    /// Its process, while it lives.
    pub fn pid(&self) -> Option<Pid> {
        match &self.state {
            State::Ordered => None,
            State::Running { pid } => Some(*pid),
            State::Ending(ending) => ending.pid(),
        }
    }

    /// Whether its launch has been ordered and not answered yet.
    pub fn is_ordered(&self) -> bool {
        matches!(self.state, State::Ordered)
    }

    /// It runs.
    pub fn launched(&mut self, pid: Pid) {
        if let State::Ordered = self.state {
            self.state = State::Running { pid };
        }
    }

    /// It couldn't be started.
    pub fn launch_failed(&self, fault: &Fault) -> Outcome {
        Err(format!("{}: {}", self.part.name(), fault.text))
    }

    /// Its process was reaped: how it went, if it is over.
    pub fn exited(&mut self, death: Death, now: Mono, actions: &mut Vec<Action>) -> Option<Outcome> {
        match &mut self.state {
            State::Running { pid } if *pid == death.pid => Some(match death.exit {
                Some(Exit::Code(0)) => Ok(()),
                Some(exit) => Err(format!("{} {exit}", self.part.name())),
                None => Err(format!("{} ended, nobody can tell how", self.part.name())),
            }),
            State::Ending(ending) => {
                ending.exited(death.pid, death.exit, death.group_lives, now, actions);
                self.ended()
            }
            State::Running { .. } | State::Ordered => None,
        }
    }

    /// Its group was seen empty: how it went, if it is over.
    pub fn group_gone(&mut self) -> Option<Outcome> {
        if let State::Ending(ending) = &mut self.state {
            ending.group_gone();
        }
        self.ended()
    }

    fn ended(&self) -> Option<Outcome> {
        match &self.state {
            State::Ending(ending) if ending.gone() => {
                let took = Spoken(self.until.since(self.began));
                Some(Err(format!("{} was not over within {took}", self.part.name())))
            }
            State::Ending(_) | State::Running { .. } | State::Ordered => None,
        }
    }

    /// It is to end now, by the stop sequence, within `limit`.
    pub fn end(&mut self, limit: Duration, now: Mono, actions: &mut Vec<Action>) {
        match &mut self.state {
            // The answer to its launch comes within the same turn.
            State::Ordered => self.until = now,
            State::Running { pid } => {
                self.until = self.until.min(now);
                let living = Living { unit: self.unit, life: self.life, pid: *pid, group: Some(*pid) };
                let limit = limit.min(self.stop.timeout);
                let limit = self.by.map_or(limit, |by| limit.min(by.since(now)));
                let mut ending = Ending::ordered(living, self.stop, self.stop.signal, limit, now, actions);
                ending.expire(now, actions);
                self.state = State::Ending(ending);
            }
            State::Ending(ending) => ending.hasten(now + limit),
        }
    }

    /// It must be over by `at`, if that is sooner.
    pub fn hasten(&mut self, at: Mono) {
        self.until = self.until.min(at);
        self.by = Some(self.by.map_or(at, |by| by.min(at)));
        if let State::Ending(ending) = &mut self.state {
            ending.hasten(at);
        }
    }

    /// SIGKILL to whatever is left of it, now.
    pub fn kill(&mut self, now: Mono, actions: &mut Vec<Action>) {
        self.end(Duration::ZERO, now, actions);
        if let State::Ending(ending) = &mut self.state {
            ending.hasten(now);
            ending.expire(now, actions);
        }
    }

    /// Whether SIGKILL was needed to end it.
    pub fn killed(&self) -> bool {
        matches!(&self.state, State::Ending(ending) if ending.killed())
    }

    /// When it has something to do.
    pub fn deadline(&self) -> Option<Mono> {
        match &self.state {
            State::Ordered => None,
            State::Running { .. } => Some(self.until),
            State::Ending(ending) => ending.deadline(),
        }
    }

    /// Does what is due.
    pub fn expire(&mut self, now: Mono, actions: &mut Vec<Action>) {
        match &mut self.state {
            State::Running { .. } if self.until <= now => self.end(self.stop.timeout, now, actions),
            State::Running { .. } | State::Ordered => {}
            State::Ending(ending) => ending.expire(now, actions),
        }
    }

    /// The group that is awaited, when it may have been emptied by an orphan's end.
    pub fn awaited_group(&self) -> Option<(Life, Pid)> {
        match &self.state {
            State::Ending(ending) => ending.awaited_group().map(|group| (self.life, group)),
            State::Running { .. } | State::Ordered => None,
        }
    }
}
