//! Probes under way: connections, HTTP requests, commands, looks at files, each tried once and answered once, at the
//! latest when its time is over. When to try again and what follows is the supervisor's.
//!
//! ```text
//!  Action::Probe ─▶ attempt ─┬─ child (a name's addresses) ─▶ connection ─┬─▶ exchange (HTTP) ─▶ Event::Probed
//!                            │                                            └──────────────────▶
//!                            └─ child (a command) ───────────────────────────────────────────▶
//! ```
//!
//! Each has one descriptor at most in the poller, under a token of its unit and purpose. A child that outlives its
//! probe is killed with its group, and known until it is reaped.

mod attempt;
mod child;
mod connection;
mod exchange;
#[cfg(test)]
mod tests;

use super::launcher::Launcher;
use crate::model::command::ProcessSpec;
use crate::model::exit::Exit;
use crate::model::moment::{Mono, Now, Spoken};
use crate::model::service::Probe;
use crate::model::table::Table;
use crate::model::unit::{Life, Pid, UnitId};
use crate::supervise::action::Purpose;
use crate::supervise::event::Event;
use crate::sys::poll::{Poller, Token};
use attempt::{Answer, Attempt, Outcome};
use std::time::Duration;

/// What probes are tried with.
#[derive(Clone, Copy)]
pub struct Around<'a> {
    pub poller: &'a Poller,
    pub launcher: &'a Launcher,
    pub now: Now,
}

/// Whose probe it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Of {
    pub unit: UnitId,
    pub life: Life,
    pub purpose: Purpose,
}

/// All probes under way, and what came of them.
#[derive(Debug)]
pub struct Probes {
    /// The upper half of their tokens.
    kind: Token,
    under_way: Table<u32, One>,
    /// Killed, not yet reaped.
    dying: Vec<Pid>,
    /// To be taken by the loop.
    pub answers: Vec<Event>,
    /// Lines that probes' commands have written, to be taken too.
    pub lines: Vec<(UnitId, String)>,
}

#[derive(Debug)]
struct One {
    of: Of,
    timeout: Duration,
    attempt: Attempt,
}

/// The lower half of a probe's token.
fn key(of: Of) -> u32 {
    of.unit.0 << 1 | u32::from(of.purpose == Purpose::Health)
}

impl Probes {
    /// None yet; their tokens are of this kind.
    pub fn new(kind: Token) -> Probes {
        Probes { kind, under_way: Table::new(), dying: Vec::new(), answers: Vec::new(), lines: Vec::new() }
    }

    /// Tries a probe once. `program`: the unit's own process, in whose place a command runs.
    pub fn begin(&mut self, of: Of, probe: &Probe, program: &ProcessSpec, timeout: Duration, around: &Around<'_>) {
        let key = key(of);
        self.drop_one(key);
        let until = around.now.mono + timeout;
        match Attempt::begin(probe, program, until, Token(self.kind.0 | u64::from(key)), around) {
            Ok(attempt) => {
                self.under_way.insert(key, One { of, timeout, attempt });
                self.go_on(key, around);
            }
            Err(answer) => self.answer(of, answer),
        }
    }

    /// A life's probes are answered no more.
    pub fn forget(&mut self, unit: UnitId, life: Life) {
        for purpose in [Purpose::Ready, Purpose::Health] {
            let key = key(Of { unit, life, purpose });
            if self.under_way.get(&key).is_some_and(|one| one.of.life == life) {
                self.drop_one(key);
            }
        }
    }

    /// None is answered any more.
    pub fn end(&mut self) {
        let keys: Vec<u32> = self.under_way.keys().copied().collect();
        keys.into_iter().for_each(|key| self.drop_one(key));
    }

    /// Something of a probe is ready.
    pub fn ready(&mut self, low: u32, around: &Around<'_>) {
        self.go_on(low, around);
    }

    /// When [`Probes::expire`] has something to do.
    pub fn deadline(&self) -> Option<Mono> {
        self.under_way.values().map(|one| one.attempt.deadline()).min()
    }

    /// Goes on with what is due, and answers what has had its time.
    pub fn expire(&mut self, around: &Around<'_>) {
        let now = around.now.mono;
        let due: Vec<u32> =
            self.under_way.iter().filter(|(_, one)| one.attempt.deadline() <= now).map(|(key, _)| *key).collect();
        for key in due {
            self.go_on(key, around);
            let Some(one) = self.under_way.get_mut(&key).filter(|one| one.attempt.until <= now) else { continue };
            let late = || Answer::Tried(Err(format!("no answer within {}", Spoken(one.timeout))));
            let (of, answer) = (one.of, one.attempt.why().unwrap_or_else(late));
            self.drop_one(key);
            self.answer(of, answer);
        }
    }

    /// Whether this child of ours is a probe's.
    pub fn own(&self, pid: Pid) -> bool {
        self.children().any(|child| child == pid)
    }

    /// The children that are probes' own.
    pub fn children(&self) -> impl Iterator<Item = Pid> + '_ {
        self.under_way.values().filter_map(|one| one.attempt.pid()).chain(self.dying.iter().copied())
    }

    /// Such a child was reaped.
    pub fn ended(&mut self, pid: Pid, exit: Exit, around: &Around<'_>) {
        self.dying.retain(|dying| *dying != pid);
        let found = self.under_way.iter().find(|(_, one)| one.attempt.pid() == Some(pid)).map(|(key, _)| *key);
        if let Some(key) = found {
            self.step(key, |attempt, said| attempt.ended(exit, around, said));
        }
    }

    fn go_on(&mut self, key: u32, around: &Around<'_>) {
        self.step(key, |attempt, said| attempt.go_on(around, said));
    }

    fn step(&mut self, key: u32, act: impl FnOnce(&mut Attempt, &mut dyn FnMut(&[u8])) -> Option<Outcome>) {
        let Some(one) = self.under_way.get_mut(&key) else { return };
        let (of, lines) = (one.of, &mut self.lines);
        let mut said = |line: &[u8]| lines.push((of.unit, String::from_utf8_lossy(line).into_owned()));
        if let Some(outcome) = act(&mut one.attempt, &mut said) {
            self.under_way.remove(&key);
            self.answer(of, Answer::Tried(outcome));
        }
    }

    fn answer(&mut self, Of { unit, life, purpose }: Of, answer: Answer) {
        self.answers.push(match answer {
            Answer::Tried(result) => Event::Probed { unit, life, purpose, result },
            Answer::Untried(reason) => Event::Untried { unit, life, purpose, reason },
        });
    }

    /// Ends one without an answer.
    fn drop_one(&mut self, key: u32) {
        if let Some(child) = self.under_way.remove(&key).as_ref().and_then(|one| one.attempt.child()) {
            child.kill();
            self.dying.push(child.pid());
        }
    }
}
