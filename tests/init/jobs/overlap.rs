//! A run is due while the one before is under way.

use super::{assert_in_order, count};
use crate::world::Place;
use wingmate::model::signal::Signal;

#[test]
fn skip_says_so_and_counts() {
    let place = Place::new(
        "cron:\n  slow: { command: [ sh, -c, 'echo begun; read x < $D/go' ], schedule: '@every 400ms', overlap: skip }\n",
    );
    let mut wingmate = place.start(&[]);
    wingmate.line("| begun");
    for _ in 0..2 {
        wingmate.line("wingmate | warn: slow: skipped: the run before is still under way");
    }
    wingmate.signal(Signal::USR1);
    let row = wingmate.line("  1 run  ");
    assert!(row.contains(" slow ") && row.contains(" running ") && row.contains(" skipped, last 2"), "{row}");
    let lines = wingmate.stop();
    assert_eq!(count(&lines, "slow: started (pid "), 1, "{lines:#?}");
}

#[test]
fn allow_starts_it_beside_the_other() {
    let place = Place::new(
        "cron:\n  both: { command: [ sh, -c, 'echo begun; read x < $D/go' ], schedule: '@every 400ms', overlap: allow }\n",
    );
    let mut wingmate = place.start(&[]);
    for _ in 0..3 {
        wingmate.line("| begun");
    }
    place.tell("go", "on");
    wingmate.line("both: exited with 0 after ");
    let lines = wingmate.stop();
    // Those that are left end with everything, each with its own line.
    let ends = count(&lines, "both: exited with 0 after ") + count(&lines, "both: killed by SIGTERM after ");
    assert_eq!(ends, count(&lines, "both: started (pid "), "{lines:#?}");
    assert!(ends >= 3 && count(&lines, "skipped") == 0, "{lines:#?}");
}

#[test]
fn replace_stops_the_other_first_with_its_signal() {
    let place = Place::new(
        r#"
cron:
  poll:
    command: [ sh, -c, "echo begun; exec sleep inf" ]
    schedule: "@every 1s"
    overlap: replace
    stop: { signal: USR1 }
"#,
    );
    let mut wingmate = place.start(&[]);
    for _ in 0..3 {
        wingmate.line("poll: started (pid ");
    }
    let lines = wingmate.stop();
    assert_in_order(
        &lines,
        &[
            "wingmate | info: poll: started (pid ",
            "wingmate | info: poll: stopping the run before (pid ",
            "wingmate | info: poll: killed by SIGUSR1 after ",
            "wingmate | info: poll: started (pid ",
            "wingmate | info: poll: stopping the run before (pid ",
            ", replaced",
            "wingmate | info: poll: started (pid ",
            "stopping: SIGTERM received; 1 unit to stop",
        ],
    );
    assert!(count(&lines, ", replaced") >= 2 && count(&lines, " failed") == 0, "{lines:#?}");
}

#[test]
fn what_does_not_listen_and_what_it_left_is_killed_before_the_next() {
    let place = Place::new(
        r#"
cron:
  deaf:
    command: [ sh, -c, "trap '' TERM; echo begun; read x < $D/go; echo wrong" ]
    schedule: "@every 400ms"
    overlap: replace
    stop: { timeout: 200ms }
  leaves:
    command: [ sh, -c, "{ trap '' TERM; echo left; read x < $D/go; echo wrong; } & exec sleep inf" ]
    schedule: "@every 400ms"
    overlap: replace
    stop: { timeout: 200ms }
"#,
    );
    let mut wingmate = place.start(&[]);
    for _ in 0..2 {
        wingmate.each(&["deaf     | begun", "leaves   | left"]);
    }
    wingmate.each(&["deaf: killed by SIGKILL after ", "leaves: killed by SIGTERM after "]);
    wingmate.signal(Signal::TERM);
    let (status, lines) = wingmate.end();
    assert_eq!(status, 0, "{lines:#?}");
    let starts = ["deaf: started", "deaf: stopping the run before", "deaf: killed by SIGKILL after ", "deaf: started"];
    assert_in_order(&lines, &starts);
    assert!(lines.iter().any(|line| line.contains("deaf: killed by SIGKILL") && line.ends_with(", replaced")));
    let starts = ["leaves: started", "leaves: killed by SIGTERM after ", "leaves: started"];
    assert_in_order(&lines, &starts);
}
