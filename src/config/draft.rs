//! A unit while it is read: what its keys said so far, over what `defaults:` says. Becomes a specification when all
//! keys are there.

use super::Place;
use crate::model::command::{Extras, ProcessSpec, Variable};
use crate::model::job::Manner;
use crate::model::service::{
    Backoff, Condition, HOOK_TIMEOUT, Health, Hook, MaxRestarts, PIDFILE_TIMEOUT, PidFile, Probe, READY_INTERVAL,
    READY_TIMEOUT, Ready, ReadyKind, Restart, STARTSECS, ServiceExtras, ServiceSpec, StopSpec,
};
use crate::schedule::Schedule;
use crate::text::diagnostic::Span;
use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

/// What a unit is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Service,
    Job,
    /// What holds for all.
    Defaults,
}

/// A service, a job or the defaults, before it is settled.
#[derive(Clone)]
pub struct Unit {
    pub kind: Kind,
    pub process: ProcessSpec,
    /// From `defaults:`, beneath all that the unit says itself.
    pub beneath: Vec<Variable>,
    /// From `env_file`.
    pub of_files: Vec<Variable>,
    /// Behind the `:` of `user`.
    pub users_group: Option<String>,
    pub oneshot: bool,
    pub restart: Option<Restart>,
    pub autorestart: Option<bool>,
    pub autostart: bool,
    pub startsecs: Duration,
    pub backoff: Backoff,
    pub max_restarts: Option<MaxRestarts>,
    pub critical: bool,
    pub pidfile: Option<PathBuf>,
    pub background: Option<bool>,
    pub ready: Readiness,
    pub health: Checks,
    /// The other rare ones, as they are to be.
    pub extras: ServiceExtras,
    pub needs: Vec<Need>,
    pub instances: Option<u32>,
    pub stop: StopSpec,
    pub schedule: Option<(String, Schedule)>,
    /// Of a job: how it is run. Process, stop, criticality and codes are above.
    pub manner: Manner,
}

/// What `ready:` says.
#[derive(Clone, Default)]
pub struct Readiness {
    pub kind: Option<ReadyKind>,
    pub interval: Option<Duration>,
    pub timeout: Option<Duration>,
    /// It is there and names no kind.
    pub bare: bool,
    /// Where the unit's own interval stands.
    pub interval_place: Option<Span>,
}

/// What `health:` says.
#[derive(Clone)]
pub struct Checks {
    pub probe: Option<Probe>,
    pub interval: Duration,
    pub timeout: Duration,
    pub retries: u32,
    pub start_period: Duration,
}

/// spec/config.md's defaults of `health`.
const CHECKS: Checks = Checks {
    probe: None,
    interval: Duration::from_secs(10),
    timeout: Duration::from_secs(3),
    retries: 3,
    start_period: Duration::ZERO,
};

/// Something that a service waits for, by a name that may mean several.
#[derive(Clone, Debug)]
pub struct Need {
    pub name: String,
    /// `None`: what a list means, which depends on what it is.
    pub condition: Option<Condition>,
    pub place: Place,
}

/// Where keys stand that are looked at when all units are known.
#[derive(Clone, Debug, Default)]
pub struct Marks {
    pub needs: Vec<Need>,
    pub autostart: Option<Place>,
    /// Of `restart` or `autorestart`.
    pub restart: Option<Place>,
    /// Of `stdin: inherit`.
    pub stdin: Option<Place>,
    /// Of `missed: once`.
    pub missed: Option<Place>,
    /// Of `pidfile`.
    pub pidfile: Option<Place>,
    /// Of `instances`.
    pub instances: Option<Place>,
}

impl Marks {
    /// Nothing where there is none.
    pub fn boxed(self) -> Option<Box<Marks>> {
        let places = [self.autostart, self.restart, self.stdin, self.missed, self.pidfile];
        let none = self.needs.is_empty() && places.iter().all(Option::is_none);
        (!none).then(|| Box::new(self))
    }
}

impl Unit {
    /// One that says nothing yet.
    pub fn new(kind: Kind) -> Unit {
        Unit {
            kind,
            process: ProcessSpec::default(),
            beneath: Vec::new(),
            of_files: Vec::new(),
            users_group: None,
            oneshot: false,
            restart: None,
            autorestart: None,
            autostart: true,
            startsecs: STARTSECS,
            backoff: Backoff::default(),
            max_restarts: None,
            critical: false,
            pidfile: None,
            background: None,
            ready: Readiness::default(),
            health: CHECKS,
            extras: ServiceExtras::default(),
            needs: Vec::new(),
            instances: None,
            stop: StopSpec::default(),
            schedule: None,
            manner: Manner::default(),
        }
    }

