//! The log pipes: from every unit's stdout and stderr to wingmate's own, whole lines, in order, never waiting.
//! The loop (`runtime::supervisor`) owns one [`Outputs`] and hands it the readiness of every token that is
//! [`Outputs::owns`]ed.
//!
//! ```text
//!  unit ─ pipe ─▶ stream::Source ─ lines ─▶ printer::Printer ─▶ outlet::Outlet ─ sys::sink ─▶ stdout, stderr
//!                                              ▲
//!                 notes::Notes (own messages) ─┘
//! ```
//!
//! While an outlet is stuck, nothing is read for it: a stream that has something is *parked* (its readiness isn't
//! asked for) until the outlet is open again, so that units block as they would with no supervisor.

pub mod notes;
pub mod outlet;
pub mod page;
pub mod pair;
pub mod printer;
pub mod stream;

use crate::logs::stamp::Stream;
use crate::model::moment::{Mono, Now};
use crate::model::note::Note;
use crate::model::settings::{Level, LogSettings};
use crate::model::table::Table;
use crate::model::unit::{Life, Pid, UnitId};
use crate::sys::poll::{Interest, Poller, Ready, Token};
use crate::sys::sink::Sink;
use crate::sys::stdio;
use notes::{Held, Notes, Until};
use outlet::{ATOMIC, Outlet};
use pair::{BOTH, Pair, Place, of};
use printer::Printer;
pub use printer::Zone;
use rustix::io::Errno;
use std::collections::VecDeque;
use std::os::fd::AsFd;
use stream::Pumped;

/// The upper half of all tokens of this room.
pub const OUTPUTS: u64 = 0x4F;
/// The lower half of wingmate's own two; the others' are told by [`Place::low`].
const OWN: [u32; 2] = [u32::MAX - 1, u32::MAX];

type Key = (Place, Stream);

/// All log pipes and where they lead.
pub struct Outputs {
    pairs: Table<Place, Box<Pair>>,
    printer: Printer,
    notes: Notes,
    parked: VecDeque<Key>,
    resting: Vec<Key>,
    /// Some pair may be about to go.
    ending: bool,
    /// A job whose run is about to start.
    starting: Option<UnitId>,
    /// Units in whose output the text was met that was looked for, to be taken by the loop.
    pub met: Vec<(UnitId, Life)>,
    /// The very last message.
    last: Option<Vec<u8>>,
}

fn token(low: u32) -> Token {
    Token(OUTPUTS << 32 | u64::from(low))
}

fn index(stream: Stream) -> usize {
    usize::from(stream == Stream::Stderr)
}

impl Outputs {
    /// Outputs to wingmate's own stdout and stderr. `zone` gives the local time's offset for `timestamps`;
    /// `colour`: terminals may be coloured (`NO_COLOR` is unset or empty).
    pub fn new(settings: LogSettings, zone: Zone, colour: bool) -> Outputs {
        let [stdout, stderr] = stdio::streams();
        Outputs::over(settings, zone, colour, stdout, stderr)
    }

    /// Outputs to these two streams.
    pub fn over(settings: LogSettings, zone: Zone, colour: bool, stdout: impl AsFd, stderr: impl AsFd) -> Outputs {
        Outputs::through(settings, zone, colour, Sink::new(stdout), Sink::new(stderr))
    }

    fn through(
        settings: LogSettings,
        zone: Zone,
        colour: bool,
        stdout: Result<Sink, Errno>,
        stderr: Result<Sink, Errno>,
    ) -> Outputs {
        let [out, err] = OWN;
        let outlets = [Outlet::new("stdout", stdout, token(out)), Outlet::new("stderr", stderr, token(err))];
        Outputs {
            pairs: Table::new(),
            printer: Printer::new(settings, zone, outlets, colour),
            notes: Notes::default(),
            parked: VecDeque::new(),
            resting: Vec::new(),
            ending: false,
            starting: None,
            met: Vec::new(),
            last: None,
        }
    }

    /// Whether readiness of this token is for [`Outputs::ready`].
    pub fn owns(token: Token) -> bool {
        token.0 >> 32 == OUTPUTS
    }

