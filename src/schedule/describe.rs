//! A schedule in English, for `wingmate check` alone. (Saffron has words for its own dialect: 29 KB of code for what
//! these say in a few, and nothing for two day fields that must both match.)

use super::Schedule;
use super::expression::{ALL_DAYS, ALL_WEEKDAYS, Expression, LAST_DAY, LAST_WORKDAY};
use std::fmt::{self, Write};
use std::time::Duration;

const ALL_MINUTES: u64 = (1 << 60) - 1;
const ALL_HOURS: u64 = (1 << 24) - 1;
const ALL_MONTHS: u64 = 0b1_1111_1111_1110;

/// So many times of day are told one by one.
const MOST_TIMES: u32 = 6;
/// A row of more values than this is told by its step, if it has one.
const MOST_SINGLE: u32 = 6;
/// A list of more places than this is harder to read than the field.
const MOST_PLACES: usize = 12;

const MONTHS: [&str; 13] = [
    "",
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];
const WEEKDAYS: [&str; 7] = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];

impl Schedule {
    /// When it fires, in English; `None` where that would be a long row of numbers.
    pub fn describe(&self) -> Option<String> {
        let mut text = String::new();
        match self {
            Schedule::Cron(expression) => {
                times(&mut text, expression.minutes, u64::from(expression.hours))?;
                days(&mut text, expression)?;
            }
            Schedule::Every(every) => write!(text, "every {}, counted from wingmate's start", Exact(*every)).ok()?,
            Schedule::Reboot => text.push_str("once, when wingmate starts"),
        }
        Some(text)
    }
}

/// The times of a day.
fn times(text: &mut String, minutes: u64, hours: u64) -> Option<()> {
    let every_hour = hours == ALL_HOURS;
    let (first, last) = (minutes.trailing_zeros(), 63 - minutes.leading_zeros());
    // Minutes that go on through the next hour at the same pace.
    let pace = step(minutes).filter(|step| 60 % step == 0 && first == 0 && last + step == 60);
    if minutes == ALL_MINUTES {
        text.push_str("every minute");
    } else if !every_hour && minutes.count_ones() * hours.count_ones() <= MOST_TIMES {
        let of_hour = |hour: u32| members(minutes).map(move |minute| format!("{hour:02}:{minute:02}"));
        let all: Vec<String> = members(hours).flat_map(of_hour).collect();
        write!(text, "at {}", joined(&all, "and")).ok()?;
        return Some(());
    } else if let Some(pace) = pace {
        write!(text, "every {pace} minutes").ok()?;
    } else if first == last {
        match step(hours).filter(|step| *step > 1 && hours.count_ones() > MOST_SINGLE) {
            _ if every_hour && first == 0 => text.push_str("every hour"),
            _ if every_hour => write!(text, "every hour at minute {first}").ok()?,
            Some(step) => {
                let (from, to) = (hours.trailing_zeros(), 63 - hours.leading_zeros());
                write!(text, "every {step} hours from {from:02}:{first:02} to {to:02}:{first:02}").ok()?;
                return Some(());
            }
            None if step(hours) == Some(1) => text.push_str("every hour"),
            None => return at_minutes(text, minutes, hours),
        }
    } else {
        return at_minutes(text, minutes, hours);
    }
    match step(hours) {
        _ if every_hour => {}
        Some(1) | None if hours.count_ones() == 1 || step(hours) == Some(1) => {
            let (from, to) = (hours.trailing_zeros(), 63 - hours.leading_zeros());
            write!(text, " from {from:02}:{first:02} to {to:02}:{last:02}").ok()?;
        }
        _ => write!(text, " of {}", numbers("hour", hours)?).ok()?,
    }
    Some(())
}

fn at_minutes(text: &mut String, minutes: u64, hours: u64) -> Option<()> {
    let hours = if hours == ALL_HOURS { "every hour".to_owned() } else { numbers("hour", hours)? };
    write!(text, "at {} of {hours}", numbers("minute", minutes)?).ok()
}

