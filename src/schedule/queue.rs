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
    pub timing: Rc<Timing>,
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
        let (mut wall, mut boot) = (Vec::with_capacity(jobs.size_hint().0), Vec::new());
        for (job, timing) in jobs {
            match timing.schedule {
                Schedule::Cron(_) => wall.push((timing.next(now.wall).unwrap_or(NEVER), job)),
                Schedule::Every(every) => boot.push((next_beat(self.started, every, now.boot), job)),
                Schedule::Reboot => {}
            }
        }
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
    let scheduled = latest(expression, timing.zone(), counted_after(expression, at, now), now);
    let passed = count(expression, timing.zone(), at, now).saturating_add(1);
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
mod tests {
    use super::*;
    use crate::schedule::stamp::{Stamp, read};
    use crate::schedule::zone::Zone;
    use std::collections::BTreeMap;

    const JOB: UnitId = UnitId(7);

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

    /// A queue and the jobs in it, which know what they last ran for.
    struct Jobs {
        queue: Queue,
        known: BTreeMap<UnitId, Known>,
    }

    impl Jobs {
        fn new(started: Boot) -> Jobs {
            Jobs { queue: Queue::new(started), known: BTreeMap::new() }
        }

        fn enter(&mut self, jobs: &[(u32, &str)], zone: &Zone, now: Now) {
            let timing = |text: &str| {
                let timing = Timing::new(text, Schedule::parse(text).unwrap().schedule);
                timing.settle(Rc::new(zone.clone()));
                Rc::new(timing)
            };
            let known = jobs.iter().map(|(number, text)| (UnitId(*number), Known { timing: timing(text), last: None }));
            let known: Vec<_> = known.collect();
            self.queue.insert(known.iter().map(|(job, known)| (*job, &*known.timing)), now);
            self.known.extend(known);
        }

        fn due(&mut self, now: Now) -> Vec<Firing> {
            let firings = self.queue.due(now, |job| self.known.get(&job).cloned());
            for firing in &firings {
                let known = self.known.get_mut(&firing.job).unwrap();
                known.last = firing.scheduled.or(known.last);
            }
            firings
        }

        fn clock_set(&mut self, now: Now) {
            self.queue.clock_set(now, |job| self.known.get(&job).cloned());
        }

        fn next_of(&self, number: u32, now: Now) -> Option<Wall> {
            self.queue.coming(now).find(|(job, _)| job.0 == number).map(|(_, at)| at)
        }
    }

    /// One job, entered at that time.
    fn queue(text: &str, time: &str) -> Jobs {
        let mut jobs = Jobs::new(Boot::default());
        jobs.enter(&[(JOB.0, text)], &Zone::utc(), now(time));
        jobs
    }

    fn ran(time: &str, missed: u32) -> Vec<Firing> {
        vec![Firing { job: JOB, scheduled: Some(at(time)), missed }]
    }

    fn only_missed(missed: u32) -> Vec<Firing> {
        vec![Firing { job: JOB, scheduled: None, missed }]
    }

    #[test]
    fn the_head_is_the_next_deadline() {
        let mut queue = Jobs::new(Boot::default());
        assert_eq!((queue.queue.next_wall(), queue.queue.next_boot()), (None, None));
        let start = clock(at("10:00:30"), 100);
        let jobs = [(1, "30 10 * * *"), (2, "15 * * * *"), (3, "@every 1m"), (4, "*/15 * * * *"), (5, "@reboot")];
        queue.enter(&jobs, &Zone::utc(), start);
        assert_eq!(queue.queue.next_wall(), Some(at("10:15:00")));
        assert_eq!(
            queue.queue.next_boot(),
            Some(Boot::from_nanos(120_000_000_000)),
            "beats count from the start, not from now"
        );
        let next_of = |queue: &Jobs, number| queue.next_of(number, start);
        assert_eq!(next_of(&queue, 1), Some(at("10:30:00")));
        assert_eq!(next_of(&queue, 3), Some(at("10:00:50")));
        assert_eq!(next_of(&queue, 5), None);
        assert_eq!(queue.due(clock(at("10:14:59.999999999"), 119)), []);
        let both: Vec<_> = queue.due(clock(at("10:15:00"), 119)).iter().map(|f| (f.job.0, f.scheduled)).collect();
        assert_eq!(both, [(2, Some(at("10:15:00"))), (4, Some(at("10:15:00")))]);
        assert_eq!(queue.queue.next_wall(), Some(at("10:30:00")));
        queue.queue.remove(&[UnitId(1), UnitId(4), UnitId(99)]);
        assert_eq!(queue.queue.next_wall(), Some(at("11:15:00")));
        queue.queue.remove(&[UnitId(2), UnitId(3)]);
        assert_eq!((queue.queue.next_wall(), queue.queue.next_boot()), (None, None));
        assert_eq!(next_of(&queue, 1), None);
    }

