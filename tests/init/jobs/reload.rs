//! A reload finds a job's run under way.

use super::{assert_in_order, count};
use crate::world::{Place, Wingmate};
use wingmate::model::signal::Signal;

const BEFORE: &str = r#"
cron:
  same: { command: [ sh, -c, "echo begun; read x < $D/same; echo ended" ], schedule: "@reboot" }
  other: { command: [ sh, -c, "echo $VERSION begun; read x < $D/go; echo $VERSION ended" ], schedule: "@every 400ms", environ: { VERSION: one } }
"#;

fn begun(yaml: &str, signs: &[&str]) -> (Place, Wingmate) {
    let place = Place::new(yaml);
    place.fifo("same");
    let mut wingmate = place.start(&[]);
    wingmate.each(signs);
    (place, wingmate)
}

fn reload(place: &Place, wingmate: &mut Wingmate, yaml: &str, told: &str) {
    place.file("wingmate.yaml", yaml);
    wingmate.signal(Signal::HUP);
    wingmate.line(told);
}

#[test]
fn a_run_ends_as_it_began_and_the_next_is_the_new_one() {
    let (place, mut wingmate) = begun(BEFORE, &["same     | begun", "other    | one begun"]);
    let after = BEFORE.replace("VERSION: one", "VERSION: two");
    reload(&place, &mut wingmate, &after, "reloaded: 1 changed (other), 1 unchanged");
    place.tell("go", "on");
    wingmate.each(&["other    | one ended", "other: exited with 0 after "]);
    wingmate.line("other    | two begun");
    place.tell("same", "on");
    wingmate.each(&["same     | ended", "same: exited with 0 after "]);
    let lines = wingmate.stop();
    assert_eq!((count(&lines, "same: started"), count(&lines, "one begun")), (1, 1), "{lines:#?}");
}

#[test]
fn a_run_keeps_the_time_that_it_was_given() {
    let yaml =
        "cron:\n  slow: { command: [ sh, -c, 'echo begun; read x < $D/go' ], schedule: '@every 400ms', timeout: 1h }\n";
    let (place, mut wingmate) = begun(yaml, &["| begun"]);
    let after = yaml.replace("1h", "100ms");
    reload(&place, &mut wingmate, &after, "reloaded: 1 changed (slow)");
    wingmate.line("slow: skipped: ");
    place.tell("go", "on");
    wingmate.line("slow: exited with 0 after ");
    wingmate.line("slow: stopping (pid ");
    let line = wingmate.line("slow: killed by SIGTERM after ");
    assert!(line.ends_with(", timed out"), "{line}");
    wingmate.stop();
}

#[test]
fn one_that_is_removed_ends_by_itself_and_is_gone() {
    let yaml = "cron:\n  gone: { command: [ sh, -c, 'echo begun; read x < $D/go; exit 3' ], schedule: '@every 400ms', critical: true, retries: { count: 5, delay: 10ms } }\n";
    let rest = "  stays: { command: [ 'true' ], schedule: '@every 400ms' }\n";
    let (place, mut wingmate) = begun(&format!("{yaml}{rest}"), &["| begun"]);
    reload(&place, &mut wingmate, &format!("cron:\n{rest}"), "reloaded: 1 stopped (gone), 1 unchanged");
    place.tell("go", "on");
    let line = wingmate.line("gone: exited with 3 after ");
    assert!(!line.contains("retry"), "{line}");
    wingmate.line("stays: exited with 0 after ");
    wingmate.signal(Signal::USR1);
    wingmate.line("UNIT ");
    let row = wingmate.line("stays ");
    let lines = wingmate.stop();
    assert_in_order(&lines, &["UNIT ", &row]);
    assert_eq!((count(&lines, "gone: started"), count(&lines, "info: gone ")), (1, 0), "{lines:#?}");
}

#[test]
fn one_that_waited_to_be_tried_again_is_gone_at_once() {
    let yaml = "cron:\n  stays: { command: [ 'true' ], schedule: '@reboot' }\n";
    let gone =
        "  gone: { command: [ 'false' ], schedule: '@reboot', critical: true, retries: { count: 1, delay: 1h } }\n";
    let (place, mut wingmate) = begun(&format!("{yaml}{gone}"), &["retry 1 of 1 in 1h"]);
    reload(&place, &mut wingmate, yaml, "reloaded: 1 stopped (gone), 1 unchanged");
    // Nothing is due any more, not even that.
    wingmate.await_rest();
    wingmate.stop();
}

#[test]
fn another_name_is_had_when_the_run_is_over() {
    let place = Place::new(
        "cron:\n  old: { command: [ sh, -c, 'echo begun as $WINGMATE_JOB; read x < $D/go' ], schedule: '@every 400ms' }\n",
    );
    let mut wingmate = place.start(&[]);
    wingmate.line("| begun as old");
    let after = place.read("wingmate.yaml").replace("old:", "renamed:");
    reload(&place, &mut wingmate, &after, "reloaded: 1 unchanged");
    wingmate.line("old: skipped: ");
    place.tell("go", "on");
    wingmate.line("old: exited with 0 after ");
    wingmate.each(&["renamed: started (pid ", "renamed  | begun as renamed"]);
    let lines = wingmate.stop();
    assert_eq!(count(&lines, "begun as old"), 1, "{lines:#?}");
}

#[test]
fn what_is_new_is_not_due_for_a_start_that_was() {
    let (place, mut wingmate) =
        begun("cron:\n  tick: { command: [ 'true' ], schedule: '@every 400ms' }\n", &["tick: exited with 0"]);
    let new = r#"cron:
  tick: { command: [ "true" ], schedule: "@every 400ms" }
  reboot: { command: [ echo, wrong ], schedule: "@reboot" }
  boots: { command: [ echo, wrong ], schedule: "0 0 29 2 *", on_boot: true }
"#;
    reload(&place, &mut wingmate, new, "reloaded: 2 started (reboot, boots), 1 unchanged");
    let changed = new.replace("\"@every 400ms\" }", "\"@every 400ms\", on_boot: true }");
    reload(&place, &mut wingmate, &changed, "reloaded: 1 changed (tick), 2 unchanged");
    wingmate.line("tick: exited with 0");
    wingmate.line("tick: exited with 0");
    let lines = wingmate.stop();
    assert_eq!(count(&lines, "wrong"), 0, "{lines:#?}");
}

#[test]
fn a_record_follows_its_job() {
    let yaml = "state: one\ncron:\n  old: { command: [ 'true' ], schedule: '0 0 29 2 *', missed: once }\n";
    let (place, mut wingmate) =
        begun(&format!("{yaml}service: {{ web: {{ command: [ sleep, inf ] }} }}\n"), &["web: running"]);
    wingmate.await_rest();
    let known = |place: &Place, name: &str| place.read(name).len() == "2026-01-01T00:00:00+00:00\n".len();
    assert!(known(&place, "one/old"));
    let renamed = place.read("wingmate.yaml").replace("old:", "renamed:");
    reload(&place, &mut wingmate, &renamed, "reloaded: 2 unchanged");
    wingmate.await_rest();
    assert!(known(&place, "one/renamed"), "under its new name it has been due for nothing since");
    let moved = renamed.replace("state: one", "state: two");
    reload(&place, &mut wingmate, &moved, "reloaded: 2 unchanged");
    wingmate.await_rest();
    assert!(known(&place, "two/renamed"), "in another directory too");
    wingmate.stop();
}
