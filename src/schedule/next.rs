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
