//! ★ One service's machine.
//!
//! ```text
//!         start             dependencies up       pre_start over          launched, ready        stop
//! Stopped ─────▶ Waiting ──────────────▶ Preparing ─────▶ Starting ─────▶ Running ───▶ Stopping ──▶ Stopped
//!                                            ▲  │ failed     │ failed        │ exited,    ▲ │ gone
//!                                            │  │            │               │ unfit ─────┘ ▼
//!                                            │  │            │               │            Clearing (post_stop)
//!                                            │  ▼            ▼               ▼              ▼
//!                                         Backoff ◀───────────── verdict on the run ──────▶ Done, Failed
//! ```
//!
//! - Without dependencies, `pre_start` or `post_stop` their states are passed by.
//! - `Waiting` ends when the supervisor, which knows the graph, says so. A restart doesn't wait again.
//! - `Starting` lasts from the order to launch until its answer; see below for pid files. A program that runs is
//!   `Running` at once; until it is ready (`Up::Awaited`) that counts, and is shown, as starting.
//! - A run is good if it lived `startsecs` from ready on; then the next start is at once, else after the back-off.
//!   A failed launch, `pre_start` or readiness is a short run, a launch that there was nothing to start with none at
//!   all: it is tried again whatever `restart` says. Two starts by restart are never closer than
//!   `backoff::SPACING`.
//! - `wanted` is the second dimension: what was told to stop isn't restarted, whatever its state was when it was told
//!   so; a start during `Stopping` is done when the old life is gone.
//! - With a pid file `Starting` is two states: ordered, and `Adopting`, which lasts until the daemon is adopted, and
//!   again while a hand-over is awaited (`daemon`, `proxy`).
//! - One life at a time: a launch is ordered only when the earlier life's main process is reaped and, unless
//!   `stop.group: false`, its group is empty. Events carry their life; those of another one change nothing. The
//!   commands beside it (`task`) have lives of their own.
//! - An unexpected death with leftovers is `Stopping` too: the group gets the stop signal before its leader is reaped
//!   (`death_signal`), SIGKILL after `stop.timeout` but at most `LEFTOVERS`.
//! - Who isn't ready in time, healthy, or gives no sign of life (`observed`) is unfit: ended like one that was told to
//!   stop (`halting`), judged like one that failed.

use super::action::{Action, Part};
use super::backoff::Record;
use super::event::{Fault, FaultKind};
use super::standing::{End, Standing};
use super::state::{Death, State, Up, Wanted};
use super::task::Task;
use crate::model::exit::Exit;
use crate::model::moment::Mono;
use crate::model::note::Note;
use crate::model::service::{ServiceSpec, StopGroup};
use crate::model::settings::Level;
use crate::model::signal::Signal;
use crate::model::unit::{Life, Pid, UnitId};

/// A service and where it stands.
#[derive(Debug)]
pub struct Service {
    pub spec: ServiceSpec,
    pub(super) unit: UnitId,
    /// Of its program.
    pub(super) life: Life,
    /// What was launched in this life, while it lives beside the main process that it has named.
    pub(super) former: Option<Pid>,
    /// The last one that was given out, to its program or to a command beside it.
    lives: Life,
    pub(super) state: State,
    pub(super) wanted: Wanted,
    /// When the last life began.
    pub(super) launched: Option<Mono>,
    /// All of it must be over by then, since it was told to stop.
    pub(super) limit: Option<Mono>,
    pub record: Record,
    pub last_end: Option<End>,
    /// What it said of itself (sd_notify's `STATUS=`).
    pub status: Option<Box<str>>,
    /// Its time ran out when it was last told to stop.
    pub overran: bool,
}

impl Service {
    /// A service that has never run.
    pub fn new(unit: UnitId, spec: ServiceSpec) -> Service {
        Service {
            spec,
            unit,
            life: Life::default(),
            former: None,
            lives: Life::default(),
            state: State::Stopped,
            wanted: Wanted::Down,
            launched: None,
            limit: None,
            record: Record::default(),
            last_end: None,
            status: None,
            overran: false,
        }
    }

    /// Its number.
    pub fn unit(&self) -> UnitId {
        self.unit
    }