/// The days and months, if not all.
fn days(text: &mut String, expression: &Expression) -> Option<()> {
    let both = expression.needs_both_days();
    let (by_month, by_week) = (expression.days != ALL_DAYS, expression.weekdays != ALL_WEEKDAYS);
    // Where one is enough, one that is full leaves nothing to the other.
    let (by_month, by_week) = if both || by_month && by_week { (by_month, by_week) } else { (false, false) };
    let months = match u64::from(expression.months) {
        ALL_MONTHS => None,
        months => Some(list("month", months, &|month| MONTHS.get(month).copied().unwrap_or_default().to_owned())?),
    };
    let counted = expression.last_weekdays != 0 || expression.nth_weekdays != [0; 5];
    match (by_month, by_week) {
        (false, false) => {}
        (true, false) => write!(text, " on {}", days_of_month(expression)?).ok()?,
        (false, true) => write!(text, " on {}", weekdays(expression, "s", "and")?).ok()?,
        (true, true) => {
            if let Some(months) = &months {
                write!(text, " in {months}").ok()?;
            }
            let days = days_of_month(expression)?;
            return match both {
                true => write!(text, " on {days}, if that is {}", weekdays(expression, "", "or")?).ok(),
                false => write!(text, " on {days} and on {}", weekdays(expression, "s", "and")?).ok(),
            };
        }
    }
    match months {
        Some(months) if by_month => write!(text, " of {months}").ok(),
        Some(months) => write!(text, " in {months}").ok(),
        None if by_month || counted && by_week => write!(text, " of each month").ok(),
        None => Some(()),
    }
}

fn days_of_month(expression: &Expression) -> Option<String> {
    let mut parts = Vec::new();
    if expression.days != 0 {
        parts.push(list("day", u64::from(expression.days), &|day| format!("the {}", Ordinal(day)))?);
    }
    if expression.has(LAST_DAY) {
        parts.push("the last day".into());
    }
    if expression.has(LAST_WORKDAY) {
        parts.push("the last workday".into());
    }
    for day in members(u64::from(expression.nearest)) {
        let some = if day > 28 { " (where there is one)" } else { "" };
        parts.push(format!("the workday nearest to the {}{some}", Ordinal(day as usize)));
    }
    (parts.len() <= MOST_PLACES).then(|| joined(&parts, "and"))
}

/// `plural` is put behind the names of days that come each week.
fn weekdays(expression: &Expression, plural: &str, and: &str) -> Option<String> {
    let name = |day: usize| WEEKDAYS.get(day).copied().unwrap_or_default();
    let mut parts = Vec::new();
    if expression.weekdays != 0 {
        // Told by its step it would be "every 2nd day".
        parts.push(places(u64::from(expression.weekdays), &|day| format!("{}{plural}", name(day)), and)?);
    }
    for day in members(u64::from(expression.last_weekdays)) {
        parts.push(format!("the last {}", name(day as usize)));
    }
    for (nth, weekdays) in (1..).zip(expression.nth_weekdays) {
        for day in members(u64::from(weekdays)) {
            parts.push(format!("the {} {}", Ordinal(nth), name(day as usize)));
        }
    }
    (parts.len() <= MOST_PLACES).then(|| joined(&parts, and))
}

/// `minute 5`, `minutes 0, 10 and 20–25`, `every 2nd minute from 1 to 59`.
fn numbers(noun: &str, bits: u64) -> Option<String> {
    let plural = if bits.count_ones() == 1 { "" } else { "s" };
    let list = list(noun, bits, &|number| number.to_string())?;
    Some(if list.starts_with("every") { list } else { format!("{noun}{plural} {list}") })
}

/// The values by name, or by their step if they are many.
fn list(noun: &str, bits: u64, name: &dyn Fn(usize) -> String) -> Option<String> {
    if let Some(step) = step(bits).filter(|step| *step > 1 && bits.count_ones() > MOST_SINGLE) {
        let (first, last) = (bits.trailing_zeros() as usize, 63 - bits.leading_zeros() as usize);
        return Some(format!("every {} {noun} from {} to {}", Ordinal(step as usize), name(first), name(last)));
    }
    places(bits, name, "and")
}

/// Runs of three or more by their ends, others one by one.
fn places(bits: u64, name: &dyn Fn(usize) -> String, and: &str) -> Option<String> {
    let mut places = Vec::new();
    let mut left = bits;
    while left != 0 {
        let first = left.trailing_zeros();
        let length = (left >> first).trailing_ones();
        let last = first + length - 1;
        left &= !(((1 << length) - 1) << first);
        match length {
            1 => places.push(name(first as usize)),
            2 => places.extend([first, last].map(|value| name(value as usize))),
            _ => places.push(format!("{} to {}", name(first as usize), name(last as usize))),
        }
    }
    (places.len() <= MOST_PLACES).then(|| joined(&places, and))
}

fn joined(parts: &[String], and: &str) -> String {
    match parts {
        [first @ .., last] if !first.is_empty() => format!("{} {and} {last}", first.join(", ")),
        all => all.join(""),
    }
}

