//! The shutdown's plan: one budget, waves, shares, and the last act. Times and order only; the supervisor does it.
//!
//! ```text
//! Delay ──over, second signal──▶ Waves ──all units gone──▶ LastTerm ──500 ms──▶ LastKill ──nothing left,
//!                                  └───────────── final kill, second signal ────────▲       budget over──▶ leave
//! ```
//!
//! - During `shutdown.delay` everything stays as it is, but no job starts; it counts into the budget.
//! - Main command and jobs are the first wave; a service is in the wave after the last of those that depend on it, but
//!   needn't wait for all of that: it is told to stop as soon as everything that depends on it has gone.
//! - `FINAL_KILL` before the budget is over, everything that still lives is killed: what remains is for reaping,
//!   draining and leaving.
//! - A wave's share is the time left until the final kill, divided by the non-empty waves left, itself included: so
//!   every unit gets its stop signal and some time, and what one wave doesn't use goes to the later ones.

use super::verdict::Reason;
use crate::model::moment::Mono;
use crate::model::signal::Signal;
use crate::model::unit::UnitId;
use std::time::Duration;

/// The final kill comes this long before the budget is over (spec/supervision.md).
const FINAL_KILL: Duration = Duration::from_millis(300);
/// How long what is left may take after the last TERM.
const LAST_TERM: Duration = Duration::from_millis(500);
/// A stop signal that comes sooner after the first counts as the same: engines and terminals repeat them.
const REPEAT: Duration = Duration::from_millis(250);

/// A shutdown under way.
#[derive(Debug)]
pub struct Shutdown {
    pub reason: Reason,
    pub began: Mono,
    /// When wingmate leaves, whatever is left.
    pub deadline: Mono,
    final_kill: Mono,
    pub phase: Phase,
    /// Every unit's wave, by its number.
    pub waves: Vec<usize>,
    /// The units that haven't been told to stop.
    pub pending: Vec<UnitId>,
    /// The main command's stop signal: the one that came, or TERM.
    pub signal: Signal,
    /// When it was last looked, nobody was left who could be signalled.
    pub nobody_left: bool,
    /// What can't be signalled has been named.
    pub named_beyond: bool,
}

/// The budget that a unit with this `stop.timeout` needs, if `budget` isn't enough for it to be used up.
pub fn budget_for(stop_timeout: Duration, budget: Duration) -> Option<Duration> {
    let needed = stop_timeout + FINAL_KILL;
    (needed > budget).then_some(needed)
}

/// How far it has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    Delay {
        until: Mono,
    },
    Waves,
    /// TERM went to all that is left; KILL follows then.
    LastTerm {
        until: Mono,
    },
    /// KILL went to all that is left.
    LastKill,
}

impl Shutdown {
    /// A shutdown that begins now and must be over after `timeout`; nothing is stopped for as long as `delay` says.
    pub fn new(reason: Reason, signal: Signal, timeout: Duration, delay: Duration, now: Mono) -> Shutdown {
        // A budget too short for the usual margin keeps half of itself.
        let final_kill = now + timeout.saturating_sub(FINAL_KILL).max(timeout / 2);
        Shutdown {
            reason,
            began: now,
            deadline: now + timeout,
            final_kill,
            phase: Phase::Delay { until: (now + delay).min(final_kill) },
            waves: Vec::new(),
            pending: Vec::new(),
            signal,
            nobody_left: false,
            named_beyond: false,
        }
    }

    /// Whether nothing has been stopped yet.
    pub fn is_delayed(&self) -> bool {
        matches!(self.phase, Phase::Delay { .. })
    }

    /// Whether a stop signal at `now` is a second one, and not the first repeated.
    pub fn is_second(&self, now: Mono) -> bool {
        now.since(self.began) >= REPEAT
    }

    /// The time that a wave beginning now may take; `waves_left`: non-empty ones, itself included.
    pub fn share(&self, waves_left: usize, now: Mono) -> Duration {
        self.final_kill.since(now) / u32::try_from(waves_left.max(1)).unwrap_or(u32::MAX)
    }

    /// Whether the final kill is due.
    pub fn final_kill_due(&self, now: Mono) -> bool {
        self.phase != Phase::LastKill && self.final_kill <= now
    }

    /// The last TERM has been sent.
    pub fn last_term(&mut self, now: Mono) {
        self.phase = Phase::LastTerm { until: (now + LAST_TERM).min(self.final_kill) };
    }

    /// When the plan has something to do.
    pub fn next(&self) -> Mono {
        match self.phase {
            Phase::Delay { until } => until,
            Phase::Waves => self.final_kill,
            Phase::LastTerm { until } => until,
            Phase::LastKill => self.deadline,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shutdown(timeout: Duration) -> Shutdown {
        Shutdown::new(Reason::Asked(Signal::TERM), Signal::TERM, timeout, Duration::ZERO, Mono::default())
    }

    #[test]
    fn waves_share_what_is_left_until_the_final_kill() {
        let plan = shutdown(Duration::from_secs(8));
        assert_eq!(plan.share(2, Mono::default()), Duration::from_millis(3850));
        let later = Mono::default() + Duration::from_millis(700);
        assert_eq!(plan.share(1, later), Duration::from_secs(7), "what the first wave left goes to the second");
        assert_eq!(plan.share(1, Mono::default() + Duration::from_secs(9)), Duration::ZERO);
    }

    #[test]
    fn the_last_term_never_passes_the_final_kill() {
        let mut plan = shutdown(Duration::from_secs(8));
        let late = Mono::default() + Duration::from_millis(7500);
        plan.last_term(late);
        assert_eq!(plan.phase, Phase::LastTerm { until: Mono::default() + Duration::from_millis(7700) });
    }

    #[test]
    fn a_repeated_signal_is_no_second_one() {
        let plan = shutdown(Duration::from_secs(8));
        assert!(!plan.is_second(Mono::default() + Duration::from_millis(249)));
        assert!(plan.is_second(Mono::default() + Duration::from_millis(250)));
    }
}
