//! The processes of a service with a pid file bear its mark in their environment: by that those are found that a start
//! has left outside of its process group, among all the others that are below us.

use super::supervisor::Loop;
use crate::launch::environment::MARKS;
use crate::model::command::Variable;
use crate::model::moment::Mono;
use crate::model::process::{Facts, StartTime};
use crate::model::signal::Signal;
use crate::model::unit::{Life, Pid, UnitId};
use crate::supervise::adoption::{Claim, judge};
use crate::supervise::event::Event;
use crate::sys::descriptors;
use crate::sys::processes::{self, Held};
use rustix::io::Errno;

/// How the processes of one start are known.
#[derive(Debug)]
pub(super) struct Marked {
    name: String,
    /// No other start of this name has this number: what an earlier daemon left may be meant to live.
    number: String,
    pub starter: Option<Pid>,
    /// Who has had which signal.
    told: Vec<(Pid, StartTime, Signal)>,
    /// Who had no environment at all: still none, or none any more, or none for good.
    blank: Vec<(Pid, StartTime)>,
}

/// What a process's environment says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mark {
    Ours,
    Another,
    /// Nothing: it is being executed, or is on its way out.
    Blank,
    /// It may not be read.
    Hidden,
}

impl Marked {
    /// Of the start of a unit of this name at this moment.
    pub fn new(name: &str, now: Mono) -> Marked {
        Marked {
            name: name.to_owned(),
            number: now.nanos().to_string(),
            starter: None,
            told: Vec::new(),
            blank: Vec::new(),
        }
    }

    /// The service's.
    pub fn name(&self) -> &str {
        &self.name
    }

    fn variables(&self) -> [Variable; 2] {
        let [name, number] = MARKS;
        [(name.into(), self.name.as_str().into()), (number.into(), self.number.as_str().into())]
    }

    /// Whether it was found before; on its way out it has no environment any more.
    fn has_told(&self, facts: &Facts) -> bool {
        self.told.iter().any(|(pid, start, _)| (*pid, *start) == (facts.pid, facts.start))
    }

    /// Whether the process bears the mark.
    fn on(&self, pid: Pid) -> Mark {
        let Some(environ) = processes::environ(pid) else { return Mark::Hidden };
        let [name, number] = MARKS;
        let is = |variable, value: &str| processes::variable(&environ, variable) == Some(value.as_bytes());
        match is(name, &self.name) && is(number, &self.number) {
            true => Mark::Ours,
            false if environ.is_empty() => Mark::Blank,
            false => Mark::Another,
        }
    }
}

impl Loop {
    /// A service with a pid file is told its mark.
    pub(super) fn mark(&self, unit: UnitId, told: &mut Vec<Variable>) {
        if let Some(adoption) = self.adoptions.get(&unit).filter(|_| self.supervisor.pidfile(unit).is_some()) {
            told.extend(adoption.marked.variables());
        }
    }

    /// Sends this to what a start has left outside of its group, each once, and tells how many there are.
    pub(super) fn sweep(&mut self, unit: UnitId, life: Life, signal: Option<Signal>) {
        let (found, blank, mut unseen) = self.strays(unit, life);
        let mut left = 0;
        if let Some(adoption) = self.adoptions.get_mut(&unit) {
            for facts in found {
                match adoption.marked.tell(&facts, signal) {
                    Ok(()) => left += 1,
                    Err(Errno::PERM) => unseen = true,
                    // Gone.
                    Err(_) => {}
                }
            }
            for one in blank {
                // Looked at once more before it is given up.
                if adoption.marked.blank.contains(&one) {
                    unseen = true;
                } else {
                    left += 1;
                    adoption.marked.blank.push(one);
                }
            }
        }
        self.events.push(Event::Swept { unit, life, left, unseen });
    }

    /// Who bears the start's mark or descends from one who does, but for its group; and whether there are others of
    /// whom it can't be told.
    fn strays(&self, unit: UnitId, life: Life) -> (Vec<Facts>, Vec<(Pid, StartTime)>, bool) {
        let (mut found, mut blank, mut unseen): (Vec<Facts>, _, _) = (Vec::new(), Vec::new(), false);
        let Some(adoption) = self.adoptions.get(&unit) else { return (found, blank, unseen) };
        let (of, since) = adoption.start();
        if of != life || since == StartTime(u64::MAX) || descriptors::none_left() {
            return (found, blank, true);
        }
        let (marked, own) = (&adoption.marked, processes::own());
        let others: Vec<Pid> = self.outputs.writers().chain(self.others(unit)).collect();
        let claim = Claim { reaper: own, since, older: &[], others: &others };
        for facts in processes::descendants(own) {
            let pid = facts.pid;
            let apart = !facts.dead && facts.start >= since && !self.children.contains_key(&pid);
            if !apart || judge(pid, &processes::lineage(pid, own), &claim).is_err() {
                continue;
            }
            let begun = |parent: Pid| Some(parent) == marked.starter || found.iter().any(|one| one.pid == parent);
            let known = marked.has_told(&facts) || facts.parent.is_some_and(begun);
            match if known { Mark::Ours } else { marked.on(pid) } {
                Mark::Ours => found.push(facts),
                Mark::Another => {}
                Mark::Blank => blank.push((pid, facts.start)),
                // Unless it has ended meanwhile.
                Mark::Hidden => unseen |= processes::facts(pid).is_some_and(|facts| !facts.dead),
            }
        }
        // The group has its signals by itself.
        found.retain(|facts| facts.group != marked.starter);
        (found, blank, unseen)
    }
}

impl Marked {
    fn tell(&mut self, facts: &Facts, signal: Option<Signal>) -> Result<(), Errno> {
        let Some(signal) = signal else { return Ok(()) };
        let told = (facts.pid, facts.start, signal);
        if self.told.contains(&told) {
            return Ok(());
        }
        let held = Held::hold(facts).ok_or(Errno::SRCH)?;
        held.signal(signal)?;
        self.told.push(told);
        // Whoever is stopped takes it when it goes on.
        if signal != Signal::KILL { held.signal(Signal::CONT) } else { Ok(()) }
    }
}
