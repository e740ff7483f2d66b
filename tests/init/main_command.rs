//! The main command, `wingmate -- COMMAND`: its end is wingmate's, signals and the terminal are its own.

use crate::terminal::Terminal;
use crate::world::{AS_INIT, BINARY, ORDINARY, Place, Wingmate, order, told, verdict};
use rustix::termios::{Winsize, tcsetwinsize};
use std::io::Write;
use std::process::{Command, Stdio};
use wingmate::model::signal::Signal;

#[test]
fn each_exit_status_is_passed_on() {
    let place = Place::new("");
    for code in 0..=255 {
        let mut command = Command::new(BINARY);
        command.args(["-c", &place.path("nothing-here"), "--log-level", "error", "--", "sh", "-c"]);
        let (status, out, err) = told(command.arg(format!("exit {code}")).stdin(Stdio::null()));
        assert_eq!((status, &*out), (code, ""), "{err}");
        let last = format!("wingmate | error: stopping: main command exited with {code}; exit status {code}\n");
        assert_eq!(err, if code == 0 { String::new() } else { last });
    }
}

#[test]
fn a_death_by_signal_is_128_and_its_number() {
    let place = Place::new("");
    for signal in [1, 2, 3, 6, 9, 10, 11, 13, 14, 15, 24, 31, 37, 64] {
        let script = format!("ulimit -c 0; kill -{signal} $$; read x < $D/go");
        let (status, lines) = place.run(&["--", "sh", "-c", &script]);
        assert_eq!(status, 128 + signal, "{lines:#?}");
        let name = Signal::from_number(signal).unwrap();
        assert!(verdict(&lines).contains(&format!("main command killed by {name}")), "{lines:#?}");
    }
}

#[test]
fn one_that_cannot_be_executed_is_126_or_127() {
    let place = Place::new("");
    place.file("plain", "");
    for (command, status, says) in [
        ("no-such-program", 127, "cannot execute 'no-such-program': no such file or directory (searched in PATH)"),
        ("./none", 127, "cannot execute './none': no such file or directory"),
        ("./plain", 126, "cannot execute './plain': permission denied"),
        ("/", 126, "cannot execute '/': "),
    ] {
        let (code, lines) = place.run(&["--", command]);
        assert_eq!(code, status, "{lines:#?}");
        assert!(verdict(&lines).contains(&format!("stopping: main command: {says}")), "{lines:#?}");
    }
}

/// Says what it gets and goes on; its stop signals are counted, and `go` is its end.
const HEARS: &str = r#"#!/bin/sh
for s in HUP USR1 USR2 WINCH ALRM CONT TTIN TTOU PWR 35 64; do trap "echo got $s" $s; done
for s in TERM INT QUIT 37; do trap "echo told $s" $s; done
{ read status < $D/go; echo $status > $D/status; } & C=$!
echo ready
while kill -0 $C 2>/dev/null; do wait $C; done
exit $(cat $D/status)
"#;

#[test]
fn it_gets_every_signal_and_nobody_else_does() {
    let place = Place::new(
        "service:\n  other: { command: [ sh, -c, 'trap \"echo wrong\" HUP USR1 USR2; read x < $D/other' ] }\n",
    );
    place.fifo("other");
    place.program("hears", HEARS);
    let mut wingmate = place.start(&["--", "./hears"]);
    wingmate.line("ready");
    for signal in ["HUP", "USR1", "USR2", "WINCH", "ALRM", "CONT", "TTIN", "TTOU", "PWR", "35", "64"] {
        wingmate.signal(signal.parse().unwrap());
        assert_eq!(wingmate.line("got "), format!("got {signal}"));
    }
    place.tell("go", "9");
    let (status, lines) = wingmate.end();
    assert_eq!(status, 9, "{lines:#?}");
    assert!(!lines.iter().any(|line| line.contains("wrong") || line.contains("SIGHUP")), "{lines:#?}");
}

