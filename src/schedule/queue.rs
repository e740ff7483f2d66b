//! The coming firings of all jobs, in order: the head is the supervisor's next deadline, nothing else is looked
//! at while it waits.
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

use super::Schedule;
use super::expression::Expression;
use super::next::{count, next};
use super::zone::Zone;
use crate::model::moment::{Boot, Now, Wall};
use crate::model::unit::UnitId;
use std::collections::BTreeSet;
use std::rc::Rc;
use std::time::Duration;

/// How late a fixed-time job still runs, and how far back a clock may be set without running it again: what
/// Debian's cron takes for a correction of the clock rather than a change of time.
const FIXED_TIME_GRACE: Duration = Duration::from_secs(3 * 3_600);

/// A wildcard job is not run later than this: the next minute is another one.
const WILDCARD_GRACE: Duration = Duration::from_secs(60);

/// In `next`: no firing is to come. In `last`: none has been.
const NEVER: Wall = Wall::from_nanos(i64::MAX);
const NOT_YET: Wall = Wall::from_nanos(i64::MIN);

/// The jobs that run by the clock.
#[derive(Clone, Debug)]
pub struct Queue {
    /// From when `@every` counts.
    started: Boot,
    /// By number. Removed ones stay, marked, until there are more of them than of others.
    entries: Vec<Entry>,
    removed: usize,
    wall: BTreeSet<(Wall, UnitId)>,
    boot: BTreeSet<(Boot, UnitId)>,
}

/// One job; small, for there may be ten thousand.
#[derive(Clone, Debug)]
struct Entry {
    job: UnitId,
    removed: bool,
    schedule: Schedule,
    zone: Rc<Zone>,
    /// The next firing by the clock, or [`NEVER`].
    next: Wall,
    /// The last time that it ran for, or [`NOT_YET`].
    last: Wall,
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
        Queue { started, entries: Vec::new(), removed: 0, wall: BTreeSet::new(), boot: BTreeSet::new() }
    }

    /// Enters a job; its first firing is the first after `now`. `@reboot` jobs have no place here and are ignored.
    pub fn insert(&mut self, job: UnitId, schedule: Schedule, zone: Rc<Zone>, now: Now) {
        self.remove(job);
        let mut entry = Entry { job, removed: false, schedule, zone, next: NEVER, last: NOT_YET };
        match schedule {
            Schedule::Cron(expression) => {
                entry.next = next(&expression, &entry.zone, now.wall).unwrap_or(NEVER);
                self.enter(entry.next, job);
            }
            Schedule::Every(every) => {
                self.boot.insert((next_beat(self.started, every, now.boot), job));
            }
            Schedule::Reboot => return,
        }
        let place = self.entries.partition_point(|e| e.job < job);
        match self.entries.get_mut(place) {
            Some(old) if old.job == job => {
                *old = entry;
                self.removed = self.removed.saturating_sub(1);
            }
            _ => self.entries.insert(place, entry),
        }
    }

    /// Takes a job out; one that isn't there makes no difference.
    pub fn remove(&mut self, job: UnitId) {
        let Some(entry) = self.entry_mut(job) else { return };
        entry.removed = true;
        let next = entry.next;
        if let Schedule::Every(_) = entry.schedule {
            self.boot.retain(|(_, other)| *other != job);
        }
        self.wall.remove(&(next, job));
        self.removed += 1;
        if self.removed * 2 > self.entries.len() {
            self.entries.retain(|entry| !entry.removed);
            self.removed = 0;
        }
    }

    /// When CLOCK_REALTIME has something due.
    pub fn next_wall(&self) -> Option<Wall> {
        self.wall.first().map(|(at, _)| *at)
    }

    /// When CLOCK_BOOTTIME has something due.
    pub fn next_boot(&self) -> Option<Boot> {
        self.boot.first().map(|(at, _)| *at)
    }

    /// A job's next firing, as the clock shows it now.
    pub fn next_of(&self, job: UnitId, now: Now) -> Option<Wall> {
        let entry = self.entries.get(self.place(job)?)?;
        match entry.schedule {
            Schedule::Every(every) => {
                Some(shift(now.wall, next_beat(self.started, every, now.boot).since(now.boot), 1))
            }
            Schedule::Cron(_) => Some(entry.next).filter(|next| *next != NEVER),
            Schedule::Reboot => None,
        }
    }

    /// What is due, in order of time; each job at most once.
    pub fn due(&mut self, now: Now) -> Vec<Firing> {
        let mut firings = Vec::new();
        while let Some((at, job)) = self.wall.first().copied().filter(|(at, _)| *at <= now.wall) {
            self.wall.remove(&(at, job));
            let Some(entry) = self.entry_mut(job) else { continue };
            let Schedule::Cron(expression) = entry.schedule else { continue };
            firings.push(entry.fire(&expression, now.wall));
            let next = entry.next;
            self.enter(next, job);
        }
        while let Some((beat, job)) = self.boot.first().copied().filter(|(beat, _)| *beat <= now.boot) {
            self.boot.remove(&(beat, job));
            let Some(Schedule::Every(every)) = self.entry_mut(job).map(|entry| entry.schedule) else { continue };
            let coming = next_beat(self.started, every, now.boot);
            // The beat before the coming one, shown by the clock as it is set now.
            let ago = every.saturating_sub(coming.since(now.boot));
            firings.push(Firing { job, scheduled: Some(shift(now.wall, ago, -1)), missed: 0 });
            self.boot.insert((coming, job));
        }
        firings
    }

    /// The clock was set. Set forward: what was jumped over is late, and `due` sees to it. Set back: wildcard
    /// jobs fire by the new time, fixed-time jobs wait until they are through what they ran for already.
    pub fn clock_set(&mut self, now: Now) {
        for entry in self.entries.iter_mut().filter(|entry| !entry.removed) {
            let Schedule::Cron(expression) = entry.schedule else { continue };
            let coming = next(&expression, &entry.zone, entry.counted_from(&expression, now.wall)).unwrap_or(NEVER);
            if coming < entry.next {
                self.wall.remove(&(entry.next, entry.job));
                self.wall.insert((coming, entry.job));
                entry.next = coming;
            }
        }
    }

    fn enter(&mut self, next: Wall, job: UnitId) {
        if next != NEVER {
            self.wall.insert((next, job));
        }
    }

    fn place(&self, job: UnitId) -> Option<usize> {
        let place = self.entries.binary_search_by_key(&job, |entry| entry.job).ok()?;
        self.entries.get(place).filter(|entry| !entry.removed).map(|_| place)
    }

    fn entry_mut(&mut self, job: UnitId) -> Option<&mut Entry> {
        let place = self.place(job)?;
        self.entries.get_mut(place)
    }
}

