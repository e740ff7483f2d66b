//! Cron jobs: what becomes of a run that is due, and of one that fails.

use super::*;
use crate::model::job::{self, JobSpec, Missed, Overlap, Retries};
use crate::model::moment::Wall;
use crate::model::service::{Condition, Dependency};
use crate::model::unit::UnitId;
use crate::schedule::zone::Zone;
use crate::schedule::{Schedule, Timing};
use crate::supervise::PlannedJob;
use std::ffi::OsStr;
use std::rc::Rc;

/// A job that runs its own name.
fn job(name: &str, schedule: &str, manner: job::Manner) -> PlannedJob {
    job_of(name, name, schedule, manner)
}

fn job_of(command: &str, name: &str, schedule: &str, manner: job::Manner) -> PlannedJob {
    let zone = Rc::new(Zone::utc());
    let timing = Timing { schedule: Schedule::parse(schedule).unwrap().schedule, zone };
    let spec = JobSpec::new(name, schedule, [OsStr::new(command)].into_iter(), Rc::new(manner));
    PlannedJob { spec, timing, last_due: None }
}

/// The job `tidy`, alone or beside services: it is the unit behind them.
fn with(services: Vec<ServiceSpec>, schedule: &str, manner: job::Manner) -> Plan {
    Plan { jobs: vec![job("tidy", schedule, manner)], ..super::services(services) }
}

fn only(schedule: &str, manner: job::Manner) -> Plan {
    with(Vec::new(), schedule, manner)
}

fn overlap(overlap: Overlap) -> job::Manner {
    job::Manner { overlap, ..job::Manner::default() }
}

fn retries(count: u32, delay: f64) -> job::Manner {
    job::Manner { retries: Retries { count, delay: seconds(delay) }, ..job::Manner::default() }
}

fn needs(name: &str) -> job::Manner {
    let depends_on = vec![Dependency { name: name.to_owned(), condition: Condition::Ready }];
    job::Manner { depends_on, ..job::Manner::default() }
}

#[test]
fn a_run_that_is_due_during_another_is_skipped_unless_asked_otherwise() {
    let starts = |overlap_is: Overlap| {
        let mut world = World::new(only("@every 2s", overlap(overlap_is))).manner(0, ends(3.0, 0)).begin();
        world.pass(seconds(9.0));
        assert_eq!(world.broken, None);
        (world.times("tidy starts"), world.times("SIGTERM to tidy"))
    };
    assert_eq!(starts(Overlap::Skip), (vec![2_000, 6_000], vec![]));
    assert_eq!(starts(Overlap::Allow), (vec![2_000, 4_000, 6_000, 8_000], vec![]));
    assert_eq!(starts(Overlap::Replace), (vec![2_000, 4_000, 6_000, 8_000], vec![4_000, 6_000, 8_000]));
}

#[test]
fn what_is_replaced_has_the_time_of_its_stop() {
    let mut world = World::new(only("@every 10s", overlap(Overlap::Replace))).manner(0, obeys(None)).begin();
    world.pass(seconds(30.0));
    assert_eq!(world.times("tidy starts"), [10_000, 25_000]);
    assert_eq!(world.times("SIGTERM to tidy"), [20_000, 30_000]);
    assert_eq!(world.times("SIGKILL to tidy"), [25_000, 25_000], "the group, and itself");
    assert!(world.said("stopping the run before (pid 101): the next is due"));
    assert!(world.said("killed by SIGKILL after 15s, replaced"), "{:?}", world.story);
}

#[test]
fn a_run_that_takes_too_long_is_stopped_and_has_failed() {
    let manner = job::Manner { timeout: Some(seconds(1.0)), critical: true, ..job::Manner::default() };
    let mut world = World::new(only("@every 2s", manner)).manner(0, obeys(Some(0.5))).begin();
    world.pass(seconds(5.0));
    assert_eq!(world.times("SIGTERM to tidy"), [3_000]);
    assert!(world.said("tidy: stopping (pid 101): its timeout, 1s, is over"), "{:?}", world.story);
    assert!(world.said("after 1.5s, timed out"));
    assert_eq!((world.left, world.elapsed()), (Some(1), 3_500));
    assert_eq!(world.last_words(), "stopping: critical job tidy: timed out after 1s; exit status 1");
}

