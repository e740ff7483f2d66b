//! When a service is started again, and how it is stopped.

use super::super::draft::{Kind, Unit};
use super::super::keys;
use super::super::reading::Field;
use super::super::yaml::Value;
use crate::model::moment::Spoken;
use crate::model::service::{Backoff, MaxRestarts};
use std::time::Duration;

/// `{initial, max}`.
pub fn backoff(field: &mut Field<'_, '_>, unit: &mut Unit) {
    let seen = field.map(keys::BACKOFF, unit);
    let Backoff { initial, max } = unit.backoff;
    if let (Some((_, span)), true) = (seen.first_of(&["initial", "max"]), initial > max) {
        let (initial, max) = (Spoken(initial), Spoken(max));
        field
            .reading
            .error(span, format!("the first delay ('initial', {initial}) is longer than the longest ('max', {max})"));
    }
}

/// `N`, or `{count, within}`.
pub fn max_restarts(field: &mut Field<'_, '_>, unit: &mut Unit) {
    match &field.node.value {
        Value::Map(_) => {
            unit.max_restarts = Some(MaxRestarts::Within { count: 0, within: Duration::ZERO });
            let seen = field.map(keys::MAX_RESTARTS, unit);
            for name in ["count", "within"] {
                if seen.lacks(name) {
                    field.reading.error(field.span, format!("'max_restarts' has no '{name}'"));
                }
            }
            if let (Some(MaxRestarts::Within { within: Duration::ZERO, .. }), Some(span)) =
                (unit.max_restarts, seen.place("within"))
            {
                field.reading.error(span, "'within' must be longer than 0");
            }
        }
        Value::Text(_) => unit.max_restarts = field.number(u32::MAX).map(MaxRestarts::InARow),
        _ => field.wrong_kind("a number, or {count, within}"),
    }
}

/// `{count, delay}`.
pub fn retries(field: &mut Field<'_, '_>, unit: &mut Unit) {
    let seen = field.map(keys::RETRIES, unit);
    if matches!(field.node.value, Value::Map(_)) && seen.lacks("count") {
        field.reading.error(field.span, "'retries' has no 'count'");
    }
}

/// A list of exit statuses.
pub fn codes(field: &mut Field<'_, '_>) -> Option<Vec<u8>> {
    let mut codes = Vec::new();
    let is_list = field.items("a list of numbers from 0 to 255", |item| {
        codes.extend(item.number(255).and_then(|code| u8::try_from(code).ok()));
    });
    codes.shrink_to_fit();
    is_list.then_some(codes)
}

/// A signal; in a job `none` too.
pub fn stop_signal(field: &mut Field<'_, '_>, unit: &mut Unit) {
    let Some(text) = field.word("a signal such as TERM") else { return };
    if text != "none" {
        if let Some(signal) = field.parsed(text.parse()) {
            unit.stop.signal = Some(signal);
        }
    } else if unit.kind == Kind::Job {
        unit.stop.signal = None;
    } else {
        field.error("'signal: none' is for cron jobs; a service needs a stop signal");
    }
}
