//! The rules of crontab(5) as spec/cron.md writes them down, by looking at each minute's wall clock: slow, plain, and
//! with nothing of the schedule room's in it but a zone's offset at an instant. What is read is known to be valid.

use crate::zones::Charted;

const DAY: i64 = 86_400;
const HOUR: i64 = 3_600;
const MINUTE: i64 = 60;
/// No two years in which an expression fires are further apart, and then some.
const LONGEST: i64 = 45 * 366 * DAY;

/// A day of the calendar.
#[derive(Clone, Copy)]
pub struct Date {
    pub year: i64,
    pub month: u64,
    pub day: u64,
    /// 0–6 from Sunday.
    pub weekday: u64,
}

impl Date {
    /// The day of this number, counted from 1970-01-01.
    pub fn of(number: i64) -> Date {
        // Four centuries have 146,097 days; years are counted from March, so that a leap day is the last one.
        let number = number + 719_468;
        let (era, of_era) = (number.div_euclid(146_097), number.rem_euclid(146_097));
        let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
        let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let months = (5 * of_year + 2) / 153;
        let day = of_year - (153 * months + 2) / 5 + 1;
        let month = if months < 10 { months + 3 } else { months - 9 };
        let year = year_of_era + era * 400 + i64::from(month <= 2);
        // 719468 days before 1970-01-01 it was a Wednesday.
        Date { year, month: month as u64, day: day as u64, weekday: (number + 3).rem_euclid(7) as u64 }
    }

    /// The number of a day.
    pub fn number(year: i64, month: u64, day: u64) -> i64 {
        let year = year - i64::from(month <= 2);
        let months = (month as i64 + 9) % 12;
        365 * year + year.div_euclid(4) - year.div_euclid(100)
            + year.div_euclid(400)
            + (153 * months + 2) / 5
            + day as i64
            - 1
            - 719_468
    }

    /// Its month's last day.
    fn last(self) -> u64 {
        let leap = self.year % 4 == 0 && (self.year % 100 != 0 || self.year % 400 == 0);
        match self.month {
            2 => 28 + u64::from(leap),
            4 | 6 | 9 | 11 => 30,
            _ => 31,
        }
    }

    /// The weekday of another day of its month.
    fn weekday_of(self, day: u64) -> u64 {
        (self.weekday + 35 + day - self.day) % 7
    }

    /// The Monday to Friday of its month that is nearest to this day of it.
    fn nearest_workday(self, day: u64) -> Option<u64> {
        let workdays = (1..=self.last()).filter(|day| (1..=5).contains(&self.weekday_of(*day)));
        workdays.min_by_key(|workday| workday.abs_diff(day))
    }
}

enum DayRule {
    Days(Vec<u64>),
    Last,
    LastWorkday,
    Nearest(u64),
}

enum WeekdayRule {
    Days(Vec<u64>),
    Last(u64),
    Nth(u64, u64),
}

/// What an expression asks for.
pub struct Rules {
    minutes: [bool; 60],
    hours: [bool; 24],
    days: Vec<DayRule>,
    months: Vec<u64>,
    weekdays: Vec<WeekdayRule>,
    /// Both day fields must match; otherwise one is enough.
    both: bool,
    pub wildcard: bool,
}

impl Rules {
    pub fn of(text: &str) -> Rules {
        let upper = text.to_ascii_uppercase();
        let fields: Vec<&str> = upper.split(' ').collect();
        let [minute, hour, day, month, weekday] = fields[..] else { panic!("'{text}' has no five fields") };
        let star = |field: &str| field.starts_with('*');
        let mut rules = Rules {
            minutes: [false; 60],
            hours: [false; 24],
            days: day.split(',').map(day_rule).collect(),
            months: month.split(',').flat_map(|item| values(item, 1, 12, number)).collect(),
            weekdays: weekday.split(',').map(weekday_rule).collect(),
            both: star(day) || star(weekday),
            wildcard: star(minute) || star(hour),
        };
        let all =
            |field: &str, last| field.split(',').flat_map(|item| values(item, 0, last, number)).collect::<Vec<_>>();
        all(minute, 59).into_iter().for_each(|minute| rules.minutes[minute as usize] = true);
        all(hour, 23).into_iter().for_each(|hour| rules.hours[hour as usize] = true);
        rules
    }

    fn matches_day(&self, number: i64) -> bool {
        let date = Date::of(number);
        if !self.months.contains(&date.month) {
            return false;
        }
        let by_day = self.days.iter().any(|rule| match rule {
            DayRule::Days(days) => days.contains(&date.day),
            DayRule::Last => date.day == date.last(),
            DayRule::LastWorkday => date.nearest_workday(date.last()) == Some(date.day),
            DayRule::Nearest(day) => *day <= date.last() && date.nearest_workday(*day) == Some(date.day),
        });
        let by_weekday = self.weekdays.iter().any(|rule| match rule {
            WeekdayRule::Days(days) => days.contains(&date.weekday),
            WeekdayRule::Last(day) => *day == date.weekday && date.day + 7 > date.last(),
            WeekdayRule::Nth(day, nth) => *day == date.weekday && date.day.div_ceil(7) == *nth,
        });
        if self.both { by_day && by_weekday } else { by_day || by_weekday }
    }

