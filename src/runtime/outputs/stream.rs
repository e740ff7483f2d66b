//! One of two pipes and what has come through it (`runtime::outputs`).
//!
//! Positions count the bytes that were read from the pipe since it was made. At an exit the position of what the
//! kernel still holds is remembered ([`Source::end`]): when reading gets there, an unfinished line gets its newline,
//! so that the next life's first line isn't appended to it, and the message about the exit may be printed. A pipe whose
//! other end wingmate doesn't hold is over when everybody else has let go of it.

use super::printer::{BLOCK, Printer};
use crate::logs::lines::{Lines, REST};
use crate::logs::search::Search;
use crate::logs::stamp::Stream;
use crate::model::moment::{Mono, Now};
use crate::sys::pipes::Pipe;
use crate::sys::poll::Poller;
use rustix::io::Errno;
use std::collections::VecDeque;

/// Blocks that one stream may print before others have their turn.
const TURN: u32 = 4;
/// Exits that may wait in one stream; those beyond share the last one's place.
const ENDS: usize = 64;
/// The kernel counts a pipe in pages: with less than one free it was full.
const PAGE: usize = 4096;
/// Pipes that may be made larger: an unprivileged user has 16,384 pages for all pipes, and a child's own pipes
/// come from the same budget.
const LARGE: usize = 16;

/// One of a unit's two pipes.
#[derive(Debug)]
pub struct Source {
    pub pipe: Pipe,
    stream: Stream,
    /// Bytes read so far.
    read: u64,
    /// What a silent stream hasn't.
    pending: Option<Box<Pending>>,
    /// The outlet's position after the last line printed.
    printed: u64,
    /// When the last byte came.
    moved: Mono,
    may_grow: bool,
    pub grown: bool,
    /// The pipe is at its end, and nobody can write to it any more.
    pub over: bool,
    /// A text that is looked for in it, and whether it was met.
    search: Option<Box<Search>>,
    met: bool,
    /// In which of the waiting lists it is.
    pub parked: bool,
    pub resting: bool,
}

/// What waits in a stream.
#[derive(Debug)]
struct Pending {
    /// What came of a line that isn't finished.
    lines: Lines,
    /// Where lives ended, in order, as far as reading hasn't got there.
    ends: VecDeque<u64>,
}

static NOTHING: Pending = Pending { lines: Lines::new(), ends: VecDeque::new() };

/// Why pumping stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pumped {
    /// There is no more, or others have their turn: readiness tells when to go on.
    Enough,
    /// The outlet takes no more.
    Stuck,
}

impl Source {
    /// The end of this pipe that wingmate reads from.
    pub fn new(stream: Stream, pipe: Pipe) -> Source {
        Source {
            pipe,
            stream,
            read: 0,
            pending: None,
            printed: 0,
            moved: Mono::default(),
            may_grow: true,
            grown: false,
            over: false,
            search: None,
            met: false,
            parked: false,
            resting: false,
        }
    }

    fn pending(&self) -> &Pending {
        self.pending.as_deref().unwrap_or(&NOTHING)
    }

    fn pending_mut(&mut self) -> &mut Pending {
        self.pending.get_or_insert_with(|| Box::new(Pending { lines: Lines::new(), ends: VecDeque::new() }))
    }

    /// Reads and prints until the pipe is empty, the outlet stuck, or the turn over.
    pub fn pump(&mut self, unit: &str, printer: &mut Printer, poller: &Poller, now: Now) -> Pumped {
        let mut buffer = printer.take_buffer();
        let result = self.pump_through(&mut buffer, unit, printer, poller, now);
        printer.give_buffer(buffer);
        self.pending.take_if(|pending| pending.lines.is_empty() && pending.ends.is_empty());
        result
    }

    fn pump_through(
        &mut self,
        buffer: &mut Vec<u8>,
        unit: &str,
        printer: &mut Printer,
        poller: &Poller,
        now: Now,
    ) -> Pumped {
        let mut turn = TURN;
        loop {
            if !printer.outlet(self.stream).is_open() {
                return Pumped::Stuck;
            }
            if let Some(unseen) = self.pending.as_mut().and_then(|pending| pending.lines.take_unseen()) {
                printer.kept = printer.kept.saturating_sub(unseen.len());
                self.print(&unseen, unit, printer, poller, now);
                continue;
            }
            let end = self.pending().ends.front().copied();
            if end == Some(self.read) {
                self.pending_mut().ends.pop_front();
                self.finish(true, unit, printer, poller, now);
                continue;
            }
            if turn == 0 || self.over {
                return Pumped::Enough;
            }
            let wanted = end.map_or(BLOCK as u64, |end| end.saturating_sub(self.read)).min(BLOCK as u64);
            let wanted = usize::try_from(wanted).unwrap_or(BLOCK);
            let room = buffer.spare_capacity_mut().get_mut(..wanted).unwrap_or_default();
            match self.pipe.read(room) {
                Ok([]) => match end {
                    Some(end) => self.read = end,
                    None => {
                        self.over = true;
                        self.finish(true, unit, printer, poller, now);
                    }
                },
                Ok(chunk) => {
                    if self.search.take_if(|search| search.meets(self.read, chunk)).is_some() {
                        self.met = true;
                    }
                    self.read += chunk.len() as u64;
                    self.moved = now.mono;
                    // Less than there was room for: it is empty now.
                    turn = if chunk.len() < wanted { 0 } else { turn - 1 };
                    let full = chunk.len() > BLOCK - PAGE;
                    self.print(chunk, unit, printer, poller, now);
                    if full {
                        self.grow(printer);
                    }
                }
                Err(Errno::INTR) => {}
                Err(_) => match end {
                    // Somebody else took bytes out of the pipe: the end is here.
                    Some(end) => self.read = end,
                    None => return Pumped::Enough,
                },
            }
        }
    }

