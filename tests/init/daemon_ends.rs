//! How services with `pidfile:` end: told to stop, by the failure of their starter, by what they leave.

use crate::world::Place;
use wingmate::model::signal::Signal;
use wingmate::sys::processes;

const NOTHING: &str = "service:\n  other: { command: [ sleep, inf ] }\n";

/// The number in `running (daemon, pid N)`.
fn daemon(line: &str) -> String {
    line.rsplit("pid ").next().unwrap().trim_end_matches(')').to_owned()
}

/// A starter that stays and reaps nobody, as the parent of its daemon.
#[test]
fn a_dead_daemon_that_its_starter_does_not_reap_is_no_reason_to_wait() {
    let starts = "setsid sh -c 'echo $$ > d.pid; exec sleep inf' & exec tail -f /dev/null";
    for group in ["true", "kill", "false"] {
        let place = Place::new(&format!(
            "service:\n  d: {{ command: [ sh, -c, \"{starts}\" ], pidfile: d.pid, stop: {{ timeout: 1h, group: {group} }} }}\n"
        ));
        let mut wingmate = place.start(&[]);
        wingmate.line("d: running (daemon, pid ");
        place.file("wingmate.yaml", NOTHING);
        wingmate.signal(Signal::HUP);
        wingmate.line("d: stopping (SIGTERM, up to 1h");
        wingmate.line("d: stopped");
        wingmate.line("reloaded: 1 started (other), 1 stopped (d), 0 unchanged");
        wingmate.stop();
    }
}

#[test]
fn a_starter_that_fails_after_all_decides_how_it_ended() {
    let starts = "setsid sh -c 'trap \\\"exit 0\\\" TERM; echo $$ > d.pid; read x < never' & read x < go; exit 5";
    let place = Place::new(&format!(
        "service:\n  d: {{ command: [ sh, -c, \"{starts}\" ], pidfile: d.pid, critical: true, restart: never }}\n"
    ));
    place.fifo("never");
    let mut wingmate = place.start(&[]);
    wingmate.line("d: running (daemon, pid ");
    place.tell("go", "on");
    wingmate.line("d: its starter exited with 5; ending what is left of it");
    wingmate.line("d: nothing is left of it; failed, not to be restarted");
    assert_eq!(wingmate.end().0, 5);
}

/// Without a session of its own: all that the daemon has begun is in the group of its starter.
#[test]
fn what_a_daemon_leaves_in_the_group_of_its_starter_is_ended_too() {
    for setsid in ["true", "false"] {
        let place = Place::new(&format!(
            "service:\n  d: {{ command: [ ./forks ], pidfile: d.pid, setsid: {setsid}, backoff: {{ initial: 10ms }} }}\n"
        ));
        place.fifo("worker");
        let orphaned = "until read -r _ _ _ parent _ < /proc/$$/stat && [ $parent = 1 ]; do :; done";
        let body = format!("#!/bin/sh\n{orphaned}\nsleep inf & echo $! > worker; echo $$ > d.pid; exec sleep inf\n");
        place.program("daemonized", &body);
        place.program("forks", "#!/bin/sh\n./daemonized &\n");
        let mut wingmate = place.start(&[]);
        for _ in 0..2 {
            let worker = wingmate.inside(&place.hear("worker"));
            let pid = daemon(&wingmate.line("d: running (daemon, pid "));
            processes::kill(wingmate.inside(&pid), Signal::KILL).unwrap();
            wingmate.line("; ending what it left behind");
            wingmate.line("d: starting (pid ");
            assert!(processes::facts(worker).is_none(), "the worker is still there");
        }
        let worker = wingmate.inside(&place.hear("worker"));
        wingmate.line("d: running (daemon, pid ");
        place.file("wingmate.yaml", NOTHING);
        wingmate.signal(Signal::HUP);
        wingmate.line("d: stopped: killed by SIGTERM");
        assert!(processes::facts(worker).is_none(), "the worker is still there");
        wingmate.stop();
    }
}

/// The group in which it was adopted isn't its own any more: it is told all the same.
#[test]
fn a_daemon_that_has_left_the_group_of_its_adoption_is_told_to_stop() {
    let place = Place::new("service:\n  d: { command: [ ./forks ], pidfile: d.pid, stop: { timeout: 1h } }\n");
    place.fifo("left");
    place.program(
        "forks",
        "#!/bin/sh\nsh -c 'read x < go; exec setsid sh -c \"echo > left; exec sleep inf\"' & echo $! > d.pid\n",
    );
    let mut wingmate = place.start(&[]);
    wingmate.line("d: running (daemon, pid ");
    place.tell("go", "on");
    place.hear("left");
    place.file("wingmate.yaml", NOTHING);
    wingmate.signal(Signal::HUP);
    wingmate.line("d: stopped: killed by SIGTERM");
    wingmate.stop();
}
