//! Cron jobs: what one run, or one definition, leaves to the next.

use super::*;
use crate::model::job::{self, JobSpec, Missed, Overlap, Retries};
use crate::model::moment::Wall;
use crate::model::service::{Condition, Dependency, Probe, Ready, ReadyKind};
use crate::schedule::zone::Zone;
use crate::schedule::{Schedule, Timing};
use crate::supervise::PlannedJob;
use std::ffi::OsStr;
use std::rc::Rc;

/// The job of this name beside a service that is ready at once, or after so many seconds.
fn plan(name: &str, schedule: &str, manner: job::Manner) -> Plan {
    let zone = Rc::new(Zone::utc());
    let timing = Timing { schedule: Schedule::parse(schedule).unwrap().schedule, zone };
    let spec = JobSpec::new(name, schedule, [OsStr::new("tidy")].into_iter(), Rc::new(manner));
    let mut db = service("db");
    let kind = ReadyKind::Probe(Probe::File("/x".into()));
    db.extras_mut().ready = Some(Ready { kind, interval: seconds(1.0), timeout: seconds(1e6) });
    Plan { jobs: vec![PlannedJob { spec, timing, last_due: None }], ..services(vec![db]) }
}

#[test]
fn the_next_run_takes_the_place_of_the_retries_of_one_that_is_over_its_time() {
    let manner = job::Manner {
        overlap: Overlap::Replace,
        timeout: Some(seconds(9.0)),
        retries: Retries { count: 5, delay: seconds(1.0) },
        critical: true,
        ..job::Manner::default()
    };
    // It is told to stop 9 s after its start, and takes 3 s for it: meanwhile the next is due.
    let mut world = World::new(plan("tidy", "@every 10s", manner)).manner(1, obeys(Some(3.0))).begin();
    world.pass(seconds(35.0));
    assert_eq!(world.times("tidy starts"), [10_000, 22_000, 33_000], "{:?}", world.story);
    assert!(world.said("timed out; not tried again, the next is due"), "{:?}", world.story);
    assert_eq!((world.left, world.broken), (None, None));
}

#[test]
fn while_a_run_is_to_be_made_up_for_nothing_later_is_kept() {
    let depends_on = vec![Dependency { name: "db".to_owned(), condition: Condition::Ready }];
    let manner = job::Manner { missed: Missed::Once, depends_on, ..job::Manner::default() };
    let mut plan = plan("tidy", "0 * * * *", manner);
    let start = World::new(Plan::default()).now.wall.seconds();
    plan.jobs[0].last_due = Some(Wall::from_seconds(start - 3 * 3_600));
    let fit = Manner { fit_after: seconds(5_000.0), ..Manner::default() };
    // The clock shows 2026-11-18T11:06:40Z at start.
    let mut world = World::new(plan).manner(0, fit).manner(1, ends(0.1, 0)).begin();
    world.pass(seconds(4_000.0));
    assert!(world.said("tidy: skipped: dependency db isn't up"), "{:?}", world.story);
    assert!(!world.said("was due at"), "should it all end now, the next start makes up for it");
    world.pass(seconds(2_000.0));
    assert_eq!(world.times("tidy starts"), [5_000_000]);
    assert!(world.said("made up for 2026-11-18T11:00:00+00:00"), "{:?}", world.story);
    assert_eq!(world.times("tidy was due at 2026-11-18T12:00:00+00:00"), [5_000_000], "and not for the skipped one");
}

#[test]
fn a_changed_job_has_missed_nothing_of_its_new_schedule() {
    let manner = job::Manner { missed: Missed::Once, ..job::Manner::default() };
    let mut world = World::new(plan("tidy", "0 0 1 1 *", manner.clone())).begin();
    world.pass(seconds(60.0));
    world.reload(plan("tidy", "*/10 * * * *", manner.clone()));
    assert_eq!(world.times("tidy was due at 2026-11-18T11:07:40+00:00"), [60_000], "{:?}", world.story);
    world.reload(plan("neat", "*/10 * * * *", manner));
    assert_eq!(world.times("neat was due at 2026-11-18T11:07:40+00:00"), [60_000], "under its new name");
}
