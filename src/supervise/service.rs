//! ★ One service's machine.
//!
//! ```text
//!            start                 launched               stop
//! Stopped ──────────▶ Starting ──────────────▶ Running ──────────▶ Stopping ──▶ Stopped
//!                      ▲    │ launch failed      │ exited, with leftovers ▲│
//!                      │    │                    ├────────────────────────┘│ gone
//!                      │    ▼                    ▼ exited, nothing left    ▼
//!                      └─ Backoff ◀────────── verdict on the run ──▶ Done, Failed
//! ```
//!
//! - `Starting` lasts from the order to launch until its answer; see below for pid files.
//! - A run is good if it lived `startsecs` from `Running` on; then the next start is at once, else after the back-off.
//!   A failed launch is a short run. Two starts by restart are never closer than `backoff::SPACING`.
//! - `wanted` is the second dimension: what was told to stop isn't restarted, whatever its state was when it was told
//!   so; a start during `Stopping` is done when the old life is gone.
//! - With a pid file `Starting` is two states: ordered, and `Adopting`, which lasts until the daemon is adopted, and
//!   again while a hand-over is awaited (`daemon`, `proxy`).
//! - One life at a time: a launch is ordered only when the earlier life's main process is reaped and, unless
//!   `stop.group: false`, its group is empty. Events carry their life; those of another one change nothing.
//! - An unexpected death with leftovers is `Stopping` too: the group gets the stop signal before its leader is reaped
//!   (`death_signal`), SIGKILL after `stop.timeout` but at most `LEFTOVERS`.

use super::action::{Action, Part};
use super::backoff::{Record, SPACING};
use super::daemon::Adopting;
use super::ending::{Ending, Living};
use super::event::Fault;
use super::proxy::Proxy;
use super::standing::{End, Standing};
use crate::model::exit::Exit;
use crate::model::moment::{Mono, Spoken};
use crate::model::note::Note;
use crate::model::service::{Restart, ServiceSpec, StopGroup};
use crate::model::settings::Level;
use crate::model::signal::Signal;
use crate::model::unit::{Life, Pid, UnitId};
use std::time::Duration;

/// How long leftovers of an unexpected death may delay the next start (spec/supervision.md).
const LEFTOVERS: Duration = Duration::from_secs(1);

/// A service and where it stands.
#[derive(Debug)]
pub struct Service {
    pub spec: ServiceSpec,
    pub(super) unit: UnitId,
    pub(super) life: Life,
    pub(super) state: State,
    pub(super) wanted: Wanted,
    /// When the last life was launched.
    launched: Option<Mono>,
    pub record: Record,
    pub last_end: Option<End>,
    /// Its time ran out when it was last told to stop.
    pub overran: bool,
}

/// What was asked for last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wanted {
    Up,
    Down,
}

#[derive(Debug)]
pub(super) enum State {
    Stopped,
    Starting,
    /// The starter of a forking daemon was started; see `daemon`.
    Adopting(Box<Adopting>),
    /// `group`: the one that `pid` leads. `proxy`: of a forking daemon.
    Running {
        pid: Pid,
        group: Option<Pid>,
        since: Mono,
        proxy: Option<Box<Proxy>>,
    },
    /// `starter`: of a forking daemon, if it still lives beside its daemon.
    Stopping {
        ending: Ending,
        why: Why,
        starter: Option<Pid>,
    },
    Backoff {
        until: Mono,
    },
    Done,
    Failed,
}

/// Why a life is being ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Why {
    /// It was told to stop.
    Ordered,
    /// It came to its end by itself after this long, and something of it is left.
    Died { ran: Option<Duration> },
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

impl Service {
    /// A service that has never run.
    pub fn new(unit: UnitId, spec: ServiceSpec) -> Service {
        Service {
            spec,
            unit,
            life: Life::default(),
            state: State::Stopped,
            wanted: Wanted::Down,
            launched: None,
            record: Record::default(),
            last_end: None,
            overran: false,
        }
    }