    /// Where it stands.
    pub fn standing(&self) -> Standing {
        match &self.state {
            State::Stopped => Standing::Stopped,
            State::Waiting { .. } => Standing::Waiting,
            State::Preparing(task) => Standing::Starting { pid: task.pid() },
            State::Starting => Standing::Starting { pid: None },
            State::Adopting(adopting) => Standing::Starting { pid: adopting.proxy.starter() },
            State::Running { pid, up: Up::Awaited(_), .. } => Standing::Starting { pid: Some(*pid) },
            State::Running { pid, up: Up::Since { since, .. }, .. } => Standing::Running { pid: *pid, since: *since },
            State::Stopping(halt) => Standing::Stopping { pid: halt.pid() },
            State::Clearing(clearing) => Standing::Stopping { pid: clearing.0.pid() },
            State::Backoff { until } => Standing::Backoff { until: *until },
            State::Done => Standing::Done,
            State::Failed => Standing::Failed,
        }
    }

    /// Whether its program has been started in this life and hasn't ended.
    pub fn program_runs(&self) -> bool {
        matches!(self.state, State::Adopting(_) | State::Running { .. })
    }

    /// Whether wingmate itself sent SIGKILL to what runs of it.
    pub fn sent_kill(&self) -> bool {
        matches!(&self.state, State::Stopping(halt) if halt.killed())
    }

    /// Whether nothing of it runs, and nothing will without being asked for.
    pub fn is_down(&self) -> bool {
        matches!(self.state, State::Stopped | State::Done | State::Failed)
    }

    /// Whether it waits for its dependencies.
    pub fn waits(&self) -> bool {
        matches!(self.state, State::Waiting { .. })
    }

    /// It is to run: as soon as its dependencies are up, if it isn't restarted anyway.
    pub fn start(&mut self, now: Mono, actions: &mut Vec<Action>) {
        self.wanted = Wanted::Up;
        match self.state {
            State::Stopped | State::Done | State::Failed => {
                self.record.ended(true);
                self.overran = false;
                self.limit = None;
                self.state = State::Waiting { told: None };
                if self.spec.depends_on.is_empty() {
                    self.begin_life(now, actions);
                }
            }
            State::Backoff { .. } => self.begin_life(now, actions),
            State::Waiting { .. }
            | State::Preparing(_)
            | State::Starting
            | State::Adopting(_)
            | State::Running { .. }
            | State::Stopping(_)
            | State::Clearing(_) => {}
        }
    }

    /// Whether it was last asked to run.
    pub fn is_wanted(&self) -> bool {
        self.wanted == Wanted::Up
    }

    /// It is down, and asked to be this from now on.
    pub fn become_another(&mut self, spec: ServiceSpec) {
        self.spec = spec;
        self.record = Record::default();
    }

    /// What it waits for has come.
    pub fn dependencies_are_up(&mut self, now: Mono, actions: &mut Vec<Action>) {
        if self.waits() {
            self.begin_life(now, actions);
        }
    }

    /// What it waits for is still to come; said once, and again when that changes.
    pub fn goes_on_waiting(&mut self, text: &str, actions: &mut Vec<Action>) {
        let State::Waiting { told } = &mut self.state else { return };
        if told.as_deref() != Some(text) {
            *told = Some(text.into());
            self.say(actions, Level::Info, format!("waiting ({text})"), "waiting", None);
        }
    }

    /// A new life, with what has to be done before its program is launched.
    pub(super) fn begin_life(&mut self, now: Mono, actions: &mut Vec<Action>) {
        self.launched = Some(now);
        match &self.spec.extras().pre_start {
            None => self.launch(actions),
            Some(hook) => {
                let time = (hook.timeout, None);
                let life = self.next_life();
                let task = Task::order((self.unit, life), Part::PreStart, self.spec.stop, time, now, actions);
                self.state = State::Preparing(Box::new(task));
                self.say(actions, Level::Info, "starting (pre_start)".into(), "starting", None);
            }
        }
    }

    pub(super) fn launch(&mut self, actions: &mut Vec<Action>) {
        self.life = self.next_life();
        (self.status, self.former) = (None, None);
        self.state = State::Starting;
        actions.push(Action::Launch { unit: self.unit, life: self.life, part: Part::Program, due: None });
    }

    pub(super) fn next_life(&mut self) -> Life {
        self.lives = self.lives.next();
        self.lives
    }

    /// The command beside its program that has this life.
    fn task(&mut self, life: Life) -> Option<&mut Task> {
        let task = match &mut self.state {
            State::Preparing(task) => task,
            State::Stopping(halt) => halt.command.as_mut()?,
            State::Clearing(clearing) => &mut clearing.0,
            State::Stopped
            | State::Waiting { .. }
            | State::Starting
            | State::Adopting(_)
            | State::Running { .. }
            | State::Backoff { .. }
            | State::Done
            | State::Failed => return None,
        };
        Some(task).filter(|task| task.life == life)
    }

