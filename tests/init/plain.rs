//! tini's and dumb-init's options and names: an image that calls one of these gets what it knows.

use crate::world::{BINARY, LIMIT, Place, Wingmate, order, told, verdict};
use std::os::unix::fs::symlink;
use std::process::Command;
use std::time::Instant;
use wingmate::model::signal::Signal;
use wingmate::model::unit::Pid;
use wingmate::sys::processes;

/// `NAME ARGS` as process 1, by a link of that name.
fn called(place: &Place, name: &str, args: &[&str]) -> Command {
    if !std::fs::exists(place.path(name)).unwrap() {
        symlink(BINARY, place.path(name)).unwrap();
    }
    place.bare(&["sh", "-c", r#"shift; exec "$0" "$@""#, &place.path(name)], args)
}

/// Its status and what it wrote.
fn ran(place: &Place, name: &str, args: &[&str]) -> (i32, String, String) {
    told(&mut called(place, name, args))
}

/// A signal to the namespace's first process, whatever it is called.
fn signal(init: &Wingmate, signal: Signal) {
    processes::kill(init.inside("1"), signal).unwrap();
}

#[test]
fn each_name_takes_its_own_command_line() {
    let place = Place::new("");
    let rows: [(&str, &[&str], i32, &str); 12] = [
        ("tini", &["echo", "-n", "hi"], 0, "hi"),
        ("tini", &["--", "echo", "--", "hi"], 0, "-- hi\n"),
        ("tini", &["-g", "-s", "-vvv", "--log-level", "error", "--", "sh", "-c", "exit 7"], 7, ""),
        ("tini", &["-gs", "-p", "SIGKILL", "-e", "143", "sh", "-c", "kill -TERM $$"], 0, ""),
        ("tini", &["echo", "check"], 0, "check\n"),
        ("docker-init", &["--", "sh", "-c", "exit 9"], 9, ""),
        ("docker-init", &["echo", "-g", "-h"], 0, "-g -h\n"),
        ("dumb-init", &["sh", "-c", "echo $1", "sh", "-c"], 0, "-c\n"),
        ("dumb-init", &["-c", "--", "echo", "hi"], 0, "hi\n"),
        ("dumb-init", &["--single-child", "--rewrite", "15:3", "-r", "2:0", "echo", "hi"], 0, "hi\n"),
        ("dumb-init", &["--rewrite=TERM:QUIT", "sh", "-c", "exit 255"], 255, ""),
        ("dumb-init", &["no-such-program"], 127, ""),
    ];
    for (name, args, status, out) in rows {
        let (code, stdout, stderr) = ran(&place, name, args);
        assert_eq!((code, &*stdout), (status, out), "{name} {args:?}: {stderr}");
    }
}

#[test]
fn an_applets_name_is_a_command_like_any_other() {
    let place = Place::new("");
    place.program("check", "#!/bin/sh\necho checked\n");
    let path = format!("{}:{}", place.path(""), std::env::var("PATH").unwrap());
    for name in ["tini", "docker-init", "dumb-init"] {
        let (status, stdout, stderr) = told(called(&place, name, &["check"]).env("PATH", &path));
        assert_eq!((status, &*stdout), (0, "checked\n"), "{name}: {stderr}");
    }
}

#[test]
fn help_and_version_and_licence_are_there_under_each_name() {
    let place = Place::new("");
    for name in ["tini", "docker-init", "dumb-init"] {
        let (status, out, err) = ran(&place, name, &["--help"]);
        assert_eq!((status, &*err), (0, ""));
        assert!(out.starts_with(&format!("usage: {name} [OPTIONS] [--] COMMAND [ARG…]\n\n")), "{out}");
        for option in ["  -g, --group\n", "  -r, --rewrite FROM:TO\n", "  -e, --expect CODE\n", "  --config PATH\n"] {
            assert!(out.contains(option), "{option}: {out}");
        }
        assert_eq!(out.contains("  -c, --single-child\n"), name == "dumb-init", "{out}");
        assert_eq!(ran(&place, name, &["-h"]).1, out);
        assert!(ran(&place, name, &["--version"]).1.starts_with("wingmate "));
        assert!(ran(&place, name, &["-l"]).1.contains("MIT License or the Apache License"));
    }
    let (_, out, _) = ran(&place, "wingmate", &["--help"]);
    for option in ["  -c, --config PATH\n", "  --single-child\n", "  -p, --parent-death SIGNAL\n"] {
        assert!(out.contains(option), "{option}: {out}");
    }
}

#[test]
fn wrong_usage_is_2_and_names_what_is_wrong() {
    let place = Place::new("");
    let rows: [(&str, &[&str], &str); 18] = [
        ("tini", &[], "there is no command"),
        ("tini", &["-g"], "there is no command"),
        ("tini", &["--"], "there is no command after '--'"),
        ("tini", &["-c", "true"], "unknown option '-c'"),
        ("tini", &["-e", "300", "true"], "-e: '300' is not an exit status (0 to 255)"),
        ("tini", &["-e", "-1", "true"], "-e: '-1' is not an exit status (0 to 255)"),
        ("tini", &["-e", "x", "true"], "-e: 'x' is not an exit status (0 to 255)"),
        ("tini", &["-e", "--", "true"], "option '--expect' needs a value, and '--' is none"),
        ("tini", &["-e"], "option '--expect' needs a value"),
        ("tini", &["-p", "NOPE", "true"], "-p: unknown signal 'NOPE'"),
        ("docker-init", &["-x", "true"], "unknown option '-x'"),
        ("dumb-init", &["-c"], "there is no command"),
        ("dumb-init", &["-r", "15", "true"], "-r: '15' is not of the form FROM:TO"),
        ("dumb-init", &["-r", "15:99", "true"], "-r: unknown signal '99'"),
        ("dumb-init", &["-r", "NOPE:15", "true"], "-r: unknown signal 'NOPE'"),
        ("dumb-init", &["-r", "KILL:15", "true"], "-r: SIGKILL is never passed on, and so can't be rewritten"),
        ("wingmate", &["-r", "nonsense", "--", "true"], "-r: 'nonsense' is not of the form FROM:TO"),
        (
            "wingmate",
            &["-c", "--", "true"],
            "option '--config' needs a value, and '--' is none; dumb-init's -c is --single-child",
        ),
    ];
    for (name, args, says) in rows {
        let (status, stdout, stderr) = ran(&place, name, args);
        assert_eq!((status, &*stdout), (2, ""), "{name} {args:?}: {stderr}");
        assert!(stderr.starts_with(&format!("wingmate: {says}")), "{name} {args:?}: {stderr}");
        assert!(stderr.ends_with(&format!("wingmate: try '{name} --help'\n")), "{name} {args:?}: {stderr}");
    }
    let (status, _, stderr) = told(called(&place, "tini", &["true"]).env("TINI_VERBOSITY", "loud"));
    assert_eq!(status, 2, "{stderr}");
    assert!(stderr.starts_with("wingmate: TINI_VERBOSITY: 'loud' is not a number\n"), "{stderr}");
}

#[test]
fn no_configuration_is_read_unless_one_is_named() {
    let place = Place::new("service:\n  web: { command: [ sh, -c, 'echo served' ], oneshot: true }\n");
    // Where one usually is, seen by this story alone.
    let etc = r#"mount -t tmpfs none /etc && mkdir /etc/wingmate && cp $D/wingmate.yaml /etc/wingmate/ && shift && exec "$0" "$@""#;
    for name in ["wingmate", "tini", "docker-init", "dumb-init"] {
        called(&place, name, &[]);
        let (status, stdout, stderr) = told(&mut place.bare(&["sh", "-c", etc, &place.path(name)], &["--", "true"]));
        assert_eq!(status, 0, "{stderr}");
        assert_eq!(stdout.contains("served"), name == "wingmate", "{name}: {stdout}{stderr}");
    }
    for name in ["tini", "dumb-init"] {
        let (status, stdout, stderr) = ran(&place, name, &["--config", &place.path(""), "sh", "-c", "exit 3"]);
        assert_eq!((status, &*stdout), (3, "web      | served\n"), "{stderr}");
        let mut command = called(&place, name, &["sh", "-c", "exit 3"]);
        let (status, stdout, stderr) = told(command.env("WINGMATE_CONFIG_PATH", place.path("")));
        assert_eq!((status, &*stdout), (3, "web      | served\n"), "{stderr}");
        let (status, stdout, stderr) = ran(&place, name, &["--config", &place.path("")]);
        assert_eq!((status, &*stdout), (0, "web      | served\n"), "a command isn't needed then: {stderr}");
    }
}

#[test]
fn it_is_as_quiet_as_the_one_that_it_stands_in_for() {
    let place = Place::new("");
    let running = "wingmate | info: main: running (pid ";
    let debug = "wingmate | debug: stopping: main command exited with 0; 0 units to stop";
    type Row<'a> = (&'a str, &'a [&'a str], Option<(&'a str, &'a str)>, bool, bool);
    let rows: [Row<'_>; 11] = [
        ("tini", &["true"], None, false, false),
        ("docker-init", &["true"], None, false, false),
        ("dumb-init", &["true"], None, false, false),
        ("tini", &["-v", "true"], None, true, false),
        ("tini", &["-vv", "true"], None, true, true),
        ("tini", &["true"], Some(("TINI_VERBOSITY", "2")), true, false),
        ("tini", &["true"], Some(("TINI_VERBOSITY", "9")), true, true),
        ("dumb-init", &["-v", "true"], None, true, true),
        ("dumb-init", &["true"], Some(("DUMB_INIT_DEBUG", "1")), true, true),
        ("wingmate", &["--", "true"], None, true, false),
        ("wingmate", &["-v", "--", "true"], None, true, true),
    ];
    for (name, args, variable, info, all) in rows {
        let (status, _, stderr) = told(called(&place, name, args).envs(variable));
        assert_eq!(status, 0, "{stderr}");
        assert_eq!(stderr.contains(running), info, "{name} {args:?} {variable:?}: {stderr}");
        assert_eq!(stderr.contains(debug), all, "{name} {args:?} {variable:?}: {stderr}");
    }
}

