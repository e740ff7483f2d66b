//! A terminal for a program under test: it becomes the leader of a session that has it.
//!
//! Unsafe: pty(7)'s ioctls and what the child does before its exec.
#![allow(unsafe_code)]

use rustix::process::Pid;
use rustix::termios::tcgetpgrp;
use std::fs::{File, OpenOptions};
use std::io::{Error, Write};
use std::os::fd::AsRawFd;
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::process::CommandExt;
use std::process::Command;
use std::time::{Duration, Instant};

/// The side on which a person would sit.
pub struct Terminal {
    pub master: File,
    slave: File,
}

impl Terminal {
    pub fn new() -> Terminal {
        let open =
            |path: &str| OpenOptions::new().read(true).write(true).custom_flags(libc::O_NOCTTY).open(path).unwrap();
        let master = open("/dev/ptmx");
        let (mut number, unlock) = (0, 0);
        // SAFETY: both calls read or write the one int that is passed.
        unsafe {
            assert_eq!(libc::ioctl(master.as_raw_fd(), libc::TIOCSPTLCK, &unlock), 0);
            assert_eq!(libc::ioctl(master.as_raw_fd(), libc::TIOCGPTN, &raw mut number), 0);
        }
        let slave = open(&format!("/dev/pts/{number}"));
        Terminal { master, slave }
    }

    /// The program gets it as stdin and as its controlling terminal.
    pub fn give<'a>(&self, command: &'a mut Command) -> &'a mut Command {
        // SAFETY: setsid and ioctl are async-signal-safe, nothing is allocated.
        unsafe {
            command.stdin(self.slave.try_clone().unwrap()).pre_exec(|| {
                if libc::setsid() < 0 || libc::ioctl(0, libc::TIOCSCTTY, 0) < 0 {
                    return Err(Error::last_os_error());
                }
                Ok(())
            })
        }
    }

    pub fn type_in(&mut self, text: &str) {
        self.master.write_all(text.as_bytes()).unwrap();
    }

    /// Until this process group is the foreground one.
    pub fn await_foreground(&self, group: Pid) {
        let begun = Instant::now();
        while tcgetpgrp(&self.master).ok() != Some(group) {
            assert!(begun.elapsed() < Duration::from_secs(60), "the terminal isn't given back");
            std::thread::yield_now();
        }
    }
}
