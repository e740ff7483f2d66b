//! How the supervisor lets services wait for others: it looks at the dependencies of those that wait whenever one of
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

impl Supervisor {
    /// The graph of all services as they are asked for now.
    pub(super) fn dependencies(&self) -> Graph {
        let mut graph = Graph::default();
        if self.services().all(|service| service.spec.depends_on.is_empty()) {
            return graph;
        }
        let rows = self.services().map(|service| (service.spec.name.as_str(), service.unit())).collect();
        let numbers: Table<&str, UnitId> = Table::from_rows(rows);
        for service in self.services() {
            for dependency in &service.spec.depends_on {
                if let Some(needed) = numbers.get(dependency.name.as_str()) {
                    graph.add(service.unit(), *needed, dependency.condition);
                }
            }
        }
        graph
    }

    /// Starts those that wait and whose dependencies have come up.
    pub(super) fn look_at_dependencies(&mut self, now: Mono) {
        while let Some(unit) = self.to_look.pop_front() {
            if !self.unit(unit).and_then(Unit::service).is_some_and(Service::waits) {
                continue;
            }
            let text = self.waits_for(unit);
            self.with_service(unit, |service, actions| match &text {
                Some(text) => service.goes_on_waiting(text, actions),
                None => service.dependencies_are_up(now, actions),
            });
        }
    }

    /// What a service waits for, in words; `None`: nothing any more.
    pub(super) fn waits_for(&self, unit: UnitId) -> Option<String> {
        let unmet: Vec<UnitId> =
            self.graph.needs(unit).iter().filter(|need| !self.is_met(**need)).map(|(needed, _)| *needed).collect();
        // The one that keeps it from ever starting says more than all that are on their way.
        for needed in &unmet {
            let name = self.name(*needed);
            match self.unit(*needed).map(Unit::milestone) {
                Some(Milestone::Failed) => return Some(format!("dependency {name} failed")),
                Some(Milestone::Done) => return Some(format!("dependency {name} is done")),
                Some(Milestone::Down) => return Some(format!("dependency {name} isn't started")),
                Some(Milestone::Waits) if self.waits_in_vain(*needed) => {
                    return Some(format!("dependency {name} waits in vain"));
                }
                Some(Milestone::Waits | Milestone::Between | Milestone::Started | Milestone::Up) | None => {}
            }
        }
        let names: Vec<&str> = unmet.iter().map(|needed| self.name(*needed)).collect();
        (!names.is_empty()).then(|| format!("for {}", names.join(", ")))
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
