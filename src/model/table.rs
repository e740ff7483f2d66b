//! A map and an agenda for the few rows that a supervisor has: sorted rows in one piece of memory. Each kind of
//! `BTreeMap` costs some three kilobytes of code, a `Table` a tenth of that, and looks are as fast; a row put in the
//! middle moves those behind it, so what may have ten thousand keys in any order belongs elsewhere.

use super::unit::UnitId;
use std::borrow::Borrow;

/// Values by key, in the keys' order.
#[derive(Clone, Debug)]
pub struct Table<K, V> {
    rows: Vec<(K, V)>,
}

impl<K, V> Default for Table<K, V> {
    fn default() -> Table<K, V> {
        Table::new()
    }
}

impl<K, V> Table<K, V> {
    /// Without rows.
    pub const fn new() -> Table<K, V> {
        Table { rows: Vec::new() }
    }

    /// Whether there are no rows.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The keys, from the lowest on.
    pub fn keys(&self) -> impl Iterator<Item = &K> {
        self.rows.iter().map(|(key, _)| key)
    }

    /// The values, by their keys' order.
    pub fn values(&self) -> impl Iterator<Item = &V> {
        self.rows.iter().map(|(_, value)| value)
    }

    /// Keys with their values.
    pub fn iter(&self) -> impl Iterator<Item = (&K, &V)> {
        self.rows.iter().map(|(key, value)| (key, value))
    }

    /// Keeps the rows of which `keep` says so.
    pub fn retain(&mut self, mut keep: impl FnMut(&K, &mut V) -> bool) {
        self.rows.retain_mut(|(key, value)| keep(key, value));
    }
}

impl<K: Ord, V> Table<K, V> {
    /// With these rows, in any order; of two with one key, one stays.
    pub fn from_rows(mut rows: Vec<(K, V)>) -> Table<K, V> {
        rows.sort_unstable_by(|(one, _), (other, _)| one.cmp(other));
        rows.dedup_by(|(one, _), (other, _)| one == other);
        Table { rows }
    }

    /// Where the key's row is, or belongs.
    fn place<Q: Ord + ?Sized>(&self, key: &Q) -> Result<usize, usize>
    where
        K: Borrow<Q>,
    {
        self.rows.binary_search_by(|(other, _)| other.borrow().cmp(key))
    }

    /// Whether the key has a row.
    pub fn contains_key<Q: Ord + ?Sized>(&self, key: &Q) -> bool
    where
        K: Borrow<Q>,
    {
        self.place(key).is_ok()
    }

    /// The key's value.
    pub fn get<Q: Ord + ?Sized>(&self, key: &Q) -> Option<&V>
    where
        K: Borrow<Q>,
    {
        self.rows.get(self.place(key).ok()?).map(|(_, value)| value)
    }

    /// The key's value, to change it.
    pub fn get_mut<Q: Ord + ?Sized>(&mut self, key: &Q) -> Option<&mut V>
    where
        K: Borrow<Q>,
    {
        let place = self.place(key).ok()?;
        self.rows.get_mut(place).map(|(_, value)| value)
    }

    /// Puts a value in; the one that was there comes back.
    pub fn insert(&mut self, key: K, value: V) -> Option<V> {
        match self.place(&key) {
            Ok(place) => self.rows.get_mut(place).map(|(_, old)| std::mem::replace(old, value)),
            Err(place) => {
                self.rows.insert(place, (key, value));
                None
            }
        }
    }

    /// Takes a row out.
    pub fn remove<Q: Ord + ?Sized>(&mut self, key: &Q) -> Option<V>
    where
        K: Borrow<Q>,
    {
        let place = self.place(key).ok()?;
        Some(self.rows.remove(place).1)
    }
}

/// What comes when, by one clock: units in the order of their times.
#[derive(Clone, Debug)]
pub struct Agenda<T> {
    items: Vec<(T, UnitId)>,
}

impl<T> Default for Agenda<T> {
    fn default() -> Agenda<T> {
        Agenda { items: Vec::new() }
    }
}

impl<T: Ord + Copy> Agenda<T> {
    /// Enters a unit at a time; nothing changes if it is there already.
    pub fn insert(&mut self, at: T, unit: UnitId) {
        if let Err(place) = self.items.binary_search(&(at, unit)) {
            self.items.insert(place, (at, unit));
        }
    }