#[test]
fn a_failed_run_is_tried_again_so_often_and_no_more() {
    let mut world = World::new(only("@every 1h", retries(2, 5.0))).manner(0, ends(1.0, 3)).begin();
    world.pass(seconds(2.0 * 3600.0 - 1.0));
    assert_eq!(world.times("tidy starts"), [3_600_000, 3_606_000, 3_612_000]);
    assert!(world.said("exited with 3 after 1s; retry 1 of 2 in 5s"), "{:?}", world.story);
    assert!(world.said("started (pid 103), retry 2 of 2"));
    assert_eq!(world.left, None, "it isn't critical");
    world.pass(seconds(10.0));
    assert_eq!(world.times("tidy starts").len(), 5, "the next hour begins anew");
}

#[test]
fn a_success_ends_the_retries_and_a_critical_job_that_fails_for_good_everything() {
    let manner = job::Manner { critical: true, success_codes: Some(vec![3]), ..retries(3, 1.0) };
    let mut world = World::new(only("@every 10s", manner.clone())).manner(0, ends(1.0, 3)).begin();
    world.pass(seconds(35.0));
    assert_eq!(world.times("tidy starts"), [10_000, 20_000, 30_000]);
    let mut world = World::new(only("@every 10s", manner)).manner(0, ends(1.0, 4)).begin();
    world.pass(seconds(35.0));
    assert_eq!(world.times("tidy starts"), [10_000, 12_000, 14_000, 16_000]);
    assert_eq!((world.left, world.elapsed()), (Some(4), 17_000));
}

#[test]
fn a_launch_that_fails_is_a_failure_with_its_own_status() {
    let broken = Manner { broken: Some(FaultKind::NotFound), ..Manner::default() };
    let manner = job::Manner { critical: true, ..retries(1, 2.0) };
    let mut world = World::new(only("@every 10s", manner)).manner(0, broken).begin();
    world.pass(seconds(35.0));
    assert_eq!((world.left, world.elapsed()), (Some(127), 12_000));
    assert!(world.said("no such file; retry 1 of 1 in 2s"), "{:?}", world.story);
}

#[test]
fn a_retry_that_waits_counts_as_the_run_before() {
    let mut world = World::new(only("@every 10s", retries(1, 15.0))).manner(0, ends(1.0, 1)).begin();
    world.pass(seconds(26.5));
    assert_eq!(world.times("tidy starts"), [10_000, 26_000]);
    let replace = job::Manner { overlap: Overlap::Replace, ..retries(1, 15.0) };
    let mut world = World::new(only("@every 10s", replace)).manner(0, ends(1.0, 1)).begin();
    world.pass(seconds(37.0));
    assert_eq!(world.times("tidy starts"), [10_000, 20_000, 30_000], "the next run takes the retry's place");
}

#[test]
fn a_thousand_jobs_at_once_dont_keep_it_from_listening() {
    let jobs = (0..1_000).map(|number| job(&format!("j{number}"), "@every 10s", job::Manner::default()));
    let plan = Plan { jobs: jobs.collect(), ..super::services(vec![service("db")]) };
    let mut world = World::new(plan).begin();
    world.now.boot = world.now.boot + seconds(10.0);
    world.happen(Event::OrphanReaped);
    let started = |world: &World| world.story.iter().filter(|(_, text)| text.ends_with(" starts")).count() - 1;
    assert_eq!(started(&world), 128);
    assert!(world.supervisor.next_deadline() <= Some(world.now.mono + seconds(0.001)), "the rest is due at once");
    world.pass(seconds(1.0));
    assert_eq!(started(&world), 1_000);
    // Those that are left when everything is to stop don't start any more.
    world.now.boot = world.now.boot + seconds(10.0);
    world.happen(Event::OrphanReaped);
    stop(&mut world);
    assert_eq!(world.left, Some(0));
}

#[test]
fn starts_are_put_off_by_their_jitter() {
    let manner = job::Manner { jitter: seconds(8.0), ..job::Manner::default() };
    let mut world = World::new(only("@every 10s", manner.clone())).manner(0, ends(0.5, 0)).begin();
    let begin = world.now.wall.seconds();
    world.pass(seconds(50.0));
    let delay = |beat: u64| beat * 1_000 + manner.delay("tidy", begin + beat as i64).as_millis() as u64;
    assert_eq!(world.times("tidy starts"), [10, 20, 30, 40].map(delay));
    assert_eq!(world.broken, None);
}

