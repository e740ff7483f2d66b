//! Nobody reads what wmpidproxy says: nothing waits for that.

use crate::background;
use crate::world::{World, await_readable};
use rustix::fs::{OFlags, fcntl_setfl};
use rustix::io::{Errno, write};
use rustix::pipe::{PipeFlags, pipe_with};
use rustix::process::{PidfdFlags, Signal, pidfd_open};
use std::fs::File;
use std::io::Read;
use std::process::Stdio;

/// A stderr that takes nothing more until somebody reads.
fn full() -> (File, Stdio) {
    let (reader, writer) = pipe_with(PipeFlags::CLOEXEC).unwrap();
    fcntl_setfl(&writer, OFlags::NONBLOCK).unwrap();
    while write(&writer, &[b'x'; 4096]) != Err(Errno::AGAIN) {}
    fcntl_setfl(&writer, OFlags::empty()).unwrap();
    (reader.into(), writer.into())
}

#[test]
fn a_deaf_daemon_is_killed_in_time_and_its_status_delivered() {
    let world = World::new();
    let (mut reader, stderr) = full();
    let script = background(&world, "trap '' TERM; echo $$ > $P; echo ready; exec 2>&-; cat $D/life");
    let mut command = world.command(&world.path("a.pid"), &["--stop-timeout", "300ms"], &script);
    let mut proxy = world.launch_telling(command.stdin(Stdio::null()), stderr);
    drop(command);
    proxy.expect("ready");
    proxy.signal(Signal::TERM);
    assert_eq!(proxy.wait(), 137);
    let mut said = String::new();
    reader.read_to_string(&mut said).unwrap();
    assert_eq!(said.trim_start_matches('x'), "", "what couldn't be said was dropped");
}

#[test]
fn what_a_late_start_left_is_stopped() {
    let world = World::new();
    let (_reader, stderr) = full();
    let mut command = world.command(&world.path("a.pid"), &["--start-timeout", "100ms"], "exec 2>&-; cat $D/life &");
    let mut proxy = world.launch_telling(command.stdin(Stdio::null()), stderr);
    proxy.expect_end();
    assert_eq!(proxy.wait(), 1);
}

/// What was kept is said when somebody reads again.
#[test]
fn a_message_that_was_kept_is_said_later() {
    let world = World::new();
    let (mut reader, stderr) = full();
    // The starter stays and doesn't reap the daemon, so the end isn't there with the daemon's.
    let script = "exec 2>&-; trap '' TERM; sh -c 'echo $$ > $P; exec cat $D/life' & echo ready; exec cat $D/life";
    let mut command = world.command(&world.path("a.pid"), &["--stop-timeout", "0"], script);
    let mut proxy = world.launch_telling(command.stdin(Stdio::null()), stderr);
    drop(command);
    proxy.expect("ready");
    let daemon = world.await_pid(|_| true);
    proxy.await_rest();
    let daemon = pidfd_open(daemon, PidfdFlags::empty()).unwrap();
    proxy.signal(Signal::TERM);
    await_readable(&daemon, "the daemon's end");
    let mut room = vec![0; 64 * 1024];
    reader.read_exact(&mut room).unwrap();
    proxy.signal(Signal::WINCH);
    proxy.wait();
    let mut said = String::new();
    reader.read_to_string(&mut said).unwrap();
    assert!(said.contains("hasn't ended within 0"), "{said}");
}

/// A reader that is only slow has the last words too.
#[test]
fn last_words_are_given_a_moment() {
    let world = World::new();
    let (mut reader, stderr) = full();
    let mut command = world.command(&world.path("a.pid"), &[], "exec 2>&-; echo begun; read x < $D/go; exit 3");
    let mut proxy = world.launch_telling(command.stdin(Stdio::null()), stderr);
    drop(command);
    proxy.expect("begun");
    world.tell("go", "on");
    // Read while it ends: what is said comes behind what was there.
    let mut said = String::new();
    reader.read_to_string(&mut said).unwrap();
    assert_eq!(proxy.wait(), 3);
    assert!(said.trim_start_matches('x').contains("exited with 3"), "{said}");
}