#[test]
fn a_stop_signal_is_passed_on_as_it_came_and_its_status_counts() {
    for through in [AS_INIT, ORDINARY] {
        for (signal, name) in
            [(Signal::TERM, "TERM"), (Signal::INT, "INT"), (Signal::QUIT, "QUIT"), (Signal::RTMIN_3, "37")]
        {
            let place = Place::new("service:\n  other: { command: [ sleep, inf ] }\n");
            place.program("hears", HEARS);
            let mut wingmate = Wingmate::launch(&mut place.command(through, &["--", "./hears"]));
            wingmate.line("ready");
            wingmate.signal(signal);
            wingmate.line(&format!("told {name}"));
            place.tell("go", "5");
            let (status, lines) = wingmate.end();
            assert_eq!(status, 5, "{lines:#?}");
            assert_eq!(order(&lines, &["told "]).len(), 1, "{lines:#?}");
            assert_eq!(
                order(&lines, &["main: exited with 5", "other: stopping"]),
                ["main: exited with 5", "other: stopping"]
            );
        }
    }
}

#[test]
fn one_that_stands_still_goes_on_to_get_its_stop_signal() {
    let place = Place::new("");
    let stops = "(kill -STOP $$; until grep -q '^State:.T' /proc/$$/status; do :; done; echo stopped) & wait";
    for args in [&["--"][..], &["-g", "--"]] {
        let mut wingmate = place.start(&[&["--shutdown-timeout", "1h"], args, &["sh", "-c", stops]].concat());
        wingmate.line("stopped");
        wingmate.signal(Signal::TERM);
        let (status, lines) = wingmate.end();
        assert_eq!(status, 143, "{lines:#?}");
        assert!(verdict(&lines).contains("stopped: SIGTERM received"), "{lines:#?}");
    }
}

#[test]
fn what_it_leaves_behind_is_not_waited_for_in_vain() {
    let place = Place::new("");
    // A shell's background jobs ignore INT.
    let leaves = "sleep inf & echo begun; exec sleep inf";
    for signal in [Signal::TERM, Signal::INT] {
        let mut wingmate = place.start(&["--shutdown-timeout", "1h", "--", "sh", "-c", leaves]);
        wingmate.line("begun");
        wingmate.signal(signal);
        let (status, lines) = wingmate.end();
        assert_eq!(status, 128 + signal.number(), "{lines:#?}");
        assert!(!verdict(&lines).contains("killed because"), "{lines:#?}");
    }
}

#[test]
fn a_second_stop_signal_ends_it_and_is_not_passed_on() {
    let place = Place::new("");
    place.program("hears", HEARS);
    let mut wingmate = place.start(&["--shutdown-timeout", "1h", "--", "./hears"]);
    wingmate.line("ready");
    wingmate.signal(Signal::TERM);
    wingmate.line("told TERM");
    // Those that come within 250 ms count as the first.
    wingmate.signal_until_its_end(Signal::TERM);
    let (status, lines) = wingmate.end();
    assert_eq!(status, 137, "{lines:#?}");
    assert_eq!(order(&lines, &["told TERM"]).len(), 1, "{lines:#?}");
    assert!(lines.iter().any(|line| line.contains("SIGTERM again: killing what is left")), "{lines:#?}");
}

#[test]
fn it_waits_for_the_services_and_signals_wait_for_it() {
    let place = Place::new(
        r#"
service:
  first: { command: [ sh, -c, "echo waits; read x < $D/go; touch $D/done" ], oneshot: true }
"#,
    );
    let mut wingmate = place.start(&["--", "sh", "-c", "test -e $D/done || exit 1; read x < $D/go; exit 2"]);
    wingmate.line("first    | waits");
    wingmate.signal(Signal::USR1);
    place.tell("go", "on");
    let (status, lines) = wingmate.end();
    assert_eq!(status, 128 + 10, "{lines:#?}");
    assert_eq!(order(&lines, &["first: exited with 0", "main: running"]), ["first: exited with 0", "main: running"]);
}

#[test]
fn a_stop_signal_before_it_runs_cancels_its_start() {
    let place = Place::new("service:\n  first: { command: [ sh, -c, 'echo waits; read x < $D/go' ], oneshot: true }\n");
    let mut wingmate = place.start(&["--", "sh", "-c", "echo wrong; exit 2"]);
    wingmate.line("first    | waits");
    let lines = wingmate.stop();
    assert!(lines.iter().any(|line| line.ends_with("main: not started: told to stop before")), "{lines:#?}");
    assert!(!lines.iter().any(|line| line.contains("wrong")), "{lines:#?}");
}

