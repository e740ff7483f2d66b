//! The end of one life: a main process and its group, from the stop signal or the unexpected death until both are
//! gone. Services, jobs and the main command share it.
//!
//! ```text
//! signalled ──main process reaped──▶ clearing ──group empty──▶ gone
//!     │ time over: SIGKILL               │ time over: SIGKILL
//! ```
//!
//! - The group is known by the number of its dead leader, which the kernel doesn't use again while the group has a
//!   member. Once it was seen empty it is forgotten here, so that no stranger with that number is ever signalled.
//! - A member whose parent is another process ends without our seeing it, so while the group is all that is awaited
//!   it is looked at again at growing intervals; an end that we reap is looked at at once.

use super::action::{Action, Target};
use crate::model::exit::Exit;
use crate::model::moment::Mono;
use crate::model::service::{StopGroup, StopSpec};
use crate::model::signal::Signal;
use crate::model::unit::{Life, Pid, UnitId};
use std::time::Duration;

/// First and longest interval between looks at a group whose members may end unseen.
const FIRST_LOOK: Duration = Duration::from_millis(10);
const LONGEST_LOOK: Duration = Duration::from_secs(1);

/// Whoever is stopped (^Z, SIGSTOP) takes no signal until it goes on, so SIGCONT follows every stop signal but these.
pub(super) const STAYS: [Signal; 3] = [Signal::KILL, Signal::STOP, Signal::CONT];

/// What is left of a life that is to end.
#[derive(Clone, Debug)]
pub struct Ending {
    unit: UnitId,
    life: Life,
    /// The main process, until it is reaped.
    pid: Option<Pid>,
    /// The process group, until it was seen empty; `None` from the start where leftovers are left alone.
    group: Option<Pid>,
    /// How the main process ended, once it has.
    pub exit: Option<Exit>,
    /// When SIGKILL is due; `None` once it was sent.
    kill_at: Option<Mono>,
    /// Whether its time ran out.
    killed: bool,
    stop: StopSpec,
    /// The next look at the group, and the interval that led to it.
    look_at: Option<(Mono, Duration)>,
}

/// A process to be ended: the main process and the group it leads, if any.
#[derive(Clone, Copy, Debug)]
pub struct Living {
    pub unit: UnitId,
    pub life: Life,
    pub pid: Pid,
    pub group: Option<Pid>,
}

impl Ending {
    /// Ends a life on purpose: sends `signal` now and SIGKILL after `limit`.
    pub fn ordered(
        living: Living,
        stop: StopSpec,
        signal: Option<Signal>,
        limit: Duration,
        now: Mono,
        actions: &mut Vec<Action>,
    ) -> Ending {
        let ending = Ending {
            unit: living.unit,
            life: living.life,
            pid: Some(living.pid),
            group: living.group.filter(|_| stop.group != StopGroup::Main),
            exit: None,
            kill_at: Some(now + limit),
            killed: false,
            stop,
            look_at: None,
        };
        if let Some(signal) = signal {
            ending.signal(signal, actions);
        }
        ending
    }

    /// Sends the stop signal, if there is still somebody to get it.
    pub fn signal(&self, signal: Signal, actions: &mut Vec<Action>) {
        let Some(pid) = self.pid else { return };
        let target = match (self.stop.group, self.group) {
            (StopGroup::Group, Some(group)) => Target::Group(group),
            (StopGroup::Group, None) | (StopGroup::KillGroup | StopGroup::Main, _) => Target::Process(pid),
        };
        self.send(signal, target, actions);
    }

    pub(super) fn send(&self, signal: Signal, target: Target, actions: &mut Vec<Action>) {
        actions.push(Action::Signal { unit: self.unit, target, signal });
        if !STAYS.contains(&signal) {
            actions.push(Action::Signal { unit: self.unit, target, signal: Signal::CONT });
        }
    }

    /// Clears up after a death: the group has had its signal (`death_signal`) or gets it by the caller.
    pub fn leftovers(living: Living, exit: Option<Exit>, stop: StopSpec, limit: Duration, now: Mono) -> Ending {
        Ending {
            unit: living.unit,
            life: living.life,
            pid: None,
            group: living.group,
            exit,
            kill_at: Some(now + limit),
            killed: false,
            stop,
            look_at: Some((now + FIRST_LOOK, FIRST_LOOK)),
        }
    }

