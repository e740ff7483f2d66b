//! Text → schedule: five fields or a macro, and every fault in them with its place. spec/cron.md has the grammar.

use super::expression::{
    ALL_WEEKDAYS, Expression, LAST_DAY, LAST_WORKDAY, STAR_DAY, STAR_HOUR, STAR_MINUTE, STAR_WEEKDAY,
};
use super::fault::{Fault, ScheduleError};
use super::field::{DAY, FIELDS, HOUR, MINUTE, MONTH, WEEKDAY};
use super::pieces::{Piece, words};
use super::slips::{self, Slip};
use super::{Parsed, Remark, Schedule};
use crate::model::moment::parse_duration;
use crate::text::near::nearest;
use std::fmt::Write;
use std::ops::Range;

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
mod tests {
    use super::super::fault::MACRO_LIST;
    use super::*;
    use std::time::Duration;

    fn cron(text: &str) -> Expression {
        match parse(text) {
            Ok(Parsed { schedule: Schedule::Cron(expression), .. }) => expression,
            other => panic!("{text}: {other:?}"),
        }
    }

    /// Errors as `start-end message`.
    fn errors(text: &str) -> Vec<String> {
        match parse(text) {
            Ok(parsed) => panic!("'{text}' holds: {parsed:?}"),
            Err(errors) => errors.iter().map(|e| format!("{}-{} {e}", e.at.start, e.at.end)).collect(),
        }
    }

    #[test]
    fn the_same_is_written_in_many_ways() {
        for (one, other) in [
            ("@hourly", "0 * * * *"),
            ("@DAILY", "0 0 * * *"),
            ("@midnight", "00 00 * * *"),
            ("@Weekly", "0 0 * * SUN"),
            ("@monthly", "0 0 1 * *"),
            ("@yearly", " 0\t0 1 jan * "),
            ("@annually", "0 0 1 1 *"),
            ("*/15 9-17 * * mon-Fri", "0,15,30,45 9,10-16,17 * * 1-5"),
            // `a/n` goes to the field's end, which for weekdays is Sunday as 7.
            ("50/5 20/2 28/2 9/3 3/2", "50,55 20,22 28,30 9,12 3,5,0"),
            ("5-5/2 1-10/3 * * *", "5 1,4,7,10 * * *"),
            ("0 0 1,1,1-2 * 0,7", "0 0 1-2 * SUN"),
            ("0 0 5 * SAT-SUN", "0 0 5 * 6-7"),
            ("0 0 5 * 6-0", "0 0 5 * 6,0"),
            ("0 0 5 * sun-sun", "0 0 5 * 7-0"),
            ("0 0 5 * 1-SUN", "0 0 5 * 0-6"),
            ("0 0 l,lW,15w * *", "0 0 15W,LW,L * *"),
            ("0 0 * * friL,mon#2", "0 0 * * 5l,1#2"),
            ("0 0 * * 7L,7#5", "0 0 * * 0L,sun#5"),
        ] {
            let (one, mut other) = (cron(one), cron(other));
            other.marks = one.marks;
            assert_eq!(one, other);
        }
    }

    #[test]
    fn a_star_at_the_beginning_is_remembered() {
        for (text, marks) in [
            ("* 1 1 1 1", STAR_MINUTE),
            ("1 */2 1 1 1", STAR_HOUR),
            ("1 1 *,5 1 1", STAR_DAY),
            ("1 1 1 * */2", STAR_WEEKDAY),
            ("1,* 1,* 1,* * 1,*", 0),
        ] {
            assert_eq!(cron(text).marks, marks, "{text}");
        }
    }

    #[test]
    fn every_and_reboot_are_schedules_too() {
        let schedule = |text| parse(text).map(|parsed| parsed.schedule);
        assert_eq!(schedule("@Every 1m30s"), Ok(Schedule::Every(Duration::from_secs(90))));
        assert_eq!(schedule(" @reboot "), Ok(Schedule::Reboot));
        assert_eq!(errors("@every"), ["0-6 @every needs a duration, such as @every 90s"]);
        assert_eq!(errors("@every 0s"), ["7-9 @every needs a duration above 0"]);
        assert_eq!(errors("@every 1m 30s"), ["10-13 '@every 1m' stands alone: nothing may follow it in a schedule"]);
        assert!(errors("@every soon")[0].starts_with("7-11 @every: 'soon' is not a duration"));
        assert_eq!(errors("@daily 5"), ["7-8 '@daily' stands alone: nothing may follow it in a schedule"]);
        assert_eq!(
            errors("@dayly"),
            [format!("0-6 unknown macro '@dayly' (did you mean '@daily'?); known are {MACRO_LIST}")]
        );
        assert_eq!(errors("@"), [format!("0-1 unknown macro '@'; known are {MACRO_LIST}")]);
    }