    #[test]
    fn a_job_beyond_the_end_of_time_comes_back_with_the_clock() {
        let mut queue = queue("0 12 * * *", "10:00:00");
        let end = clock(Wall::from_nanos(i64::MAX - 1), 0);
        assert_eq!(queue.due(end).len(), 1);
        assert_eq!((queue.queue.next_wall(), queue.next_of(JOB.0, end)), (None, None));
        queue.clock_set(now("11:00:00"));
        assert_eq!(queue.queue.next_wall(), Some(at("12:00:00")));
        assert_eq!(queue.due(now("12:00:00")), ran("12:00:00", 0));
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
        assert_eq!(queue.queue.next_wall(), Some(at("10:06:00")));
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
        assert_eq!(
            queue.next_of(JOB.0, now("12:00:00")).map(|next| next.since(at("10:30:00")).as_secs()),
            Some(86_400)
        );
    }

    #[test]
    fn a_leap_of_decades_is_counted_at_once() {
        let zone = Zone::from_posix("CET-1CEST,M3.5.0,M10.5.0/3").unwrap();
        let mut queue = Jobs::new(Boot::default());
        queue.enter(&[(JOB.0, "* * * * *")], &zone, clock(Wall::from_seconds(0), 0));
        let days = at("00:00:00").seconds() / 86_400;
        assert_eq!(queue.due(now("00:00:00")), ran("00:00:00", u32::try_from(days * 1_440 - 1).unwrap()));
    }

    #[test]
    fn a_clock_set_back_does_not_run_a_fixed_time_job_again() {
        let mut queue = queue("15,45 10 * * *", "10:00:00");
        assert_eq!(queue.due(now("10:15:00")), ran("10:15:00", 0));
        assert_eq!(queue.due(now("10:45:00")), ran("10:45:00", 0));
        let tomorrow = queue.queue.next_wall();
        queue.clock_set(now("10:05:00"));
        assert_eq!(queue.queue.next_wall(), tomorrow);
        queue.clock_set(now("07:45:00"));
        assert_eq!(queue.queue.next_wall(), tomorrow);
        // Further than three hours is no correction but another time.
        queue.clock_set(now("07:44:59"));
        assert_eq!(queue.queue.next_wall(), Some(at("10:15:00")));
        assert_eq!(queue.due(now("10:15:00")), ran("10:15:00", 0));
        // What hasn't run yet does, also if the clock is set back meanwhile.
        queue.clock_set(now("10:00:00"));
        assert_eq!(queue.queue.next_wall(), Some(at("10:45:00")));
    }

    #[test]
    fn a_wildcard_job_follows_a_clock_set_back() {
        let mut queue = queue("*/30 * * * *", "10:00:00");
        assert_eq!(queue.due(now("10:30:00")), ran("10:30:00", 0));
        queue.clock_set(now("10:20:00"));
        assert_eq!(queue.queue.next_wall(), Some(at("10:30:00")));
        queue.clock_set(now("03:10:00"));
        assert_eq!(queue.due(now("03:30:00")), ran("03:30:00", 0));
    }

    #[test]
    fn a_clock_set_forward_makes_late() {
        let mut queue = queue("0 11 * * *", "10:00:00");
        queue.clock_set(now("12:00:00"));
        assert_eq!(queue.queue.next_wall(), Some(at("11:00:00")), "due already");
        assert_eq!(queue.due(now("12:00:00")), ran("11:00:00", 0));
        // And back again: it has run.
        queue.clock_set(now("10:30:00"));
        assert!(queue.queue.next_wall() > Some(at("23:59:59")));
    }

    #[test]
    fn every_keeps_its_cadence_whatever_the_clock_shows() {
        let mut queue = Jobs::new(Boot::from_nanos(5_000_000_000));
        queue.enter(&[(JOB.0, "@every 90s")], &Zone::utc(), clock(at("10:00:00"), 5));
        assert_eq!(queue.queue.next_boot(), Some(Boot::from_nanos(95_000_000_000)));
        assert_eq!(queue.due(clock(at("10:01:29"), 94)), []);
        assert_eq!(queue.due(clock(at("10:01:31"), 96)), ran("10:01:30", 0));
        assert_eq!(queue.queue.next_boot(), Some(Boot::from_nanos(185_000_000_000)));
        // The clock goes back, and forward: no matter. Three beats have passed (185, 275, 365): one run.
        queue.clock_set(clock(at("01:00:00"), 97));
        assert_eq!(queue.due(clock(at("23:00:00"), 370)), ran("22:59:55", 0));
        assert_eq!(queue.queue.next_boot(), Some(Boot::from_nanos(455_000_000_000)));
    }

    #[test]
    fn the_night_when_the_clocks_go_back_runs_fixed_times_once() {
        let zone = Zone::from_posix("CET-1CEST,M3.5.0,M10.5.0/3").unwrap();
        let wall = |text: &str| read(text, &zone).unwrap();
        let mut queue = Jobs::new(Boot::default());
        let start = clock(wall("2027-10-31T01:50:00+02:00"), 0);
        queue.enter(&[(1, "30 2 * * *"), (2, "30 * * * *")], &zone, start);
        let mut told = Vec::new();
        while let Some(next) = queue.queue.next_wall().filter(|next| *next < wall("2027-10-31T04:00:00+01:00")) {
            for firing in queue.due(clock(next, 0)) {
                let stamp = Stamp { at: firing.scheduled.unwrap(), zone: &zone }.to_string();
                told.push(format!("{} {}", firing.job.0, &stamp[11..]));
            }
        }
        assert_eq!(told, ["1 02:30:00+02:00", "2 02:30:00+02:00", "2 02:30:00+01:00", "2 03:30:00+01:00"]);
    }
}
