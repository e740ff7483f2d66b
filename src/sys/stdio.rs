//! Standard output and error, and how the doors write to them: std's print macros panic when the stream is gone,
//! these tell it.

use rustix::io::{Errno, write};
use rustix::stdio::{stderr, stdout};
use std::os::fd::BorrowedFd;

/// Both of them.
pub fn streams() -> [BorrowedFd<'static>; 2] {
    [stdout(), stderr()]
}

/// Writes all of `text` to stdout. A reader that has gone is EPIPE (SIGPIPE is ignored by std's start).
pub fn out(text: &str) -> Result<(), Errno> {
    write_all(stdout(), text.as_bytes())
}

/// Writes all of `text` to stderr, as far as that goes: there is nobody left to tell a failure.
pub fn err(text: &str) {
    let _ = write_all(stderr(), text.as_bytes());
}

fn write_all(fd: BorrowedFd<'_>, mut bytes: &[u8]) -> Result<(), Errno> {
    while !bytes.is_empty() {
        match write(fd, bytes) {
            Ok(count) => bytes = bytes.get(count..).unwrap_or_default(),
            Err(Errno::INTR) => {}
            Err(Errno::AGAIN) => wait_writable(fd)?,
            Err(errno) => return Err(errno),
        }
    }
    Ok(())
}

/// A stream that somebody made non-blocking is waited for: applets may block, init's log doesn't come here.
fn wait_writable(fd: BorrowedFd<'_>) -> Result<(), Errno> {
    use rustix::event::{PollFd, PollFlags, poll};
    match poll(&mut [PollFd::from_borrowed_fd(fd, PollFlags::OUT)], None) {
        Ok(_) | Err(Errno::INTR) => Ok(()),
        Err(errno) => Err(errno),
    }
}