impl Entry {
    /// It is due, now or long since: what runs, what is missed, and when it is due again.
    fn fire(&mut self, expression: &Expression, now: Wall) -> Firing {
        let scheduled = self.latest(expression, now);
        let passed = count(expression, &self.zone, self.next, now).saturating_add(1);
        self.last = scheduled.unwrap_or(self.last);
        self.next = next(expression, &self.zone, now).unwrap_or(NEVER);
        let missed = passed.saturating_sub(u64::from(scheduled.is_some()));
        Firing { job: self.job, scheduled, missed: u32::try_from(missed).unwrap_or(u32::MAX) }
    }

    /// The last time that has passed and is not too long ago.
    fn latest(&self, expression: &Expression, now: Wall) -> Option<Wall> {
        let grace = if expression.is_wildcard() { WILDCARD_GRACE } else { FIXED_TIME_GRACE };
        let oldest = shift(now, grace, -1);
        let in_time = |at: &Wall| if expression.is_wildcard() { *at > oldest } else { *at >= oldest };
        let mut latest = Some(self.next).filter(in_time);
        let mut at = self.next.max(shift(oldest, Duration::from_nanos(1), -1));
        while let Some(later) = next(expression, &self.zone, at).filter(|later| *later <= now) {
            latest = Some(later).filter(in_time);
            at = later;
        }
        latest
    }

    /// After which time the next firing is looked for, when it is `now`.
    fn counted_from(&self, expression: &Expression, now: Wall) -> Wall {
        let again = !expression.is_wildcard() && self.last > now && self.last.since(now) <= FIXED_TIME_GRACE;
        if again { self.last } else { now }
    }
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
