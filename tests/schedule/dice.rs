//! Random cases, the same ones for the same seed: expressions in all forms, and starts where it matters.

use crate::rules::Date;
use crate::zones::{Atlas, Charted};
use std::rc::Rc;
use wingmate::model::moment::Wall;
use wingmate::schedule::stamp::Stamp;

const DAY: i64 = 86_400;

/// An expression, a zone, and the instant after which it is to fire.
pub struct Case {
    pub text: String,
    pub zone: Rc<Charted>,
    /// Unix seconds.
    pub start: i64,
}

impl Case {
    pub fn stamps(&self, times: &[i64]) -> String {
        let stamp = |at: &i64| Stamp { at: Wall::from_seconds(*at), zone: &self.zone.zone }.to_string();
        times.iter().map(stamp).collect::<Vec<_>>().join(" ")
    }

    /// The command that asks the binary the same.
    pub fn command(&self, count: usize) -> String {
        let from = self.stamps(&[self.start]);
        format!("wingmate next --tz '{}' --from {from} -n {count} '{}'", self.zone.name, self.text)
    }
}

/// What expressions are made of.
#[derive(Clone, Copy, PartialEq)]
pub enum Dialect {
    /// What the oracle reads as spec/cron.md means it.
    Oracle,
    /// All of spec/cron.md: also `15W`, ranges that end in Sunday, `a-a/n`, `FRIL`.
    Whole,
}

const FIELDS: [(u64, u64); 5] = [(0, 59), (0, 23), (1, 31), (1, 12), (0, 7)];
const DAY_OF_MONTH: usize = 2;
const MONTH: usize = 3;
const WEEKDAY: usize = 4;
const MONTHS: [&str; 12] = ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"];
const WEEKDAYS: [&str; 7] = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"];

/// Numbers that look random (xorshift64*).
pub struct Dice(u64);

impl Dice {
    pub fn new(seed: u64) -> Dice {
        // Small seeds are told apart from the first roll on, and none is zero.
        Dice(seed.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    pub fn roll(&mut self, below: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) % below
    }

    fn between(&mut self, first: u64, last: u64) -> u64 {
        first + self.roll(last - first + 1)
    }

    fn one_of<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.roll(of.len() as u64) as usize]
    }

    pub fn case(&mut self, atlas: &mut Atlas, dialect: Dialect) -> Case {
        let zone = atlas.any(dialect == Dialect::Whole, |below| self.roll(below));
        let (start, around) = self.start(&zone, atlas.years());
        let focus = around + zone.offset(around);
        let date = Date::of(focus.div_euclid(DAY));
        let minute = (focus.rem_euclid(DAY) / 60) as u64;
        let focus = [minute % 60, minute / 60, date.day, date.month, date.weekday];
        Case { text: Expressions { dice: self, focus, dialect }.any(), zone, start }
    }

    /// A start, and an instant about which the expression had better be.
    fn start(&mut self, zone: &Charted, (first, end): (i64, i64)) -> (i64, i64) {
        let mut within = |seconds: i64| self.roll(seconds as u64) as i64;
        let anywhere = first + within(end - first);
        let year = Date::of(anywhere / DAY).year;
        let of_year = |month, day| Date::number(year, month, day) * DAY;
        let near = match within(10) {
            0..=5 if !zone.changes.is_empty() => zone.changes[within(zone.changes.len() as i64) as usize],
            6 => of_year(2, 28) + within(2 * DAY),
            7 => of_year(Date::of(anywhere / DAY).month, 1) + within(DAY),
            8 => of_year(1, 1) + within(DAY),
            _ => anywhere,
        };
        let start = match within(8) {
            0 => near + within(3) - 1,
            1 => near - within(3 * 3_600),
            2 => near + within(3 * 3_600),
            3 => near - within(600) * 60,
            4 => near - within(DAY),
            5 => near + within(DAY),
            6 => near - within(3 * DAY),
            _ => near - within(40 * DAY),
        };
        (start.clamp(first, end), near + within(4 * 3_600) - 2 * 3_600)
    }
}

/// Expressions about a reading of the clock, field by field.
struct Expressions<'a> {
    dice: &'a mut Dice,
    focus: [u64; 5],
    dialect: Dialect,
}

