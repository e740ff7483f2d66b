//! Other processes: signals to them and to their groups.
//!
//! Unsafe: real-time signals, which rustix takes by number only.
#![allow(unsafe_code)]

use crate::model::signal::Signal;
use crate::model::unit::Pid;
use rustix::io::{Errno, Result};
use rustix::process;

/// Sends a signal to one process.
pub fn kill(pid: Pid, signal: Signal) -> Result<()> {
    process::kill_process(raw(pid), number(signal))
}

/// Sends a signal to every process of a group.
pub fn kill_group(group: Pid, signal: Signal) -> Result<()> {
    process::kill_process_group(raw(group), number(signal))
}

/// Whether the group has a member, a dead one that waits to be reaped included. EPERM is a member too.
pub fn group_lives(group: Pid) -> bool {
    process::test_kill_process_group(raw(group)) != Err(Errno::SRCH)
}

fn raw(pid: Pid) -> process::Pid {
    process::Pid::from_raw(pid.raw()).unwrap_or(process::Pid::INIT)
}

fn number(signal: Signal) -> process::Signal {
    // SAFETY: 1–64 by its type. The C library's own ones (32, 33) do harm only when they are handled, not sent.
    unsafe { process::Signal::from_raw_unchecked(signal.number()) }
}
