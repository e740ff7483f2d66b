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
pub mod printer;
pub mod stream;

use crate::logs::stamp::Stream;
use crate::model::moment::{Mono, Now};
use crate::model::note::Note;
use crate::model::settings::{Level, LogSettings};
use crate::model::table::Table;
use crate::model::unit::{Life, Pid, UnitId};
use crate::sys::pipes::Pipe;
use crate::sys::poll::{Interest, Poller, Ready, Token};
use crate::sys::sink::Sink;
use crate::sys::stdio;
use notes::{Held, Notes, Until};
use outlet::{ATOMIC, Outlet};
use printer::Printer;
pub use printer::Zone;
use rustix::io::Errno;
use std::collections::VecDeque;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use stream::{Pumped, Source};

/// The upper half of all tokens of this room.
pub const OUTPUTS: u64 = 0x4F;
const BOTH: [Stream; 2] = [Stream::Stdout, Stream::Stderr];
/// The lower half of wingmate's own two; a unit's is twice its number, and one more for stderr.
const OWN: [u32; 2] = [u32::MAX - 1, u32::MAX];

type Key = (UnitId, Stream);

/// A unit's pipes can't be made.
#[derive(Debug, thiserror::Error)]
#[error("cannot make the output pipes of '{unit}'")]
pub struct OpenError {
    pub unit: String,
    pub source: io::Error,
}

/// All log pipes and where they lead.
pub struct Outputs {
    units: Table<UnitId, Box<Unit>>,
    printer: Printer,
    notes: Notes,
    parked: VecDeque<Key>,
    resting: Vec<Key>,
    /// How many units are leaving.
    leaving: usize,
    /// Units in whose output the text was met that was looked for, to be taken by the loop.
    pub met: Vec<(UnitId, Life)>,
    /// The very last message.
    last: Option<Vec<u8>>,
}

struct Unit {
    name: Box<str>,
    streams: [Source; 2],
    /// Whose text is looked for.
    sought: Life,
    /// To be forgotten when all is printed.
    leaving: bool,
}

fn token(low: u32) -> Token {
    Token(OUTPUTS << 32 | u64::from(low))
}

fn key_token((unit, stream): Key) -> Token {
    token(unit.0 << 1 | u32::from(stream == Stream::Stderr))
}

fn index(stream: Stream) -> usize {
    usize::from(stream == Stream::Stderr)
}

impl Unit {
    fn source(&self, stream: Stream) -> &Source {
        let [stdout, stderr] = &self.streams;
        if stream == Stream::Stdout { stdout } else { stderr }
    }

    fn source_mut(&mut self, stream: Stream) -> &mut Source {
        of(&mut self.streams, stream)
    }
}

