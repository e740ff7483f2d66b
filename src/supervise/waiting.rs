//! How the supervisor lets units wait for services: it looks at the dependencies of those that wait whenever one of
//! these moves, and knows who waits in vain.

use super::Supervisor;
use super::graph::Graph;
use super::service::Service;
use super::standing::Standing;
use super::unit::{Milestone, Unit};
use crate::model::moment::Mono;
use crate::model::service::Condition;
use crate::model::table::Table;
use crate::model::unit::UnitId;
use std::collections::VecDeque;
use std::fmt;
use std::time::Duration;

/// What a unit lacks of what it depends on; shown as what it waits for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unmet {
    /// These aren't up yet.
    Yet(String),
    /// This one doesn't come up by itself any more, and why.
    Never(String),
}

impl Unmet {
    /// Why a run that is due is skipped.
    pub fn reason(&self) -> String {
        match self {
            Unmet::Yet(names) if names.contains(',') => format!("dependencies {names} aren't up"),
            Unmet::Yet(name) => format!("dependency {name} isn't up"),
            Unmet::Never(why) => why.clone(),
        }
    }
}

impl fmt::Display for Unmet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Unmet::Yet(names) => write!(f, "for {names}"),
            Unmet::Never(why) => f.write_str(why),
        }
    }
}

/// How many jobs start before wingmate looks again at what else has happened: each takes a fraction of a millisecond in
/// which no signal is heard, and ten thousand may be due at once.
const JOBS_AT_ONCE: u32 = 128;

/// How far the jobs that are due have been started.
#[derive(Debug, Default)]
pub(super) struct Pace {
    /// The moment of the loop's turn.
    turn: Mono,
    /// How many were looked at in it.
    looks: u32,
    /// Some are left for the next.
    left: bool,
}

impl Pace {
    fn begin(&mut self, now: Mono) {
        if self.turn != now {
            (self.turn, self.looks) = (now, 0);
        }
    }

    fn allows_one(&mut self) -> bool {
        self.looks += 1;
        self.looks <= JOBS_AT_ONCE
    }

    fn left(&mut self, left: bool) {
        self.left = left;
    }

    /// When the next ones start: at once, in another turn.
    pub(super) fn goes_on(&self) -> Option<Mono> {
        self.left.then(|| self.turn + Duration::from_nanos(1))
    }
}

impl Supervisor {
    /// The graph of all units as they are asked for now.
    pub(super) fn dependencies(&self) -> Graph {
        let mut graph = Graph::default();
        if self.units.iter().all(|unit| unit.depends_on().is_empty()) {
            return graph;
        }
        let rows = self.services().map(|service| (service.spec.name.as_str(), service.unit())).collect();
        let numbers: Table<&str, UnitId> = Table::from_rows(rows);
        for (unit, machine) in self.table() {
            for dependency in machine.depends_on() {
                if let Some(needed) = numbers.get(dependency.name.as_str()) {
                    graph.add(unit, *needed, dependency.condition);
                }
            }
        }
        graph
    }

    /// Starts those that wait and whose dependencies have come up.
    pub(super) fn look_at_dependencies(&mut self, now: Mono) {
        self.pace.begin(now);
        let mut later = VecDeque::new();
        while let Some(unit) = self.to_look.pop_front() {
            match self.unit(unit) {
                Some(Unit::Service(service)) if service.waits() => {}
                Some(Unit::Job(job)) if job.is_due() => {
                    if !self.pace.allows_one() {
                        later.push_back(unit);
                        continue;
                    }
                }
                Some(Unit::Service(_) | Unit::Job(_) | Unit::Main(_) | Unit::Gone) | None => continue,
            }
            let unmet = self.unmet(unit);
            self.with(unit, |machine, actions| match (machine, &unmet) {
                (Unit::Service(service), Some(unmet)) => service.goes_on_waiting(&unmet.to_string(), actions),
                (Unit::Service(service), None) => service.dependencies_are_up(now, actions),
                (Unit::Job(job), unmet) => job.look(unmet.as_ref(), now, actions),
                (Unit::Main(_) | Unit::Gone, _) => {}
            });
        }
        self.pace.left(!later.is_empty());
        self.to_look = later;
    }

