//! A program that puts itself into the background, as one machine: from the start of the starter to the end of
//! the daemon that it leaves. `wmpidproxy` holds one, and so does each life of a service with `pidfile:`.
//!
//! It knows neither files nor signals: its owner judges the pid file (`adoption`) and tells a fit candidate; its
//! owner stops (says `Stopping`, sends what it likes, gives up when it likes). The one time it keeps is how long a
//! pid may be awaited.
//!
//! **States.**
//! - `Starting{until}`: the starter runs, no daemon is known. The pid file is watched.
//! - `Awaiting{until, own}`: the starter has gone with 0, the daemon is still to be named. The pid file is watched.
//!   `own`: the starter had named itself, and this is how it ended.
//! - `Adopted{daemon}`: a daemon is known. It may be the starter itself, if the file says so while that lives; the
//!   starter may also still be there beside it. Nothing is watched but the two.
//! - `HandOver{until, daemon, exit}`: the daemon has ended with `exit`, a successor may be named. The pid file is watched.
//! - `Stopping`: told to stop while there was no daemon; the starter is still to go.
//! - `Ended`: every further event is dropped.
//!
//! **Who wins.**
//! - A fit candidate is adopted at once, also while the starter runs: from then on signals have somewhere to go.
//! - The starter may name itself, and is the daemon as long as it stays. If it ends with 0 within the start's time,
//!   unasked, while something is left, it didn't stay: that was no daemon, and the start goes on to its own time for
//!   whoever corrects the file. If nothing is left, its own end was the daemon's. Later, or after it was asked to end
//!   (`Asked`), or when it took its file along (`Withdrawn`: sshd in the foreground, which leaves sessions), its end with 0
//!   is a hand-over like any daemon's.
//! - The starter's failure is the start's, whenever it comes: it ends the matter even when a daemon was adopted
//!   (which its owner then stops with all that the starter left). Not so while stopping: there the daemon counts.
//! - A daemon that ended with 0 and left a living process may be handing over (sshd on HUP, nginx on an upgrade):
//!   a successor has [`HAND_OVER`], and so has the next after each that went before it could be adopted (`Passed`): a
//!   chain may be long. Any other end is the end at once. So is any end while stopping, unless the pid
//!   file names a successor already: that one is to be stopped too.
//! - A daemon that ended as the child of a starter that lives has its status there. The starter passes it on, or
//!   leaves the dead daemon to us when it goes itself: it gets the time of a hand-over for that, and [`PARTING`]
//!   while stopping. The daemon's own status, if it comes (`unreaped`), beats the starter's. Any other parent has
//!   [`PARTING`] to leave it to us: one that forked and is slow to go.
//! - When nothing is left alive (`Alone`), nobody is awaited any longer than that.
//! - `Stopping` in a hand-over: the successor may come yet and must be stopped too, so it is still awaited;
//!   `Adopted` then tells the owner whom to signal.

use crate::model::exit::Exit;
use crate::model::moment::Mono;
use crate::model::unit::Pid;
use std::time::Duration;

/// How long a daemon that ended with 0 may take to be succeeded (spec/pidproxy.md).
pub const HAND_OVER: Duration = Duration::from_secs(2);

/// How long a starter may outlive a daemon whose status it has, when both were to stop, and any other parent: a matter
/// of scheduling for one that is on its way out, and not a delay that counts in a shutdown for one that isn't.
pub const PARTING: Duration = Duration::from_millis(500);

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// The pid file names this process, it was judged fit and is held on to.
    Candidate(Pid),
    /// The pid file names this process, which has ended already.
    Passed(Pid),
    /// The starter, the daemon or some other process has ended. `exit`: unknown if it wasn't our child.
    /// `lingering`: a process that it may have left behind lives (true when that can't be told).
    Exited { pid: Pid, exit: Option<Exit>, lingering: bool },
    /// The daemon has ended as the child of a process that hasn't taken its status yet, and may leave it to us.
    Unreaped(Pid),
    /// There is no pid file, or none any more.
    Withdrawn,
    /// Nothing that the starter began is alive any more.
    Alone,
    /// The daemon was asked to end or to hand over: what it does from now on is no part of the start.
    Asked,
    /// The owner is stopping it.
    Stopping,
}

/// What came of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Nothing that the owner need act on.
    Nothing,
    /// Watch the pid file (again): a daemon is awaited.
    Await,
    /// This is the daemon now; the pid file need not be watched.
    Adopted(Pid),
    /// It is over. Said once.
    Ended(Ending),
}

