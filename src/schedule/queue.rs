//! The coming firings of all jobs, in order: the head is the supervisor's next deadline, nothing else is looked
//! at while it waits. When a job runs is the job's to know; the queue asks for it when its time has come.
//!
//! Late for whatever reason (the clock was set forward, the machine slept, the container was paused, load), by
//! the rules of Debian's cron (crontab(5)) and spec/cron.md:
//!
//! - a wildcard job that is less than a minute late runs, which is to say: it runs for the current minute if that
//!   matches;
//! - a fixed-time job up to three hours late runs once, for the last of the times that have passed;
//! - what doesn't run is counted as missed.
//!
//! A clock set back doesn't fire a fixed-time job again within three hours; a wildcard job follows the clock.
//! `@every` follows CLOCK_BOOTTIME from wingmate's start, which nobody can set; beats that have passed count as one.

use super::expression::Expression;
use super::next::{count, latest};
use super::{Schedule, Timing};
use crate::model::moment::{Boot, Now, Wall};
use crate::model::table::Agenda;
use crate::model::unit::UnitId;
use std::rc::Rc;
use std::time::Duration;

/// How late a fixed-time job still runs, and how far back a clock may be set without running it again: what
/// Debian's cron takes for a correction of the clock rather than a change of time.
const FIXED_TIME_GRACE: Duration = Duration::from_secs(3 * 3_600);

/// A wildcard job is not run later than this: the next minute is another one.
const WILDCARD_GRACE: Duration = Duration::from_secs(60);

/// When a job comes whose next firing is beyond what can be counted: the clock may be set back yet.
const NEVER: Wall = Wall::from_nanos(i64::MAX);

/// The jobs that run by the clock, each once.
#[derive(Clone, Debug)]
pub struct Queue {
    /// From when `@every` counts.
    started: Boot,
    wall: Agenda<Wall>,
    boot: Agenda<Boot>,
}

/// What the queue asks of a job.
#[derive(Clone, Debug)]
pub struct Known {
    pub timing: Timing,
    /// The last time that it ran for.
    pub last: Option<Wall>,
}

/// A job whose time has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Firing {
    pub job: UnitId,
    /// The minute for which it runs; `None`: it is too late to run, there is only something missed.
    pub scheduled: Option<Wall>,
    /// How many firings are lost.
    pub missed: u32,
}

impl Queue {
    /// An empty queue; `started` is wingmate's start, from which `@every` counts.
    pub fn new(started: Boot) -> Queue {
        Queue { started, wall: Agenda::default(), boot: Agenda::default() }
    }

