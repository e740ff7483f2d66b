//! Text → schedule: five fields or a macro, and every fault in them with its place. spec/cron.md has the grammar.

use super::expression::{
    ALL_WEEKDAYS, Expression, LAST_DAY, LAST_WORKDAY, STAR_DAY, STAR_HOUR, STAR_MINUTE, STAR_WEEKDAY,
};
use super::{Parsed, Remark, Schedule};
use crate::model::moment::{DurationError, parse_duration};
use crate::text::near::nearest;
use std::ops::Range;

/// What is wrong with a schedule, and where.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
#[error("{fault}")]
pub struct ScheduleError {
    /// Which characters of the text.
    pub at: Range<usize>,
    pub fault: Fault,
}

/// What is wrong with a schedule. Fields are named by crontab(5)'s words.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
pub enum Fault {
    #[error(
        "expected five fields (minute, hour, day of month, month, day of week) or a macro such as @daily, found {0}"
    )]
    FieldCount(usize),
    #[error("{field} {value} is out of range {first}–{last}")]
    OutOfRange { field: &'static str, value: String, first: u8, last: u8 },
    #[error("{field} '{text}' is not understood (allowed: {allowed}; *, a-b, lists by commas, steps by /n)")]
    NotUnderstood { field: &'static str, text: String, allowed: &'static str },
    #[error("{field} has an empty place in its list (allowed: {allowed})")]
    EmptyPlace { field: &'static str, allowed: &'static str },
    #[error("{field} range {text} runs backwards (allowed is {first}–{last}, the lower first)")]
    Backwards { field: &'static str, text: String, first: u8, last: u8 },
    #[error("{field} step 0 is out of range: a step is 1 or more")]
    ZeroStep { field: &'static str },
    #[error("{field} '{text}' can't have a step: that goes with *, a value or a range (allowed: {allowed})")]
    StepOfDay { field: &'static str, text: String, allowed: &'static str },
    #[error("{field} '{text}' is out of range: the number behind # is 1–5")]
    NthOutOfRange { field: &'static str, text: String },
    #[error(
        "{field} '{text}' is not allowed: L stands alone in the day of month only (day of week: 5L is the last Friday)"
    )]
    BareLast { field: &'static str, text: String },
    #[error(
        "unknown macro '{name}'{} (known: {MACRO_LIST})",
        near.as_deref().map(|n| format!(", did you mean '{n}'?")).unwrap_or_default()
    )]
    UnknownMacro { name: String, near: Option<String> },
    #[error("'{0}' stands alone: nothing may follow it in a schedule")]
    NotAlone(String),
    #[error("@every needs a duration, such as @every 90s")]
    NoDuration,
    #[error("@every: {0}")]
    Duration(DurationError),
    #[error("@every needs a duration above 0")]
    ZeroDuration,
    #[error("this schedule never fires: no month that it names has such a day")]
    NeverFires,
}

/// One of the five: what it is called, what it may hold.
struct Field {
    name: &'static str,
    first: u8,
    last: u8,
    names: &'static [&'static str],
    allowed: &'static str,
}

const MINUTE: usize = 0;
const HOUR: usize = 1;
const DAY: usize = 2;
const MONTH: usize = 3;
const WEEKDAY: usize = 4;

const MONTHS: &[&str] = &["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"];
const WEEKDAYS: &[&str] = &["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"];

/// By the numbers above.
const FIELDS: [Field; 5] = [
    Field { name: "minute", first: 0, last: 59, names: &[], allowed: "0–59" },
    Field { name: "hour", first: 0, last: 23, names: &[], allowed: "0–23" },
    Field { name: "day of month", first: 1, last: 31, names: &[], allowed: "1–31, L, LW, 15W" },
    Field { name: "month", first: 1, last: 12, names: MONTHS, allowed: "1–12, JAN–DEC" },
    Field { name: "day of week", first: 0, last: 7, names: WEEKDAYS, allowed: "0–7, SUN–SAT, 5L, 5#2" },
];

/// Macros that stand for five fields.
const MACROS: [(&str, &str); 7] = [
    ("@yearly", "0 0 1 1 *"),
    ("@annually", "0 0 1 1 *"),
    ("@monthly", "0 0 1 * *"),
    ("@weekly", "0 0 * * 0"),
    ("@daily", "0 0 * * *"),
    ("@midnight", "0 0 * * *"),
    ("@hourly", "0 * * * *"),
];
const EVERY: &str = "@every";
const REBOOT: &str = "@reboot";
const MACRO_LIST: &str = "@yearly, @annually, @monthly, @weekly, @daily, @midnight, @hourly, @reboot, @every DURATION";

