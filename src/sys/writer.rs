//! A process that only writes: the last resort for a stream that can't be written to without waiting
//! (`sys::sink`). It blocks, so that wingmate doesn't.
//!
//! It has the stream, one end of a socket pair, and no other descriptor; every signal is blocked in it. It ends
//! when the other end is shut and all is written, or when the stream fails: then its last word is one byte, so
//! that a writer that was killed can be told from a reader that has gone.
//!
//! Unsafe: fork(2) without exec, for which std and rustix have nothing. The child makes system calls only, on a
//! buffer of its stack: no allocation, no lock, no panic.
#![allow(unsafe_code)]

use super::last_errno;
use crate::model::unit::Pid;
use rustix::io::{Errno, Result};
use rustix::net::{AddressFamily, RecvFlags, SocketFlags, SocketType, recv, socketpair};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

/// The process and the socket that what it is to write is sent to.
#[derive(Debug)]
pub struct Writer {
    link: OwnedFd,
    pid: Pid,
}

impl Writer {
    /// Starts a process that writes to `stream`.
    pub fn start(stream: BorrowedFd<'_>) -> Result<Writer> {
        let (link, theirs) = socketpair(AddressFamily::UNIX, SocketType::STREAM, SocketFlags::CLOEXEC, None)?;
        // SAFETY: the child calls `serve` only, which is made for it (see there) and never returns.
        let pid = unsafe { libc::fork() };
        match pid {
            -1 => Err(last_errno()),
            0 => serve(theirs.as_raw_fd(), stream.as_raw_fd()),
            pid => Ok(Writer { link, pid: Pid::from_raw(pid).ok_or(Errno::CHILD)? }),
        }
    }

    /// The writing process, a child of this one.
    pub fn pid(&self) -> Pid {
        self.pid
    }

    /// Whether it ended because the stream failed (and not because it was killed).
    pub fn has_failed(&self) -> bool {
        matches!(recv(&self.link, &mut [0u8; 1], RecvFlags::DONTWAIT), Ok((1, _)))
    }

    /// Tells it that nothing more comes. Its end of the link closes when it has written all.
    pub fn close(&self) {
        let _ = rustix::net::shutdown(&self.link, rustix::net::Shutdown::Write);
    }

    /// Whether it has written all that it was sent and has ended, after [`Writer::close`].
    pub fn has_ended(&self) -> bool {
        matches!(recv(&self.link, &mut [0u8; 1], RecvFlags::DONTWAIT), Ok(_) | Err(Errno::CONNRESET))
    }
}

impl AsFd for Writer {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.link.as_fd()
    }
}

/// The child: from `link` to `stream` until one of them ends.
fn serve(link: i32, stream: i32) -> ! {
    let mut buffer = MaybeUninit::<[u8; 16 << 10]>::uninit();
    // SAFETY: system calls on this frame's buffer and on descriptors of this process alone. Nothing of the
    // parent's memory is touched, whose locks may be held by threads that don't exist here.
    unsafe {
        let mut all = MaybeUninit::uninit();
        libc::sigfillset(all.as_mut_ptr());
        libc::sigprocmask(libc::SIG_SETMASK, all.as_ptr(), std::ptr::null_mut());
        // Out of the terminal's foreground group, so that writing to it is never a job-control matter.
        libc::setsid();
        // Above the standard three first, so that neither overwrites the other.
        let link = libc::fcntl(link, libc::F_DUPFD, 3);
        let stream = libc::fcntl(stream, libc::F_DUPFD, 3);
        if link < 0 || stream < 0 || libc::dup2(link, 0) < 0 || libc::dup2(stream, 1) < 0 {
            libc::_exit(1);
        }
        close_from(2);
        let buffer: *mut u8 = buffer.as_mut_ptr().cast();
        loop {
            match libc::read(0, buffer.cast(), 16 << 10) {
                0 => libc::_exit(0),
                count if count > 0 => {
                    if !write_all(buffer, count as usize) {
                        libc::write(0, buffer.cast(), 1);
                        libc::_exit(1);
                    }
                }
                _ if *libc::__errno_location() == libc::EINTR => {}
                _ => libc::_exit(1),
            }
        }
    }
}

/// Closes every descriptor from this one on.
///
/// # Safety
/// Nobody in this process may use them any more.
unsafe fn close_from(first: i32) {
    // SAFETY: as the caller promises; a number that isn't open is refused harmlessly.
    unsafe {
        if libc::syscall(libc::SYS_close_range, first, i32::MAX, 0) == 0 {
            return;
        }
        // Linux before 5.9. Wingmate's own descriptors are low ones.
        for fd in first..65_536 {
            libc::close(fd);
        }
    }
}

/// Writes to descriptor 1 and waits as long as it takes. A full disk is tried again each second.
///
/// # Safety
/// `count` bytes at `bytes` must be readable.
unsafe fn write_all(mut bytes: *const u8, mut count: usize) -> bool {
    while count > 0 {
        // SAFETY: `bytes` and `count` keep within what the caller gave; the pollfd lives through its call.
        unsafe {
            let written = libc::write(1, bytes.cast(), count);
            if written >= 0 {
                bytes = bytes.add(written as usize);
                count -= written as usize;
                continue;
            }
            match *libc::__errno_location() {
                libc::EINTR => {}
                libc::EAGAIN => {
                    libc::poll(&mut libc::pollfd { fd: 1, events: libc::POLLOUT, revents: 0 }, 1, -1);
                }
                libc::ENOSPC | libc::EDQUOT | libc::ENOMEM => {
                    libc::poll(std::ptr::null_mut(), 0, 1000);
                }
                _ => return false,
            }
        }
    }
    true
}
