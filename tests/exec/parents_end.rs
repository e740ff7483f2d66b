//! wmexec --pdeathsig: by prctl(2), and by parents that are killed.

use crate::place::{BUSY, NOBODY, Place, command, good, root};
use std::io::{BufRead, BufReader};
use std::process::{Child, ChildStdout, Command, Stdio};

/// Prints the signal that comes at the parent's end (prctl(2), PR_GET_PDEATHSIG).
const DEATH: [&str; 3] =
    ["python3", "-c", "import ctypes; n = ctypes.c_int(); ctypes.CDLL(None).prctl(2, ctypes.byref(n)); print(n.value)"];

#[test]
fn the_parents_end_is_asked_for_after_what_would_undo_it() {
    let place = Place::new();
    for (signal, number) in [("TERM", "15\n"), ("sigusr1", "10\n"), ("9", "9\n"), ("RTMIN+3", "37\n")] {
        assert_eq!(place.same(&[&["--pdeathsig", signal], DEATH.as_slice()].concat()), number);
    }
    let whole = ["--pdeathsig=HUP", "--no-new-privs", "--umask=077", "--chdir=/", "--setsid", "--nice=1"];
    assert_eq!(place.same(&[whole.as_slice(), &DEATH].concat()), "1\n");
    if root("the_parents_end_is_asked_for_after_what_would_undo_it") {
        let caps = ["--user", "1234:5678", "--groups", "7", "--caps", "net_bind_service", "--pdeathsig", "INT"];
        assert_eq!(good(place.run(&[caps.as_slice(), &DEATH].concat())), "2\n");
    }
    for signal in ["", "XYZZY", "0", "65"] {
        let expected = format!(
            "--pdeathsig: unknown signal '{signal}' (a name such as TERM, SIGUSR1 or RTMIN+3, or a number from 1 to 64)"
        );
        assert_eq!(place.refused(&["--pdeathsig", signal]), expected);
    }
}

/// A shell that starts wmexec and waits, and the lines of all below it.
struct Family {
    parent: Child,
    lines: std::io::Lines<BufReader<ChildStdout>>,
}

/// Says who it is, and when USR1 comes.
const TELLING: &str = "trap 'echo got; exit' USR1; echo $$ $PPID; ";

impl Family {
    fn new(words: &[&str]) -> Family {
        let mut shell = Command::new("sh");
        shell.args(["-c", "\"$@\" & wait", "sh"]).args(words).args(["sh", "-c", &[TELLING, BUSY].concat()]);
        let mut parent = shell.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap();
        let lines = BufReader::new(parent.stdout.take().unwrap()).lines();
        Family { parent, lines }
    }

    fn next(&mut self) -> Option<String> {
        self.lines.next().map(Result::unwrap)
    }

    /// The program's pid and its parent's.
    fn ready(&mut self) -> [String; 2] {
        let line = self.next().unwrap();
        let (pid, parent) = line.split_once(' ').unwrap();
        [pid.to_owned(), parent.to_owned()]
    }

    fn end_parent(&mut self) {
        self.parent.kill().unwrap();
        self.parent.wait().unwrap();
    }
}

#[test]
fn the_program_is_told_of_its_parents_end() {
    let place = Place::new();
    let wmexec = place.wmexec();
    for users in [[].as_slice(), &["--user", NOBODY]] {
        if !users.is_empty() && !root("the_program_is_told_of_its_parents_end, as another user") {
            continue;
        }
        let mut family = Family::new(&[&[&wmexec, "--pdeathsig", "USR1"], users].concat());
        family.ready();
        family.end_parent();
        assert_eq!(family.next().as_deref(), Some("got"), "{users:?}");
        let mut family = Family::new(&[&[&wmexec, "--pdeathsig", "KILL"], users].concat());
        family.ready();
        family.end_parent();
        assert_eq!(family.next(), None, "{users:?}");
    }
}

#[test]
fn a_stand_in_passes_its_parents_end_on() {
    let place = Place::new();
    let wmexec = place.wmexec();
    // The leader of a group, whom the kernel refuses a session.
    let stand_in = |signal| Family::new(&[&wmexec, "--pgrp", &wmexec, "--setsid", "--pdeathsig", signal]);
    for (signal, then) in [("USR1", Some("got")), ("KILL", None)] {
        let mut family = stand_in(signal);
        let [_, parent] = family.ready();
        assert_ne!(parent, family.parent.id().to_string());
        family.end_parent();
        assert_eq!(family.next().as_deref(), then, "{signal}");
        // Its own end is one, too.
        let mut family = stand_in(signal);
        let [_, parent] = family.ready();
        assert!(command("kill", &["-KILL", &parent]).status().unwrap().success());
        assert_eq!(family.next().as_deref(), then, "{signal}");
        family.parent.wait().unwrap();
    }
}
