//! At a terminal: whose its keys are, and who may ask there.

use crate::world::terminal::Terminal;
use crate::world::{World, pid_of};
use crate::{STAY, TRAPS, background};
use rustix::process::Signal;

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
