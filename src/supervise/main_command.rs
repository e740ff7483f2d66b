//! The main command's machine: `wingmate -- COMMAND`.
//!
//! ```text
//! Waiting ──units are up──▶ Starting ──launched──▶ Running ──stop──▶ Stopping
//!    │ stopped before         │ launch failed         │ exited           │ exited, group empty
//!    └───────────────────────┴──────────▶ Ended ◀─────┴──────────────────┘
//! ```
//!
//! - It starts once: its end is wingmate's.
//! - Signals that come before it runs are kept for it, in order; one that asks to stop cancels its start.
//! - It has no `stop.timeout`, only its wave's share of the shutdown.
//! - Signals go to its process, or by its [`Treatment`] to its group: it always leads one. What is left of that when
//!   its process has ended on being stopped gets TERM.

use super::action::{Action, Part, Target};
use super::ending::{Ending, Living, STAYS};
use super::event::Fault;
use super::standing::End;
use crate::model::command::ProcessSpec;
use crate::model::exit::Exit;
use crate::model::moment::{Mono, Spoken};
use crate::model::note::Note;
use crate::model::service::{StopGroup, StopSpec};
use crate::model::settings::Level;
use crate::model::signal::Signal;
use crate::model::unit::{Life, MAIN, Pid, UnitId};
use std::time::Duration;

/// Signals kept for a main command that doesn't run yet: more than there are signals is somebody's loop.
const KEPT: usize = 64;

/// How the main command is treated: options of tini's and dumb-init's.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Treatment {
    /// Signals go to its whole group, not to its process alone.
    pub group: bool,
    /// Exit statuses of its that count as 0.
    pub successes: Vec<u8>,
}

/// The main command and where it stands.
#[derive(Debug)]
pub struct MainCommand {
    pub process: ProcessSpec,
    treatment: Treatment,
    unit: UnitId,
    life: Life,
    state: State,
    /// Somebody's signal for it was SIGKILL, by a rewrite.
    passed_kill: bool,
    /// Its time ran out.
    pub overran: bool,
}

#[derive(Debug)]
enum State {
    Waiting {
        kept: Vec<Signal>,
    },
    Starting {
        kept: Vec<Signal>,
    },
    Running {
        pid: Pid,
        since: Mono,
    },
    Stopping {
        ending: Ending,
        since: Mono,
    },
    /// `None`: it was never started.
    Ended {
        end: Option<End>,
    },
}

impl Treatment {
    /// Whom its signals are for.
    fn target(&self, pid: Pid) -> Target {
        if self.group { Target::Group(pid) } else { Target::Process(pid) }
    }
}

impl MainCommand {
    /// A main command that waits to be started.
    pub fn new(unit: UnitId, process: ProcessSpec, treatment: Treatment) -> MainCommand {
        let state = State::Waiting { kept: Vec::new() };
        MainCommand { process, treatment, unit, life: Life::default(), state, passed_kill: false, overran: false }
    }

    /// What an exit status of its counts as.
    pub fn counted(&self, status: u8) -> u8 {
        if self.treatment.successes.contains(&status) { 0 } else { status }
    }

    /// Whether it has not been started yet.
    pub fn waits(&self) -> bool {
        matches!(self.state, State::Waiting { .. })
    }

    /// Starts it, if it waits.
    pub fn start(&mut self, actions: &mut Vec<Action>) {
        if let State::Waiting { kept } = &mut self.state {
            self.life = self.life.next();
            self.state = State::Starting { kept: std::mem::take(kept) };
            actions.push(Action::Launch { unit: self.unit, life: self.life, part: Part::Program, due: None });
        }
    }