    /// Where it stands.
    pub fn standing(&self) -> Standing {
        match &self.state {
            State::Stopped => Standing::Stopped,
            State::Starting | State::Adopting(_) => Standing::Starting,
            State::Running { pid, since, .. } => Standing::Running { pid: *pid, since: *since },
            State::Stopping { ending, .. } => Standing::Stopping { pid: ending.pid() },
            State::Backoff { until } => Standing::Backoff { until: *until },
            State::Done => Standing::Done,
            State::Failed => Standing::Failed,
        }
    }

    /// Whether nothing of it runs, and nothing will without being asked for.
    pub fn is_down(&self) -> bool {
        matches!(self.state, State::Stopped | State::Done | State::Failed)
    }

    /// It is to run.
    pub fn start(&mut self, now: Mono, actions: &mut Vec<Action>) {
        self.wanted = Wanted::Up;
        match self.state {
            State::Stopped | State::Done | State::Failed => {
                self.record.ended(true);
                self.launch(now, actions);
            }
            State::Backoff { .. } => self.launch(now, actions),
            State::Starting | State::Adopting(_) | State::Running { .. } | State::Stopping { .. } => {}
        }
    }

    /// It is to stop, within `limit` if that is less than its own `stop.timeout`.
    pub fn stop(&mut self, limit: Duration, now: Mono, actions: &mut Vec<Action>) {
        self.wanted = Wanted::Down;
        let limit = limit.min(self.spec.stop.timeout);
        match &mut self.state {
            State::Running { pid, group, proxy, .. } => {
                let starter = proxy.as_ref().and_then(|proxy| proxy.starter()).filter(|starter| starter != pid);
                let (pid, group) = (*pid, *group);
                self.end_by_order(pid, group, starter, limit, now, actions);
            }
            State::Adopting(_) => self.stop_adopting(limit, now, actions),
            State::Stopping { ending, .. } => ending.hasten(now + limit),
            State::Backoff { .. } => self.hold(actions),
            // The answer to the launch comes within the same turn; it finds that the service is wanted down.
            State::Starting => {}
            State::Stopped | State::Done | State::Failed => {}
        }
    }

    pub(super) fn end_by_order(
        &mut self,
        pid: Pid,
        group: Option<Pid>,
        starter: Option<Pid>,
        limit: Duration,
        now: Mono,
        actions: &mut Vec<Action>,
    ) {
        let living = Living { unit: self.unit, life: self.life, pid, group };
        let ending = Ending::ordered(living, self.spec.stop, self.spec.stop.signal, limit, now, actions);
        self.overran = false;
        self.say(actions, Level::Info, self.stopping_text(limit), "stopping", Some(pid));
        self.state = State::Stopping { ending, why: Why::Ordered, starter };
    }

    /// SIGKILL to whatever is left of it, now.
    pub fn kill(&mut self, now: Mono, actions: &mut Vec<Action>) {
        if let State::Stopping { ending, .. } = &mut self.state {
            ending.hasten(now);
            self.expire(now, actions);
        }
    }

    /// The program runs.
    pub fn launched(&mut self, life: Life, pid: Pid, now: Mono, actions: &mut Vec<Action>) {
        if !matches!(self.state, State::Starting) || life != self.life {
            return self.stray(actions, "launched");
        }
        match &self.spec.pidfile {
            Some(pidfile) => {
                let until = now + pidfile.timeout;
                self.adopt(pid, until, actions);
            }
            None => {
                self.state = State::Running { pid, group: Some(pid), since: now, proxy: None };
                self.say(actions, Level::Info, format!("running (pid {pid})"), "running", Some(pid));
            }
        }
        if self.wanted == Wanted::Down {
            self.stop(self.spec.stop.timeout, now, actions);
        }
    }

    /// The program could not be started.
    pub fn launch_failed(&mut self, life: Life, fault: Fault, now: Mono, actions: &mut Vec<Action>) {
        if !matches!(self.state, State::Starting) || life != self.life {
            return self.stray(actions, "launch failed");
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
            | State::Starting
            | State::Stopping { .. }
            | State::Backoff { .. }
            | State::Done
            | State::Failed => None,
        }
    }

