//! Standard output and error, and how the doors write to them: std's print macros panic when the stream is gone,
//! these tell it.

use super::clock;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::{Errno, write};
use rustix::stdio::{stderr, stdout};
use std::os::fd::BorrowedFd;
use std::time::Duration;

/// Bytes that never wait where poll says that something can be written (POSIX's PIPE_BUF at its least).
const SMALL: usize = 512;

/// The same for a pipe of Linux (pipe(7)), where a write of so many is also in one piece.
pub const PIECE: usize = 4096;

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

/// As [`err`], giving up on a reader that lets `limit` pass. In small writes: what is writable takes one page at
/// least, and a larger write would wait for the rest of its room.
pub fn err_within(text: &str, limit: Duration) {
    let until = clock::mono() + limit;
    let mut bytes = text.as_bytes();
    while !bytes.is_empty() {
        let (part, rest) = bytes.split_at(bytes.len().min(SMALL));
        let left = until.since(clock::mono());
        let timeout = Timespec { tv_sec: left.as_secs() as i64, tv_nsec: left.subsec_nanos().into() };
        match poll(&mut [PollFd::from_borrowed_fd(stderr(), PollFlags::OUT)], Some(&timeout)) {
            Err(Errno::INTR) => continue,
            Ok(1..) => {}
            Ok(0) | Err(_) => return,
        }
        match write(stderr(), part) {
            Ok(count) => bytes = bytes.get(count..).unwrap_or(rest),
            Err(Errno::INTR | Errno::AGAIN) => {}
            Err(_) => return,
        }
    }
}

/// Writes of `bytes` what stderr takes at this moment, [`PIECE`] at most; gives how many. EAGAIN: nothing. The stream
/// isn't made non-blocking for that: it is other processes' as well.
pub fn err_now(bytes: &[u8]) -> Result<usize, Errno> {
    let now = Timespec { tv_sec: 0, tv_nsec: 0 };
    match poll(&mut [PollFd::from_borrowed_fd(stderr(), PollFlags::OUT)], Some(&now)) {
        Ok(1..) => write(stderr(), bytes.get(..PIECE).unwrap_or(bytes)),
        Ok(0) | Err(Errno::INTR) => Err(Errno::AGAIN),
        Err(errno) => Err(errno),
    }
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
    match poll(&mut [PollFd::from_borrowed_fd(fd, PollFlags::OUT)], None) {
        Ok(_) | Err(Errno::INTR) => Ok(()),
        Err(errno) => Err(errno),
    }
}
