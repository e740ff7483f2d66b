//! The five fields: what they are called, and what each may hold. For `fields`, which reads them, and `slips`.

/// One of the five: what it is called, what it may hold.
pub(super) struct Field {
    pub(super) name: &'static str,
    pub(super) first: u8,
    pub(super) last: u8,
    pub(super) names: &'static [&'static str],
    pub(super) allowed: &'static str,
}

pub(super) const MINUTE: usize = 0;
pub(super) const HOUR: usize = 1;
pub(super) const DAY: usize = 2;
pub(super) const MONTH: usize = 3;
pub(super) const WEEKDAY: usize = 4;

pub(super) const MONTHS: &[&str] =
    &["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"];
pub(super) const WEEKDAYS: &[&str] = &["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"];

impl Field {
    /// What a number or a name within the range means.
    pub(super) fn value_of(&self, text: &str) -> Option<u8> {
        let name = self.names.iter().position(|name| text.eq_ignore_ascii_case(name));
        match name {
            Some(place) => u8::try_from(place).ok().map(|place| place + self.first),
            None => text.parse().ok().filter(|value| (self.first..=self.last).contains(value)),
        }
    }
}

/// By the numbers above.
pub(super) const FIELDS: [Field; 5] = [
    Field { name: "minute", first: 0, last: 59, names: &[], allowed: "0–59" },
    Field { name: "hour", first: 0, last: 23, names: &[], allowed: "0–23" },
    Field { name: "day of month", first: 1, last: 31, names: &[], allowed: "1–31, L, LW, 15W" },
    Field { name: "month", first: 1, last: 12, names: MONTHS, allowed: "1–12, JAN–DEC" },
    Field { name: "day of week", first: 0, last: 7, names: WEEKDAYS, allowed: "0–7, SUN–SAT, 5L, 5#2" },
];
