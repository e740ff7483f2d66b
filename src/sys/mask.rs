//! The signal mask, and what this process was given at its start: `wmexec` passes both on as found.
//!
//! Rust's runtime ignores SIGPIPE before main (rust-lang/rust#62569) and nothing stable tells what it was before,
//! so a function in `.init_array`, which runs earlier still, looks. It makes one system call and stores one bit.
//!
//! Unsafe: the bare rt_sigprocmask (the C library's leaves its own signals out), sigaction, and the link section.
#![allow(unsafe_code)]

use rustix::io::Errno;
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
        let mut old = 0u64;
        // SAFETY: both point to a kernel sigset of the size that is passed.
        unsafe {
            libc::syscall(
                libc::SYS_rt_sigprocmask,
                libc::SIG_SETMASK,
                &raw const self.0,
                &raw mut old,
                size_of::<u64>(),
            )
        };
        Mask(old)
    }
}

/// What a program starts with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Found {
    pub mask: Mask,
    pub pipe_ignored: bool,
}

impl Found {
    /// What a unit gets.
    pub(super) const DEFAULT: Found = Found { mask: Mask::EMPTY, pipe_ignored: false };

    /// What this process was started with; its mask must not have been changed since.
    pub(super) fn at_start() -> Found {
        let mask = Mask::ALL.set();
        mask.set();
        Found { mask, pipe_ignored: PIPE_IGNORED.load(Relaxed) }
    }

    /// Sets SIGPIPE's disposition, then the mask. The last thing before an exec: what was blocked may end us now.
    pub(super) fn restore(self) {
        // SAFETY: SIG_DFL and SIG_IGN with an empty mask are valid actions.
        unsafe {
            let mut action: libc::sigaction = MaybeUninit::zeroed().assume_init();
            action.sa_sigaction = if self.pipe_ignored { libc::SIG_IGN } else { libc::SIG_DFL };
            libc::sigaction(libc::SIGPIPE, &action, std::ptr::null_mut());
        }
        self.mask.set();
    }
}

static PIPE_IGNORED: AtomicBool = AtomicBool::new(false);

#[used]
#[unsafe(link_section = ".init_array")]
static LOOK: extern "C" fn() = look;

extern "C" fn look() {
    // SAFETY: zeroes are a valid sigaction, which the call fills; the C library is set up before .init_array.
    let action = unsafe {
        let mut action: libc::sigaction = MaybeUninit::zeroed().assume_init();
        libc::sigaction(libc::SIGPIPE, std::ptr::null(), &mut action);
        action
    };
    PIPE_IGNORED.store(action.sa_sigaction == libc::SIG_IGN, Relaxed);
}

/// What the last call of the C library failed with.
pub(super) fn last_errno() -> Errno {
    Errno::from_io_error(&std::io::Error::last_os_error()).unwrap_or(Errno::IO)
}
