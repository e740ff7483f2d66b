//! An expression in saffron's terms: it steps through civil time, this file keeps it from its traps.
//!
//! Saffron gets lists of single values only, and one day field restricted at a time: its weekdays count from
//! 1, it combines two restricted day fields in its own way, and a list with `L`, `W` or `#` in it is beyond it.
//! So an expression becomes several *ways*, each with one rule for the day, and the earliest wins. What a way
//! proposes must be a day of the expression's own (`15W` in a month that lacks the day, two fields that must
//! both match), else the search goes on behind that day. No way that can't fire is asked: saffron would look
//! for it through all years that chrono knows.

use super::civil::{Civil, DAY};
use super::expression::{ALL_DAYS, ALL_WEEKDAYS, Expression, LAST_DAY, LAST_WORKDAY};
use chrono::{DateTime, Utc};
use saffron::Cron;
use saffron::parse::{
    CronExpr, DayOfMonth, DayOfMonthExpr, DayOfWeek, DayOfWeekExpr, Expr, Exprs, Last, NthDay, OrsExpr,
};

/// No rule that fires at all pauses longer: a 29th of February on one weekday, over a year like 2100, takes
/// 40 years.
const LONGEST_PAUSE: i64 = 41 * 366 * DAY;

/// The months (bits 1–12) that have a 29th, 30th, 31st; February's 29th is checked with the day.
const WITH_29: u16 = 0b1_1111_1111_1110;
const WITH_30: u16 = WITH_29 & !(1 << 2);
const WITH_31: u16 = WITH_30 & !(1 << 4 | 1 << 6 | 1 << 9 | 1 << 11);

/// Steps through the civil times of one expression. Made for a few steps and dropped again.
pub(super) struct Stepper<'a> {
    expression: &'a Expression,
    ways: Vec<Cron>,
}

/// One rule for the day, and the months (bits 1–12) in which there can be such a day.
struct Rule {
    days: DayOfMonthExpr,
    weekdays: DayOfWeekExpr,
    months: u16,
}

