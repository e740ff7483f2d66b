//! Signals to this process as readiness of a descriptor: signalfd(2).
//!
//! Every signal is blocked from main's first system call on and read here, so that none is lost and no handler
//! ever runs (a handler in a child that shares our memory before its exec would speak for us). A blocked signal
//! is queued even if its default action is to be ignored, PID 1's included (kernel/signal.c, sig_ignored).
//! Children start with an empty mask and default dispositions (sys::spawn).
//!
//! Unsafe: sigprocmask, signalfd and sigaction, for which rustix has no stable interface. They are called directly:
//! the C libraries leave the signals that they keep to themselves (32 and 33, musl SIGRTMIN too) out of every set.
#![allow(unsafe_code)]

use super::last_errno;
use crate::model::signal::Signal;
use crate::model::unit::Pid;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::{Errno, Result};
use std::mem::{MaybeUninit, size_of};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::time::Duration;

/// A signal that was sent to this process.
#[derive(Clone, Copy, Debug)]
pub struct Received {
    pub signal: Signal,
    /// Who sent it: `None` for the kernel and for senders outside of our pid namespace.
    pub sender: Option<Pid>,
    /// The sender's real uid; meaningful with `sender` only.
    pub uid: u32,
}

/// A fault's signals stay unblocked: blocked, the kernel kills at once and without the core's reason.
const FAULTS: [i32; 6] = [libc::SIGSEGV, libc::SIGBUS, libc::SIGFPE, libc::SIGILL, libc::SIGTRAP, libc::SIGSYS];

/// The receiving end of all signals to this process.
#[derive(Debug)]
pub struct Signals {
    fd: OwnedFd,
}

/// Blocks every signal that can be and sets each to its default disposition (found ignored, it would be
/// dropped, and our children would inherit that). The first thing that init and pidproxy do.
pub fn block_all() -> Result<()> {
    let set = caught();
    let old = std::ptr::null_mut::<Set>();
    // SAFETY: `set` is a kernel sigset of the size that is passed; the old mask isn't asked for.
    let result =
        unsafe { libc::syscall(libc::SYS_rt_sigprocmask, libc::SIG_SETMASK, &raw const set, old, size_of::<Set>()) };
    if result != 0 {
        return Err(last_errno());
    }
    (1..=64).for_each(undo_ignoring);
    Ok(())
}

/// The kernel's struct sigaction: handler, flags, restorer, mask. All zero is SIG_DFL.
type KernelAction = [u64; 4];

/// Gives an ignored signal its default disposition. Others are left alone: setting the default of a signal that is
/// ignored by default drops one that is pending.
fn undo_ignoring(number: i32) {
    let (none, mut found): (KernelAction, KernelAction) = ([0; 4], [0; 4]);
    // SAFETY: the kernel reads and fills at most four words, and takes masks of 8 bytes.
    unsafe {
        let null = std::ptr::null_mut::<KernelAction>();
        let known = libc::syscall(libc::SYS_rt_sigaction, number, null, &raw mut found, 8);
        if known == 0 && found.first() == Some(&(libc::SIG_IGN as u64)) {
            libc::syscall(libc::SYS_rt_sigaction, number, &raw const none, null, 8);
        }
    }
}

/// Takes a signal that is blocked as soon as there is one, without a descriptor (sigtimedwait(2)).
pub(super) fn wait() -> Result<Signal> {
    loop {
        match take(Set::MAX, None) {
            Err(Errno::INTR) => {}
            Ok(number) => return Signal::from_number(number).ok_or(Errno::INVAL),
            Err(errno) => return Err(errno),
        }
    }
}

/// Whether [`wait`] can: a sandbox may not know it.
pub(super) fn can_wait() -> Result<()> {
    match take(0, Some(NOT_AT_ALL)) {
        Ok(_) | Err(Errno::AGAIN) => Ok(()),
        Err(errno) => Err(errno),
    }
}

/// Takes this one if it is there already.
pub(super) fn took(signal: Signal) -> bool {
    take(1 << (signal.number() - 1), Some(NOT_AT_ALL)).is_ok()
}

const NOT_AT_ALL: libc::timespec = libc::timespec { tv_sec: 0, tv_nsec: 0 };

fn take(set: Set, timeout: Option<libc::timespec>) -> Result<i32> {
    let (info, timeout) = (std::ptr::null_mut::<()>(), timeout.as_ref().map_or(std::ptr::null(), std::ptr::from_ref));
    // SAFETY: the set is of the size that is passed, both it and the timeout live through the call; nothing more is
    // asked for about the signal.
    let number = unsafe { libc::syscall(libc::SYS_rt_sigtimedwait, &raw const set, info, timeout, size_of::<Set>()) };
    if number < 0 { Err(last_errno()) } else { Ok(number as i32) }
}

impl Signals {
    /// The descriptor that becomes readable when a signal came. [`block_all`] must have been called.
    pub fn new() -> Result<Signals> {
        let set = caught();
        let flags = libc::SFD_CLOEXEC | libc::SFD_NONBLOCK;
        // SAFETY: `set` is as above; -1 asks for a new descriptor, which nobody else owns.
        unsafe {
            let fd = libc::syscall(libc::SYS_signalfd4, -1, &raw const set, size_of::<Set>(), flags);
            if fd < 0 { Err(last_errno()) } else { Ok(Signals { fd: OwnedFd::from_raw_fd(fd as RawFd) }) }
        }
    }

    /// The next signal that waits, if any.
    pub fn next(&self) -> Option<Received> {
        let mut info = MaybeUninit::<libc::signalfd_siginfo>::zeroed();
        let size = size_of::<libc::signalfd_siginfo>();
        // SAFETY: the buffer has `size` bytes; any bit pattern, zero included, is a valid signalfd_siginfo.
        let info = unsafe {
            let count = libc::read(self.fd.as_raw_fd(), info.as_mut_ptr().cast(), size);
            if count != size as isize {
                return None;
            }
            info.assume_init()
        };
        let sender = if info.ssi_code > 0 { None } else { Pid::from_raw(info.ssi_pid as i32) };
        Some(Received { signal: Signal::from_number(info.ssi_signo as i32)?, sender, uid: info.ssi_uid })
    }

    /// Waits until a signal came or `timeout` is over, without epoll.
    pub fn pause(&self, timeout: Duration) {
        let timeout = Timespec { tv_sec: 0, tv_nsec: i64::from(timeout.subsec_nanos()) };
        let _ = poll(&mut [PollFd::new(&self.fd, PollFlags::IN)], Some(&timeout));
    }
}

impl AsFd for Signals {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

/// The kernel's set of signals: bit N-1 is signal N.
type Set = u64;

/// Every signal but the faults'. The two that can't be caught the kernel leaves out itself.
fn caught() -> Set {
    FAULTS.iter().fold(Set::MAX, |set, fault| set & !(1 << (fault - 1)))
}
