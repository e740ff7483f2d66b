//! Low numbers, kept for the next child's streams (`sys::spawn`).
//!
//! A child gets a copy of the table of all descriptors, and its exec closes one by one what isn't for it. A thousand
//! units have four thousand descriptors: that is half of what a start costs. So a child shares our table at first, and
//! [`leave_all_from`] takes along only what lies below [`Low::end`].
//!
//! Unsafe: close_range(2), for which rustix has no interface.
#![allow(unsafe_code)]

use super::descriptors::{Descriptors, FIRST, Wire, null};
use rustix::io::{DupFlags, Result, dup3, fcntl_dupfd_cloexec};
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Three descriptors with low numbers.
pub(super) struct Low {
    streams: [OwnedFd; 3],
    /// What they are between two starts.
    null: OwnedFd,
}

static LOW: Mutex<Option<Low>> = Mutex::new(None);

/// Keeps low numbers: to be called before there are many descriptors. Where the kernel (before 5.9) or a seccomp filter
/// refuses what it needs, children go on to get a copy of everything.
pub fn keep() {
    // SAFETY: no memory is passed, and nothing has this number.
    if unsafe { libc::syscall(libc::SYS_close_range, u32::MAX, u32::MAX, 0) } == 0 {
        *kept() = Low::new().ok();
    }
}

/// The low numbers, if they are kept.
pub(super) fn kept() -> MutexGuard<'static, Option<Low>> {
    LOW.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Low {
    fn new() -> Result<Low> {
        let null = null()?;
        let low = || fcntl_dupfd_cloexec(&null, FIRST);
        Ok(Low { streams: [low()?, low()?, low()?], null })
    }

    /// The first number behind them.
    pub fn end(&self) -> RawFd {
        self.streams.iter().map(|fd| fd.as_raw_fd() + 1).max().unwrap_or(FIRST)
    }

    /// Copies a child's streams there. `None`: it gets more than streams, or they can't be copied.
    pub fn hold(&mut self, descriptors: &Descriptors<'_>) -> Option<Vec<Wire>> {
        if !descriptors.others.is_empty() {
            return None;
        }
        let mut wires = descriptors.wires();
        for (wire, (stream, low)) in wires.iter_mut().zip(descriptors.stdio.iter().flatten().zip(&mut self.streams)) {
            dup3(stream, low, DupFlags::CLOEXEC).ok()?;
            wire.source = low.as_raw_fd();
        }
        Some(wires)
    }

    /// Lets go of them: whoever waits for a stream's end waits for its last copy to go.
    pub fn release(&mut self) {
        for low in &mut self.streams {
            let _ = dup3(&self.null, low, DupFlags::CLOEXEC);
        }
    }
}

/// Gives this process a table of descriptors of its own, without those from `first` on.
///
/// # Safety
///
/// They are closed for good unless the table was shared. In a child before its exec nobody uses them.
pub(super) unsafe fn leave_all_from(first: RawFd) -> Result<()> {
    // SAFETY: no memory is passed; the rest is the caller's to see to.
    let result = unsafe { libc::syscall(libc::SYS_close_range, first, u32::MAX, libc::CLOSE_RANGE_UNSHARE) };
    if result == 0 { Ok(()) } else { Err(super::last_errno()) }
}
