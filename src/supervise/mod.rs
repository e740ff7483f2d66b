//! The deciders: events in, actions out. No clock, no descriptor, no process in here.
//!
//! The supervisor owns every unit's machine, the queue of coming runs and, once it has begun, the shutdown's plan.
//! `handle` takes one event, `turn` does what follows from all of them and from the time; `take_actions` gives what
//! is to be done, in order. Given any event in any state it does something sane.

pub mod action;
mod activity;
pub mod adoption;
pub mod backoff;
pub mod daemon;
pub mod ending;
pub mod event;
mod firing;
mod graph;
mod halt;
mod halting;
pub mod job;
mod judging;
pub mod main_command;
mod observed;
pub mod proxy;
mod queries;
mod reload;
pub mod run;
#[cfg(test)]
mod scenarios;
pub mod service;
pub mod shutdown;
mod signals;
pub mod standing;
pub mod state;
pub mod status;
mod stopping;
mod strays;
pub mod sweep;
pub mod task;
pub mod timers;
mod unit;
pub mod verdict;
mod waiting;
#[cfg(test)]
mod walk;
mod watch;
#[cfg(test)]
mod world;

use crate::model::command::ProcessSpec;
use crate::model::job::JobSpec;
use crate::model::moment::{Boot, Mono, Now, Wall};
use crate::model::note::Note;
use crate::model::service::ServiceSpec;
use crate::model::settings::Level;
use crate::model::signal::Rewrite;
use crate::model::unit::UnitId;
use crate::schedule::Timing;
use crate::schedule::queue::Queue;
use action::Action;
use event::Event;
use graph::Graph;
use job::Job;
use main_command::{MainCommand, Treatment};
use reload::{Reload, Renewal};
use run::Errand;
use service::Service;
use shutdown::Shutdown;
use state::Death;
use std::collections::VecDeque;
use std::time::Duration;
use timers::Timers;
use unit::{Milestone, Unit};
use waiting::Pace;

/// What is to be supervised.
#[derive(Debug, Default)]
pub struct Plan {
    pub services: Vec<ServiceSpec>,
    pub jobs: Vec<PlannedJob>,
    pub main: Option<ProcessSpec>,
    pub treatment: Treatment,
    /// What becomes of signals that come.
    pub rewrites: Vec<Rewrite>,
    pub shutdown_timeout: Duration,
    pub shutdown_delay: Duration,
}

/// A job, and when it runs.
#[derive(Debug)]
pub struct PlannedJob {
    pub spec: JobSpec,
    /// With its zone.
    pub timing: Timing,
    /// When it was last due before this start, where that is kept.
    pub last_due: Option<Wall>,
}

/// All units, and what becomes of them.
#[derive(Debug)]
pub struct Supervisor {
    /// Services, jobs and the main command; a unit's number is its place, which nobody else gets after it.
    units: Vec<Unit>,
    main: Option<UnitId>,
    graph: Graph,
    /// Units that wait and whose dependencies are to be looked at.
    to_look: VecDeque<UnitId>,
    pace: Pace,
    queue: Queue,
    /// Runs of jobs that are due when wingmate starts.
    at_start: Vec<(UnitId, Errand)>,
    /// Jobs of which it isn't known yet when they were last due.
    unknown: Vec<UnitId>,
    timers: Timers,
    rewrites: Vec<Rewrite>,
    shutdown: Option<Shutdown>,
    shutdown_timeout: Duration,
    shutdown_delay: Duration,
    reload: Option<Box<Reload>>,
    /// Jobs whose run is to be over before they are changed or gone.
    renewals: Vec<Renewal>,
    /// Something died since the last act looked at what is left.
    look_again: bool,
    /// Some unit has come up, gone down or ended since it was looked whether all are up.
    moved: bool,
    /// A critical job that has failed for good. Kept, for nobody looks at ten thousand in each turn.
    failed_job: Option<UnitId>,
    /// Wingmate's own manager was told that all is up.
    announced: bool,
    began: Mono,
    begun: bool,
    left: bool,
    pub orphans: u64,
    actions: Vec<Action>,
}

