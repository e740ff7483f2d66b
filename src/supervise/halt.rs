//! What is being ended of a service's life, in all its parts: the main process and its group (`ending`), what a forking
//! daemon has beside it, what its start has left elsewhere (`strays`), the command that stops it (`task`).

use super::action::Action;
use super::ending::Ending;
use super::state::Death;
use super::strays::Strays;
use super::task::Task;
use crate::model::moment::Mono;
use crate::model::signal::Signal;
use crate::model::unit::{Life, Pid};
use std::time::Duration;

/// A life that is being ended.
#[derive(Debug)]
pub(super) struct Halt {
    pub ending: Ending,
    pub why: Why,
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
    pub signal: Option<(Signal, Mono)>,
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
