//! When something is to run: five cron fields or a macro, by the rules of Debian's cron (crontab(5)), in any
//! zone. The config room reads schedules with it, the supervisor keeps its jobs in the [`queue`].
//!
//! ```text
//! text ── fields ──▶ Expression ── step (saffron) ──▶ civil times ── next + zone ──▶ instants ── queue
//!   └─ fault, slips: what is wrong       └─ describe: in English             └─ of a file, iana's, or a POSIX string
//! ```

pub mod civil;
mod describe;
pub mod expression;
mod fault;
mod field;
mod fields;
pub mod iana;
pub mod next;
mod pieces;
mod plain;
pub mod queue;
pub mod slips;
pub mod stamp;
mod step;
pub mod zone;

use crate::model::moment::Wall;
pub use expression::Expression;
pub use fault::{Fault, ScheduleError};
use std::ops::Range;
use std::rc::Rc;
use std::time::Duration;
use zone::Zone;

/// When a job is to run. (Their order means nothing; it brings equal ones together.)
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
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

    /// Five numbers and stars, read in less time than it takes to look for what is known of them.
    pub fn plain(text: &str) -> Option<Schedule> {
        plain::read(text).map(Schedule::Cron)
    }
}

/// A schedule in its zone. Many entries of a crontab share both.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Timing {
    pub schedule: Schedule,
    pub zone: Rc<Zone>,
}

impl Timing {
    /// The first time strictly after `after`, if the clock on the wall decides.
    pub fn next(&self, after: Wall) -> Option<Wall> {
        match &self.schedule {
            Schedule::Cron(expression) => next::next(expression, &self.zone, after),
            Schedule::Every(_) | Schedule::Reboot => None,
        }
    }

    /// Whether it is surely the same: zones aren't compared but by where they are.
    fn is_that(&self, other: &Timing) -> bool {
        self.schedule == other.schedule && Rc::ptr_eq(&self.zone, &other.zone)
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