#[test]
fn an_expected_status_counts_as_0() {
    let place = Place::new("");
    let rows: [(&[&str], &str, i32); 6] = [
        (&["-e", "3"], "exit 3", 0),
        (&["-e", "3"], "exit 4", 4),
        (&["-e", "3", "-e4", "--expect=255"], "exit 255", 0),
        (&["-e", "143"], "kill -TERM $$; read x < $D/go", 0),
        (&["-e", "15"], "kill -TERM $$; read x < $D/go", 143),
        (&["-e", "0"], "exit 0", 0),
    ];
    for (options, script, status) in rows {
        let (code, lines) = place.run(&[options, &["--", "sh", "-c", script]].concat());
        assert_eq!(code, status, "{options:?} {script}: {lines:#?}");
        assert!(verdict(&lines).ends_with(&format!("; exit status {status}")), "{lines:#?}");
    }
    // Asked to stop, too.
    for (options, status) in [(&["-e", "143"], 0), (&["-e", "142"], 143)] {
        let mut wingmate = place.start(&[&options[..], &["--", "sh", "-c", "echo ready; read x < $D/go"]].concat());
        wingmate.line("ready");
        wingmate.signal(Signal::TERM);
        let (code, lines) = wingmate.end();
        assert_eq!(code, status, "{lines:#?}");
    }
    // What isn't the main command's status is none of its business.
    let place = Place::new("service:\n  migrate: { command: [ sh, -c, 'exit 3' ], oneshot: true }\n");
    assert_eq!(place.run(&["-e", "1", "-e", "3", "--", "true"]).0, 1);
}