    /// A process of this life has ended.
    pub fn exited(&mut self, life: Life, death: Death, now: Mono, actions: &mut Vec<Action>) {
        if life != self.life {
            return self.stray(actions, "exited");
        }
        match &mut self.state {
            State::Adopting(_) | State::Running { proxy: Some(_), .. } => self.forker_exited(death, now, actions),
            State::Running { pid, since, .. } if *pid == death.pid => {
                let ran = now.since(*since);
                self.died(death, ran, now, actions);
            }
            State::Stopping { ending, starter, .. } => {
                if *starter == Some(death.pid) {
                    *starter = None;
                }
                if ending.pid() == Some(death.pid) {
                    ending.exited(death.pid, death.exit, death.group_lives, now, actions);
                    self.last_end = death.exit.map(End::Exited).or(self.last_end.take());
                }
                self.when_gone(now, actions);
            }
            State::Running { .. }
            | State::Stopped
            | State::Starting
            | State::Backoff { .. }
            | State::Done
            | State::Failed => self.stray(actions, "exited"),
        }
    }

    /// The main process died by itself.
    fn died(&mut self, death: Death, ran: Duration, now: Mono, actions: &mut Vec<Action>) {
        let Some(exit) = death.exit else { return self.stray(actions, "exited in an unknown way") };
        self.last_end = Some(End::Exited(exit));
        let text = format!("{exit} after {}", Spoken(ran));
        if death.group_lives && self.spec.stop.group != StopGroup::Main {
            self.clear_up(death.pid, Some(exit), &text, Some(ran), now, actions);
        } else {
            self.ended(Some(ran), self.succeeded(exit), &text, now, actions);
        }
    }

    /// Waits until nothing is left of a dead leader's group, which has had its stop signal.
    pub(super) fn clear_up(
        &mut self,
        leader: Pid,
        exit: Option<Exit>,
        text: &str,
        ran: Option<Duration>,
        now: Mono,
        actions: &mut Vec<Action>,
    ) {
        let living = Living { unit: self.unit, life: self.life, pid: leader, group: Some(leader) };
        let limit = self.spec.stop.timeout.min(LEFTOVERS);
        let ending = Ending::leftovers(living, exit, self.spec.stop, limit, now);
        self.state = State::Stopping { ending, why: Why::Died { ran }, starter: None };
        self.say(actions, Level::Warn, format!("{text}; ending what it left behind"), "stopping", Some(leader));
    }

    /// The group of this life was seen empty.
    pub fn group_gone(&mut self, life: Life, now: Mono, actions: &mut Vec<Action>) {
        if life != self.life {
            return;
        }
        match &mut self.state {
            State::Stopping { ending, .. } => {
                ending.group_gone();
                self.when_gone(now, actions);
            }
            State::Adopting(adopting) => adopting.group = None,
            State::Stopped
            | State::Starting
            | State::Running { .. }
            | State::Backoff { .. }
            | State::Done
            | State::Failed => {}
        }
    }

    /// The group that is awaited, when it may have been emptied by an orphan's end.
    pub fn awaited_group(&self) -> Option<(Life, Pid)> {
        let group = match &self.state {
            State::Stopping { ending, .. } => ending.awaited_group(),
            State::Adopting(adopting) => adopting.orphaned_group(),
            State::Stopped
            | State::Starting
            | State::Running { .. }
            | State::Backoff { .. }
            | State::Done
            | State::Failed => None,
        };
        group.map(|group| (self.life, group))
    }

    /// When it has something to do.
    pub fn deadline(&self) -> Option<Mono> {
        match &self.state {
            State::Backoff { until } => Some(*until),
            State::Stopping { ending, .. } => ending.deadline(),
            State::Adopting(adopting) => adopting.proxy.deadline(),
            State::Stopped | State::Starting | State::Running { .. } | State::Done | State::Failed => None,
        }
    }

    /// Does what is due.
    pub fn expire(&mut self, now: Mono, actions: &mut Vec<Action>) {
        match &mut self.state {
            State::Backoff { until } if *until <= now => self.launch(now, actions),
            State::Stopping { ending, why, .. } => {
                ending.expire(now, actions);
                self.overran |= ending.killed() && *why == Why::Ordered;
            }
            State::Adopting(adopting) => {
                let step = adopting.proxy.expire(now);
                self.follow(step, now, actions);
            }
            State::Backoff { .. }
            | State::Stopped
            | State::Starting
            | State::Running { .. }
            | State::Done
            | State::Failed => {}
        }
    }

