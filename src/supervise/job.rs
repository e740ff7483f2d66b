//! One cron job's machine: idle between runs.
//!
//! ```text
//! Idle ──due──▶ Starting ──launched──▶ Running ──stop──▶ Stopping ──gone──▶ Idle
//!   ▲               │ launch failed       │ exited
//!   └───────────────┴─────────────────────┘
//! ```
//!
//! - A run that is due while one is under way is skipped, said and counted (`overlap: skip`).
//! - What a run leaves in its process group lives on: crontab(5) jobs may start things in the background. It is ended
//!   with the run when the run is stopped.

use super::action::{Action, Due, Part};
use super::ending::{Ending, Living};
use super::event::Fault;
use crate::model::exit::Exit;
use crate::model::job::JobSpec;
use crate::model::moment::{Mono, Spoken, Wall};
use crate::model::note::Note;
use crate::model::settings::Level;
use crate::model::unit::{Life, Pid, UnitId};
use crate::schedule::stamp::Stamp;
use crate::schedule::zone::Zone;
use std::rc::Rc;
use std::time::Duration;

/// A job and where it stands.
#[derive(Debug)]
pub struct Job {
    pub spec: JobSpec,
    /// In which its times are told.
    pub zone: Rc<Zone>,
    unit: UnitId,
    life: Life,
    state: State,
    pub counts: Counts,
    pub last_exit: Option<Exit>,
    /// A run's time ran out when it was told to stop.
    pub overran: bool,
}

/// What a job has done so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    pub runs: u32,
    pub failures: u32,
    /// Due while the run before was under way.
    pub skipped: u32,
    /// Due while wingmate could not run it: the clock was set, the machine slept.
    pub missed: u32,
}

#[derive(Debug)]
enum State {
    Idle,
    Starting,
    Running { pid: Pid, since: Mono },
    Stopping { ending: Ending, since: Mono },
}

impl Job {
    /// A job that has never run.
    pub fn new(unit: UnitId, spec: JobSpec, zone: Rc<Zone>) -> Job {
        Job {
            spec,
            zone,
            unit,
            life: Life::default(),
            state: State::Idle,
            counts: Counts::default(),
            last_exit: None,
            overran: false,
        }
    }

    /// It is idle, and asked to be this from now on.
    pub fn become_another(&mut self, spec: JobSpec, zone: Rc<Zone>) {
        (self.spec, self.zone) = (spec, zone);
    }

    /// A run is due for the moment `scheduled` that its schedule named (`None`: it is too late for one); `missed`
    /// more were lost because the clock was set, the machine slept or wingmate was late.
    pub fn fire(&mut self, scheduled: Option<Wall>, missed: u32, actions: &mut Vec<Action>) {
        if missed > 0 {
            self.counts.missed = self.counts.missed.saturating_add(missed);
            let plural = if missed == 1 { "" } else { "s" };
            self.say(actions, Level::Warn, format!("missed {missed} run{plural}"), None, None);
        }
        if let Some(at) = scheduled {
            self.run(Stamp { at, zone: &self.zone }.to_string(), actions);
        }
    }

    fn run(&mut self, time: String, actions: &mut Vec<Action>) {
        match &self.state {
            State::Idle => {
                self.life = self.life.next();
                self.state = State::Starting;
                let due = Some(Due { job: self.spec.name.clone(), time });
                actions.push(Action::Launch { unit: self.unit, life: self.life, part: Part::Program, due });
            }
            State::Starting | State::Running { .. } | State::Stopping { .. } => {
                self.counts.skipped = self.counts.skipped.saturating_add(1);
                let pid = self.pid();
                let text = "skipped: the run before is still under way".to_owned();
                self.say(actions, Level::Warn, text, pid, None);
            }
        }
    }

    /// The program runs.
    pub fn launched(&mut self, life: Life, pid: Pid, now: Mono, actions: &mut Vec<Action>) {
        if matches!(self.state, State::Starting) && life == self.life {
            self.counts.runs = self.counts.runs.saturating_add(1);
            self.state = State::Running { pid, since: now };
            self.say(actions, Level::Info, format!("started (pid {pid})"), Some(pid), None);
        }
    }

    /// The program could not be started.
    pub fn launch_failed(&mut self, life: Life, fault: &Fault, actions: &mut Vec<Action>) {
        if matches!(self.state, State::Starting) && life == self.life {
            self.counts.runs = self.counts.runs.saturating_add(1);
            self.counts.failures = self.counts.failures.saturating_add(1);
            self.state = State::Idle;
            self.say(actions, Level::Error, fault.text.clone(), None, Some(fault.kind.status()));
        }
    }

