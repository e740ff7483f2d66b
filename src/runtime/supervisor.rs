//! ★ The loop: waits for descriptors and deadlines, turns them into events, performs the actions that follow.
//!
//! One thread, no tick, no sleep. `now` is read once a turn. What a turn's actions answer (a launch's pid, a failed
//! step) is taken in the same turn, until there is nothing more to do.

use super::adoption::Adoption;
use super::boot::Options;
use super::last_due::LastDue;
use super::launcher::Launcher;
use super::mains::Main;
use super::notify::Notices;
use super::outputs::Outputs;
use super::probes::Probes;
use super::rest::Told;
use crate::launch::plan::Plan;
use crate::model::moment::{Mono, Now};
use crate::model::note::Note;
use crate::model::settings::Level;
use crate::model::table::Table;
use crate::model::unit::{Life, Pid, UnitId};
use crate::supervise::Supervisor;
use crate::supervise::event::Event;
use crate::sys::clock;
use crate::sys::files::reason;
use crate::sys::oom::OomKills;
use crate::sys::poll::{Interest, Poller, Ready, Token};
use crate::sys::signals::Signals;
use crate::sys::timer::{BootTimer, WallTimer};
use rustix::io::Errno;
use std::time::Duration;

/// Signals to wingmate.
pub(super) const SIGNALS: Token = Token(1 << 32);
/// The next run of a job.
pub(super) const RUNS: Token = Token(2 << 32);
/// The next `@every` beat.
pub(super) const BEATS: Token = Token(3 << 32);

/// Directories of awaited pid files; the lower half is the unit.
pub(super) const FILES: Token = Token(4 << 32);
/// Adopted daemons; the lower half is the unit.
pub(super) const DAEMONS: Token = Token(5 << 32);
/// Probes; the lower half is theirs.
pub(super) const PROBES: Token = Token(8 << 32);
/// Notify sockets; the lower half is the unit.
pub(super) const NOTICES: Token = Token(9 << 32);
/// Pipes on which a newline is awaited; the lower half is the unit.
pub(super) const READY_LINES: Token = Token(10 << 32);
/// Main processes that units named by themselves; the lower half is the unit.
pub(super) const MAINS: Token = Token(11 << 32);

/// Everything that the loop owns.
pub struct Loop {
    pub(super) poller: Poller,
    pub(super) signals: Signals,
    pub(super) runs: WallTimer,
    pub(super) beats: BootTimer,
    pub(super) supervisor: Supervisor,
    pub(super) outputs: Outputs,
    pub(super) launcher: Launcher,
    /// What wingmate was asked for, for a reload.
    pub(super) options: Options,
    /// Which unit's life each child belongs to.
    pub(super) children: Table<Pid, (UnitId, Life)>,
    /// The kernel's out-of-memory kills, where they are counted, and how many there were when each unit began, by its
    /// number.
    pub(super) oom_kills: Option<OomKills>,
    pub(super) oom_kills_before: Vec<u32>,
    /// Services that fork into the background.
    pub(super) adoptions: Table<UnitId, Adoption>,
    pub(super) probes: Probes,
    pub(super) notices: Notices,
    pub(super) last_due: LastDue,
    /// Main processes that units named by themselves.
    pub(super) mains: Table<UnitId, Main>,
    /// Who has had its signal in the last act.
    pub(super) told: Told,
    /// What happened in this turn and hasn't been taken yet.
    pub(super) events: Vec<Event>,
    /// What was launched first of what is to be launched now. While it is there, the next plan's memory needn't be given
    /// back to the kernel and fetched again: that costs more than a pipe.
    pub(super) first_plan: Option<Plan>,
    /// Units have gone or have other names.
    pub(super) names_changed: bool,
    /// The status to leave with, once it is decided.
    pub(super) leave: Option<u8>,
}

