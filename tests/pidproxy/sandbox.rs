//! Where the kernel or a sandbox refuses what the proxy likes to use: everything works by looking instead.

use crate::world::World;
use crate::world::filter::refuse;
use crate::{STAY, TRAPS, background};
use rustix::process::Signal;

/// As old kernels and as sandboxes refuse pidfds: the one call, the other, or both.
const WITHOUT_PIDFDS: [&[(i64, i32)]; 4] = [
    &[(libc::SYS_pidfd_open, libc::ENOSYS), (libc::SYS_pidfd_send_signal, libc::ENOSYS)],
    &[(libc::SYS_pidfd_open, libc::EPERM), (libc::SYS_pidfd_send_signal, libc::EPERM)],
    &[(libc::SYS_pidfd_send_signal, libc::ENOSYS)],
    &[(libc::SYS_pidfd_send_signal, libc::EPERM)],
];

#[test]
fn without_pidfds_a_daemon_is_signalled_and_its_end_is_known() {
    for calls in WITHOUT_PIDFDS {
        let world = World::new();
        let script = background(&world, &format!("{TRAPS} echo $$ > $P; echo ready; {STAY}"));
        let mut proxy = world.launch(refuse(&mut world.command(&world.path("a.pid"), &[], &script), calls));
        proxy.expect("ready");
        for (signal, name) in [(Signal::HUP, "HUP"), (Signal::USR1, "USR1"), (Signal::TERM, "TERM")] {
            proxy.signal(signal);
            proxy.expect(name);
        }
        assert_eq!(proxy.wait(), 5);
    }
}

/// Another process's child, which nobody reaps: only looking tells that it has ended.
#[test]
fn without_pidfds_a_daemon_of_a_starter_that_stays_is_looked_at() {
    for calls in WITHOUT_PIDFDS {
        let world = World::new();
        let script = "sh -c 'echo $$ > $P; echo ready; exec cat $D/life' & cat $D/life; exit 0";
        let mut proxy = world.launch(refuse(&mut world.command(&world.path("a.pid"), &[], script), calls));
        proxy.expect("ready");
        proxy.signal(Signal::TERM);
        assert_eq!(proxy.wait(), 0);
    }
}

#[test]
fn without_pidfds_a_start_is_stopped() {
    let world = World::new();
    let script = "sh -c 'echo begun; exec cat $D/life' & cat $D/life";
    let mut command = world.command(&world.path("a.pid"), &[], script);
    let mut proxy = world.launch(refuse(&mut command, WITHOUT_PIDFDS[0]));
    proxy.expect("begun");
    proxy.signal(Signal::TERM);
    proxy.expect_end();
    assert_eq!(proxy.wait(), 143);
}

/// 128 instances are a user's, those of all containers together.
#[test]
fn without_inotify_the_file_is_found_by_looking() {
    for call in [(libc::SYS_inotify_init1, libc::EMFILE), (libc::SYS_inotify_add_watch, libc::ENOSPC)] {
        for file in ["a.pid", "run/deep/a.pid"] {
            let world = World::new();
            let steps = "echo step; read x < $D/go; mkdir -p ${P%/*}; : > $P; echo $$ > $P";
            let script = background(&world, &format!("{TRAPS} {steps}; {STAY}"));
            let mut proxy = world.launch(refuse(&mut world.command(&world.path(file), &[], &script), &[call]));
            proxy.expect("step");
            world.tell("go", "on");
            proxy.await_rest();
            proxy.signal(Signal::TERM);
            proxy.expect("TERM");
            assert_eq!(proxy.wait(), 5, "{}", proxy.messages());
        }
    }
}