    /// What a unit waits for, in words; `None`: nothing any more.
    pub(super) fn waits_for(&self, unit: UnitId) -> Option<String> {
        self.unmet(unit).map(|unmet| unmet.to_string())
    }

    /// What a unit lacks of what it depends on.
    fn unmet(&self, unit: UnitId) -> Option<Unmet> {
        let unmet: Vec<UnitId> =
            self.graph.needs(unit).iter().filter(|need| !self.is_met(**need)).map(|(needed, _)| *needed).collect();
        // The one that keeps it from ever starting says more than all that are on their way.
        for needed in &unmet {
            let name = self.name(*needed);
            let state = match self.unit(*needed).map(Unit::milestone) {
                Some(Milestone::Failed) => "failed",
                Some(Milestone::Done) => "is done",
                Some(Milestone::Down) => "isn't started",
                Some(Milestone::Waits) if self.waits_in_vain(*needed) => "waits in vain",
                Some(Milestone::Waits | Milestone::Between | Milestone::Started | Milestone::Up) | None => continue,
            };
            return Some(Unmet::Never(format!("dependency {name} {state}")));
        }
        let names: Vec<&str> = unmet.iter().map(|needed| self.name(*needed)).collect();
        (!names.is_empty()).then(|| Unmet::Yet(names.join(", ")))
    }

    fn is_met(&self, (needed, condition): (UnitId, Condition)) -> bool {
        let milestone = self.unit(needed).map(Unit::milestone);
        match condition {
            Condition::Started => {
                matches!(milestone, Some(Milestone::Started | Milestone::Up | Milestone::Done))
            }
            Condition::Ready => matches!(milestone, Some(Milestone::Up)),
            Condition::Completed => matches!(milestone, Some(Milestone::Done)),
        }
    }

    /// Whether a service waits for one that doesn't come up by itself any more.
    pub(super) fn waits_in_vain(&self, unit: UnitId) -> bool {
        self.wait_in_vain([unit])
    }

    /// Whether one of these services waits for one that doesn't come up by itself any more. Each is looked at once,
    /// however many ways there are to it: a ladder of thirty diamonds has a thousand million.
    pub(super) fn wait_in_vain(&self, units: impl IntoIterator<Item = UnitId>) -> bool {
        let mut seen = vec![false; self.units.len()];
        let mut to_see: Vec<UnitId> = units.into_iter().collect();
        while let Some(unit) = to_see.pop() {
            if !self.unit(unit).and_then(Unit::service).is_some_and(Service::waits) {
                continue;
            }
            match seen.get_mut(unit.0 as usize) {
                Some(seen) if !*seen => *seen = true,
                _ => continue,
            }
            for (needed, _) in self.graph.needs(unit).iter().filter(|need| !self.is_met(**need)) {
                match self.unit(*needed).map(Unit::milestone) {
                    Some(Milestone::Failed | Milestone::Done | Milestone::Down) => return true,
                    Some(Milestone::Waits) => to_see.push(*needed),
                    Some(Milestone::Between | Milestone::Started | Milestone::Up) | None => {}
                }
            }
        }
        false
    }

    /// Whether a service has ended for good, or waits for one that has.
    pub(super) fn is_over(&self, service: &Service) -> bool {
        match service.standing() {
            Standing::Done | Standing::Failed => true,
            Standing::Waiting => self.waits_in_vain(service.unit()),
            Standing::Stopped
            | Standing::Starting { .. }
            | Standing::Running { .. }
            | Standing::Stopping { .. }
            | Standing::Backoff { .. } => false,
        }
    }
}