impl Loop {
    /// Makes the loop; nothing is started yet.
    pub fn new(
        poller: Poller,
        signals: Signals,
        supervisor: Supervisor,
        outputs: Outputs,
        launcher: Launcher,
        options: Options,
    ) -> Result<Box<Loop>, Errno> {
        let (runs, beats) = (WallTimer::new()?, BootTimer::new()?);
        poller.add(&signals, SIGNALS, Interest::IN)?;
        poller.add(&runs, RUNS, Interest::IN)?;
        poller.add(&beats, BEATS, Interest::IN)?;
        // Boxed: it is passed on a few times, and each copy of it would leave its trace on the stack.
        Ok(Box::new(Loop {
            poller,
            signals,
            runs,
            beats,
            supervisor,
            outputs,
            launcher,
            options,
            children: Table::new(),
            oom_kills: None,
            oom_kills_before: Vec::new(),
            adoptions: Table::new(),
            probes: Probes::new(PROBES),
            notices: Notices::new(NOTICES, READY_LINES, std::env::var_os("NOTIFY_SOCKET")),
            last_due: LastDue::default(),
            mains: Table::new(),
            told: Told::default(),
            events: vec![Event::Begin],
            first_plan: None,
            names_changed: false,
            leave: None,
        }))
    }

    /// Runs until everything is down; gives the exit status.
    pub fn run(mut self: Box<Self>) -> u8 {
        let mut ready = Vec::new();
        // Children that came along when wingmate was executed may have ended before it listened.
        self.reap(clock::now());
        loop {
            let now = clock::now();
            self.settle(now);
            if let Some(status) = self.leave {
                let status = self.last_words(status);
                // The kernel takes thousands of descriptors back in less time than it takes to close them one by one.
                std::mem::forget(self);
                return status;
            }
            self.wait(self.deadline(), &mut ready);
            self.gather(&ready, clock::now());
        }
    }

    /// Takes events and performs actions until there are none.
    fn settle(&mut self, now: Now) {
        self.outputs.expire(&self.poller, now);
        self.expire_adoptions(now);
        self.expire_mains(now);
        self.go_on_probing(None, now);
        loop {
            // What an action has written may have let some output through that waited for its turn.
            self.take_met();
            for event in std::mem::take(&mut self.events) {
                self.supervisor.handle(event, now);
            }
            self.supervisor.turn(now);
            let actions = self.supervisor.take_actions();
            if actions.is_empty() {
                return self.arm();
            }
            self.perform_all(actions, now);
        }
    }

    /// Sets the timers of the other two clocks to what the supervisor waits for.
    fn arm(&mut self) {
        let armed = self.runs.arm(self.supervisor.next_run()).and(self.beats.arm(self.supervisor.next_beat()));
        if let Err(errno) = armed {
            self.complain(&format!("cannot arm the timer of cron jobs: {}", reason(&errno.into())));
        }
    }

    fn deadline(&self) -> Option<Mono> {
        let (supervisor, outputs) = (self.supervisor.next_deadline(), self.outputs.deadline());
        let others = [self.adoption_deadline(), self.main_deadline(), self.probes.deadline()];
        [supervisor, outputs].into_iter().chain(others).flatten().min()
    }

    fn wait(&mut self, until: Option<Mono>, ready: &mut Vec<Ready>) {
        let timeout = until.map(|until| until.since(clock::mono()));
        if let Err(errno) = self.poller.wait(timeout, ready) {
            // Only ENOMEM can come here. Without a pause this would spin; a signal or the pause's end goes on.
            self.complain(&format!("cannot wait for events: {}", reason(&errno.into())));
            self.signals.pause(Duration::from_millis(100));
        }
    }

    /// Says something in the log.
    pub fn say(&mut self, note: &Note) {
        self.outputs.say(note, &self.poller, clock::now());
    }

    pub(super) fn complain(&mut self, text: &str) {
        self.say(&Note::new(Level::Error, text));
    }

    /// Writes what is still to be written, as long as there is time and nobody asks again, and ends.
    fn last_words(&mut self, status: u8) -> u8 {
        self.end_signs();
        let mut until = self.supervisor.leaves_at().unwrap_or_else(clock::mono);
        let mut ready = Vec::new();
        loop {
            let now = clock::now();
            self.outputs.expire(&self.poller, now);
            if self.outputs.finished(&self.poller, now) {
                return status;
            }
            if now.mono >= until {
                self.outputs.give_up(&self.poller, now);
                return status;
            }
            let next = self.outputs.deadline().map_or(until, |deadline| deadline.min(until));
            self.wait(Some(next), &mut ready);
            for one in &ready {
                if Outputs::owns(one.token) {
                    self.outputs.ready(*one, &self.poller, now);
                } else if one.token == SIGNALS {
                    let now = clock::mono();
                    while let Some(received) = self.signals.next() {
                        if self.supervisor.is_asked_again(received.signal, now) {
                            until = now;
                        }
                    }
                }
            }
        }
    }
}