impl Supervisor {
    /// A supervisor that has started nothing yet. The queue counts from `now`.
    pub fn new(plan: Plan, now: Now) -> Supervisor {
        let mut supervisor = Supervisor {
            units: Vec::with_capacity(plan.services.len() + plan.jobs.len() + 1),
            main: None,
            graph: Graph::default(),
            to_look: VecDeque::new(),
            pace: Pace::default(),
            queue: Queue::new(now.boot),
            at_start: Vec::new(),
            unknown: Vec::new(),
            timers: Timers::default(),
            rewrites: plan.rewrites,
            shutdown: None,
            shutdown_timeout: plan.shutdown_timeout,
            shutdown_delay: plan.shutdown_delay,
            reload: None,
            renewals: Vec::new(),
            look_again: false,
            moved: false,
            failed_job: None,
            announced: false,
            began: now.mono,
            begun: false,
            left: false,
            orphans: 0,
            actions: Vec::new(),
        };
        for spec in plan.services {
            supervisor.add_service(spec);
        }
        supervisor.enter_jobs(plan.jobs, now);
        if let Some(process) = plan.main {
            let unit = supervisor.next_unit();
            supervisor.units.push(Unit::Main(Box::new(MainCommand::new(unit, process, plan.treatment))));
            supervisor.main = Some(unit);
        }
        supervisor.graph = supervisor.dependencies();
        supervisor
    }

    fn next_unit(&self) -> UnitId {
        number(self.units.len())
    }

    fn add_service(&mut self, spec: ServiceSpec) -> UnitId {
        let unit = self.next_unit();
        self.units.push(Unit::Service(Box::new(Service::new(unit, spec))));
        unit
    }

    /// What is to be done now, in order.
    pub fn take_actions(&mut self) -> Vec<Action> {
        std::mem::take(&mut self.actions)
    }

    /// Takes one event.
    pub fn handle(&mut self, event: Event, now: Now) {
        let mono = now.mono;
        match event {
            Event::Begin => self.begin(now),
            Event::Launched { unit, life, pid } => self.with(unit, |machine, actions| match machine {
                Unit::Service(service) => service.launched(life, pid, mono, actions),
                Unit::Job(job) => job.launched(life, pid, now, actions),
                Unit::Main(main) => main.launched(life, pid, mono, actions),
                Unit::Gone => {}
            }),
            Event::LaunchFailed { unit, life, fault } => self.with(unit, |machine, actions| match machine {
                Unit::Service(service) => service.launch_failed(life, fault, mono, actions),
                Unit::Job(job) => job.launch_failed(life, &fault, mono, actions),
                Unit::Main(main) => main.launch_failed(life, fault, actions),
                Unit::Gone => {}
            }),
            Event::Exited { unit, life, pid, exit, group_lives, lingering } => {
                self.with(unit, |machine, actions| match machine {
                    Unit::Service(service) => {
                        let death = Death { pid, exit, group_lives, lingering };
                        service.exited(life, death, mono, actions);
                    }
                    Unit::Job(job) => job.exited(life, pid, exit, group_lives, mono, actions),
                    Unit::Main(main) => main.exited(life, pid, exit, group_lives, mono, actions),
                    Unit::Gone => {}
                });
            }
            Event::GroupGone { unit, life } => self.with(unit, |machine, actions| match machine {
                Unit::Service(service) => service.group_gone(life, mono, actions),
                Unit::Job(job) => job.group_gone(life, actions),
                Unit::Main(main) => main.group_gone(life),
                Unit::Gone => {}
            }),
            Event::Signalled(signal) => self.signalled(signal, now),
            Event::OrphanReaped => self.orphan_reaped(),
            Event::Grouped { unit, life, daemon, group } => {
                self.with_service(unit, |service, _| service.grouped(life, daemon, group));
            }
            Event::Adopted { unit, life, pid, group } => {
                self.with_service(unit, |service, actions| service.adopted(life, pid, group, mono, actions));
            }
            Event::Swept { unit, life, left, unseen } => {
                self.with_service(unit, |service, actions| service.swept(life, left, unseen, mono, actions));
            }
            Event::Refused { unit, life, reason } => {
                self.with_service(unit, |service, _| service.refused(life, reason));
            }
            Event::Probed { unit, life, purpose, result } => {
                self.with_service(unit, |service, actions| service.probed(life, purpose, result, mono, actions));
            }
            Event::Untried { unit, life, purpose, reason } => {
                self.with_service(unit, |service, actions| service.untried(life, purpose, reason, mono, actions));
            }
            Event::Ready { unit, life } => {
                self.with_service(unit, |service, actions| service.ready_came(life, mono, actions));
            }
            Event::Notified { unit, life, message } => {
                self.with_service(unit, |service, actions| service.notified(life, message, mono, actions));
            }
            Event::Rest(rest) => self.rest(&rest),
            Event::Childless => self.childless(now.mono),
            Event::ClockSet => self.clock_set(now),
        }
    }

    /// Does what follows from the events so far and from the time. Called once a turn of the loop, and again after
    /// its actions were answered.
    pub fn turn(&mut self, now: Now) {
        if self.left || !self.begun {
            return;
        }
        // Before anything else: nothing is started in the turn that brings the end.
        if self.shutdown.is_none() {
            self.look_for_an_end(now);
        }
        self.expire(now.mono);
        if self.shutdown.is_none() {
            self.fire_due(now);
        }
        self.go_on_reloading(now);
        if !self.is_stopping() {
            self.look_at_dependencies(now.mono);
            self.announce();
        }
        if self.shutdown.is_some() {
            self.go_on_stopping(now.mono);
        }
        // Who was told to stop and has no time for it.
        self.expire(now.mono);
    }

