//! What is known of a cron job that was ever due: its runs under way, those that are to come sooner than its schedule
//! says, and what became of the ones before. What follows from that, `job` decides.

use super::run::{Errand, Run};
use super::standing::End;
use crate::model::exit::Exit;
use crate::model::moment::{Mono, Wall};
use crate::model::unit::{Life, Pid, UnitId};
use std::time::Duration;

/// What a job does, and has done.
#[derive(Debug)]
pub struct Activity {
    pub unit: UnitId,
    pub life: Life,
    pub counts: Counts,
    pub last: Last,
    /// The last time of its schedule that it was due for: a clock that is set back doesn't bring it again.
    pub last_moment: Option<Wall>,
    pub runs: Vec<Run>,
    pub coming: Vec<Coming>,
    /// Launches since the last one that succeeded for which there was nothing to start a run with.
    pub starved_in_a_row: u32,
    /// Everything is being stopped, or the job is asked to be no more: nothing is started any more.
    pub held: bool,
    /// A run's time ran out when the shutdown stopped it.
    pub overran: bool,
    /// How a critical job failed for good.
    pub end: Option<End>,
    /// What the run that waits was last said to wait for.
    pub told: Option<String>,
}

/// What a job has done so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    pub runs: u32,
    pub failures: u32,
    /// Due, and not run: the run before was under way, or a dependency wasn't up.
    pub skipped: u32,
    /// Due while wingmate could not run it: the clock was set, the machine slept.
    pub missed: u32,
}

/// The last run: when it began, and how the last one that ended did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Last {
    pub start: Option<Wall>,
    pub took: Option<Duration>,
    pub exit: Option<Exit>,
}

/// A run that is to come.
#[derive(Debug)]
pub struct Coming {
    pub errand: Errand,
    pub when: When,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// Not before that: jitter, a retry's delay, nothing to start it with.
    At(Mono),
    /// As soon as its dependencies are up.
    ToLookAt,
    /// As soon as the runs before it are gone.
    Behind,
}

impl Activity {
    /// That of a job that becomes due for the first time.
    pub fn new(unit: UnitId) -> Activity {
        Activity {
            unit,
            life: Life::default(),
            counts: Counts::default(),
            last: Last::default(),
            last_moment: None,
            runs: Vec::new(),
            coming: Vec::new(),
            starved_in_a_row: 0,
            held: false,
            overran: false,
            end: None,
            told: None,
        }
    }

    /// Whether a run waits for nothing but a look at its dependencies.
    pub fn is_due(&self) -> bool {
        self.coming.iter().any(|coming| coming.when == When::ToLookAt)
    }

    /// Takes out the first run to come of which this is so.
    pub fn take(&mut self, goes: impl Fn(&Coming) -> bool) -> Option<Errand> {
        let place = self.coming.iter().position(goes)?;
        Some(self.coming.remove(place).errand)
    }

    /// Enters a run that is to come.
    pub fn expect(&mut self, errand: Errand, when: When) {
        // One is usual, and ten thousand jobs may each have one.
        self.coming.reserve_exact(1);
        self.coming.push(Coming { errand, when });
    }

    /// Gives back the room of runs, if there are none.
    pub fn rest(&mut self) {
        if self.is_down() {
            (self.runs, self.coming) = (Vec::new(), Vec::new());
        }
    }

    /// When it has something to do.
    pub fn deadline(&self) -> Option<Mono> {
        let coming = self.coming.iter().filter_map(|coming| match coming.when {
            When::At(at) => Some(at),
            When::ToLookAt | When::Behind => None,
        });
        self.runs.iter().filter_map(Run::deadline).chain(coming).min()
    }

    /// Whether no run is under way and none is to come sooner than the schedule says.
    pub fn is_down(&self) -> bool {
        self.runs.is_empty() && self.coming.is_empty()
    }

    /// The state's name, as the log and the status table have it.
    pub fn state_name(&self) -> &'static str {
        match (self.runs.last(), self.coming.first()) {
            _ if self.runs.iter().any(Run::is_running) => "running",
            (Some(run), _) if run.is_starting() => "starting",
            (Some(_), _) => "stopping",
            (None, Some(Coming { errand: Errand { tries: 1.., .. }, .. })) => "backoff",
            (None, Some(_)) if self.starved_in_a_row > 0 => "backoff",
            (None, Some(_)) => "waiting",
            (None, None) => "idle",
        }
    }

    /// The process of the latest run that has one, and since when.
    pub fn latest(&self) -> Option<(Pid, Mono)> {
        self.runs.iter().rev().find_map(Run::process)
    }

    /// The groups that are awaited, when they may have been emptied by an orphan's end.
    pub fn awaited_groups(&self) -> impl Iterator<Item = (Life, Pid)> {
        self.runs.iter().filter_map(|run| run.awaited_group().map(|group| (run.life, group)))
    }
}
