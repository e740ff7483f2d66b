//! inotify(7): one directory watched for one name. Used while a pid file is awaited.
//!
//! A hint, never the truth: whoever holds one looks at the file itself after each hint, and now and then without
//! (network file systems tell nothing, and a user may have 128 instances only, those of other containers included).

use rustix::fs::inotify::{self, CreateFlags, ReadFlags, Reader, WatchFlags};
use rustix::io::{Errno, Result};
use std::ffi::OsStr;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// An inotify instance with one watch at most.
#[derive(Debug)]
pub struct Inotify {
    fd: OwnedFd,
    watch: Option<i32>,
}

/// A name that appears, is written, moved here, or may be read now; and the directory's own end.
const HINTS: WatchFlags = WatchFlags::CREATE
    .union(WatchFlags::MOVED_TO)
    .union(WatchFlags::MODIFY)
    .union(WatchFlags::CLOSE_WRITE)
    .union(WatchFlags::ATTRIB)
    .union(WatchFlags::DELETE_SELF)
    .union(WatchFlags::MOVE_SELF)
    .union(WatchFlags::ONLYDIR);

/// Events taken in one go: whoever makes them faster than they are read holds nobody up for ever.
const TURN: usize = 1024;
/// Room for one event with the longest name, and for dozens of common ones.
const BUFFER: usize = 4096;

impl Inotify {
    /// An instance that watches nothing yet. EMFILE when the user has too many.
    pub fn new() -> Result<Inotify> {
        let fd = inotify::init(CreateFlags::CLOEXEC | CreateFlags::NONBLOCK)?;
        Ok(Inotify { fd, watch: None })
    }

    /// Watches this directory instead of the one before.
    pub fn watch(&mut self, directory: &Path) -> Result<()> {
        self.forget();
        self.watch = Some(inotify::add_watch(&self.fd, directory, HINTS)?);
        Ok(())
    }

    /// Watches nothing.
    pub fn forget(&mut self) {
        if let Some(watch) = self.watch.take() {
            // It may have gone with its directory.
            let _ = inotify::remove_watch(&self.fd, watch);
        }
    }

    /// Takes what was reported, up to [`TURN`] events (the descriptor stays readable while there are more): whether
    /// it concerned `name`, or the directory itself, or events were lost.
    pub fn drain(&mut self, name: &OsStr) -> bool {
        let mut buffer = [MaybeUninit::uninit(); BUFFER];
        let mut reader = Reader::new(&self.fd, &mut buffer);
        let mut concerned = false;
        // What a read has brought along is taken with it: the reader's buffer is lost with the reader.
        let mut taken = 0;
        while taken < TURN || !reader.is_buffer_empty() {
            taken += 1;
            match reader.next() {
                Ok(event) => {
                    let lost = event.events().contains(ReadFlags::QUEUE_OVERFLOW);
                    // Late news of an earlier watch is none, apart from lost events, which belong to no watch.
                    let current = self.watch == Some(event.wd());
                    let named = event.file_name().is_none_or(|found| found.to_bytes() == name.as_bytes());
                    concerned |= lost || (current && named);
                    if current && event.events().contains(ReadFlags::IGNORED) {
                        self.watch = None;
                    }
                }
                Err(Errno::INTR) => {}
                Err(_) => break,
            }
        }
        concerned
    }

    /// Whether a directory is watched: it may have gone.
    pub fn is_watching(&self) -> bool {
        self.watch.is_some()
    }
}

impl AsFd for Inotify {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::event::{PollFd, PollFlags, poll};
    use std::fs;

    #[test]
    fn only_the_name_and_the_directory_concern() {
        let directory = std::env::temp_dir().join(format!("wingmate-inotify-{}", std::process::id()));
        fs::create_dir_all(&directory).unwrap();
        let mut inotify = Inotify::new().unwrap();
        inotify.watch(&directory).unwrap();
        let name = OsStr::new("a.pid");
        assert!(!inotify.drain(name));
        fs::write(directory.join("b.pid"), "1").unwrap();
        assert!(!inotify.drain(name));
        fs::write(directory.join("a.pid"), "1").unwrap();
        assert!(inotify.drain(name));
        fs::rename(directory.join("b.pid"), directory.join("a.pid")).unwrap();
        assert!(inotify.drain(name));
        fs::remove_dir_all(&directory).unwrap();
        // The directory's end may be told a moment later: whoever else has it open keeps it.
        while inotify.is_watching() {
            poll(&mut [PollFd::new(&inotify, PollFlags::IN)], None).unwrap();
            assert!(inotify.drain(name));
        }
    }
    #[test]
    fn a_flood_is_taken_in_turns() {
        let directory = std::env::temp_dir().join(format!("wingmate-inotify-flood-{}", std::process::id()));
        fs::create_dir_all(&directory).unwrap();
        let mut inotify = Inotify::new().unwrap();
        inotify.watch(&directory).unwrap();
        let name = OsStr::new("a.pid");
        // Two names in turn: the kernel merges equal neighbours.
        for _ in 0..TURN {
            fs::write(directory.join("b"), "1").unwrap();
            fs::write(directory.join("c"), "1").unwrap();
        }
        fs::write(directory.join("a.pid"), "1").unwrap();
        let readable = |inotify: &Inotify| {
            let now = rustix::time::Timespec { tv_sec: 0, tv_nsec: 0 };
            poll(&mut [PollFd::new(inotify, PollFlags::IN)], Some(&now)).unwrap() == 1
        };
        assert!(!inotify.drain(name));
        assert!(readable(&inotify));
        let mut concerned = false;
        while readable(&inotify) {
            concerned |= inotify.drain(name);
        }
        assert!(concerned);
        fs::remove_dir_all(&directory).unwrap();
    }
}
