//! The five fields as sets, in 32 bytes, so that ten thousand idle entries cost little; which days and
//! minutes are in them. `fields` makes it from text, `step` puts it into saffron's terms, `next` adds the zone.

use super::civil::{Civil, DAY, date};
use time::Month;

/// What five fields ask for. Made by [`Schedule::parse`](super::Schedule::parse) only, which refuses one that
/// never fires.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Expression {
    /// Bits 0–59.
    pub(super) minutes: u64,
    /// Bits 0–23.
    pub(super) hours: u32,
    /// Bits 1–31.
    pub(super) days: u32,
    /// `nW`: bits 1–31.
    pub(super) nearest: u32,
    /// Bits 1–12.
    pub(super) months: u16,
    /// Bits 0–6 from Sunday.
    pub(super) weekdays: u8,
    /// `nL`: bits 0–6 from Sunday.
    pub(super) last_weekdays: u8,
    /// `n#k`: at k-1, bits 0–6 from Sunday.
    pub(super) nth_weekdays: [u8; 5],
    pub(super) marks: u8,
}

/// Marks of an expression: `L` and `LW` in the day of month, and which fields begin with `*`.
pub(super) const LAST_DAY: u8 = 1;
pub(super) const LAST_WORKDAY: u8 = 1 << 1;
pub(super) const STAR_MINUTE: u8 = 1 << 2;
pub(super) const STAR_HOUR: u8 = 1 << 3;
pub(super) const STAR_DAY: u8 = 1 << 4;
pub(super) const STAR_WEEKDAY: u8 = 1 << 5;

/// Every day of a month, every weekday.
pub(super) const ALL_DAYS: u32 = 0xffff_fffe;
pub(super) const ALL_WEEKDAYS: u8 = 0x7f;

/// All that a rule for days looks at.
#[derive(Clone, Copy)]
pub(super) struct Day {
    pub(super) month: u8,
    pub(super) day: u8,
    /// The month's last day.
    pub(super) last: u8,
    /// 0–6 from Sunday.
    pub(super) weekday: u8,
}

impl Day {
    fn from_number(number: i64) -> Day {
        let date = date(number);
        let (year, month, day) = date.to_calendar_date();
        Day { month: month.into(), day, last: month.length(year), weekday: date.weekday().number_days_from_sunday() }
    }
}

impl Expression {
    pub(super) fn has(&self, mark: u8) -> bool {
        self.marks & mark != 0
    }

    /// Whether it fires as the local minutes happen (crontab(5): the minute or the hour begins with `*`),
    /// rather than at fixed times.
    pub fn is_wildcard(&self) -> bool {
        self.has(STAR_MINUTE | STAR_HOUR)
    }

    /// Whether both day fields must match; otherwise one is enough.
    pub(super) fn needs_both_days(&self) -> bool {
        self.has(STAR_DAY | STAR_WEEKDAY)
    }

    /// Whether it matches the minute that this reading is in.
    pub fn matches(&self, civil: Civil) -> bool {
        let minute = civil.seconds_of_day() / 60;
        self.minutes >> (minute % 60) & 1 != 0
            && self.hours >> (minute / 60) & 1 != 0
            && self.matches_day(Day::from_number(civil.day_number()))
    }

    /// Whether it matches minutes of this day at all.
    pub(super) fn matches_date(&self, civil: Civil) -> bool {
        self.matches_day(Day::from_number(civil.day_number()))
    }

    fn matches_day(&self, day: Day) -> bool {
        if self.months >> day.month & 1 == 0 {
            return false;
        }
        let by_month = self.matches_day_of_month(day);
        if self.needs_both_days() {
            by_month && self.matches_weekday(day)
        } else {
            by_month || self.matches_weekday(day)
        }
    }

    fn matches_day_of_month(&self, day: Day) -> bool {
        self.days >> day.day & 1 != 0
            || self.has(LAST_DAY) && day.day == day.last
            || self.has(LAST_WORKDAY) && is_nearest_workday(day, day.last)
            || self.nearest != 0 && (1..=day.last).any(|n| self.nearest >> n & 1 != 0 && is_nearest_workday(day, n))
    }

    fn matches_weekday(&self, day: Day) -> bool {
        let nth = self.nth_weekdays.get(usize::from(day.day.saturating_sub(1) / 7)).copied().unwrap_or(0);
        let last = if day.day + 7 > day.last { self.last_weekdays } else { 0 };
        (self.weekdays | nth | last) >> day.weekday & 1 != 0
    }

    /// Whether there is a day on which it fires. The calendar knows fourteen kinds of years, and each comes.
    pub(super) fn ever_fires(&self) -> bool {
        (0..14u8).any(|kind| {
            let (year, mut weekday) = (if kind < 7 { 2000 } else { 2001 }, kind % 7);
            (0..12).map(|n| Month::January.nth_next(n)).any(|month| {
                let (month, last) = (u8::from(month), month.length(year));
                let first = weekday;
                weekday = (weekday + last) % 7;
                self.months >> month & 1 != 0
                    && (1..=last).any(|day| self.matches_day(Day { month, day, last, weekday: (first + day - 1) % 7 }))
            })
        })
    }

