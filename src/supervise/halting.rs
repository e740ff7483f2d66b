//! How a service's machine (`service`) is brought to its end: by order, because it is unfit, or after its death.
//!
//! - With a `stop.command` that runs first; the signal follows when it has ended or when half of the time is over, if
//!   the process still lives. SIGKILL comes when all of the time is over, and ends the command too.
//! - Everything else is `ending`'s; nothing is concluded before the process, its group and the command are gone.

use super::action::{Action, Part, Target};
use super::ending::{Ending, Living};
use super::judging::Over;
use super::service::Service;
use super::standing::End;
use super::state::{State, Wanted};
use super::task::Task;
use crate::model::moment::{Mono, Spoken};
use crate::model::settings::Level;
use crate::model::signal::Signal;
use crate::model::unit::Pid;
use std::time::Duration;

/// A life that is being ended.
#[derive(Debug)]
pub(super) struct Halt {
    pub ending: Ending,
    why: Why,
    /// Of a forking daemon, if it still lives beside its daemon.
    pub starter: Option<Pid>,
    /// `stop.command`, while it is under way.
    pub command: Option<Task>,
    /// The stop signal, and when it is due at the latest; `None` once it was sent.
    signal: Option<(Signal, Mono)>,
}

/// Why a life is being ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Why {
    /// It was told to stop.
    Ordered,
    /// It came to its end by itself after this long, and something of it is left.
    Died { ran: Option<Duration> },
    /// So too, and what was launched lives on beside the main process that has ended.
    Left { ran: Option<Duration>, success: bool },
    /// It isn't ready in time, healthy or alive: a failure, whatever its exit status will be.
    Unfit { ran: Option<Duration> },
}

impl Halt {
    /// Clears up after a death.
    pub fn after_death(ending: Ending, ran: Option<Duration>) -> Halt {
        Halt { ending, why: Why::Died { ran }, starter: None, command: None, signal: None }
    }

    /// Whether it was told to stop.
    pub fn is_ordered(&self) -> bool {
        self.why == Why::Ordered
    }

    /// Whether the exit of the process is how the life ended. The end of what was unfit is told already.
    pub fn keeps_end(&self) -> bool {
        !matches!(self.why, Why::Unfit { .. } | Why::Left { .. })
    }

    /// When it has something to do.
    pub fn deadline(&self) -> Option<Mono> {
        let command = self.command.as_ref().and_then(Task::deadline);
        let signal = self.signal.map(|(_, at)| at);
        self.ending.deadline().into_iter().chain(command).chain(signal).min()
    }

    /// Does what is due. When the command is over its signal is due too.
    pub fn expire(&mut self, now: Mono, actions: &mut Vec<Action>) {
        let command_over = self.command.is_none();
        if let Some((signal, _)) = self.signal.take_if(|(_, at)| command_over || *at <= now) {
            self.ending.signal(signal, actions);
        }
        if let Some(command) = &mut self.command {
            command.expire(now, actions);
        }
        self.ending.expire(now, actions);
    }

    /// It must be over by `at`, if that is sooner; nobody is asked twice before SIGKILL.
    pub fn hasten(&mut self, at: Mono, now: Mono, actions: &mut Vec<Action>) {
        self.ending.hasten(at);
        if let Some(command) = &mut self.command {
            command.hasten(at);
        }
        if let Some((signal, due)) = &mut self.signal {
            *due = (*due).min(at);
            if *due <= now {
                self.ending.signal(*signal, actions);
                self.signal = None;
            }
        }
    }
}

impl Service {
    /// It is to stop, within `limit` if that is less than its own `stop.timeout`; `None`: a limit of its own.
    pub fn stop(&mut self, limit: Option<Duration>, now: Mono, actions: &mut Vec<Action>) {
        self.wanted = Wanted::Down;
        self.limit = limit.map(|limit| now + limit);
        let limit = limit.unwrap_or(self.spec.stop.timeout);
        let own = limit.min(self.spec.stop.timeout);
        match &mut self.state {
            State::Running { .. } => self.halt(Why::Ordered, own, now, actions),
            State::Adopting(_) => self.stop_adopting(own, now, actions),
            State::Stopping(halt) => halt.hasten(now + own, now, actions),
            State::Preparing(task) => {
                task.end(limit, now, actions);
                self.say(actions, Level::Info, "stopping (pre_start)".into(), "stopping", None);
            }
            State::Clearing(clearing) => clearing.0.hasten(now + limit),
            State::Waiting { .. } | State::Backoff { .. } => self.hold(actions),
            // The answer to the launch comes within the same turn; it finds that the service is wanted down.
            State::Starting => {}
            State::Stopped | State::Done | State::Failed => {}
        }
    }

    /// Ends the program that runs.
    pub(super) fn halt(&mut self, why: Why, limit: Duration, now: Mono, actions: &mut Vec<Action>) {
        let State::Running { pid, group, proxy, .. } = &self.state else { return };
        let starter = proxy.as_ref().map_or(self.former, |proxy| proxy.starter()).filter(|starter| starter != pid);
        let (pid, group) = (*pid, *group);
        self.forget_probes(actions);
        self.halt_process(why, pid, group, starter, limit, now, actions);
    }

