//! At a terminal: whose its keys are, and who may ask there.

use crate::world::rest::await_rest;
use crate::world::terminal::Terminal;
use crate::world::{Proxy, World, pid_of};
use crate::{STAY, TRAPS, background};
use rustix::process::{Pid, Signal, kill_process};
use std::collections::BTreeSet;
use std::fs;
use std::process::Command;
use std::time::{Duration, Instant};

/// A ^C is one INT to whoever stands in the foreground, never one more by way of the proxy.
#[test]
fn a_terminals_keys_come_once() {
    let world = World::new();
    let mut terminal = Terminal::new();
    let script = format!("{TRAPS} echo $$ > $P; echo ready; {STAY}");
    let mut proxy = world.launch_on(terminal.give(&mut world.command(&world.path("a.pid"), &[], &script)));
    proxy.expect("ready");
    proxy.await_rest();
    terminal.type_in("\x03");
    proxy.expect("INT");
    proxy.signal(Signal::TERM);
    proxy.expect("TERM");
    assert_eq!(proxy.wait(), 5);
}

#[test]
fn a_starter_may_ask_at_the_terminal_and_gives_it_back() {
    let world = World::new();
    let mut terminal = Terminal::new();
    let start = background(&world, &format!("{TRAPS} echo $$ > $P; echo ready; {STAY}"));
    let script = format!("echo passphrase; read word; echo $word; {start}");
    let mut proxy = world.launch_on(terminal.give(&mut world.command(&world.path("a.pid"), &[], &script)));
    proxy.expect("passphrase");
    terminal.type_in("sesame\n");
    proxy.expect("sesame");
    proxy.expect("ready");
    terminal.await_foreground(pid_of(&proxy));
    // ^Z, since shells make what they put into the background deaf to ^C.
    terminal.type_in("\x1a");
    proxy.expect("TSTP");
    proxy.signal(Signal::TERM);
    proxy.expect("TERM");
    assert_eq!(proxy.wait(), 5);
}

/// The program as the job of a shell, which says when it has stopped, and puts it into the foreground again.
fn in_a_shell(world: &World, terminal: &Terminal, job: &str, script: &str) -> Proxy {
    let program = world.command(&world.path("a.pid"), &[], script);
    let looped =
        format!("set -m; {job}; while [ $? = {} ]; do echo stopped; fg > /dev/null; done", 128 + libc::SIGSTOP);
    let mut shell = Command::new("sh");
    shell.args(["-c", &format!("{looped}; exit $?"), "sh"]).arg(program.get_program()).args(program.get_args());
    shell.env("P", world.path("a.pid")).env_remove("WINGMATE_STARTSECS");
    world.launch_on(terminal.give(&mut shell))
}

/// The numbers that a line has behind its first word.
fn pids<const N: usize>(line: &str) -> [Pid; N] {
    let numbers = line.split(' ').skip(1).map(|word| Pid::from_raw(word.parse().unwrap()).unwrap());
    numbers.collect::<Vec<_>>().try_into().unwrap()
}

/// A pipeline, of which each part takes the terminal for the job when it begins: the program begins last.
const PIPELINE: &str = r#"sh -c 'read x < $D/begin; exec "$@"' sh "$@" |
{ echo > $D/begin; trap '' TSTP; cat; exit 5; }"#;

/// Until it has the terminal, and runs: a ^Z before that would be lost.
fn await_in_front(terminal: &Terminal, starter: Pid) {
    terminal.await_foreground(starter);
    let begun = Instant::now();
    while fs::read_to_string(format!("/proc/{}/stat", starter.as_raw_nonzero())).unwrap().contains(") T ") {
        assert!(begun.elapsed() < Duration::from_secs(60), "it isn't let go on");
        std::thread::yield_now();
    }
}

