//! Readiness becomes events: signals, dead children, timers. Log pipes go to `outputs` directly.

use super::outputs::Outputs;
use super::supervisor::{BEATS, DAEMONS, FILES, Loop, MAINS, NOTICES, PROBES, READY_LINES, RUNS, SIGNALS};
use crate::model::exit::Exit;
use crate::model::moment::Now;
use crate::model::note::Note;
use crate::model::settings::Level;
use crate::model::signal::Signal;
use crate::model::unit::{Life, Pid, UnitId};
use crate::supervise::event::Event;
use crate::sys::poll::Ready;
use crate::sys::processes;
use crate::sys::reap::{self, Peek};
use crate::sys::timer::Fired;

impl Loop {
    /// Turns what is ready into events.
    pub(super) fn gather(&mut self, ready: &[Ready], now: Now) {
        for one in ready {
            match one.token {
                SIGNALS => self.take_signals(now),
                RUNS if self.runs.take() == Fired::ClockSet => self.events.push(Event::ClockSet),
                RUNS => {}
                BEATS => self.beats.take(),
                token if Outputs::owns(token) => self.outputs.ready(*one, &self.poller, now),
                token if token.kind() == FILES => self.pid_file_ready(token.low(), now),
                token if token.kind() == DAEMONS => self.daemon_ready(token.low(), now),
                token if token.kind() == NOTICES => self.hear(UnitId(token.low()), false, now),
                token if token.kind() == READY_LINES => self.read_line(UnitId(token.low())),
                token if token.kind() == MAINS => self.look_at_main(UnitId(token.low()), now),
                token if token.kind() == PROBES => self.go_on_probing(Some(token.low()), now),
                _ => {}
            }
        }
    }

    fn take_signals(&mut self, now: Now) {
        let mut deaths = false;
        while let Some(received) = self.signals.next() {
            match received.signal {
                Signal::CHLD => deaths = true,
                // Our own write to a pipe without a reader; the write told it already.
                Signal::PIPE if received.sender == Some(processes::own()) => {}
                signal => self.events.push(Event::Signalled(signal)),
            }
        }
        if deaths {
            self.reap(now);
        }
    }

    /// Takes every dead child, one by one: signals merge, so one SIGCHLD may stand for many.
    pub(super) fn reap(&mut self, now: Now) {
        // When everybody has been told to stop, no death is a reason to signal anybody: then a look at each is saved.
        let watched = !self.adoptions.is_empty() || !self.mains.is_empty() || self.probes.children().next().is_some();
        let expected = !watched && self.supervisor.expects_every_end();
        loop {
            match if expected { reap::take() } else { reap::peek() } {
                Peek::Dead(pid, exit) => self.bury(pid, exit, expected, now),
                Peek::AllAlive => return,
                Peek::Childless => return self.events.push(Event::Childless),
            }
        }
    }

    /// A dead child: while its number is still its own, its group is signalled if leftovers must go. `taken`: it is
    /// reaped already.
    fn bury(&mut self, pid: Pid, exit: Exit, taken: bool, now: Now) {
        if self.bury_probe(pid, exit, now) {
            return;
        }
        self.look_before_burial(pid, now);
        self.take_unreaped(now);
        let Some((unit, life)) = self.children.remove(&pid) else {
            if !taken {
                reap::reap(pid);
            }
            if self.options.warn_of_orphans {
                self.say(&Note::new(Level::Warn, format!("reaped an orphan (pid {pid}): {exit}")));
            }
            return self.events.push(Event::OrphanReaped);
        };
        self.hear(unit, true, now);
        if self.events.iter().any(|event| matches!(event, Event::Notified { .. })) {
            // Another process may be the main one by its last word: that decides what becomes of its group.
            self.tell_events(now);
        }
        self.look_at_group(unit, now);
        if let Some(signal) = self.supervisor.death_signal(unit, pid, exit) {
            // No member but the dead one, or none that may be signalled: both show in what comes next.
            let _ = processes::kill_group(self.supervisor.group_of(unit, pid), signal);
        }
        let exit = if taken { exit } else { reap::reap(pid).unwrap_or(exit) };
        self.unwatch(unit, pid);
        self.unwatch_main(unit, pid);
        self.tell_end(unit, life, pid, Some(exit), now);
    }

    /// What has happened so far decides what follows.
    pub(super) fn tell_events(&mut self, now: Now) {
        for event in std::mem::take(&mut self.events) {
            self.supervisor.handle(event, now);
        }
    }

    /// A unit's process has ended: what it has written comes before the news of it.
    pub(super) fn tell_end(&mut self, unit: UnitId, life: Life, pid: Pid, exit: Option<Exit>, now: Now) {
        let exit = exit.map(|exit| self.judged(unit, exit));
        let group_lives = processes::group_lives(self.supervisor.group_of(unit, pid));
        let lingering = self.lingering(unit, exit);
        self.outputs.drain(unit, life, &self.poller, now);
        self.take_met();
        self.hear(unit, true, now);
        self.read_line(unit);
        self.events.push(Event::Exited { unit, life, pid, exit, group_lives, lingering });
    }

    /// A SIGKILL that wingmate didn't send, while the kernel killed for want of memory, was the kernel's.
    fn judged(&self, unit: UnitId, exit: Exit) -> Exit {
        let killed = matches!(exit, Exit::Signal { signal: Signal::KILL, .. });
        match (&self.oom_kills, self.oom_kills_before.get(unit.0 as usize)) {
            (Some(kills), Some(before)) if killed && !self.supervisor.sent_kill(unit) && kills.count() > *before => {
                Exit::OutOfMemory
            }
            _ => exit,
        }
    }
}
