//! What is wrong with a schedule: the words of each fault, and what to write instead.

use super::slips::Slip;
use crate::model::moment::DurationError;
use std::ops::Range;

/// What is wrong with a schedule, and where.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
#[error("{fault}")]
pub struct ScheduleError {
    /// Which characters of the text.
    pub at: Range<usize>,
    pub fault: Fault,
}

/// What is wrong with a schedule. Fields are named by crontab(5)'s words.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
pub enum Fault {
    #[error(
        "expected five fields (minute, hour, day of month, month, day of week) or a macro such as @daily, found {0}"
    )]
    FieldCount(usize),
    #[error("{field} {value} is out of range {first}–{last}")]
    OutOfRange { field: &'static str, value: String, first: u8, last: u8 },
    #[error(
        "{field} '{text}' is not understood{} (allowed: {allowed}; *, a-b, lists by commas, steps by /n)",
        behind_colon(advice)
    )]
    NotUnderstood { field: &'static str, text: String, advice: Option<String>, allowed: &'static str },
    #[error("{field} has an empty place in its list: leave out the comma (allowed: {allowed})")]
    EmptyPlace { field: &'static str, allowed: &'static str },
    #[error(
        "{field} range {text} runs backwards (allowed is {first}–{last}, the lower first{})",
        over_the_end(instead)
    )]
    Backwards { field: &'static str, text: String, first: u8, last: u8, instead: Option<String> },
    #[error("{field} step 0 is out of range: a step is 1 or more")]
    ZeroStep { field: &'static str },
    #[error("{field} '{text}' can't have a step: that goes with *, a value or a range (allowed: {allowed})")]
    StepOfDay { field: &'static str, text: String, allowed: &'static str },
    #[error("{field} '{text}' is out of range: the number behind # is 1–5")]
    NthOutOfRange { field: &'static str, text: String },
    #[error(
        "{field} '{text}' is not allowed: L stands alone in the day of month only (day of week: 5L is the last Friday)"
    )]
    BareLast { field: &'static str, text: String },
    #[error(
        "unknown macro '{name}'{}; known are {MACRO_LIST}",
        match (instead, near) {
            (Some(instead), _) => format!(" (write {instead})"),
            (None, Some(near)) => format!(" (did you mean '{near}'?)"),
            (None, None) => String::new(),
        }
    )]
    UnknownMacro { name: String, instead: Option<String>, near: Option<String> },
    #[error("'{0}' stands alone: nothing may follow it in a schedule")]
    NotAlone(String),
    #[error("@every needs a duration, such as @every 90s")]
    NoDuration,
    #[error("@every: {0}")]
    Duration(DurationError),
    #[error("@every needs a duration above 0")]
    ZeroDuration,
    #[error("this schedule never fires: no month that it names has such a day (a month's last day is L)")]
    NeverFires,
    #[error(transparent)]
    Slip(#[from] Slip),
}

fn behind_colon(advice: &Option<String>) -> String {
    advice.as_deref().map(|advice| format!(": {advice}")).unwrap_or_default()
}

fn over_the_end(instead: &Option<String>) -> String {
    instead.as_deref().map(|instead| format!("; over the end: {instead}")).unwrap_or_default()
}

pub(super) const MACRO_LIST: &str =
    "@yearly, @annually, @monthly, @weekly, @daily, @midnight, @hourly, @reboot, @every DURATION";