    /// How many minutes it matches from one reading to another, both included.
    pub(super) fn count(&self, from: Civil, to: Civil) -> u64 {
        // The first whole minute at or after `from`, the last at or before `to`.
        let (first, last) = ((from.seconds() + 59).div_euclid(60), to.seconds().div_euclid(60));
        let minutes_a_day = DAY / 60;
        if first > last {
            return 0;
        }
        let whole = u64::from(self.minutes.count_ones()) * u64::from(self.hours.count_ones());
        (first.div_euclid(minutes_a_day)..=last.div_euclid(minutes_a_day))
            .filter(|number| self.matches_day(Day::from_number(*number)))
            .map(|number| {
                let start = (first - number * minutes_a_day).max(0);
                let end = (last - number * minutes_a_day).min(minutes_a_day - 1);
                if (start, end) == (0, minutes_a_day - 1) { whole } else { self.count_of_day(start, end) }
            })
            .sum()
    }

    /// How many of a matching day's minutes `first..=last` (0–1439) it matches.
    fn count_of_day(&self, first: i64, last: i64) -> u64 {
        (0..24i64)
            .filter(|hour| self.hours >> hour & 1 != 0)
            .map(|hour| {
                let (low, high) = ((first - hour * 60).max(0), (last - hour * 60).min(59));
                let upto = |minute: i64| (1u64 << (minute + 1).clamp(0, 60)) - 1;
                u64::from((self.minutes & upto(high) & !upto(low - 1)).count_ones())
            })
            .sum()
    }
}

/// Whether the day is the Monday to Friday that is nearest to the month's day `wanted`, and in that month.
fn is_nearest_workday(day: Day, wanted: u8) -> bool {
    const MONDAY: u8 = 1;
    const FRIDAY: u8 = 5;
    if !(MONDAY..=FRIDAY).contains(&day.weekday) {
        return false;
    }
    day.day == wanted
        || day.weekday == MONDAY && day.day == wanted + 1
        || day.weekday == MONDAY && day.day == 3 && wanted == 1
        || day.weekday == FRIDAY && day.day + 1 == wanted
        || day.weekday == FRIDAY && day.day + 2 == wanted && wanted == day.last
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schedule::Schedule;

    /// The days of a month that an expression's day fields match.
    fn days(fields: &str, year: i32, month: u8) -> Vec<u8> {
        let Schedule::Cron(expression) = Schedule::parse(&format!("0 0 {fields}")).unwrap().schedule else {
            panic!("{fields} are no fields")
        };
        let month = Month::try_from(month).unwrap();
        let civil = |day| Civil::new(time::Date::from_calendar_date(year, month, day).unwrap(), 0);
        (1..=month.length(year)).filter(|day| expression.matches(civil(*day))).collect()
    }

    #[test]
    fn an_expression_is_small() {
        assert_eq!(size_of::<Expression>(), 32, "ten thousand of them are kept");
        assert_eq!(size_of::<Schedule>(), 40);
    }

    #[test]
    fn the_nearest_weekday_stays_in_its_month() {
        // May 2027 begins on a Saturday and ends on a Monday; August begins and October ends on a Sunday.
        for (rule, month, day) in [
            ("1W", 5, 3),
            ("2W", 5, 3),
            ("15W", 5, 14),
            ("16W", 5, 17),
            ("30W", 5, 31),
            ("31W", 5, 31),
            ("1W", 8, 2),
            ("31W", 10, 29),
            ("30W", 10, 29),
            ("31W", 7, 30),
            ("28W", 2, 26),
            ("LW", 2, 26),
            ("LW", 10, 29),
            ("LW", 7, 30),
            ("LW", 5, 31),
            ("L", 2, 28),
        ] {
            assert_eq!(days(&format!("{rule} * *"), 2027, month), [day], "{rule} in {month}");
        }
        assert_eq!(days("31W * *", 2027, 4), [0; 0]);
        assert_eq!(days("29W * *", 2027, 2), [0; 0]);
        assert_eq!(days("29W * *", 2028, 2), [29]);
        assert_eq!(days("1W,15W,L * *", 2027, 5), [3, 14, 31]);
    }

    #[test]
    fn weekdays_are_counted_within_the_month() {
        // October 2027 begins on a Friday and has five Fridays, Saturdays, Sundays.
        for (rule, expected) in [
            ("5#1", vec![1]),
            ("fri#5", vec![29]),
            ("1#5", vec![]),
            ("7#5", vec![31]),
            ("0#2,mon#2", vec![10, 11]),
            ("5L", vec![29]),
            ("4L", vec![28]),
            ("0L", vec![31]),
            ("7L,1", vec![4, 11, 18, 25, 31]),
        ] {
            assert_eq!(days(&format!("* * {rule}"), 2027, 10), expected, "{rule}");
        }
    }

    #[test]
    fn two_restricted_fields_are_alternatives_unless_one_begins_with_a_star() {
        assert_eq!(days("13 * 5", 2027, 8), [6, 13, 20, 27]);
        assert_eq!(days("14 * 5", 2027, 8), [6, 13, 14, 20, 27]);
        assert_eq!(days("*/2 * 5", 2027, 8), [13, 27]);
        assert_eq!(days("10-20 * */5", 2027, 8), [13, 15, 20]);
        assert_eq!(days("1-31 * 5", 2027, 8).len(), 31, "full, but not a star");
        assert_eq!(days("*,3 * 5", 2027, 8), [6, 13, 20, 27]);
        assert_eq!(days("3,* * 5", 2027, 8).len(), 31);
        assert_eq!(days("L * 5L", 2027, 8), [27, 31]);
    }
}
