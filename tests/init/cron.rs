//! Cron jobs, as far as the clock need not be waited for.

use crate::world::{AS_INIT, LIMIT, Place, Wingmate};
use std::time::Instant;
use wingmate::model::signal::Signal;

#[test]
fn a_job_is_told_its_name_and_its_time() {
    let place = Place::new(
        "cron:\n  in.yaml: { command: [ sh, -c, 'echo \"$WINGMATE_JOB $WINGMATE_SCHEDULED_TIME\"' ], schedule: '@reboot', timezone: 'XST-3' }\n",
    );
    place.file(
        "crontab",
        r#"# what cron users write
MAILTO = nobody@example.org
GREETING="two  words"
CRON_TZ=UTC
@every 1s   ./job.sh 'one word' # a comment
CRON_TZ=XST-5:30
@reboot     ./job.sh again
SHELL=/bin/sh
@reboot     echo "by $SHELL: $GREETING" > told 2>&1; cat told
SHELL=
* * * * *   no-such-program
"#,
    );
    place.program("job.sh", "#!/bin/sh\necho \"$1|$GREETING|$MAILTO|$WINGMATE_JOB|$WINGMATE_SCHEDULED_TIME\"\n");
    let mut wingmate = Wingmate::launch(&mut place.command(AS_INIT, &[]));
    wingmate.each(&[
        "| one word|",
        "| again|",
        "| in.yaml ",
        "by ",
        "job.sh: started (pid ",
        "job.sh: exited with 0 after ",
    ]);
    wingmate.line("| one word|");
    wingmate.signal(Signal::USR1);
    wingmate.line("no-such-program");
    let lines = wingmate.stop();
    let line = |part: &str| lines.iter().find(|line| line.contains(part)).unwrap();
    assert!(line("| one word|").contains("| one word|two  words|nobody@example.org|job.sh|2"), "{lines:#?}");
    assert!(line("| one word|").ends_with("Z") || line("| one word|").ends_with("+00:00"), "{lines:#?}");
    assert!(line("| again|").contains("|job.sh-2|2") && line("| again|").ends_with("+05:30"), "{lines:#?}");
    assert!(line("| in.yaml ").ends_with("+03:00"), "{lines:#?}");
    assert!(line("| by ").ends_with("| by /bin/sh: two  words"), "{lines:#?}");
    assert_eq!(lines.iter().filter(|line| line.contains("| again|")).count(), 1, "{lines:#?}");
}

#[test]
fn a_run_that_is_due_during_the_one_before_is_skipped() {
    let place =
        Place::new("cron:\n  slow: { command: [ sh, -c, 'echo begun; read x < $D/go' ], schedule: '@every 1s' }\n");
    let mut wingmate = place.start(&[]);
    wingmate.line("| begun");
    wingmate.line("wingmate | warn: slow: skipped: the run before is still under way");
    place.tell("go", "on");
    wingmate.each(&["slow: exited with 0 after ", "| begun"]);
    let lines = wingmate.stop();
    assert!(lines.iter().any(|line| line.contains("slow: killed by SIGTERM after ")), "{lines:#?}");
}

#[test]
fn failures_are_told_and_stop_nothing() {
    let place = Place::new(
        r#"
cron:
  fails: { command: [ sh, -c, "exit 3" ], schedule: "@reboot" }
  lost: { command: [ no-such-program ], schedule: "@reboot" }
  often: { command: [ "true" ], schedule: "@every 1s" }
"#,
    );
    let mut wingmate = place.start(&[]);
    wingmate.each(&[
        "wingmate | warn: fails: exited with 3 after ",
        "wingmate | error: lost: cannot execute 'no-such-program': no such file or directory (searched in PATH)",
    ]);
    wingmate.line("often: exited with 0 after ");
    wingmate.line("often: exited with 0 after ");
    wingmate.stop();
}

#[test]
fn a_job_may_finish_in_the_shutdown() {
    let place = Place::new(
        r#"
cron:
  report:
    command: [ sh, -c, "trap 'echo wrong' TERM; echo begun; read x < $D/go; echo finished" ]
    schedule: "@reboot"
    stop: { signal: none, timeout: 1m }
"#,
    );
    let mut wingmate = place.start(&["--shutdown-timeout", "1m"]);
    wingmate.line("| begun");
    wingmate.signal(Signal::TERM);
    wingmate.line("stopping: SIGTERM received");
    place.tell("go", "on");
    let (status, lines) = wingmate.end();
    assert_eq!(status, 0, "{lines:#?}");
    assert!(lines.iter().any(|line| line.ends_with("| finished")), "{lines:#?}");
    assert!(!lines.iter().any(|line| line.ends_with("| wrong")), "{lines:#?}");
}

/// Until it has so many: when whoever had the other ends is gone, nothing is left open.
fn await_descriptors(wingmate: &Wingmate, count: usize) {
    let begun = Instant::now();
    while wingmate.descriptors() != count {
        assert!(begun.elapsed() < LIMIT, "{} instead of {count}", wingmate.descriptors());
        std::thread::yield_now();
    }
}

