//! Before main, and before Rust's runtime: what this process was given, while it can still be seen.
//!
//! The runtime ends us without a word if 0, 1 or 2 is closed and `/dev/null` can't be opened, as in a chroot without
//! `/dev`; and afterwards nobody can tell which of them it opened. So a function in `.init_array`, which runs earlier,
//! looks and sees to them itself. Nothing there allocates or uses std's streams.
//!
//! Unsafe: the link section, and poll, fcntl, open and epoll_create1 on bare numbers.
#![allow(unsafe_code)]

use super::mask;
use std::ffi::CStr;
use std::os::fd::RawFd;
use std::sync::atomic::{AtomicU8, Ordering::Relaxed};

/// The standard streams that were found closed: bit N is descriptor N.
static CLOSED: AtomicU8 = AtomicU8::new(0);

#[used]
#[unsafe(link_section = ".init_array")]
static LOOK: extern "C" fn() = look;

extern "C" fn look() {
    mask::look();
    let mut polled = [0, 1, 2].map(|fd| libc::pollfd { fd, events: 0, revents: 0 });
    // SAFETY: three entries are passed, and live through the call. It doesn't wait.
    let told = unsafe { libc::poll(polled.as_mut_ptr(), 3, 0) } >= 0;
    for one in polled {
        // What only names a file (O_PATH) is invalid to poll, too.
        if (!told || one.revents & libc::POLLNVAL != 0) && is_closed(one.fd) {
            CLOSED.fetch_or(1 << one.fd, Relaxed);
            fill();
        }
    }
}

/// Takes the lowest number that is free: in ascending order it is the one that was found closed.
fn fill() {
    let opened = |path: &CStr, flags| {
        // SAFETY: a string that ends in NUL; without O_CREAT there is no third argument.
        unsafe { libc::open(path.as_ptr(), flags) >= 0 }
    };
    // A directory is ready for everything and can neither be read nor written. Who may not even read `/` gets
    // something without a path, which can't either, and is never ready.
    if !opened(c"/dev/null", libc::O_RDWR) && !opened(c"/", libc::O_RDONLY | libc::O_DIRECTORY) {
        // SAFETY: no memory is passed.
        unsafe { libc::epoll_create1(0) };
    }
}

fn is_closed(fd: RawFd) -> bool {
    // SAFETY: no memory is passed; what isn't open is EBADF.
    unsafe { libc::fcntl(fd, libc::F_GETFD) < 0 }
}

/// The next exec leaves the streams closed that were found so. Until then, messages go where they can.
pub(super) fn leave_closed_what_was() {
    let closed = CLOSED.load(Relaxed);
    for fd in (0..3).filter(|fd| closed & 1 << fd != 0) {
        // SAFETY: no memory is passed; close-on-exec changes nothing for this process.
        unsafe { libc::fcntl(fd, libc::F_SETFD, libc::FD_CLOEXEC) };
    }
}