    fn print(&mut self, chunk: &[u8], unit: &str, printer: &mut Printer, poller: &Poller, now: Now) {
        let before = self.pending().lines.len();
        let done = printer.print(unit, self.stream, &self.pending().lines, chunk, poller, now);
        let outlet = printer.outlet(self.stream);
        self.printed = outlet.accepted();
        let lines = &mut self.pending_mut().lines;
        lines.keep(chunk, done, !outlet.is_open());
        printer.kept = (printer.kept + lines.len()).saturating_sub(before);
    }

    /// Prints what there is of a line. `whole`: nothing more will come.
    fn finish(&mut self, whole: bool, unit: &str, printer: &mut Printer, poller: &Poller, now: Now) {
        let rest = self.pending.as_mut().map(|pending| pending.lines.take()).unwrap_or_default();
        if !rest.is_empty() {
            printer.kept = printer.kept.saturating_sub(rest.len());
            printer.print_rest(unit, self.stream, &rest, whole, poller, now);
            self.printed = printer.outlet(self.stream).accepted();
        }
    }

    /// A busy pipe is made larger, if the budget allows.
    fn grow(&mut self, printer: &mut Printer) {
        if std::mem::take(&mut self.may_grow) && printer.large < LARGE && self.pipe.grow().is_ok() {
            self.grown = true;
            printer.large += 1;
        }
    }

    /// Looks for this text in what comes from now on; `None`: for nothing any more.
    pub fn seek(&mut self, text: Option<&str>) {
        self.search = text.map(|text| Box::new(Search::new(text, self.read + self.pipe.waiting())));
        self.met = false;
    }

    /// Whether it was met, told once.
    pub fn take_met(&mut self) -> bool {
        std::mem::take(&mut self.met)
    }

    /// Marks the end of a life: behind all that the pipe holds now. [`Source::pump`] goes there. `false`: there is
    /// nothing on the way.
    pub fn end(&mut self) -> bool {
        let waiting = self.pipe.waiting();
        if waiting == 0 && self.pending.is_none() {
            return false;
        }
        let end = self.read + waiting;
        let ends = &mut self.pending_mut().ends;
        if ends.back() == Some(&end) {
            return true;
        }
        if ends.len() >= ENDS {
            ends.pop_back();
        }
        ends.push_back(end);
        true
    }

    /// The end of the last life, if it hasn't been reached.
    pub fn pending_end(&self) -> Option<u64> {
        self.pending().ends.back().copied()
    }

    /// Whether all up to this end was printed or queued.
    pub fn has_passed(&self, end: u64) -> bool {
        self.read >= end && self.pending().ends.front().is_none_or(|next| *next > end)
    }

    /// The outlet's position behind the last line printed.
    pub fn printed(&self) -> u64 {
        self.printed
    }

    /// Whether readiness won't bring it on: it holds lines or an end that wait for the outlet.
    pub fn holds(&self) -> bool {
        let Pending { lines, ends } = self.pending();
        !ends.is_empty() || !(lines.is_partial() || lines.is_empty())
    }

    /// When an unfinished line has rested long enough to be shown.
    pub fn rested(&self) -> Option<Mono> {
        self.pending().lines.is_partial().then(|| self.moved + REST)
    }

    /// The line rests from now on: nobody could look at it until now.
    pub fn rest_from(&mut self, now: Now) {
        self.moved = self.moved.max(now.mono);
    }

    /// Shows an unfinished line that has rested.
    pub fn show(&mut self, unit: &str, printer: &mut Printer, poller: &Poller, now: Now) {
        self.finish(false, unit, printer, poller, now);
    }

    /// Bytes that were not printed: in the pipe and in memory.
    pub fn left(&self) -> u64 {
        self.pipe.waiting() + self.pending().lines.len() as u64
    }
}
