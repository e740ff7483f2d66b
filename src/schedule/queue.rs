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
use crate::model::table::Agenda;
use crate::model::unit::UnitId;
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
    wall: Agenda<Wall>,
    boot: Agenda<Boot>,
}

/// One job; small, for there may be ten thousand.
#[derive(Clone, Debug)]
struct Entry {
    job: UnitId,
    removed: bool,
    schedule: Rc<Schedule>,
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
        Queue { started, entries: Vec::new(), removed: 0, wall: Agenda::default(), boot: Agenda::default() }
    }

    /// Enters a job; its first firing is the first after `now`. `@reboot` jobs have no place here and are ignored.
    pub fn insert(&mut self, job: UnitId, schedule: Rc<Schedule>, zone: Rc<Zone>, now: Now) {
        self.remove(job);
        let entry = Entry::new(job, schedule, zone, now.wall);
        match *entry.schedule {
            Schedule::Cron(_) => self.enter(entry.next, job),
            Schedule::Every(every) => self.boot.insert(next_beat(self.started, every, now.boot), job),
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

    /// A queue with these jobs, each with a higher number than those before it: ten thousand are put in order once.
    pub fn with(jobs: impl Iterator<Item = (UnitId, Rc<Schedule>, Rc<Zone>)>, now: Now) -> Queue {
        let mut queue = Queue::new(now.boot);
        let (mut wall, mut boot) = (Vec::new(), Vec::new());
        for (job, schedule, zone) in jobs {
            let entry = Entry::new(job, schedule, zone, now.wall);
            match *entry.schedule {
                Schedule::Cron(_) if entry.next == NEVER => {}
                Schedule::Cron(_) => wall.push((entry.next, job)),
                Schedule::Every(every) => boot.push((next_beat(now.boot, every, now.boot), job)),
                Schedule::Reboot => continue,
            }
            queue.entries.push(entry);
        }
        queue.entries.shrink_to_fit();
        (queue.wall, queue.boot) = (Agenda::of(wall), Agenda::of(boot));
        queue
    }

    /// Takes a job out; one that isn't there makes no difference.
    pub fn remove(&mut self, job: UnitId) {
        let Some(entry) = self.entry_mut(job) else { return };
        entry.removed = true;
        let next = entry.next;
        if let Schedule::Every(_) = *entry.schedule {
            self.boot.forget(job);
        }
        self.wall.remove(next, job);
        self.removed += 1;
        if self.removed * 2 > self.entries.len() {
            self.entries.retain(|entry| !entry.removed);
            self.removed = 0;
        }
    }

    /// When CLOCK_REALTIME has something due.
    pub fn next_wall(&self) -> Option<Wall> {
        self.wall.first()
    }

    /// When CLOCK_BOOTTIME has something due.
    pub fn next_boot(&self) -> Option<Boot> {
        self.boot.first()
    }

    /// A job's next firing, as the clock shows it now.
    pub fn next_of(&self, job: UnitId, now: Now) -> Option<Wall> {
        let entry = self.entries.get(self.place(job)?)?;
        match *entry.schedule {
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
        for (_, job) in self.wall.take_due(now.wall) {
            let Some(entry) = self.entry_mut(job) else { continue };
            let Schedule::Cron(expression) = *entry.schedule else { continue };
            firings.push(entry.fire(&expression, now.wall));
            let next = entry.next;
            self.enter(next, job);
        }
        for (_, job) in self.boot.take_due(now.boot) {
            let Some(Schedule::Every(every)) = self.entry_mut(job).map(|entry| *entry.schedule) else { continue };
            let coming = next_beat(self.started, every, now.boot);
            // The beat before the coming one, shown by the clock as it is set now.
            let ago = every.saturating_sub(coming.since(now.boot));
            firings.push(Firing { job, scheduled: Some(shift(now.wall, ago, -1)), missed: 0 });
            self.boot.insert(coming, job);
        }
        firings
    }

    /// The clock was set. Set forward: what was jumped over is late, and `due` sees to it. Set back: wildcard
    /// jobs fire by the new time, fixed-time jobs wait until they are through what they ran for already.
    pub fn clock_set(&mut self, now: Now) {
        for entry in self.entries.iter_mut().filter(|entry| !entry.removed) {
            let Schedule::Cron(expression) = *entry.schedule else { continue };
            let coming = next(&expression, &entry.zone, entry.counted_from(&expression, now.wall)).unwrap_or(NEVER);
            if coming < entry.next {
                self.wall.remove(entry.next, entry.job);
                self.wall.insert(coming, entry.job);
                entry.next = coming;
            }
        }
    }

    fn enter(&mut self, next: Wall, job: UnitId) {
        if next != NEVER {
            self.wall.insert(next, job);
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
    /// One whose first firing is the first after `now`.
    fn new(job: UnitId, schedule: Rc<Schedule>, zone: Rc<Zone>, now: Wall) -> Entry {
        let coming = match &*schedule {
            Schedule::Cron(expression) => next(expression, &zone, now),
            Schedule::Every(_) | Schedule::Reboot => None,
        };
        Entry { job, removed: false, schedule, zone, next: coming.unwrap_or(NEVER), last: NOT_YET }
    }

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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schedule::stamp::{Stamp, read};

    const JOB: UnitId = UnitId(7);

    fn schedule(text: &str) -> Rc<Schedule> {
        Rc::new(Schedule::parse(text).unwrap().schedule)
    }

    /// UTC, the day left out.
    fn at(time: &str) -> Wall {
        read(&format!("2027-06-15T{time}Z"), &Zone::utc()).unwrap()
    }

    fn clock(wall: Wall, boot_seconds: u64) -> Now {
        Now { wall, boot: Boot::from_nanos(boot_seconds * 1_000_000_000), ..Now::default() }
    }

    /// A clock that shows this, no matter how long the machine runs.
    fn now(time: &str) -> Now {
        clock(at(time), 0)
    }

    /// A queue with one job, entered at that time.
    fn queue(text: &str, time: &str) -> Queue {
        let mut queue = Queue::new(Boot::default());
        queue.insert(JOB, schedule(text), Rc::new(Zone::utc()), now(time));
        queue
    }

    fn ran(time: &str, missed: u32) -> Vec<Firing> {
        vec![Firing { job: JOB, scheduled: Some(at(time)), missed }]
    }

    fn only_missed(missed: u32) -> Vec<Firing> {
        vec![Firing { job: JOB, scheduled: None, missed }]
    }

    #[test]
    fn the_head_is_the_next_deadline() {
        let mut queue = Queue::new(Boot::default());
        assert_eq!((queue.next_wall(), queue.next_boot()), (None, None));
        let zone = Rc::new(Zone::utc());
        let start = clock(at("10:00:30"), 100);
        for (number, text) in
            [(1, "30 10 * * *"), (2, "15 * * * *"), (3, "@every 1m"), (4, "*/15 * * * *"), (5, "@reboot")]
        {
            queue.insert(UnitId(number), schedule(text), Rc::clone(&zone), start);
        }
        assert_eq!(queue.next_wall(), Some(at("10:15:00")));
        assert_eq!(
            queue.next_boot(),
            Some(Boot::from_nanos(120_000_000_000)),
            "beats count from the start, not from now"
        );
        let next_of = |queue: &Queue, number| queue.next_of(UnitId(number), start);
        assert_eq!(next_of(&queue, 1), Some(at("10:30:00")));
        assert_eq!(next_of(&queue, 3), Some(at("10:00:50")));
        assert_eq!(next_of(&queue, 5), None);
        assert_eq!(queue.due(clock(at("10:14:59.999999999"), 119)), []);
        let both: Vec<_> = queue.due(clock(at("10:15:00"), 119)).iter().map(|f| (f.job.0, f.scheduled)).collect();
        assert_eq!(both, [(2, Some(at("10:15:00"))), (4, Some(at("10:15:00")))]);
        assert_eq!(queue.next_wall(), Some(at("10:30:00")));
        queue.remove(UnitId(1));
        queue.remove(UnitId(4));
        queue.remove(UnitId(99));
        assert_eq!(queue.next_wall(), Some(at("11:15:00")));
        queue.remove(UnitId(3));
        queue.remove(UnitId(2));
        assert_eq!((queue.next_wall(), queue.next_boot()), (None, None));
        assert_eq!(next_of(&queue, 1), None);
    }

    #[test]
    fn a_job_entered_again_takes_the_place_of_the_first() {
        let mut queue = queue("0 12 * * *", "10:00:00");
        queue.insert(JOB, schedule("0 11 * * *"), Rc::new(Zone::utc()), now("10:00:00"));
        assert_eq!(queue.next_wall(), Some(at("11:00:00")));
        assert_eq!(queue.due(now("11:00:00")), ran("11:00:00", 0));
        assert_eq!(queue.due(now("12:00:00")), []);
        queue.insert(JOB, schedule("@every 1h"), Rc::new(Zone::utc()), now("12:00:00"));
        assert_eq!(queue.next_wall(), None);
        queue.insert(JOB, schedule("@reboot"), Rc::new(Zone::utc()), now("12:00:00"));
        assert_eq!((queue.next_wall(), queue.next_boot()), (None, None));
    }

    #[test]
    fn jobs_come_and_go_in_any_order() {
        let zone = Rc::new(Zone::utc());
        let mut queue = Queue::new(Boot::default());
        let mut left = std::collections::BTreeSet::new();
        // 7 is coprime to 64: every number comes up, in a scattered order.
        for round in 0..200u32 {
            let (coming, going) = (UnitId(round * 7 % 64), UnitId(round * 29 % 64));
            let text = format!("{} 12 * * *", coming.0 % 60);
            queue.insert(coming, schedule(&text), Rc::clone(&zone), now("10:00:00"));
            left.insert(coming);
            queue.remove(going);
            left.remove(&going);
            assert_eq!(queue.wall.due(NEVER).len(), left.len());
            assert!(queue.entries.len() <= 2 * left.len(), "what was removed is forgotten");
        }
        let fired: std::collections::BTreeSet<_> = queue.due(now("12:59:59")).iter().map(|f| f.job).collect();
        assert_eq!(fired, left);
    }

    #[test]
    fn a_wildcard_job_less_than_a_minute_late_runs() {
        assert_eq!(queue("*/10 * * * *", "10:00:00").due(now("10:10:59.999999999")), ran("10:10:00", 0));
        assert_eq!(queue("*/10 * * * *", "10:00:00").due(now("10:11:00")), only_missed(1));
    }

    #[test]
    fn a_later_wildcard_job_runs_for_the_current_minute_only() {
        let mut queue = queue("* * * * *", "10:00:00");
        assert_eq!(queue.due(now("10:05:30")), ran("10:05:00", 4));
        assert_eq!(queue.next_wall(), Some(at("10:06:00")));
        assert_eq!(queue.due(now("10:05:59")), []);
        // Hours: 10:06 … 15:59, the last of which runs.
        assert_eq!(queue.due(now("15:59:00")), ran("15:59:00", 353));
    }

    #[test]
    fn a_fixed_time_job_up_to_three_hours_late_runs_once() {
        assert_eq!(queue("30 10 * * *", "10:00:00").due(now("13:30:00")), ran("10:30:00", 0));
        assert_eq!(queue("30 10 * * *", "10:00:00").due(now("13:30:00.000000001")), only_missed(1));
        // Of several the last one, also if only that is in time.
        assert_eq!(queue("0,30 10-11 * * *", "10:15:00").due(now("11:45:00")), ran("11:30:00", 2));
        assert_eq!(queue("30 10,14 * * *", "10:00:00").due(now("17:30:00")), ran("14:30:00", 1));
        let mut queue = queue("30 10 * * *", "10:00:00");
        assert_eq!(queue.due(now("12:00:00")), ran("10:30:00", 0));
        assert_eq!(queue.next_of(JOB, now("12:00:00")).map(|next| next.since(at("10:30:00")).as_secs()), Some(86_400));
    }

    #[test]
    fn a_leap_of_decades_is_counted_at_once() {
        let zone = Zone::from_posix("CET-1CEST,M3.5.0,M10.5.0/3").unwrap();
        let mut queue = Queue::new(Boot::default());
        queue.insert(JOB, schedule("* * * * *"), Rc::new(zone), clock(Wall::from_seconds(0), 0));
        let days = at("00:00:00").seconds() / 86_400;
        assert_eq!(queue.due(now("00:00:00")), ran("00:00:00", u32::try_from(days * 1_440 - 1).unwrap()));
    }

    #[test]
    fn a_clock_set_back_does_not_run_a_fixed_time_job_again() {
        let mut queue = queue("15,45 10 * * *", "10:00:00");
        assert_eq!(queue.due(now("10:15:00")), ran("10:15:00", 0));
        assert_eq!(queue.due(now("10:45:00")), ran("10:45:00", 0));
        let tomorrow = queue.next_wall();
        queue.clock_set(now("10:05:00"));
        assert_eq!(queue.next_wall(), tomorrow);
        queue.clock_set(now("07:45:00"));
        assert_eq!(queue.next_wall(), tomorrow);
        // Further than three hours is no correction but another time.
        queue.clock_set(now("07:44:59"));
        assert_eq!(queue.next_wall(), Some(at("10:15:00")));
        assert_eq!(queue.due(now("10:15:00")), ran("10:15:00", 0));
        // What hasn't run yet does, also if the clock is set back meanwhile.
        queue.clock_set(now("10:00:00"));
        assert_eq!(queue.next_wall(), Some(at("10:45:00")));
    }

    #[test]
    fn a_wildcard_job_follows_a_clock_set_back() {
        let mut queue = queue("*/30 * * * *", "10:00:00");
        assert_eq!(queue.due(now("10:30:00")), ran("10:30:00", 0));
        queue.clock_set(now("10:20:00"));
        assert_eq!(queue.next_wall(), Some(at("10:30:00")));
        queue.clock_set(now("03:10:00"));
        assert_eq!(queue.due(now("03:30:00")), ran("03:30:00", 0));
    }

    #[test]
    fn a_clock_set_forward_makes_late() {
        let mut queue = queue("0 11 * * *", "10:00:00");
        queue.clock_set(now("12:00:00"));
        assert_eq!(queue.next_wall(), Some(at("11:00:00")), "due already");
        assert_eq!(queue.due(now("12:00:00")), ran("11:00:00", 0));
        // And back again: it has run.
        queue.clock_set(now("10:30:00"));
        assert!(queue.next_wall() > Some(at("23:59:59")));
    }

    #[test]
    fn every_keeps_its_cadence_whatever_the_clock_shows() {
        let mut queue = Queue::new(Boot::from_nanos(5_000_000_000));
        queue.insert(JOB, schedule("@every 90s"), Rc::new(Zone::utc()), clock(at("10:00:00"), 5));
        assert_eq!(queue.next_boot(), Some(Boot::from_nanos(95_000_000_000)));
        assert_eq!(queue.due(clock(at("10:01:29"), 94)), []);
        assert_eq!(queue.due(clock(at("10:01:31"), 96)), ran("10:01:30", 0));
        assert_eq!(queue.next_boot(), Some(Boot::from_nanos(185_000_000_000)));
        // The clock goes back, and forward: no matter. Three beats have passed (185, 275, 365): one run.
        queue.clock_set(clock(at("01:00:00"), 97));
        assert_eq!(queue.due(clock(at("23:00:00"), 370)), ran("22:59:55", 0));
        assert_eq!(queue.next_boot(), Some(Boot::from_nanos(455_000_000_000)));
    }

    #[test]
    fn the_night_when_the_clocks_go_back_runs_fixed_times_once() {
        let zone = Rc::new(Zone::from_posix("CET-1CEST,M3.5.0,M10.5.0/3").unwrap());
        let wall = |text: &str| read(text, &zone).unwrap();
        let mut queue = Queue::new(Boot::default());
        let start = clock(wall("2027-10-31T01:50:00+02:00"), 0);
        queue.insert(UnitId(1), schedule("30 2 * * *"), Rc::clone(&zone), start);
        queue.insert(UnitId(2), schedule("30 * * * *"), Rc::clone(&zone), start);
        let mut told = Vec::new();
        while let Some(next) = queue.next_wall().filter(|next| *next < wall("2027-10-31T04:00:00+01:00")) {
            for firing in queue.due(clock(next, 0)) {
                let stamp = Stamp { at: firing.scheduled.unwrap(), zone: &zone }.to_string();
                told.push(format!("{} {}", firing.job.0, &stamp[11..]));
            }
        }
        assert_eq!(told, ["1 02:30:00+02:00", "2 02:30:00+02:00", "2 02:30:00+01:00", "2 03:30:00+01:00"]);
    }
}
