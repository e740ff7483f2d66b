//! The pipes that units write their lines to (`runtime::outputs`): a service's are made once, both ends held.

use rustix::fs::{Gid, OFlags, Uid, fchown, fcntl_getfl, fcntl_setfl};
use rustix::io::{Result, ioctl_fionread, read};
use rustix::pipe::{PipeFlags, fcntl_getpipe_size, fcntl_setpipe_size, pipe_with};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

/// A pipe with both of its ends, or the one to read from. Its reader never waits; its writers do when it is full.
#[derive(Debug)]
pub struct Pipe {
    read: OwnedFd,
    write: Option<OwnedFd>,
}

/// What a busy pipe grows to: it halves the cost of a line (more is little better).
const GROWN: usize = 256 << 10;

/// Takes what is there, as much as `buffer` has room for; 0 at the end.
pub fn read_into(fd: impl AsFd, buffer: &mut [u8]) -> Result<usize> {
    read(fd, buffer)
}

/// A pipe's two ends, to read from without waiting and to write to; no child inherits them by itself.
pub fn one_way() -> Result<(OwnedFd, OwnedFd)> {
    let (read, write) = pipe_with(PipeFlags::CLOEXEC)?;
    fcntl_setfl(&read, OFlags::NONBLOCK)?;
    Ok((read, write))
}

impl Pipe {
    /// A new pipe, which no child inherits by itself.
    pub fn new() -> Result<Pipe> {
        let (read, write) = one_way()?;
        Ok(Pipe { read, write: Some(write) })
    }

    /// Gives the pipe to this user and group, who can then reopen it by `/dev/stdout`. One's own pipe may be
    /// given to oneself by everybody, to others by root.
    pub fn give(&self, user: u32, group: u32) -> Result<()> {
        fchown(&self.read, Some(Uid::from_raw(user)), Some(Gid::from_raw(group)))
    }

    /// The end for a child, if it is still held. A program that had it before may have made it non-blocking for all
    /// who have it, and the next one wouldn't expect that: it is made blocking again.
    pub fn child_end(&self) -> Option<BorrowedFd<'_>> {
        let write = self.write.as_ref()?;
        if let Ok(flags) = fcntl_getfl(write) {
            if flags.contains(OFlags::NONBLOCK) {
                let _ = fcntl_setfl(write, flags - OFlags::NONBLOCK);
            }
        }
        Some(write.as_fd())
    }

    /// Whether the end for a child is held.
    pub fn is_held(&self) -> bool {
        self.write.is_some()
    }

    /// Lets go of the end for a child: when those who have it are gone, the pipe is at its end.
    pub fn let_go(&mut self) {
        self.write = None;
    }

    /// Takes what is there, at most as much as `buffer` has room for; nothing at the end, `AGAIN` if there is nothing
    /// yet.
    pub fn read<'b>(&self, buffer: &'b mut [MaybeUninit<u8>]) -> Result<&'b [u8]> {
        read(&self.read, buffer).map(|(bytes, _)| &*bytes)
    }

    /// How many bytes wait to be read.
    pub fn waiting(&self) -> u64 {
        ioctl_fionread(&self.read).unwrap_or(0)
    }

    /// Makes room for more if the kernel allows it: unprivileged users have a budget for all their pipes
    /// (`/proc/sys/fs/pipe-user-pages-soft`).
    pub fn grow(&self) -> Result<()> {
        if fcntl_getpipe_size(&self.read)? < GROWN { fcntl_setpipe_size(&self.read, GROWN).map(drop) } else { Ok(()) }
    }
}

impl AsFd for Pipe {
    /// The end that is read from.
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.read.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::io::{Errno, write};

    #[test]
    fn only_the_reader_never_waits() {
        let pipe = Pipe::new().unwrap();
        let mut buffer = [MaybeUninit::uninit(); 16];
        assert_eq!(pipe.read(&mut buffer).err(), Some(Errno::AGAIN));
        let child_end = pipe.child_end().unwrap();
        assert!(!fcntl_getfl(child_end).unwrap().contains(OFlags::NONBLOCK));
        write(child_end, b"hello").unwrap();
        assert_eq!(pipe.waiting(), 5);
        assert_eq!(pipe.read(&mut buffer[..3]), Ok(&b"hel"[..]));
        assert_eq!(pipe.waiting(), 2);
    }

    #[test]
    fn a_child_end_is_made_blocking_again() {
        let pipe = Pipe::new().unwrap();
        fcntl_setfl(pipe.child_end().unwrap(), OFlags::NONBLOCK).unwrap();
        assert!(!fcntl_getfl(pipe.child_end().unwrap()).unwrap().contains(OFlags::NONBLOCK));
    }

    #[test]
    fn it_ends_when_nobody_can_write_any_more() {
        let mut pipe = Pipe::new().unwrap();
        let child = pipe.child_end().unwrap().try_clone_to_owned().unwrap();
        pipe.let_go();
        assert!(pipe.child_end().is_none() && !pipe.is_held());
        let mut buffer = [MaybeUninit::uninit(); 16];
        assert_eq!(pipe.read(&mut buffer).err(), Some(Errno::AGAIN));
        write(&child, b"last").unwrap();
        drop(child);
        assert_eq!(pipe.read(&mut buffer), Ok(&b"last"[..]));
        assert_eq!(pipe.read(&mut buffer), Ok(&b""[..]));
    }

    #[test]
    fn a_pipe_grows() {
        let pipe = Pipe::new().unwrap();
        pipe.grow().unwrap();
        assert_eq!(fcntl_getpipe_size(&pipe), Ok(GROWN));
    }
}