/// Says what it gets; [`finish`] ends it.
const HEARS: &str = r#"#!/bin/sh
for s in HUP INT QUIT USR1 USR2 TERM WINCH; do trap "echo got $s" $s; done
echo ready
until [ -e $D/status ]; do sleep 0.1; done
exit $(cat $D/status)
"#;

fn finish(place: &Place, status: &str) {
    // Whole as soon as it is there.
    place.program("status", status);
}

#[test]
fn a_rewritten_signal_is_another_for_the_command_and_for_wingmate() {
    let place = Place::new("service:\n  other: { command: [ sleep, inf ] }\n");
    place.program("hears", HEARS);
    let rewrites = ["-r", "HUP:USR1", "--rewrite", "10:0", "-rTERM:USR2", "-r", "WINCH:TERM", "-r", "WINCH:QUIT"];
    let mut wingmate = place.start(&[&rewrites[..], &["--", "./hears"]].concat());
    wingmate.line("ready");
    wingmate.signal(Signal::HUP);
    wingmate.line("got USR1");
    // Dropped: what comes next is the first that is heard.
    wingmate.signal(Signal::USR1);
    // It isn't what begins the shutdown any more.
    wingmate.signal(Signal::TERM);
    assert_eq!(wingmate.line("got "), "got USR2");
    wingmate.signal(Signal::WINCH);
    wingmate.line("stopping: SIGQUIT received; 2 units to stop");
    finish(&place, "5");
    let (status, lines) = wingmate.end();
    assert_eq!(status, 5, "{lines:#?}");
    let said = ["got USR1", "got USR2", "got QUIT", "got TERM"];
    assert_eq!(order(&lines, &said), said[..3], "{lines:#?}");
}

