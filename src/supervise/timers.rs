//! The units' deadlines in order: the next one is the loop's time-out. A unit has at most one.

use crate::model::moment::Mono;
use crate::model::table::Agenda;
use crate::model::unit::UnitId;

/// Deadlines by time and by unit.
#[derive(Debug, Default)]
pub struct Timers {
    by_time: Agenda<Mono>,
    by_unit: Vec<Option<Mono>>,
}

impl Timers {
    /// Sets or clears a unit's deadline.
    pub fn set(&mut self, unit: UnitId, at: Option<Mono>) {
        let index = unit.0 as usize;
        if index >= self.by_unit.len() {
            if at.is_none() {
                return;
            }
            self.by_unit.resize(index + 1, None);
        }
        let Some(slot) = self.by_unit.get_mut(index) else { return };
        if *slot == at {
            return;
        }
        if let Some(old) = std::mem::replace(slot, at) {
            self.by_time.remove(old, unit);
        }
        if let Some(at) = at {
            self.by_time.insert(at, unit);
        }
    }

    /// The earliest deadline.
    pub fn next(&self) -> Option<Mono> {
        self.by_time.first()
    }

    /// The units whose deadline has come, earliest first.
    pub fn due(&self, now: Mono) -> Vec<UnitId> {
        self.by_time.due(now).iter().map(|(_, unit)| *unit).collect()
    }
}