    /// The names that the column is as wide as, and that get colours (again at reload).
    pub fn set_names<'a>(&mut self, names: impl Iterator<Item = &'a str>) {
        self.printer.set_names(names);
    }

    /// Other settings for all lines from now on.
    pub fn set_settings(&mut self, settings: LogSettings) {
        self.printer.settings = settings;
    }

    /// Another zone for the stamps of all lines from now on.
    pub fn set_zone(&mut self, zone: Zone) {
        self.printer.zone = zone;
    }

    /// Says whether somebody else writes to wingmate's stdout or stderr (a main command): then lines of up to
    /// 4,096 bytes stay whole against theirs too, at the price of smaller writes.
    pub fn share(&mut self, shared: bool) {
        BOTH.iter().for_each(|stream| self.printer.outlet_mut(*stream).share(shared));
    }

    /// A life is about to begin: this text is looked for in what it writes, on both streams until it is met on one.
    pub fn seek(&mut self, id: UnitId, life: Life, text: Option<&str>) {
        self.each_of(id, |pair| {
            pair.sought = life;
            pair.streams.iter_mut().for_each(|source| source.seek(text));
        });
    }

    /// Something of this room is ready.
    pub fn ready(&mut self, ready: Ready, poller: &Poller, now: Now) {
        let low = ready.token.0 as u32;
        match BOTH.iter().zip(OWN).find(|(_, own)| *own == low) {
            Some((stream, _)) => {
                self.printer.outlet_mut(*stream).flush(poller, now);
                self.go_on(poller, now);
            }
            None => {
                self.pump(Place::of_low(low), poller, now);
                self.settle(poller, now);
            }
        }
    }

    /// A life of the unit has ended: prints all that it has written, and gives its last line a newline. What can't
    /// be printed now stays, and comes before the next life's lines; messages about the unit queue behind it.
    pub fn drain(&mut self, id: UnitId, life: Life, poller: &Poller, now: Now) {
        for place in Place::both(id) {
            if self.pairs.get(&place).is_some_and(|pair| pair.is_of(life)) {
                self.drain_pair(place, poller, now);
            }
        }
        self.settle(poller, now);
    }

    fn drain_pair(&mut self, place: Place, poller: &Poller, now: Now) {
        for stream in BOTH {
            let Some(pair) = self.pairs.get_mut(&place) else { return };
            let source = pair.source_mut(stream);
            if source.end() {
                self.pump_to_end((place, stream), poller, now);
            }
            // It may be over.
            if self.pairs.get(&place).is_some_and(|pair| !pair.is_held() && !pair.source(stream).over) {
                self.pump((place, stream), poller, now);
            }
        }
    }

    /// The unit is no more. A service's pipes go when all is printed, a job's when all is written.
    pub fn remove(&mut self, id: UnitId, poller: &Poller, now: Now) {
        for place in Place::both(id) {
            let Some(pair) = self.pairs.get_mut(&place) else { continue };
            if pair.is_of_runs() {
                pair.let_go();
            } else {
                (pair.leaving, self.ending) = (true, true);
            }
            self.drain_pair(place, poller, now);
        }
        self.settle(poller, now);
    }

    /// Prints one of wingmate's own messages, unless the level is against it.
    pub fn say(&mut self, note: &Note, poller: &Poller, now: Now) {
        self.say_all(std::slice::from_ref(note), poller, now);
    }

    /// Prints some of them, in as few writes as leave each line whole.
    pub fn say_all(&mut self, notes: &[Note], poller: &Poller, now: Now) {
        let (mut lines, mut count) = (Vec::new(), 0);
        let level = self.printer.settings.level;
        for note in notes.iter().filter(|note| note.level <= level) {
            let text = self.printer.note(note, now);
            if let Some((name, until)) = note.unit.as_ref().and_then(|name| Some((name, self.waits_for(name)?))) {
                self.notes.hold(name.clone(), text, until);
                continue;
            }
            if lines.len() + text.len() > ATOMIC {
                self.notes.print_all(&lines, count, &mut self.printer, poller, now);
                (lines, count) = (Vec::new(), 0);
            }
            count += 1;
            match lines.is_empty() {
                true => lines = text,
                false => lines.extend_from_slice(&text),
            }
        }
        if count > 0 {
            self.notes.print_all(&lines, count, &mut self.printer, poller, now);
            self.settle(poller, now);
        }
    }

    /// Keeps the message that is to be the very last: [`Outputs::finished`] or [`Outputs::give_up`] prints it,
    /// unless the level is against it.
    pub fn say_last(&mut self, note: &Note, now: Now) {
        let shown = note.level <= self.printer.settings.level;
        self.last = shown.then(|| self.printer.note(note, now));
    }

    /// What a new message about this unit has to wait for.
    fn waits_for(&self, name: &str) -> Option<Until> {
        let stdout = self.printer.outlet(Stream::Stdout);
        // An end that is pending is parked. Nearly always nothing is, and no unit has to be looked for.
        if self.parked.is_empty() && self.notes.is_empty() && stdout.written() >= stdout.accepted() {
            return None;
        }
        let pairs = || self.pairs.iter().filter(|(_, pair)| *pair.name == *name);
        let pending = |pair: &Pair| [pair.streams[0].pending_end(), pair.streams[1].pending_end()];
        let unread = pairs().map(|(place, pair)| (*place, pending(pair))).filter(|(_, ends)| *ends != [None; 2]);
        // Of two, the one of the later runs.
        if let Some((place, ends)) = unread.max_by_key(|(place, _)| self.pairs.get(place)?.last_run()) {
            return Some(Until::Read(place, ends));
        }
        let unwritten = pairs().filter_map(|(_, pair)| pair.unwritten(&self.printer)).max();
        unwritten.or(self.notes.holds(name).then_some(0)).map(Until::Written)
    }

    /// When [`Outputs::expire`] has something to do.
    pub fn deadline(&self) -> Option<Mono> {
        let resting = self.resting.iter().filter(|(_, stream)| self.printer.outlet(*stream).is_open());
        let resting = resting.filter_map(|(place, stream)| self.pairs.get(place)?.source(*stream).rested());
        let retries = BOTH.iter().filter_map(|stream| self.printer.outlet(*stream).deadline());
        resting.chain(retries).min()
    }

    /// Shows unfinished lines that have rested, and tries failing streams again.
    pub fn expire(&mut self, poller: &Poller, now: Now) {
        let retry = BOTH.iter().any(|stream| self.printer.outlet(*stream).deadline().is_some_and(|at| at <= now.mono));
        if retry {
            BOTH.iter().for_each(|stream| self.printer.outlet_mut(*stream).flush(poller, now));
            self.go_on(poller, now);
        }
        let mut resting = std::mem::take(&mut self.resting);
        resting.retain(|(place, stream)| {
            let Some(pair) = self.pairs.get_mut(place) else { return false };
            let source = of(&mut pair.streams, *stream);
            let due = source.rested().is_some_and(|at| at <= now.mono);
            if due && self.printer.outlet(*stream).is_open() {
                source.show(&pair.name, &mut self.printer, poller, now);
            }
            source.resting = source.rested().is_some();
            source.resting
        });
        self.resting = resting;
        self.settle(poller, now);
    }

    /// All is down: prints what is left everywhere, the last message after it. `true` when nothing is left; if not,
    /// readiness and deadlines go on, and it is to be asked again.
    pub fn finished(&mut self, poller: &Poller, now: Now) -> bool {
        let places: Vec<Place> = self.pairs.keys().copied().collect();
        places.iter().for_each(|place| self.drain_pair(*place, poller, now));
        self.settle(poller, now);
        if !self.parked.is_empty() || !self.notes.is_empty() {
            return false;
        }
        self.end(poller, now)
    }

    /// The time is over: what is held back is printed out of turn, and what is lost is told, as far as stderr is
    /// written to at once.
    pub fn give_up(&mut self, poller: &Poller, now: Now) {
        let left: u64 = self.pairs.values().flat_map(|pair| &pair.streams).map(|source| source.left()).sum();
        let left = left + self.printer.outlet(Stream::Stdout).queued() as u64;
        self.notes.release(&mut self.printer, poller, now, |_, _| None);
        if left > 0 {
            let text = ["stdout wasn't read: ", &left.to_string(), " bytes of output are lost"].concat();
            self.say(&Note::new(Level::Warn, text), poller, now);
        }
        self.end(poller, now);
    }

    fn end(&mut self, poller: &Poller, now: Now) -> bool {
        if let Some(last) = self.last.take() {
            self.notes.print(&last, &mut self.printer, poller, now);
        }
        let ended = BOTH.map(|stream| {
            let outlet = self.printer.outlet_mut(stream);
            outlet.flush(poller, now);
            outlet.is_flushed() && outlet.close(poller)
        });
        ended == [true; 2]
    }

    /// Lines that nobody took, because a stream's reader has gone.
    pub fn dropped(&self) -> u64 {
        let stderr = if self.printer.is_one() { 0 } else { self.printer.outlet(Stream::Stderr).dropped() };
        self.printer.outlet(Stream::Stdout).dropped() + stderr
    }

    /// Processes that write for wingmate: children of its own that are no units and no orphans, and are to be spared
    /// until the end.
    pub fn writers(&self) -> impl Iterator<Item = Pid> + '_ {
        BOTH.iter().filter_map(|stream| self.printer.outlet(*stream).sink()?.writer())
    }

    /// Pumps a stream once and files it where it belongs.
    fn pump(&mut self, (place, stream): Key, poller: &Poller, now: Now) -> Pumped {
        let Some(pair) = self.pairs.get_mut(&place) else { return Pumped::Enough };
        let source = of(&mut pair.streams, stream);
        let before = source.over;
        let pumped = source.pump(&pair.name, &mut self.printer, poller, now);
        if source.over && !before {
            let _ = poller.remove(&source.pipe);
            self.ending = true;
        }
        if pumped == Pumped::Stuck && !source.parked {
            source.parked = true;
            // That nobody can write any more is told whether it is asked for or not: so it is told once.
            let _ = poller.modify(&source.pipe, token(place.low(stream)), Interest::ET);
            self.parked.push_back((place, stream));
        }
        if source.rested().is_some() && !source.resting {
            source.resting = true;
            self.resting.push((place, stream));
        }
        if source.take_met() {
            pair.streams.iter_mut().for_each(|source| source.seek(None));
            self.met.push((place.unit(), pair.sought));
        }
        pumped
    }

    /// Pumps a stream up to the last end, however many turns that takes: it is as much as a pipe holds.
    fn pump_to_end(&mut self, key: Key, poller: &Poller, now: Now) {
        while self.pump(key, poller, now) == Pumped::Enough {
            if self.pairs.get(&key.0).is_none_or(|pair| !pair.source(key.1).holds()) {
                return;
            }
        }
    }

    /// An outlet may be open again: parked streams go on, each in its turn.
    fn go_on(&mut self, poller: &Poller, now: Now) {
        for _ in 0..self.parked.len() {
            let Some((place, stream)) = self.parked.pop_front() else { break };
            let Some(pair) = self.pairs.get_mut(&place) else { continue };
            let source = pair.source_mut(stream);
            if !self.printer.outlet(stream).is_open() {
                self.parked.push_back((place, stream));
                continue;
            }
            source.rest_from(now);
            source.parked = false;
            let _ = poller.modify(&source.pipe, token(place.low(stream)), Interest::IN);
            self.pump_to_end((place, stream), poller, now);
        }
        self.settle(poller, now);
    }

    /// After anything was printed: messages that waited for it, pairs that are over, news about the outlets.
    fn settle(&mut self, poller: &Poller, now: Now) {
        if !self.notes.is_empty() {
            let pairs = &self.pairs;
            let wait = |held: &Held, printer: &Printer| match held.until {
                Until::Read(place, ends) => {
                    // One that has gone has had everything written before.
                    let pair = pairs.get(&place)?;
                    let passed = |stream| ends[index(stream)].is_none_or(|end| pair.source(stream).has_passed(end));
                    match BOTH.into_iter().all(passed) {
                        true => pair.unwritten(printer).map(Until::Written),
                        false => Some(held.until),
                    }
                }
                Until::Written(at) => (printer.outlet(Stream::Stdout).written() < at).then_some(held.until),
            };
            self.notes.release(&mut self.printer, poller, now, wait);
        }
        self.notes.confess(&mut self.printer, poller, now);
        for stream in BOTH {
            if let Some(news) = self.printer.outlet_mut(stream).news() {
                let text = self.printer.note(&news, now);
                self.notes.print(&text, &mut self.printer, poller, now);
            }
        }
        if self.ending {
            self.forget(poller);
        }
    }
}

#[cfg(test)]
mod tests;
