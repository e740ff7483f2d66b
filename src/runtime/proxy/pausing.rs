//! Job control at a terminal, as sudo(8) does it: a ^Z in the foreground, which is the starter's, stops the starter; the
//! shell that waits for us has its prompt back when all of our process group stop as well, as they would have if the ^Z
//! had been theirs. When the shell lets us go on the starter does, in the foreground if we are put there.
//!
//! Where no shell would let us go on (a container's first process, `ssh -t`) we don't stop, and a ^Z is unheard, as the
//! kernel has it for whoever is alone there. That the starter is no such one is our doing: its parent is in the session.

use super::Loop;
use crate::model::moment::Mono;
use crate::model::signal::Signal;
use crate::model::unit::Pid;
use crate::sys::clock::mono;
use crate::sys::{processes, reap, session, terminal};

impl Loop<'_, '_> {
    /// A child may have been stopped. Gives the time at which we go on.
    pub(super) fn pause(&mut self, now: Mono) -> Mono {
        let Some(starter) = self.machine.starter().filter(|_| self.sweep.is_none()) else { return now };
        let Some(signal) = reap::stopped(starter) else { return now };
        let Some(foreground) = terminal::foreground() else { return now };
        let in_front = foreground == starter;
        // It wants the terminal, from the background.
        let wants = [Signal::TTIN, Signal::TTOU].contains(&signal);
        if !in_front && !wants {
            return now;
        }
        if in_front || !terminal::is_ours() {
            if self.us != Pid::INIT && !session::group_is_orphaned() {
                terminal::take_back(starter);
                let _ = processes::kill_own_group(Signal::STOP);
                // Here we go on.
            } else if !in_front || signal == Signal::STOP {
                // Let go on, it would want it again, and for ever. A STOP was no key.
                return now;
            }
        }
        terminal::give(starter);
        let _ = processes::kill_group(starter, Signal::CONT);
        let later = mono();
        self.machine.prolong(later.since(now));
        later
    }
}
