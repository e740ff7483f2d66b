//! Starters that write their own number into the pid file and then go, for somebody else to correct it: they were no
//! daemon.

use crate::world::{World, await_reaped, pid_of};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{PidfdFlags, Signal, pidfd_open};

/// Longer than a hand-over may take.
const LONGER: Timespec = Timespec { tv_sec: 2, tv_nsec: 300_000_000 };

#[test]
fn its_daemon_has_all_the_time_that_a_start_has() {
    let world = World::new();
    let daemon = "echo begun; read x < $D/late; echo $$ > $P; echo second; read code < $D/end; exit $code";
    let script = format!("echo $$ > $P; echo mine; read x < $D/go; sh -c '{daemon}' & exit 0");
    let mut proxy = world.start(&script);
    proxy.expect("mine");
    let starter = world.await_pid(|_| true);
    proxy.await_rest();
    world.tell("go", "on");
    proxy.expect("begun");
    await_reaped(starter);
    let pidfd = pidfd_open(pid_of(&proxy), PidfdFlags::empty()).unwrap();
    assert_eq!(poll(&mut [PollFd::new(&pidfd, PollFlags::IN)], Some(&LONGER)).unwrap(), 0, "it took it for the daemon");
    world.tell("late", "on");
    proxy.expect("second");
    proxy.await_rest();
    world.tell("end", "7");
    assert_eq!(proxy.wait(), 7, "{}", proxy.messages());
}

#[test]
fn without_a_daemon_the_start_has_failed() {
    let world = World::new();
    let mut proxy = world.start_with(&world.path("a.pid"), &["--start-timeout", "2s"], "echo $$ > $P; cat $D/life &");
    assert_eq!(proxy.wait(), 1);
    proxy.expect_end();
    assert!(proxy.messages().contains("'sh' named no daemon within 2s"), "{}", proxy.messages());
}

/// What stays in the foreground isn't known from the other but by what it leaves.
#[test]
fn one_that_leaves_nothing_was_the_daemon() {
    let world = World::new();
    let mut proxy = world.start("echo $$ > $P; sh -c 'echo child; read x < $D/go' & exit 0");
    proxy.expect("child");
    world.tell("go", "on");
    assert_eq!(proxy.wait(), 0);
    assert_eq!(proxy.messages(), "");
}

/// Nor is an end that was asked for a sign that it wasn't.
#[test]
fn one_that_was_asked_to_end_was_the_daemon() {
    let world = World::new();
    let mut proxy = world.start("trap 'exit 0' QUIT; cat $D/life & echo $$ > $P; echo ready; wait");
    proxy.expect("ready");
    proxy.await_rest();
    proxy.signal(Signal::QUIT);
    assert_eq!(proxy.wait(), 0);
    assert_eq!(proxy.messages(), "");
}

/// Nor is one that takes its file along: what it leaves (an sshd's sessions) outlives it, whatever the start's time.
#[test]
fn one_that_takes_its_file_along_was_the_daemon() {
    let world = World::new();
    let session = "sh -c 'echo session; read x < $D/go; echo alive' &";
    let script = format!("echo $$ > $P; {session} read x < $D/begin; rm $P; exit 0");
    let mut proxy = world.start_with(&world.path("a.pid"), &["--start-timeout", "30s"], &script);
    proxy.expect("session");
    proxy.await_rest();
    world.tell("begin", "on");
    assert_eq!(proxy.wait(), 0);
    world.tell("go", "on");
    proxy.expect("alive");
}