    fn expire(&mut self, now: Mono) {
        for unit in self.timers.due(now) {
            self.with(unit, |machine, actions| machine.expire(now, actions));
            if matches!(self.unit(unit), Some(Unit::Job(job)) if job.is_due()) {
                self.to_look.push_back(unit);
            }
        }
    }

    /// Whether units are being stopped for good. Not yet so during `shutdown.delay`.
    pub fn is_stopping(&self) -> bool {
        self.shutdown.as_ref().is_some_and(|shutdown| !shutdown.is_delayed())
    }

    /// When `turn` has something to do, by CLOCK_MONOTONIC.
    pub fn next_deadline(&self) -> Option<Mono> {
        let plan = self.shutdown.as_ref().map(Shutdown::next);
        let pace = if self.is_stopping() { None } else { self.pace.goes_on() };
        [self.timers.next(), plan, pace].into_iter().flatten().min()
    }

    /// When the next run of a job is due, by CLOCK_REALTIME.
    pub fn next_run(&self) -> Option<Wall> {
        if self.shutdown.is_some() { None } else { self.queue.next_wall() }
    }

    /// When the next `@every` beat is due, by CLOCK_BOOTTIME.
    pub fn next_beat(&self) -> Option<Boot> {
        if self.shutdown.is_some() { None } else { self.queue.next_boot() }
    }

    fn begin(&mut self, now: Now) {
        self.begun = true;
        self.began = now.mono;
        for index in 0..self.units.len() {
            self.with(number(index), |machine, actions| match machine {
                Unit::Service(service) if service.spec.autostart => service.start(now.mono, actions),
                Unit::Service(_) | Unit::Job(_) | Unit::Main(_) | Unit::Gone => {}
            });
        }
        self.begin_jobs(now);
    }

    /// Runs `act` on a unit's machine, then takes note of its new deadline.
    fn with(&mut self, unit: UnitId, act: impl FnOnce(&mut Unit, &mut Vec<Action>)) {
        let Some(machine) = self.units.get_mut(unit.0 as usize) else { return };
        let before = machine.milestone();
        act(machine, &mut self.actions);
        self.has_acted(unit, before);
    }

    /// Apart from `with`, of which there is one for each act.
    fn has_acted(&mut self, unit: UnitId, before: Milestone) {
        let Some(machine) = self.units.get(unit.0 as usize) else { return };
        self.timers.set(unit, machine.deadline());
        if machine.job().and_then(Job::end).is_some() {
            self.failed_job.get_or_insert(unit);
        }
        let after = machine.milestone();
        if before != after {
            self.moved = true;
            self.to_look.extend((after == Milestone::Waits).then_some(unit));
            self.to_look.extend(self.graph.needed_by(unit));
        }
    }

    /// The same, for what only a service can be told.
    fn with_service(&mut self, unit: UnitId, act: impl FnOnce(&mut Service, &mut Vec<Action>)) {
        self.with(unit, |machine, actions| {
            if let Unit::Service(service) = machine {
                act(service, actions);
            }
        });
    }

    /// The same, for what only a job can be told.
    fn with_job(&mut self, unit: UnitId, act: impl FnOnce(&mut Job, &mut Vec<Action>)) {
        self.with(unit, |machine, actions| {
            if let Unit::Job(job) = machine {
                act(job, actions);
            }
        });
    }

    fn unit(&self, unit: UnitId) -> Option<&Unit> {
        self.units.get(unit.0 as usize)
    }

    /// Every unit's machine with its number.
    fn table(&self) -> impl Iterator<Item = (UnitId, &Unit)> {
        (0..).map(number).zip(&self.units)
    }

    fn main(&self) -> Option<(UnitId, &MainCommand)> {
        let unit = self.main?;
        match self.unit(unit)? {
            Unit::Main(main) => Some((unit, main)),
            Unit::Service(_) | Unit::Job(_) | Unit::Gone => None,
        }
    }

    fn services(&self) -> impl Iterator<Item = &Service> {
        self.units.iter().filter_map(Unit::service)
    }

    fn is_down(&self, unit: UnitId) -> bool {
        self.unit(unit).is_none_or(Unit::is_down)
    }

    fn say(&mut self, level: Level, text: String) {
        self.actions.push(Action::Say(Note::new(level, text)));
    }
}

/// A unit's number is its place in the table; a configuration of four thousand million units doesn't fit anywhere.
fn number(index: usize) -> UnitId {
    UnitId(u32::try_from(index).unwrap_or(u32::MAX))
}
