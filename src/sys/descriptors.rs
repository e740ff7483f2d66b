//! Which descriptors children see: 0, 1 and 2, what is passed on purpose, nothing else. wingmate opens everything
//! close-on-exec; this is for what it inherited itself, and for what a child gets.
//!
//! Unsafe: close_range(2) and bare descriptor numbers, for which rustix has no safe interface.
#![allow(unsafe_code)]

use rustix::event::{EventfdFlags, eventfd};
use rustix::fs::{Mode, OFlags, open};
use rustix::io::{Errno, Result};
use rustix::pipe::{PipeFlags, pipe_with};
use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd, RawFd};

/// The first descriptor that isn't a standard stream.
pub(super) const FIRST: RawFd = 3;

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

/// One descriptor kept in reserve: when there are no more to be had, a start can still open a file.
#[derive(Debug)]
pub struct Spare(Option<OwnedFd>);

impl Spare {
    /// Takes one.
    pub fn new() -> Result<Spare> {
        reserve().map(|fd| Spare(Some(fd)))
    }

    /// Something failed. If there is no other descriptor to be had: lets this one go, for one more try, and gives the
    /// kernel's reason. It is to be taken back after that.
    pub fn lend(&mut self) -> Option<Errno> {
        match reserve() {
            Ok(fd) => {
                // It may have been lost.
                self.0.get_or_insert(fd);
                None
            }
            Err(errno @ (Errno::MFILE | Errno::NFILE)) => self.0.take().map(|_| errno),
            Err(_) => None,
        }
    }

    /// Takes one again, if it wasn't used up.
    pub fn take_back(&mut self) -> Result<()> {
        self.0 = Some(reserve()?);
        Ok(())
    }
}

/// Whether there is no other descriptor to be had at present.
pub fn none_left() -> bool {
    reserve().is_err()
}

/// An eventfd: it takes a place in the system's table of open files too, and needs no file system.
fn reserve() -> Result<OwnedFd> {
    eventfd(0, EventfdFlags::CLOEXEC)
}

/// What a child gets: nothing but this.
#[derive(Clone, Copy, Debug, Default)]
pub struct Descriptors<'a> {
    /// Its descriptors 0, 1 and 2. `None`: ours.
    pub stdio: [Option<BorrowedFd<'a>>; 3],
    /// Others, each with its number in the child, from 3 on.
    pub others: &'a [(BorrowedFd<'a>, RawFd)],
}

impl<'a> Descriptors<'a> {
    /// These standard streams, and no others.
    pub fn stdio(stdio: [Option<BorrowedFd<'a>>; 3]) -> Descriptors<'a> {
        Descriptors { stdio, others: &[] }
    }

    pub(super) fn wires(&self) -> Vec<Wire> {
        let stdio = (0..).zip(self.stdio).filter_map(|(target, fd)| fd.map(|fd| (fd, target)));
        let all = stdio.chain(self.others.iter().copied());
        all.map(|(fd, target)| Wire { source: fd.as_raw_fd(), target }).collect()
    }
}

/// One descriptor on its way into a child.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wire {
    pub source: RawFd,
    pub target: RawFd,
}

/// Gives every source its number, in a child before its exec: no allocation. A source may stand where another
/// belongs: it is moved out of the way first. What was at a target is this child's alone. Gives the first target
/// that couldn't be.
pub(super) fn redirect(wires: &mut [Wire]) -> std::result::Result<(), (RawFd, Errno)> {
    for place in 0..wires.len() {
        let Some(Wire { source, target }) = wires.get(place).copied() else { break };
        if source != target && is_target(wires, source) {
            let free = aside(source, wires).map_err(|errno| (target, errno))?;
            if let Some(wire) = wires.get_mut(place) {
                wire.source = free;
            }
        }
    }
    for Wire { source, target } in wires.iter().copied() {
        let done = if source == target {
            // SAFETY: no memory is passed. dup2 of a descriptor to itself would leave it close-on-exec.
            unsafe { libc::fcntl(source, libc::F_SETFD, 0) }
        } else {
            // SAFETY: no memory is passed.
            unsafe { libc::dup2(source, target) }
        };
        check(done).map_err(|errno| (target, errno))?;
    }
    Ok(())
}

/// A copy of `source` at a number that is nobody's target. It closes itself at exec, as do those tried on the way.
fn aside(source: RawFd, wires: &[Wire]) -> Result<RawFd> {
    let mut free = FIRST - 1;
    loop {
        // SAFETY: no memory is passed.
        free = check(unsafe { libc::fcntl(source, libc::F_DUPFD_CLOEXEC, free + 1) })?;
        if !is_target(wires, free) {
            return Ok(free);
        }
    }
}

fn is_target(wires: &[Wire], number: RawFd) -> bool {
    wires.iter().any(|wire| wire.target == number)
}

fn check(result: i32) -> Result<i32> {
    if result < 0 { Err(super::last_errno()) } else { Ok(result) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::process::{Resource, Rlimit, setrlimit};
    use std::fs::File;
    use std::process::Command;

    #[test]
    fn what_is_kept_in_reserve_is_there_when_nothing_else_is() {
        const WITHIN: &str = "WINGMATE_TEST_SPARE";
        if std::env::var_os(WITHIN).is_none() {
            // The limit holds for a whole process.
            let again = ["sys::descriptors::tests::what_is_kept_in_reserve_is_there_when_nothing_else_is", "--exact"];
            let output = Command::new(std::env::current_exe().unwrap()).args(again).env(WITHIN, "1").output().unwrap();
            return assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
        }
        let mut spare = Spare::new().unwrap();
        setrlimit(Resource::Nofile, Rlimit { current: Some(40), maximum: Some(40) }).unwrap();
        let open = || File::open("/dev/null");
        assert_eq!(spare.lend(), None, "there are others");
        let _all: Vec<File> = std::iter::from_fn(|| open().ok()).collect();
        for _ in 0..2 {
            assert!(open().is_err());
            assert_eq!(spare.lend(), Some(Errno::MFILE));
            drop(open().unwrap());
            spare.take_back().unwrap();
        }
        spare.lend();
        let kept = open().unwrap();
        assert_eq!(spare.take_back(), Err(Errno::MFILE));
        assert_eq!(spare.lend(), None, "it is lost");
        drop(kept);
        assert_eq!(spare.lend(), None, "it is there again");
        assert!(open().is_err());
        assert_eq!(spare.lend(), Some(Errno::MFILE));
    }
}
