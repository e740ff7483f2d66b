//! Runs that fail: timeouts, retries, and what a critical job's failure means.

use super::{assert_in_order, count, said};
use crate::world::{Place, verdict};
use wingmate::model::signal::Signal;

#[test]
fn a_run_that_takes_too_long_is_stopped_has_failed_and_is_tried_again() {
    let place = Place::new(
        r#"
cron:
  polite:
    command: [ sh, -c, "trap 'exit 0' TERM; while :; do sleep 0.02; done" ]
    schedule: "@reboot"
    timeout: 200ms
    retries: { count: 1, delay: 100ms }
"#,
    );
    let mut wingmate = place.start(&[]);
    wingmate.line("polite: exited with 0 after ");
    wingmate.line("polite: exited with 0 after ");
    wingmate.await_rest();
    wingmate.signal(Signal::USR1);
    wingmate.line("2 runs    0          2 failed, last 2");
    let lines = wingmate.stop();
    assert_in_order(
        &lines,
        &[
            "wingmate | info: polite: started (pid ",
            ": its timeout, 200ms, is over",
            ", timed out; retry 1 of 1 in 100ms",
            "), retry 1 of 1",
            ": its timeout, 200ms, is over",
        ],
    );
    let ends: Vec<&String> = lines.iter().filter(|line| line.contains("warn: polite: exited with 0 after ")).collect();
    assert!(ends.len() == 2 && ends[1].ends_with(", timed out"), "no retry is left: {lines:#?}");
}

#[test]
fn what_does_not_listen_to_its_stop_signal_is_killed() {
    let place = Place::new(
        r#"
cron:
  deaf:
    command: [ sh, -c, "trap '' TERM; echo begun; read x < $D/go; echo wrong" ]
    schedule: "@reboot"
    timeout: 300ms
    stop: { timeout: 150ms }
"#,
    );
    let mut wingmate = place.start(&[]);
    let told = ["warn: deaf: stopping (pid 2): its timeout, 300ms, is over", "warn: deaf: killed by SIGKILL after "];
    told.iter().for_each(|part| drop(wingmate.line(part)));
    wingmate.await_rest();
    wingmate.signal(Signal::USR1);
    wingmate.line("1 run     137        1 failed, last 2");
    let lines = wingmate.stop();
    assert!(
        lines.iter().any(|line| line.contains(" by SIGKILL after ") && line.ends_with(", timed out")),
        "{lines:#?}"
    );
    assert_eq!(count(&lines, "wrong"), 0, "{lines:#?}");
}

#[test]
fn without_a_stop_signal_a_run_may_finish_after_its_timeout() {
    let place = Place::new(
        r#"
cron:
  finishes:
    command: [ sh, -c, "trap 'echo wrong' TERM; read x < $D/go; echo finished" ]
    schedule: "@reboot"
    timeout: 100ms
    stop: { signal: none, timeout: 1m }
  hangs:
    command: [ sh, -c, "trap 'echo wrong' TERM; while :; do sleep 0.02; done" ]
    schedule: "@reboot"
    timeout: 100ms
    stop: { signal: none, timeout: 100ms }
"#,
    );
    let mut wingmate = place.start(&[]);
    wingmate.each(&["finishes: stopping (pid ", "hangs: killed by SIGKILL after "]);
    place.tell("go", "on");
    // By its exit it was well, but it was late.
    let line = wingmate.line("finishes: exited with 0 after ");
    assert!(line.contains("warn: ") && line.ends_with(", timed out"), "{line}");
    let lines = wingmate.stop();
    assert_eq!((count(&lines, "| finished"), count(&lines, "wrong")), (1, 0), "{lines:#?}");
}