/// Splits a crontab line into its schedule (five fields, or a macro with its duration) and the rest, which
/// begins at a word. Both are byte ranges of `line`; the rest is empty if there is none.
pub fn split_line(line: &str) -> (Range<usize>, Range<usize>) {
    let mut words = words(line);
    let Some(first) = words.next() else { return (line.len()..line.len(), line.len()..line.len()) };
    let more = match () {
        () if first.text.eq_ignore_ascii_case(EVERY) => 1,
        () if first.text.starts_with('@') => 0,
        () => FIELDS.len() - 1,
    };
    let end = words.by_ref().take(more).last().unwrap_or(first).end();
    let rest = words.next().map_or(line.len(), |word| word.at);
    (first.at..end, rest..line.trim_end().len().max(rest))
}

/// A part of the text that knows its place in it.
#[derive(Clone, Copy)]
struct Piece<'a> {
    text: &'a str,
    /// In bytes.
    at: usize,
}

impl<'a> Piece<'a> {
    fn end(self) -> usize {
        self.at + self.text.len()
    }

    fn split_once(self, by: char) -> Option<(Piece<'a>, Piece<'a>)> {
        let (before, behind) = self.text.split_once(by)?;
        Some((Piece { text: before, at: self.at }, Piece { text: behind, at: self.end() - behind.len() }))
    }

    /// Without this last letter, in whichever case.
    fn strip_suffix(self, letter: char) -> Option<Piece<'a>> {
        let text = self.text.strip_suffix(|c: char| c.eq_ignore_ascii_case(&letter))?;
        Some(Piece { text, at: self.at })
    }

    fn is(self, word: &str) -> bool {
        self.text.eq_ignore_ascii_case(word)
    }

    fn is_number(self) -> bool {
        !self.text.is_empty() && self.text.bytes().all(|b| b.is_ascii_digit())
    }

    /// The number that it is; one that is far out of any range is just that.
    fn number(self) -> Option<u32> {
        let add = |sum: u32, b: u8| sum.saturating_mul(10).saturating_add(u32::from(b - b'0'));
        self.is_number().then(|| self.text.bytes().fold(0, add))
    }
}

/// Words between blanks.
fn words(text: &str) -> impl Iterator<Item = Piece<'_>> {
    let mut at = 0;
    std::iter::from_fn(move || {
        let rest = text.get(at..)?;
        let start = at + rest.find(|c: char| !c.is_ascii_whitespace())?;
        let rest = text.get(start..)?;
        let length = rest.find(|c: char| c.is_ascii_whitespace()).unwrap_or(rest.len());
        at = start + length;
        Some(Piece { text: rest.get(..length)?, at: start })
    })
}

pub(super) fn parse(text: &str) -> Result<Parsed, Vec<ScheduleError>> {
    let mut reading = Reading { text, expression: Expression::default(), errors: Vec::new(), remarks: Vec::new() };
    let schedule = reading.schedule();
    match schedule {
        Some(schedule) if reading.errors.is_empty() => Ok(Parsed { schedule, remarks: reading.remarks }),
        _ => Err(reading.errors),
    }
}

struct Reading<'a> {
    text: &'a str,
    expression: Expression,
    errors: Vec<ScheduleError>,
    remarks: Vec<Remark>,
}

impl<'a> Reading<'a> {
    /// Notes a fault; `None`, for there is no value then.
    fn fault<T>(&mut self, piece: Piece<'_>, fault: Fault) -> Option<T> {
        let at = self.characters(piece);
        self.errors.push(ScheduleError { at, fault });
        None
    }

    /// Places are told in characters, as people count columns.
    fn characters(&self, piece: Piece<'_>) -> Range<usize> {
        let start = self.text.get(..piece.at).map_or(0, |before| before.chars().count());
        start..start + piece.text.chars().count()
    }

