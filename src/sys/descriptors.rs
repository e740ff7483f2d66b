//! Which descriptors children see: 0, 1 and 2, nothing else. wingmate opens everything close-on-exec; this is
//! for what it inherited itself, and for the standard streams of a child.
//!
//! Unsafe: close_range(2) and bare descriptor numbers, for which rustix has no safe interface.
#![allow(unsafe_code)]

use rustix::fs::{Mode, OFlags, open};
use rustix::io::{DupFlags, Result, dup3, fcntl_dupfd_cloexec};
use rustix::pipe::{PipeFlags, pipe_with};
use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The first descriptor that isn't a standard stream.
const FIRST: RawFd = 3;

/// Marks every descriptor from 3 on close-on-exec. Called once at start, before wingmate opens any.
pub fn mark_inherited() {
    // SAFETY: no memory is passed; close-on-exec changes nothing for this process.
    let result = unsafe { libc::syscall(libc::SYS_close_range, FIRST, u32::MAX, libc::CLOSE_RANGE_CLOEXEC) };
    // Linux before 5.11, or a seccomp filter that doesn't know it.
    if result != 0 && mark_listed().is_err() {
        mark_counted();
    }
}

/// By the list that /proc has of them.
fn mark_listed() -> std::io::Result<()> {
    for entry in std::fs::read_dir("/proc/self/fd")? {
        if let Some(fd) = entry?.file_name().to_str().and_then(|name| name.parse::<RawFd>().ok()) {
            mark(fd);
        }
    }
    Ok(())
}

/// Without /proc: by number, as far as numbers were likely given out.
fn mark_counted() {
    const LIKELY: RawFd = 4096;
    (FIRST..LIKELY).for_each(mark);
}

fn mark(fd: RawFd) {
    if fd >= FIRST {
        // SAFETY: no memory is passed; a number that isn't open is EBADF.
        unsafe { libc::fcntl(fd, libc::F_SETFD, libc::FD_CLOEXEC) };
    }
}

/// What units read: `/dev/null`, or where there is no `/dev` a pipe that nobody writes to.
pub fn null() -> Result<OwnedFd> {
    open("/dev/null", OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())
        .or_else(|_| pipe_with(PipeFlags::CLOEXEC).map(|(read, _)| read))
}

/// Low numbers, kept for the next child's streams.
///
/// A child gets a copy of the table of all descriptors, and its exec closes one by one what isn't for it. A thousand
/// units have four thousand descriptors: that is half of what a start costs. So a child shares our table at first, and
/// [`leave_all_from`] takes along only what lies below [`Low::end`].
pub(super) struct Low {
    streams: [OwnedFd; 3],
    /// What they are between two starts.
    null: OwnedFd,
}

static LOW: Mutex<Option<Low>> = Mutex::new(None);

/// Keeps low numbers: to be called before there are many descriptors. Where the kernel (before 5.9) or a seccomp filter
/// refuses what it needs, children go on to get a copy of everything.
pub fn keep_low() {
    // SAFETY: nobody shares our table yet, and nothing has this number.
    if unsafe { leave_all_from(RawFd::MAX) }.is_ok() {
        *low() = Low::new().ok();
    }
}

/// The low numbers, if they are kept.
pub(super) fn low() -> MutexGuard<'static, Option<Low>> {
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

    /// Copies a child's streams there: its sources for [`redirect`].
    pub fn hold(&mut self, streams: [Option<BorrowedFd<'_>>; 3]) -> Result<[RawFd; 3]> {
        let mut sources = [-1; 3];
        for ((stream, low), source) in streams.into_iter().zip(&mut self.streams).zip(&mut sources) {
            if let Some(stream) = stream {
                dup3(stream, low, DupFlags::CLOEXEC)?;
                *source = low.as_raw_fd();
            }
        }
        Ok(sources)
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

/// Makes descriptors 0, 1 and 2 of these sources (`-1`: leave as is), in a child before its exec: no allocation.
/// A source may itself be 0, 1 or 2 and wanted elsewhere: those are moved out of the way first.
pub(super) fn redirect(mut sources: [RawFd; 3]) -> Result<()> {
    for (target, source) in (0..).zip(sources.iter_mut()) {
        if (0..FIRST).contains(source) && *source != target {
            // SAFETY: no memory is passed; the copy closes itself at exec.
            *source = check(unsafe { libc::fcntl(*source, libc::F_DUPFD_CLOEXEC, FIRST) })?;
        }
    }
    for (target, source) in (0..).zip(sources) {
        if source == target {
            // SAFETY: no memory is passed. dup2 of a descriptor to itself would leave it close-on-exec.
            check(unsafe { libc::fcntl(source, libc::F_SETFD, 0) })?;
        } else if source >= 0 {
            // SAFETY: no memory is passed; what `target` was is this child's alone.
            check(unsafe { libc::dup2(source, target) })?;
        }
    }
    Ok(())
}

fn check(result: i32) -> Result<i32> {
    if result < 0 { Err(super::last_errno()) } else { Ok(result) }
}
