//! Shutdown: in order, in time, with the right status, and nothing left.

use crate::world::{AS_INIT, ORDINARY, Place, Wingmate, order, took, verdict};
use std::time::Duration;
use wingmate::model::signal::Signal;

#[test]
fn each_of_four_signals_stops_everything_with_status_0() {
    for through in [AS_INIT, ORDINARY] {
        for signal in [Signal::TERM, Signal::INT, Signal::QUIT, Signal::RTMIN_3] {
            let place = Place::new("service:\n  a: { command: [ sleep, inf ] }\n  b: { command: [ sleep, inf ] }\n");
            let mut wingmate = Wingmate::launch(&mut place.command(through, &[]));
            wingmate.each(&["a: running", "b: running"]);
            wingmate.signal(signal);
            let (status, lines) = wingmate.end();
            assert_eq!(status, 0, "{lines:#?}");
            let last = verdict(&lines);
            assert!(last.starts_with(&format!("wingmate | info: stopped: {signal} received ")), "{lines:#?}");
            assert!(last.ends_with(" ago; exit status 0"), "{lines:#?}");
            for unit in ["a", "b"] {
                let line = format!("wingmate | info: {unit}: stopped: killed by SIGTERM");
                assert!(lines.contains(&line), "{lines:#?}");
            }
        }
    }
}

#[test]
fn well_behaved_units_leave_no_waiting() {
    let units: String = (0..40).map(|n| format!("  s{n}: {{ command: [ sleep, inf ] }}\n")).collect();
    let place =
        Place::new(&format!("service:\n{units}cron:\n  job: {{ command: [ sleep, inf ], schedule: '@reboot' }}\n"));
    let mut wingmate = place.start(&["--", "sleep", "inf"]);
    wingmate.line("main: running");
    wingmate.signal(Signal::TERM);
    let (status, lines) = wingmate.end();
    assert_eq!(status, 143, "the main command's own");
    assert!(took(&lines) < Duration::from_secs(1), "{lines:#?}");
    let last = lines.iter().rposition(|line| line.contains("main: ") || line.contains("job: ")).unwrap();
    let first =
        lines.iter().position(|line| line.contains(": stopping (SIGTERM, up to 5s)") && line.contains(" s")).unwrap();
    assert!(last < first, "main command and jobs first: {lines:#?}");
}

#[test]
fn a_stubborn_one_is_killed_in_time_and_named() {
    for (options, keys) in
        [(["--shutdown-timeout", "1500ms"], ""), (["--shutdown-timeout", "1h"], "stop: { timeout: 300ms },")]
    {
        let place = Place::new(&format!(
            r#"
service:
  stubborn: {{ {keys} command: [ sh, -c, "trap 'echo heard' TERM; echo up; while :; do sleep 0.1; done" ] }}
  polite: {{ command: [ sleep, inf ] }}
"#
        ));
        let mut wingmate = place.start(&options);
        wingmate.each(&["stubborn | up", "polite: running"]);
        wingmate.signal(Signal::TERM);
        let (status, lines) = wingmate.end();
        assert_eq!(status, 0, "{lines:#?}");
        assert!(lines.iter().any(|line| line == "stubborn | heard"), "its stop signal came first: {lines:#?}");
        let killed = "warn: stubborn: stopped: killed by SIGKILL (its time was over)";
        assert!(lines.iter().any(|line| line.ends_with(killed)), "{lines:#?}");
        let last = verdict(&lines);
        assert!(last.ends_with("; killed because their time was over: stubborn; exit status 0"), "{lines:#?}");
        assert!(took(&lines) < Duration::from_secs(20), "{lines:#?}");
    }
}

#[test]
fn a_second_signal_kills_what_is_left() {
    for through in [AS_INIT, ORDINARY] {
        let place = Place::new(
            r#"
service:
  stubborn:
    command: [ sh, -c, "trap '' TERM; echo up; exec sleep inf" ]
    stop: { timeout: 1h }
"#,
        );
        let mut wingmate = Wingmate::launch(&mut place.command(through, &["--shutdown-timeout", "1h"]));
        wingmate.line("stubborn | up");
        wingmate.signal(Signal::TERM);
        wingmate.signal_until_its_end(Signal::INT);
        let (status, lines) = wingmate.end();
        assert_eq!(status, 0, "{lines:#?}");
        assert!(lines.iter().any(|line| line.contains("warn: SIGINT again: killing what is left")), "{lines:#?}");
        assert!(took(&lines) >= Duration::from_millis(250), "an earlier one counts as the same: {lines:#?}");
    }
}

/// A group of two that says what it gets.
const GROUP: &str = r#"
sh -c 'trap "echo \"member heard $HOW\"; exit" '$HOW'; echo member; while :; do sleep 0.1; done' &
trap "echo \"leader heard $HOW\"; exit 0" $HOW
echo leader
while :; do sleep 0.1; done
"#;