    /// The run's process was reaped.
    pub fn exited(
        &mut self,
        life: Life,
        dead: Pid,
        exit: Option<Exit>,
        group_lives: bool,
        now: Mono,
        actions: &mut Vec<Action>,
    ) {
        if life != self.life {
            return;
        }
        match &mut self.state {
            State::Running { pid, since } if *pid == dead => {
                let ran = now.since(*since);
                self.state = State::Idle;
                self.ended(exit, ran, actions);
            }
            State::Stopping { ending, since } => {
                let ran = now.since(*since);
                ending.exited(dead, exit, group_lives, now, actions);
                self.ended(exit, ran, actions);
                self.when_gone();
            }
            State::Running { .. } | State::Starting | State::Idle => {}
        }
    }

    /// The group of this run was seen empty.
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
            State::Idle | State::Starting | State::Running { .. } => None,
        }
    }

    /// The run is to stop within `limit`, if one is under way. `stop.signal: none` lets it finish until then.
    pub fn stop(&mut self, limit: Duration, now: Mono, actions: &mut Vec<Action>) {
        let limit = limit.min(self.spec.stop.timeout);
        match &mut self.state {
            State::Running { pid, since } => {
                let living = Living { unit: self.unit, life: self.life, pid: *pid, group: Some(*pid) };
                let ending = Ending::ordered(living, self.spec.stop, self.spec.stop.signal, limit, now, actions);
                self.state = State::Stopping { ending, since: *since };
            }
            State::Stopping { ending, .. } => ending.hasten(now + limit),
            State::Idle | State::Starting => {}
        }
    }

    /// Everything is about to be stopped: an order to launch that wasn't carried out yet is taken back.
    pub fn hold(&mut self) {
        if let State::Starting = self.state {
            self.state = State::Idle;
        }
    }

    /// SIGKILL to whatever is left of it, now.
    pub fn kill(&mut self, now: Mono, actions: &mut Vec<Action>) {
        if let State::Stopping { ending, .. } = &mut self.state {
            ending.hasten(now);
            self.expire(now, actions);
        }
    }

    /// Whether wingmate itself sent SIGKILL to what runs of it.
    pub fn sent_kill(&self) -> bool {
        matches!(&self.state, State::Stopping { ending, .. } if ending.killed())
    }

    /// When it has something to do (its schedule aside).
    pub fn deadline(&self) -> Option<Mono> {
        match &self.state {
            State::Stopping { ending, .. } => ending.deadline(),
            State::Idle | State::Starting | State::Running { .. } => None,
        }
    }

    /// Does what is due.
    pub fn expire(&mut self, now: Mono, actions: &mut Vec<Action>) {
        if let State::Stopping { ending, .. } = &mut self.state {
            ending.expire(now, actions);
            self.overran |= ending.killed();
        }
    }

    /// Whether no run is under way.
    pub fn is_down(&self) -> bool {
        matches!(self.state, State::Idle)
    }

    /// The state's name, as the log and the status table have it.
    pub fn state_name(&self) -> &'static str {
        match self.state {
            State::Idle => "idle",
            State::Starting => "starting",
            State::Running { .. } => "running",
            State::Stopping { .. } => "stopping",
        }
    }

    /// The run's process, if one is under way.
    pub fn pid(&self) -> Option<Pid> {
        match &self.state {
            State::Running { pid, .. } => Some(*pid),
            State::Stopping { ending, .. } => ending.pid(),
            State::Idle | State::Starting => None,
        }
    }

    fn when_gone(&mut self) {
        if matches!(&self.state, State::Stopping { ending, .. } if ending.gone()) {
            self.state = State::Idle;
        }
    }

    fn ended(&mut self, exit: Option<Exit>, ran: Duration, actions: &mut Vec<Action>) {
        self.last_exit = exit;
        let Some(exit) = exit else { return };
        let failed = exit != Exit::Code(0);
        self.counts.failures = self.counts.failures.saturating_add(u32::from(failed));
        let level = if failed { Level::Warn } else { Level::Info };
        let text = format!("{exit} after {}", Spoken(ran));
        self.say(actions, level, text, None, Some(exit.status()));
    }

    fn say(&self, actions: &mut Vec<Action>, level: Level, text: String, pid: Option<Pid>, status: Option<u8>) {
        let state = Some(self.state_name());
        actions.push(Action::Say(Note { level, unit: Some(self.spec.name.clone()), text, pid, status, state }));
    }
}
