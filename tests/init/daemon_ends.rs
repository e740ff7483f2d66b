//! How services with `pidfile:` end: told to stop, by the failure of their starter, by what they leave.

use crate::world::{Place, Wingmate, can_switch_users};
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

/// A daemon in the making, with a session of its own, which says what it is told.
const SLOW: &str =
    "#!/bin/sh\nsetsid sh -c 'trap \"echo told > strays; exit\" TERM; echo begun > strays; read x < never' &\n";

fn slow(keys: &str, rest: &str) -> Place {
    let place = Place::new(&format!("service:\n  d: {{ command: [ ./forks ], pidfile: d.pid, {keys} }}\n"));
    ["never", "strays"].iter().for_each(|fifo| place.fifo(fifo));
    place.program("forks", &format!("{SLOW}{rest}\n"));
    place
}

#[test]
fn what_a_start_that_came_to_nothing_has_left_is_ended_before_the_next() {
    for (keys, rest, why) in [
        ("ready: { timeout: 300ms }", "exit 0", "d: no daemon within 300ms"),
        ("ready: { timeout: 300ms }", "exec tail -f /dev/null", "d: no daemon within 300ms"),
        ("backoff: { initial: 10ms }", "read x < go; exit 4", "d: its starter exited with 4"),
    ] {
        let place = slow(keys, rest);
        let mut wingmate = place.start(&[]);
        for _ in 0..2 {
            assert_eq!(place.hear("strays"), "begun", "{why}: {rest}");
            place.tell("go", "on");
            let line = wingmate.line(why);
            assert!(line.contains("; ending what "), "{line}");
            assert_eq!(place.hear("strays"), "told");
            wingmate.line("d: nothing is left of it; restart in ");
        }
        wingmate.stop();
    }
}

#[test]
fn what_a_start_that_is_broken_off_has_left_is_ended_too() {
    for rest in ["exit 0", "exec tail -f /dev/null"] {
        let place = slow("stop: { timeout: 1h }", rest);
        let mut wingmate = place.start(&[]);
        assert_eq!(place.hear("strays"), "begun");
        place.file("wingmate.yaml", NOTHING);
        wingmate.signal(Signal::HUP);
        assert_eq!(place.hear("strays"), "told", "{rest}");
        wingmate.line("reloaded: 1 started (other), 1 stopped (d), 0 unchanged");
        assert_eq!(processes::children(wingmate.pid()).iter().filter(|child| !child.dead).count(), 1, "{rest}");
        wingmate.stop();
    }
}

#[test]
fn what_will_not_go_is_killed_when_the_time_is_over() {
    let keys = "ready: { timeout: 100ms }, stop: { timeout: 300ms }";
    let place = slow(keys, "exit 0");
    let deaf = "#!/bin/sh\nsetsid sh -c 'trap \"\" TERM; echo begun > strays; read x < never' &\n";
    place.program("forks", deaf);
    let mut wingmate = place.start(&[]);
    for _ in 0..2 {
        assert_eq!(place.hear("strays"), "begun");
        wingmate.line("d: no daemon within 100ms");
        wingmate.line("d: nothing is left of it; restart in ");
        assert!(processes::children(wingmate.pid()).iter().all(|child| child.dead), "two of them");
    }
    wingmate.stop();
}

/// With `stop.group: false` nobody but the main process is touched.
#[test]
fn what_is_to_be_left_alone_is() {
    let place = slow("ready: { timeout: 100ms }, restart: never, stop: { group: false }", "exit 0");
    let text = place.read("wingmate.yaml");
    place.file("wingmate.yaml", &format!("{text}  other: {{ command: [ sleep, inf ] }}\n"));
    let mut wingmate = place.start(&[]);
    assert_eq!(place.hear("strays"), "begun");
    let line = wingmate.line("d: no daemon within 100ms");
    assert!(line.ends_with("; failed, not to be restarted"), "{line}");
    assert_eq!(processes::children(wingmate.pid()).iter().filter(|child| !child.dead).count(), 2);
    wingmate.stop();
}

/// What an adopted daemon has begun may outlive it, and the next start's failure.
#[test]
fn what_an_adopted_daemon_has_left_is_nobodys_to_end() {
    let place = slow("backoff: { initial: 10ms }, max_restarts: 1", "");
    let session = "setsid sh -c 'echo session > strays; read x < never; : > ended' &";
    let first = format!("#!/bin/sh\nsetsid sh -c '{} echo $$ > d.pid; read x < go' &\n", session.replace('\'', "\""));
    place.program("forks", &first);
    let text = place.read("wingmate.yaml");
    place.file("wingmate.yaml", &format!("{text}  other: {{ command: [ sleep, inf ] }}\n"));
    let mut wingmate = place.start(&[]);
    wingmate.each(&["d: running (daemon, pid ", "other: running"]);
    assert_eq!(place.hear("strays"), "session");
    place.program("forks", "#!/bin/sh\nexit 4\n");
    let pid = place.read("d.pid");
    processes::kill(wingmate.inside(pid.trim()), Signal::KILL).unwrap();
    wingmate.line("d: its starter exited with 4; failed: max_restarts reached");
    assert_eq!(processes::children(wingmate.pid()).iter().filter(|child| !child.dead).count(), 2);
    wingmate.stop();
}

/// In an ordinary container: another user's processes can't be looked into, so nobody is taken for a stray.
#[test]
fn what_cannot_be_looked_for_is_told() {
    if !can_switch_users("what_cannot_be_looked_for_is_told") {
        return;
    }
    let place = slow("user: nobody, ready: { timeout: 300ms }, restart: never", "exit 0");
    let text = place.read("wingmate.yaml");
    place.file("wingmate.yaml", &format!("{text}  other: {{ command: [ sleep, inf ] }}\n"));
    let through = ["setpriv", "--bounding-set=-sys_ptrace,-perfmon,-sys_admin"];
    let mut wingmate = Wingmate::launch(&mut place.command(&through, &[]));
    assert_eq!(place.hear("strays"), "begun");
    // At once or after its group, which may have been empty.
    wingmate.line("what left its process group could not be looked for; failed, not to be restarted");
    wingmate.stop();
}

#[test]
fn a_daemon_that_another_unit_has_yet_to_claim_is_not_taken() {
    let place = Place::new(
        r#"
service:
  a: { command: [ ./forks ], pidfile: a.pid, depends_on: { b: { condition: started } } }
  b: { command: [ sleep, inf ], pidfile: b.pid, ready: { timeout: 1s }, restart: never }
"#,
    );
    place.program(
        "forks",
        "#!/bin/sh\nsetsid sh -c 'echo $$ > b.pid; read x < go; echo $$ > a.pid; exec sleep inf' &\n",
    );
    let mut wingmate = place.start(&[]);
    let line = wingmate.line("b: no daemon within 1s");
    assert!(line.contains(", a process of another unit); ending what is left of it"), "{line}");
    wingmate.line("b: nothing is left of it; failed, not to be restarted");
    place.tell("go", "on");
    wingmate.line("a: running (daemon, pid ");
    wingmate.stop();
}
