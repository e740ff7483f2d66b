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
//! - `Starting` lasts from the order to launch until its answer; with a pid file until the daemon is adopted.
//! - A run is good if it lived `startsecs` from `Running` on; then the next start is at once, else after the back-off.
//!   A failed launch is a short run. Two starts by restart are never closer than `backoff::SPACING`.
//! - `wanted` is the second dimension: what was told to stop isn't restarted, whatever its state was when it was told
//!   so; a start during `Stopping` is done when the old life is gone.
//! - One life at a time: a launch is ordered only when the earlier life's main process is reaped and, unless
//!   `stop.group: false`, its group is empty. Events carry their life; those of another one change nothing.
//! - An unexpected death with leftovers is `Stopping` too: the group gets the stop signal before its leader is reaped
//!   (`death_signal`), SIGKILL after `stop.timeout` but at most `LEFTOVERS`.

use super::action::Action;
use super::backoff::{Record, SPACING};
use super::ending::{Ending, Living};
use super::event::Fault;
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
    unit: UnitId,
    life: Life,
    state: State,
    wanted: Wanted,
    /// When the last life was launched.
    launched: Option<Mono>,
    pub record: Record,
    pub last_end: Option<End>,
    /// Its time ran out when it was last told to stop.
    pub overran: bool,
}

/// What was asked for last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wanted {
    Up,
    Down,
}

#[derive(Debug)]
enum State {
    Stopped,
    Starting,
    Running { pid: Pid, since: Mono },
    Stopping { ending: Ending, why: Why },
    Backoff { until: Mono },
    Done,
    Failed,
}

/// Why a life is being ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Why {
    /// It was told to stop.
    Ordered,
    /// It died by itself after this long, and something of its group is left.
    Died { ran: Duration },
}

/// How the last life ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum End {
    Exited(Exit),
    NeverStarted(Fault),
}

impl End {
    /// The exit status that stands for it (spec/cli.md).
    pub fn status(&self) -> u8 {
        match self {
            End::Exited(exit) => exit.status(),
            End::NeverStarted(fault) => fault.kind.status(),
        }
    }
}

impl std::fmt::Display for End {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            End::Exited(exit) => exit.fmt(f),
            End::NeverStarted(fault) => f.write_str(&fault.text),
        }
    }
}

/// What others may know of a service's state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    Stopped,
    Starting,
    Running { pid: Pid, since: Mono },
    Stopping { pid: Option<Pid> },
    Backoff { until: Mono },
    Done,
    Failed,
}

