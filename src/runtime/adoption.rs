//! Daemons of services with `pidfile:`: their pid files are watched while they are awaited, the daemons themselves
//! until they end. wmpidproxy does the same for one (`proxy`); no process of it runs beside each daemon here.

use super::daemon::Daemon;
use super::pidfile::{Look, PidFile, PidFileError};
use super::strays::Marked;
use super::supervisor::{DAEMONS, FILES, Loop};
use crate::model::exit::Exit;
use crate::model::moment::{Mono, Now};
use crate::model::process::StartTime;
use crate::model::unit::{Life, Pid, UnitId};
use crate::supervise::adoption::{Claim, Refusal, Unfit};
use crate::supervise::event::Event;
use crate::sys::poll::Token;
use crate::sys::{descriptors, processes, reap};

/// One life of a service that forks into the background.
#[derive(Debug)]
pub(super) struct Adoption {
    life: Life,
    file: PidFile,
    /// When the starter began.
    since: StartTime,
    /// A daemon is awaited: the file is watched.
    awaited: bool,
    daemon: Option<Daemon>,
    /// What was last told of the file.
    told: Option<Refusal>,
    pub(super) marked: Marked,
}

impl Adoption {
    /// Before the start: what stands in the file now is known again.
    pub(super) fn prepare(life: Life, file: PidFile, marked: Marked) -> Adoption {
        // Nobody is fit until the starter's own time is known.
        Adoption { life, file, since: StartTime(u64::MAX), awaited: false, daemon: None, told: None, marked }
    }

    /// Whose it is, and since when.
    pub(super) fn start(&self) -> (Life, StartTime) {
        (self.life, self.since)
    }

    fn deadline(&self) -> Option<Mono> {
        let daemon = self.daemon.as_ref().and_then(Daemon::deadline);
        self.file.deadline().into_iter().chain(daemon).min()
    }
}

fn token(kind: Token, unit: UnitId) -> Token {
    Token(kind.0 | u64::from(unit.0))
}

impl Loop {
    /// Makes ready for a service with a pid file, before its program starts.
    pub(super) fn prepare_adoption(&mut self, unit: UnitId, life: Life, now: Now) -> Result<(), PidFileError> {
        if let Some(path) = self.supervisor.pidfile(unit) {
            let file = PidFile::new(path)?;
            let marked = Marked::new(self.supervisor.name(unit), now.mono);
            let adoption = Adoption::prepare(life, file.of(marked.name()), marked);
            self.adoptions.insert(unit, adoption);
        }
        Ok(())
    }

    /// A daemon is awaited from now on.
    pub(super) fn watch_pid_file(&mut self, unit: UnitId, life: Life, starter: Option<Pid>, now: Now) {
        let Some(adoption) = self.adoptions.get_mut(&unit).filter(|adoption| adoption.life == life) else { return };
        if let (StartTime(u64::MAX), Some(starter)) = (adoption.since, starter) {
            // It isn't reaped yet, so it is there; if it can't be seen, nobody is fit.
            adoption.since = processes::facts(starter).map_or(StartTime(u64::MAX), |facts| facts.start);
            adoption.marked.starter = Some(starter);
        }
        adoption.awaited = true;
        adoption.file.arm(&self.poller, token(FILES, unit), now.mono);
        self.look_for_daemon(unit, now);
    }

    /// Nobody is awaited any more.
    pub(super) fn forget_pid_file(&mut self, unit: UnitId, life: Life) {
        if let Some(adoption) = self.adoptions.get_mut(&unit).filter(|adoption| adoption.life == life) {
            adoption.awaited = false;
            adoption.file.disarm();
        }
    }

    /// When `expire_adoptions` has something to do.
    pub(super) fn adoption_deadline(&self) -> Option<Mono> {
        self.adoptions.values().filter_map(Adoption::deadline).min()
    }

    /// Looks that are due.
    pub(super) fn expire_adoptions(&mut self, now: Now) {
        let due = |at: Option<Mono>| at.is_some_and(|at| at <= now.mono);
        let units: Vec<UnitId> =
            self.adoptions.iter().filter(|(_, a)| due(a.deadline())).map(|(unit, _)| *unit).collect();
        for unit in units {
            let Some(adoption) = self.adoptions.get(&unit) else { continue };
            if due(adoption.daemon.as_ref().and_then(Daemon::deadline)) {
                self.look_at_daemon(unit, now);
            }
            self.look_for_daemon(unit, now);
        }
    }

    /// Something happened in the directory of a pid file.
    pub(super) fn pid_file_ready(&mut self, low: u32, now: Now) {
        if let Some(adoption) = self.adoptions.get_mut(&UnitId(low)) {
            adoption.file.hint(now.mono);
        }
    }

    /// A daemon's own watch says something; as our child it waits to be reaped.
    pub(super) fn daemon_ready(&mut self, low: u32, now: Now) {
        self.look_at_daemon(UnitId(low), now);
    }

    fn look_at_daemon(&mut self, unit: UnitId, now: Now) {
        let Some(adoption) = self.adoptions.get_mut(&unit) else { return };
        let ended = adoption.daemon.as_mut().is_some_and(|daemon| daemon.has_ended(now.mono));
        if ended {
            self.look_at_group(unit, now);
        }
        let Some(adoption) = self.adoptions.get_mut(&unit) else { return };
        let Some(daemon) = adoption.daemon.take_if(|_| ended) else { return };
        let (pid, life) = (daemon.pid(), adoption.life);
        if self.children.remove(&pid).is_some() {
            let exit = reap::reap(pid);
            self.tell_end(unit, life, pid, exit, now);
        }
    }

