//! Text → schedule: five fields or a macro, and every fault in them with its place. spec/cron.md has the grammar.

use super::expression::{
    ALL_WEEKDAYS, Expression, LAST_DAY, LAST_WORKDAY, STAR_DAY, STAR_HOUR, STAR_MINUTE, STAR_WEEKDAY,
};
use super::fault::{Fault, ScheduleError};
use super::field::{DAY, FIELDS, HOUR, MINUTE, MONTH, WEEKDAY};
use super::pieces::{Piece, words};
use super::plain;
use super::slips::{self, Slip};
use super::{Parsed, Remark, Schedule};
use crate::model::moment::parse_duration;
use crate::text::near::nearest;
use std::fmt::Write;
use std::ops::Range;
use std::time::Duration;

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

pub(super) fn parse(text: &str) -> Result<Parsed, Vec<ScheduleError>> {
    match plain::read(text) {
        Some(expression) => Ok(Parsed { schedule: Schedule::Cron(expression), remarks: Vec::new() }),
        None => parse_any(text),
    }
}

fn parse_any(text: &str) -> Result<Parsed, Vec<ScheduleError>> {
    let mut reading = Reading { text, expression: Expression::default(), errors: Vec::new(), remarks: Vec::new() };
    let schedule = reading.schedule();
    match schedule {
        Some(schedule) if reading.errors.is_empty() => Ok(Parsed { schedule, remarks: reading.remarks }),
        _ => Err(match slips::of_whole(text) {
            Some((piece, slip)) => vec![ScheduleError { at: reading.characters(piece), fault: slip.into() }],
            None => reading.errors,
        }),
    }
}

/// So many faults of one schedule are told, and so many remarks: each costs a count of the characters before it.
const MOST: usize = 100;

/// No job is due more often than this, as no service is restarted more often: it would take a whole processor.
const SHORTEST: Duration = Duration::from_millis(10);

struct Reading<'a> {
    text: &'a str,
    expression: Expression,
    errors: Vec<ScheduleError>,
    remarks: Vec<Remark>,
}

