//! Writing without waiting to what may not be made non-blocking, because others share it: the stdout and stderr
//! that wingmate was given.
//!
//! Readiness alone proves nothing (a pipe with 8 KiB free is writable, and a write of 64 KiB blocks), so:
//!
//! | what it is | how it is written to |
//! | --- | --- |
//! | regular file, block device, `/dev/null` and its kin | as it is: they don't wait for a reader; the offset stays shared |
//! | pipe, terminal, another device | opened again by `/proc/self/fd/N`, a description of its own, which is non-blocking |
//! | socket | sendmsg with MSG_DONTWAIT |
//! | pipe that may not be opened again (another user's, no `/proc`) | into a pipe of our own, from there by splice with SPLICE_F_NONBLOCK |
//! | whatever is left | by a process that only writes (`sys::writer`) |

use super::writer::Writer;
use crate::model::unit::Pid;
use rustix::fs::{FileType, Mode, OFlags, Stat, fstat, major, minor, open};
use rustix::io::{Errno, Result, fcntl_dupfd_cloexec, write, writev};
use rustix::net::{SendAncillaryBuffer, SendFlags, sendmsg};
use rustix::pipe::{PipeFlags, SpliceFlags, pipe_with, splice};
use std::io::IoSlice;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

/// A stream that can be written to without ever waiting.
#[derive(Debug)]
pub struct Sink {
    way: Way,
    stat: Stat,
    terminal: bool,
}

#[derive(Debug)]
enum Way {
    Direct(OwnedFd),
    Reopened(OwnedFd),
    Socket(OwnedFd),
    Spliced(Staging),
    Written { stream: OwnedFd, writer: Writer, restarts: u8 },
}

/// A pipe of our own in front of one that can only be spliced to.
#[derive(Debug)]
struct Staging {
    stream: OwnedFd,
    from: OwnedFd,
    into: OwnedFd,
    holds: usize,
}

/// How often a writing process that was killed gets a successor.
const RESTARTS: u8 = 3;

impl Sink {
    /// A sink for this stream, written to in the best way that is open to us.
    pub fn new(stream: impl AsFd) -> Result<Sink> {
        Sink::with(stream.as_fd(), reopen)
    }

    fn with(stream: BorrowedFd<'_>, reopen: fn(BorrowedFd<'_>, &Stat) -> Result<OwnedFd>) -> Result<Sink> {
        let stat = fstat(stream)?;
        let terminal = rustix::termios::isatty(stream);
        // A descriptor of its own in any case, so that a standard one can be closed or replaced.
        let own = || fcntl_dupfd_cloexec(stream, 3);
        let way = match FileType::from_raw_mode(stat.st_mode) {
            FileType::Socket => Way::Socket(own()?),
            FileType::Fifo => match reopen(stream, &stat) {
                Ok(fd) => Way::Reopened(fd),
                Err(_) => match Staging::new(own()?) {
                    Ok(staging) => Way::Spliced(staging),
                    Err(_) => Way::written(own()?)?,
                },
            },
            FileType::CharacterDevice if !is_memory(&stat) => match reopen(stream, &stat) {
                Ok(fd) => Way::Reopened(fd),
                Err(_) => Way::written(own()?)?,
            },
            _ => Way::Direct(own()?),
        };
        Ok(Sink { way, stat, terminal })
    }

    /// Whether both write to the same file, pipe, terminal or socket.
    pub fn is_same(&self, other: &Sink) -> bool {
        (self.stat.st_dev, self.stat.st_ino) == (other.stat.st_dev, other.stat.st_ino)
    }

    /// Whether a person may be looking at it.
    pub fn is_terminal(&self) -> bool {
        self.terminal
    }

    /// Whether it is a pipe or FIFO, whose next reader may come after the last has gone.
    pub fn is_pipe(&self) -> bool {
        FileType::from_raw_mode(self.stat.st_mode) == FileType::Fifo
    }

    /// Writes as much as it takes at once. `AGAIN`: nothing, until the descriptor is writable.
    pub fn write(&mut self, slices: &[IoSlice<'_>]) -> Result<usize> {
        match &mut self.way {
            Way::Direct(fd) | Way::Reopened(fd) => write_slices(fd, slices),
            Way::Socket(fd) => send(fd, slices),
            Way::Spliced(staging) => staging.write(slices),
            Way::Written { stream, writer, restarts } => loop {
                match send(&*writer, slices) {
                    Err(Errno::PIPE | Errno::CONNRESET) if !writer.has_failed() && *restarts < RESTARTS => {
                        *restarts += 1;
                        *writer = Writer::start(stream.as_fd())?;
                    }
                    result => return result,
                }
            },
        }
    }

    /// Moves on what a write has taken but the stream hasn't. `AGAIN`: some is left.
    pub fn push(&mut self) -> Result<()> {
        match &mut self.way {
            Way::Spliced(staging) => staging.push(),
            _ => Ok(()),
        }
    }

    /// Bytes that a write has taken but the stream hasn't.
    pub fn holds(&self) -> usize {
        match &self.way {
            Way::Spliced(staging) => staging.holds,
            _ => 0,
        }
    }

    /// Ends a writing process after all that it has; every other way has nothing to end.
    pub fn close(&self) {
        if let Way::Written { writer, .. } = &self.way {
            writer.close();
        }
    }

    /// Whether all has reached the stream, after [`Sink::close`]. Until then the descriptor becomes readable.
    pub fn is_closed(&self) -> bool {
        match &self.way {
            Way::Written { writer, .. } => writer.has_ended(),
            _ => true,
        }
    }

    /// The process that writes for us, if that was the only way.
    pub fn writer(&self) -> Option<Pid> {
        match &self.way {
            Way::Written { writer, .. } => Some(writer.pid()),
            _ => None,
        }
    }
}