    /// The program, or a command beside it, runs.
    pub fn launched(&mut self, life: Life, pid: Pid, now: Mono, actions: &mut Vec<Action>) {
        if let Some(task) = self.task(life) {
            return task.launched(pid);
        }
        if !matches!(self.state, State::Starting) || life != self.life {
            return self.stray(actions, "launched");
        }
        self.record.starved_in_a_row = 0;
        match &self.spec.pidfile {
            Some(pidfile) => {
                let until = now + pidfile.timeout;
                self.adopt(pid, until, actions);
            }
            None => self.runs(pid, Some(pid), None, now, actions),
        }
        if self.wanted == Wanted::Down {
            self.stop(None, now, actions);
        }
    }

    /// The program, or a command beside it, could not be started.
    pub fn launch_failed(&mut self, life: Life, fault: Fault, now: Mono, actions: &mut Vec<Action>) {
        if let Some(task) = self.task(life) {
            if (task.part, fault.kind) == (Part::PreStart, FaultKind::Exhausted) {
                return self.starved(&fault.text, now, actions);
            }
            let outcome = task.launch_failed(&fault);
            return self.task_is_over(outcome, now, actions);
        }
        if !matches!(self.state, State::Starting) || life != self.life {
            return self.stray(actions, "launch failed");
        }
        if fault.kind == FaultKind::Exhausted {
            return self.starved(&fault.text, now, actions);
        }
        let text = fault.text.clone();
        self.last_end = Some(End::NeverStarted(fault));
        self.ended(None, false, &text, now, actions);
    }

    /// The signal that the group which this dead process leads is to get before the process is reaped.
    pub fn death_signal(&self, dead: Pid, exit: Exit) -> Option<Signal> {
        if self.spec.stop.group == StopGroup::Main {
            return None;
        }
        match &self.state {
            // A daemon that ended with 0 may be handing over: what it left is its successor.
            State::Running { proxy: Some(_), .. } if exit == Exit::Code(0) => None,
            State::Running { pid, group: Some(_), .. } if *pid == dead => self.spec.stop.signal,
            State::Adopting(_) if exit != Exit::Code(0) => self.spec.stop.signal,
            State::Running { .. }
            | State::Adopting(_)
            | State::Stopped
            | State::Waiting { .. }
            | State::Preparing(_)
            | State::Starting
            | State::Stopping(_)
            | State::Clearing(_)
            | State::Backoff { .. }
            | State::Done
            | State::Failed => None,
        }
    }

    /// The group that goes with this process, its main one: the one that it leads, or was launched into.
    pub fn group_of(&self, dead: Pid) -> Option<Pid> {
        match &self.state {
            State::Running { pid, group, .. } if *pid == dead => *group,
            State::Stopping(halt) if halt.ending.pid() == Some(dead) => halt.ending.group(),
            _ => None,
        }
    }

    /// A process of this life, or a command beside it, has ended.
    pub fn exited(&mut self, life: Life, death: Death, now: Mono, actions: &mut Vec<Action>) {
        if let Some(task) = self.task(life) {
            if let Some(outcome) = task.exited(death, now, actions) {
                self.task_is_over(outcome, now, actions);
            }
            return;
        }
        if life != self.life {
            return self.stray(actions, "exited");
        }
        self.former.take_if(|former| *former == death.pid);
        match &mut self.state {
            State::Adopting(_) | State::Running { proxy: Some(_), .. } => self.forker_exited(death, now, actions),
            State::Running { pid, up, .. } if *pid == death.pid => {
                let ran = up.ran(now);
                self.died(death, ran, now, actions);
            }
            // It has named another as its main process (sd_notify's MAINPID=).
            State::Running { .. } => {}
            State::Stopping(halt) => {
                let awaited = halt.exited(death, now, actions);
                if awaited && halt.keeps_end() {
                    self.last_end = halt.ending.exit.map(End::Exited).or(self.last_end.take());
                }
                // It may have been the last of it.
                for (life, group) in halt.awaited_groups().into_iter().flatten() {
                    actions.push(Action::CheckGroup { unit: self.unit, life, group });
                }
                self.when_gone(now, actions);
            }
            State::Stopped
            | State::Waiting { .. }
            | State::Preparing(_)
            | State::Starting
            | State::Clearing(_)
            | State::Backoff { .. }
            | State::Done
            | State::Failed => self.stray(actions, "exited"),
        }
    }

