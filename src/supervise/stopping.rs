//! How the supervisor stops everything: it performs the shutdown's plan on the units.

use super::action::Action;
use super::event::Rest;
use super::shutdown::{Phase, Shutdown};
use super::verdict::Reason;
use super::{Supervisor, Unit, number};
use crate::model::moment::{Mono, Now, Spoken};
use crate::model::note::Note;
use crate::model::settings::Level;
use crate::model::signal::Signal;
use crate::model::unit::UnitId;
use std::time::Duration;

impl Supervisor {
    /// Begins the shutdown; `signal` is the main command's stop signal.
    pub(super) fn stop_everything(&mut self, reason: Reason, signal: Signal, now: Now) {
        // Launches are answered in the turn that ordered them, so whatever is starting is ordered in this list.
        self.actions.retain(|action| !matches!(action, Action::Launch { .. }));
        let (mut first, mut second) = (Vec::new(), Vec::new());
        for index in 0..self.units.len() {
            let unit = number(index);
            self.with(unit, |machine, actions| match machine {
                Unit::Service(service) => {
                    service.hold(actions);
                    second.push(unit);
                }
                Unit::Job(job) => {
                    job.hold();
                    first.push(unit);
                }
                Unit::Main(_) => first.push(unit),
            });
        }
        let up = self.units.iter().filter(|unit| !unit.is_down()).count();
        let level = match (&reason, up) {
            // The very last line says the same.
            (_, 0) => Level::Debug,
            (Reason::Asked(_), _) => Level::Info,
            (_, _) => Level::Warn,
        };
        let plural = if up == 1 { "" } else { "s" };
        self.say(level, format!("stopping: {reason}; {up} unit{plural} to stop"));
        self.shutdown = Some(Shutdown::new(reason, signal, vec![first, second], self.shutdown_timeout, now.mono));
    }

    /// A stop signal during the shutdown: what is left is killed, unless it is the first one repeated.
    pub(super) fn stop_again(&mut self, signal: Signal, now: Mono) {
        let Some(shutdown) = &self.shutdown else { return };
        if shutdown.is_second(now) && shutdown.phase != Phase::LastKill {
            self.say(Level::Warn, format!("{signal} again: killing what is left"));
            self.kill_everything(now);
        }
    }

    pub(super) fn go_on_stopping(&mut self, now: Mono) {
        let Some(shutdown) = &self.shutdown else { return };
        if shutdown.final_kill_due(now) {
            return self.kill_everything(now);
        }
        let (look_again, down) = (std::mem::take(&mut self.look_again), self.all_down());
        match shutdown.phase {
            Phase::Waves => self.next_wave(now),
            // A unit's end is on its way, even if nothing else can be reached.
            Phase::LastTerm { .. } | Phase::LastKill if shutdown.nobody_left && down => self.leave(now),
            Phase::LastTerm { until } if until <= now => self.last_kill(),
            Phase::LastTerm { .. } if look_again => self.actions.push(Action::CountRest),
            Phase::LastKill if shutdown.deadline <= now => self.leave(now),
            Phase::LastKill if look_again => self.actions.push(Action::SignalRest(Signal::KILL)),
            Phase::LastTerm { .. } | Phase::LastKill => {}
        }
    }

    fn all_down(&self) -> bool {
        (0..self.units.len()).all(|index| self.is_down(number(index)))
    }

    /// Begins the next wave when the one before is down; after the last, the last act.
    fn next_wave(&mut self, now: Mono) {
        loop {
            let Some(shutdown) = &self.shutdown else { return };
            if !shutdown.current.iter().all(|unit| self.is_down(*unit)) {
                return;
            }
            let left = shutdown.waves.iter().filter(|wave| wave.iter().any(|unit| !self.is_down(*unit))).count();
            let share = shutdown.share(left, now);
            let Some(shutdown) = &mut self.shutdown else { return };
            if shutdown.waves.is_empty() {
                shutdown.last_term(now);
                return self.actions.push(Action::SignalRest(Signal::TERM));
            }
            let wave = shutdown.waves.remove(0);
            shutdown.current.clone_from(&wave);
            for unit in wave {
                self.stop_unit(unit, share, now);
            }
        }
    }

    fn stop_unit(&mut self, unit: UnitId, limit: Duration, now: Mono) {
        let signal = self.shutdown.as_ref().map_or(Signal::TERM, |shutdown| shutdown.signal);
        self.with(unit, |machine, actions| match machine {
            Unit::Service(service) => service.stop(limit, now, actions),
            Unit::Job(job) => job.stop(limit, now, actions),
            Unit::Main(main) => main.stop(signal, limit, now, actions),
        });
    }

    /// SIGKILL to everything that is left; what hasn't had its stop signal gets it first.
    fn kill_everything(&mut self, now: Mono) {
        for index in 0..self.units.len() {
            let unit = number(index);
            self.stop_unit(unit, Duration::ZERO, now);
            self.with(unit, |machine, actions| machine.kill(now, actions));
        }
        self.last_kill();
    }

    fn last_kill(&mut self) {
        if let Some(shutdown) = &mut self.shutdown {
            shutdown.phase = Phase::LastKill;
            self.actions.push(Action::SignalRest(Signal::KILL));
        }
    }

    /// The answer to `SignalRest` and `CountRest`.
    pub(super) fn rest(&mut self, rest: &Rest) {
        let Some(shutdown) = &mut self.shutdown else { return };
        shutdown.nobody_left = rest.within_reach == 0;
        if shutdown.phase == Phase::LastKill && !rest.beyond.is_empty() && !shutdown.named_beyond {
            shutdown.named_beyond = true;
            self.say(Level::Warn, format!("not to be ended: {}", rest.beyond.join(", ")));
        }
    }

    /// No child is left: after the last KILL there is nobody to wait for.
    pub(super) fn childless(&mut self, now: Mono) {
        match self.shutdown.as_ref().map(|shutdown| shutdown.phase) {
            Some(Phase::LastKill) => self.leave(now),
            Some(Phase::LastTerm { .. }) => self.look_again = true,
            Some(Phase::Waves) | None => {}
        }
    }

    /// The end: the verdict as the last line, and who overran.
    fn leave(&mut self, now: Mono) {
        let Some(shutdown) = &self.shutdown else { return };
        if std::mem::replace(&mut self.left, true) {
            return;
        }
        let main = self.main().and_then(|(_, main)| main.end_at_last());
        let mut status = shutdown.reason.status(main.as_ref());
        if let (Reason::Asked(_) | Reason::Main(_), Some((_, main))) = (&shutdown.reason, self.main()) {
            status = main.counted(status);
        }
        let took = Spoken(now.since(shutdown.began));
        let mut text = match &shutdown.reason {
            Reason::Asked(_) => format!("stopped: {} {took} ago", shutdown.reason),
            reason => format!("stopping: {reason}"),
        };
        let overran: Vec<&str> = self.units.iter().filter(|unit| unit.overran()).map(Unit::name).collect();
        if !overran.is_empty() {
            text += &format!("; killed because their time was over: {}", overran.join(", "));
        }
        text += &format!("; exit status {status}");
        let level = if status == 0 && overran.is_empty() { Level::Info } else { Level::Error };
        let words = Note { status: Some(status), ..Note::new(level, text) };
        let asked = matches!(shutdown.reason, Reason::Asked(_));
        self.actions.push(Action::Leave { status, words, asked });
    }
}
