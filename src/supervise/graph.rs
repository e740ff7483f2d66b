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
}
