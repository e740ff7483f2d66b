//! Jobs with `depends_on`: they run while what they need is up.

use super::{assert_in_order, count};
use crate::world::Place;
use wingmate::model::signal::Signal;

#[test]
fn a_run_is_skipped_while_a_dependency_is_not_up() {
    let place = Place::new(
        r#"
service:
  db: { command: [ sleep, inf ], ready: { file: up, interval: 20ms } }
  cache: { command: [ sleep, inf ], ready: { file: up, interval: 20ms } }
  fast: { command: [ sleep, inf ], ready: { file: never } }
cron:
  one: { command: [ echo, ran ], schedule: "@every 400ms", depends_on: [ db ], retries: { count: 3 }, critical: true }
  two: { command: [ echo, ran ], schedule: "@every 400ms", depends_on: [ db, cache ] }
  started: { command: [ echo, ran ], schedule: "@every 400ms", depends_on: { fast: { condition: started } } }
"#,
    );
    let mut wingmate = place.start(&[]);
    wingmate.each(&[
        "wingmate | warn: one: skipped: dependency db isn't up",
        "wingmate | warn: two: skipped: dependencies db, cache aren't up",
        "started  | ran",
    ]);
    wingmate.signal(Signal::USR1);
    let row = wingmate.line(" skipped, next 2");
    assert!(row.contains(" one ") && row.contains(" idle ") && row.contains("0 runs "), "{row}");
    place.file("up", "");
    wingmate.each(&["one      | ran", "two      | ran"]);
    wingmate.stop();
}

#[test]
fn a_run_at_start_waits_for_them() {
    let place = Place::new(
        r#"
state: state
service:
  db: { command: [ sleep, inf ], ready: { file: up, interval: 20ms } }
cron:
  boots: { command: [ echo, ran ], schedule: "0 0 1 1 *", on_boot: true, depends_on: [ db ] }
  reboot: { command: [ echo, ran ], schedule: "@reboot", depends_on: [ db ] }
  late: { command: [ echo, ran ], schedule: "0 0 1 1 *", missed: once, depends_on: [ db ], timezone: UTC }
"#,
    );
    place.file("state/late", "2020-01-01T00:00:00Z\n");
    let mut wingmate = place.start(&[]);
    wingmate.each(&["boots: waiting (for db)", "reboot: waiting (for db)", "late: waiting (for db)"]);
    assert_eq!(place.read("state/late"), "2020-01-01T00:00:00Z\n", "not made up for yet");
    place.file("up", "");
    wingmate.each(&["boots    | ran", "reboot   | ran", "late     | ran"]);
    let lines = wingmate.stop();
    assert_eq!(count(&lines, "skipped"), 0, "{lines:#?}");
    assert_in_order(&lines, &["late: waiting (for db)", "db: running (pid ", "), made up for 2"]);
    assert!(place.read("state/late").ends_with("-01-01T00:00:00+00:00\n"), "{:?}", place.read("state/late"));
}

#[test]
fn one_that_failed_is_named_and_nothing_runs() {
    let place = Place::new(
        r#"
service:
  migrate: { command: [ "false" ], oneshot: true }
  off: { command: [ sleep, inf ], autostart: false }
cron:
  tick: { command: [ echo, wrong ], schedule: "@every 400ms", depends_on: [ migrate ] }
  boots: { command: [ echo, wrong ], schedule: "@reboot", depends_on: [ migrate ] }
  needs.off: { command: [ echo, wrong ], schedule: "@every 400ms", depends_on: [ off ] }
"#,
    );
    let mut wingmate = place.start(&[]);
    wingmate.each(&[
        "tick: skipped: dependency migrate failed",
        "boots: waiting (dependency migrate failed)",
        "needs.off: skipped: dependency off isn't started",
    ]);
    let lines = wingmate.stop();
    assert_eq!(count(&lines, "| wrong"), 0, "{lines:#?}");
}

#[test]
fn one_that_is_done_is_up_for_a_job() {
    let place = Place::new(
        r#"
service:
  migrate: { command: [ sh, -c, "read x < $D/go" ], oneshot: true }
cron:
  boots: { command: [ echo, ran ], schedule: "@reboot", depends_on: [ migrate ] }
  tick: { command: [ echo, ran ], schedule: "@every 400ms", depends_on: [ migrate ] }
"#,
    );
    let mut wingmate = place.start(&[]);
    wingmate.each(&["boots: waiting (for migrate)", "tick: skipped: dependency migrate isn't up"]);
    place.tell("go", "on");
    wingmate.each(&["boots    | ran", "tick     | ran"]);
    wingmate.stop();
}