#[test]
fn retries_end_with_a_success_and_are_for_the_same_moment() {
    let place = Place::new(
        r#"
cron:
  third:
    command: [ sh, -c, "echo $WINGMATE_SCHEDULED_TIME; echo x >> $D/tries; test $(wc -l < $D/tries) = 3" ]
    schedule: "@reboot"
    retries: { count: 9, delay: 600ms }
  never:
    command: [ sh, -c, "exit 4" ]
    schedule: "@reboot"
    retries: { count: 2, delay: 50ms }
  late:
    command: [ ./late ]
    schedule: "@reboot"
    retries: { count: 1000, delay: 20ms }
"#,
    );
    let mut wingmate = place.start(&[]);
    wingmate.line("late: cannot execute './late': no such file or directory; retry 1 of 1000 in 20ms");
    place.program("late", "#!/bin/sh\nexit 0\n");
    wingmate.each(&["third: exited with 0 after ", "late: exited with 0 after "]);
    wingmate.signal(Signal::USR1);
    wingmate.each(&["  3 runs  ", "2 failed, last "]);
    let lines = wingmate.stop();
    assert_in_order(
        &lines,
        &[
            "third: exited with 1 after ",
            "third: started (pid ",
            "; retry 2 of 9 in 600ms",
            "), retry 2 of 9",
            "wingmate | info: third: exited with 0 after ",
        ],
    );
    let moments = said(&lines, "third    | ");
    assert!(moments.len() == 3 && moments.iter().all(|moment| *moment == moments[0]), "{lines:#?}");
    assert_eq!(count(&lines, "never: started"), 3, "{lines:#?}");
    let last = lines.iter().rfind(|line| line.contains("never: exited with 4 after ")).unwrap();
    assert!(!last.contains("retry"), "{last}");
}

#[test]
fn a_retry_that_waits_is_the_run_before() {
    let place = Place::new(
        "cron:\n  fails: { command: [ 'false' ], schedule: '@every 400ms', retries: { count: 1, delay: 1h } }\n",
    );
    let mut wingmate = place.start(&[]);
    wingmate.line("fails: exited with 1 after ");
    wingmate.line("fails: skipped: ");
    wingmate.signal(Signal::USR1);
    let row = wingmate.line(" backoff ");
    assert!(row.contains("1 failed, ") && row.contains(" skipped, "), "{row}");
    wingmate.stop();
}

#[test]
fn a_critical_job_that_fails_for_good_ends_all_with_its_status() {
    for (keys, program, status, end) in [
        ("", "[ sh, -c, 'exit 3' ]", 3, "exited with 3"),
        ("retries: { count: 2, delay: 50ms }", "[ sh, -c, 'exit 3' ]", 3, "exited with 3"),
        ("", "[ sh, -c, 'kill -KILL $$' ]", 137, "killed by SIGKILL"),
        (
            "retries: { count: 1, delay: 50ms }",
            "[ no-such-program ]",
            127,
            "cannot execute 'no-such-program': no such file or directory (searched in PATH)",
        ),
        ("", "[ ./wingmate.yaml ]", 126, "cannot execute './wingmate.yaml': permission denied"),
        ("timeout: 100ms", "[ sleep, inf ]", 1, "timed out after 100ms"),
        ("success_codes: [ 3 ]", "[ 'true' ]", 0, "exited with 0"),
    ] {
        let place = Place::new(&format!(
            "service: {{ web: {{ command: [ sleep, inf ] }} }}\n\
             cron:\n  check: {{ command: {program}, schedule: '@reboot', critical: true, {keys} }}\n"
        ));
        let (told, lines) = place.run(&[]);
        assert_eq!(told, status, "{lines:#?}");
        let last = format!("stopping: critical job check: {end}; exit status {status}");
        assert!(verdict(&lines).ends_with(&last), "{lines:#?}");
        assert!(count(&lines, "web: stopped: killed by SIGTERM") == 1, "{lines:#?}");
    }
}

#[test]
fn what_is_no_failure_by_its_code_is_none() {
    let place = Place::new(
        r#"
cron:
  found: { command: [ sh, -c, "exit 3" ], schedule: "@every 400ms", critical: true, success_codes: [ 0, 3 ], retries: { count: 5 } }
  plain: { command: [ "false" ], schedule: "@every 400ms" }
"#,
    );
    let mut wingmate = place.start(&[]);
    wingmate.each(&["info: found: exited with 3 after ", "warn: plain: exited with 1 after "]);
    wingmate.line("info: found: exited with 3 after ");
    let lines = wingmate.stop();
    assert_eq!(count(&lines, "retry"), 0, "{lines:#?}");
}
