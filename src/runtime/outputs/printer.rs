//! Where lines are printed: how they look, and the two outlets that they leave by. Shared by all units' streams
//! and wingmate's own messages (`runtime::outputs`).

use super::outlet::{ATOMIC, Outlet};
use super::page::Page;
use crate::logs::lines::{CROWD, LONGEST, LONGEST_CROWDED, Lines, Mark, Piece};
use crate::logs::stamp::{self, Stamp, Stream};
use crate::model::moment::{Now, Wall};
use crate::model::note::Note;
use crate::model::settings::{LogFormat, LogSettings};
use crate::model::unit::WINGMATE;
use crate::sys::poll::Poller;
use std::io::IoSlice;

/// Bytes that are read at once, and written at once where they go through memory.
pub const BLOCK: usize = 64 << 10;

/// Seconds east of UTC at a moment.
pub type Zone = Box<dyn Fn(Wall) -> i32>;

/// The look of lines, and where they go.
pub struct Printer {
    pub settings: LogSettings,
    pub zone: Zone,
    pub width: usize,
    /// Names that have a colour, as long as there is a terminal to show it.
    colours: Vec<(Box<str>, u8)>,
    colourful: [bool; 2],
    outlets: [Outlet; 2],
    /// Both streams are the same pipe, file or terminal: one outlet for both keeps the order.
    one: bool,
    /// Bytes of unfinished lines of all streams.
    pub kept: usize,
    /// Pipes that were made larger.
    pub large: usize,
    buffer: Vec<u8>,
    /// The memory of pages, as large as the largest was.
    text: Vec<u8>,
}

impl Printer {
    /// A printer to these outlets. `colour`: terminals may be coloured.
    pub fn new(settings: LogSettings, zone: Zone, outlets: [Outlet; 2], colour: bool) -> Printer {
        let [stdout, stderr] = &outlets;
        let terminal = |outlet: &Outlet| colour && outlet.sink().is_some_and(|sink| sink.is_terminal());
        let one = stdout.sink().zip(stderr.sink()).is_some_and(|(a, b)| a.is_same(b));
        let colourful = [terminal(stdout), terminal(stderr)];
        let width = WINGMATE.len();
        Printer {
            settings,
            zone,
            width,
            colours: Vec::new(),
            colourful,
            outlets,
            one,
            kept: 0,
            large: 0,
            buffer: Vec::new(),
            text: Vec::new(),
        }
    }