    /// From now on it isn't restarted when it ends: everything is about to be stopped, wave by wave. An order to
    /// launch that wasn't carried out yet is taken back by the caller.
    pub fn hold(&mut self, actions: &mut Vec<Action>) {
        self.wanted = Wanted::Down;
        if let State::Backoff { .. } | State::Starting = self.state {
            self.state = State::Stopped;
            self.say(actions, Level::Info, "stopped".into(), "stopped", None);
        }
    }

    fn when_gone(&mut self, now: Mono, actions: &mut Vec<Action>) {
        let State::Stopping { ending, why, starter } = &self.state else { return };
        if !ending.gone() {
            return;
        }
        let (why, exit, killed) = (*why, ending.exit, ending.killed());
        if let Some(starter) = *starter {
            return self.end_by_order(starter, Some(starter), None, self.spec.stop.timeout, now, actions);
        }
        let success = exit.is_some_and(|exit| self.succeeded(exit)) && !matches!(self.last_end, Some(End::Lost(_)));
        match why {
            Why::Died { ran } => self.ended(ran, success, "nothing is left of it", now, actions),
            Why::Ordered => {
                self.state = State::Stopped;
                let exit = exit.map(|exit| format!(": {exit}")).unwrap_or_default();
                let over = if killed { " (its time was over)" } else { "" };
                let level = if killed { Level::Warn } else { Level::Info };
                self.say(actions, level, format!("stopped{exit}{over}"), "stopped", None);
                if self.wanted == Wanted::Up {
                    self.launch(now, actions);
                }
            }
        }
    }

    /// The verdict on a run that ended by itself: restart now or later, or never again. `ran`: how long it was up;
    /// `None`: it never was.
    pub(super) fn ended(
        &mut self,
        ran: Option<Duration>,
        success: bool,
        text: &str,
        now: Mono,
        actions: &mut Vec<Action>,
    ) {
        self.record.ended(ran.is_some_and(|ran| ran >= self.spec.startsecs));
        if self.wanted == Wanted::Down {
            self.state = State::Stopped;
            return self.say(actions, Level::Info, format!("{text}; stopped"), "stopped", None);
        }
        let again = match self.spec.restart {
            Restart::Always => true,
            Restart::OnFailure => !success,
            Restart::Never => false,
        };
        if !again {
            let (state, level, name) =
                if success { (State::Done, Level::Info, "done") } else { (State::Failed, Level::Error, "failed") };
            self.state = state;
            return self.say(actions, level, format!("{text}; {name}, not to be restarted"), name, None);
        }
        if self.record.exhausted(self.spec.max_restarts, now) {
            self.state = State::Failed;
            return self.say(actions, Level::Error, format!("{text}; failed: max_restarts reached"), "failed", None);
        }
        self.record.restarted(self.spec.max_restarts, now);
        let earliest = self.launched.map_or(now, |launched| launched + SPACING);
        let until = (now + self.record.delay(self.spec.backoff)).max(earliest);
        let level = if success { Level::Info } else { Level::Warn };
        match self.record.short_in_a_row {
            0 => self.say(actions, level, format!("{text}; restart at once"), "backoff", None),
            count => {
                let delay = Spoken(until.since(now));
                self.say(actions, level, format!("{text}; restart in {delay} ({count} in a row)"), "backoff", None);
            }
        }
        if until <= now {
            self.launch(now, actions);
        } else {
            self.state = State::Backoff { until };
        }
    }

    fn launch(&mut self, now: Mono, actions: &mut Vec<Action>) {
        self.life = self.life.next();
        self.launched = Some(now);
        self.state = State::Starting;
        actions.push(Action::Launch { unit: self.unit, life: self.life, part: Part::Program, due: None });
    }

    pub(super) fn succeeded(&self, exit: Exit) -> bool {
        matches!(exit, Exit::Code(code) if self.spec.success_codes.contains(&code))
    }

    fn stopping_text(&self, limit: Duration) -> String {
        match self.spec.stop.signal {
            Some(signal) => format!("stopping ({signal}, up to {})", Spoken(limit)),
            None => format!("stopping (up to {})", Spoken(limit)),
        }
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
            "running" | "starting" => None,
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
