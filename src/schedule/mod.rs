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
pub mod queue;
pub mod slips;
pub mod stamp;
mod step;
pub mod zone;

use crate::model::moment::Wall;
pub use expression::Expression;
pub use fault::{Fault, ScheduleError};
use stamp::Stamp;
use std::cell::OnceCell;
use std::ops::Range;
use std::rc::Rc;
use std::time::Duration;
use zone::Zone;

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

/// A schedule as jobs have it: many entries of a crontab share one.
#[derive(Debug, PartialEq, Eq)]
pub struct Timing {
    /// As written, with one blank between the fields.
    pub text: Box<str>,
    pub schedule: Schedule,
    /// Where zones are found isn't known where schedules are read.
    zone: OnceCell<Rc<Zone>>,
}

static UTC: Zone = Zone::utc();

impl Timing {
    /// One whose zone is still to be found.
    pub fn new(text: impl Into<Box<str>>, schedule: Schedule) -> Timing {
        Timing { text: text.into(), schedule, zone: OnceCell::new() }
    }

    /// Its zone was found: once, for all that share it ask for the same.
    pub fn settle(&self, zone: Rc<Zone>) {
        self.zone.get_or_init(|| zone);
    }

    /// Whether that has happened.
    pub fn has_zone(&self) -> bool {
        self.zone.get().is_some()
    }

    /// The zone of its times.
    pub fn zone(&self) -> &Zone {
        self.zone.get().map_or(&UTC, |zone| zone)
    }

    /// The first time strictly after `after`, if the clock on the wall decides.
    pub fn next(&self, after: Wall) -> Option<Wall> {
        match &self.schedule {
            Schedule::Cron(expression) => next::next(expression, self.zone(), after),
            Schedule::Every(_) | Schedule::Reboot => None,
        }
    }

    /// A moment as it is shown.
    pub fn stamp(&self, at: Wall) -> Stamp<'_> {
        Stamp { at, zone: self.zone() }
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
