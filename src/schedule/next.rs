//! The next instant at which an expression fires: civil steps meet the zone, by the rules of Debian's cron
//! (crontab(5), on daylight saving time).
//!
//! - A wildcard job fires at each matching local minute as it happens: none in a skipped hour, twice in a
//!   repeated one.
//! - A fixed-time job fires once a day whatever the clocks do: a time that they skip fires at the first minute
//!   behind the gap (several of them: once), a time that comes twice fires the first time.

use super::civil::Civil;
use super::expression::Expression;
use super::step::Stepper;
use super::zone::{Shown, Zone};
use crate::model::moment::Wall;
use std::time::Duration;

/// The first fire time strictly after `after`; `None` only beyond what [`Wall`] can count (the year 2262).
pub fn next(expression: &Expression, zone: &Zone, after: Wall) -> Option<Wall> {
    let stepper = Stepper::new(expression);
    // Fire times are whole seconds, so a fraction of one makes no difference.
    let after = after.seconds();
    let found =
        if expression.is_wildcard() { wildcard(&stepper, zone, after)? } else { fixed_time(&stepper, zone, after)? };
    found.checked_mul(1_000_000_000).map(Wall::from_nanos)
}

/// Span by span, for within one the clocks run straight. `from` is the second before the first that counts; the
/// stepper looks behind the minute that it is in.
fn wildcard(stepper: &Stepper<'_>, zone: &Zone, after: i64) -> Option<i64> {
    let mut span = zone.span(after.checked_add(1)?);
    let mut from = after;
    loop {
        let civil = stepper.after(span.civil(from))?;
        let instant = civil.seconds().checked_sub(i64::from(span.offset))?;
        if instant < span.end {
            return Some(instant);
        }
        from = span.end.checked_sub(1)?;
        span = zone.span(span.end);
    }
}

/// By the calendar, each civil time having one instant.
fn fixed_time(stepper: &Stepper<'_>, zone: &Zone, after: i64) -> Option<i64> {
    // A minute earlier, because the first minute behind a gap may begin later than the gap ends; the smaller
    // reading, because the clocks may have been set back in between.
    let mut civil = zone.civil(after).min(zone.civil(after.checked_sub(60)?));
    loop {
        civil = stepper.after(civil)?;
        let instant = fixed_instant(zone, civil);
        if instant > after {
            return Some(instant);
        }
    }
}

/// When a fixed-time job fires for this civil time.
fn fixed_instant(zone: &Zone, civil: Civil) -> i64 {
    match zone.shown(civil) {
        Shown::At(instant) => instant,
        Shown::Skipped(end) => first_minute(zone, end),
    }
}

/// The first instant at or after this one that begins a local minute.
fn first_minute(zone: &Zone, instant: i64) -> i64 {
    instant + (-zone.civil(instant).seconds()).rem_euclid(60)
}

/// How many fire times there are after `after`, up to and including `until`. Counted by days, not by steps, for
/// the clock may have been set forward by decades.
pub fn count(expression: &Expression, zone: &Zone, after: Wall, until: Wall) -> u64 {
    let (mut from, until) = (after.seconds().saturating_add(1), until.seconds());
    let mut total = 0u64;
    while from <= until {
        let span = zone.span(from);
        let end = until.min(span.end.saturating_sub(1));
        let mut first = span.civil(from);
        if !expression.is_wildcard() && span.start != i64::MIN {
            let before = zone.span(span.start - 1);
            let (shown, begin) = (before.civil(span.start), span.civil(span.start));
            // What the clocks show a second time doesn't count, and what they skipped counts as one.
            first = first.max(shown);
            let landing = first_minute(zone, span.start);
            let skipped = from <= landing && landing <= until && !expression.matches(span.civil(landing));
            if skipped && expression.count(shown, Civil::from_seconds(begin.seconds() - 1)) > 0 {
                total += 1;
            }
        }
        total = total.saturating_add(expression.count(first, span.civil(end)));
        from = end.saturating_add(1);
    }
    total
}