    fn whole(&self) -> Piece<'a> {
        let text = self.text.trim();
        Piece { text, at: self.text.len() - self.text.trim_start().len() }
    }

    fn schedule(&mut self) -> Option<Schedule> {
        let mut found = words(self.text);
        let fields: [Option<Piece>; FIELDS.len()] = std::array::from_fn(|_| found.next());
        if let [Some(name), second, third, ..] = fields {
            if name.text.starts_with('@') {
                return self.named(name, second, third);
            }
        }
        let [Some(minute), Some(hour), Some(day), Some(month), Some(weekday)] = fields else {
            let count = fields.iter().flatten().count();
            return self.fault(self.whole(), Fault::FieldCount(count));
        };
        let more = found.count();
        if more > 0 {
            return self.fault(self.whole(), Fault::FieldCount(FIELDS.len() + more));
        }
        self.five([minute, hour, day, month, weekday])
    }

    fn named(&mut self, name: Piece<'a>, second: Option<Piece<'a>>, third: Option<Piece<'a>>) -> Option<Schedule> {
        if name.is(EVERY) {
            return self.every(name, second, third);
        }
        let fields = MACROS.iter().find(|(known, _)| name.is(known)).map(|(_, fields)| *fields);
        if fields.is_none() && !name.is(REBOOT) {
            let known = MACROS.iter().map(|(name, _)| *name).chain([EVERY, REBOOT]);
            let near = nearest(name.text, known);
            return self.fault(name, Fault::UnknownMacro { name: name.text.to_owned(), near });
        }
        if let Some(more) = second {
            return self.fault(more, Fault::NotAlone(name.text.to_owned()));
        }
        match fields {
            Some(fields) => parse(fields).ok().map(|parsed| parsed.schedule),
            None => Some(Schedule::Reboot),
        }
    }

    fn every(&mut self, name: Piece<'a>, duration: Option<Piece<'a>>, more: Option<Piece<'a>>) -> Option<Schedule> {
        let Some(written) = duration else { return self.fault(name, Fault::NoDuration) };
        if let Some(more) = more {
            let words = self.text.get(name.at..written.end()).unwrap_or(name.text);
            return self.fault(more, Fault::NotAlone(words.to_owned()));
        }
        match parse_duration(written.text) {
            Ok(duration) if duration.is_zero() => self.fault(written, Fault::ZeroDuration),
            Ok(duration) => Some(Schedule::Every(duration)),
            Err(error) => self.fault(written, Fault::Duration(error)),
        }
    }

    fn five(&mut self, pieces: [Piece<'a>; 5]) -> Option<Schedule> {
        const STARS: [u8; 5] = [STAR_MINUTE, STAR_HOUR, STAR_DAY, 0, STAR_WEEKDAY];
        for (index, piece) in pieces.into_iter().enumerate() {
            if piece.text.starts_with('*') {
                self.expression.marks |= STARS.get(index).copied().unwrap_or(0);
            }
            let mut rest = Some(piece);
            while let Some(piece) = rest {
                let (item, behind) = piece.split_once(',').map_or((piece, None), |(item, behind)| (item, Some(behind)));
                self.item(index, item);
                rest = behind;
            }
        }
        if self.errors.is_empty() && !self.expression.ever_fires() {
            return self.fault(self.whole(), Fault::NeverFires);
        }
        Some(Schedule::Cron(self.expression))
    }

    /// One place of a field's list.
    fn item(&mut self, index: usize, item: Piece<'a>) -> Option<()> {
        let field = FIELDS.get(index)?;
        if item.text.is_empty() {
            return self.fault(item, Fault::EmptyPlace { field: field.name, allowed: field.allowed });
        }
        let (base, step) = item.split_once('/').map_or((item, None), |(base, step)| (base, Some(step)));
        if self.is_day_rule(index, base) {
            if step.is_some() {
                let (field, allowed) = (field.name, field.allowed);
                return self.fault(item, Fault::StepOfDay { field, text: item.text.to_owned(), allowed });
            }
            return self.day_rule(index, base);
        }
        let (first, last) = if base.text == "*" {
            (field.first, field.last)
        } else if let Some((low, high)) = base.split_once('-') {
            self.range(index, base, low, high)?
        } else {
            let value = self.value(index, base)?;
            (value, if step.is_some() { field.last } else { value })
        };
        let step = match step {
            Some(step) => self.step(field, item, step, first, last)?,
            None => 1,
        };
        self.add(index, first, last, step);
        Some(())
    }

    /// `a-b`. Sunday at the end of a range counts as 7 where it would run backwards otherwise.
    fn range(&mut self, index: usize, whole: Piece<'a>, low: Piece<'a>, high: Piece<'a>) -> Option<(u8, u8)> {
        let (low, high) = (self.value(index, low), self.value(index, high));
        let (low, mut high) = (low?, high?);
        if index == WEEKDAY && high == 0 && low > high {
            high = 7;
        }
        if low > high {
            let field = FIELDS.get(index)?;
            let (first, last, text) = (field.first, field.last, whole.text.to_owned());
            return self.fault(whole, Fault::Backwards { field: field.name, text, first, last });
        }
        Some((low, high))
    }

    /// A number or a name within the field's range.
    fn value(&mut self, index: usize, piece: Piece<'a>) -> Option<u8> {
        let field = FIELDS.get(index)?;
        if let Some(number) = piece.number() {
            let fits = |n: &u8| (field.first..=field.last).contains(n);
            if let Some(value) = u8::try_from(number).ok().filter(fits) {
                return Some(value);
            }
            let (first, last, value) = (field.first, field.last, piece.text.to_owned());
            return self.fault(piece, Fault::OutOfRange { field: field.name, value, first, last });
        }
        if let Some(place) = field.names.iter().position(|name| piece.is(name)) {
            return u8::try_from(place).ok().map(|place| place + field.first);
        }
        if piece.is("L") {
            return self.fault(piece, Fault::BareLast { field: field.name, text: piece.text.to_owned() });
        }
        let (field, allowed) = (field.name, field.allowed);
        self.fault(piece, Fault::NotUnderstood { field, text: piece.text.to_owned(), allowed })
    }

    /// `/n`. One beyond the range is allowed (Debian's cron does), but hardly wanted.
    fn step(&mut self, field: &'static Field, item: Piece<'a>, step: Piece<'a>, first: u8, last: u8) -> Option<u8> {
        let Some(number) = step.number() else {
            let (field, allowed) = (field.name, field.allowed);
            return self.fault(item, Fault::NotUnderstood { field, text: item.text.to_owned(), allowed });
        };
        if number == 0 {
            return self.fault(step, Fault::ZeroStep { field: field.name });
        }
        if number > 1 && number > u32::from(last - first) {
            let at = self.characters(item);
            let (name, step) = (field.name, step.text);
            let text = format!("{name} step {step} is beyond the range {first}–{last}: only {first} is left");
            self.remarks.push(Remark { at, text });
        }
        Some(u8::try_from(number).unwrap_or(u8::MAX))
    }

    fn add(&mut self, index: usize, first: u8, last: u8, step: u8) {
        let expression = &mut self.expression;
        let mut bits = 0u64;
        for value in (first..=last).step_by(usize::from(step.max(1))) {
            bits |= 1 << value;
        }
        match index {
            MINUTE => expression.minutes |= bits,
            HOUR => expression.hours |= bits as u32,
            DAY => expression.days |= bits as u32,
            MONTH => expression.months |= bits as u16,
            // Sunday is 0 and 7.
            _ => expression.weekdays |= (bits | bits >> 7) as u8 & ALL_WEEKDAYS,
        }
    }

    /// Whether it is one of the days that only the calendar knows: `L LW 15W`, `5L 5#2`.
    fn is_day_rule(&self, index: usize, piece: Piece<'a>) -> bool {
        match index {
            DAY => piece.is("L") || piece.is("LW") || piece.strip_suffix('W').is_some_and(Piece::is_number),
            WEEKDAY => piece.text.contains('#') || piece.strip_suffix('L').is_some_and(|day| !day.text.is_empty()),
            _ => false,
        }
    }

    fn day_rule(&mut self, index: usize, piece: Piece<'a>) -> Option<()> {
        if index == DAY {
            if piece.is("L") {
                self.expression.marks |= LAST_DAY;
            } else if piece.is("LW") {
                self.expression.marks |= LAST_WORKDAY;
            } else {
                let day = self.value(DAY, piece.strip_suffix('W')?)?;
                self.expression.nearest |= 1 << day;
            }
        } else if let Some((day, nth)) = piece.split_once('#') {
            let day = self.value(WEEKDAY, day);
            let place = nth.number().and_then(|n| usize::try_from(n).ok()?.checked_sub(1));
            match place.and_then(|place| self.expression.nth_weekdays.get_mut(place)) {
                Some(days) => *days |= 1 << (day? % 7),
                None => {
                    let field = FIELDS.get(WEEKDAY)?.name;
                    return self.fault(piece, Fault::NthOutOfRange { field, text: piece.text.to_owned() });
                }
            }
        } else {
            let day = self.value(WEEKDAY, piece.strip_suffix('L')?)?;
            self.expression.last_weekdays |= 1 << (day % 7);
        }
        Some(())
    }
}