impl<'a> Stepper<'a> {
    pub(super) fn new(expression: &'a Expression) -> Stepper<'a> {
        let rules = rules(expression);
        let mut ways = Vec::with_capacity(rules.len());
        for rule in rules {
            let months = rule.months & expression.months;
            if let (Some(mut terms), true) = (every_minute(), months != 0) {
                terms.minutes = list(expression.minutes, (1 << 60) - 1);
                terms.hours = list(u64::from(expression.hours), (1 << 24) - 1);
                terms.doms = rule.days;
                terms.months = list(u64::from(months), u64::from(WITH_29));
                terms.dows = rule.weekdays;
                ways.push(Cron::new(terms));
            }
        }
        Stepper { expression, ways }
    }

    /// The first time that matches, later than the minute of `civil`.
    pub(super) fn after(&self, civil: Civil) -> Option<Civil> {
        let mut best = None;
        for way in &self.ways {
            let limit = best.unwrap_or(Civil::from_seconds(civil.seconds().saturating_add(LONGEST_PAUSE)));
            best = self.step(way, civil, limit).or(best);
        }
        best
    }

    /// The first time of this way, later than the minute of `from` and before `limit`.
    fn step(&self, way: &Cron, mut from: Civil, limit: Civil) -> Option<Civil> {
        loop {
            let dressed: DateTime<Utc> = DateTime::from_timestamp(from.seconds(), 0)?;
            let found = Civil::from_seconds(way.next_after(dressed)?.timestamp());
            if found >= limit {
                return None;
            }
            if self.expression.matches_date(found) {
                return Some(found);
            }
            from = Civil::new(found.date(), DAY - 60);
        }
    }
}

/// The one way to a [`CronExpr`] is by text.
fn every_minute() -> Option<CronExpr> {
    "* * * * *".parse().ok()
}

/// The rules of which one at least must hold for a day.
fn rules(expression: &Expression) -> Vec<Rule> {
    let every_day = || Rule { days: DayOfMonthExpr::All, weekdays: DayOfWeekExpr::All, months: WITH_29 };
    let (all_days, all_weekdays) = (expression.days == ALL_DAYS, expression.weekdays == ALL_WEEKDAYS);
    match expression.needs_both_days() {
        true if all_days && all_weekdays => vec![every_day()],
        true if all_days => weekday_rules(expression),
        // Two restricted fields: the days of the month are proposed, `matches_date` sees to the weekday.
        true => day_rules(expression),
        false if all_days || all_weekdays => vec![every_day()],
        false => {
            let mut rules = day_rules(expression);
            rules.append(&mut weekday_rules(expression));
            rules
        }
    }
}

fn day_rules(expression: &Expression) -> Vec<Rule> {
    let rule = |days, months| Rule { days, weekdays: DayOfWeekExpr::All, months };
    let mut rules = Vec::with_capacity(1);
    if let Some(days) = values(u64::from(expression.days)) {
        rules.push(rule(DayOfMonthExpr::Many(days), with_day(expression.days.trailing_zeros())));
    }
    if expression.has(LAST_DAY) {
        rules.push(rule(DayOfMonthExpr::Last(Last::Day), WITH_29));
    }
    if expression.has(LAST_WORKDAY) {
        rules.push(rule(DayOfMonthExpr::Last(Last::Weekday), WITH_29));
    }
    for day in members(u64::from(expression.nearest)) {
        if let Ok(nearest) = DayOfMonth::try_from(day) {
            rules.push(rule(DayOfMonthExpr::ClosestWeekday(nearest), with_day(u32::from(day))));
        }
    }
    rules
}

fn weekday_rules(expression: &Expression) -> Vec<Rule> {
    let rule = |weekdays| Rule { days: DayOfMonthExpr::All, weekdays, months: WITH_29 };
    let mut rules = Vec::with_capacity(1);
    // Saffron's weekdays are 1–7 from Sunday.
    if let Some(weekdays) = values(u64::from(expression.weekdays) << 1) {
        rules.push(rule(DayOfWeekExpr::Many(weekdays)));
    }
    let day = |weekday: u8| DayOfWeek::try_from(weekday + 1);
    for weekday in members(u64::from(expression.last_weekdays)) {
        rules.extend(day(weekday).map(|day| rule(DayOfWeekExpr::Last(day))));
    }
    for (nth, weekdays) in (1..6u8).zip(expression.nth_weekdays) {
        for weekday in members(u64::from(weekdays)) {
            if let (Ok(day), Ok(nth)) = (day(weekday), NthDay::try_from(nth)) {
                rules.push(rule(DayOfWeekExpr::Nth(day, nth)));
            }
        }
    }
    rules
}

/// The months that have this day.
fn with_day(day: u32) -> u16 {
    match day {
        31 => WITH_31,
        30 => WITH_30,
        _ => WITH_29,
    }
}

/// A set as a list, or `*` if it is full.
fn list<E: TryFrom<u8>>(bits: u64, full: u64) -> Expr<E> {
    match bits == full {
        true => Expr::All,
        false => values(bits).map_or(Expr::All, Expr::Many),
    }
}

/// A set as a sorted list of single values; `None` if it is empty.
fn values<E: TryFrom<u8>>(bits: u64) -> Option<Exprs<E>> {
    let mut values = members(bits).filter_map(|value| E::try_from(value).ok().map(OrsExpr::One));
    let mut list = Exprs::new(values.next()?);
    list.tail.reserve_exact(bits.count_ones() as usize);
    list.tail.extend(values);
    Some(list)
}

/// The values of a set, from the lowest on.
fn members(mut bits: u64) -> impl Iterator<Item = u8> {
    std::iter::from_fn(move || {
        let lowest = u8::try_from(bits.trailing_zeros()).ok().filter(|_| bits != 0)?;
        bits &= bits - 1;
        Some(lowest)
    })
}
