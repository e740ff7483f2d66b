//! A starter that outlives its daemon is stopped: nothing that belongs to no daemon is left behind.

use crate::background;
use crate::world::World;
use rustix::process::Signal;

/// A daemon beside a starter that stays.
const BESIDE: &str = "sh -c 'echo $$ > $P; echo ready; read x < $D/go' & ";

#[test]
fn it_is_told_to_stop_after_a_term() {
    let world = World::new();
    let mut proxy = world.start(&format!("{BESIDE} exec cat $D/life"));
    proxy.expect("ready");
    proxy.await_rest();
    proxy.signal(Signal::TERM);
    assert_eq!(proxy.wait(), 0);
    proxy.expect_end();
}

#[test]
fn it_is_told_to_stop_after_an_end_by_itself() {
    let world = World::new();
    let left = "(echo left; read x < $D/late; echo lives) &";
    let daemon = background(&world, &format!("{left} echo $$ > $P; echo ready; read code < $D/go; exit $code"));
    let mut proxy = world.start(&format!("({daemon}) ; trap 'echo TERM; exit 3' TERM; cat $D/life & wait"));
    let mut said = [proxy.line("left"), proxy.line("ready")];
    said.sort();
    assert_eq!(said, ["left", "ready"]);
    proxy.await_rest();
    world.tell("go", "7");
    proxy.expect("TERM");
    assert_eq!(proxy.wait(), 7, "{}", proxy.messages());
    world.tell("late", "on");
    proxy.expect("lives");
    proxy.expect_end();
}

#[test]
fn if_it_is_deaf_it_is_killed_with_what_it_began() {
    let world = World::new();
    let mut proxy = world.start(&format!("trap '' TERM; {BESIDE} sh -c 'cat $D/life; cat $D/life'"));
    proxy.expect("ready");
    proxy.await_rest();
    world.tell("go", "on");
    assert_eq!(proxy.wait(), 1, "nobody tells how the daemon ended");
    proxy.expect_end();
}
