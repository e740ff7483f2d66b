//! At a terminal: whose its keys are, and who may ask there.

use crate::world::terminal::Terminal;
use crate::world::{Proxy, World, pid_of};
use crate::{STAY, TRAPS, background};
use rustix::process::{Pid, Signal, WaitOptions, waitpid};
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

/// Until the program has been stopped, which its parent is told.
fn await_stopped(proxy: &Proxy) {
    let begun = Instant::now();
    let options = WaitOptions::UNTRACED | WaitOptions::NOHANG;
    loop {
        match waitpid(Some(pid_of(proxy)), options).unwrap() {
            Some((_, status)) => return assert!(status.stopped(), "it has ended: {}", proxy.messages()),
            None => assert!(begun.elapsed() < Duration::from_secs(60), "it goes on"),
        }
        std::thread::yield_now();
    }
}

/// The shell has its prompt back, and `fg` goes on where it was; the start's time doesn't run meanwhile.
#[test]
fn a_terminals_stop_is_for_the_proxy_too() {
    let world = World::new();
    let mut terminal = Terminal::new();
    let start = background(&world, &format!("{TRAPS} echo $$ > $P; echo ready; {STAY}"));
    let script = format!("echo passphrase $$; read word; echo $word; {start}");
    let options = ["--start-timeout", "5s"];
    let mut proxy = world.launch_on(terminal.give(&mut world.command(&world.path("a.pid"), &options, &script)));
    let line = proxy.line("passphrase");
    let starter = Pid::from_raw(line.strip_prefix("passphrase ").unwrap().parse().unwrap()).unwrap();
    for _ in 0..3 {
        terminal.await_foreground(starter);
        terminal.type_in("\x1a");
        await_stopped(&proxy);
        terminal.await_foreground(pid_of(&proxy));
        proxy.signal(Signal::CONT);
    }
    terminal.await_foreground(starter);
    terminal.type_in("sesame\n");
    proxy.expect("sesame");
    // The shell's CONT was kept for the daemon.
    let mut said = [proxy.line("ready"), proxy.line("CONT")];
    said.sort();
    assert_eq!(said, ["CONT", "ready"]);
    proxy.signal(Signal::TERM);
    proxy.expect("TERM");
    assert_eq!(proxy.wait(), 5, "{}", proxy.messages());
}

#[test]
fn a_starter_that_stays_is_stopped_and_goes_on_with_the_proxy() {
    let world = World::new();
    let mut terminal = Terminal::new();
    let script = "echo $$ > $P; echo ready; read word; echo $word; exit 6";
    let mut proxy = world.launch_on(terminal.give(&mut world.command(&world.path("a.pid"), &[], script)));
    proxy.expect("ready");
    let daemon = world.await_pid(|_| true);
    proxy.await_rest();
    terminal.type_in("\x1a");
    await_stopped(&proxy);
    terminal.await_foreground(pid_of(&proxy));
    proxy.signal(Signal::CONT);
    terminal.await_foreground(daemon);
    terminal.type_in("on\n");
    proxy.expect("on");
    assert_eq!(proxy.wait(), 6, "{}", proxy.messages());
}
