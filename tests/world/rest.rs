//! When a program is at rest: it stands in epoll without a time-out (proc(5), `/proc/PID/syscall`).

use std::fs;
use std::time::{Duration, Instant};

/// Longer than anything here takes on a loaded machine.
const LIMIT: Duration = Duration::from_secs(60);

/// The system calls that wait in epoll.
#[cfg(target_arch = "x86_64")]
const EPOLL: [i64; 3] = [libc::SYS_epoll_wait, libc::SYS_epoll_pwait, libc::SYS_epoll_pwait2];
#[cfg(not(target_arch = "x86_64"))]
const EPOLL: [i64; 2] = [libc::SYS_epoll_pwait, libc::SYS_epoll_pwait2];

/// Until this process rests.
pub fn await_rest(pid: u32) {
    let begun = Instant::now();
    loop {
        let call = fs::read_to_string(format!("/proc/{pid}/syscall")).unwrap();
        let mut words = call.split(' ');
        let waits = words.next().and_then(|number| number.parse().ok()).is_some_and(|number| EPOLL.contains(&number));
        // The fourth argument: -1, or as epoll_pwait2's timespec none at all.
        let without_end = ["0xffffffff", "0xffffffffffffffff", "0x0"].contains(&words.nth(3).unwrap_or_default());
        if waits && without_end {
            return;
        }
        assert!(begun.elapsed() < LIMIT, "it doesn't come to rest: {call}");
        std::thread::yield_now();
    }
}
