//! Two pipes and whose lines come through them (`runtime::outputs`).
//!
//! A service has one pair for all its lives, both ends held. A job has one only while somebody may write to it: it is
//! made when a run starts, wingmate lets go of the other ends as soon as the run has them, and it is over when nobody
//! has them any more. What a run leaves in the background so keeps its pair. The next run then gets a second one, whose
//! ends are held for all further runs as long as the first one lasts: a job has two pairs at most, whatever its runs
//! leave, and no line is without its name.

use super::Outputs;
use super::printer::Printer;
use super::stream::Source;
use crate::logs::stamp::Stream;
use crate::model::unit::{Life, UnitId};
use crate::sys::pipes::Pipe;
use crate::sys::poll::{Interest, Poller};
use rustix::io::Errno;
use std::os::fd::BorrowedFd;

pub const BOTH: [Stream; 2] = [Stream::Stdout, Stream::Stderr];

/// Where a pair belongs: every unit has two places.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place(u32);

impl Place {
    /// A unit's two.
    pub fn both(id: UnitId) -> [Place; 2] {
        [Place(id.0 << 1), Place(id.0 << 1 | 1)]
    }

    /// The unit's other one.
    pub fn other(self) -> Place {
        Place(self.0 ^ 1)
    }

    /// Whose it is.
    pub fn unit(self) -> UnitId {
        UnitId(self.0 >> 1)
    }

    /// The lower half of the token of a stream here.
    pub fn low(self, stream: Stream) -> u32 {
        self.0 << 1 | u32::from(stream == Stream::Stderr)
    }

    /// The stream that has this lower half.
    pub fn of_low(low: u32) -> (Place, Stream) {
        (Place(low >> 1), if low & 1 == 0 { Stream::Stdout } else { Stream::Stderr })
    }
}

/// Two pipes of one unit.
pub struct Pair {
    pub name: Box<str>,
    pub streams: [Source; 2],
    /// A job's, and which of its runs have it: from the first to the last.
    runs: Option<(Life, Life)>,
    /// Whose text is looked for.
    pub sought: Life,
    /// A service's, to be forgotten when all is printed.
    pub leaving: bool,
}

impl Pair {
    /// New pipes. `run`: for this run of a job.
    pub fn new(place: Place, name: &str, run: Option<Life>, poller: &Poller) -> Result<Pair, Errno> {
        let streams = [Source::new(Stream::Stdout, Pipe::new()?), Source::new(Stream::Stderr, Pipe::new()?)];
        for (stream, source) in BOTH.iter().zip(&streams) {
            poller.add(&source.pipe, super::token(place.low(*stream)), Interest::IN)?;
        }
        let runs = run.map(|run| (run, run));
        Ok(Pair { name: name.into(), streams, runs, sought: Life::default(), leaving: false })
    }

    pub fn source(&self, stream: Stream) -> &Source {
        let [stdout, stderr] = &self.streams;
        if stream == Stream::Stdout { stdout } else { stderr }
    }

    pub fn source_mut(&mut self, stream: Stream) -> &mut Source {
        of(&mut self.streams, stream)
    }

    /// Whether it is a job's.
    pub fn is_of_runs(&self) -> bool {
        self.runs.is_some()
    }

    /// Whether a next life can be given it.
    pub fn is_held(&self) -> bool {
        self.streams.iter().all(|source| source.pipe.is_held())
    }

    /// Another run has it.
    pub fn add_run(&mut self, run: Life) {
        if let Some((_, last)) = &mut self.runs {
            *last = run;
        }
    }

    /// Whether that life of its unit has it: of a service each.
    pub fn is_of(&self, life: Life) -> bool {
        self.runs.is_none_or(|(first, last)| (first..=last).contains(&life))
    }

    /// The last run that has it.
    pub fn last_run(&self) -> Option<Life> {
        self.runs.map(|(_, last)| last)
    }

    /// No further run is to have it.
    pub fn let_go(&mut self) {
        self.streams.iter_mut().for_each(|source| source.pipe.let_go());
    }

    /// Whether nothing comes from it any more that is to be printed.
    pub fn is_ending(&self) -> bool {
        self.leaving || self.streams.iter().all(|source| source.over)
    }

    /// Whether it holds what isn't printed yet.
    pub fn holds(&self) -> bool {
        self.streams.iter().any(|source| source.parked || source.holds())
    }

    /// How far stdout has to have come before what is said about the unit comes behind its lines, if it hasn't yet. (On
    /// stderr that queues behind them by itself.)
    pub fn unwritten(&self, printer: &Printer) -> Option<u64> {
        let at = self.source(Stream::Stdout).printed();
        (!printer.is_one() && printer.outlet(Stream::Stdout).written() < at).then_some(at)
    }
}

