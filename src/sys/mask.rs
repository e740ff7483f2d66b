//! The signal mask, and what this process was given at its start: `wmexec` passes both on as found.
//!
//! Rust's runtime ignores SIGPIPE before main (rust-lang/rust#62569) and nothing stable tells what it was before,
//! so [`look`] is called earlier still (`sys::start`).
//!
//! Unsafe: the bare rt_sigprocmask (the C library's leaves its own signals out) and sigaction.
#![allow(unsafe_code)]

use crate::model::signal::Signal;
use std::mem::{MaybeUninit, size_of};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

/// A set of signals: bit N-1 is signal N.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Mask(u64);

impl Mask {
    /// Blocks nothing.
    pub(super) const EMPTY: Mask = Mask(0);
    /// Blocks everything that can be blocked, the C library's own signals included.
    pub(super) const ALL: Mask = Mask(u64::MAX);

    /// Makes it this thread's mask; gives the one before.
    pub(super) fn set(self) -> Mask {
        Mask(change(Some(&self.0)))
    }

    /// This thread's.
    pub(super) fn now() -> Mask {
        Mask(change(None))
    }
}

/// `None` only looks.
fn change(new: Option<&u64>) -> u64 {
    let (new, mut old) = (new.map_or(std::ptr::null(), std::ptr::from_ref), 0u64);
    // SAFETY: `new` is null or a set of the size that is passed, which `old` has too; both live through the call.
    unsafe { libc::syscall(libc::SYS_rt_sigprocmask, libc::SIG_SETMASK, new, &raw mut old, size_of::<u64>()) };
    old
}

/// What a program starts with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Found {
    pub mask: Mask,
    pub pipe_ignored: bool,
    /// Set by what must not ignore SIGCHLD itself; all other dispositions pass on by themselves.
    pub child_ignored: bool,
}

impl Found {
    /// What a unit gets.
    pub(super) const DEFAULT: Found = Found { mask: Mask::EMPTY, pipe_ignored: false, child_ignored: false };

    /// What this process was started with, if it changed neither its mask nor SIGCHLD since.
    pub(super) fn at_start() -> Found {
        let child_ignored = ignored(libc::SIGCHLD);
        Found { mask: Mask::now(), pipe_ignored: PIPE_IGNORED.load(Relaxed), child_ignored }
    }

    /// Sets the dispositions, then the mask. The last thing before an exec: what was blocked may end us now.
    pub(super) fn restore(self) {
        ignore(libc::SIGPIPE, self.pipe_ignored);
        if self.child_ignored {
            ignore(libc::SIGCHLD, true);
        }
        self.mask.set();
    }
}

/// SIGPIPE becomes what it was before Rust's start (`true`), or what it is while Rust runs.
pub(super) fn restore_pipe(found: bool) {
    ignore(libc::SIGPIPE, !found || PIPE_IGNORED.load(Relaxed));
}

/// The default disposition again, whatever was found.
pub(super) fn take(signal: Signal) {
    ignore(signal.number(), false);
}

fn ignore(signal: i32, ignored: bool) {
    // SAFETY: SIG_DFL and SIG_IGN with an empty mask are valid actions.
    unsafe {
        let mut action: libc::sigaction = MaybeUninit::zeroed().assume_init();
        action.sa_sigaction = if ignored { libc::SIG_IGN } else { libc::SIG_DFL };
        libc::sigaction(signal, &action, std::ptr::null_mut());
    }
}

/// Whether this process ignores the signal now.
pub(super) fn ignores(signal: Signal) -> bool {
    ignored(signal.number())
}

fn ignored(signal: i32) -> bool {
    // SAFETY: zeroes are a valid sigaction, which the call fills.
    let action = unsafe {
        let mut action: libc::sigaction = MaybeUninit::zeroed().assume_init();
        libc::sigaction(signal, std::ptr::null(), &mut action);
        action
    };
    action.sa_sigaction == libc::SIG_IGN
}

static PIPE_IGNORED: AtomicBool = AtomicBool::new(false);

/// Remembers what the runtime is about to change: one system call.
pub(super) fn look() {
    PIPE_IGNORED.store(ignored(libc::SIGPIPE), Relaxed);
}
