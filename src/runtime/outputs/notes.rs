//! Wingmate's own messages on their way to stderr, in bounded memory (`runtime::outputs`).
//!
//! A message about a unit comes after the lines that the unit has written before: while those wait (in its pipes,
//! because its outlet is stuck, or in stdout's queue), the message waits too, and so do later ones about the same
//! unit. Messages about others pass.

use super::pair::Place;
use super::printer::Printer;
use crate::logs::stamp::Stream;
use crate::model::moment::Now;
use crate::model::note::Note;
use crate::model::settings::Level;
use crate::sys::poll::Poller;
use std::collections::VecDeque;
use std::io::IoSlice;

/// Bytes of messages that may wait for their units' lines.
const HELD: usize = 64 << 10;
/// Bytes that may wait in stderr's queue when a message comes.
const QUEUED: usize = 256 << 10;

/// Messages that wait, and how many had to be dropped.
#[derive(Debug, Default)]
pub struct Notes {
    held: VecDeque<Held>,
    size: usize,
    dropped: u64,
}

/// A message as it will be printed, and what it waits for.
#[derive(Debug)]
pub struct Held {
    pub unit: String,
    text: Vec<u8>,
    pub until: Until,
}

/// What a message waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Until {
    /// These positions of a pair of the unit's pipes.
    Read(Place, [Option<u64>; 2]),
    /// That stdout has written up to here.
    Written(u64),
}

impl Notes {
    /// Whether a message about this unit waits.
    pub fn holds(&self, unit: &str) -> bool {
        self.held.iter().any(|held| held.unit == unit)
    }

    /// Whether none waits.
    pub fn is_empty(&self) -> bool {
        self.held.is_empty()
    }

    /// Keeps a message until its unit's lines are out.
    pub fn hold(&mut self, unit: String, text: Vec<u8>, until: Until) {
        if self.size + text.len() > HELD {
            self.dropped += 1;
            return;
        }
        self.size += text.len();
        self.held.push_back(Held { unit, text, until });
    }

    /// Prints what no longer waits. `wait` tells what a message waits for now, if it does.
    pub fn release(
        &mut self,
        printer: &mut Printer,
        poller: &Poller,
        now: Now,
        mut wait: impl FnMut(&Held, &Printer) -> Option<Until>,
    ) {
        let mut blocked: Vec<String> = Vec::new();
        for mut held in std::mem::take(&mut self.held) {
            let until = if blocked.contains(&held.unit) { Some(held.until) } else { wait(&held, printer) };
            match until {
                None => {
                    self.size = self.size.saturating_sub(held.text.len());
                    self.print(&held.text, printer, poller, now);
                }
                Some(until) => {
                    held.until = until;
                    blocked.push(held.unit.clone());
                    self.held.push_back(held);
                }
            }
        }
    }

    /// Prints a message, if there is room for it.
    pub fn print(&mut self, text: &[u8], printer: &mut Printer, poller: &Poller, now: Now) {
        self.print_all(text, 1, printer, poller, now);
    }

    /// The same of `count` messages.
    pub fn print_all(&mut self, text: &[u8], count: u64, printer: &mut Printer, poller: &Poller, now: Now) {
        self.confess(printer, poller, now);
        let outlet = printer.outlet_mut(Stream::Stderr);
        if outlet.queued() + text.len() > QUEUED {
            self.dropped += count;
        } else {
            outlet.put(&mut [IoSlice::new(text)], poller, now);
        }
    }

    /// Tells how many messages were dropped, once there is room to tell it.
    pub fn confess(&mut self, printer: &mut Printer, poller: &Poller, now: Now) {
        if self.dropped > 0 && printer.outlet(Stream::Stderr).queued() < QUEUED / 2 {
            let count = std::mem::take(&mut self.dropped);
            let text = [&count.to_string(), " of these messages were dropped: stderr wasn't read"].concat();
            let text = printer.note(&Note::new(Level::Warn, text), now);
            printer.outlet_mut(Stream::Stderr).put(&mut [IoSlice::new(&text)], poller, now);
        }
    }
}