#[test]
fn a_run_waits_at_start_for_what_it_depends_on_and_is_skipped_later() {
    let after_5s = Manner { fit_after: seconds(5.0), ..Manner::default() };
    let db = || {
        let mut db = service("db");
        let kind = crate::model::service::ReadyKind::Probe(crate::model::service::Probe::File("/x".into()));
        let interval = seconds(0.5);
        db.extras_mut().ready = Some(crate::model::service::Ready { kind, interval, timeout: seconds(60.0) });
        db
    };
    let manner = job::Manner { on_boot: true, ..needs("db") };
    let mut world =
        World::new(with(vec![db()], "@every 2s", manner)).manner(0, after_5s).manner(1, ends(0.1, 0)).begin();
    world.pass(seconds(6.5));
    assert_eq!(world.times("tidy starts"), [5_000, 6_000]);
    assert_eq!(world.times("tidy: waiting (for db)"), [0], "said once");
    assert_eq!(world.times("tidy: skipped: dependency db isn't up"), [2_000, 4_000]);
    world.happen(Event::Signalled(Signal::TERM));
    world.pass(seconds(1.0));
    assert_eq!(world.left, Some(0));
}

#[test]
fn what_failed_for_good_is_named_as_the_reason() {
    let db = ServiceSpec { restart: Restart::Never, ..service("db") };
    let mut world = World::new(with(vec![db], "@every 2s", needs("db"))).manner(0, ends(1.0, 1)).begin();
    world.pass(seconds(3.0));
    assert_eq!(world.times("tidy: skipped: dependency db failed"), [2_000]);
    assert_eq!(world.left, None, "a job may run yet");
}

#[test]
fn jobs_stop_before_what_they_depend_on() {
    let manner = job::Manner { on_boot: true, ..needs("db") };
    let plan = with(vec![service("db")], "@daily", manner);
    let mut world = World::new(plan).manner(0, obeys(Some(0.2))).manner(1, obeys(Some(0.5))).begin();
    world.pass(seconds(1.0));
    stop(&mut world);
    assert_eq!((world.times("SIGTERM to tidy"), world.times("SIGTERM to db")), (vec![1_000], vec![1_500]));
    assert_eq!((world.left, world.elapsed()), (Some(0), 1_700));
}

#[test]
fn nothing_starts_once_everything_is_to_stop() {
    for (manner, delay) in [
        (retries(9, 0.5), 0.0),
        (retries(9, 0.5), 3.0),
        (job::Manner { jitter: seconds(5.0), ..job::Manner::default() }, 3.0),
        (overlap(Overlap::Replace), 3.0),
    ] {
        let plan = Plan { shutdown_delay: seconds(delay), ..with(vec![service("db")], "@every 1s", manner) };
        let mut world = World::new(plan).manner(1, ends(1.2, 1)).begin();
        world.pass(seconds(2.1));
        let before = world.times("tidy starts").len();
        stop(&mut world);
        assert_eq!(world.times("tidy starts").len(), before, "{:?}", world.story);
        assert_eq!(world.left, Some(0));
    }
}

#[test]
fn a_run_that_was_missed_is_made_up_for_once() {
    let keeps = || job::Manner { missed: Missed::Once, ..job::Manner::default() };
    let start = World::new(Plan::default()).now.wall;
    // The clock shows 2026-11-18T11:06:40Z at start.
    let known = |ago: i64, manner: job::Manner| {
        let mut plan = only("0 * * * *", manner);
        plan.jobs[0].last_due = Some(Wall::from_seconds(start.seconds() - ago));
        let mut world = World::new(plan).manner(0, ends(0.1, 0)).begin();
        world.pass(seconds(1.0));
        world
    };
    let world = known(3 * 3_600, keeps());
    assert_eq!(world.times("tidy starts"), [0]);
    assert!(world.said("started (pid 101), made up for 2026-11-18T11:00:00+00:00"), "{:?}", world.story);
    assert_eq!(world.times("tidy was due at 2026-11-18T11:00:00+00:00"), [0], "so it is made up for once");
    let world = known(6 * 60, keeps());
    assert_eq!(world.times("tidy starts"), [0_u64; 0], "none was missed since 11:00:40");
    assert_eq!(known(3 * 3_600, job::Manner::default()).times("tidy starts"), [0_u64; 0], "nobody asked for it");
    let both = known(3 * 3_600, job::Manner { on_boot: true, ..keeps() });
    assert_eq!(both.times("tidy starts"), [0], "one run at start is both");
    // Nothing is known: it begins now, and is kept from then on.
    let mut world = World::new(only("0 * * * *", keeps())).manner(0, ends(0.1, 0)).begin();
    world.pass(seconds(3_600.0));
    assert_eq!(world.times("tidy was due at 2026-11-18T11:06:40+00:00"), [0]);
    assert_eq!(world.times("tidy was due at 2026-11-18T12:00:00+00:00"), world.times("tidy starts"));
}