/// The last fire time after `after`, up to and including `until`, if there is one.
pub fn latest(expression: &Expression, zone: &Zone, after: Wall, until: Wall) -> Option<Wall> {
    let up_to_then = |from| next(expression, zone, from).filter(|at| *at <= until);
    // Back in growing steps: what a step finds is behind a time in which nothing fires, so it isn't much.
    let mut back = Duration::from_secs(3_600);
    loop {
        let from = Wall::from_nanos(until.nanos().saturating_sub(i64::try_from(back.as_nanos()).unwrap_or(i64::MAX)));
        let from = from.max(after);
        if let Some(first) = up_to_then(from) {
            return std::iter::successors(Some(first), |at| up_to_then(*at)).last();
        }
        if from <= after {
            return None;
        }
        back = back.saturating_mul(8);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schedule::Schedule;
    use crate::schedule::stamp::{Stamp, read};

    const BERLIN: &str = "CET-1CEST,M3.5.0,M10.5.0/3";
    const LORD_HOWE: &str = "<+1030>-10:30<+11>-11,M10.1.0,M4.1.0";

    fn expression(text: &str) -> Expression {
        match Schedule::parse(text).unwrap().schedule {
            Schedule::Cron(expression) => expression,
            _ => panic!("{text} has no five fields"),
        }
    }

    /// The next times behind `start`, as far as they are before `end`, without the date.
    fn between(text: &str, zone: &str, start: &str, end: &str) -> Vec<String> {
        let (expression, zone) = (expression(text), Zone::from_posix(zone).unwrap());
        let (mut after, end) = (read(start, &zone).unwrap(), read(end, &zone).unwrap());
        let mut times = Vec::new();
        while let Some(at) = next(&expression, &zone, after).filter(|at| *at < end) {
            times.push(Stamp { at, zone: &zone }.to_string()[11..].to_owned());
            assert_eq!(count(&expression, &zone, after, at), 1, "{text} {times:?}");
            after = at;
        }
        times
    }

    #[test]
    fn a_wildcard_job_skips_a_skipped_hour() {
        let day = |text| between(text, BERLIN, "2027-03-28T00:59:59", "2027-03-28T05:00:00");
        assert_eq!(day("30 * * * *"), ["01:30:00+01:00", "03:30:00+02:00", "04:30:00+02:00"]);
        assert_eq!(day("*/30 2 * * *"), [""; 0]);
        assert_eq!(day("0 * * * *"), ["01:00:00+01:00", "03:00:00+02:00", "04:00:00+02:00"]);
    }

    #[test]
    fn a_wildcard_job_fires_twice_in_a_repeated_hour() {
        let day = |text| between(text, BERLIN, "2027-10-31T00:59:59", "2027-10-31T04:00:00");
        assert_eq!(day("30 * * * *"), ["01:30:00+02:00", "02:30:00+02:00", "02:30:00+01:00", "03:30:00+01:00"]);
        assert_eq!(day("* 2 * * *").len(), 120);
    }

    #[test]
    fn a_skipped_fixed_time_fires_once_behind_the_gap() {
        let day = |text| between(text, BERLIN, "2027-03-28T00:59:59", "2027-03-28T05:00:00");
        assert_eq!(day("30 2 * * *"), ["03:00:00+02:00"]);
        assert_eq!(day("0,10,30 1-2 * * *"), ["01:00:00+01:00", "01:10:00+01:00", "01:30:00+01:00", "03:00:00+02:00"]);
        // It would have fired then anyway: still once.
        assert_eq!(day("0,30 2-3 * * *"), ["03:00:00+02:00", "03:30:00+02:00"]);
    }

    #[test]
    fn a_repeated_fixed_time_fires_the_first_time_only() {
        let day = |text, start| between(text, BERLIN, start, "2027-10-31T04:00:00");
        assert_eq!(day("30 2 * * *", "2027-10-31T00:59:59"), ["02:30:00+02:00"]);
        assert_eq!(
            day("0,30 2-3 * * *", "2027-10-31T02:10:00+02:00"),
            ["02:30:00+02:00", "03:00:00+01:00", "03:30:00+01:00"]
        );
        // Within the second of the two hours.
        assert_eq!(day("0,30 2-3 * * *", "2027-10-31T02:10:00+01:00"), ["03:00:00+01:00", "03:30:00+01:00"]);
    }

    #[test]
    fn half_an_hour_is_a_change_too() {
        // Lord Howe: 02:00 becomes 02:30 in October, 02:00 becomes 01:30 in April.
        let spring = |text| between(text, LORD_HOWE, "2027-10-03T00:59:59", "2027-10-03T04:00:00");
        assert_eq!(spring("15 2 * * *"), ["02:30:00+11:00"]);
        assert_eq!(spring("45 2 * * *"), ["02:45:00+11:00"]);
        assert_eq!(
            spring("15,45 * * * *"),
            ["01:15:00+10:30", "01:45:00+10:30", "02:45:00+11:00", "03:15:00+11:00", "03:45:00+11:00"]
        );
        let autumn = |text| between(text, LORD_HOWE, "2027-04-04T00:59:59", "2027-04-04T03:00:00");
        assert_eq!(autumn("45 1 * * *"), ["01:45:00+11:00"]);
        assert_eq!(
            autumn("15,45 1-23 * * *"),
            ["01:15:00+11:00", "01:45:00+11:00", "02:15:00+10:30", "02:45:00+10:30"]
        );
        assert_eq!(autumn("45 * * * *"), ["01:45:00+11:00", "01:45:00+10:30", "02:45:00+10:30"]);
    }

    #[test]
    fn the_last_time_is_found_however_long_ago() {
        let zone = Zone::from_posix(BERLIN).unwrap();
        let until = read("2027-03-28T12:00:30", &zone).unwrap();
        for (text, after, expected) in [
            ("* * * * *", "1970-01-01T00:00:00", Some("2027-03-28T12:00:00+02:00")),
            ("0 12 * * *", "1970-01-01T00:00:00", Some("2027-03-28T12:00:00+02:00")),
            ("30 2 * * *", "2027-03-28T01:00:00", Some("2027-03-28T03:00:00+02:00")),
            ("30 2 * * *", "2027-03-28T03:00:00", None),
            ("0 0 29 2 *", "1970-01-01T00:00:00", Some("2024-02-29T00:00:00+01:00")),
            ("0 0 29 2 *", "2024-02-29T00:00:00", None),
            ("*/7 * 1 1 *", "1970-01-01T00:00:00", Some("2027-01-01T23:56:00+01:00")),
            ("0 12 * * *", "2027-04-01T00:00:00", None),
        ] {
            let found = latest(&expression(text), &zone, read(after, &zone).unwrap(), until);
            let shown = found.map(|at| Stamp { at, zone: &zone }.to_string());
            assert_eq!(shown.as_deref(), expected, "{text} after {after}");
        }
        assert_eq!(latest(&expression("* * * * *"), &zone, until, Wall::from_nanos(i64::MIN)), None);
    }

    #[test]
    fn what_comes_once_in_forty_years_is_found() {
        let (zone, expression) = (Zone::utc(), expression("0 0 29 2 */7"));
        // Sundays that are a 29th of February: each 28 years, but 2100 and 2200 have no such day.
        let mut after = read("2060-01-01T00:00:00Z", &zone).unwrap();
        for year in [2060, 2088, 2128, 2156, 2184, 2224, 2252] {
            after = next(&expression, &zone, after).unwrap();
            assert_eq!(Stamp { at: after, zone: &zone }.to_string(), format!("{year}-02-29T00:00:00+00:00"));
        }
    }

    #[test]
    fn the_ends_of_time_are_no_trouble() {
        let (every, zone) = (expression("* * * * *"), Zone::from_posix(BERLIN).unwrap());
        let first = next(&every, &zone, Wall::from_nanos(i64::MIN)).unwrap();
        assert_eq!(first.seconds().rem_euclid(60), 0);
        assert_eq!(next(&every, &zone, Wall::from_nanos(i64::MAX)), None);
        assert_eq!(next(&expression("30 2 29 2 *"), &zone, Wall::from_nanos(i64::MAX)), None);
        assert_eq!(
            next(&expression("0 0 29 2 1"), &Zone::utc(), Wall::from_nanos(i64::MIN))
                .map(|at| at.seconds().rem_euclid(86_400)),
            Some(0)
        );
        assert!(count(&every, &zone, Wall::from_nanos(i64::MIN), Wall::from_nanos(i64::MAX)) > 300_000_000);
    }
}
