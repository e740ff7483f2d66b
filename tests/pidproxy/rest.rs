//! An idle proxy makes no system call, whatever it has come through: it stands in epoll without a time-out, and stays
//! there.

use crate::world::{Proxy, World, await_reaped, pid_of};
use crate::{STAY, TRAPS, background};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open};
use std::fs;

/// Longer than any interval at which a look is ever due.
const WHILE: Timespec = Timespec { tv_sec: 1, tv_nsec: 200_000_000 };

fn switches(proxy: &Proxy) -> String {
    let status = fs::read_to_string(format!("/proc/{}/status", proxy.id())).unwrap();
    status.lines().filter(|line| line.contains("ctxt_switches")).collect()
}

/// It goes to rest and doesn't run once for a while.
fn stays_at_rest(proxy: &Proxy) {
    proxy.await_rest();
    let before = switches(proxy);
    let pidfd = pidfd_open(pid_of(proxy), PidfdFlags::empty()).unwrap();
    assert_eq!(poll(&mut [PollFd::new(&pidfd, PollFlags::IN)], Some(&WHILE)).unwrap(), 0, "it has ended");
    assert_eq!(switches(proxy), before);
}

#[test]
fn beside_a_child() {
    let world = World::new();
    let script = background(&world, &format!("{TRAPS} echo $$ > $P; echo ready; {STAY}"));
    let options = ["--stop-timeout", "100ms", "--start-timeout", "500ms"];
    let mut proxy = world.start_with(&world.path("a.pid"), &options, &script);
    proxy.expect("ready");
    proxy.signal(Signal::HUP);
    proxy.expect("HUP");
    stays_at_rest(&proxy);
    proxy.signal(Signal::TERM);
    assert_eq!(proxy.wait(), 5);
}

#[test]
fn beside_another_processs_child() {
    let world = World::new();
    let mut proxy = world.start("sh -c 'echo $$ > $P; echo ready; exec cat $D/life' & wait $!; exit $?");
    proxy.expect("ready");
    stays_at_rest(&proxy);
    proxy.signal(Signal::TERM);
    assert_eq!(proxy.wait(), 143);
}

#[test]
fn after_a_hand_over() {
    let world = World::new();
    fs::write(world.path("second.sh"), format!("{TRAPS} echo $$ > $P; echo second; {STAY}")).unwrap();
    let first = "echo $$ > $P; echo first; (read x < $D/late; exec sh $D/second.sh) & read x < $D/go; exit 0";
    let mut proxy = world.start(&background(&world, first));
    proxy.expect("first");
    proxy.await_rest();
    let pid = world.await_pid(|_| true);
    world.tell("go", "on");
    await_reaped(pid);
    world.tell("late", "on");
    proxy.expect("second");
    stays_at_rest(&proxy);
    proxy.signal(Signal::TERM);
    proxy.expect("TERM");
    assert_eq!(proxy.wait(), 5);
}

/// What the daemon leaves to nobody comes to the proxy, is reaped, and is no reason to stay awake.
#[test]
fn after_an_orphan_was_reaped() {
    let world = World::new();
    let orphan = "( sh -c 'echo orphan $$; read x < $D/end' & )";
    let script = background(&world, &format!("{TRAPS} echo $$ > $P; {orphan}; {STAY}"));
    let mut proxy = world.start(&script);
    let line = proxy.line("orphan");
    let orphan = Pid::from_raw(line.strip_prefix("orphan ").unwrap().parse().unwrap()).unwrap();
    proxy.await_rest();
    world.tell("end", "on");
    await_reaped(orphan);
    stays_at_rest(&proxy);
    proxy.signal(Signal::TERM);
    proxy.expect("TERM");
    assert_eq!(proxy.wait(), 5);
}

/// Nor is there anything left that could wake it.
#[test]
fn the_pid_file_is_watched_no_longer() {
    let world = World::new();
    let script = background(&world, &format!("{TRAPS} echo $$ > $P; echo ready; {STAY}"));
    let mut proxy = world.start(&script);
    proxy.expect("ready");
    proxy.signal(Signal::HUP);
    proxy.expect("HUP");
    proxy.await_rest();
    let descriptors: Vec<String> = fs::read_dir(format!("/proc/{}/fd", proxy.id()))
        .unwrap()
        .map(|entry| fs::read_link(entry.unwrap().path()).unwrap().to_string_lossy().into_owned())
        .collect();
    assert!(!descriptors.iter().any(|target| target.contains("inotify")), "{descriptors:?}");
    proxy.signal(Signal::TERM);
    assert_eq!(proxy.wait(), 5);
}