#[test]
fn a_service_that_has_failed_keeps_it_from_starting() {
    let place = Place::new("service:\n  migrate: { command: [ sh, -c, 'exit 3' ], oneshot: true }\n");
    let (status, lines) = place.run(&["--", "echo", "wrong"]);
    assert_eq!(status, 1, "{lines:#?}");
    assert!(!lines.iter().any(|line| line == "wrong"), "{lines:#?}");
    assert_eq!(verdict(&lines), "wingmate | error: stopping: main command not started: migrate failed; exit status 1");
}

#[test]
fn it_keeps_wingmates_streams_and_leads_a_group_of_its_own() {
    let place = Place::new("");
    let script = r#"cat; echo "err" >&2; set -- $(cat /proc/$$/stat); echo "$1 $5 $6""#;
    let mut command = place.command(ORDINARY, &["--log-level", "error", "--", "sh", "-c", script]);
    let mut child = command.stdin(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(b"as it is, no newline: ").unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(String::from_utf8_lossy(&output.stderr), "err\n");
    let out = String::from_utf8(output.stdout).unwrap();
    let numbers = out.strip_prefix("as it is, no newline: ").unwrap();
    let numbers: Vec<u32> = numbers.split_whitespace().map(|number| number.parse().unwrap()).collect();
    assert_eq!(numbers[0], numbers[1], "the leader of its group");
    assert_ne!(numbers[0], numbers[2], "not of a session");
}

#[test]
fn a_shell_has_the_terminal_and_job_control() {
    let place = Place::new("");
    for through in [AS_INIT, ORDINARY] {
        let mut terminal = Terminal::new();
        let mut command = place.command(through, &["--", "sh", "-i"]);
        let mut wingmate = Wingmate::launch(terminal.give(&mut command));
        let line = wingmate.line("main: running (pid ");
        let shell = wingmate.inside(line.rsplit("pid ").next().unwrap().trim_end_matches(')'));
        let group = rustix::process::Pid::from_raw(shell.raw()).unwrap();
        terminal.await_foreground(group);
        terminal.type_in("echo $((40 + 2)) here\n");
        wingmate.line("42 here");
        // A job in the background may not read from the terminal; in the foreground again it may.
        terminal.type_in("cat &\n");
        terminal.type_in("wait; fg\n");
        terminal.type_in("through the job\n");
        wingmate.line("through the job");
        // The terminal's own signal goes to the job, neither to the shell nor to wingmate.
        terminal.type_in("\x03");
        terminal.await_foreground(group);
        terminal.type_in("echo still $((1 + 1))\n");
        wingmate.line("still 2");
        // Stopped, it is the shell's to go on with.
        terminal.type_in("cat\n");
        terminal.type_in("heard $((1 + 1))\n");
        wingmate.line("heard $((1 + 1))");
        terminal.type_in("\x1a");
        terminal.await_foreground(group);
        terminal.type_in("jobs; echo stopped $((2 + 3))\n");
        wingmate.line("stopped 5");
        terminal.type_in("fg\n");
        terminal.type_in("goes on\n");
        wingmate.line("goes on");
        terminal.type_in("\x04");
        terminal.await_foreground(group);
        terminal.type_in("exit 9\n");
        let (status, lines) = wingmate.end();
        assert_eq!(status, 9, "{lines:#?}");
        assert!(!lines.iter().any(|line| line.contains("job control turned off")), "{lines:#?}");
    }
}

/// As when its window is resized: the foreground group is told by SIGWINCH.
fn resize(terminal: &Terminal, rows: u16, columns: u16) {
    let size = Winsize { ws_row: rows, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
    tcsetwinsize(&terminal.master, size).unwrap();
}

#[test]
fn a_window_that_is_resized_tells_the_command_once() {
    let place = Place::new("");
    let script = "trap 'echo size $(stty size)' WINCH; echo ready; until [ -e $D/end ]; do sleep 0.1; done";
    for through in [AS_INIT, ORDINARY] {
        let terminal = Terminal::new();
        let mut command = place.command(through, &["--", "sh", "-c", script]);
        let mut wingmate = Wingmate::launch(terminal.give(&mut command));
        wingmate.line("ready");
        resize(&terminal, 31, 77);
        wingmate.line("size 31 77");
        resize(&terminal, 50, 132);
        wingmate.line("size 50 132");
        place.file("end", "");
        let (status, lines) = wingmate.end();
        assert_eq!(status, 0, "{lines:#?}");
        assert_eq!(lines.iter().filter(|line| line.starts_with("size ")).count(), 2, "{lines:#?}");
        std::fs::remove_file(place.path("end")).unwrap();
    }
}
