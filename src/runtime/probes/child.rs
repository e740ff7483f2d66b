//! A child beside the units: a probe's command, or a question to the name servers. What it writes comes through a
//! pipe; it leads a process group, which goes with it.

use crate::model::signal::Signal;
use crate::model::unit::Pid;
use crate::runtime::launcher::{Prepared, of, refused};
use crate::supervise::event::Fault;
use crate::sys::fault::{exhausted, reason};
use crate::sys::poll::{Interest, Poller, Token};
use crate::sys::{pipes, processes};
use rustix::io::Errno;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

/// Bytes taken at a time.
const CHUNK: usize = 4 << 10;
/// Chunks that one child's output may take before others have their turn.
const TURN: u32 = 4;
/// As many chunks as a pipe holds: what is there when the child has ended.
const ALL: u32 = 32;
/// A line of output is cut at this length.
const LINE: usize = 1 << 10;

/// A child that is awaited.
#[derive(Debug)]
pub struct Child {
    pid: Pid,
    /// `None`: everybody who could write has closed it.
    output: Option<OwnedFd>,
    line: Vec<u8>,
}

impl Child {
    /// Starts it; its output goes into `poller` under `token`.
    pub fn start(prepared: &Prepared, null: BorrowedFd<'_>, poller: &Poller, token: Token) -> Result<Child, Fault> {
        let words = |errno| of(exhausted(errno), format!("cannot make a pipe: {}", reason(errno)));
        let (output, writer) = pipes::one_way().map_err(words)?;
        poller.add(&output, token, Interest::IN).map_err(words)?;
        let stdio = [Some(null), Some(writer.as_fd()), Some(writer.as_fd())];
        let pid = prepared.start(stdio, None).map_err(|fault| refused(&fault))?;
        Ok(Child { pid, output: Some(output), line: Vec::new() })
    }

    /// Its number, and its group's.
    pub fn pid(&self) -> Pid {
        self.pid
    }

    /// Takes some of what it has written; `line` gets each line, without its newline.
    pub fn read(&mut self, line: impl FnMut(&[u8])) {
        self.take(TURN, line);
    }

    /// It has ended: takes the rest.
    pub fn read_all(&mut self, mut line: impl FnMut(&[u8])) {
        self.take(ALL, &mut line);
        if !self.line.is_empty() {
            line(&self.line);
        }
        self.output = None;
    }

    fn take(&mut self, chunks: u32, mut line: impl FnMut(&[u8])) {
        for _ in 0..chunks {
            let Some(output) = &self.output else { return };
            let mut chunk = [0; CHUNK];
            match pipes::read_into(output, &mut chunk) {
                Ok(0) => self.output = None,
                Ok(count) => self.split(chunk.get(..count).unwrap_or_default(), &mut line),
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => return,
                Err(_) => self.output = None,
            }
        }
    }

    fn split(&mut self, chunk: &[u8], line: &mut impl FnMut(&[u8])) {
        for part in chunk.split_inclusive(|b| *b == b'\n') {
            let text = part.strip_suffix(b"\n").unwrap_or(part);
            let room = LINE.saturating_sub(self.line.len());
            self.line.extend_from_slice(text.get(..room).unwrap_or(text));
            if part.len() > text.len() {
                line(&self.line);
                self.line.clear();
            }
        }
    }

    /// Ends it with all of its group. It must not have been reaped.
    pub fn kill(&self) {
        let _ = processes::kill_group(self.pid, Signal::KILL);
    }
}
