//! How a service's machine (`service`) is brought to its end: by order, because it is unfit, or after its death.
//!
//! - With a `stop.command` that runs first; the signal follows when it has ended or when half of the time is over, if
//!   the process still lives. SIGKILL comes when all of the time is over, and ends the command too.
//! - Everything else is `ending`'s; nothing is concluded before the process, its group and the command are gone.

use super::action::{Action, Part, Target};
use super::ending::{Ending, Living};
use super::judging::{LEFTOVERS, Over};
use super::service::Service;
use super::standing::End;
use super::state::{Death, State, Wanted};
use super::strays::Strays;
use super::task::Task;
use crate::model::moment::{Mono, Spoken};
use crate::model::service::StopGroup;
use crate::model::settings::Level;
use crate::model::signal::Signal;
use crate::model::unit::{Life, Pid};
use std::time::Duration;

/// Said in place of the claim that nothing is left.
const UNSEEN: &str = "what left its process group could not be looked for";

/// A life that is being ended.
#[derive(Debug)]
pub(super) struct Halt {
    pub ending: Ending,
    why: Why,
    /// Of a forking daemon what is ended at the same time: its starter, or what its predecessor left.
    pub beside: Option<Ending>,
    /// What a start has left outside of its group, while it is looked for.
    pub strays: Option<Strays>,
    /// How it ended, while that isn't said: as long as nothing is known to be left.
    pub untold: Option<String>,
    /// A daemon that has ended, and whose status its starter has yet to pass on or to leave to us.
    pub unreaped: Option<Pid>,
    /// What was launched, while it lives beside the main process that it has named: it is next.
    pub former: Option<Pid>,
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
    /// So too, and how is known: what else lives of it has no say in that.
    Left { ran: Option<Duration>, success: bool },
    /// It isn't ready in time, healthy or alive: a failure, whatever its exit status will be.
    Unfit { ran: Option<Duration> },
}

/// What is left of a life that is to end.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Remains {
    /// The main process.
    pub pid: Option<Pid>,
    /// Its group, which may outlive it.
    pub group: Option<Pid>,
    /// Of a forking daemon; it leads a group, which may be the same.
    pub starter: Option<Pid>,
    /// What was launched and has named a main process.
    pub former: Option<Pid>,
}

impl Remains {
    /// A process with the group that it leads.
    pub fn led_by(pid: Pid) -> Remains {
        Remains { pid: Some(pid), group: Some(pid), ..Remains::default() }
    }

    /// What is left while there is no daemon: of the starter, or of both.
    pub fn of_forker(group: Option<Pid>, starter: Option<Pid>) -> Remains {
        match starter {
            Some(starter) if group == Some(starter) => Remains::led_by(starter),
            _ => Remains { group, starter, ..Remains::default() },
        }
    }
}

impl Halt {
    /// Clears up after a death.
    pub fn after_death(ending: Ending, why: Why) -> Halt {
        Halt {
            ending,
            why,
            beside: None,
            strays: None,
            untold: None,
            unreaped: None,
            former: None,
            command: None,
            signal: None,
        }
    }

    /// It was told to stop before, and is to be gone by then.
    pub fn ordered_by(&mut self, by: Mono) {
        self.why = Why::Ordered;
        self.ending.set_time(by);
    }

    /// The process that is awaited.
    pub fn pid(&self) -> Option<Pid> {
        self.ending.pid().or(self.beside.as_ref().and_then(Ending::pid))
    }

    /// Whether the time of some part of it ran out.
    pub fn killed(&self) -> bool {
        let beside = self.beside.as_ref().is_some_and(Ending::killed);
        self.ending.killed() || beside || self.strays.as_ref().is_some_and(Strays::killed)
    }

    /// Puts SIGKILL off to `at`.
    pub fn postpone(&mut self, at: Mono) {
        self.ending.postpone(at);
        self.beside.iter_mut().for_each(|beside| beside.postpone(at));
        self.strays.iter_mut().for_each(|strays| strays.postpone(at));
    }