impl AsFd for Sink {
    /// The descriptor that becomes writable.
    fn as_fd(&self) -> BorrowedFd<'_> {
        match &self.way {
            Way::Direct(fd) | Way::Reopened(fd) | Way::Socket(fd) => fd.as_fd(),
            Way::Spliced(staging) => staging.stream.as_fd(),
            Way::Written { writer, .. } => writer.as_fd(),
        }
    }
}

impl Way {
    fn written(stream: OwnedFd) -> Result<Way> {
        let writer = Writer::start(stream.as_fd())?;
        Ok(Way::Written { stream, writer, restarts: 0 })
    }
}

impl Staging {
    fn new(stream: OwnedFd) -> Result<Staging> {
        let (from, into) = pipe_with(PipeFlags::CLOEXEC | PipeFlags::NONBLOCK)?;
        let staging = Staging { stream, from, into, holds: 0 };
        // An empty pipe is AGAIN where splice works, and another error where it doesn't.
        match staging.splice(1) {
            Ok(_) | Err(Errno::AGAIN) => Ok(staging),
            Err(errno) => Err(errno),
        }
    }

    fn splice(&self, len: usize) -> Result<usize> {
        splice(&self.from, None, &self.stream, None, len, SpliceFlags::NONBLOCK | SpliceFlags::MOVE)
    }

    fn push(&mut self) -> Result<()> {
        while self.holds > 0 {
            match self.splice(self.holds) {
                Ok(0) => return Err(Errno::AGAIN),
                Ok(count) => self.holds = self.holds.saturating_sub(count),
                Err(Errno::INTR) => {}
                Err(errno) => return Err(errno),
            }
        }
        Ok(())
    }

    fn write(&mut self, slices: &[IoSlice<'_>]) -> Result<usize> {
        self.push()?;
        let count = write_slices(&self.into, slices)?;
        self.holds += count;
        match self.push() {
            // Taken all the same: the caller sees by `holds` that it has to wait.
            Ok(()) | Err(Errno::AGAIN) => Ok(count),
            Err(errno) => Err(errno),
        }
    }
}

/// The same file by a description of its own, so that being non-blocking is nobody else's matter.
fn reopen(stream: BorrowedFd<'_>, stat: &Stat) -> Result<OwnedFd> {
    if (major(stat.st_rdev), minor(stat.st_rdev)) == PTMX && is_device(stat) {
        return Err(Errno::NOTSUP);
    }
    let path = format!("/proc/self/fd/{}", stream.as_raw_fd());
    let flags = OFlags::WRONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    let fd = open(path, flags, Mode::empty())?;
    let found = fstat(&fd)?;
    // What is mounted on /proc may be anything.
    let same = (found.st_dev, found.st_ino, found.st_rdev) == (stat.st_dev, stat.st_ino, stat.st_rdev);
    if same { Ok(fd) } else { Err(Errno::BADF) }
}

/// A terminal's master side: opening it again makes another terminal.
const PTMX: (u32, u32) = (5, 2);
/// `/dev/null`, `/dev/full`, `/dev/kmsg` and so on.
const MEMORY: u32 = 1;

fn is_device(stat: &Stat) -> bool {
    FileType::from_raw_mode(stat.st_mode) == FileType::CharacterDevice
}

fn is_memory(stat: &Stat) -> bool {
    is_device(stat) && major(stat.st_rdev) == MEMORY
}

fn write_slices(fd: &OwnedFd, slices: &[IoSlice<'_>]) -> Result<usize> {
    loop {
        let result = match slices {
            [one] => write(fd, one),
            _ => writev(fd, slices),
        };
        if result != Err(Errno::INTR) {
            return result;
        }
    }
}

fn send(socket: impl AsFd, slices: &[IoSlice<'_>]) -> Result<usize> {
    loop {
        let flags = SendFlags::DONTWAIT | SendFlags::NOSIGNAL;
        match sendmsg(&socket, slices, &mut SendAncillaryBuffer::default(), flags) {
            Err(Errno::INTR) => {}
            result => return result,
        }
    }
}

#[cfg(test)]
pub mod tests;
