//! The queue's days and nights: jobs that are late, clocks that are set.

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
        let timing =
            |text: &str| Timing { schedule: Schedule::parse(text).unwrap().schedule, zone: Rc::new(zone.clone()) };
        let known = jobs.iter().map(|(number, text)| (UnitId(*number), Known { timing: timing(text), last: None }));
        let known: Vec<_> = known.collect();
        self.queue.insert(known.iter().map(|(job, known)| (*job, &known.timing)), now);
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

#[test]
fn jobs_that_share_a_timing_share_its_times_and_no_others() {
    let zone = Rc::new(Zone::utc());
    let timing = |text: &str| {
        let schedule = Schedule::parse(text).unwrap().schedule;
        Timing { schedule, zone: Rc::clone(&zone) }
    };
    let (noon, one, never) = (timing("0 12 * * *"), timing("0 13 * * *"), timing("@reboot"));
    let jobs = [&noon, &one, &noon, &never, &one, &noon];
    let mut queue = Queue::new(Boot::default());
    queue.insert((0..).map(UnitId).zip(jobs), now("11:00:00"));
    let mut coming: Vec<_> = queue.coming(now("11:00:00")).map(|(job, at)| (job.0, at)).collect();
    coming.sort_unstable();
    let (noon, one) = (at("12:00:00"), at("13:00:00"));
    assert_eq!(coming, [(0, noon), (1, one), (2, noon), (4, one), (5, noon)]);
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
    assert_eq!(queue.next_of(JOB.0, now("12:00:00")).map(|next| next.since(at("10:30:00")).as_secs()), Some(86_400));
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