impl Expressions<'_> {
    fn any(&mut self) -> String {
        let [minute, hour] = [self.field(0), self.field(1)];
        match self.dice.roll(10) {
            // Only the time of day matters, for that is where clocks are changed.
            0..=2 => format!("{minute} {hour} * * *"),
            3 => format!("{minute} {hour} * * {}", self.field(WEEKDAY)),
            4 => format!("{minute} {hour} {} * *", self.field(DAY_OF_MONTH)),
            5 => format!("{} {} * * *", self.number(0), self.number(1)),
            6 => format!("{} {} {} {} *", self.number(0), self.number(1), self.number(2), self.number(3)),
            _ => [&minute, &hour, &self.field(2), &self.field(3), &self.field(4)].map(|field| &**field).join(" "),
        }
    }

    fn field(&mut self, field: usize) -> String {
        let count = self.dice.one_of(&[1, 1, 1, 1, 1, 1, 2, 2, 3]);
        (0..count).map(|_| self.item(field)).collect::<Vec<_>>().join(",")
    }

    fn value(&mut self, field: usize) -> u64 {
        let (first, last) = FIELDS[field];
        match self.dice.roll(2) {
            0 => (self.focus[field] + self.dice.roll(3)).saturating_sub(1).clamp(first, last),
            _ => self.dice.between(first, last),
        }
    }

    fn number(&mut self, field: usize) -> String {
        self.value(field).to_string()
    }

    /// A value as somebody may write it.
    fn written(&mut self, field: usize, value: u64) -> String {
        let name = match field {
            MONTH => MONTHS[value as usize - 1],
            WEEKDAY if value < 7 => WEEKDAYS[value as usize],
            _ => "",
        };
        match self.dice.roll(12) {
            0..3 if !name.is_empty() => name.to_owned(),
            3 if !name.is_empty() => name.to_ascii_lowercase(),
            4 if !name.is_empty() => format!("{}{}", &name[..1], name[1..].to_ascii_lowercase()),
            5 => format!("{value:02}"),
            _ => value.to_string(),
        }
    }

    /// One place of a list.
    fn item(&mut self, field: usize) -> String {
        let (first, last) = FIELDS[field];
        let step = match self.dice.roll(8) {
            0 => self.dice.between(1, last + 3),
            _ => self.dice.between(1, last / 3),
        };
        match self.dice.roll(14) {
            0..4 => {
                let value = self.value(field);
                self.written(field, value)
            }
            4..6 => "*".into(),
            6..8 => format!("*/{step}"),
            8 => {
                let value = self.value(field);
                format!("{}/{step}", self.written(field, value))
            }
            9 | 10 => self.range(field, false),
            11 => format!("{}/{step}", self.range(field, true)),
            _ if field == DAY_OF_MONTH => match self.dice.roll(5) {
                0 | 1 => self.dice.one_of(&["L", "l"]).into(),
                2 => self.dice.one_of(&["LW", "lw", "Lw"]).into(),
                _ if self.dialect == Dialect::Whole => {
                    format!("{}{}", self.value(field), self.dice.one_of(&["W", "w"]))
                }
                _ => "31".into(),
            },
            _ if field == WEEKDAY => {
                let value = self.value(field);
                match self.dice.roll(2) {
                    0 if self.dialect == Dialect::Whole => {
                        format!("{}{}", self.written(field, value), self.dice.one_of(&["L", "l"]))
                    }
                    0 => format!("{value}{}", self.dice.one_of(&["L", "l"])),
                    _ => format!("{}#{}", self.written(field, value), self.dice.between(1, 5)),
                }
            }
            _ => self.dice.between(first, last).to_string(),
        }
    }

    fn range(&mut self, field: usize, with_step: bool) -> String {
        let whole = self.dialect == Dialect::Whole;
        let (a, b) = (self.value(field), self.value(field));
        let (mut low, mut high) = (a.min(b), a.max(b));
        if low == high && with_step && !whole {
            (low, high) = FIELDS[field];
        }
        let high = match field {
            WEEKDAY if high == 7 && whole && low > 0 => self.dice.one_of(&["SUN", "sun", "0", "7"]).to_owned(),
            _ => self.written(field, high),
        };
        format!("{}-{high}", self.written(field, low))
    }
}
