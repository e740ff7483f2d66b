//! Main processes that services name by themselves (`MAINPID=`, sd_notify(3)): judged as daemons are, and watched for
//! their end.

use super::daemon::Daemon;
use super::supervisor::{Loop, MAINS};
use crate::model::moment::{Mono, Now};
use crate::model::process::StartTime;
use crate::model::unit::{Life, Pid, UnitId};
use crate::supervise::adoption::{Claim, Unfit, judge};
use crate::sys::poll::Token;
use crate::sys::processes::{self, Held};
use crate::sys::reap;

/// A main process that the unit named and that isn't known by its start.
#[derive(Debug)]
pub(super) struct Main {
    life: Life,
    daemon: Daemon,
}

impl Loop {
    /// A unit's main process is this one from now on, if it is a live descendant of ours and no other unit's: its end
    /// is told as that of this life. Gives the group that it leads, or that it shares with what the unit was launched as.
    pub(super) fn watch_main(&mut self, unit: UnitId, life: Life, pid: Pid, now: Now) -> Result<Option<Pid>, Unfit> {
        let others = self.others(unit);
        let own = processes::own();
        let lineage = processes::lineage(pid, own);
        judge(pid, &lineage, &Claim { reaper: own, since: StartTime(0), older: &[], others: &others })?;
        let facts = lineage.first().ok_or(Unfit::Gone)?;
        if self.children.get(&pid) != Some(&(unit, life)) {
            let held = Held::hold(facts).ok_or(Unfit::Gone)?;
            let child = facts.parent == Some(own);
            let token = Token(MAINS.0 | u64::from(unit.0));
            let daemon = Daemon::watch(held, child, &self.poller, token, now.mono);
            self.forget_main(unit);
            self.mains.insert(unit, Main { life, daemon });
            self.children.insert(pid, (unit, life));
        }
        let shared = self.supervisor.group(unit);
        Ok(facts.group.filter(|group| *group == pid || Some(*group) == shared))
    }

    /// Nobody looks at the one that was named last any more. (As a child of ours it stays known until it is reaped.)
    pub(super) fn forget_main(&mut self, unit: UnitId) {
        let Some(main) = self.mains.remove(&unit) else { return };
        let pid = main.daemon.pid();
        if processes::facts(pid).is_none_or(|facts| facts.parent != Some(processes::own())) {
            self.children.remove(&pid);
        }
    }

    /// A named process's own watch says something.
    pub(super) fn look_at_main(&mut self, unit: UnitId, now: Now) {
        let Some(main) = self.mains.get_mut(&unit) else { return };
        if !main.daemon.has_ended(now.mono) {
            return;
        }
        let (pid, life) = (main.daemon.pid(), main.life);
        // As a child of ours it is buried like any other: its group is signalled first.
        self.reap(now);
        if self.mains.get(&unit).is_none_or(|main| main.daemon.pid() != pid) {
            return;
        }
        self.mains.remove(&unit);
        if self.children.remove(&pid).is_some() {
            let exit = reap::reap(pid);
            self.tell_end(unit, life, pid, exit, now);
        }
    }

    /// When [`Loop::expire_mains`] has something to do.
    pub(super) fn main_deadline(&self) -> Option<Mono> {
        self.mains.values().filter_map(|main| main.daemon.deadline()).min()
    }

    /// Looks that are due.
    pub(super) fn expire_mains(&mut self, now: Now) {
        let due = |main: &Main| main.daemon.deadline().is_some_and(|at| at <= now.mono);
        let units: Vec<UnitId> = self.mains.iter().filter(|(_, main)| due(main)).map(|(unit, _)| *unit).collect();
        units.into_iter().for_each(|unit| self.look_at_main(unit, now));
    }

    /// It was reaped: its own watch is over.
    pub(super) fn unwatch_main(&mut self, unit: UnitId, pid: Pid) {
        if self.mains.get(&unit).is_some_and(|main| main.daemon.pid() == pid) {
            self.mains.remove(&unit);
        }
    }
}
