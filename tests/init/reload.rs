//! SIGHUP: the configuration is read again, as a whole, and only what differs is touched.

use crate::world::{Place, Wingmate};
use wingmate::model::signal::Signal;

const BEFORE: &str = r#"
service:
  db: { command: [ sleep, inf ] }
  web: { command: [ sh, -c, "echo web $VERSION; exec sleep inf" ], environ: { VERSION: one }, depends_on: [ db ] }
  old: { command: [ sleep, inf ] }
cron:
  tidy: { command: [ "true" ], schedule: "0 0 1 1 *" }
"#;

const AFTER: &str = r#"
service:
  db: { command: [ sleep, inf ] }
  web: { command: [ sh, -c, "echo web $VERSION; exec sleep inf" ], environ: { VERSION: two }, depends_on: [ db ] }
  new: { command: [ sh, -c, "echo I am new; exec sleep inf" ] }
cron:
  tidy: { command: [ "true" ], schedule: "0 0 2 1 *" }
"#;

fn started(yaml: &str, units: &[&str]) -> (Place, Wingmate) {
    let place = Place::new(yaml);
    let mut wingmate = place.start(&[]);
    wingmate.each(units);
    (place, wingmate)
}

#[test]
fn only_what_differs_is_touched() {
    let (place, mut wingmate) = started(BEFORE, &["db: running", "| web one", "old: running"]);
    place.file("wingmate.yaml", AFTER);
    wingmate.signal(Signal::HUP);
    // What units write and what wingmate says come by two streams: in no order.
    let told = "reloaded: 1 restarted (web), 1 started (new), 1 stopped (old), 1 changed (tidy), 1 unchanged";
    wingmate.each(&[told, "| web two", "| I am new"]);
    // Wide enough for the names that there are now, and nothing is left of those that have gone.
    let before = wingmate.descriptors();
    place.file("wingmate.yaml", BEFORE);
    wingmate.signal(Signal::HUP);
    wingmate.each(&["1 started (old), 1 stopped (new)", "| web one", "old: running"]);
    assert_eq!(wingmate.descriptors(), before);
    let lines = wingmate.stop();
    assert_eq!(lines.iter().filter(|line| line.contains("db: running")).count(), 1, "{lines:#?}");
}

#[test]
fn a_broken_file_changes_nothing_and_every_problem_is_told() {
    let (place, mut wingmate) = started(BEFORE, &["| web one"]);
    place.file("wingmate.yaml", "service:\n  web: { comand: [ x ] }\n  db: { command: [ x ], depends_on: [ wbe ] }\n");
    wingmate.signal(Signal::HUP);
    wingmate.line("wingmate.yaml:2:10: unknown key 'comand' in service 'web' (did you mean 'command'?)");
    wingmate.line("wingmate.yaml:3:39: there is no service 'wbe' to depend on (did you mean 'web'?)");
    wingmate.line("not reloaded, nothing is changed: 2 errors");
    let lines = wingmate.stop();
    assert_eq!(lines.iter().filter(|line| line.contains("web: running")).count(), 1, "{lines:#?}");
    assert!(lines.iter().any(|line| line.contains("old: stopped")), "{lines:#?}");
}

#[test]
fn settings_hold_at_once() {
    let (place, mut wingmate) = started(BEFORE, &["| web one"]);
    place.file("wingmate.yaml", &format!("log: {{ format: json }}\n{BEFORE}"));
    wingmate.signal(Signal::HUP);
    wingmate.line("\"message\":\"reloaded: 4 unchanged\"");
    wingmate.stop();
}

#[test]
fn a_crontabs_entries_are_known_by_what_they_are() {
    let place = Place::new("service: { web: { command: [ sleep, inf ] } }\n");
    place.file("crontab", "0 0 1 1 * echo one\n0 0 2 1 * echo two\n");
    let mut wingmate = place.start(&[]);
    wingmate.line("web: running");
    wingmate.signal(Signal::HUP);
    wingmate.line("reloaded: 3 unchanged");
    place.file("crontab", "0 0 3 1 * echo zero\n0 0 1 1 * echo one\n0 0 2 1 * echo two\n");
    wingmate.signal(Signal::HUP);
    wingmate.line("reloaded: 1 started (echo), 3 unchanged");
    wingmate.stop();
}