    #[test]
    fn all_errors_are_told_with_their_places() {
        assert_eq!(
            errors("60 24 0,32 13 8"),
            [
                "0-2 minute 60 is out of range 0–59",
                "3-5 hour 24 is out of range 0–23",
                "6-7 day of month 0 is out of range 1–31",
                "8-10 day of month 32 is out of range 1–31",
                "11-13 month 13 is out of range 1–12",
                "14-15 day of week 8 is out of range 0–7",
            ]
        );
        assert_eq!(
            errors("99999999999999999999 22-6 0W,32W foo 1#6,x#1,1#"),
            [
                "0-20 minute 99999999999999999999 is out of range 0–59",
                "21-25 hour range 22-6 runs backwards (allowed is 0–23, the lower first; over the end: 22-23,0-6)",
                "26-27 day of month 0 is out of range 1–31",
                "29-31 day of month 32 is out of range 1–31",
                "33-36 month 'foo' is not understood (allowed: 1–12, JAN–DEC; *, a-b, lists by commas, steps by /n)",
                "37-40 day of week '1#6' is out of range: the number behind # is 1–5",
                "41-42 day of week 'x' is not understood (allowed: 0–7, SUN–SAT, 5L, 5#2; *, a-b, lists by commas, \
                 steps by /n)",
                "45-47 day of week '1#' is out of range: the number behind # is 1–5",
            ]
        );
        assert_eq!(
            errors("*/0 é, L/2 1-L L"),
            [
                "2-3 minute step 0 is out of range: a step is 1 or more",
                "4-5 hour 'é' is not understood (allowed: 0–23; *, a-b, lists by commas, steps by /n)",
                "6-6 hour has an empty place in its list: leave out the comma (allowed: 0–23)",
                "7-10 day of month 'L/2' can't have a step: that goes with *, a value or a range (allowed: 1–31, L, LW, \
                 15W)",
                "13-14 month 'L' is not allowed: L stands alone in the day of month only (day of week: 5L is the last \
                 Friday)",
                "15-16 day of week 'L' is not allowed: L stands alone in the day of month only (day of week: 5L is the \
                 last Friday)",
            ]
        );
        for text in ["-1", "+1", "1-", "-", "**", "/5", "*/", "*/x", "1/2/3", "5-*", "*-5", "1-2-3", "0x1", "mon", "?"]
        {
            let errors = errors(&format!("{text} * * * *"));
            assert!(errors.len() == 1 && errors[0].contains(" minute '"), "{errors:?}");
        }
    }

    #[test]
    fn the_number_of_fields_is_checked() {
        let expected =
            "expected five fields (minute, hour, day of month, month, day of week) or a macro such as @daily";
        for (text, place, count) in [("", "0-0", 0), (" \t", "2-2", 0), (" * * * *", "1-8", 4)] {
            assert_eq!(errors(text), [format!("{place} {expected}, found {count}")]);
        }
        assert!(errors("* * * * * *")[0].contains("found 6: leave out the seconds in front"));
    }

    #[test]
    fn what_never_fires_is_refused() {
        for text in [
            "0 0 31 2 *",
            "0 0 30,31 2 *",
            "0 0 31 4,6,9,11 *",
            "0 0 30W 2 *",
            "0 0 31W 9 *",
            // Both must match: the days 1, 4 … 28, 31, and a fifth weekday of February.
            "0 0 */3 2 1#5",
            "0 0 30 2 */2",
        ] {
            assert_eq!(
                errors(text),
                [format!(
                    "0-{} this schedule never fires: no month that it names has such a day (a month's last day is L)",
                    text.len()
                )]
            );
        }
        for text in ["0 0 29 2 *", "0 0 29W 2 *", "0 0 31 2 1", "0 0 29 2 */6", "0 0 * 2 6#5", "0 0 31 1-12/2 *"] {
            cron(text);
        }
    }

    #[test]
    fn a_step_beyond_its_range_is_remarked() {
        let parsed = parse("*/60 5-9/5 31/9 * *").unwrap();
        let remarks: Vec<_> =
            parsed.remarks.iter().map(|r| format!("{}-{} {}", r.at.start, r.at.end, r.text)).collect();
        assert_eq!(
            remarks,
            [
                "0-4 minute step 60 is beyond the range 0–59: only 0 is left (an interval: @every 60m)",
                "5-10 hour step 5 is beyond the range 5–9: only 5 is left",
                "11-15 day of month step 9 is beyond the range 31–31: only 31 is left",
            ]
        );
        assert_eq!(parse("*/59 */23 */30 */11 */7").unwrap().remarks, []);
        assert_eq!(cron("*/99999999999 0 1 1 *").minutes, 1);
    }
}
