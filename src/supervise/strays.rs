//! What a start that was given up before there was a daemon has left outside of its process group (a daemon calls
//! setsid): looked for by its mark, told to stop, and killed when the unit's time is over.
//!
//! Nothing tells the end of another process's child, so it is looked for again at growing intervals; what is begun
//! meanwhile is found then. It is over when a look finds nobody after all else of the start has gone.

use super::action::Action;
use crate::model::moment::Mono;
use crate::model::signal::Signal;
use crate::model::unit::{Life, UnitId};
use std::time::Duration;

/// First and longest interval between looks.
const FIRST_LOOK: Duration = Duration::from_millis(10);
const LONGEST_LOOK: Duration = Duration::from_secs(1);

/// One start's strays, while they are looked for.
#[derive(Debug)]
pub struct Strays {
    unit: UnitId,
    life: Life,
    /// What they get at present.
    signal: Option<Signal>,
    /// When SIGKILL is due; `None` once it was sent.
    kill_at: Option<Mono>,
    /// The next look, and the interval that led to it.
    look_at: (Mono, Duration),
    /// Looks that were ordered and aren't answered.
    open: u32,
    /// So many were found by the last look.
    left: usize,
    /// There was somebody who can't be told from a stranger.
    unseen: bool,
    /// Nothing else is left of the start.
    alone: bool,
    killed: bool,
}

impl Strays {
    /// Looks for them, with this signal for whoever is found, and SIGKILL after `limit`.
    pub fn seek(
        (unit, life): (UnitId, Life),
        signal: Option<Signal>,
        limit: Duration,
        now: Mono,
        actions: &mut Vec<Action>,
    ) -> Strays {
        let mut strays = Strays {
            unit,
            life,
            signal,
            kill_at: Some(now + limit),
            look_at: (now, FIRST_LOOK),
            open: 0,
            left: 0,
            unseen: false,
            alone: false,
            killed: false,
        };
        strays.look(now, FIRST_LOOK, actions);
        strays
    }

    fn look(&mut self, now: Mono, interval: Duration, actions: &mut Vec<Action>) {
        self.open += 1;
        self.look_at = (now + interval, interval);
        actions.push(Action::Sweep { unit: self.unit, life: self.life, signal: self.signal });
    }

    /// What a look has found.
    pub fn swept(&mut self, left: usize, unseen: bool) {
        self.open = self.open.saturating_sub(1);
        (self.left, self.unseen) = (left, unseen);
    }

    /// Nothing else is left of the start: whether nothing is of them.
    pub fn gone(&mut self, now: Mono, actions: &mut Vec<Action>) -> bool {
        if !std::mem::replace(&mut self.alone, true) {
            self.look(now, FIRST_LOOK, actions);
        }
        self.open == 0 && self.left == 0
    }

    /// Whether some were found.
    pub fn found(&self) -> bool {
        self.left > 0
    }

    /// Whether there may be some that can't be told from strangers.
    pub fn unseen(&self) -> bool {
        self.unseen
    }

    /// Whether their time ran out.
    pub fn killed(&self) -> bool {
        self.killed
    }

    /// Puts SIGKILL off to `at`.
    pub fn postpone(&mut self, at: Mono) {
        self.kill_at = self.kill_at.map(|kill_at| kill_at.max(at));
    }

    /// Moves SIGKILL forward to `at`.
    pub fn hasten(&mut self, at: Mono) {
        self.kill_at = self.kill_at.map(|kill_at| kill_at.min(at));
    }

    /// When there is something to do.
    pub fn deadline(&self) -> Mono {
        self.kill_at.map_or(self.look_at.0, |at| at.min(self.look_at.0))
    }

    /// Does what is due.
    pub fn expire(&mut self, now: Mono, actions: &mut Vec<Action>) {
        if self.kill_at.take_if(|at| *at <= now).is_some() {
            self.killed = self.left > 0;
            self.signal = Some(Signal::KILL);
            self.look(now, FIRST_LOOK, actions);
        } else if self.look_at.0 <= now {
            self.look(now, (self.look_at.1 * 2).min(LONGEST_LOOK), actions);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: Mono = Mono::from_nanos(1_000_000_000);

    fn sweeps(actions: &mut Vec<Action>) -> Vec<Option<Signal>> {
        let sweep = |action| match action {
            Action::Sweep { signal, .. } => signal,
            other => panic!("{other:?}"),
        };
        std::mem::take(actions).into_iter().map(sweep).collect()
    }

    fn sought(actions: &mut Vec<Action>) -> Strays {
        Strays::seek((UnitId(0), Life(1)), Some(Signal::TERM), Duration::from_secs(1), START, actions)
    }

    #[test]
    fn they_are_told_and_killed_in_time() {
        let mut actions = Vec::new();
        let mut strays = sought(&mut actions);
        let (mut now, mut looks) = (START, Vec::new());
        while now < START + Duration::from_secs(4) {
            strays.swept(1, false);
            assert!(!strays.gone(now, &mut actions));
            strays.swept(1, false);
            looks.extend(sweeps(&mut actions).into_iter().map(|signal| (now.since(START).as_millis(), signal)));
            now = strays.deadline();
            strays.expire(now, &mut actions);
        }
        let (told, killed): (Vec<_>, Vec<_>) = looks.into_iter().partition(|(_, signal)| *signal == Some(Signal::TERM));
        assert_eq!(told.iter().map(|(at, _)| *at).collect::<Vec<_>>(), [0, 0, 10, 30, 70, 150, 310, 630]);
        assert_eq!(killed.first(), Some(&(1_000, Some(Signal::KILL))));
        assert!(killed.len() > 5 && strays.killed());
    }

    #[test]
    fn the_last_look_is_made_when_nothing_else_is_left() {
        let mut actions = Vec::new();
        let mut strays = sought(&mut actions);
        strays.swept(0, false);
        assert!(!strays.gone(START, &mut actions), "somebody may have begun another since");
        assert_eq!(sweeps(&mut actions).len(), 2);
        strays.swept(0, true);
        assert!(strays.gone(START, &mut actions) && strays.unseen() && !strays.killed());
        assert!(actions.is_empty());
    }
}
