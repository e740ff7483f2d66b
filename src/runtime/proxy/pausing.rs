//! Job control at a terminal, as sudo(8) does it: a ^Z in the foreground, which is the starter's, stops the starter; the
//! shell that waits for us has its prompt back when we stop as well. When the shell lets us go on the starter does, in
//! the foreground if we are put there.

use super::Loop;
use crate::model::moment::Mono;
use crate::model::signal::Signal;
use crate::model::unit::Pid;
use crate::sys::clock::mono;
use crate::sys::{processes, reap, terminal};

impl Loop<'_, '_> {
    /// A child may have been stopped. Gives the time at which we go on.
    pub(super) fn pause(&mut self, now: Mono) -> Mono {
        let Some(starter) = self.machine.starter().filter(|_| self.sweep.is_none()) else { return now };
        let Some(signal) = reap::stopped(starter) else { return now };
        // It wants the terminal, from the background.
        let wants = [Signal::TTIN, Signal::TTOU].contains(&signal);
        let us = match terminal::foreground() {
            Some(foreground) if foreground == starter => true,
            // Nobody stops the first process of a container, which would try again for ever.
            Some(_) => wants && !terminal::is_ours() && self.us != Pid::INIT,
            None => return now,
        };
        if us {
            terminal::take_back(starter);
            let _ = processes::kill(self.us, Signal::STOP);
            // Here we go on.
        } else if !wants {
            return now;
        }
        terminal::give(starter);
        let _ = processes::kill_group(starter, Signal::CONT);
        let later = mono();
        self.machine.prolong(later.since(now));
        later
    }
}