#[test]
fn a_job_speaks_under_its_name_whatever_it_leaves() {
    let place = Place::new(
        r#"
cron:
  brief: { command: [ sh, -c, "echo out; echo err >&2; printf 'no newline'" ], schedule: "@reboot" }
  leaves: { command: [ sh, -c, "echo begun; { read x < $D/go; echo left; printf gone; } & printf 'ended in a line'" ], schedule: "@reboot" }
"#,
    );
    let mut wingmate = place.start(&[]);
    let lines = [
        "brief    | out",
        "brief    | err",
        "brief    | no newline",
        "brief: exited with 0 after ",
        "leaves   | begun",
        "leaves   | ended in a line",
        "leaves: exited with 0 after ",
    ];
    wingmate.each(&lines);
    wingmate.await_rest();
    let with_one_left = wingmate.descriptors();
    place.tell("go", "on");
    wingmate.each(&["leaves   | left", "leaves   | gone"]);
    await_descriptors(&wingmate, with_one_left - 2);
    wingmate.stop();
}

#[test]
fn three_thousand_jobs_need_no_more_descriptors_than_run() {
    let place = Place::new("cron:\n  often: { command: [ sh, -c, 'echo often' ], schedule: '@every 1s' }\n");
    let rare: String = (0..3000).map(|n| format!("{} {} 29 2 * no-such-program {n}\n", n % 60, n / 60 % 24)).collect();
    let begins: String = (0..12).map(|n| format!("@reboot sh -c 'echo begun {n}'\n")).collect();
    place.file("crontab", &(rare + &begins));
    let limited = [&["prlimit", "--nofile=64:64"], AS_INIT].concat();
    let mut wingmate = Wingmate::launch(&mut place.command(&limited, &[]));
    let ends = (1..=12).map(|n| if n == 1 { "sh: exited".into() } else { format!("sh-{n}: exited") });
    let lines: Vec<String> = (0..12).map(|n| format!("| begun {n}")).chain(ends).collect();
    wingmate.each(&lines.iter().map(String::as_str).collect::<Vec<_>>());
    wingmate.line("often: exited with 0 after ");
    wingmate.await_rest();
    let after_one = wingmate.descriptors();
    wingmate.line("often: exited with 0 after ");
    await_descriptors(&wingmate, after_one);
    let lines = wingmate.stop();
    assert!(!lines.iter().any(|line| line.contains("cannot") || line.contains("descriptor")), "{lines:#?}");
}

#[test]
fn where_descriptors_run_out_runs_fail_and_the_next_ones_go_on() {
    let place = Place::new("cron:\n  often: { command: [ sh, -c, 'echo often' ], schedule: '@every 1s' }\n");
    let waits: String = (0..40).map(|n| format!("@reboot sh -c 'echo begun {n}; read x < $D/go'\n")).collect();
    place.file("crontab", &waits);
    let limited = [&["prlimit", "--nofile=60:60"], AS_INIT].concat();
    let mut wingmate = Wingmate::launch(&mut place.command(&limited, &[]));
    wingmate.line("cannot make its log pipes: too many open files");
    for _ in 0..40 {
        place.tell("go", "on");
    }
    wingmate.line("often    | often");
    let lines = wingmate.stop();
    let count = |part: &str| lines.iter().filter(|line| line.contains(part)).count();
    let failed = count("cannot make its log pipes: too many open files");
    assert!(count("| begun ") >= 16, "{lines:#?}");
    assert!(count("| begun ") + failed >= 40 && count("in reserve") == 0, "{lines:#?}");
}

#[test]
fn more_short_jobs_are_due_at_once_than_there_are_descriptors_for() {
    let place = Place::new("");
    place.file("crontab", &"@reboot true\n".repeat(300));
    let limited = [&["prlimit", "--nofile=64:64"], AS_INIT].concat();
    let mut wingmate = Wingmate::launch(&mut place.command(&limited, &[]));
    wingmate.line("true-300: ");
    wingmate.await_rest();
    let lines = wingmate.stop();
    let count = |part: &str| lines.iter().filter(|line| line.contains(part)).count();
    let (started, failed) = (count(": started (pid"), count("cannot make its log pipes: too many open files"));
    assert_eq!(started + failed, 300, "{lines:#?}");
    // How many end in time to make room for others is the kernel's to say.
    assert!(started >= 16, "{lines:#?}");
}

#[test]
fn a_job_that_floods_loses_nothing() {
    let place = Place::new(
        "cron:\n  flood: { command: [ sh, -c, 'seq -f \"%020.0f\" 200000 && printf last' ], schedule: '@reboot' }\n",
    );
    let mut wingmate = place.start(&[]);
    wingmate.line("flood: exited with 0 after ");
    let lines = wingmate.stop();
    let numbers: Vec<u32> = lines
        .iter()
        .filter_map(|line| line.strip_prefix("flood    | ")?.trim_start_matches('0').parse().ok())
        .collect();
    assert!(numbers.iter().copied().eq(1..=200_000), "{}", numbers.len());
    assert!(lines.iter().any(|line| line == "flood    | last"), "{:?}", lines.last());
}

#[test]
fn what_a_job_left_outlives_its_entry() {
    let stays = "service:\n  stays: { command: [ sleep, inf ] }\n";
    let job = "cron:\n  leaves: { command: [ sh, -c, '{ read x < $D/go; echo left; } & echo begun' ], schedule: '@reboot' }\n";
    let place = Place::new(&[stays, job].concat());
    let mut wingmate = place.start(&[]);
    wingmate.each(&["leaves   | begun", "leaves: exited with 0 after ", "stays: running"]);
    place.file("wingmate.yaml", stays);
    wingmate.signal(Signal::HUP);
    wingmate.line("reloaded: 1 stopped (leaves), 1 unchanged");
    wingmate.await_rest();
    let with_one_left = wingmate.descriptors();
    place.tell("go", "on");
    wingmate.line("leaves   | left");
    await_descriptors(&wingmate, with_one_left - 2);
    wingmate.stop();
}
