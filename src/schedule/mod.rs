//! When something is to run: five cron fields or a macro, by the rules of Debian's cron (crontab(5)), in any
//! zone. The config room reads schedules with it, the supervisor keeps its jobs in the [`queue`].
//!
//! ```text
//! text ── fields ──▶ Expression ── step (saffron) ──▶ civil times ── next + zone ──▶ instants ── queue
//! ```

pub mod civil;
pub mod expression;
mod fields;
pub mod iana;
pub mod next;
mod pieces;
pub mod queue;
pub mod stamp;
mod step;
pub mod zone;

pub use expression::Expression;
pub use fields::{Fault, ScheduleError};
use std::ops::Range;
use std::time::Duration;

/// When a job is to run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Schedule {
    /// Five fields, or a macro that stands for them.
    Cron(Expression),
    /// `@every`: never zero.
    Every(Duration),
    /// `@reboot`: once, when wingmate starts.
    Reboot,
}

impl Schedule {
    /// Reads five fields or a macro; all errors at once. Blanks around it don't matter.
    pub fn parse(text: &str) -> Result<Parsed, Vec<ScheduleError>> {
        fields::parse(text)
    }
}

/// A schedule that holds, and what is odd about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parsed {
    pub schedule: Schedule,
    pub remarks: Vec<Remark>,
}

/// A warning: the schedule holds, but hardly means what was wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Remark {
    /// Which characters of the text.
    pub at: Range<usize>,
    pub text: String,
}
