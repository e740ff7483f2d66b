//! A daemon that is upgraded as nginx is: its successor runs beside it, and the old one is told to go by QUIT.

use crate::world::World;
use rustix::process::{Signal, kill_process};
use std::fs;

#[test]
fn the_old_ones_quit_is_not_the_new_ones() {
    let world = World::new();
    fs::write(world.path("second.sh"), "echo $$ > $P; echo second; exec cat $D/life").unwrap();
    // It stays: shells make what they put into the background deaf to QUIT.
    let first = "cat $D/life & C=$!; trap 'kill $C; sh $D/second.sh & exit 0' QUIT; echo $$ > $P; echo first; wait";
    let mut proxy = world.start(first);
    proxy.expect("first");
    let first = world.await_pid(|_| true);
    proxy.await_rest();
    proxy.signal(Signal::QUIT);
    proxy.expect("second");
    let second = world.await_pid(|pid| pid != first);
    proxy.await_rest();
    kill_process(second, Signal::KILL).unwrap();
    assert_eq!(proxy.wait(), 137);
    assert!(proxy.messages().contains("the daemon killed by SIGKILL"), "its end is news: {}", proxy.messages());
}