    /// Enters jobs that aren't there; the first firing of each is the first after `now`. `@reboot` jobs have no place
    /// here and are passed over.
    pub fn insert<'a>(&mut self, jobs: impl Iterator<Item = (UnitId, &'a Timing)>, now: Now) {
        let (mut clocked, mut boot) = (Vec::with_capacity(jobs.size_hint().0), Vec::new());
        for (job, timing) in jobs {
            match timing.schedule {
                Schedule::Cron(_) => clocked.push((timing, job)),
                Schedule::Every(every) => boot.push((next_beat(self.started, every, now.boot), job)),
                Schedule::Reboot => {}
            }
        }
        // Those that share a timing share its next time, which takes longer to find than they take to sort.
        clocked.sort_unstable_by_key(|(timing, _)| (timing.schedule, Rc::as_ptr(&timing.zone)));
        let mut found: Option<(&Timing, Wall)> = None;
        let next = |(timing, job): (&'a Timing, UnitId)| {
            let known = found.filter(|(other, _)| other.is_that(timing)).map(|(_, at)| at);
            let at = known.unwrap_or_else(|| timing.next(now.wall).unwrap_or(NEVER));
            found = Some((timing, at));
            (at, job)
        };
        let wall = clocked.into_iter().map(next).collect();
        self.wall.insert_all(wall);
        self.boot.insert_all(boot);
    }

    /// Takes jobs out, which come in order; one that isn't there makes no difference.
    pub fn remove(&mut self, jobs: &[UnitId]) {
        if !jobs.is_empty() {
            self.wall.forget_all(jobs);
            self.boot.forget_all(jobs);
        }
    }

    /// When CLOCK_REALTIME has something due.
    pub fn next_wall(&self) -> Option<Wall> {
        self.wall.first().filter(|first| *first != NEVER)
    }

    /// When CLOCK_BOOTTIME has something due.
    pub fn next_boot(&self) -> Option<Boot> {
        self.boot.first()
    }

    /// The next firing of every job, as the clock shows it now.
    pub fn coming(&self, now: Now) -> impl Iterator<Item = (UnitId, Wall)> {
        let beats = self.boot.iter().map(move |(at, job)| (job, shift(now.wall, at.since(now.boot), 1)));
        let times = self.wall.iter().filter(|(at, _)| *at != NEVER);
        times.map(|(at, job)| (job, at)).chain(beats)
    }

    /// What is due, in order of time; each job at most once.
    pub fn due(&mut self, now: Now, known: impl Fn(UnitId) -> Option<Known>) -> Vec<Firing> {
        let (mut firings, mut wall, mut boot) = (Vec::new(), Vec::new(), Vec::new());
        for (at, job) in self.wall.take_due(now.wall) {
            let Some(Known { timing, .. }) = known(job) else { continue };
            let Schedule::Cron(expression) = &timing.schedule else { continue };
            let Passed { scheduled, missed } = passed(expression, &timing, at, now.wall);
            firings.push(Firing { job, scheduled, missed });
            wall.push((timing.next(now.wall).unwrap_or(NEVER), job));
        }
        for (_, job) in self.boot.take_due(now.boot) {
            let Some(Known { timing, .. }) = known(job) else { continue };
            let Schedule::Every(every) = timing.schedule else { continue };
            let coming = next_beat(self.started, every, now.boot);
            // The beat before the coming one, shown by the clock as it is set now.
            let ago = every.saturating_sub(coming.since(now.boot));
            firings.push(Firing { job, scheduled: Some(shift(now.wall, ago, -1)), missed: 0 });
            boot.push((coming, job));
        }
        self.wall.insert_all(wall);
        self.boot.insert_all(boot);
        firings
    }

    /// The clock was set. Set forward: what was jumped over is late, and `due` sees to it. Set back: wildcard
    /// jobs fire by the new time, fixed-time jobs wait until they are through what they ran for already.
    pub fn clock_set(&mut self, now: Now, known: impl Fn(UnitId) -> Option<Known>) {
        let mut sooner = Vec::new();
        for (at, job) in self.wall.iter() {
            let Some(Known { timing, last }) = known(job) else { continue };
            let Schedule::Cron(expression) = &timing.schedule else { continue };
            let coming = timing.next(counted_from(expression, last, now.wall));
            sooner.extend(coming.filter(|coming| *coming < at).map(|coming| (coming, job)));
        }
        let mut jobs: Vec<UnitId> = sooner.iter().map(|(_, job)| *job).collect();
        jobs.sort_unstable();
        self.wall.forget_all(&jobs);
        self.wall.insert_all(sooner);
    }
}

/// What has become of the firings up to now.
struct Passed {
    scheduled: Option<Wall>,
    missed: u32,
}

/// It was due at `at`, now or long since: what runs, and what is missed.
fn passed(expression: &Expression, timing: &Timing, at: Wall, now: Wall) -> Passed {
    let scheduled = latest(expression, &timing.zone, counted_after(expression, at, now), now);
    let passed = count(expression, &timing.zone, at, now).saturating_add(1);
    let missed = passed.saturating_sub(u64::from(scheduled.is_some()));
    Passed { scheduled, missed: u32::try_from(missed).unwrap_or(u32::MAX) }
}

/// Behind which time a firing is in time for `now`, when the first that it could be is `first`.
fn counted_after(expression: &Expression, first: Wall, now: Wall) -> Wall {
    const JUST: Duration = Duration::from_nanos(1);
    let oldest = match expression.is_wildcard() {
        true => shift(now, WILDCARD_GRACE, -1),
        // What is late by just so much still runs.
        false => shift(shift(now, FIXED_TIME_GRACE, -1), JUST, -1),
    };
    oldest.max(shift(first, JUST, -1))
}

/// After which time the next firing is looked for, when it is `now`.
fn counted_from(expression: &Expression, last: Option<Wall>, now: Wall) -> Wall {
    let again = |last: &Wall| !expression.is_wildcard() && *last > now && last.since(now) <= FIXED_TIME_GRACE;
    last.filter(again).unwrap_or(now)
}

/// A time by the clock, later (`sign` 1) or earlier (-1).
fn shift(wall: Wall, by: Duration, sign: i64) -> Wall {
    let by = i64::try_from(by.as_nanos()).unwrap_or(i64::MAX);
    Wall::from_nanos(wall.nanos().saturating_add(by.saturating_mul(sign)))
}

/// The first beat after `now`: beats come each `every` from `started`.
fn next_beat(started: Boot, every: Duration, now: Boot) -> Boot {
    let every = every.as_nanos().max(1);
    let beats = now.since(started).as_nanos() / every + 1;
    Boot::from_nanos(u64::try_from(u128::from(started.nanos()) + beats * every).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests;