/// The shell has its prompt back, and `fg` goes on where it was. So also where
/// the job is more than us.
#[test]
fn a_terminals_stop_is_for_the_proxy_too() {
    for job in [r#""$@""#, PIPELINE, r#"sh -c '"$@"; exit $?' sh "$@""#] {
        let world = World::new();
        let mut terminal = Terminal::new();
        let start = background(&world, &format!("{TRAPS} echo $$ > $P; echo ready; {STAY}"));
        let script = format!("echo passphrase $$ $PPID; read word; echo $word; {start}");
        let mut shell = in_a_shell(&world, &terminal, job, &script);
        let [starter, proxy] = pids(&shell.line("passphrase"));
        for _ in 0..3 {
            await_in_front(&terminal, starter);
            terminal.type_in("\x1a");
            shell.expect("stopped");
        }
        terminal.await_foreground(starter);
        terminal.type_in("sesame\n");
        shell.expect("sesame");
        // The shell's CONT was kept for the daemon; its last may come when that is there.
        let mut said = BTreeSet::new();
        while said.len() < 2 {
            said.insert(shell.line("ready, CONT"));
        }
        assert!(said.contains("ready") && said.contains("CONT"), "{said:?}");
        kill_process(proxy, Signal::TERM).unwrap();
        while shell.line("TERM") != "TERM" {}
        assert_eq!(shell.wait(), 5, "{job}: {}", shell.messages());
    }
}

#[test]
fn a_starter_that_stays_is_stopped_and_goes_on_with_the_proxy() {
    let world = World::new();
    let mut terminal = Terminal::new();
    let script = "echo $$ > $P; echo ready $PPID; read word; echo $word; exit 6";
    let mut shell = in_a_shell(&world, &terminal, r#""$@""#, script);
    let [proxy] = pids(&shell.line("ready"));
    let daemon = world.await_pid(|_| true);
    await_rest(proxy.as_raw_nonzero().get() as u32);
    terminal.type_in("\x1a");
    shell.expect("stopped");
    terminal.await_foreground(daemon);
    terminal.type_in("on\n");
    shell.expect("on");
    assert_eq!(shell.wait(), 6, "{}", shell.messages());
}

/// A session's leader has nobody who would let it go on: it never stops, nor does its starter.
#[test]
fn where_no_shell_waits_a_terminals_stop_is_unheard() {
    let world = World::new();
    let mut terminal = Terminal::new();
    let script = "trap 'echo CONT' CONT; echo $$; read word; read word; echo $word; exit 6";
    let mut proxy = world.launch_on(terminal.give(&mut world.command(&world.path("a.pid"), &[], script)));
    let starter = Pid::from_raw(proxy.line("its number").parse().unwrap()).unwrap();
    terminal.await_foreground(starter);
    terminal.type_in("\x1a");
    // It reads no word as long as it stands; the one that the trap interrupts may be lost.
    terminal.type_in("one\n");
    proxy.expect("CONT");
    terminal.type_in("two\n");
    proxy.line("a word");
    assert_eq!(proxy.wait(), 6, "{}", proxy.messages());
}

/// Nor does it let a starter go on again and again that wants the terminal while others have it: that one's time runs.
#[test]
fn where_no_shell_waits_nobody_stops_for_the_terminal() {
    let world = World::new();
    let terminal = Terminal::new();
    let in_front = "set -m; sh -c 'echo $$; cat $D/life'; :";
    let script = format!("echo starter $$; sh -c \"{}\" & wait", in_front.replace('$', "\\$"));
    let mut command = world.command(&world.path("a.pid"), &["--start-timeout", "2s"], &script);
    let mut proxy = world.launch_on(terminal.give(&mut command));
    let [starter] = pids(&proxy.line("starter"));
    let other = Pid::from_raw(proxy.line("who is in front").parse().unwrap()).unwrap();
    terminal.await_foreground(other);
    kill_process(starter, Signal::TTIN).unwrap();
    assert_eq!(proxy.wait(), 1);
    assert!(proxy.messages().contains("named no daemon within 2s"), "{}", proxy.messages());
}
