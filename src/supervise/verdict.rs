//! Whether and why wingmate ends, and the exit status that follows (spec/cli.md). The first reason decides.

use super::Supervisor;
use super::action::Action;
use super::service::Service;
use super::standing::{End, Standing};
use super::unit::Unit;
use crate::model::moment::{Mono, Now, Spoken};
use crate::model::signal::Signal;
use std::fmt;
use std::time::Duration;

/// Why everything is being stopped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reason {
    /// Somebody asked for it.
    Asked(Signal),
    /// The main command ended by itself, or could not be started.
    Main(End),
    /// A critical unit ended for good.
    Critical { name: String, end: End, done: bool, restarts: u32, since: Duration },
    /// A run of a critical job failed for good.
    CriticalJob { name: String, end: End },
    /// The main command can't be started, because what it waits for has failed.
    MainWaitsFor { name: String, why: String },
    /// Nothing is left that can run by itself; `failed` names what didn't end well.
    NothingLeft { failed: Vec<String> },
}

impl Reason {
    /// The exit status; `main`: how the main command ended, which counts when somebody asked.
    pub fn status(&self, main: Option<&End>) -> u8 {
        match self {
            Reason::Asked(_) => main.map_or(0, End::status),
            Reason::Main(end) => end.status(),
            Reason::Critical { done: true, .. } => 0,
            Reason::Critical { end, .. } | Reason::CriticalJob { end, .. } => end.status(),
            Reason::MainWaitsFor { .. } => 1,
            Reason::NothingLeft { failed } => u8::from(!failed.is_empty()),
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Reason::Asked(signal) => write!(f, "{signal} received"),
            Reason::Main(End::Exited(exit)) => write!(f, "main command {exit}"),
            Reason::Main(end) => write!(f, "main command: {end}"),
            Reason::Critical { name, end, restarts: 0, .. } => write!(f, "critical service {name}: {end}"),
            Reason::Critical { name, end, restarts, since, .. } => {
                let plural = if *restarts == 1 { "" } else { "s" };
                write!(f, "critical service {name} {end} after {restarts} restart{plural} in {}", Spoken(*since))
            }
            Reason::CriticalJob { name, end } => write!(f, "critical job {name}: {end}"),
            Reason::MainWaitsFor { name, why } => write!(f, "main command not started: {name} {why}"),
            Reason::NothingLeft { failed } if failed.is_empty() => f.write_str("nothing is left to run: all is done"),
            Reason::NothingLeft { failed } => write!(f, "nothing is left to run: failed: {}", failed.join(", ")),
        }
    }
}

impl Supervisor {
    /// Looks whether there is a reason to end, or the main command's time has come.
    pub(super) fn look_for_an_end(&mut self, now: Now) {
        let critical = self.critical_end(now.mono).or_else(|| self.critical_job_end());
        if let Some(reason) = critical.or_else(|| self.main_end()).or_else(|| self.nothing_left()) {
            return self.stop_everything(reason, Signal::TERM, now);
        }
        if let Some((unit, main)) = self.main() {
            if main.waits() && self.all_are_up() {
                self.with(unit, |machine, actions| {
                    if let Unit::Main(main) = machine {
                        main.start(actions);
                    }
                });
            }
        }
    }

    fn critical_end(&self, now: Mono) -> Option<Reason> {
        let service = self.services().find(|service| service.spec.critical && ended(service))?;
        Some(Reason::Critical {
            name: service.spec.name.clone(),
            end: service.last_end.clone()?,
            done: service.standing() == Standing::Done,
            restarts: service.record.restarts,
            since: now.since(self.began),
        })
    }

    fn critical_job_end(&self) -> Option<Reason> {
        let job = self.unit(self.failed_job?)?.job()?;
        Some(Reason::CriticalJob { name: job.spec.name().to_owned(), end: job.end()?.clone() })
    }

    fn main_end(&self) -> Option<Reason> {
        let (_, main) = self.main()?;
        if let Some(end) = main.end() {
            return Some(Reason::Main(end));
        }
        if !main.waits() {
            return None;
        }
        // One look at all tells in most turns that there is none.
        let some_in_vain = self.wait_in_vain(self.services().map(Service::unit));
        self.services().find_map(|service| {
            let why = match service.standing() {
                Standing::Failed => "failed".to_owned(),
                Standing::Waiting if some_in_vain && self.waits_in_vain(service.unit()) => {
                    format!("waits ({})", self.waits_for(service.unit()).unwrap_or_default())
                }
                Standing::Waiting
                | Standing::Stopped
                | Standing::Starting { .. }
                | Standing::Running { .. }
                | Standing::Stopping { .. }
                | Standing::Backoff { .. }
                | Standing::Done => return None,
            };
            Some(Reason::MainWaitsFor { name: service.spec.name.clone(), why })
        })
    }

    /// Whether every service that starts by itself is up.
    fn all_are_up(&self) -> bool {
        self.services().all(|service| !service.spec.autostart || is_up(service))
    }

    /// Tells wingmate's own manager once that all is up (sd_notify(3)).
    pub(super) fn announce(&mut self) {
        if self.announced || !std::mem::take(&mut self.moved) || self.shutdown.is_some() {
            return;
        }
        let main_runs = self.main().is_none_or(|(_, main)| !main.waits());
        if main_runs && self.all_are_up() {
            self.announced = true;
            self.actions.push(Action::Notify("READY=1"));
        }
    }

    /// Each service is done or failed, or waits for one that is, and neither a job nor a main command is there.
    /// Services that were never to start by themselves don't count.
    fn nothing_left(&self) -> Option<Reason> {
        if self.units.iter().any(|unit| matches!(unit, Unit::Job(_) | Unit::Main(_))) {
            return None;
        }
        let mut own = self.services().filter(|service| service.spec.autostart).peekable();
        own.peek()?;
        if self.reload.is_some() || !own.all(|service| self.is_over(service)) {
            return None;
        }
        let failed =
            self.services().filter(|service| matches!(service.standing(), Standing::Failed | Standing::Waiting));
        Some(Reason::NothingLeft { failed: failed.map(|service| service.spec.name.clone()).collect() })
    }
}

/// Ended for good.
fn ended(service: &Service) -> bool {
    matches!(service.standing(), Standing::Done | Standing::Failed)
}

/// Up as far as a main command waits for it: running, or a oneshot that is done.
fn is_up(service: &Service) -> bool {
    match service.standing() {
        Standing::Running { .. } => !service.spec.oneshot,
        Standing::Done => true,
        Standing::Stopped
        | Standing::Waiting
        | Standing::Starting { .. }
        | Standing::Stopping { .. }
        | Standing::Backoff { .. }
        | Standing::Failed => false,
    }
}