#[test]
fn a_run_under_way_ends_as_it_began_and_the_next_is_another() {
    let manner = |count: u32| job::Manner { on_boot: true, ..retries(count, 1.0) };
    let mut world = World::new(only("@every 10s", manner(1))).manner(0, ends(5.0, 1)).begin();
    world.pass(seconds(2.0));
    world.reload(only("@every 4s", manner(0)));
    assert!(world.said("reloaded: 1 changed (tidy), 0 unchanged"), "{:?}", world.story);
    world.pass(seconds(20.0));
    // Started at 0; its retry at 6, which is the new definition's already; then each 4 s from wingmate's start on.
    assert_eq!(world.times("tidy starts"), [0, 6_000, 12_000, 20_000]);
    assert_eq!(world.broken, None);
}

#[test]
fn another_name_waits_for_the_run_and_another_job_is_new() {
    let plan = |names: &[&str]| Plan {
        jobs: names.iter().map(|name| job_of("same", name, "@every 10s", job::Manner::default())).collect(),
        shutdown_timeout: seconds(8.0),
        ..Plan::default()
    };
    let mut world = World::new(plan(&["a"])).manner(0, ends(5.0, 0)).begin();
    world.pass(seconds(11.0));
    world.reload(plan(&["b"]));
    assert!(world.said("reloaded: 1 unchanged"), "{:?}", world.story);
    world.pass(seconds(10.0));
    assert!(world.said("a: exited with 0 after 5s"), "{:?}", world.story);
    assert_eq!((world.times("a starts"), world.times("b starts")), (vec![10_000], vec![20_000]));
    world.reload(plan(&[]));
    world.pass(seconds(30.0));
    assert_eq!(world.times("b starts"), [20_000]);
    assert!(world.said("reloaded: 1 stopped (b), 0 unchanged"), "{:?}", world.story);
}

#[test]
fn a_run_that_there_is_nothing_to_start_with_is_tried_again_and_is_no_failure() {
    let starved = Manner { broken: Some(FaultKind::Exhausted), ..ends(0.0, 0) };
    let critical = job::Manner { critical: true, overlap: Overlap::Allow, ..job::Manner::default() };
    let mut world = World::new(only("@every 1s", critical)).manner(0, starved).begin();
    world.pass(seconds(60.0));
    assert_eq!((world.left, world.broken.clone()), (None, None), "that says nothing of the job");
    let told = |world: &World, what: &str| world.story.iter().filter(|(_, text)| text.contains(what)).count();
    assert_eq!(told(&world, "cannot allocate memory; tried again in 100ms"), 1);
    assert!((7..=12).contains(&told(&world, "; tried again in ")), "less and less often, and one run only");
    assert!(told(&world, "skipped: the run before could not be started yet") > 40);
    world.manners.insert(UnitId(0), ends(0.0, 0));
    world.pass(seconds(35.0));
    assert!(world.times("tidy starts").len() > 3, "{:?}", world.times("tidy starts"));
    world.happen(Event::Signalled(Signal::TERM));
    assert_eq!(world.left, Some(0));
}

#[test]
fn retries_without_a_delay_are_10_ms_apart() {
    for manner in [Manner { broken: Some(FaultKind::NotFound), ..Manner::default() }, ends(0.0, 1)] {
        let mut world = World::new(only("@reboot", retries(u32::MAX, 0.0))).manner(0, manner).begin();
        world.pass(seconds(1.0));
        let told = world.story.iter().filter(|(_, text)| text.contains("; retry ")).count();
        assert!((95..=101).contains(&told), "{told}");
        world.happen(Event::Signalled(Signal::TERM));
        assert_eq!((world.left, world.broken), (Some(0), None));
    }
}