/// How it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// The starter failed: exited with another code than 0, or was killed.
    StarterFailed(Exit),
    /// No daemon was named in time.
    TimedOut,
    /// The starter went with 0, no daemon was named, and nothing is left that could be one.
    NothingLeft,
    /// The daemon ended. `None`: nobody can tell how.
    Daemon(Option<Exit>),
    /// Stopped before there was a daemon. The starter's end, if it was still there to end.
    Stopped(Option<Exit>),
}

/// One forking daemon's life.
#[derive(Clone, Debug)]
pub struct Proxy {
    state: State,
    /// While it lives.
    starter: Option<Pid>,
    /// Until then the starter may name itself and yet go.
    start: Option<Mono>,
    /// Who was last seen to have come and gone.
    passed: Option<Pid>,
    stopping: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Starting { until: Mono },
    Awaiting { until: Mono, own: Option<(Pid, Exit)> },
    Adopted { daemon: Pid },
    HandOver { until: Mono, daemon: Pid, exit: Option<Exit> },
    Stopping,
    Ended,
}

impl Proxy {
    /// The starter was started; a daemon must be named by `until`.
    pub fn new(starter: Pid, until: Mono) -> Proxy {
        Proxy {
            state: State::Starting { until },
            starter: Some(starter),
            start: Some(until),
            passed: None,
            stopping: false,
        }
    }

    /// The starter, while it lives.
    pub fn starter(&self) -> Option<Pid> {
        self.starter
    }

    /// The daemon, while one is adopted.
    pub fn daemon(&self) -> Option<Pid> {
        match self.state {
            State::Adopted { daemon } => Some(daemon),
            State::Starting { .. } | State::Awaiting { .. } | State::HandOver { .. } => None,
            State::Stopping | State::Ended => None,
        }
    }

    /// Whether the pid file is to be watched.
    pub fn awaits(&self) -> bool {
        self.deadline().is_some()
    }

    /// Whether a daemon has ended and its successor is awaited.
    pub fn hands_over(&self) -> bool {
        matches!(self.state, State::HandOver { .. })
    }

    /// A daemon that has ended, with a status that isn't known: it may be ours to reap once the starter has ended,
    /// and then its end is to be told before the starter's.
    pub fn unreaped(&self) -> Option<Pid> {
        match self.state {
            State::HandOver { daemon, exit: None, .. } => Some(daemon),
            State::HandOver { exit: Some(_), .. } | State::Starting { .. } | State::Awaiting { .. } => None,
            State::Adopted { .. } | State::Stopping | State::Ended => None,
        }
    }

    /// When [`Proxy::expire`] is due.
    pub fn deadline(&self) -> Option<Mono> {
        match self.state {
            State::Starting { until } | State::Awaiting { until, .. } | State::HandOver { until, .. } => Some(until),
            State::Adopted { .. } | State::Stopping | State::Ended => None,
        }
    }

    /// The clock ran on while nothing else did: what is awaited has so much more time.
    pub fn prolong(&mut self, by: Duration) {
        self.start = self.start.map(|until| until + by);
        match &mut self.state {
            State::Starting { until } | State::Awaiting { until, .. } | State::HandOver { until, .. } => {
                *until = *until + by;
            }
            State::Adopted { .. } | State::Stopping | State::Ended => {}
        }
    }

    /// The time is over, if it is.
    pub fn expire(&mut self, now: Mono) -> Step {
        match self.state {
            State::Starting { until } | State::Awaiting { until, .. } if until <= now => self.end(Ending::TimedOut),
            State::HandOver { until, exit, .. } if until <= now => self.end(Ending::Daemon(exit)),
            State::Starting { .. } | State::Awaiting { .. } | State::HandOver { .. } => Step::Nothing,
            State::Adopted { .. } | State::Stopping | State::Ended => Step::Nothing,
        }
    }

    /// Takes an event.
    pub fn handle(&mut self, event: Event, now: Mono) -> Step {
        match event {
            Event::Candidate(pid) => self.candidate(pid),
            Event::Passed(pid) => self.passed(pid, now),
            Event::Exited { pid, exit, lingering } => self.exited(pid, exit, lingering, now),
            Event::Unreaped(pid) => self.left_unreaped(pid, now),
            Event::Withdrawn => self.withdrawn(now),
            Event::Alone => self.alone(),
            Event::Asked => self.asked(),
            Event::Stopping => self.stopping(),
        }
    }

    fn candidate(&mut self, pid: Pid) -> Step {
        match self.state {
            State::Starting { .. } | State::Awaiting { .. } | State::HandOver { .. } => {
                self.state = State::Adopted { daemon: pid };
                Step::Adopted(pid)
            }
            State::Adopted { .. } | State::Stopping | State::Ended => Step::Nothing,
        }
    }