/// The distance of the values, of which there are two or more, if it is the same between all.
fn step(bits: u64) -> Option<u32> {
    let first = bits.trailing_zeros();
    let rest = bits.checked_shr(first)? >> 1;
    let step = rest.trailing_zeros() + 1;
    let all = members(bits).enumerate().all(|(n, value)| value == first + n as u32 * step);
    (rest != 0 && all).then_some(step)
}

fn members(mut bits: u64) -> impl Iterator<Item = u32> {
    std::iter::from_fn(move || {
        let lowest = Some(bits.trailing_zeros()).filter(|_| bits != 0)?;
        bits &= bits - 1;
        Some(lowest)
    })
}

/// `1st`, `2nd`, `11th`: up to 60.
struct Ordinal(usize);

impl fmt::Display for Ordinal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ending = match (self.0, self.0 % 10) {
            (11..=13, _) => "th",
            (_, 1) => "st",
            (_, 2) => "nd",
            (_, 3) => "rd",
            _ => "th",
        };
        write!(f, "{}{ending}", self.0)
    }
}

/// A duration to the nanosecond, as it could have been written.
struct Exact(Duration);

impl fmt::Display for Exact {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const UNITS: [(&str, u64); 7] = [
            ("d", 86_400_000_000_000),
            ("h", 3_600_000_000_000),
            ("m", 60_000_000_000),
            ("s", 1_000_000_000),
            ("ms", 1_000_000),
            ("us", 1_000),
            ("ns", 1),
        ];
        // No schedule is longer than the ten years that a duration may have.
        let mut left = u64::try_from(self.0.as_nanos()).unwrap_or(u64::MAX);
        for (unit, size) in UNITS {
            if left >= size {
                write!(f, "{}{unit}", left / size)?;
                left %= size;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schedule::civil::Civil;
    use std::collections::BTreeMap;

    fn described(text: &str) -> Option<String> {
        Schedule::parse(text).unwrap_or_else(|errors| panic!("{text}: {errors:?}")).schedule.describe()
    }

    #[test]
    fn schedules_are_told_in_english() {
        for (text, english) in [
            ("* * * * *", "every minute"),
            ("0 * * * *", "every hour"),
            ("1 * * * *", "every hour at minute 1"),
            ("*/5 * * * *", "every 5 minutes"),
            ("0,30 * * * *", "every 30 minutes"),
            ("5/30 * * * *", "at minutes 5 and 35 of every hour"),
            ("*/45 * * * *", "at minutes 0 and 45 of every hour"),
            ("*/7 * * * *", "at every 7th minute from 0 to 56 of every hour"),
            ("*/25 * * * *", "at minutes 0, 25 and 50 of every hour"),
            ("1-59/2 * * * *", "at every 2nd minute from 1 to 59 of every hour"),
            ("0-10 * * * *", "at minutes 0 to 10 of every hour"),
            ("3,7,20,21,22 * * * *", "at minutes 3, 7 and 20 to 22 of every hour"),
            ("7,12,20 8-20 * * *", "at minutes 7, 12 and 20 of hours 8 to 20"),
            ("@daily", "at 00:00"),
            ("30 4 * * *", "at 04:30"),
            ("0,30 0,12 * * *", "at 00:00, 00:30, 12:00 and 12:30"),
            ("* 3 * * *", "every minute from 03:00 to 03:59"),
            ("* 3,4,5,7 * * *", "every minute of hours 3 to 5 and 7"),
            ("*/5 3 * * *", "every 5 minutes from 03:00 to 03:55"),
            ("*/20 3 * * *", "at 03:00, 03:20 and 03:40"),
            ("*/15 9-17 * * *", "every 15 minutes from 09:00 to 17:45"),
            ("*/15 9-17,20 * * *", "every 15 minutes of hours 9 to 17 and 20"),
            ("*/15 */2 * * *", "every 15 minutes of every 2nd hour from 0 to 22"),
            ("5 9-17 * * MON-FRI", "every hour from 09:05 to 17:05 on Mondays to Fridays"),
            ("5 */2 * * *", "every 2 hours from 00:05 to 22:05"),
            ("0 */6 * * *", "at 00:00, 06:00, 12:00 and 18:00"),
            ("0 22-23,0-6 * * *", "at minute 0 of hours 0 to 6, 22 and 23"),
            ("0 3 * * 0", "at 03:00 on Sundays"),
            ("0 3 * * SAT-SUN", "at 03:00 on Sundays and Saturdays"),
            ("0 3 * * */2", "at 03:00 on Sundays, Tuesdays, Thursdays and Saturdays"),
            ("0 3 * * 1-7", "at 03:00"),
            ("0 3 * 6 1", "at 03:00 on Mondays in June"),
            ("@monthly", "at 00:00 on the 1st of each month"),
            ("@yearly", "at 00:00 on the 1st of January"),
            ("0 0 1,15 * *", "at 00:00 on the 1st and the 15th of each month"),
            ("0 0 2-12 * *", "at 00:00 on the 2nd to the 12th of each month"),
            ("0 0 */2 * *", "at 00:00 on every 2nd day from the 1st to the 31st of each month"),
            ("0 0 13 */3 *", "at 00:00 on the 13th of January, April, July and October"),
            ("0 0 * */2 *", "at 00:00 in January, March, May, July, September and November"),
            ("0 0 * 6-8 *", "at 00:00 in June to August"),
            ("0 0 L * *", "at 00:00 on the last day of each month"),
            ("0 0 LW * *", "at 00:00 on the last workday of each month"),
            (
                "0 0 3,L,LW,15W * *",
                "at 00:00 on the 3rd, the last day, the last workday and the workday nearest to the 15th of each month",
            ),
            ("0 0 31W * *", "at 00:00 on the workday nearest to the 31st (where there is one) of each month"),
            ("0 0 * * 5L", "at 00:00 on the last Friday of each month"),
            ("0 0 * 2,3 1#2", "at 00:00 on the 2nd Monday in February and March"),
            ("0 0 * * 1#2,3", "at 00:00 on Wednesdays and the 2nd Monday of each month"),
            // Either day is enough, or both must match.
            ("0 0 13 * 5", "at 00:00 on the 13th and on Fridays"),
            ("0 0 13 6 5", "at 00:00 in June on the 13th and on Fridays"),
            ("0 0 */2 * 1", "at 00:00 on every 2nd day from the 1st to the 31st, if that is Monday"),
            ("0 0 1-7 * */3", "at 00:00 on the 1st to the 7th, if that is Sunday, Wednesday or Saturday"),
            ("0 0 *,3 * 1-5", "at 00:00 on Mondays to Fridays"),
            // A full field is none, though it is no star.
            ("0 0 1-31 * 5", "at 00:00"),
            ("0 0 5 * 0-6", "at 00:00"),
            ("@every 90m", "every 1h30m, counted from wingmate's start"),
            ("@every 3601.5s", "every 1h1s500ms, counted from wingmate's start"),
            ("@every 86400", "every 1d, counted from wingmate's start"),
            ("@reboot", "once, when wingmate starts"),
        ] {
            assert_eq!(described(text).as_deref(), Some(english), "{text}");
        }
        assert_eq!(described("0,2,3,5,7,8,10,13,15,18,20,24,27,31,33,40 * * * *"), None);
    }

    /// What is told alike fires alike: nothing that matters is left out.
    #[test]
    fn a_description_has_one_meaning() {
        let mut seed = 0x9e37_79b9_7f4a_7c15u64;
        let mut roll = |below: u64| {
            seed ^= seed << 13;
            seed ^= seed >> 7;
            seed ^= seed << 17;
            seed % below
        };
        let mut one_of = |of: &[&'static str]| of[roll(of.len() as u64) as usize];
        let mut meanings: BTreeMap<String, (String, Expression)> = BTreeMap::new();
        let mut alike = 0;
        for _ in 0..6_000 {
            let text = [
                one_of(&["0", "0", "*", "*/15", "0-59/15", "0,15,30,45", "5", "0,30", "5-59/5"]),
                one_of(&["*", "4", "*/2", "0-23", "9-17", "9-17/1", "22-23,0-6", "1-23/6"]),
                one_of(&["*", "*", "13", "*/2", "1-31/2", "1-7", "L", "31W", "1,L", "30,31", "1-31", "*,L"]),
                one_of(&["*", "*", "1-12", "*/3", "1,12", "2,4"]),
                one_of(&["*", "*", "5", "FRI", "MON-FRI", "*/2", "5L", "1#2", "SAT-SUN", "0-6", "*/6", "1#5,3"]),
            ]
            .join(" ");
            let Ok(parsed) = Schedule::parse(&text) else { continue };
            let Schedule::Cron(expression) = parsed.schedule else { panic!("{text}") };
            let Some(description) = parsed.schedule.describe() else { continue };
            let (first, known) = meanings.entry(description.clone()).or_insert((text.clone(), expression));
            if *known == expression {
                continue;
            }
            alike += 1;
            for number in 0..14_300 {
                let civil = Civil::from_seconds(1_830_297_600 + number * (37 * 60));
                assert_eq!(known.matches(civil), expression.matches(civil), "'{first}', '{text}': {description}");
            }
        }
        assert!(meanings.len() > 1_000 && alike > 100, "{} and {alike} are too few to tell", meanings.len());
    }
}