    /// Whether there is any such day: the calendar repeats itself after 400 years, weekdays included.
    pub fn ever_fires(&self) -> bool {
        (0..146_097).any(|number| self.matches_day(number))
    }

    /// The next `count` fire times after `start`.
    pub fn after(&self, zone: &Charted, start: i64, count: usize) -> Vec<i64> {
        let mut walk = Walk::new(self, zone, start);
        std::iter::from_fn(|| walk.next()).filter(|at| *at > start).take(count).collect()
    }
}

/// A walk through time, minute by minute.
struct Walk<'a> {
    rules: &'a Rules,
    zone: &'a Charted,
    /// The instant that is looked at next.
    at: i64,
    /// The furthest that the clocks have been.
    furthest: i64,
    end: i64,
    /// A day, and whether it matches.
    day: (i64, bool),
}

impl<'a> Walk<'a> {
    /// Begins so early that it is known what the clocks have shown.
    fn new(rules: &'a Rules, zone: &'a Charted, start: i64) -> Walk<'a> {
        let at = start - start.rem_euclid(MINUTE) - 2 * DAY;
        let at = at - (at + zone.offset(at)).rem_euclid(MINUTE);
        let furthest = at + zone.offset(at) - MINUTE;
        Walk { rules, zone, at, furthest, end: start + LONGEST, day: (i64::MIN, false) }
    }

    fn next(&mut self) -> Option<i64> {
        while self.at < self.end {
            let (offset, until) = self.zone.held(self.at);
            let clock = self.at + offset;
            if clock % MINUTE != 0 {
                // Somewhere in a minute, behind a change by no whole minutes: on to the next.
                self.at += MINUTE - clock.rem_euclid(MINUTE);
                continue;
            }
            let straight = |time: i64| self.at + time < until;
            if self.furthest < clock && straight(DAY) && self.furthest + MINUTE == clock {
                let today = clock.div_euclid(DAY);
                if (today..=today + 1).all(|day| !self.rules.matches_day(day)) {
                    self.at += DAY;
                    self.furthest += DAY;
                    continue;
                }
            }
            let hour = self.at + if straight(HOUR) { HOUR } else { MINUTE };
            while self.at < hour {
                let at = self.at;
                self.at = (at + MINUTE).min(until);
                if self.fires(at + offset) {
                    self.end = at + LONGEST;
                    return Some(at);
                }
                if self.at == until {
                    break;
                }
            }
        }
        None
    }

    /// Whether it fires when the clocks come to show this.
    fn fires(&mut self, clock: i64) -> bool {
        // A wildcard job fires as it happens: what is skipped never does, what is repeated does twice.
        let mut fires = self.rules.wildcard && self.matches(clock);
        // A fixed-time job makes up for what was skipped, once, and doesn't repeat what the clocks have shown before.
        while self.furthest < clock {
            self.furthest += MINUTE;
            fires = fires || !self.rules.wildcard && self.matches(self.furthest);
        }
        fires
    }

    fn matches(&mut self, clock: i64) -> bool {
        let (day, minute) = (clock.div_euclid(DAY), clock.rem_euclid(DAY) / MINUTE);
        if !self.rules.minutes[minute as usize % 60] || !self.rules.hours[minute as usize / 60] {
            return false;
        }
        if self.day.0 != day {
            self.day = (day, self.rules.matches_day(day));
        }
        self.day.1
    }
}

fn day_rule(item: &str) -> DayRule {
    match item {
        "L" => DayRule::Last,
        "LW" => DayRule::LastWorkday,
        _ => match item.strip_suffix('W') {
            Some(day) => DayRule::Nearest(number(day)),
            None => DayRule::Days(values(item, 1, 31, number)),
        },
    }
}

fn weekday_rule(item: &str) -> WeekdayRule {
    if let Some((day, nth)) = item.split_once('#') {
        return WeekdayRule::Nth(number(day) % 7, number(nth));
    }
    match item.strip_suffix('L') {
        Some(day) => WeekdayRule::Last(number(day) % 7),
        None => WeekdayRule::Days(values(item, 0, 7, number).into_iter().map(|day| day % 7).collect()),
    }
}

/// The values of `*`, `a`, `a-b`, with `/n` or without.
fn values(item: &str, first: u64, last: u64, value: impl Fn(&str) -> u64) -> Vec<u64> {
    let (base, step) = item.split_once('/').map_or((item, None), |(base, step)| (base, Some(value(step))));
    let (low, high) = match base.split_once('-') {
        None if base == "*" => (first, last),
        None if step.is_some() => (value(base), last),
        None => (value(base), value(base)),
        Some((low, high)) => match (value(low), value(high)) {
            (low, 0) if low > 0 => (low, 7),
            both => both,
        },
    };
    (low..=high).step_by(step.unwrap_or(1) as usize).collect()
}

/// A number, or the name of one.
fn number(text: &str) -> u64 {
    const NAMES: &str = "SUN MON TUE WED THU FRI SAT JAN FEB MAR APR MAY JUN JUL AUG SEP OCT NOV DEC";
    match NAMES.split(' ').position(|name| name == text) {
        Some(weekday @ 0..7) => weekday as u64,
        Some(month) => month as u64 - 6,
        None => text.parse().unwrap_or_else(|_| panic!("'{text}' is no number")),
    }
}