    /// The main process was reaped; `group_lives`: its group still has members.
    pub fn exited(&mut self, pid: Pid, exit: Option<Exit>, group_lives: bool, now: Mono, actions: &mut Vec<Action>) {
        if self.pid != Some(pid) {
            return;
        }
        self.pid = None;
        self.exit = exit;
        if !group_lives {
            self.group = None;
            return;
        }
        let Some(group) = self.group else { return };
        self.look_at = Some((now + FIRST_LOOK, FIRST_LOOK));
        // `stop.group: kill`: what the main process left over doesn't get the stop signal but its end.
        if self.stop.group == StopGroup::KillGroup && self.kill_at.take().is_some() {
            actions.push(Action::Signal { unit: self.unit, target: Target::Group(group), signal: Signal::KILL });
        }
    }

    /// Its main process has been seen in this group (`None`: in one that is of no concern).
    pub fn regroup(&mut self, pid: Pid, group: Option<Pid>) {
        if self.pid == Some(pid) && self.group.is_some() {
            self.group = group;
        }
    }

    /// The group was seen empty.
    pub fn group_gone(&mut self) {
        if self.pid.is_none() {
            self.group = None;
            self.look_at = None;
        }
    }

    /// Whether the process and its group are gone.
    pub fn gone(&self) -> bool {
        self.pid.is_none() && self.group.is_none()
    }

    /// Whether its time ran out and SIGKILL was needed.
    pub fn killed(&self) -> bool {
        self.killed
    }

    /// Puts SIGKILL off to `at`.
    pub fn postpone(&mut self, at: Mono) {
        self.kill_at = self.kill_at.map(|kill_at| kill_at.max(at));
    }

    /// SIGKILL is due at `at`, unless it was sent.
    pub fn set_time(&mut self, at: Mono) {
        self.kill_at = self.kill_at.map(|_| at);
    }

    /// Moves SIGKILL forward to `at`.
    pub fn hasten(&mut self, at: Mono) {
        self.kill_at = self.kill_at.map(|kill_at| kill_at.min(at));
    }

    /// When there is something to do again.
    pub fn deadline(&self) -> Option<Mono> {
        match (self.kill_at, self.look_at) {
            (Some(kill), Some((look, _))) => Some(kill.min(look)),
            (kill, look) => kill.or(look.map(|(at, _)| at)),
        }
    }

    /// Does what is due.
    pub fn expire(&mut self, now: Mono, actions: &mut Vec<Action>) {
        if self.kill_at.is_some_and(|at| at <= now) {
            self.kill(now, actions);
        }
        if let (Some((at, interval)), Some(group), None) = (self.look_at, self.group, self.pid) {
            if at <= now {
                let interval = (interval * 2).min(LONGEST_LOOK);
                self.look_at = Some((now + interval, interval));
                actions.push(Action::CheckGroup { unit: self.unit, life: self.life, group });
            }
        }
    }

    fn kill(&mut self, now: Mono, actions: &mut Vec<Action>) {
        self.kill_at = None;
        let target = match (self.group, self.pid) {
            (Some(group), _) => Target::Group(group),
            (None, Some(pid)) => Target::Process(pid),
            (None, None) => return,
        };
        self.killed = true;
        actions.push(Action::Signal { unit: self.unit, target, signal: Signal::KILL });
        // A main process that left its group (it may) is hit as well.
        if let (Some(_), Some(pid)) = (self.group, self.pid) {
            actions.push(Action::Signal { unit: self.unit, target: Target::Process(pid), signal: Signal::KILL });
        }
        if self.pid.is_none() {
            self.look_at = Some((now + FIRST_LOOK, FIRST_LOOK));
        }
    }

    /// The dead leader's group, while it is awaited: an orphan's end may have emptied it.
    pub fn awaited_group(&self) -> Option<Pid> {
        if self.pid.is_none() { self.group } else { None }
    }

    /// Which life its looks at the group are made in.
    pub fn life(&self) -> Life {
        self.life
    }

    /// The group, until it was seen empty.
    pub fn group(&self) -> Option<Pid> {
        self.group
    }

    /// The main process, while it lives.
    pub fn pid(&self) -> Option<Pid> {
        self.pid
    }
}
