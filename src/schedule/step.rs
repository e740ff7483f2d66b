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
use std::ops::Range;

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
            // The one way to a `CronExpr`; this text is one that saffron takes.
            let Ok(mut terms) = "* * * * *".parse::<CronExpr>() else { continue };
            if months != 0 {
                terms.minutes = list(expression.minutes, 0..60);
                terms.hours = list(u64::from(expression.hours), 0..24);
                terms.doms = rule.days;
                terms.months = list(u64::from(months), 1..13);
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
    if let Some(days) = values(u64::from(expression.days), 1..32) {
        rules.push(rule(DayOfMonthExpr::Many(days), with_day(expression.days.trailing_zeros())));
    }
    if expression.has(LAST_DAY) {
        rules.push(rule(DayOfMonthExpr::Last(Last::Day), WITH_29));
    }
    if expression.has(LAST_WORKDAY) {
        rules.push(rule(DayOfMonthExpr::Last(Last::Weekday), WITH_29));
    }
    for day in (1..32u8).filter(|day| expression.nearest >> day & 1 != 0) {
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
    if let Some(weekdays) = values(u64::from(expression.weekdays) << 1, 1..8) {
        rules.push(rule(DayOfWeekExpr::Many(weekdays)));
    }
    for weekday in 0..7u8 {
        let Ok(day) = DayOfWeek::try_from(weekday + 1) else { continue };
        if expression.last_weekdays >> weekday & 1 != 0 {
            rules.push(rule(DayOfWeekExpr::Last(day)));
        }
        for (nth, weekdays) in (1..6u8).zip(expression.nth_weekdays) {
            if let (Ok(nth), true) = (NthDay::try_from(nth), weekdays >> weekday & 1 != 0) {
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
fn list<E: TryFrom<u8>>(bits: u64, range: Range<u8>) -> Expr<E> {
    match range.clone().all(|value| bits >> value & 1 != 0) {
        true => Expr::All,
        false => values(bits, range).map_or(Expr::All, Expr::Many),
    }
}

/// A set as a sorted list of single values; `None` if it is empty.
fn values<E: TryFrom<u8>>(bits: u64, range: Range<u8>) -> Option<Exprs<E>> {
    let mut values = range.filter(|value| bits >> value & 1 != 0).filter_map(|v| E::try_from(v).ok().map(OrsExpr::One));
    let mut list = Exprs::new(values.next()?);
    list.tail.extend(values);
    Some(list)
}