#[test]
fn the_stop_key_says_who_gets_what() {
    for (group, how, member) in [("true", "USR1", true), ("kill", "TERM", false), ("false", "USR2", false)] {
        let place = Place::new(&format!(
            "service:\n  web: {{ command: [ sh, group.sh ], environ: {{ HOW: {how} }}, stop: {{ signal: {how}, group: {group} }} }}\n"
        ));
        place.file("group.sh", GROUP);
        let mut wingmate = place.start(&[]);
        wingmate.each(&["| member", "| leader"]);
        wingmate.signal(Signal::TERM);
        let (status, lines) = wingmate.end();
        assert_eq!(status, 0, "{lines:#?}");
        assert!(lines.iter().any(|line| line.ends_with(&format!("leader heard {how}"))), "{lines:#?}");
        assert_eq!(lines.iter().any(|line| line.ends_with(&format!("member heard {how}"))), member, "{lines:#?}");
        assert!(took(&lines) < Duration::from_secs(4), "{lines:#?}");
    }
}

/// A daemon in a session of its own, which nobody asked for: it writes down that it was asked to go.
const ESCAPES: &str = r#"
setsid sh -c 'trap "echo asked > $D/asked; exit" TERM; echo $$ > $D/escaped; while :; do sleep 0.1; done' &
setsid sh -c 'trap "" TERM; echo $$ > $D/deaf; exec sleep inf' &
until [ -s $D/escaped ] && [ -s $D/deaf ]; do :; done
echo escaped
exec sleep inf
"#;

#[test]
fn what_has_escaped_by_setsid_is_asked_then_killed() {
    // What stays of the namespace when wingmate has gone: the shell that is process 1, a bystander, and nobody else.
    let beside = &[
        "sh",
        "-c",
        r#"sleep inf & bystander=$!
           "$@"; status=$?
           for process in /proc/[0-9]*; do echo "left: ${process#/proc/}" $(cat $process/comm); done
           kill -0 $bystander && echo "bystander: $bystander"
           exit $status"#,
        "sh",
    ];
    for through in [AS_INIT, beside] {
        let place = Place::new("service:\n  web: { command: [ sh, escapes.sh ] }\n");
        place.file("escapes.sh", ESCAPES);
        let mut wingmate = Wingmate::launch(&mut place.command(through, &[]));
        wingmate.line("web      | escaped");
        wingmate.signal(Signal::TERM);
        let (status, lines) = wingmate.end();
        assert_eq!(status, 0, "{lines:#?}");
        assert_eq!(place.read("asked"), "asked\n", "{lines:#?}");
        assert!(took(&lines) < Duration::from_secs(4), "{lines:#?}");
        if through == beside {
            let bystander = lines.iter().find_map(|line| line.strip_prefix("bystander: ")).expect("it lives");
            let left: Vec<&str> = lines.iter().filter_map(|line| line.strip_prefix("left: ")).collect();
            assert_eq!(left, ["1 sh", &format!("{bystander} sleep")], "{lines:#?}");
        }
    }
}

#[test]
fn whoever_comes_to_it_during_the_last_act_is_asked_too() {
    let place = Place::new("service:\n  web: { command: [ sh, -c, 'setsid --fork sh ./parent; exec sleep inf' ] }\n");
    place.file("parent", "sh ./child &\ntrap 'exit 0' TERM\nwait\n");
    place.file("child", "trap 'echo asked > $D/asked; exit 0' TERM\nsleep inf &\necho up\nwait\n");
    for through in [AS_INIT, ORDINARY] {
        place.file("asked", "");
        let mut wingmate = Wingmate::launch(&mut place.command(through, &[]));
        wingmate.each(&["web      | up", "web: running"]);
        wingmate.signal(Signal::TERM);
        let (status, lines) = wingmate.end();
        assert_eq!(status, 0, "{lines:#?}");
        assert_eq!(place.read("asked"), "asked\n", "{lines:#?}");
    }
}

#[test]
fn main_command_and_jobs_go_before_the_services() {
    let place = Place::new(
        r#"
service:
  database: { command: [ sh, -c, "trap 'echo closed; exit 0' TERM; echo open; while :; do sleep 0.1; done" ] }
cron:
  report: { command: [ sh, -c, "trap 'echo broken off; exit 0' TERM; echo begun; while :; do sleep 0.1; done" ], schedule: "@reboot" }
"#,
    );
    place.fifo("main");
    let main = "trap 'echo main goes; read x < $D/main; exit 6' TERM; echo main is up; while :; do sleep 0.1; done";
    let mut wingmate = place.start(&["--", "sh", "-c", main]);
    wingmate.each(&["| open", "| begun", "main is up"]);
    wingmate.signal(Signal::TERM);
    wingmate.each(&["main goes", "report: exited with 0"]);
    place.tell("main", "on");
    let (status, lines) = wingmate.end();
    assert_eq!(status, 6, "{lines:#?}");
    // Two streams have no order between them: only wingmate's own lines are compared.
    let steps = ["main: exited with 6", "database: stopping (SIGTERM, up to ", "database: stopped: exited with 0"];
    assert_eq!(order(&lines, &steps), steps, "{lines:#?}");
    assert!(lines.iter().any(|line| line == "database | closed"), "{lines:#?}");
}

#[test]
fn what_waits_to_be_restarted_is_not() {
    let place = Place::new("service:\n  web: { command: [ 'false' ], backoff: { initial: 1h, max: 1h } }\n");
    let mut wingmate = place.start(&[]);
    wingmate.line("web: exited with 1 after ");
    let lines = wingmate.stop();
    assert_eq!(order(&lines, &["web: running"]).len(), 1, "{lines:#?}");
}