#[test]
fn a_rewritten_signal_stops_wingmate_without_a_command_too() {
    let place = Place::new("service:\n  web: { command: [ sh, -c, 'echo up; read x < $D/go' ] }\n");
    let mut wingmate = place.start(&["-r", "WINCH:TERM", "-r", "TERM:0"]);
    wingmate.line("| up");
    wingmate.signal(Signal::TERM);
    wingmate.signal(Signal::WINCH);
    let (status, lines) = wingmate.end();
    assert_eq!(status, 0, "{lines:#?}");
    assert!(verdict(&lines).contains("stopped: SIGTERM received"), "{lines:#?}");
}

#[test]
fn the_second_stop_signal_is_counted_after_the_rewriting() {
    let place = Place::new("");
    place.program("hears", HEARS);
    let mut wingmate = place.start(&["-r", "USR1:INT", "--shutdown-timeout", "1h", "--", "./hears"]);
    wingmate.line("ready");
    wingmate.signal(Signal::USR1);
    wingmate.line("got INT");
    wingmate.signal_until_its_end(Signal::USR1);
    let (status, lines) = wingmate.end();
    assert_eq!(status, 137, "{lines:#?}");
    assert_eq!(order(&lines, &["got INT"]).len(), 1, "{lines:#?}");
    assert!(lines.iter().any(|line| line.contains("SIGINT again: killing what is left")), "{lines:#?}");
}

/// A program and another of its group, each of which says what it gets; the file `end` ends them.
const PAIR: &str = r#"#!/bin/sh
trap "echo $0 got it" USR1
trap : TERM
if [ $0 = ./first ]; then ./second & fi
echo $0 is ready
until [ -e $D/end ]; do sleep 0.1; done
exit 4
"#;

#[test]
fn a_group_gets_what_its_leader_gets_if_asked() {
    type Row<'a> = (&'a str, &'a [&'a str], Option<(&'a str, &'a str)>, bool);
    let rows: [Row<'_>; 9] = [
        ("wingmate", &["--", "./first"], None, false),
        ("wingmate", &["-g", "--", "./first"], None, true),
        ("wingmate", &["--", "./first"], Some(("TINI_KILL_PROCESS_GROUP", "1")), true),
        ("wingmate", &["-g", "--single-child", "--", "./first"], None, false),
        ("tini", &["./first"], None, false),
        ("tini", &["-g", "./first"], None, true),
        ("dumb-init", &["./first"], None, true),
        ("dumb-init", &["-c", "./first"], None, false),
        ("dumb-init", &["./first"], Some(("DUMB_INIT_SETSID", "0")), false),
    ];
    for (name, args, variable, group) in rows {
        let place = Place::new("");
        ["first", "second"].iter().for_each(|one| place.program(one, PAIR));
        let mut init = Wingmate::launch(called(&place, name, args).envs(variable));
        init.each(&["./first is ready", "./second is ready"]);
        signal(&init, Signal::USR1);
        init.each(if group { &["./first got it", "./second got it"] } else { &["./first got it"] });
        place.file("end", "");
        let (status, lines) = init.end();
        assert_eq!(status, 4, "{lines:#?}");
        let second = lines.iter().any(|line| line == "./second got it");
        assert_eq!(second, group, "{name} {args:?} {variable:?}: {lines:#?}");
    }
}

