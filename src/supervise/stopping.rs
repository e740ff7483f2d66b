//! How the supervisor stops everything: it performs the shutdown's plan on the units.

use super::action::{Action, Part};
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
    /// Begins the shutdown; `signal` is the main command's stop signal. Only a shutdown that was asked for is delayed:
    /// where a unit's end is the reason, nobody is served any more.
    pub(super) fn stop_everything(&mut self, reason: Reason, signal: Signal, now: Now) {
        let delay = match reason {
            Reason::Asked(_) => self.shutdown_delay,
            Reason::Main(_)
            | Reason::Critical { .. }
            | Reason::CriticalJob { .. }
            | Reason::MainWaitsFor { .. }
            | Reason::NothingLeft { .. } => Duration::ZERO,
        };
        let shutdown = Shutdown::new(reason, signal, self.shutdown_timeout, delay, now.mono);
        let (text, level) = match &shutdown.reason {
            reason @ Reason::Asked(_) => (reason.to_string(), Level::Info),
            reason => (reason.to_string(), Level::Warn),
        };
        self.shutdown = Some(shutdown);
        self.hold_jobs();
        self.actions.push(Action::Notify("STOPPING=1"));
        if delay.is_zero() {
            self.begin_waves(&text, level);
        } else {
            self.say(level, format!("stopping in {}: {text}", Spoken(delay)));
        }
    }

    /// No job starts any more, not even during the delay.
    fn hold_jobs(&mut self) {
        let units = &self.units;
        let is_job = |unit: &UnitId| matches!(units.get(unit.0 as usize), Some(Unit::Job(_)));
        self.actions.retain(|action| !matches!(action, Action::Launch { unit, .. } if is_job(unit)));
        for index in 0..self.units.len() {
            self.with_job(number(index), |job, _| job.hold());
        }
    }

    /// Units are stopped from now on; none is started any more.
    fn begin_waves(&mut self, text: &str, level: Level) {
        // Launches are answered in the turn that ordered them, so whatever is starting is ordered in this list. What
        // stops a unit, or clears up after it, is still to run.
        self.actions.retain(|action| !matches!(action, Action::Launch { part: Part::Program | Part::PreStart, .. }));
        let mut waves = self.graph.levels(self.units.len());
        for (index, wave) in waves.iter_mut().enumerate() {
            self.with(number(index), |machine, actions| match machine {
                Unit::Service(service) => {
                    service.hold(actions);
                    *wave += 1;
                }
                Unit::Job(_) | Unit::Main(_) | Unit::Gone => {}
            });
        }
        let up = self.units.iter().filter(|unit| !unit.is_down()).count();
        // The very last line says the same.
        let level = if up == 0 { Level::Debug } else { level };
        let plural = if up == 1 { "" } else { "s" };
        self.say(level, format!("stopping: {text}; {up} unit{plural} to stop"));
        let pending = (0..self.units.len()).map(number).filter(|unit| !self.is_down(*unit)).collect();
        if let Some(shutdown) = &mut self.shutdown {
            (shutdown.waves, shutdown.pending) = (waves, pending);
            shutdown.phase = Phase::Waves;
        }
    }

    /// A stop signal during the shutdown, unless it is the first one repeated: ends the delay, else what is left is
    /// killed.
    pub(super) fn stop_again(&mut self, signal: Signal, now: Mono) {
        let Some(shutdown) = &self.shutdown else { return };
        if !shutdown.is_second(now) {
            return;
        }
        match shutdown.phase {
            Phase::Delay { .. } => self.begin_waves(&format!("{signal} again"), Level::Info),
            Phase::Waves | Phase::LastTerm { .. } => {
                self.say(Level::Warn, format!("{signal} again: killing what is left"));
                self.kill_everything(now);
            }
            Phase::LastKill => {}
        }
    }

    pub(super) fn go_on_stopping(&mut self, now: Mono) {
        let Some(shutdown) = &self.shutdown else { return };
        if let Phase::Delay { until } = shutdown.phase {
            // The end of the main command is the end of waiting.
            if now < until && self.main().is_none_or(|(_, main)| main.end().is_none()) {
                return;
            }
            let text = shutdown.reason.to_string();
            return self.begin_waves(&text, Level::Info);
        }
        if shutdown.final_kill_due(now) {
            return self.kill_everything(now);
        }
        let (look_again, down) = (std::mem::take(&mut self.look_again), self.all_down());
        match shutdown.phase {
            Phase::Delay { .. } => {}
            // All have been told: what is left is to wait for them.
            Phase::Waves if shutdown.pending.is_empty() && !down => {}
            Phase::Waves => self.next_waves(now),
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
        self.units.iter().all(Unit::is_down)
    }

    /// Stops every unit that nothing is left of that depends on it; when all are down, the last act.
    fn next_waves(&mut self, now: Mono) {
        let Some(shutdown) = &self.shutdown else { return };
        // Which waves still have somebody in them: their shares are counted by that.
        let mut peopled = vec![false; self.units.len() + 1];
        for (unit, wave) in self.units.iter().zip(&shutdown.waves) {
            if let Some(peopled) = peopled.get_mut(*wave).filter(|_| !unit.is_down()) {
                *peopled = true;
            }
        }
        if !peopled.contains(&true) {
            if let Some(shutdown) = &mut self.shutdown {
                shutdown.last_term(now);
            }
            return self.actions.push(Action::SignalRest(Signal::TERM));
        }
        let first = peopled.first().copied().unwrap_or_default();
        let wave = |unit: UnitId| shutdown.waves.get(unit.0 as usize).copied().unwrap_or_default();
        // Also through those between that are down already: a oneshot that is done.
        let held_up = self.graph.held_up(&shutdown.waves, |unit| !self.is_down(unit));
        let is_due = |unit: UnitId| match wave(unit) {
            0 => true,
            _ => !first && !held_up.get(unit.0 as usize).copied().unwrap_or_default(),
        };
        let (due, later): (Vec<UnitId>, Vec<UnitId>) = shutdown.pending.iter().partition(|unit| is_due(**unit));
        let left = |wave: usize| peopled.iter().skip(wave).filter(|peopled| **peopled).count();
        let due: Vec<(UnitId, Duration)> =
            due.into_iter().map(|unit| (unit, shutdown.share(left(wave(unit)), now))).collect();
        if let Some(shutdown) = &mut self.shutdown {
            shutdown.pending = later;
        }
        for (unit, share) in due {
            self.stop_unit(unit, share, now);
        }
    }

    fn stop_unit(&mut self, unit: UnitId, limit: Duration, now: Mono) {
        let signal = self.shutdown.as_ref().map_or(Signal::TERM, |shutdown| shutdown.signal);
        self.with(unit, |machine, actions| match machine {
            Unit::Service(service) => service.stop(Some(limit), now, actions),
            Unit::Job(job) => job.stop(limit, now, actions),
            Unit::Main(main) => main.stop(signal, limit, now, actions),
            Unit::Gone => {}
        });
    }

    /// SIGKILL to everything that is left; what hasn't had its stop signal gets it first.
    fn kill_everything(&mut self, now: Mono) {
        if let Some(shutdown) = &mut self.shutdown {
            shutdown.pending.clear();
        }
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
            Some(Phase::Delay { .. } | Phase::Waves) | None => {}
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