impl<'a> Reading<'a> {
    /// Notes a fault; `None`, for there is no value then.
    fn fault<T>(&mut self, piece: Piece<'_>, fault: Fault) -> Option<T> {
        if self.errors.len() < MOST {
            let at = self.characters(piece);
            self.errors.push(ScheduleError { at, fault });
        }
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
            let instead = slips::of_macro(name.text);
            return self.fault(name, Fault::UnknownMacro { name: name.text.to_owned(), instead, near });
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
            if let Some(duration) = slips::duration(written.text, more.text) {
                return self.fault(more, Slip::Interval(duration).into());
            }
            let words = self.text.get(name.at..written.end()).unwrap_or(name.text);
            return self.fault(more, Fault::NotAlone(words.to_owned()));
        }
        match parse_duration(written.text) {
            Ok(duration) if duration.is_zero() => self.fault(written, Fault::ZeroDuration),
            Ok(duration) => {
                if duration < SHORTEST {
                    let text = format!("{} is shorter than a start takes: it runs each 10ms", written.text);
                    let at = self.characters(written);
                    self.remarks.push(Remark { at, text });
                }
                Some(Schedule::Every(duration.max(SHORTEST)))
            }
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
                let (item, behind) =
                    piece.split_once(b',').map_or((piece, None), |(item, behind)| (item, Some(behind)));
                self.item(index, item);
                rest = behind;
            }
        }
        if self.errors.is_empty() && !self.expression.ever_fires() {
            return self.fault(self.whole(), Fault::NeverFires);
        }
        let [.., month, _] = pieces;
        self.missing_day(month);
        Some(Schedule::Cron(self.expression))
    }

    /// Remarks a month, named by itself, that has none of the days (`30 2,4`).
    fn missing_day(&mut self, month: Piece<'a>) {
        const LENGTHS: [(u8, u32, &str); 5] =
            [(2, 29, "FEB"), (4, 30, "APR"), (6, 30, "JUN"), (9, 30, "SEP"), (11, 30, "NOV")];
        let expression = &self.expression;
        let first = expression.days.trailing_zeros();
        let others = expression.has(LAST_DAY | LAST_WORKDAY) || expression.nearest != 0;
        if first < 30 || others || !expression.has(STAR_WEEKDAY) || month.text.contains(['*', '-', '/']) {
            return;
        }
        let lacks = |&&(month, last, _): &&(u8, u32, &str)| expression.months >> month & 1 != 0 && last < first;
        if let Some((_, _, name)) = LENGTHS.iter().find(lacks) {
            let text = format!("day of month {first} never comes in {name} (a month's last day is L)");
            let at = self.characters(month);
            self.remarks.push(Remark { at, text });
        }
    }

    /// One place of a field's list.
    fn item(&mut self, index: usize, item: Piece<'a>) -> Option<()> {
        let field = FIELDS.get(index)?;
        if item.text.is_empty() {
            return self.fault(item, Fault::EmptyPlace { field: field.name, allowed: field.allowed });
        }
        let (base, step) = item.split_once(b'/').map_or((item, None), |(base, step)| (base, Some(step)));
        if self.is_day_rule(index, base) {
            if step.is_some() {
                let (field, allowed) = (field.name, field.allowed);
                return self.fault(item, Fault::StepOfDay { field, text: item.text.to_owned(), allowed });
            }
            return self.day_rule(index, base);
        }
        let (first, last) = if base.text == "*" {
            (field.first, field.last)
        } else if let Some((low, high)) = base.split_once(b'-') {
            self.range(index, base, low, high, step.is_none())?
        } else {
            let value = self.value(index, base)?;
            (value, if step.is_some() { field.last } else { value })
        };
        let step = match step {
            Some(step) => self.step(index, item, step, first, last)?,
            None => 1,
        };
        self.add(index, first, last, step);
        Some(())
    }

    /// `a-b`. Sunday at the end of a range counts as 7 where it would run backwards otherwise.
    fn range(
        &mut self,
        index: usize,
        whole: Piece<'a>,
        low: Piece<'a>,
        high: Piece<'a>,
        plain: bool,
    ) -> Option<(u8, u8)> {
        let is_end = |end: Piece<'_>| !end.text.is_empty() && !end.text.contains(['*', '-']);
        if !is_end(low) || !is_end(high) || index == DAY && low.is("L") {
            return self.not_understood(index, whole);
        }
        let (written, (low, high)) = ((low.text, high.text), (self.value(index, low), self.value(index, high)));
        let (low, mut high) = (low?, high?);
        if index == WEEKDAY && high == 0 && low > high {
            high = 7;
        }
        if low > high {
            let field = FIELDS.get(index)?;
            let (first, last, text) = (field.first, field.last, whole.text.to_owned());
            let instead = plain.then(|| slips::over_the_end(index, field, written));
            return self.fault(whole, Fault::Backwards { field: field.name, text, first, last, instead });
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
        self.not_understood(index, piece)
    }

    fn not_understood<T>(&mut self, index: usize, piece: Piece<'a>) -> Option<T> {
        let field = FIELDS.get(index)?;
        let advice = slips::of_value(index, field, piece.text);
        let (field, allowed) = (field.name, field.allowed);
        self.fault(piece, Fault::NotUnderstood { field, text: piece.text.to_owned(), advice, allowed })
    }

    /// `/n`. One beyond the range is allowed (Debian's cron does), but hardly wanted.
    fn step(&mut self, index: usize, item: Piece<'a>, step: Piece<'a>, first: u8, last: u8) -> Option<u8> {
        let Some(number) = step.number() else { return self.not_understood(index, item) };
        let field = FIELDS.get(index)?;
        if number == 0 {
            return self.fault(step, Fault::ZeroStep { field: field.name });
        }
        if number > 1 && number > u32::from(last - first) && self.remarks.len() < MOST {
            let at = self.characters(item);
            let (name, step) = (field.name, step.text);
            let mut text = format!("{name} step {step} is beyond the range {first}–{last}: only {first} is left");
            if let Some(unit) = ["m", "h", "d"].get(index).filter(|_| item.text.starts_with('*')) {
                let _ = write!(text, " (an interval: @every {step}{unit})");
            }
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
            WEEKDAY => {
                // Not each word that ends with this letter.
                let day = |day: Piece<'_>| {
                    day.is_number() || FIELDS.get(WEEKDAY).is_some_and(|field| field.value_of(day.text).is_some())
                };
                piece.text.contains('#') || piece.strip_suffix('L').is_some_and(day)
            }
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
        } else if let Some((day, nth)) = piece.split_once(b'#') {
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

#[cfg(test)]
mod tests;
