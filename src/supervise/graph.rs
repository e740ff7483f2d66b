//! Who waits for whom: the dependencies of all services, by unit number, in both directions. Only units that depend
//! or are depended on have a row.

use crate::model::service::Condition;
use crate::model::table::Table;
use crate::model::unit::UnitId;

/// The dependencies.
#[derive(Debug, Default)]
pub struct Graph {
    needs: Table<UnitId, Vec<(UnitId, Condition)>>,
    needed_by: Table<UnitId, Vec<UnitId>>,
}

impl Graph {
    /// A unit waits for another.
    pub fn add(&mut self, unit: UnitId, needs: UnitId, condition: Condition) {
        push(&mut self.needs, unit, (needs, condition));
        push(&mut self.needed_by, needs, unit);
    }

    /// What the unit waits for.
    pub fn needs(&self, unit: UnitId) -> &[(UnitId, Condition)] {
        self.needs.get(&unit).map_or(&[], Vec::as_slice)
    }

    /// Who waits for the unit.
    pub fn needed_by(&self, unit: UnitId) -> &[UnitId] {
        self.needed_by.get(&unit).map_or(&[], Vec::as_slice)
    }

    /// For each of `count` units the length of the longest chain of units that depend on it: those of 0 stop first.
    pub fn levels(&self, count: usize) -> Vec<usize> {
        let mut levels = vec![0; count];
        // Each pass settles one more link of the longest chain; a cycle, which no configuration has, would stop here.
        for _ in 0..count {
            let mut settled = true;
            for (unit, needs) in self.needs.iter() {
                let above = levels.get(unit.0 as usize).map_or(0, |level| level + 1);
                for (needed, _) in needs {
                    if let Some(level) = levels.get_mut(needed.0 as usize).filter(|level| **level < above) {
                        *level = above;
                        settled = false;
                    }
                }
            }
            if settled {
                break;
            }
        }
        levels
    }

    /// For each unit whether something that depends on it, directly or through others, is `busy`. `levels`: of all
    /// units, by number.
    pub fn held_up(&self, levels: &[usize], busy: impl Fn(UnitId) -> bool) -> Vec<bool> {
        let mut held_up = vec![false; levels.len()];
        if self.needed_by.is_empty() {
            return held_up;
        }
        let level = |unit: &UnitId| levels.get(unit.0 as usize).copied().unwrap_or_default();
        let mut needed: Vec<UnitId> = self.needed_by.keys().copied().collect();
        needed.sort_by_key(level);
        for unit in needed {
            let by = self.needed_by(unit).iter();
            let any = by.copied().any(|by| busy(by) || held_up.get(by.0 as usize).copied().unwrap_or_default());
            if let Some(held_up) = held_up.get_mut(unit.0 as usize) {
                *held_up = any;
            }
        }
        held_up
    }
}

fn push<T>(table: &mut Table<UnitId, Vec<T>>, unit: UnitId, value: T) {
    match table.get_mut(&unit) {
        Some(row) => row.push(value),
        None => drop(table.insert(unit, vec![value])),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_are_the_longest_chains_of_dependents() {
        let mut graph = Graph::default();
        // 0 needs 1 and 2, 1 needs 2, 3 stands alone.
        for (unit, needs) in [(0, 1), (0, 2), (1, 2)] {
            graph.add(UnitId(unit), UnitId(needs), Condition::Ready);
        }
        assert_eq!(graph.levels(4), [0, 1, 2, 0]);
        assert_eq!(graph.needed_by(UnitId(2)), [UnitId(0), UnitId(1)]);
        assert_eq!(graph.needs(UnitId(3)), []);
    }

    #[test]
    fn who_is_busy_holds_up_all_below_it() {
        let mut graph = Graph::default();
        // 0 needs 1, 1 needs 2; 3 needs 2.
        for (unit, needs) in [(0, 1), (1, 2), (3, 2)] {
            graph.add(UnitId(unit), UnitId(needs), Condition::Ready);
        }
        let levels = graph.levels(4);
        assert_eq!(graph.held_up(&levels, |unit| unit.0 == 0), [false, true, true, false]);
        assert_eq!(graph.held_up(&levels, |unit| unit.0 == 3), [false, false, true, false]);
        assert_eq!(graph.held_up(&levels, |_| false), [false; 4]);
    }
}
