//! What a failed or cancelled start left is stopped (`supervise::sweep`): the starter, and all that it has begun. So is
//! a starter that outlives its daemon, with what is below it by then; what the daemon has left isn't.

use super::Loop;
use crate::model::moment::Mono;
use crate::model::signal::Signal;
use crate::model::unit::Pid;
use crate::supervise::adoption::begun_since;
use crate::supervise::proxy::Event;
use crate::supervise::sweep::{BRIEF, GRACE, Sweep};
use crate::sys::processes::{self, Held};
use rustix::io::Errno;

impl Loop<'_, '_> {
    /// Asked to stop before there is a daemon.
    pub(super) fn cancel(&mut self, signal: Signal, now: Mono) {
        let step = self.machine.handle(Event::Stopping, now);
        self.file.disarm();
        self.begin_sweep(signal, now);
        self.act(step, now);
    }

    /// The daemon that nobody has named yet may be among them: so it is the daemon's stop signal and the daemon's time.
    pub(super) fn begin_sweep(&mut self, signal: Signal, now: Mono) {
        if self.sweep.is_none() {
            self.sweep = Some(Sweep::new(signal, self.order.stop_timeout.unwrap_or(GRACE), now));
            self.go_on_sweeping();
        }
    }

    /// The daemon has gone, and its starter hasn't.
    pub(super) fn part_with(&mut self, starter: Pid, now: Mono) {
        if self.sweep.is_none() {
            let grace = self.order.stop_timeout.map_or(BRIEF, |time| time.min(BRIEF));
            self.sweep = Some(Sweep::new(self.order.stop_signal, grace, now).of(starter, self.since));
            self.go_on_sweeping();
        }
    }

    /// Signals what is due; ends the sweep when nothing is left. Called at its beginning and after each death.
    pub(super) fn go_on_sweeping(&mut self) {
        let Some(mut sweep) = self.sweep.take() else { return };
        let below = sweep.concerned(begun_since(&processes::descendants(self.us), &self.claim()));
        for facts in sweep.due(&below) {
            let Some(held) = Held::hold(&facts) else { continue };
            match held.signal(sweep.signal()) {
                // Whoever is stopped takes it when it goes on only.
                Ok(()) if sweep.signal() != Signal::KILL => {
                    let _ = held.signal(Signal::CONT);
                }
                Err(Errno::PERM) if sweep.spare(&facts) => {
                    self.voice.say(&format!("process {} may not be stopped: it is another user's", facts.pid));
                }
                _ => {}
            }
        }
        if !sweep.is_clean(&below, self.us) || self.outcome.is_none() {
            self.sweep = Some(sweep);
        }
    }
}