#[test]
fn orphans_are_told_if_asked() {
    let place = Place::new("");
    let script = "(sh -c 'exit 6' &); echo begun; read x < $D/go; exit 0";
    for (options, told) in [(&["-w"][..], true), (&["--warn-orphans"], true), (&[], false)] {
        let mut command = called(&place, "tini", &[options, &["sh", "-c", script]].concat());
        let mut init = Wingmate::launch(&mut command);
        init.each(if told { &["begun", "wingmate | warn: reaped an orphan (pid "] } else { &["begun"] });
        place.tell("go", "on");
        let (status, lines) = init.end();
        assert_eq!(status, 0, "{lines:#?}");
        assert_eq!(lines.iter().any(|line| line.ends_with("): exited with 6")), told, "{lines:#?}");
    }
}

#[test]
fn the_parents_end_is_a_signal_if_asked() {
    let place = Place::new("");
    place.program("hears", HEARS);
    place.fifo("leave");
    place.fifo("end");
    // Process 1 outlives wingmate's parent.
    let through = ["sh", "-c", r#"sh -c '"$@" & read x < $D/leave' sh "$@"; read x < $D/end"#, "sh"];
    let mut wingmate = Wingmate::launch(&mut place.bare(&through, &["-p", "QUIT", "--", "./hears"]));
    wingmate.line("ready");
    place.tell("leave", "now");
    wingmate.line("got QUIT");
    finish(&place, "8");
    wingmate.line("; exit status 8");
    place.tell("end", "now");
    wingmate.end();
}

#[test]
fn a_plain_init_is_asked_to_stop_and_passes_that_on_once() {
    for name in ["tini", "docker-init", "dumb-init"] {
        let place = Place::new("");
        place.program("hears", HEARS);
        let mut init = Wingmate::launch(&mut called(&place, name, &["./hears"]));
        init.line("ready");
        signal(&init, Signal::USR2);
        init.line("got USR2");
        signal(&init, Signal::TERM);
        init.line("got TERM");
        finish(&place, "5");
        let (status, lines) = init.end();
        assert_eq!(status, 5, "{lines:#?}");
        assert_eq!(order(&lines, &["got TERM"]).len(), 1, "{lines:#?}");
    }
}

#[test]
fn a_command_is_stopped_and_goes_on_by_signals_from_outside() {
    for name in ["tini", "dumb-init"] {
        let place = Place::new("");
        let init = Wingmate::launch(&mut called(&place, name, &["sleep", "inf"]));
        // Process 2 of its namespace.
        let command = init.inside("2");
        signal(&init, Signal::TSTP);
        await_state(command, "T (stopped)");
        signal(&init, Signal::CONT);
        await_state(command, "S (sleeping)");
        signal(&init, Signal::TERM);
        assert_eq!(init.end().0, 143);
    }
}

/// Until `/proc` shows the process in this state.
fn await_state(pid: Pid, state: &str) {
    let begun = Instant::now();
    loop {
        let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
        let found = status.lines().find_map(|line| line.strip_prefix("State:\t")).unwrap();
        if found == state && status.starts_with("Name:\tsleep\n") {
            return;
        }
        assert!(begun.elapsed() < LIMIT, "it stays {found}");
        std::thread::yield_now();
    }
}
