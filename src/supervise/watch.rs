//! What is looked at while a service's program runs: whether it is ready, stays healthy, and gives its signs of life
//! in time. Times and counts only; `service` acts on what they come to.
//!
//! - Readiness that is probed: one try at once, the next `interval` after the last one's answer. Readiness that comes
//!   by itself (a line, a descriptor, sd_notify) is only waited for.
//! - Health: the first probe `interval` after `running`, the next that long after the answer. `retries` failures in a
//!   row are one too many; within `start_period` none counts.
//! - Watchdog: counted from `running`, and from each `WATCHDOG=1`.

use super::action::{Action, Purpose};
use crate::model::moment::Mono;
use crate::model::service::{Health, Probe, Ready, ReadyKind, ServiceSpec};
use crate::model::unit::{Life, UnitId};
use std::time::Duration;

/// The longest that one try at a readiness probe may take: a connection that hangs is better tried anew.
const TRY: Duration = Duration::from_secs(5);

/// A program that runs and is to become ready.
#[derive(Debug)]
pub struct Awaiting {
    /// When the program was started.
    pub launched: Mono,
    pub until: Mono,
    /// When the next try is due; `None`: one is under way, or readiness comes by itself.
    next: Option<Mono>,
    /// What the last try came to.
    pub refused: Option<String>,
}

impl Awaiting {
    /// Awaits what `ready` says, by `until`.
    pub fn new(ready: &Ready, launched: Mono, until: Mono) -> Awaiting {
        let probed = matches!(ready.kind, ReadyKind::Probe(_));
        Awaiting { launched, until, next: probed.then_some(launched), refused: None }
    }

    /// When there is something to do.
    pub fn deadline(&self) -> Mono {
        self.next.map_or(self.until, |next| next.min(self.until))
    }

    /// Orders a try, if one is due.
    pub fn try_it(&mut self, (unit, life): (UnitId, Life), ready: &Ready, now: Mono, actions: &mut Vec<Action>) {
        if self.next.take_if(|next| *next <= now).is_some() {
            let left = self.until.since(now);
            // A program that answers the question may need long for it; an address answers soon or not at all.
            let patient = matches!(&ready.kind, ReadyKind::Probe(Probe::Exec(_)));
            let timeout = if patient { left } else { left.min(TRY) };
            actions.push(Action::Probe { unit, life, purpose: Purpose::Ready, timeout });
        }
    }

    /// The try failed.
    pub fn failed(&mut self, reason: String, ready: &Ready, now: Mono) {
        self.refused = Some(reason);
        self.next = Some(now + ready.interval);
    }
}

/// A service that is up, under observation.
#[derive(Debug)]
pub struct Watch {
    since: Mono,
    checks: Option<Checks>,
    /// When the next sign of life is overdue.
    pub overdue: Option<Mono>,
}

#[derive(Debug)]
struct Checks {
    /// When the next probe is due; `None`: one is under way.
    next: Option<Mono>,
    failures: u32,
}

/// What a health probe's answer means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    Well,
    /// It is well again, after failures.
    Recovered,
    /// Within the start period: it doesn't count.
    Excused,
    /// This many failures in a row.
    Failing(u32),
    Unhealthy,
}

impl Watch {
    /// The observation of a service that has come up; `None` where nobody asked for one.
    pub fn new(spec: &ServiceSpec, now: Mono) -> Option<Box<Watch>> {
        let extras = spec.extras();
        let checks = extras.health.as_ref().map(|health| Checks { next: Some(now + health.interval), failures: 0 });
        let overdue = extras.watchdog.map(|watchdog| now + watchdog);
        (checks.is_some() || overdue.is_some()).then(|| Box::new(Watch { since: now, checks, overdue }))
    }

    /// When there is something to do.
    pub fn deadline(&self) -> Option<Mono> {
        let next = self.checks.as_ref().and_then(|checks| checks.next);
        next.into_iter().chain(self.overdue).min()
    }

    /// Orders a health probe, if one is due.
    pub fn check(&mut self, (unit, life): (UnitId, Life), health: &Health, now: Mono, actions: &mut Vec<Action>) {
        let Some(checks) = &mut self.checks else { return };
        if checks.next.take_if(|next| *next <= now).is_some() {
            actions.push(Action::Probe { unit, life, purpose: Purpose::Health, timeout: health.timeout });
        }
    }

    /// A health probe was answered.
    pub fn checked(&mut self, healthy: bool, health: &Health, now: Mono) -> Verdict {
        let Some(checks) = &mut self.checks else { return Verdict::Well };
        checks.next = Some(now + health.interval);
        if healthy {
            return if std::mem::take(&mut checks.failures) > 0 { Verdict::Recovered } else { Verdict::Well };
        }
        if now.since(self.since) < health.start_period {
            return Verdict::Excused;
        }
        checks.failures = checks.failures.saturating_add(1);
        if checks.failures >= health.retries { Verdict::Unhealthy } else { Verdict::Failing(checks.failures) }
    }

    /// A health probe couldn't be made, which says nothing of the service: the next is due as ever.
    pub fn unchecked(&mut self, health: &Health, now: Mono) {
        if let Some(checks) = &mut self.checks {
            checks.next = Some(now + health.interval);
        }
    }

    /// A sign of life came.
    pub fn alive(&mut self, watchdog: Option<Duration>, now: Mono) {
        if let (Some(overdue), Some(watchdog)) = (&mut self.overdue, watchdog) {
            *overdue = now + watchdog;
        }
    }
}
