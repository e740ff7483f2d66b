//! A unit of the supervisor's table: one of the three machines, asked for what they all have.

use super::action::Action;
use super::job::Job;
use super::main_command::MainCommand;
use super::service::Service;
use crate::model::command::ProcessSpec;
use crate::model::moment::Mono;
use crate::model::unit::{Life, MAIN, Pid};

/// One unit's machine.
#[derive(Debug)]
pub(super) enum Unit {
    Service(Box<Service>),
    Job(Box<Job>),
    Main(Box<MainCommand>),
}

impl Unit {
    pub(super) fn name(&self) -> &str {
        match self {
            Unit::Service(service) => &service.spec.name,
            Unit::Job(job) => &job.spec.name,
            Unit::Main(_) => MAIN,
        }
    }

    /// What its process is made from.
    pub(super) fn process(&self) -> &ProcessSpec {
        match self {
            Unit::Service(service) => &service.spec.process,
            Unit::Job(job) => &job.spec.process,
            Unit::Main(main) => &main.process,
        }
    }

    pub(super) fn service(&self) -> Option<&Service> {
        match self {
            Unit::Service(service) => Some(service),
            Unit::Job(_) | Unit::Main(_) => None,
        }
    }

    /// When it has something to do.
    pub(super) fn deadline(&self) -> Option<Mono> {
        match self {
            Unit::Service(service) => service.deadline(),
            Unit::Job(job) => job.deadline(),
            Unit::Main(main) => main.deadline(),
        }
    }

    /// Does what is due.
    pub(super) fn expire(&mut self, now: Mono, actions: &mut Vec<Action>) {
        match self {
            Unit::Service(service) => service.expire(now, actions),
            Unit::Job(job) => job.expire(now, actions),
            Unit::Main(main) => main.expire(now, actions),
        }
    }

    /// SIGKILL to whatever is left of it, now.
    pub(super) fn kill(&mut self, now: Mono, actions: &mut Vec<Action>) {
        match self {
            Unit::Service(service) => service.kill(now, actions),
            Unit::Job(job) => job.kill(now, actions),
            Unit::Main(main) => main.kill(now, actions),
        }
    }

    /// Whether nothing of it runs, and nothing will without being asked for.
    pub(super) fn is_down(&self) -> bool {
        match self {
            Unit::Service(service) => service.is_down(),
            Unit::Job(job) => job.is_down(),
            Unit::Main(main) => main.is_down(),
        }
    }

    /// Whether its time ran out when it was told to stop.
    pub(super) fn overran(&self) -> bool {
        match self {
            Unit::Service(service) => service.overran,
            Unit::Job(job) => job.overran,
            Unit::Main(main) => main.overran,
        }
    }

    /// The group that is awaited, when it may have been emptied by an orphan's end.
    pub(super) fn awaited_group(&self) -> Option<(Life, Pid)> {
        match self {
            Unit::Service(service) => service.awaited_group(),
            Unit::Job(job) => job.awaited_group(),
            Unit::Main(main) => main.awaited_group(),
        }
    }
}