    fn passed(&mut self, pid: Pid, now: Mono) -> Step {
        match &mut self.state {
            State::HandOver { until, daemon, exit: Some(_) } if !self.stopping => {
                if *daemon != pid && self.passed != Some(pid) {
                    self.passed = Some(pid);
                    *until = now + HAND_OVER;
                }
            }
            // Nobody hands over, or the time is another's.
            State::HandOver { .. } | State::Starting { .. } | State::Awaiting { .. } => {}
            State::Adopted { .. } | State::Stopping | State::Ended => {}
        }
        Step::Nothing
    }

    fn exited(&mut self, pid: Pid, exit: Option<Exit>, lingering: bool, now: Mono) -> Step {
        let was_starter = self.starter == Some(pid);
        if was_starter {
            self.starter = None;
        }
        let left = self.start.filter(|until| was_starter && lingering && !self.stopping && now < *until);
        if let (Some(until), Some(end @ Exit::Code(0)), true) = (left, exit, self.daemon() == Some(pid)) {
            self.state = State::Awaiting { until, own: Some((pid, end)) };
            Step::Await
        } else if self.daemon() == Some(pid) || (self.unreaped() == Some(pid) && exit.is_some()) {
            self.daemon_ended(pid, exit, lingering, now)
        } else if was_starter {
            self.starter_ended(exit, lingering)
        } else {
            Step::Nothing
        }
    }

    fn starter_ended(&mut self, exit: Option<Exit>, lingering: bool) -> Step {
        let failure = exit.filter(|exit| *exit != Exit::Code(0) && !self.stopping);
        match (self.state, failure) {
            (State::Stopping, _) => self.end(Ending::Stopped(exit)),
            (State::HandOver { exit: None, .. }, _) => self.end(Ending::Daemon(exit)),
            (State::Starting { .. } | State::Adopted { .. } | State::HandOver { .. }, Some(exit)) => {
                self.end(Ending::StarterFailed(exit))
            }
            (State::Starting { .. }, None) if !lingering => self.end(Ending::NothingLeft),
            (State::Starting { until }, None) => {
                self.state = State::Awaiting { until, own: None };
                Step::Await
            }
            (State::Adopted { .. } | State::HandOver { .. }, None) => Step::Nothing,
            // The starter had gone before.
            (State::Awaiting { .. } | State::Ended, _) => Step::Nothing,
        }
    }

    fn daemon_ended(&mut self, daemon: Pid, exit: Option<Exit>, lingering: bool, now: Mono) -> Step {
        let time = match exit {
            None if self.starter.is_some() && self.stopping => PARTING,
            None if self.starter.is_some() => HAND_OVER,
            Some(Exit::Code(0)) if lingering && self.stopping => Duration::ZERO,
            Some(Exit::Code(0)) if lingering => HAND_OVER,
            Some(_) | None => return self.end(Ending::Daemon(exit)),
        };
        self.state = State::HandOver { until: now + time, daemon, exit };
        Step::Await
    }

    fn left_unreaped(&mut self, pid: Pid, now: Mono) -> Step {
        if self.daemon() != Some(pid) {
            return Step::Nothing;
        }
        if self.starter.is_some() {
            // It is the starter's, which speaks for it.
            return self.daemon_ended(pid, None, true, now);
        }
        self.state = State::HandOver { until: now + PARTING, daemon: pid, exit: None };
        Step::Await
    }

    fn withdrawn(&mut self, now: Mono) -> Step {
        if let State::Awaiting { own: Some((daemon, exit)), .. } = self.state {
            self.state = State::HandOver { until: now + HAND_OVER, daemon, exit: Some(exit) };
        }
        Step::Nothing
    }

    fn alone(&mut self) -> Step {
        match self.state {
            State::Awaiting { own: None, .. } => self.end(Ending::NothingLeft),
            State::Awaiting { own: Some((_, exit)), .. } => self.end(Ending::Daemon(Some(exit))),
            State::HandOver { exit, .. } => self.end(Ending::Daemon(exit)),
            // The end of the starter or the daemon is told by itself.
            State::Starting { .. } | State::Adopted { .. } | State::Stopping | State::Ended => Step::Nothing,
        }
    }

    fn asked(&mut self) -> Step {
        if self.daemon().is_some() {
            self.start = None;
        }
        Step::Nothing
    }

    fn stopping(&mut self) -> Step {
        self.stopping = true;
        match self.state {
            State::Starting { .. } => {
                self.state = State::Stopping;
                Step::Nothing
            }
            State::Awaiting { .. } => self.end(Ending::Stopped(None)),
            State::Adopted { .. } | State::HandOver { .. } | State::Stopping | State::Ended => Step::Nothing,
        }
    }

    fn end(&mut self, ending: Ending) -> Step {
        self.state = State::Ended;
        Step::Ended(ending)
    }
}

#[cfg(test)]
mod tests;
