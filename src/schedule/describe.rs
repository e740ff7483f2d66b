//! A schedule in English, for `wingmate check`: saffron's words, where they say what the schedule means.
//!
//! Saffron describes each *way* (see `step`) by itself, so alternatives are told one after the other. What it
//! would tell as alternatives although both must hold, or as a row of numbers that nobody reads, isn't told.

use super::Schedule;
use super::expression::{ALL_DAYS, ALL_WEEKDAYS, Expression};
use super::step::{Rule, WITH_29, every_minute, members, rules};
use saffron::parse::{
    CronExpr, DayOfMonthExpr, DayOfWeekExpr, English, Expr, ExprValue, Exprs, HourFormat, OrsExpr, Step,
};
use std::fmt;
use std::time::Duration;

/// More alternatives than this are harder to read than the fields.
const MOST_WAYS: usize = 3;
/// As many places has a list at most that is told.
const MOST_PLACES: usize = 12;
/// A list of so many minutes is told without the words "past the hour", and could be hours.
const MOST_MINUTES: usize = 2;

impl Schedule {
    /// When it fires, in English; `None` where a description would be wrong, or longer than it helps.
    pub fn describe(&self) -> Option<String> {
        match self {
            Schedule::Cron(expression) => {
                let mut english = English::new();
                english.hour = HourFormat::Hour24;
                let mut text = String::new();
                for way in ways(expression)? {
                    let told = way.describe(&english).to_string();
                    match text.is_empty() {
                        true => text = told,
                        false => text = format!("{text}; also {}", uncapitalized(&told)),
                    }
                }
                Some(text.replace(" on the every ", " on every "))
            }
            Schedule::Every(every) => Some(format!("Every {}, counted from wingmate's start", Exact(*every))),
            Schedule::Reboot => Some("Once, when wingmate starts".into()),
        }
    }
}

/// What saffron is to describe; together they mean what the expression means.
fn ways(expression: &Expression) -> Option<Vec<CronExpr>> {
    // Both must match, and `rules` proposes the days of the month only.
    if expression.needs_both_days() && expression.days != ALL_DAYS && expression.weekdays != ALL_WEEKDAYS {
        return None;
    }
    let rules: Vec<Rule> = rules(expression).into_iter().filter(|rule| rule.months & expression.months != 0).collect();
    match rules.len() {
        1..=MOST_WAYS => rules.into_iter().map(|rule| way(expression, rule)).collect(),
        _ => None,
    }
}

fn way(expression: &Expression, rule: Rule) -> Option<CronExpr> {
    let mut terms = every_minute()?;
    let minutes = places(expression.minutes, true)?;
    if expression.hours != (1 << 24) - 1 {
        if minutes.tail.len() >= MOST_MINUTES {
            return None;
        }
        terms.hours = Expr::Many(places(u64::from(expression.hours), true)?);
    }
    if expression.minutes != (1 << 60) - 1 {
        terms.minutes = Expr::Many(minutes);
    }
    // Of the months that lack the day, `31W` leaves out those that saffron would name.
    let months = match rule.days {
        DayOfMonthExpr::ClosestWeekday(_) => rule.months & expression.months,
        _ => expression.months,
    };
    if months != WITH_29 {
        terms.months = Expr::Many(places(u64::from(months), true)?);
    }
    terms.doms = match rule.days {
        DayOfMonthExpr::Many(_) => DayOfMonthExpr::Many(places(u64::from(expression.days), true)?),
        other => other,
    };
    // "Every 2nd weekday" would be Tuesday to some.
    terms.dows = match rule.weekdays {
        DayOfWeekExpr::Many(_) => DayOfWeekExpr::Many(places(u64::from(expression.weekdays) << 1, false)?),
        other => other,
    };
    Some(terms)
}

/// A duration to the nanosecond, as it could have been written.
struct Exact(Duration);

impl fmt::Display for Exact {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut left = self.0.as_nanos();
        let units = [("d", 86_400_000_000_000), ("h", 3_600_000_000_000), ("m", 60_000_000_000), ("s", 1_000_000_000)];
        for (unit, nanos) in units.into_iter().chain([("ms", 1_000_000), ("us", 1_000), ("ns", 1)]) {
            if left >= nanos {
                write!(f, "{}{unit}", left / nanos)?;
                left %= nanos;
            }
        }
        Ok(())
    }
}

