//! What a service's machine (`service`) makes of what is seen and heard of its program while it runs: readiness,
//! health, signs of life, and what it says itself (sd_notify(3)). Times and counts are `watch`'s.

use super::action::{Action, Purpose};
use super::event::Message;
use super::proxy::Proxy;
use super::service::Service;
use super::state::{State, Up};
use super::watch::{Awaiting, Verdict, Watch};
use crate::model::moment::{Mono, Spoken};
use crate::model::service::{Probe, Ready, ReadyKind};
use crate::model::settings::Level;
use crate::model::signal::Signal;
use crate::model::unit::{Life, Pid};
use std::time::Duration;

impl Service {
    /// The program, or the daemon that it left, runs: it is up, or is to become ready.
    pub(super) fn runs(
        &mut self,
        pid: Pid,
        group: Option<Pid>,
        proxy: Option<Box<Proxy>>,
        now: Mono,
        actions: &mut Vec<Action>,
    ) {
        let launched = self.launched.unwrap_or(now);
        match &self.spec.extras().ready {
            Some(ready) => {
                let awaiting = Box::new(Awaiting::new(ready, launched, launched + ready.timeout));
                let text = format!("starting (pid {pid}), ready when {}", sign(ready));
                self.state = State::Running { pid, group, up: Up::Awaited(awaiting), proxy };
                self.say(actions, Level::Info, text, "starting", Some(pid));
                // The first try is made at once.
                self.observe(now, actions);
            }
            None => {
                let up = Up::Since { since: now, took: now.since(launched), watch: Watch::new(&self.spec, now) };
                let daemon = if proxy.is_some() { "daemon, " } else { "" };
                self.state = State::Running { pid, group, up, proxy };
                self.say(actions, Level::Info, format!("running ({daemon}pid {pid})"), "running", Some(pid));
            }
        }
    }

    /// It is ready.
    pub(super) fn is_ready(&mut self, now: Mono, actions: &mut Vec<Action>) {
        let watch = Watch::new(&self.spec, now);
        let State::Running { pid, up, .. } = &mut self.state else { return };
        let Up::Awaited(awaiting) = up else { return };
        let (pid, took) = (*pid, now.since(awaiting.launched));
        *up = Up::Since { since: now, took, watch };
        self.forget_probes(actions);
        let text = format!("running (pid {pid}), ready after {}", Spoken(took));
        self.say(actions, Level::Info, text, "running", Some(pid));
    }

    /// How long it took to become ready, where it was asked to say so.
    pub fn ready_after(&self) -> Option<Duration> {
        let State::Running { up: Up::Since { took, .. }, .. } = &self.state else { return None };
        self.spec.extras().ready.as_ref().map(|_| *took)
    }

    /// The sign of readiness that was to come by itself has come.
    pub fn ready_came(&mut self, life: Life, now: Mono, actions: &mut Vec<Action>) {
        if life != self.life {
            return;
        }
        match &mut self.state {
            // Before the daemon is known: it counts when that is.
            State::Adopting(adopting) => adopting.ready = true,
            State::Running { up: Up::Awaited(_), .. } => self.is_ready(now, actions),
            State::Running { .. }
            | State::Stopped
            | State::Waiting { .. }
            | State::Preparing(_)
            | State::Starting
            | State::Stopping(_)
            | State::Clearing(_)
            | State::Backoff { .. }
            | State::Done
            | State::Failed => {}
        }
    }

    /// A probe was answered.
    pub fn probed(
        &mut self,
        life: Life,
        purpose: Purpose,
        result: Result<(), String>,
        now: Mono,
        actions: &mut Vec<Action>,
    ) {
        let State::Running { up, .. } = &mut self.state else { return };
        if life != self.life {
            return;
        }
        let extras = self.spec.extras.as_deref();
        match (up, purpose) {
            (Up::Awaited(awaiting), Purpose::Ready) => match result {
                Ok(()) => self.is_ready(now, actions),
                Err(reason) => {
                    if let Some(ready) = extras.and_then(|extras| extras.ready.as_ref()) {
                        awaiting.failed(reason, ready, now);
                    }
                }
            },
            (Up::Since { watch: Some(watch), since, .. }, Purpose::Health) => {
                let Some(health) = extras.and_then(|extras| extras.health.as_ref()) else { return };
                let (ran, retries) = (now.since(*since), health.retries);
                let verdict = watch.checked(result.is_ok(), health, now);
                self.judge(verdict, retries, &result.err().unwrap_or_default(), ran, now, actions);
            }
            // Of a purpose that is past.
            (Up::Awaited(_) | Up::Since { .. }, Purpose::Ready | Purpose::Health) => {}
        }
    }

    /// A probe couldn't be made.
    pub(super) fn untried(
        &mut self,
        life: Life,
        purpose: Purpose,
        reason: String,
        now: Mono,
        actions: &mut Vec<Action>,
    ) {
        if let (State::Running { up: Up::Since { watch: Some(watch), .. }, .. }, Purpose::Health) =
            (&mut self.state, purpose)
        {
            if let Some(health) = self.spec.extras.as_deref().and_then(|extras| extras.health.as_ref()) {
                if life == self.life {
                    watch.unchecked(health, now);
                    let text = format!("its health could not be checked: {reason}");
                    self.say(actions, Level::Warn, text, "running", None);
                }
            }
        } else {
            self.probed(life, purpose, Err(reason), now, actions);
        }
    }