/// The source of that stream, where the rest of its pair is needed beside it.
pub fn of(streams: &mut [Source; 2], stream: Stream) -> &mut Source {
    let [stdout, stderr] = streams;
    if stream == Stream::Stdout { stdout } else { stderr }
}

impl Outputs {
    /// Makes a service's two pipes, once for all its lives.
    pub fn open(&mut self, id: UnitId, name: &str, poller: &Poller) -> Result<(), Errno> {
        let [place, _] = Place::both(id);
        if !self.pairs.contains_key(&place) {
            self.pairs.insert(place, Box::new(Pair::new(place, name, None, poller)?));
        }
        Ok(())
    }

    /// A run of a job is about to start: it gets the pipes that are held for it, or new ones. [`Outputs::has_started`]
    /// is to be told after that.
    pub fn open_for_run(&mut self, id: UnitId, name: &str, run: Life, poller: &Poller) -> Result<(), Errno> {
        self.starting = Some(id);
        let places = Place::both(id);
        for place in places {
            if let Some(pair) = self.pairs.get_mut(&place).filter(|pair| pair.is_held()) {
                pair.add_run(run);
                return Ok(());
            }
        }
        // One that isn't held is on its way to its end, and as long as it is, the other one is held.
        let free = places.into_iter().find(|place| !self.pairs.contains_key(place)).ok_or(Errno::MFILE)?;
        self.pairs.insert(free, Box::new(Pair::new(free, name, Some(run), poller)?));
        Ok(())
    }

    /// A job's run has its pipes, or couldn't be started: from here on they last as long as somebody has them.
    pub fn has_started(&mut self, id: UnitId) {
        self.starting = None;
        for place in Place::both(id) {
            if !self.pairs.contains_key(&place.other()) {
                self.let_go(place);
            }
        }
    }

    fn let_go(&mut self, place: Place) {
        let starting = self.starting == Some(place.unit());
        if let Some(pair) = self.pairs.get_mut(&place).filter(|pair| pair.is_of_runs() && !starting) {
            pair.let_go();
        }
    }

    /// Gives a unit's pipes to the user of its next life, who can then reopen them as `/dev/stdout` after the switch.
    /// Refused without privilege: the unit can write all the same.
    pub fn give(&self, id: UnitId, user: u32, group: u32) {
        for source in self.held(id).iter().flat_map(|pair| &pair.streams) {
            let _ = source.pipe.give(user, group);
        }
    }

    fn held(&self, id: UnitId) -> Option<&Pair> {
        let pairs = Place::both(id).into_iter().filter_map(|place| self.pairs.get(&place));
        pairs.map(|pair| &**pair).find(|pair| pair.is_held())
    }

    /// What the unit's next life gets as descriptors 1 and 2.
    pub fn child_ends(&self, id: UnitId) -> Option<[BorrowedFd<'_>; 2]> {
        let [stdout, stderr] = &self.held(id)?.streams;
        Some([stdout.pipe.child_end()?, stderr.pipe.child_end()?])
    }

    /// A unit has another name from now on.
    pub fn rename(&mut self, id: UnitId, name: &str) {
        self.each_of(id, |pair| pair.name = name.into());
    }

    pub(super) fn each_of(&mut self, id: UnitId, mut change: impl FnMut(&mut Pair)) {
        for place in Place::both(id) {
            if let Some(pair) = self.pairs.get_mut(&place) {
                change(pair);
            }
        }
    }

    /// Lets go of pairs that are over and whose lines are all written.
    pub(super) fn forget(&mut self, poller: &Poller) {
        let mut gone = Vec::new();
        let printer = &mut self.printer;
        self.pairs.retain(|place, pair| {
            let stays = !pair.is_ending() || pair.holds() || pair.unwritten(printer).is_some();
            for source in pair.streams.iter().filter(|_| !stays) {
                if !source.over {
                    let _ = poller.remove(&source.pipe);
                }
                printer.large -= usize::from(source.grown);
            }
            gone.extend((!stays).then_some(*place));
            stays
        });
        self.ending = self.pairs.values().any(|pair| pair.is_ending());
        if gone.is_empty() {
            return;
        }
        let pairs = &self.pairs;
        self.parked.retain(|(place, _)| pairs.contains_key(place));
        self.resting.retain(|(place, _)| pairs.contains_key(place));
        // What was left behind by an earlier run is gone: nothing has to be held any more.
        gone.iter().for_each(|place| self.let_go(place.other()));
    }
}