impl Standing {
    /// The state's name, as the log and the status table have it.
    pub fn name(self) -> &'static str {
        match self {
            Standing::Stopped => "stopped",
            Standing::Starting => "starting",
            Standing::Running { .. } => "running",
            Standing::Stopping { .. } => "stopping",
            Standing::Backoff { .. } => "backoff",
            Standing::Done => "done",
            Standing::Failed => "failed",
        }
    }
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
            State::Starting => Standing::Starting,
            State::Running { pid, since } => Standing::Running { pid: *pid, since: *since },
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
            State::Starting | State::Running { .. } | State::Stopping { .. } => {}
        }
    }

    /// It is to stop, within `limit` if that is less than its own `stop.timeout`.
    pub fn stop(&mut self, limit: Duration, now: Mono, actions: &mut Vec<Action>) {
        self.wanted = Wanted::Down;
        let limit = limit.min(self.spec.stop.timeout);
        match &mut self.state {
            State::Running { pid, .. } => {
                let living = Living { unit: self.unit, life: self.life, pid: *pid, group: Some(*pid) };
                let ending = Ending::ordered(living, self.spec.stop, self.spec.stop.signal, limit, now, actions);
                self.overran = false;
                self.say(actions, Level::Info, self.stopping_text(limit), "stopping", ending.pid());
                self.state = State::Stopping { ending, why: Why::Ordered };
            }
            State::Stopping { ending, .. } => ending.hasten(now + limit),
            State::Backoff { .. } => self.hold(actions),
            // The answer to the launch comes within the same turn; it finds that the service is wanted down.
            State::Starting => {}
            State::Stopped | State::Done | State::Failed => {}
        }
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
        match self.state {
            State::Starting if life == self.life => {
                self.state = State::Running { pid, since: now };
                self.say(actions, Level::Info, format!("running (pid {pid})"), "running", Some(pid));
                if self.wanted == Wanted::Down {
                    self.stop(self.spec.stop.timeout, now, actions);
                }
            }
            State::Starting
            | State::Stopped
            | State::Running { .. }
            | State::Stopping { .. }
            | State::Backoff { .. }
            | State::Done
            | State::Failed => self.stray(actions, "launched"),
        }
    }

    /// The program could not be started.
    pub fn launch_failed(&mut self, life: Life, fault: Fault, now: Mono, actions: &mut Vec<Action>) {
        match self.state {
            State::Starting if life == self.life => {
                let text = fault.text.clone();
                self.last_end = Some(End::NeverStarted(fault));
                self.ended(Duration::ZERO, false, &text, now, actions);
            }
            State::Starting
            | State::Stopped
            | State::Running { .. }
            | State::Stopping { .. }
            | State::Backoff { .. }
            | State::Done
            | State::Failed => self.stray(actions, "launch failed"),
        }
    }

    /// The signal that the group is to get when this process is found dead and not yet reaped.
    pub fn death_signal(&self, dead: Pid) -> Option<Signal> {
        match &self.state {
            State::Running { pid, .. } if *pid == dead && self.spec.stop.group != StopGroup::Main => self.spec.stop.signal,
            State::Running { .. }
            | State::Stopped
            | State::Starting
            | State::Stopping { .. }
            | State::Backoff { .. }
            | State::Done
            | State::Failed => None,
        }
    }

    /// A process of this life was reaped.
    pub fn exited(&mut self, life: Life, dead: Pid, exit: Exit, group_lives: bool, now: Mono, actions: &mut Vec<Action>) {
        if life != self.life {
            return self.stray(actions, "exited");
        }
        match &mut self.state {
            State::Running { pid, since } if *pid == dead => {
                let ran = now.since(*since);
                self.last_end = Some(End::Exited(exit));
                let text = format!("{exit} after {}", Spoken(ran));
                if group_lives && self.spec.stop.group != StopGroup::Main {
                    let living = Living { unit: self.unit, life, pid: dead, group: Some(dead) };
                    let limit = self.spec.stop.timeout.min(LEFTOVERS);
                    let ending = Ending::leftovers(living, exit, self.spec.stop, limit, now);
                    self.state = State::Stopping { ending, why: Why::Died { ran } };
                    let text = format!("{text}; ending what it left behind");
                    self.say(actions, Level::Warn, text, "stopping", Some(dead));
                } else {
                    self.ended(ran, self.succeeded(exit), &text, now, actions);
                }
            }
            State::Stopping { ending, .. } => {
                ending.exited(dead, exit, group_lives, now, actions);
                self.last_end = Some(End::Exited(exit));
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

    /// The group of this life was seen empty.
    pub fn group_gone(&mut self, life: Life, now: Mono, actions: &mut Vec<Action>) {
        if let State::Stopping { ending, .. } = &mut self.state {
            if life == self.life {
                ending.group_gone();
                self.when_gone(now, actions);
            }
        }
    }

    /// The group that is awaited, when it may have been emptied by an orphan's end.
    pub fn awaited_group(&self) -> Option<(Life, Pid)> {
        match &self.state {
            State::Stopping { ending, .. } => ending.awaited_group().map(|group| (self.life, group)),
            _ => None,
        }
    }

    /// When it has something to do.
    pub fn deadline(&self) -> Option<Mono> {
        match &self.state {
            State::Backoff { until } => Some(*until),
            State::Stopping { ending, .. } => ending.deadline(),
            State::Stopped | State::Starting | State::Running { .. } | State::Done | State::Failed => None,
        }
    }

    /// Does what is due.
    pub fn expire(&mut self, now: Mono, actions: &mut Vec<Action>) {
        match &mut self.state {
            State::Backoff { until } if *until <= now => self.launch(now, actions),
            State::Stopping { ending, why } => {
                ending.expire(now, actions);
                self.overran |= ending.killed() && *why == Why::Ordered;
            }
            State::Backoff { .. } | State::Stopped | State::Starting | State::Running { .. } | State::Done | State::Failed => {}
        }
    }

    /// From now on it isn't restarted when it ends: everything is about to be stopped, wave by wave.
    pub fn hold(&mut self, actions: &mut Vec<Action>) {
        self.wanted = Wanted::Down;
        if let State::Backoff { .. } = self.state {
            self.state = State::Stopped;
            self.say(actions, Level::Info, "stopped".into(), "stopped", None);
        }
    }

    fn when_gone(&mut self, now: Mono, actions: &mut Vec<Action>) {
        let State::Stopping { ending, why } = &self.state else { return };
        if !ending.gone() {
            return;
        }
        let (why, exit, killed) = (*why, ending.exit, ending.killed());
        let success = exit.is_some_and(|exit| self.succeeded(exit));
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

    /// The verdict on a run that ended by itself: restart now or later, or never again.
    fn ended(&mut self, ran: Duration, success: bool, text: &str, now: Mono, actions: &mut Vec<Action>) {
        let started = !matches!(self.last_end, Some(End::NeverStarted(_)));
        self.record.ended(started && ran >= self.spec.startsecs);
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
        actions.push(Action::Launch { unit: self.unit, life: self.life, due: None });
    }

    fn succeeded(&self, exit: Exit) -> bool {
        matches!(exit, Exit::Code(code) if self.spec.success_codes.contains(&code))
    }

    fn stopping_text(&self, limit: Duration) -> String {
        match self.spec.stop.signal {
            Some(signal) => format!("stopping ({signal}, up to {})", Spoken(limit)),
            None => format!("stopping (up to {})", Spoken(limit)),
        }
    }

    fn say(&self, actions: &mut Vec<Action>, level: Level, text: String, state: &'static str, pid: Option<Pid>) {
        let status = match state {
            "running" | "starting" => None,
            _ => self.last_end.as_ref().map(End::status),
        };
        actions.push(Action::Say(Note { level, unit: Some(self.spec.name.clone()), text, pid, status, state: Some(state) }));
    }

    /// An event that this state can't have: said loudly and dropped, since PID 1 doesn't die of its own logic.
    fn stray(&self, actions: &mut Vec<Action>, event: &str) {
        let text = format!("unexpected event '{event}' while {}; dropped", self.standing().name());
        actions.push(Action::Say(Note::new(Level::Error, text).about(self.spec.name.clone())));
        debug_assert!(false, "unexpected event '{event}' while {}", self.standing().name());
    }
}