    /// The same for another unit to begin with.
    pub fn for_a(&self, kind: Kind) -> Unit {
        let mut unit = Unit { kind, ..self.clone() };
        if kind == Kind::Job {
            // Of what both have, defaults mean the services': a job that fails is no reason for all to stop.
            unit.critical = false;
            unit.extras.success_codes = None;
        }
        unit
    }

    /// Lets go of the defaults that don't fit to what the unit says itself. `own`: whether it has that key.
    pub fn give_way(&mut self, own: impl Fn(&str) -> bool) {
        if own("user") {
            self.process.identity.group = None;
            if let Some(extras) = &mut self.process.extras {
                extras.groups = None;
            }
        }
        if own("restart") || own("autorestart") {
            self.restart = None;
        }
    }

    /// Makes what was read the ground for others.
    pub fn settle_as_ground(&mut self) {
        self.beneath = self.take_environ();
    }

    /// The variables of all layers, each name once where there is more than one layer.
    fn take_environ(&mut self) -> Vec<Variable> {
        let [beneath, files, own] =
            [&mut self.beneath, &mut self.of_files, &mut self.process.environ].map(std::mem::take);
        let mut all = own;
        for layer in [files, beneath] {
            if !layer.is_empty() {
                all = laid_over(layer, all);
            }
        }
        all.shrink_to_fit();
        all
    }

    /// The process: nothing boxed that nobody asked for.
    pub fn take_process(&mut self) -> ProcessSpec {
        self.process.environ = self.take_environ();
        let mut process = std::mem::take(&mut self.process);
        process.command.shrink_to_fit();
        process.extras = process.extras.filter(|extras| **extras != Extras::default());
        process
    }

    /// The service that it is, by this name.
    pub fn into_service(mut self, name: String) -> ServiceSpec {
        let process = self.take_process();
        let mut extras = self.extras;
        extras.success_codes = extras.success_codes.filter(|codes| *codes != [0]);
        let Readiness { kind, interval, timeout, .. } = self.ready;
        let pidfile = self.pidfile.map(|path| Box::new(PidFile { path, timeout: timeout.unwrap_or(PIDFILE_TIMEOUT) }));
        let usual = if pidfile.is_some() { PIDFILE_TIMEOUT } else { READY_TIMEOUT };
        extras.ready = kind.map(|kind| Ready {
            kind,
            interval: interval.unwrap_or(READY_INTERVAL),
            timeout: timeout.unwrap_or(usual),
        });
        let Checks { probe, interval, timeout, retries, start_period } = self.health;
        extras.health = probe.map(|probe| Health { probe, interval, timeout, retries, start_period });
        ServiceSpec {
            name,
            process,
            oneshot: self.oneshot,
            autostart: self.autostart,
            restart: self.restart.unwrap_or(Restart::Always),
            startsecs: self.startsecs,
            backoff: self.backoff,
            max_restarts: self.max_restarts,
            critical: self.critical,
            stop: self.stop,
            pidfile,
            depends_on: Vec::new(),
            extras: (extras != ServiceExtras::default()).then(|| Box::new(extras)),
        }
    }

    /// How the job that it is runs, its command aside, which comes too.
    pub fn into_manner(mut self) -> (Vec<OsString>, Manner) {
        let mut process = self.take_process();
        let command = std::mem::take(&mut process.command);
        let success_codes = self.extras.success_codes.filter(|codes| *codes != [0]);
        let (stop, critical) = (self.stop, self.critical);
        (command, Manner { process, stop, critical, success_codes, ..self.manner })
    }

    /// What defaults say of services that run on isn't meant for one that runs once. `own`: whether the unit itself
    /// has that key.
    pub fn let_oneshot_be(&mut self, own: impl Fn(&str) -> bool) {
        if !self.oneshot {
            return;
        }
        if !own("health") {
            self.health = CHECKS;
        }
        if !own("watchdog") {
            self.extras.watchdog = None;
        }
        if !own("restart") && !own("autorestart") {
            self.restart = self.restart.filter(|restart| *restart != Restart::Always);
        }
    }
}

/// A hook before its keys are read.
pub fn hook() -> Hook {
    Hook { command: Vec::new(), identity: None, timeout: HOOK_TIMEOUT }
}

/// Those `beneath` that `above` doesn't have, then `above`.
pub fn laid_over(mut beneath: Vec<Variable>, above: Vec<Variable>) -> Vec<Variable> {
    let mut lowest: Vec<Variable> = Vec::new();
    for (name, value) in beneath.drain(..).rev() {
        if !above.iter().chain(&lowest).any(|(other, _)| *other == name) {
            lowest.push((name, value));
        }
    }
    lowest.reverse();
    lowest.extend(above);
    lowest
}
