//! How that which a failed or cancelled start left is stopped, and a starter that outlives its daemon: `wmpidproxy`'s
//! own stop sequence, apart from the daemon's machine (`proxy`). A supervised unit has the supervisor's instead.
//!
//! Each process gets the stop signal once, also one that is begun meanwhile; after its time whatever is left gets
//! SIGKILL, again until nothing is; [`LAST`] later it is given up (a process in an uninterruptible wait). What may
//! not be signalled (another uid) isn't waited for.

use crate::model::moment::Mono;
use crate::model::process::{Facts, StartTime};
use crate::model::signal::Signal;
use crate::model::unit::Pid;
use std::time::Duration;

/// From the stop signal to SIGKILL where nothing else is asked for: `stop.timeout`'s default.
pub const GRACE: Duration = Duration::from_secs(5);
/// The same for a starter that outlives its daemon, and has nothing left to do.
pub const BRIEF: Duration = Duration::from_secs(1);
/// From the first SIGKILL to giving up.
pub const LAST: Duration = Duration::from_secs(1);

/// One sweep.
#[derive(Clone, Debug)]
pub struct Sweep {
    signal: Signal,
    until: Mono,
    /// Whom it is about, if not everybody: one process and what it has begun.
    tree: Option<Vec<(Pid, StartTime)>>,
    /// Who had this signal.
    told: Vec<(Pid, StartTime)>,
    /// Who can't be signalled.
    spared: Vec<(Pid, StartTime)>,
}

impl Sweep {
    /// Begins with this stop signal, and SIGKILL after `grace`.
    pub fn new(signal: Signal, grace: Duration, now: Mono) -> Sweep {
        let until = now + if signal == Signal::KILL { LAST } else { grace };
        Sweep { signal, until, tree: None, told: Vec::new(), spared: Vec::new() }
    }

    /// About this process only, and what is below it.
    pub fn of(self, pid: Pid, start: StartTime) -> Sweep {
        Sweep { tree: Some(vec![(pid, start)]), ..self }
    }

    /// Of those that are there (parents before their children), those that it is about: they are known from now on,
    /// also when their parents have gone.
    pub fn concerned(&mut self, there: Vec<Facts>) -> Vec<Facts> {
        let Some(tree) = &mut self.tree else { return there };
        let mut found: Vec<Facts> = Vec::new();
        for facts in there {
            let known = tree.contains(&(facts.pid, facts.start));
            if known || found.iter().any(|parent| facts.parent == Some(parent.pid)) {
                if !known {
                    tree.push((facts.pid, facts.start));
                }
                found.push(facts);
            }
        }
        found
    }

    /// What is sent at present.
    pub fn signal(&self) -> Signal {
        self.signal
    }

    /// When [`Sweep::expire`] is due.
    pub fn deadline(&self) -> Mono {
        self.until
    }

    /// The time is over: true when the sweep is.
    pub fn expire(&mut self, now: Mono) -> bool {
        if now < self.until {
            return false;
        }
        if self.signal == Signal::KILL {
            return true;
        }
        self.signal = Signal::KILL;
        self.until = now + LAST;
        self.told.clear();
        false
    }

    /// Of those that are there, those that the signal is due to; each is told once only.
    pub fn due(&mut self, living: &[Facts]) -> Vec<Facts> {
        let mut due = Vec::new();
        for facts in living.iter().filter(|facts| !facts.dead) {
            let name = (facts.pid, facts.start);
            if !self.told.contains(&name) && !self.spared.contains(&name) {
                self.told.push(name);
                due.push(*facts);
            }
        }
        due
    }

    /// This one may not be signalled. True the first time.
    pub fn spare(&mut self, one: &Facts) -> bool {
        let name = (one.pid, one.start);
        let new = !self.spared.contains(&name);
        if new {
            self.spared.push(name);
        }
        new
    }

    /// Whether nobody is left who is waited for. A dead child of ours may have left another that this list came too
    /// early for: it is reaped, and looked again. (Whoever's parent is another is that one's, who lives or was spared.)
    pub fn is_clean(&self, below: &[Facts], reaper: Pid) -> bool {
        let harmless = |facts: &Facts| match facts.dead {
            true => facts.parent != Some(reaper),
            false => self.spared.contains(&(facts.pid, facts.start)),
        };
        below.iter().all(harmless)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn process(raw: i32) -> Facts {
        let pid = Pid::from_raw(raw).unwrap();
        Facts { pid, parent: None, group: None, session: None, start: StartTime(5), dead: false }
    }

    const START: Mono = Mono::from_nanos(1);

    #[test]
    fn each_is_told_once_a_signal() {
        let mut sweep = Sweep::new(Signal::TERM, GRACE, START);
        assert_eq!(sweep.due(&[process(2), process(3)]), [process(2), process(3)]);
        assert_eq!(sweep.due(&[process(2), process(3), process(4)]), [process(4)], "begun meanwhile");
        assert!(!sweep.expire(START));
        assert!(sweep.due(&[process(2)]).is_empty());
        assert!(!sweep.expire(START + GRACE));
        assert_eq!((sweep.signal(), sweep.due(&[process(2)])), (Signal::KILL, vec![process(2)]));
        assert!(!sweep.expire(START + GRACE));
        assert!(sweep.expire(START + GRACE + LAST));
    }

    #[test]
    fn the_stop_signal_may_be_kill_and_the_grace_nothing() {
        let mut sweep = Sweep::new(Signal::TERM, Duration::ZERO, START);
        assert!(!sweep.expire(START));
        assert_eq!((sweep.signal(), sweep.deadline()), (Signal::KILL, START + LAST));
        let mut sweep = Sweep::new(Signal::KILL, Duration::ZERO, START);
        assert!(!sweep.expire(START));
        assert!(sweep.expire(START + LAST));
    }

    #[test]
    fn one_process_is_stopped_with_what_it_began() {
        let below = |raw, parent| Facts { parent: Some(process(parent).pid), ..process(raw) };
        let (root, child, other) = (below(2, 1), below(3, 2), below(4, 1));
        let mut sweep = Sweep::new(Signal::TERM, GRACE, START).of(root.pid, root.start);
        assert_eq!(sweep.concerned(vec![root, child, other, below(5, 4)]), [root, child]);
        let (orphan, grandchild) = (below(3, 1), below(6, 3));
        assert_eq!(sweep.concerned(vec![other, orphan, grandchild]), [orphan, grandchild], "its parent has gone");
        let again = Facts { start: StartTime(6), ..below(2, 1) };
        assert_eq!(sweep.concerned(vec![again]), [], "the number was used again");
        let everybody = vec![root, other];
        assert_eq!(Sweep::new(Signal::TERM, GRACE, START).concerned(everybody.clone()), everybody);
    }

    #[test]
    fn the_dead_and_the_spared_are_not_waited_for() {
        let mut sweep = Sweep::new(Signal::TERM, GRACE, START);
        let us = Pid::INIT;
        let dead = Facts { dead: true, parent: Some(process(2).pid), ..process(3) };
        assert!(sweep.due(&[dead]).is_empty());
        assert!(sweep.is_clean(&[dead], us));
        assert!(!sweep.is_clean(&[Facts { parent: Some(us), ..dead }], us), "ours to reap first");
        assert!(!sweep.is_clean(&[process(2)], us));
        assert!(sweep.spare(&process(2)));
        assert!(!sweep.spare(&process(2)));
        assert!(sweep.is_clean(&[process(2), dead], us));
        assert!(!sweep.is_clean(&[Facts { start: StartTime(6), ..process(2) }], us), "the number was used again");
    }
}