    /// The program runs; it gets what was kept for it.
    pub fn launched(&mut self, life: Life, pid: Pid, now: Mono, actions: &mut Vec<Action>) {
        if let (State::Starting { kept }, true) = (&mut self.state, life == self.life) {
            let kept = std::mem::take(kept);
            self.state = State::Running { pid, since: now };
            self.say(actions, Level::Info, format!("running (pid {pid})"), "running", Some(pid), None);
            for signal in kept {
                self.pass(signal, actions);
            }
        }
    }

    /// The program could not be started.
    pub fn launch_failed(&mut self, life: Life, fault: Fault, actions: &mut Vec<Action>) {
        if matches!(self.state, State::Starting { .. }) && life == self.life {
            self.say(actions, Level::Error, fault.text.clone(), "failed", None, Some(fault.kind.status()));
            self.state = State::Ended { end: Some(End::NeverStarted(fault)) };
        }
    }

    /// A signal for it.
    pub fn pass(&mut self, signal: Signal, actions: &mut Vec<Action>) {
        self.passed_kill |= signal == Signal::KILL;
        match &mut self.state {
            State::Waiting { kept } | State::Starting { kept } if kept.len() < KEPT => kept.push(signal),
            State::Running { pid, .. } => {
                actions.push(Action::Signal { unit: self.unit, target: self.treatment.target(*pid), signal });
            }
            State::Stopping { ending, .. } => {
                if let Some(pid) = ending.pid() {
                    actions.push(Action::Signal { unit: self.unit, target: self.treatment.target(pid), signal });
                }
            }
            State::Waiting { .. } | State::Starting { .. } | State::Ended { .. } => {}
        }
    }

    /// It is to end within `limit`; `signal` is its stop signal.
    pub fn stop(&mut self, signal: Signal, limit: Duration, now: Mono, actions: &mut Vec<Action>) {
        match &mut self.state {
            State::Waiting { .. } | State::Starting { .. } => {
                self.state = State::Ended { end: None };
                self.say(actions, Level::Info, "not started: told to stop before".into(), "stopped", None, None);
            }
            State::Running { pid, since } => {
                let living = Living { unit: self.unit, life: self.life, pid: *pid, group: Some(*pid) };
                // The signal goes where every signal goes; SIGKILL to what is left of its group.
                let stop = StopSpec { signal: Some(signal), timeout: limit, group: StopGroup::Group };
                let target = self.treatment.target(*pid);
                actions.push(Action::Signal { unit: self.unit, target, signal });
                if !STAYS.contains(&signal) {
                    actions.push(Action::Signal { unit: self.unit, target, signal: Signal::CONT });
                }
                let ending = Ending::ordered(living, stop, None, limit, now, actions);
                self.state = State::Stopping { ending, since: *since };
            }
            State::Stopping { ending, .. } => ending.hasten(now + limit),
            State::Ended { .. } => {}
        }
    }

    /// SIGKILL to whatever is left of it, now.
    pub fn kill(&mut self, now: Mono, actions: &mut Vec<Action>) {
        if let State::Stopping { ending, .. } = &mut self.state {
            ending.hasten(now);
            self.expire(now, actions);
        }
    }

    /// Its process was reaped.
    pub fn exited(
        &mut self,
        life: Life,
        dead: Pid,
        exit: Option<Exit>,
        group_lives: bool,
        now: Mono,
        actions: &mut Vec<Action>,
    ) {
        let Some(exit) = exit.filter(|_| life == self.life) else { return };
        match &mut self.state {
            State::Running { pid, since } if *pid == dead => {
                let text = format!("{exit} after {}", Spoken(now.since(*since)));
                let level = if self.counted(exit.status()) == 0 { Level::Info } else { Level::Warn };
                self.say(actions, level, text, "done", Some(dead), Some(exit.status()));
                self.state = State::Ended { end: Some(End::Exited(exit)) };
            }
            State::Stopping { ending, since } => {
                let since = *since;
                let was_main = ending.pid() == Some(dead);
                ending.exited(dead, Some(exit), group_lives, now, actions);
                if let (true, false, Some(group)) = (was_main, self.treatment.group, ending.awaited_group()) {
                    // What it left behind had no stop signal yet. A shell's background jobs ignore INT and QUIT.
                    for signal in [Signal::TERM, Signal::CONT] {
                        actions.push(Action::Signal { unit: self.unit, target: Target::Group(group), signal });
                    }
                }
                let text = format!("{exit} after {}", Spoken(now.since(since)));
                self.say(actions, Level::Info, text, "stopped", Some(dead), Some(exit.status()));
                self.when_gone();
            }
            State::Running { .. } | State::Waiting { .. } | State::Starting { .. } | State::Ended { .. } => {}
        }
    }