    /// A daemon, or its starter, has ended: by now it is known which group the daemon is in.
    pub(super) fn look_at_group(&mut self, unit: UnitId, now: Now) {
        let Some(adoption) = self.adoptions.get(&unit) else { return };
        // Its starter may have reaped it, and its number may be another's.
        let Some(daemon) = &adoption.daemon else { return };
        let Some(group) = daemon.group() else { return };
        let (life, daemon) = (adoption.life, daemon.pid());
        let known = self.supervisor.group_of(unit, daemon);
        if group != known || group == daemon {
            let group = Some(group).filter(|group| *group == daemon);
            self.events.push(Event::Grouped { unit, life, daemon, group });
            self.tell_events(now);
        }
    }

    /// A unit's daemon that has left this group, in which it was when it was adopted.
    pub(super) fn outside(&self, unit: UnitId, group: Pid) -> Option<&Daemon> {
        let daemon = self.adoptions.get(&unit)?.daemon.as_ref()?;
        let pid = daemon.pid();
        let believed = pid != group && self.supervisor.group_of(unit, pid) == group;
        (believed && daemon.group().is_some_and(|seen| seen != group)).then_some(daemon)
    }

    /// While a daemon is awaited: whom does the file name now?
    fn look_for_daemon(&mut self, unit: UnitId, now: Now) {
        if !self.adoptions.get(&unit).is_some_and(|adoption| adoption.awaited) {
            return;
        }
        let others = self.others(unit);
        let shared = self.supervisor.group(unit);
        let Some(adoption) = self.adoptions.get_mut(&unit) else { return };
        let claim = Claim { reaper: processes::own(), since: adoption.since, older: &[], others: &others };
        let life = adoption.life;
        match adoption.file.look(&claim, now.mono) {
            Look::Fit { daemon, child, group } => {
                let pid = daemon.pid();
                adoption.awaited = false;
                adoption.file.disarm();
                adoption.daemon = Some(Daemon::watch(daemon, child, &self.poller, token(DAEMONS, unit), now.mono));
                self.children.insert(pid, (unit, life));
                let group = group.filter(|group| *group == pid || Some(*group) == shared);
                self.events.push(Event::Adopted { unit, life, pid, group });
            }
            Look::NotYet => {
                let refusal = adoption.file.refusal();
                if adoption.told.as_ref() != Some(refusal) {
                    adoption.told = Some(refusal.clone());
                    let reason = format!("{}: {refusal}", adoption.file.path().display());
                    self.events.push(Event::Refused { unit, life, reason });
                }
            }
        }
    }

    /// Processes that this unit can't call its own: those of other units, and of probes.
    pub(super) fn others(&self, unit: UnitId) -> Vec<Pid> {
        let units = self.children.iter().filter(|(_, (other, _))| *other != unit).map(|(pid, _)| *pid);
        units.chain(self.probes.children()).collect()
    }

    /// A child is dead and not yet reaped: it may be, or have been, a daemon that is awaited.
    pub(super) fn look_before_burial(&mut self, pid: Pid, now: Now) {
        if let Some((unit, _)) = self.children.get(&pid).copied() {
            let adoption = self.adoptions.get(&unit);
            if adoption.and_then(|a| a.daemon.as_ref()).is_some_and(|daemon| daemon.pid() != pid) {
                // Whom a starter has reaped ended before it, whichever is told first.
                self.look_at_daemon(unit, now);
            }
        }
        let awaiting: Vec<UnitId> = self.adoptions.iter().filter(|(_, a)| a.awaited).map(|(unit, _)| *unit).collect();
        for unit in awaiting {
            self.look_for_daemon(unit, now);
            let Some(adoption) = self.adoptions.get(&unit).filter(|adoption| adoption.awaited) else { continue };
            if *adoption.file.refusal() == Refusal::Unfit(pid, Unfit::Dead) && !self.children.contains_key(&pid) {
                // It was the daemon, for less time than it took to look at it.
                let life = adoption.life;
                self.children.insert(pid, (unit, life));
                self.events.push(Event::Adopted { unit, life, pid, group: None });
            }
        }
    }

    /// Daemons that ended as their starter's children come to us when that goes: their status counts, so they are
    /// reaped before it.
    pub(super) fn take_unreaped(&mut self, now: Now) {
        let units: Vec<UnitId> = self.adoptions.keys().copied().collect();
        for unit in units {
            if let Some((life, pid)) = self.supervisor.unreaped(unit) {
                if let Some(exit) = reap::reap(pid) {
                    self.tell_end(unit, life, pid, Some(exit), now);
                }
            }
        }
    }

    /// A dead process's own watch is over.
    pub(super) fn unwatch(&mut self, unit: UnitId, pid: Pid) {
        if let Some(adoption) = self.adoptions.get_mut(&unit) {
            adoption.daemon.take_if(|daemon| daemon.pid() == pid);
        }
    }

    /// Whether a process lives that a forking daemon may have left behind: a child of ours that is no unit's.
    pub(super) fn lingering(&self, unit: UnitId, exit: Option<Exit>) -> bool {
        if self.supervisor.pidfile(unit).is_none() || exit.is_some_and(|exit| exit != Exit::Code(0)) {
            return false;
        }
        if descriptors::none_left() {
            // Who can't be seen may be there: it is waited for, and ended if it doesn't come.
            return true;
        }
        let known: Vec<Pid> = self.outputs.writers().chain(self.probes.children()).collect();
        let unknown = |pid: &Pid| !self.children.contains_key(pid) && !known.contains(pid);
        processes::children(processes::own()).iter().any(|child| !child.dead && unknown(&child.pid))
    }
}