/// "At 04:00" in the middle of a sentence.
pub fn uncapitalized(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().into_iter().map(|first| first.to_ascii_lowercase()).chain(chars).collect()
}

/// A set as one progression, or as runs and single values. `None` if it is empty, or takes too many.
fn places<E>(bits: u64, steps: bool) -> Option<Exprs<E>>
where
    E: TryFrom<u8> + ExprValue,
    Step<E>: TryFrom<u8>,
{
    let value = |value: u8| E::try_from(value).ok();
    let all: Vec<u8> = members(bits).collect();
    if let [first, second, .., last] = *all {
        let step = second - first;
        let even = all.windows(2).all(|two| matches!(two, [a, b] if b - a == step));
        if steps && even && step > 1 {
            let step = Step::try_from(step).ok()?;
            return Some(Exprs::new(OrsExpr::Step { start: value(first)?, end: value(last)?, step }));
        }
    }
    let mut places = Vec::new();
    for run in all.chunk_by(|a, b| a + 1 == *b) {
        match *run {
            [first, _, .., last] if run.len() > 2 => places.push(OrsExpr::Range(value(first)?, value(last)?)),
            _ => {
                for one in run {
                    places.push(OrsExpr::One(value(*one)?));
                }
            }
        }
    }
    let mut places = places.into_iter();
    let mut list = Exprs::new(places.next()?);
    list.tail.extend(places);
    (list.tail.len() < MOST_PLACES).then_some(list)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schedule::civil::Civil;
    use saffron::Cron;

    fn described(text: &str) -> Option<String> {
        Schedule::parse(text).unwrap_or_else(|errors| panic!("{text}: {errors:?}")).schedule.describe()
    }

    #[test]
    fn schedules_are_told_in_english() {
        for (text, english) in [
            ("* * * * *", "Every minute"),
            ("0 * * * *", "Every hour"),
            ("1 * * * *", "At 1 minute past the hour"),
            ("*/5 * * * *", "Every 5th minute starting from minute 0 to minute 55 past the hour"),
            ("*/45 * * * *", "At 0 and 45 minutes past the hour"),
            ("*/7 * * * *", "Every 7th minute starting from minute 0 to minute 56 past the hour"),
            ("0-10 * * * *", "Minutes 0 through 10 past the hour"),
            ("3,7,20,21,22 * * * *", "At 3, 7, and 20 through 22 minutes past the hour"),
            ("@daily", "At 00:00"),
            ("30 4 * * *", "At 04:30"),
            ("0 0 12 * *", "At 00:00 on the 12th of every month"),
            ("* 3 * * *", "Every minute between 03:00 and 03:59"),
            ("0 9-17 * * MON-FRI", "At 0 minutes past the hour, between 09:00 and 17:59 on Monday through Friday"),
            (
                "*/15 9-17 * * *",
                "At every 15th minute from 0 through 45 minutes past the hour, between 09:00 and 17:59",
            ),
            ("0 */2 * * *", "At 0 minutes past the hour, every 2nd hour between 00:00 and 22:59"),
            (
                "0 22-23,0-6 * * *",
                "At 0 minutes past the hour, between 00:00 and 06:59, between 22:00 and 22:59, and between 23:00 and 23:59",
            ),
            ("0 3 * * 0", "At 03:00 on Sunday"),
            ("0 3 * * SAT-SUN", "At 03:00 on Sunday and Saturday"),
            ("0 3 * * */2", "At 03:00 on Sunday, Tuesday, Thursday, and Saturday"),
            ("0 3 * * 1-7", "At 03:00"),
            ("@monthly", "At 00:00 on the 1st of every month"),
            ("@yearly", "At 00:00 on the 1st of January"),
            ("0 0 1,15 * *", "At 00:00 on the 1st and 15th of every month"),
            ("0 0 */2 * *", "At 00:00 on every 2nd day from the 1st to the 31st of every month"),
            ("0 0 1 */3 *", "At 00:00 on the 1st of every 3rd month from January to October"),
            ("0 0 * 6-8 *", "At 00:00 every day in June to August"),
            ("0 0 L * *", "At 00:00 on the last day of every month"),
            ("0 0 LW * *", "At 00:00 on the last weekday of every month"),
            ("0 0 15W * *", "At 00:00 on the closest weekday to the 15th of every month"),
            ("0 0 * * 5L", "At 00:00 on the last Friday of every month"),
            ("0 0 * * 1#2", "At 00:00 on the 2nd Monday of every month"),
            // Either day is enough, and so it is told.
            ("0 0 13 * 5", "At 00:00 on the 13th of every month; also at 00:00 on Friday"),
            ("0 0 13 6 5", "At 00:00 on the 13th of June; also at 00:00 on Friday of June"),
            ("0 0 1,L * *", "At 00:00 on the 1st of every month; also at 00:00 on the last day of every month"),
            // A full field is none, though it is no star.
            ("0 0 1-31 * 5", "At 00:00"),
            // Saffron would have it in all months.
            (
                "0 0 31W * *",
                "At 00:00 on the closest weekday to the 31st of January, March, May, July, August, October, and December",
            ),
            ("0 0 30,31 2,4 *", "At 00:00 on the 30th and 31st of February and April"),
            ("0 0 30W,L 2 *", "At 00:00 on the last day of February"),
            ("@every 90m", "Every 1h30m, counted from wingmate's start"),
            ("@every 3601.5s", "Every 1h1s500ms, counted from wingmate's start"),
            ("@every 86400", "Every 1d, counted from wingmate's start"),
            ("@reboot", "Once, when wingmate starts"),
        ] {
            assert_eq!(described(text).as_deref(), Some(english), "{text}");
        }
    }

    #[test]
    fn what_would_mislead_is_not_told() {
        for text in [
            // Both must match, which "on the … and on Monday" doesn't say.
            "0 0 */2 * 1",
            "0 0 1-7 * */2",
            "0 0 L * */5",
            // "At 7, 12, and 20, between 08:00 and …"
            "7,12,20 8-20 * * *",
            // Long rows, many alternatives.
            "0,2,3,5,7,8,10,13,15,18,20,24,27,31,33,40 * * * *",
            "0 0 1,L,LW,15W * *",
        ] {
            assert_eq!(described(text), None, "{text}");
        }
    }

    #[test]
    fn what_is_described_is_what_fires() {
        let mut seed = 0x9e37_79b9_7f4a_7c15u64;
        let mut roll = |below: u64| {
            seed ^= seed << 13;
            seed ^= seed >> 7;
            seed ^= seed << 17;
            seed % below
        };
        let mut one_of = |of: &[&'static str]| of[roll(of.len() as u64) as usize];
        let mut told = 0;
        for _ in 0..600 {
            let text = [
                one_of(&["*", "0", "*/5", "7", "0,30", "10-20", "1-50/7", "*/45"]),
                one_of(&["*", "4", "*/2", "9-17", "0,12", "22-23,0-6", "1-23/6"]),
                one_of(&["*", "*", "13", "*/2", "1-7", "L", "LW", "15W", "31W", "1,L", "30,31", "1-31", "29/2"]),
                one_of(&["*", "*", "2", "6-8", "*/3", "1,12", "2,4"]),
                one_of(&["*", "*", "5", "MON-FRI", "*/2", "5L", "1#2", "SAT-SUN", "0-6", "1#5,3"]),
            ]
            .join(" ");
            let Ok(parsed) = Schedule::parse(&text) else { continue };
            let Schedule::Cron(expression) = parsed.schedule else { panic!("{text}") };
            let Some(ways) = ways(&expression) else { continue };
            told += 1;
            let ways: Vec<Cron> = ways.into_iter().map(Cron::new).collect();
            // Through 2028, a leap year.
            for number in 0..14_300 {
                let civil = Civil::from_seconds(1_830_297_600 + number * (37 * 60));
                let dressed = chrono::DateTime::from_timestamp(civil.seconds(), 0).unwrap();
                let described = ways.iter().any(|way| way.contains(dressed));
                assert_eq!(described, expression.matches(civil), "'{text}' at {dressed:?}");
            }
        }
        assert!(told > 300, "{told} are too few to tell anything");
    }
}