    /// Its group was seen empty.
    pub fn group_gone(&mut self, life: Life) {
        if let State::Stopping { ending, .. } = &mut self.state {
            if life == self.life {
                ending.group_gone();
                self.when_gone();
            }
        }
    }

    /// The group that is awaited, when it may have been emptied by an orphan's end.
    pub fn awaited_group(&self) -> Option<(Life, Pid)> {
        match &self.state {
            State::Stopping { ending, .. } => ending.awaited_group().map(|group| (self.life, group)),
            State::Waiting { .. } | State::Starting { .. } | State::Running { .. } | State::Ended { .. } => None,
        }
    }

    /// Whether wingmate itself sent SIGKILL to what runs of it.
    pub fn sent_kill(&self) -> bool {
        self.passed_kill || matches!(&self.state, State::Stopping { ending, .. } if ending.killed())
    }

    /// When it has something to do.
    pub fn deadline(&self) -> Option<Mono> {
        match &self.state {
            State::Stopping { ending, .. } => ending.deadline(),
            State::Waiting { .. } | State::Starting { .. } | State::Running { .. } | State::Ended { .. } => None,
        }
    }

    /// Does what is due.
    pub fn expire(&mut self, now: Mono, actions: &mut Vec<Action>) {
        if let State::Stopping { ending, .. } = &mut self.state {
            ending.expire(now, actions);
            self.overran |= ending.killed();
        }
    }

    /// Whether it is over, or was never begun and won't be.
    pub fn is_down(&self) -> bool {
        matches!(self.state, State::Ended { .. })
    }

    /// How it ended, as soon as its process has.
    pub fn end(&self) -> Option<End> {
        match &self.state {
            State::Ended { end } => end.clone(),
            State::Stopping { ending, .. } => ending.exit.map(End::Exited),
            State::Waiting { .. } | State::Starting { .. } | State::Running { .. } => None,
        }
    }

    /// How it ended when nobody waits any longer: SIGKILL went to it, and its death is only a matter of time.
    pub fn end_at_last(&self) -> Option<End> {
        let killed = Exit::Signal { signal: Signal::KILL, core: false };
        self.end().or_else(|| matches!(self.state, State::Stopping { .. }).then_some(End::Exited(killed)))
    }

    /// The state's name and process, as the status table shows them.
    pub fn shown(&self) -> (&'static str, Option<Pid>) {
        match &self.state {
            State::Waiting { .. } => ("waiting", None),
            State::Starting { .. } => ("starting", None),
            State::Running { pid, .. } => ("running", Some(*pid)),
            State::Stopping { ending, .. } => ("stopping", ending.pid()),
            State::Ended { .. } => ("done", None),
        }
    }

    fn when_gone(&mut self) {
        if let State::Stopping { ending, .. } = &self.state {
            if ending.gone() {
                self.state = State::Ended { end: ending.exit.map(End::Exited) };
            }
        }
    }

    fn say(
        &self,
        actions: &mut Vec<Action>,
        level: Level,
        text: String,
        state: &'static str,
        pid: Option<Pid>,
        status: Option<u8>,
    ) {
        actions.push(Action::Say(Note { level, unit: Some(MAIN.into()), text, pid, status, state: Some(state) }));
    }
}
