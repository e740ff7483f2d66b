//! Daemons that are succeeded: the new one is followed, for as long as one may come.

use crate::background;
use crate::world::{World, await_readable, await_reaped};
use rustix::process::{Pid, PidfdFlags, Signal, kill_process, pidfd_open};
use std::fs;
use std::time::Instant;

#[test]
fn follows_a_hand_over() {
    let successor = "echo $$ > $P; echo second; read code < $D/end; exit $code";
    // The successor names itself while the first lives, or only when told so, after the first has gone.
    for (named_first, start) in [(true, "sh $D/second.sh"), (false, "(read x < $D/late; exec sh $D/second.sh)")] {
        let world = World::new();
        fs::write(world.path("second.sh"), successor).unwrap();
        let first = format!("echo $$ > $P; echo first; read x < $D/begin; {start} & read x < $D/go; exit 0");
        let mut proxy = world.start(&background(&world, &first));
        proxy.expect("first");
        proxy.await_rest();
        let pid = world.await_pid(|_| true);
        world.tell("begin", "on");
        if named_first {
            proxy.expect("second");
        }
        world.tell("go", "on");
        await_reaped(pid);
        if !named_first {
            world.tell("late", "on");
            proxy.expect("second");
        }
        // Adopted again.
        proxy.await_rest();
        world.tell("end", "6");
        assert_eq!(proxy.wait(), 6, "{}", proxy.messages());
    }
}

#[test]
fn a_successor_has_two_seconds() {
    let world = World::new();
    let script = background(&world, "cat $D/life & echo $$ > $P; echo ready; read x < $D/go; exit 0");
    let mut proxy = world.start(&script);
    proxy.expect("ready");
    proxy.await_rest();
    let ended = Instant::now();
    world.tell("go", "on");
    assert_eq!(proxy.wait(), 0);
    assert!(ended.elapsed().as_millis() >= 2000, "it didn't wait for a successor");
    let messages = proxy.messages();
    assert_eq!(messages.lines().count(), 1, "{messages}");
    assert!(messages.contains("what it left goes on, and nothing took its place within 2s"), "{messages}");
}

#[test]
fn an_end_after_term_is_no_hand_over() {
    let world = World::new();
    let script = background(
        &world,
        "trap 'echo TERM; exit 0' TERM; cat $D/life & C=$!; echo $$ > $P; echo ready; wait $C; wait $C",
    );
    let mut proxy = world.start(&script);
    proxy.expect("ready");
    let asked = Instant::now();
    proxy.signal(Signal::TERM);
    proxy.expect("TERM");
    assert_eq!(proxy.wait(), 0);
    assert!(asked.elapsed().as_millis() < 2000, "it waited for a successor");
}

/// As nginx is upgraded: its successor runs beside it, and the old one is told to go by QUIT.
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

/// Each names itself, begins the next and goes, for longer than one hand-over may take.
#[test]
fn follows_a_chain_however_long_it_is() {
    let world = World::new();
    let last = "if [ ${up%.*} -ge $1 ]; then echo last; read code < $D/end; exit $code; fi";
    let link = format!("echo $$ > $P; read -r up _ < /proc/uptime; {last}; sh $D/link.sh $1 & exit 0");
    fs::write(world.path("link.sh"), link).unwrap();
    let mut proxy = world.start("read -r up _ < /proc/uptime; sh $D/link.sh $((${up%.*} + 4)) &");
    proxy.expect("last");
    proxy.await_rest();
    world.tell("end", "6");
    assert_eq!(proxy.wait(), 6, "{}", proxy.messages());
}

/// A part of the story below, in which it takes the place of a daemon's parent.
#[test]
fn goes_when_its_child_has_ended() {
    let Ok(child) = std::env::var("CHILD") else { return };
    let child = child.parse().ok().and_then(Pid::from_raw).unwrap();
    // It isn't reaped: that it is there to be told of is the story.
    await_readable(&pidfd_open(child, PidfdFlags::empty()).unwrap(), "the daemon's end");
}

/// A daemon that ends while the one that forked it is on its way out: the status comes with that one's end.
#[test]
fn a_parent_that_is_slow_to_go_leaves_the_status_to_us() {
    let world = World::new();
    fs::write(world.path("daemon.sh"), "echo $$ > $P; echo ready; read code < $D/go; exit $code").unwrap();
    let parent = "exec $SELF --quiet --exact hand_over::goes_when_its_child_has_ended > $D/said";
    let script = format!("sh -c 'sh $D/daemon.sh & export CHILD=$!; {parent}' &");
    let mut command = world.command(&world.path("a.pid"), &[], &script);
    let mut proxy = world.launch(command.env("SELF", std::env::current_exe().unwrap()));
    proxy.expect("ready");
    proxy.await_rest();
    world.tell("go", "4");
    assert_eq!(proxy.wait(), 4, "{}", proxy.messages());
}
