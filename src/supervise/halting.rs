//! How a service's machine (`service`) is brought to its end: by order, because it is unfit, or after its death.
//!
//! - With a `stop.command` that runs first; the signal follows when it has ended or when half of the time is over, if
//!   the process still lives. SIGKILL comes when all of the time is over, and ends the command too.
//! - Everything else is `ending`'s; nothing is concluded before the process, its group and the command are gone.

use super::action::{Action, Part, Target};
use super::ending::{Ending, Living};
use super::halt::{Halt, Remains, Why};
use super::judging::{LEFTOVERS, Over};
use super::service::Service;
use super::standing::End;
use super::state::{State, Wanted};
use super::strays::Strays;
use super::task::Task;
use crate::model::moment::{Mono, Spoken};
use crate::model::service::StopGroup;
use crate::model::settings::Level;
use crate::model::signal::Signal;
use std::time::Duration;

/// Said in place of the claim that nothing is left.
const UNSEEN: &str = "what left its process group could not be looked for";

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
        let starter = proxy.as_ref().and_then(|proxy| proxy.starter()).filter(|starter| starter != pid);
        let former = self.former.filter(|former| proxy.is_none() && former != pid);
        let remains = Remains { pid: Some(*pid), group: *group, starter, former };
        self.forget_probes(actions);
        self.halt_process(why, remains, limit, now, actions);
    }

    pub(super) fn halt_process(
        &mut self,
        why: Why,
        remains: Remains,
        limit: Duration,
        now: Mono,
        actions: &mut Vec<Action>,
    ) {
        let Remains { group, starter, former, .. } = remains;
        let Some(pid) = remains.pid.or(starter) else { return };
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
        let living = Living { unit: self.unit, life: self.life, pid, group };
        let ending = match remains.pid {
            Some(_) => Ending::ordered(living, stop, first, limit, now, actions),
            None => {
                let limit = if why == Why::Ordered { limit } else { limit.min(LEFTOVERS) };
                self.leftovers(living, limit, now, actions)
            }
        };
        // A starter in the same group has its signal with that, and is awaited with it.
        let shared = group.is_some() && group == starter;
        let starter = starter.filter(|_| !shared || stop.group != StopGroup::Group);
        let beside = starter.map(|pid| {
            let group = Some(pid).filter(|_| !shared);
            let living = Living { unit: self.unit, life: self.next_life(), pid, group };
            Ending::ordered(living, stop, first, limit, now, actions)
        });
        if why == Why::Ordered {
            self.overran = false;
            self.say(actions, Level::Info, self.stopping_text(command.is_some(), limit), "stopping", Some(pid));
        }
        let halt = Halt { beside, former, command, signal: later, ..Halt::after_death(ending, why) };
        self.state = State::Stopping(Box::new(halt));
    }

    /// What is left of a group whose leader is gone is told to end.
    pub(super) fn leftovers(
        &self,
        mut living: Living,
        limit: Duration,
        now: Mono,
        actions: &mut Vec<Action>,
    ) -> Ending {
        let stop = self.spec.stop;
        living.group = living.group.filter(|_| stop.group != StopGroup::Main);
        let mut ending = Ending::leftovers(living, None, stop, limit, now);
        if let (Some(group), Some(signal)) = (living.group, stop.signal) {
            ending.send(signal, Target::Group(group), actions);
            actions.push(Action::CheckGroup { unit: living.unit, life: living.life, group });
        } else if living.group.is_none() {
            ending.group_gone();
        }
        ending
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
        let State::Stopping(halt) = &mut self.state else { return };
        // Whoever named a main process in a group apart may have to reap it, and isn't waiting for that group.
        let apart = halt.ending.pid().is_none() && halt.former.is_some() && halt.ending.group() != halt.former;
        let beside = halt.beside.as_ref().is_some_and(|beside| !beside.gone());
        if !(halt.ending.gone() || apart) || beside || halt.command.is_some() {
            return;
        }
        if halt.strays.as_mut().is_some_and(|strays| !strays.gone(now, actions)) {
            return;
        }
        let (why, exit, killed, former) = (halt.why, halt.ending.exit, halt.killed(), halt.former);
        let unseen = halt.strays.as_ref().is_some_and(Strays::unseen);
        let text = match (halt.untold.take(), unseen) {
            (Some(text), false) => text,
            (Some(text), true) => format!("{text}; {UNSEEN}"),
            (None, false) => "nothing is left of it".to_owned(),
            (None, true) => UNSEEN.to_owned(),
        };
        if unseen && why == Why::Ordered {
            self.say(actions, Level::Warn, UNSEEN.to_owned(), "stopping", None);
        }
        if let Some(former) = former {
            let limit = self.spec.stop.timeout;
            return self.halt_process(why, Remains::led_by(former), limit, now, actions);
        }
        let lost = matches!(self.last_end, Some(End::Lost(_)));
        let over = match why {
            Why::Ordered => Over::Ordered { exit, killed },
            Why::Died { ran } => {
                let success = exit.is_some_and(|exit| self.succeeded(exit)) && !lost;
                Over::ByItself { ran, success, text }
            }
            Why::Left { ran, success } => Over::ByItself { ran, success, text },
            Why::Unfit { ran } => {
                let text = self.last_end.as_ref().map_or_else(String::new, End::to_string);
                Over::ByItself { ran, success: false, text }
            }
        };
        self.over(over, now, actions);
    }

    pub(super) fn stopping_text(&self, command: bool, limit: Duration) -> String {
        let limit = Spoken(limit);
        match (command, self.spec.stop.signal) {
            (true, _) => format!("stopping (stop.command, up to {limit})"),
            (false, Some(signal)) => format!("stopping ({signal}, up to {limit})"),
            (false, None) => format!("stopping (up to {limit})"),
        }
    }
}