    fn judge(
        &mut self,
        verdict: Verdict,
        retries: u32,
        reason: &str,
        ran: Duration,
        now: Mono,
        actions: &mut Vec<Action>,
    ) {
        match verdict {
            Verdict::Well => {}
            Verdict::Recovered => self.say(actions, Level::Info, "healthy again".into(), "running", None),
            Verdict::Excused => {
                self.say(actions, Level::Debug, format!("not healthy yet: {reason}"), "running", None);
            }
            Verdict::Failing(count) => {
                let text = format!("health check failed ({count} of {retries}): {reason}");
                self.say(actions, Level::Warn, text, "running", None);
            }
            Verdict::Unhealthy => {
                let text = format!("unhealthy after {}: {reason}", Spoken(ran));
                self.unfit(text, Some(ran), None, now, actions);
            }
        }
    }

    /// It said something on its notify socket.
    pub fn notified(&mut self, life: Life, message: Message, now: Mono, actions: &mut Vec<Action>) {
        if life != self.life {
            return;
        }
        match message {
            Message::Ready => {
                // Where something else was to show it, this doesn't.
                if self.spec.extras().ready.as_ref().is_some_and(|ready| ready.kind == ReadyKind::Notify) {
                    self.ready_came(life, now, actions);
                }
            }
            Message::Status(text) => self.status = (!text.is_empty()).then(|| text.into_boxed_str()),
            Message::Reloading => self.status = Some("reloading".into()),
            Message::Stopping => self.status = Some("stopping".into()),
            Message::Watchdog => {
                let watchdog = self.spec.extras().watchdog;
                if let State::Running { up: Up::Since { watch: Some(watch), .. }, .. } = &mut self.state {
                    watch.alive(watchdog, now);
                }
            }
            Message::WatchdogTrigger => {
                self.unfit("watchdog: it asked for its end".into(), None, Some(Signal::ABRT), now, actions);
            }
            Message::ExtendTimeout(by) => self.extend(now + by),
            Message::MainPid { pid: new, group: led } => {
                if let State::Running { pid, group, proxy: None, .. } = &mut self.state {
                    // What was launched is a part of this life as long as it lives.
                    self.former = Some(self.former.unwrap_or(*pid)).filter(|former| *former != new);
                    (*pid, *group) = (new, led);
                    self.say(actions, Level::Info, format!("its main process is pid {new} now"), "running", Some(new));
                }
            }
        }
    }

    /// It asked for more time, for what it is at.
    fn extend(&mut self, until: Mono) {
        match &mut self.state {
            State::Running { up: Up::Awaited(awaiting), .. } => awaiting.until = awaiting.until.max(until),
            // Never beyond what a shutdown gives it.
            State::Stopping(halt) => halt.postpone(self.limit.map_or(until, |limit| limit.min(until))),
            State::Running { .. }
            | State::Stopped
            | State::Waiting { .. }
            | State::Preparing(_)
            | State::Starting
            | State::Adopting(_)
            | State::Clearing(_)
            | State::Backoff { .. }
            | State::Done
            | State::Failed => {}
        }
    }

    /// Does what is due while it runs.
    pub(super) fn observe(&mut self, now: Mono, actions: &mut Vec<Action>) {
        let target = (self.unit, self.life);
        let State::Running { up, .. } = &mut self.state else { return };
        let Some(extras) = self.spec.extras.as_deref() else { return };
        match up {
            Up::Awaited(awaiting) if awaiting.until <= now => {
                let after = Spoken(awaiting.until.since(awaiting.launched));
                let why = awaiting.refused.as_ref().map(|reason| format!(" ({reason})")).unwrap_or_default();
                self.unfit(format!("not ready within {after}{why}"), None, None, now, actions);
            }
            Up::Awaited(awaiting) => {
                if let Some(ready) = &extras.ready {
                    awaiting.try_it(target, ready, now, actions);
                }
            }
            Up::Since { watch: Some(watch), .. } if watch.overdue.is_some_and(|at| at <= now) => {
                let within = Spoken(extras.watchdog.unwrap_or_default());
                let text = format!("watchdog: no sign of life within {within}");
                self.unfit(text, None, Some(Signal::ABRT), now, actions);
            }
            Up::Since { watch: Some(watch), .. } => {
                if let Some(health) = &extras.health {
                    watch.check(target, health, now, actions);
                }
            }
            Up::Since { watch: None, .. } => {}
        }
    }

    /// What was asked of this life from outside isn't wanted any more.
    pub(super) fn forget_probes(&self, actions: &mut Vec<Action>) {
        if self.spec.extras.as_deref().is_some_and(|extras| extras.ready.is_some() || extras.health.is_some()) {
            actions.push(Action::ForgetProbes { unit: self.unit, life: self.life });
        }
    }
}

/// What readiness shows in, in words.
fn sign(ready: &Ready) -> String {
    match &ready.kind {
        ReadyKind::Probe(probe @ Probe::Exec(_)) => format!("{probe} exits with 0"),
        ReadyKind::Probe(probe @ Probe::File(_)) => format!("{probe} is there"),
        ReadyKind::Probe(probe) => format!("{probe} answers"),
        ReadyKind::Log(text) => format!("its output has '{text}'"),
        ReadyKind::Notify => "it notifies".to_owned(),
        ReadyKind::Fd(number) => format!("a newline comes on its descriptor {number}"),
    }
}