/// The source of that stream, where the rest of its unit is needed beside it.
fn of(streams: &mut [Source; 2], stream: Stream) -> &mut Source {
    let [stdout, stderr] = streams;
    if stream == Stream::Stdout { stdout } else { stderr }
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
            units: Table::new(),
            printer: Printer::new(settings, zone, outlets, colour),
            notes: Notes::default(),
            parked: VecDeque::new(),
            resting: Vec::new(),
            leaving: 0,
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

    /// A unit has another name from now on.
    pub fn rename(&mut self, id: UnitId, name: &str) {
        if let Some(unit) = self.units.get_mut(&id) {
            unit.name = name.into();
        }
    }

    /// Says whether somebody else writes to wingmate's stdout or stderr (a main command): then lines of up to
    /// 4,096 bytes stay whole against theirs too, at the price of smaller writes.
    pub fn share(&mut self, shared: bool) {
        BOTH.iter().for_each(|stream| self.printer.outlet_mut(*stream).share(shared));
    }

    /// Makes a unit's two pipes, once for all its lives. `owner`: the user and group they are given to, so that
    /// they can be reopened as `/dev/stdout` after the switch; if that isn't allowed they can only be written to.
    pub fn open(
        &mut self,
        id: UnitId,
        name: &str,
        owner: Option<(u32, u32)>,
        poller: &Poller,
    ) -> Result<(), OpenError> {
        let make = || -> io::Result<Unit> {
            let streams = [Source::new(Stream::Stdout, Pipe::new()?), Source::new(Stream::Stderr, Pipe::new()?)];
            for (stream, source) in BOTH.iter().zip(&streams) {
                poller.add(&source.pipe, key_token((id, *stream)), Interest::IN)?;
            }
            Ok(Unit { name: name.into(), streams, sought: Life::default(), leaving: false })
        };
        if !self.units.contains_key(&id) {
            let unit = make().map_err(|source| OpenError { unit: name.to_owned(), source })?;
            self.units.insert(id, Box::new(unit));
        }
        if let Some((user, group)) = owner {
            self.give(id, user, group);
        }
        Ok(())
    }

    /// Gives a unit's pipes to this user (who may be known at a later start only). Refused without privilege:
    /// the unit can write all the same.
    pub fn give(&self, id: UnitId, user: u32, group: u32) {
        if let Some(unit) = self.units.get(&id) {
            for source in &unit.streams {
                let _ = source.pipe.give(user, group);
            }
        }
    }

    /// What the unit's next life gets as descriptors 1 and 2.
    pub fn child_ends(&self, id: UnitId) -> Option<[BorrowedFd<'_>; 2]> {
        self.units.get(&id).map(|unit| [unit.streams[0].pipe.child_end(), unit.streams[1].pipe.child_end()])
    }

    /// A life is about to begin: this text is looked for in what it writes, on both streams until it is met on one.
    pub fn seek(&mut self, id: UnitId, life: Life, text: Option<&str>) {
        if let Some(unit) = self.units.get_mut(&id) {
            unit.sought = life;
            unit.streams.iter_mut().for_each(|source| source.seek(text));
        }
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
                let stream = if low & 1 == 0 { Stream::Stdout } else { Stream::Stderr };
                self.pump((UnitId(low >> 1), stream), poller, now);
                self.settle(poller, now);
            }
        }
    }

    /// A life of the unit has ended: prints all that it has written, and gives its last line a newline. What can't
    /// be printed now stays, and comes before the next life's lines; messages about the unit queue behind it.
    pub fn drain(&mut self, id: UnitId, poller: &Poller, now: Now) {
        for stream in BOTH {
            let Some(unit) = self.units.get_mut(&id) else { return };
            if unit.source_mut(stream).end() {
                self.pump_to_end((id, stream), poller, now);
            }
        }
        self.settle(poller, now);
    }

    /// The unit is no more. Its pipes go when all is printed.
    pub fn remove(&mut self, id: UnitId, poller: &Poller, now: Now) {
        if let Some(unit) = self.units.get_mut(&id) {
            self.leaving += usize::from(!std::mem::replace(&mut unit.leaving, true));
            self.drain(id, poller, now);
        }
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
        let unit = self.units.values().find(|unit| *unit.name == *name)?;
        let ends = [unit.streams[0].pending_end(), unit.streams[1].pending_end()];
        if ends != [None, None] || self.notes.holds(name) {
            return Some(Until::Read(ends));
        }
        written(unit, &self.printer)
    }

    /// When [`Outputs::expire`] has something to do.
    pub fn deadline(&self) -> Option<Mono> {
        let resting = self.resting.iter().filter(|(_, stream)| self.printer.outlet(*stream).is_open());
        let resting = resting.filter_map(|(id, stream)| self.units.get(id)?.source(*stream).rested());
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
        resting.retain(|(id, stream)| {
            let Some(unit) = self.units.get_mut(id) else { return false };
            let source = of(&mut unit.streams, *stream);
            let due = source.rested().is_some_and(|at| at <= now.mono);
            if due && self.printer.outlet(*stream).is_open() {
                source.show(&unit.name, &mut self.printer, poller, now);
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
        let ids: Vec<UnitId> = self.units.keys().copied().collect();
        ids.iter().for_each(|id| self.drain(*id, poller, now));
        if !self.parked.is_empty() || !self.notes.is_empty() {
            return false;
        }
        self.end(poller, now)
    }

    /// The time is over: what is held back is printed out of turn, and what is lost is told, as far as stderr is
    /// written to at once.
    pub fn give_up(&mut self, poller: &Poller, now: Now) {
        let left: u64 = self.units.values().flat_map(|unit| &unit.streams).map(Source::left).sum();
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
    fn pump(&mut self, (id, stream): Key, poller: &Poller, now: Now) -> Pumped {
        let Some(unit) = self.units.get_mut(&id) else { return Pumped::Enough };
        let source = of(&mut unit.streams, stream);
        let pumped = source.pump(&unit.name, &mut self.printer, poller, now);
        if pumped == Pumped::Stuck && !source.parked {
            source.parked = true;
            let _ = poller.modify(&source.pipe, key_token((id, stream)), Interest::empty());
            self.parked.push_back((id, stream));
        }
        if source.rested().is_some() && !source.resting {
            source.resting = true;
            self.resting.push((id, stream));
        }
        if source.take_met() {
            unit.streams.iter_mut().for_each(|source| source.seek(None));
            self.met.push((id, unit.sought));
        }
        pumped
    }

    /// Pumps a stream up to the last end, however many turns that takes: it is as much as a pipe holds.
    fn pump_to_end(&mut self, key: Key, poller: &Poller, now: Now) {
        while self.pump(key, poller, now) == Pumped::Enough {
            if self.units.get(&key.0).is_none_or(|unit| !unit.source(key.1).holds()) {
                return;
            }
        }
    }

    /// An outlet may be open again: parked streams go on, each in its turn.
    fn go_on(&mut self, poller: &Poller, now: Now) {
        for _ in 0..self.parked.len() {
            let Some((id, stream)) = self.parked.pop_front() else { break };
            let Some(unit) = self.units.get_mut(&id) else { continue };
            let source = unit.source_mut(stream);
            if !self.printer.outlet(stream).is_open() {
                self.parked.push_back((id, stream));
                continue;
            }
            source.rest_from(now);
            source.parked = false;
            let _ = poller.modify(&source.pipe, key_token((id, stream)), Interest::IN);
            self.pump_to_end((id, stream), poller, now);
        }
        self.settle(poller, now);
    }

    /// After anything was printed: messages that waited for it, units that have left, news about the outlets.
    fn settle(&mut self, poller: &Poller, now: Now) {
        if !self.notes.is_empty() {
            let units = &self.units;
            let wait = |held: &Held, printer: &Printer| {
                let unit = units.values().find(|unit| *unit.name == *held.unit)?;
                match held.until {
                    Until::Read(ends) => {
                        let passed = |stream| ends[index(stream)].is_none_or(|end| unit.source(stream).has_passed(end));
                        if BOTH.into_iter().all(passed) { written(unit, printer) } else { Some(held.until) }
                    }
                    Until::Written(at) => (printer.outlet(Stream::Stdout).written() < at).then_some(held.until),
                }
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
        if self.leaving > 0 {
            self.forget(poller);
        }
    }

    /// Lets go of units that have left and whose lines are all printed.
    fn forget(&mut self, poller: &Poller) {
        self.units.retain(|_, unit| {
            let stays = !unit.leaving || unit.streams.iter().any(|source| source.parked || source.holds());
            for source in unit.streams.iter().filter(|_| !stays) {
                let _ = poller.remove(&source.pipe);
            }
            stays
        });
        self.leaving = self.units.values().filter(|unit| unit.leaving).count();
    }
}

/// What the messages about a unit have to wait for after its lines were given to stdout's outlet. (On stderr they
/// queue behind its lines by themselves.)
fn written(unit: &Unit, printer: &Printer) -> Option<Until> {
    let at = unit.source(Stream::Stdout).printed();
    (!printer.is_one() && printer.outlet(Stream::Stdout).written() < at).then_some(Until::Written(at))
}

#[cfg(test)]
mod tests;
