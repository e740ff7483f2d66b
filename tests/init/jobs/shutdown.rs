//! The shutdown finds a job in each of its states, and is over at once.

use super::count;
use crate::world::{Place, Wingmate, took, verdict};
use std::time::Duration;
use wingmate::model::signal::Signal;

fn begun(job: &str, signs: &[&str]) -> (Place, Wingmate) {
    let place = Place::new(&format!(
        "service:\n  db: {{ command: [ sleep, inf ], ready: {{ file: up, interval: 20ms }} }}\ncron:\n  job: {job}\n"
    ));
    let mut wingmate = place.start(&["--shutdown-timeout", "10s"]);
    wingmate.each(signs);
    (place, wingmate)
}

#[test]
fn what_is_still_to_come_does_not_come() {
    for (job, signs, starts) in [
        (
            "{ command: [ 'false' ], schedule: '@reboot', retries: { count: 5, delay: 1h }, critical: true }",
            &["retry 1 of 5 in 1h"][..],
            1,
        ),
        ("{ command: [ 'false' ], schedule: '@every 400ms', retries: { count: 5, delay: 1h } }", &["skipped: "], 1),
        (
            "{ command: [ no-such ], schedule: '@reboot', retries: { count: 5, delay: 1h }, critical: true }",
            &["retry 1 of 5 in 1h"],
            0,
        ),
        ("{ command: [ 'true' ], schedule: '@every 400ms', jitter: 10000h }", &["db: starting "], 0),
        ("{ command: [ 'true' ], schedule: '@reboot', depends_on: [ db ] }", &["job: waiting (for db)"], 0),
        ("{ command: [ 'true' ], schedule: '@every 400ms', depends_on: [ db ] }", &["job: skipped: "], 0),
    ] {
        let (_place, wingmate) = begun(job, signs);
        let lines = wingmate.stop();
        assert_eq!(count(&lines, "job: started"), starts, "{lines:#?}");
        assert!(verdict(&lines).contains("info: stopped: SIGTERM received "), "{lines:#?}");
    }
}

#[test]
fn what_is_under_way_is_stopped_and_decides_nothing() {
    let job = "{ command: [ sh, -c, 'echo begun; exec sleep inf' ], schedule: '@reboot', critical: true, retries: { count: 5, delay: 0 } }";
    let (_place, wingmate) = begun(job, &["| begun"]);
    let lines = wingmate.stop();
    assert_eq!(count(&lines, "warn: job: killed by SIGTERM after "), 1, "{lines:#?}");
    assert_eq!((count(&lines, "retry"), count(&lines, "job: started")), (0, 1), "{lines:#?}");
}

#[test]
fn one_that_is_being_stopped_already_gets_no_more_than_its_own_time() {
    // A signal that nobody notices who doesn't wait for it.
    for keys in [
        "schedule: '@every 400ms', overlap: replace, stop: { signal: WINCH, timeout: 1s }",
        "schedule: '@reboot', timeout: 50ms, critical: true, retries: { count: 5 }, stop: { signal: WINCH, timeout: 1s }",
        "schedule: '@reboot', timeout: 50ms, stop: { signal: none, timeout: 1s }",
    ] {
        let job = format!("{{ command: [ sleep, inf ], {keys} }}");
        let (_place, wingmate) = begun(&job, &["job: stopping "]);
        wingmate.signal(Signal::TERM);
        let (status, lines) = wingmate.end();
        assert_eq!(status, 0, "{lines:#?}");
        assert!(took(&lines) < Duration::from_secs(3), "{lines:#?}");
        assert_eq!(count(&lines, "job: started"), 1, "nothing comes behind it: {lines:#?}");
        assert!(verdict(&lines).contains("; killed because their time was over: job; exit status 0"), "{lines:#?}");
    }
}

#[test]
fn no_run_starts_during_the_delay() {
    let place = Place::new(
        r#"
shutdown: { delay: 900ms }
service:
  db: { command: [ sleep, inf ], ready: { file: up, interval: 20ms } }
cron:
  tick: { command: [ "true" ], schedule: "@every 400ms" }
  again: { command: [ "false" ], schedule: "@every 400ms", retries: { count: 9, delay: 500ms } }
  put.off: { command: [ "true" ], schedule: "@every 400ms", jitter: 500ms, overlap: allow }
  needs: { command: [ "true" ], schedule: "@reboot", depends_on: [ db ] }
"#,
    );
    let mut wingmate = place.start(&[]);
    wingmate.each(&["tick: exited with 0", "again: exited with 1", "needs: waiting (for db)"]);
    wingmate.signal(Signal::TERM);
    wingmate.line("stopping in 900ms: SIGTERM received");
    place.file("up", "");
    let (status, lines) = wingmate.end();
    assert_eq!(status, 0, "{lines:#?}");
    let told = lines.iter().position(|line| line.contains("stopping in 900ms")).unwrap();
    assert_eq!(count(&lines[told..], ": started (pid "), 0, "{lines:#?}");
    assert_eq!(count(&lines[told..], "db: running (pid "), 1, "services go on: {lines:#?}");
}