    /// The names that share the column and the colours.
    pub fn set_names<'a>(&mut self, names: impl Iterator<Item = &'a str>) {
        self.width = WINGMATE.len();
        let mut taken = Vec::new();
        self.colours.clear();
        for name in std::iter::once(WINGMATE).chain(names) {
            self.width = self.width.max(name.len());
            // When all are taken, a name alone tells its colour.
            if self.colourful != [false; 2] && taken.len() < stamp::COLOURS.len() {
                let colour = stamp::colour(name, &taken);
                taken.push(colour);
                self.colours.push((name.into(), colour));
            }
        }
    }

    /// The one buffer that all streams are read through; made at the first use.
    pub fn take_buffer(&mut self) -> Vec<u8> {
        let mut buffer = std::mem::take(&mut self.buffer);
        buffer.reserve_exact(BLOCK);
        buffer
    }

    /// Gives it back.
    pub fn give_buffer(&mut self, buffer: Vec<u8>) {
        self.buffer = buffer;
    }

    /// The outlet of a stream.
    pub fn outlet(&self, stream: Stream) -> &Outlet {
        let [stdout, stderr] = &self.outlets;
        if stream == Stream::Stderr && !self.one { stderr } else { stdout }
    }

    /// The same, to write to.
    pub fn outlet_mut(&mut self, stream: Stream) -> &mut Outlet {
        let [stdout, stderr] = &mut self.outlets;
        if stream == Stream::Stderr && !self.one { stderr } else { stdout }
    }

    /// Whether stdout and stderr are one and the same.
    pub fn is_one(&self) -> bool {
        self.one
    }

    /// How long a line may be before it comes in pieces, where `bytes` are there of one at most.
    fn longest(&self, bytes: usize) -> usize {
        // A short rest and a full block are no long line.
        if self.kept > CROWD || bytes > 2 * LONGEST_CROWDED && !is_there(bytes * self.copies()) {
            LONGEST_CROWDED
        } else {
            LONGEST
        }
    }

    /// How many times a line's bytes may be in memory besides: kept with room to grow, and in a queue; escaped too.
    fn copies(&self) -> usize {
        if self.settings.format == LogFormat::Json { 20 } else { 3 }
    }

    fn stamp<'a>(&self, unit: &'a str, stream: Stream, now: Now) -> Stamp<'a> {
        let local = self.settings.timestamps && self.settings.format == LogFormat::Text;
        let colourful = match stream {
            Stream::Stdout => self.colourful[0],
            Stream::Stderr => self.colourful[1],
        };
        let known = || self.colours.iter().find(|(name, _)| **name == *unit).map(|(_, colour)| *colour);
        Stamp {
            format: self.settings.format,
            unit,
            stream,
            time: now.wall,
            offset: local.then(|| (self.zone)(now.wall)),
            width: self.width,
            colour: colourful.then(|| known().unwrap_or_else(|| stamp::colour(unit, &[]))),
        }
    }

    /// Prints the lines that what is kept and `chunk` make, until all are out or the outlet is stuck, and tells
    /// how far it came.
    pub fn print(
        &mut self,
        unit: &str,
        stream: Stream,
        lines: &Lines,
        chunk: &[u8],
        poller: &Poller,
        now: Now,
    ) -> Mark {
        let stamp = self.stamp(unit, stream, now);
        let (mut whole, mut part) = (Vec::new(), Vec::new());
        stamp.before(&mut whole, true);
        stamp.before(&mut part, false);
        let mut pieces = lines.pieces(chunk, self.longest(lines.len() + chunk.len()));
        let mut page = Page::new(std::mem::take(&mut self.text));
        let outlet = self.outlet_mut(stream);
        let most = if outlet.is_shared() { ATOMIC } else { BLOCK };
        while outlet.is_open() {
            page.clear();
            while !page.is_full() {
                match stamp.format {
                    // Nothing comes before a line: all are one.
                    LogFormat::Raw if most == BLOCK => {
                        pieces.whole_lines().iter().for_each(|piece| page.add(piece.tail));
                    }
                    LogFormat::Raw | LogFormat::Text => pieces.pass(page.add_lines(&whole, pieces.plain(), most)),
                    LogFormat::Json => {}
                }
                let (place, before) = (page.place(), pieces.mark());
                let Some(piece) = pieces.next() else { break };
                add(&mut page, stamp.format, if piece.whole { &whole } else { &part }, piece);
                if page.len() > most && !place.is_start() {
                    page.back_to(place);
                    pieces.back_to(before);
                    break;
                }
            }
            if page.is_empty() {
                break;
            }
            outlet.put(&mut page.slices(), poller, now);
        }
        // A line that was escaped may have been very long.
        self.text = Some(page.into_text()).filter(|text| text.capacity() <= 2 * BLOCK).unwrap_or_default();
        pieces.mark()
    }

    /// Prints what is there of a line. `whole`: nothing more will come.
    pub fn print_rest(&mut self, unit: &str, stream: Stream, rest: &[u8], whole: bool, poller: &Poller, now: Now) {
        let stamp = self.stamp(unit, stream, now);
        let mut out = Vec::new();
        stamp.before(&mut out, whole);
        let outlet = self.outlet_mut(stream);
        if stamp.format == LogFormat::Json {
            stamp::json_message(&mut out, b"", rest, whole);
            outlet.put(&mut [IoSlice::new(&out)], poller, now);
        } else {
            outlet.put(&mut [IoSlice::new(&out), IoSlice::new(rest), IoSlice::new(b"\n")], poller, now);
        }
    }

    /// One of wingmate's own messages as it will be printed.
    pub fn note(&self, note: &Note, now: Now) -> Vec<u8> {
        let mut out = Vec::new();
        stamp::note(&mut out, &self.stamp(WINGMATE, Stream::Stderr, now), note);
        out
    }
}

/// Whether there is so much memory to be had: what units write must not end wingmate where there is none.
fn is_there(bytes: usize) -> bool {
    Vec::<u8>::new().try_reserve_exact(bytes).is_ok()
}

/// Adds a line, or a part of one, with what comes before and after it.
fn add<'a>(page: &mut Page<'a>, format: LogFormat, before: &[u8], piece: Piece<'a>) {
    page.text.extend_from_slice(before);
    if format == LogFormat::Json {
        let (head, tail) = piece.text();
        return stamp::json_message(&mut page.text, head, tail, piece.whole);
    }
    page.add(piece.head);
    page.add(piece.tail);
    if !piece.whole {
        page.text.push(b'\n');
    }
}