    /// A process of it has ended; whether it was one that is awaited.
    pub fn exited(&mut self, death: Death, now: Mono, actions: &mut Vec<Action>) -> bool {
        let Death { pid, exit, group_lives, .. } = death;
        self.former.take_if(|former| *former == pid);
        let (main, other) =
            (self.ending.pid() == Some(pid), self.beside.as_ref().is_some_and(|b| b.pid() == Some(pid)));
        if let Some(beside) = &mut self.beside {
            beside.exited(pid, exit, group_lives, now, actions);
        }
        if main {
            self.ending.exited(pid, exit, group_lives, now, actions);
            self.unreaped = Some(pid).filter(|_| exit.is_none() && self.beside.is_some());
        } else if self.unreaped.take_if(|unreaped| *unreaped == pid).is_some() {
            self.ending.exit = exit;
            return true;
        } else if other && self.ending.pid().is_none() && self.ending.exit.is_none() {
            // It was its daemon's parent, and passes the status on.
            self.ending.exit = exit;
        }
        main || other
    }

    /// Whether it was told to stop.
    pub fn is_ordered(&self) -> bool {
        self.why == Why::Ordered
    }

    /// Whether the exit of the process is how the life ended. The end of what was unfit is told already.
    pub fn keeps_end(&self) -> bool {
        !matches!(self.why, Why::Unfit { .. } | Why::Left { .. })
    }

    /// The groups that are awaited, each with the life in which it is looked at.
    pub fn awaited_groups(&self) -> [Option<(Life, Pid)>; 2] {
        let awaited = |ending: &Ending| ending.awaited_group().map(|group| (ending.life(), group));
        [awaited(&self.ending), self.beside.as_ref().and_then(awaited)]
    }

    /// A group was seen empty; whether it is of this.
    pub fn group_gone(&mut self, life: Life) -> bool {
        let parts = [Some(&mut self.ending), self.beside.as_mut()];
        let part = parts.into_iter().flatten().find(|part| part.life() == life);
        part.map(Ending::group_gone).is_some()
    }

    /// When it has something to do.
    pub fn deadline(&self) -> Option<Mono> {
        let command = self.command.as_ref().and_then(Task::deadline);
        let signal = self.signal.map(|(_, at)| at);
        let beside = self.beside.as_ref().and_then(Ending::deadline);
        let strays = self.strays.as_ref().map(Strays::deadline);
        self.ending.deadline().into_iter().chain(beside).chain(strays).chain(command).chain(signal).min()
    }

    /// Does what is due. When the command is over its signal is due too.
    pub fn expire(&mut self, now: Mono, actions: &mut Vec<Action>) {
        let command_over = self.command.is_none();
        if let Some((signal, _)) = self.signal.take_if(|(_, at)| command_over || *at <= now) {
            self.tell(signal, actions);
        }
        if let Some(command) = &mut self.command {
            command.expire(now, actions);
        }
        self.ending.expire(now, actions);
        self.beside.iter_mut().for_each(|beside| beside.expire(now, actions));
        self.strays.iter_mut().for_each(|strays| strays.expire(now, actions));
    }

    fn tell(&self, signal: Signal, actions: &mut Vec<Action>) {
        self.ending.signal(signal, actions);
        self.beside.iter().for_each(|beside| beside.signal(signal, actions));
    }

    /// It must be over by `at`, if that is sooner; nobody is asked twice before SIGKILL.
    pub fn hasten(&mut self, at: Mono, now: Mono, actions: &mut Vec<Action>) {
        self.ending.hasten(at);
        self.beside.iter_mut().for_each(|beside| beside.hasten(at));
        self.strays.iter_mut().for_each(|strays| strays.hasten(at));
        if let Some(command) = &mut self.command {
            command.hasten(at);
        }
        if let Some((signal, due)) = &mut self.signal {
            *due = (*due).min(at);
            let signal = *signal;
            if *due <= now {
                self.signal = None;
                self.tell(signal, actions);
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
