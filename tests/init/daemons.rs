//! Services that fork into the background, with `pidfile:` and no helper process beside them.

use crate::world::{Place, can_switch_users, told};
use std::process::Command;
use wingmate::model::signal::Signal;
use wingmate::sys::processes;

/// Forks a daemon, which writes its pid file and stays: when it is wingmate's child, since a shell that is slow to go
/// could reap it and keep its status.
const FORKS: &str = r#"#!/bin/sh
setsid sh -c '
	until read -r _ _ _ parent _ < /proc/$$/stat && [ $parent = 1 ]; do :; done
	echo "I am $(id -u)"; echo $$ > $D/run/d.pid; exec sleep inf' &
"#;

fn place(keys: &str) -> Place {
    let place = Place::new(&format!(
        "service:\n  d:\n    command: [ ./forks ]\n    pidfile: run/d.pid\n    backoff: {{ initial: 10ms, max: 10ms }}\n{keys}"
    ));
    place.program("forks", FORKS);
    place.file("run/keep", "");
    place
}

/// The number in `running (daemon, pid N)`.
fn daemon(line: &str) -> String {
    line.rsplit("pid ").next().unwrap().trim_end_matches(')').to_owned()
}

#[test]
fn a_daemon_that_is_killed_is_there_again() {
    let place = place("");
    let mut wingmate = place.start(&[]);
    let line = wingmate.line("d: starting (pid ");
    assert!(line.ends_with(", its pid file is awaited"), "{line}");
    for _ in 0..3 {
        let pid = daemon(&wingmate.line("d: running (daemon, pid "));
        assert_eq!(place.read("run/d.pid").trim(), pid);
        processes::kill(wingmate.inside(&pid), Signal::KILL).unwrap();
        wingmate.line("d: daemon killed by SIGKILL after ");
        // Its successor's file is awaited, not this one taken for it.
        wingmate.line("d: starting (pid ");
    }
    wingmate.line("d: running (daemon, pid ");
    let lines = wingmate.stop();
    assert!(lines.iter().any(|line| line.ends_with("d: stopped: killed by SIGTERM")), "{lines:#?}");
}

/// As nginx does when it is upgraded: its successor is its child, and stays in its group.
#[test]
fn what_a_successor_leaves_in_its_predecessors_group_is_ended_too() {
    let place = place("");
    place.fifo("late");
    let written = r#"echo $$ > $D/run/d.pid"#;
    let second = "sh -c 'sleep inf & echo $! > $D/worker; read x < $D/late; echo $$ > $D/run/d.pid; exec sleep inf' &";
    let first = format!("{second} {written}; read x < $D/go; exit 0");
    place.program(
        "first",
        &format!("#!/bin/sh\nuntil read -r _ _ _ parent _ < /proc/$$/stat && [ $parent = 1 ]; do :; done\n{first}\n"),
    );
    place.program("forks", "#!/bin/sh\nsetsid $D/first &\n");
    let mut wingmate = place.start(&[]);
    wingmate.line("d: running (daemon, pid ");
    place.tell("go", "on");
    wingmate.line("d: its daemon ended with 0; a successor is awaited");
    place.tell("late", "on");
    let pid = daemon(&wingmate.line("d: running (daemon, pid "));
    let worker = wingmate.inside(place.read("worker").trim());
    processes::kill(wingmate.inside(&pid), Signal::KILL).unwrap();
    wingmate.line("; ending what it left behind");
    wingmate.line("d: nothing is left of it; restart in ");
    assert!(processes::facts(worker).is_none(), "the worker is still there");
    wingmate.stop();
}

/// As nginx does: its first process names its child, which only then makes a session of its own.
#[test]
fn what_a_daemon_leaves_in_a_group_that_it_made_late_is_ended_too() {
    let place = place("");
    place.fifo("worker");
    let daemonized = "sleep inf & echo $! > $D/worker; exec sleep inf";
    place.program("daemonized", &format!("#!/bin/sh\n{daemonized}\n"));
    let early = "sh -c 'read x < $D/go; exec setsid $D/daemonized' & echo $! > $D/run/d.pid";
    place.program("forks", &format!("#!/bin/sh\n{early}\n"));
    let mut wingmate = place.start(&[]);
    for _ in 0..3 {
        let pid = daemon(&wingmate.line("d: running (daemon, pid "));
        place.tell("go", "on");
        let worker = wingmate.inside(&place.hear("worker"));
        processes::kill(wingmate.inside(&pid), Signal::KILL).unwrap();
        wingmate.line("; ending what it left behind");
        wingmate.line("d: starting (pid ");
        assert!(processes::facts(worker).is_none(), "the worker is still there");
    }
    wingmate.stop();
}

#[test]
fn without_a_descriptor_to_look_for_it_a_daemon_is_waited_for() {
    let place = place("    ready: { timeout: 1h }\n");
    place.program("forks", &FORKS.replace("setsid", "read x < $D/go\nsetsid"));
    let mut wingmate = place.start(&[]);
    let line = wingmate.line("d: starting (pid ");
    let line = line.trim_end_matches("), its pid file is awaited");
    let starter = wingmate.inside(line.rsplit("pid ").next().unwrap());
    let pid = wingmate.pid();
    let limit = |soft: &str| {
        let limit = [format!("--nofile={soft}:"), format!("--pid={pid}")];
        let (status, _, error) = told(Command::new("prlimit").args(limit));
        assert_eq!(status, 0, "{error}");
    };
    limit("3");
    place.tell("go", "on");
    while processes::facts(starter).is_some() {
        std::thread::yield_now();
    }
    limit("1000");
    wingmate.line("d: running (daemon, pid ");
    let lines = wingmate.stop();
    assert!(!lines.iter().any(|line| line.contains("left no daemon")), "{lines:#?}");
}

#[test]
fn a_daemon_that_does_not_come_up_is_given_up_in_time() {
    let place = Place::new(
        r#"
service:
  silent: { command: [ sleep, inf ], pidfile: silent.pid, ready: { timeout: 200ms } }
  fails: { command: [ sh, -c, "exit 4" ], pidfile: fails.pid }
  leaves: { command: [ "true" ], pidfile: leaves.pid }
  lies: { command: [ sh, -c, "echo 1 > lies.pid" ], pidfile: lies.pid }
"#,
    );
    let mut wingmate = place.start(&[]);
    wingmate.each(&[
        "silent: no daemon within 200ms",
        "fails: its starter exited with 4; restart in 100ms (1 in a row)",
        "leaves: its starter ended with 0 and left no daemon (leaves.pid: it isn't there); restart in 100ms (1 in a row)",
        "lies: its starter ended with 0 and left no daemon (",
    ]);
    wingmate.line("silent: nothing is left of it; restart in ");
    wingmate.stop();
}

#[test]
fn a_daemon_of_another_user_is_followed_too() {
    if !can_switch_users("a_daemon_of_another_user_is_followed_too") {
        return;
    }
    let place = place("    user: nobody\n");
    rustix::fs::chmod(place.path("run"), rustix::fs::Mode::from_raw_mode(0o777)).unwrap();
    let mut wingmate = place.start(&[]);
    wingmate.each(&["d        | I am 65534", "d: running (daemon, pid "]);
    wingmate.stop();
}