    #[expect(clippy::too_many_arguments, reason = "the process in all its parts; a type for one call says no more")]
    pub(super) fn halt_process(
        &mut self,
        why: Why,
        pid: Pid,
        group: Option<Pid>,
        starter: Option<Pid>,
        limit: Duration,
        now: Mono,
        actions: &mut Vec<Action>,
    ) {
        let living = Living { unit: self.unit, life: self.life, pid, group };
        let stop = self.spec.stop;
        // With no time at all there is none for a command either; and what is left of a dead one isn't asked.
        let asked = !matches!(why, Why::Died { .. } | Why::Left { .. }) && !limit.is_zero();
        let command = asked && self.spec.extras().stop_command.is_some();
        let command = command.then(|| {
            let life = self.next_life();
            let time = (limit, Some(now + limit));
            Task::order((self.unit, life), Part::StopCommand { main: pid }, stop, time, now, actions)
        });
        let (first, later) = match (&command, stop.signal) {
            (None, signal) => (signal, None),
            (Some(_), signal) => (None, signal.map(|signal| (signal, now + limit / 2))),
        };
        let ending = Ending::ordered(living, stop, first, limit, now, actions);
        if why == Why::Ordered {
            self.overran = false;
            self.say(actions, Level::Info, self.stopping_text(command.is_some(), limit), "stopping", Some(pid));
        }
        self.state = State::Stopping(Box::new(Halt { ending, why, starter, command, signal: later }));
    }

    /// It is unfit for this reason: it is stopped, as a failure. `alarm`: what its process gets first.
    pub(super) fn unfit(
        &mut self,
        text: String,
        ran: Option<Duration>,
        alarm: Option<Signal>,
        now: Mono,
        actions: &mut Vec<Action>,
    ) {
        let State::Running { pid, .. } = &self.state else { return };
        let pid = *pid;
        let limit = self.spec.stop.timeout;
        let stopping = self.stopping_text(self.spec.extras().stop_command.is_some(), limit);
        self.last_end = Some(End::Lost(text.clone()));
        self.say(actions, Level::Error, format!("{text}; {stopping}"), "stopping", Some(pid));
        if let Some(signal) = alarm {
            actions.push(Action::Signal { unit: self.unit, target: Target::Process(pid), signal });
        }
        self.halt(Why::Unfit { ran }, limit, now, actions);
    }

    /// SIGKILL to whatever is left of it, now.
    pub fn kill(&mut self, now: Mono, actions: &mut Vec<Action>) {
        match &mut self.state {
            State::Stopping(halt) => {
                halt.hasten(now, now, actions);
                if let Some(command) = &mut halt.command {
                    command.kill(now, actions);
                }
                self.expire(now, actions);
            }
            State::Preparing(task) => {
                task.kill(now, actions);
                self.count_overrun();
            }
            State::Clearing(clearing) => {
                clearing.0.kill(now, actions);
                self.count_overrun();
            }
            State::Stopped
            | State::Waiting { .. }
            | State::Starting
            | State::Adopting(_)
            | State::Running { .. }
            | State::Backoff { .. }
            | State::Done
            | State::Failed => {}
        }
    }

    /// From now on it isn't restarted when it ends: everything is about to be stopped, wave by wave. An order to
    /// launch that wasn't carried out yet is taken back by the caller.
    pub fn hold(&mut self, actions: &mut Vec<Action>) {
        self.wanted = Wanted::Down;
        let idle = match &self.state {
            State::Waiting { .. } | State::Backoff { .. } | State::Starting => true,
            State::Preparing(task) => task.is_ordered(),
            State::Stopped
            | State::Adopting(_)
            | State::Running { .. }
            | State::Stopping(_)
            | State::Clearing(_)
            | State::Done
            | State::Failed => false,
        };
        if idle {
            self.state = State::Stopped;
            self.say(actions, Level::Info, "stopped".into(), "stopped", None);
        }
    }

    /// Concludes the life if all of it is gone.
    pub(super) fn when_gone(&mut self, now: Mono, actions: &mut Vec<Action>) {
        let State::Stopping(halt) = &self.state else { return };
        // Whoever named a main process in a group apart may have to reap it, and isn't waiting for that group.
        let apart = halt.ending.pid().is_none()
            && halt.starter.is_some()
            && halt.starter == self.former
            && halt.ending.group() != self.former;
        if !(halt.ending.gone() || apart) || halt.command.is_some() {
            return;
        }
        let (why, exit, killed) = (halt.why, halt.ending.exit, halt.ending.killed());
        if let Some(starter) = halt.starter {
            let limit = self.spec.stop.timeout;
            return self.halt_process(why, starter, Some(starter), None, limit, now, actions);
        }
        let lost = matches!(self.last_end, Some(End::Lost(_)));
        let over = match why {
            Why::Ordered => Over::Ordered { exit, killed },
            Why::Died { ran } => {
                let success = exit.is_some_and(|exit| self.succeeded(exit)) && !lost;
                Over::ByItself { ran, success, text: "nothing is left of it".into() }
            }
            Why::Left { ran, success } => Over::ByItself { ran, success, text: "nothing is left of it".into() },
            Why::Unfit { ran } => {
                let text = self.last_end.as_ref().map_or_else(String::new, End::to_string);
                Over::ByItself { ran, success: false, text }
            }
        };
        self.over(over, now, actions);
    }

    fn stopping_text(&self, command: bool, limit: Duration) -> String {
        let limit = Spoken(limit);
        match (command, self.spec.stop.signal) {
            (true, _) => format!("stopping (stop.command, up to {limit})"),
            (false, Some(signal)) => format!("stopping ({signal}, up to {limit})"),
            (false, None) => format!("stopping (up to {limit})"),
        }
    }
}