    /// The group of this life was seen empty.
    pub fn group_gone(&mut self, life: Life, now: Mono, actions: &mut Vec<Action>) {
        if let Some(task) = self.task(life) {
            if let Some(outcome) = task.group_gone() {
                self.task_is_over(outcome, now, actions);
            }
            return;
        }
        if let State::Stopping(halt) = &mut self.state {
            if halt.group_gone(life) {
                self.when_gone(now, actions);
            }
            return;
        }
        if life != self.life {
            return;
        }
        match &mut self.state {
            State::Adopting(adopting) => adopting.group = None,
            State::Stopped
            | State::Waiting { .. }
            | State::Preparing(_)
            | State::Starting
            | State::Running { .. }
            | State::Stopping(_)
            | State::Clearing(_)
            | State::Backoff { .. }
            | State::Done
            | State::Failed => {}
        }
    }

    /// The groups that are awaited, when they may have been emptied by an orphan's end.
    pub fn awaited_groups(&self) -> Vec<(Life, Pid)> {
        let one = match &self.state {
            State::Stopping(halt) => {
                let command = halt.command.as_ref().and_then(Task::awaited_group);
                return halt.awaited_groups().into_iter().flatten().chain(command).collect();
            }
            State::Adopting(adopting) => adopting.orphaned_group().map(|group| (self.life, group)),
            State::Preparing(task) => task.awaited_group(),
            State::Clearing(clearing) => clearing.0.awaited_group(),
            State::Stopped
            | State::Waiting { .. }
            | State::Starting
            | State::Running { .. }
            | State::Backoff { .. }
            | State::Done
            | State::Failed => None,
        };
        one.into_iter().collect()
    }

    /// When it has something to do.
    pub fn deadline(&self) -> Option<Mono> {
        match &self.state {
            State::Backoff { until } => Some(*until),
            State::Stopping(halt) => halt.deadline(),
            State::Adopting(adopting) => adopting.deadline(),
            State::Preparing(task) => task.deadline(),
            State::Clearing(clearing) => clearing.0.deadline(),
            State::Running { up: Up::Awaited(awaiting), .. } => Some(awaiting.deadline()),
            State::Running { up: Up::Since { watch, .. }, .. } => watch.as_ref().and_then(|watch| watch.deadline()),
            State::Stopped | State::Waiting { .. } | State::Starting | State::Done | State::Failed => None,
        }
    }

    /// Does what is due.
    pub fn expire(&mut self, now: Mono, actions: &mut Vec<Action>) {
        match &mut self.state {
            State::Backoff { until } if *until <= now => self.begin_life(now, actions),
            State::Stopping(halt) => {
                halt.expire(now, actions);
                self.overran |= halt.killed() && halt.is_ordered();
            }
            State::Adopting(adopting) => {
                let step = adopting.expire(now);
                self.follow(step, now, actions);
            }
            State::Preparing(task) => task.expire(now, actions),
            State::Clearing(clearing) => clearing.0.expire(now, actions),
            State::Running { .. } => self.observe(now, actions),
            State::Backoff { .. }
            | State::Stopped
            | State::Waiting { .. }
            | State::Starting
            | State::Done
            | State::Failed => {}
        }
        self.count_overrun();
    }

    /// A command beside it that had to be killed at a shutdown has overrun the unit's time.
    pub(super) fn count_overrun(&mut self) {
        let task = match &self.state {
            State::Preparing(task) => Some(task.as_ref()),
            State::Clearing(clearing) => Some(&clearing.0),
            _ => None,
        };
        self.overran |= self.limit.is_some() && task.is_some_and(Task::killed);
    }

    pub(super) fn say(
        &self,
        actions: &mut Vec<Action>,
        level: Level,
        text: String,
        state: &'static str,
        pid: Option<Pid>,
    ) {
        let status = match state {
            "running" | "starting" | "waiting" => None,
            _ => self.last_end.as_ref().map(End::status),
        };
        actions.push(Action::Say(Note {
            level,
            unit: Some(self.spec.name.clone()),
            text,
            pid,
            status,
            state: Some(state),
        }));
    }

    /// An event that this state can't have: said loudly and dropped, since PID 1 doesn't die of its own logic.
    pub(super) fn stray(&self, actions: &mut Vec<Action>, event: &str) {
        let text = format!("unexpected event '{event}' while {}; dropped", self.standing().name());
        actions.push(Action::Say(Note::new(Level::Error, text).about(self.spec.name.clone())));
        debug_assert!(false, "unexpected event '{event}' while {}", self.standing().name());
    }
}
