//! Signals: what is passed on to the daemon, as what, and what becomes of it while there is none.
//!
//! Time for a stop (`Order::stop_timeout`) counts from the first TERM on, whatever comes after it: a second TERM is
//! one more stop signal and no more time, and a successor that a hand-over brings has what is left. A successor that
//! comes later than that gets its SIGKILL with the stop signal.

use super::{Loop, Order};
use crate::model::moment::{Mono, Spoken};
use crate::model::signal::Signal;
use crate::supervise::proxy::Event;
use crate::sys::files::reason;
use crate::sys::signals::Signals;
use rustix::io::Errno;

/// What is passed on to the daemon (spec/pidproxy.md).
const FORWARDED: [Signal; 9] = [
    Signal::TERM,
    Signal::INT,
    Signal::HUP,
    Signal::QUIT,
    Signal::USR1,
    Signal::USR2,
    Signal::WINCH,
    Signal::CONT,
    Signal::TSTP,
];
/// Those after which an end is one that was asked for.
const STOPS: [Signal; 3] = [Signal::TERM, Signal::INT, Signal::QUIT];

impl Loop<'_, '_> {
    pub(super) fn take_signals(&mut self, signals: &Signals, mut now: Mono) {
        while let Some(received) = signals.next() {
            match received.signal {
                Signal::CHLD => {
                    self.take_children(now);
                    now = self.pause(now);
                }
                signal if FORWARDED.contains(&signal) => self.pass_on(signal, now),
                _ => {}
            }
        }
    }

    /// `signal` as we got it.
    pub(super) fn pass_on(&mut self, signal: Signal, now: Mono) {
        if self.machine.awaits() {
            // Whoever saw the pid file may signal us before we have seen it.
            self.look(now);
        }
        if self.daemon.is_some() {
            self.send(self.order.becomes(signal));
            if signal == Signal::TERM {
                // Whoever is stopped takes it when it goes on only.
                self.go_on();
            }
            if STOPS.contains(&signal) {
                self.asked = true;
                let step = self.machine.handle(Event::Asked, now);
                self.act(step, now);
            }
        } else if self.machine.awaits() && STOPS.contains(&signal) && !self.machine.hands_over() {
            return self.cancel(self.order.becomes(signal), now);
        } else if self.machine.awaits() {
            self.kept.retain(|kept| *kept != signal);
            self.kept.push(signal);
        }
        if signal == Signal::TERM {
            self.stopping = true;
            self.stop_by = self.stop_by.or(self.order.stop_timeout.map(|time| now + time));
            let step = self.machine.handle(Event::Stopping, now);
            self.act(step, now);
        }
    }

    fn send(&mut self, signal: Signal) {
        let Some(daemon) = &self.daemon else { return };
        match daemon.signal(signal) {
            Ok(()) | Err(Errno::SRCH) => {}
            Err(errno) => {
                let (pid, reason) = (daemon.pid(), reason(&errno.into()));
                self.voice.say(&format!("cannot send {signal} to the daemon (pid {pid}): {reason}"));
            }
        }
    }

    fn go_on(&self) {
        if let Some(daemon) = &self.daemon {
            let _ = daemon.signal(Signal::CONT);
        }
    }

    /// When the daemon has had its time to stop.
    pub(super) fn kill_deadline(&self) -> Option<Mono> {
        self.stop_by.filter(|_| self.daemon.is_some() && !self.killed)
    }

    pub(super) fn kill(&mut self) {
        let Order { stop_signal, stop_timeout, .. } = self.order;
        if let (Some(daemon), Some(time)) = (&self.daemon, stop_timeout) {
            let (pid, time) = (daemon.pid(), Spoken(*time));
            self.voice.say(&format!("the daemon (pid {pid}) hasn't ended within {time} of {stop_signal}: SIGKILL"));
        }
        self.killed = true;
        self.send(Signal::KILL);
    }
}