    /// Enters all of these, in any order; none is there yet. What is there moves once, not for each.
    pub fn insert_all(&mut self, mut items: Vec<(T, UnitId)>) {
        items.sort_unstable();
        let (Some(filler), mut old) = (items.last().copied(), self.items.len()) else { return };
        self.items.resize(old + items.len(), filler);
        // From the end: the later of the last ones that are left goes to the last place that is left.
        let mut place = self.items.len();
        while let Some(new) = items.last().copied() {
            place -= 1;
            let before = old.checked_sub(1).and_then(|last| self.items.get(last)).copied();
            let later = match before {
                Some(item) if item > new => {
                    old -= 1;
                    item
                }
                Some(_) | None => {
                    items.pop();
                    new
                }
            };
            if let Some(slot) = self.items.get_mut(place) {
                *slot = later;
            }
        }
    }

    /// Takes out all of these units, which are in order, at all times.
    pub fn forget_all(&mut self, units: &[UnitId]) {
        self.items.retain(|(_, unit)| units.binary_search(unit).is_err());
    }

    /// Every item, earliest first.
    pub fn iter(&self) -> impl Iterator<Item = (T, UnitId)> {
        self.items.iter().copied()
    }

    /// Takes a unit out at a time.
    pub fn remove(&mut self, at: T, unit: UnitId) {
        if let Ok(place) = self.items.binary_search(&(at, unit)) {
            self.items.remove(place);
        }
    }

    /// The earliest time.
    pub fn first(&self) -> Option<T> {
        self.items.first().map(|(at, _)| *at)
    }

    /// What has come by `now`, earliest first.
    pub fn due(&self, now: T) -> &[(T, UnitId)] {
        self.items.get(..self.count_due(now)).unwrap_or_default()
    }

    /// Takes out what has come by `now`, earliest first.
    pub fn take_due(&mut self, now: T) -> Vec<(T, UnitId)> {
        self.items.drain(..self.count_due(now)).collect()
    }

    fn count_due(&self, now: T) -> usize {
        self.items.partition_point(|(at, _)| *at <= now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_come_in_the_order_of_their_keys() {
        let mut table: Table<String, u32> = Table::new();
        for (key, value) in [("m", 1), ("a", 2), ("z", 3), ("b", 4)] {
            assert_eq!(table.insert(key.to_owned(), value), None);
        }
        assert_eq!(table.insert("a".to_owned(), 5), Some(2));
        assert_eq!(table.iter().map(|(k, v)| format!("{k}{v}")).collect::<String>(), "a5b4m1z3");
        assert_eq!((table.get("b"), table.get("c")), (Some(&4), None));
        assert_eq!((table.remove("m"), table.remove("m")), (Some(1), None));
        if let Some(value) = table.get_mut("z") {
            *value = 9;
        }
        table.retain(|key, value| key != "b" && *value > 0);
        assert_eq!(table.values().copied().collect::<Vec<_>>(), [5, 9]);
        assert!(table.contains_key("a") && !table.contains_key("b") && !table.is_empty());
    }

    #[test]
    fn the_agenda_gives_what_is_due_earliest_first() {
        let mut agenda = Agenda::default();
        for (at, unit) in [(30, 1), (10, 2), (20, 3), (10, 1), (10, 2)] {
            agenda.insert(at, UnitId(unit));
        }
        assert_eq!(agenda.first(), Some(10));
        assert_eq!(agenda.due(9), []);
        let both = [(10, UnitId(1)), (10, UnitId(2))];
        assert_eq!(agenda.due(10), both);
        assert_eq!(agenda.take_due(19), both);
        agenda.remove(20, UnitId(1));
        assert_eq!(agenda.first(), Some(20));
        agenda.remove(20, UnitId(3));
        agenda.forget_all(&[UnitId(1)]);
        assert_eq!(agenda.first(), None);
    }

    #[test]
    fn many_at_once_come_to_where_each_alone_would() {
        let item = |number: u32| (number * 37 % 101, UnitId(number));
        for split in [0, 1, 40, 99, 100] {
            let (mut one_by_one, mut at_once) = (Agenda::default(), Agenda::default());
            for (at, unit) in (0..100).map(item) {
                one_by_one.insert(at, unit);
            }
            at_once.insert_all((0..split).map(item).collect());
            at_once.insert_all((split..100).map(item).collect());
            assert!(at_once.iter().eq(one_by_one.iter()), "{split}");
        }
    }
}
