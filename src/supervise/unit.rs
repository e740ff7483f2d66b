//! A unit of the supervisor's table: one of the three machines, asked for what they all have.

use super::action::Action;
use super::job::Job;
use super::main_command::MainCommand;
use super::service::Service;
use super::standing::Standing;
use crate::model::moment::Mono;
use crate::model::service::Dependency;
use crate::model::unit::{Life, MAIN, Pid};

/// One unit's machine.
#[derive(Debug)]
pub(super) enum Unit {
    Service(Box<Service>),
    Job(Box<Job>),
    Main(Box<MainCommand>),
    /// It was taken out of the configuration, and nothing of it is left. Its number stays.
    Gone,
}

/// How far a unit has come, as far as others wait for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Milestone {
    /// It isn't there, or was told to stop.
    Down,
    /// For its own dependencies.
    Waits,
    /// On its way up, or down.
    Between,
    /// Its program runs.
    Started,
    Up,
    Done,
    Failed,
}

impl Unit {
    pub(super) fn name(&self) -> &str {
        match self {
            Unit::Service(service) => &service.spec.name,
            Unit::Job(job) => job.spec.name(),
            Unit::Main(_) => MAIN,
            Unit::Gone => "",
        }
    }

    /// How far it has come.
    pub(super) fn milestone(&self) -> Milestone {
        match self {
            Unit::Service(service) => match service.standing() {
                Standing::Stopped => Milestone::Down,
                Standing::Waiting => Milestone::Waits,
                Standing::Starting { .. } if service.program_runs() => Milestone::Started,
                Standing::Starting { .. } | Standing::Stopping { .. } | Standing::Backoff { .. } => Milestone::Between,
                Standing::Running { .. } => Milestone::Up,
                Standing::Done => Milestone::Done,
                Standing::Failed => Milestone::Failed,
            },
            Unit::Job(_) | Unit::Gone => Milestone::Down,
            Unit::Main(main) if main.waits() => Milestone::Waits,
            Unit::Main(main) if main.is_down() => Milestone::Down,
            Unit::Main(_) => Milestone::Started,
        }
    }

    /// Whether SIGKILL was sent to it for its time was over.
    pub(super) fn sent_kill(&self) -> bool {
        match self {
            Unit::Service(service) => service.sent_kill(),
            Unit::Job(job) => job.sent_kill(),
            Unit::Main(main) => main.sent_kill(),
            Unit::Gone => false,
        }
    }

    /// What has to be so before it starts.
    pub(super) fn depends_on(&self) -> &[Dependency] {
        match self {
            Unit::Service(service) => &service.spec.depends_on,
            Unit::Job(job) => &job.spec.manner.depends_on,
            Unit::Main(_) | Unit::Gone => &[],
        }
    }

    pub(super) fn service(&self) -> Option<&Service> {
        match self {
            Unit::Service(service) => Some(service),
            Unit::Job(_) | Unit::Main(_) | Unit::Gone => None,
        }
    }

    pub(super) fn job(&self) -> Option<&Job> {
        match self {
            Unit::Job(job) => Some(job),
            Unit::Service(_) | Unit::Main(_) | Unit::Gone => None,
        }
    }

    /// When it has something to do.
    pub(super) fn deadline(&self) -> Option<Mono> {
        match self {
            Unit::Service(service) => service.deadline(),
            Unit::Job(job) => job.deadline(),
            Unit::Main(main) => main.deadline(),
            Unit::Gone => None,
        }
    }

    /// Does what is due.
    pub(super) fn expire(&mut self, now: Mono, actions: &mut Vec<Action>) {
        match self {
            Unit::Service(service) => service.expire(now, actions),
            Unit::Job(job) => job.expire(now, actions),
            Unit::Main(main) => main.expire(now, actions),
            Unit::Gone => {}
        }
    }

    /// SIGKILL to whatever is left of it, now.
    pub(super) fn kill(&mut self, now: Mono, actions: &mut Vec<Action>) {
        match self {
            Unit::Service(service) => service.kill(now, actions),
            Unit::Job(job) => job.kill(now, actions),
            Unit::Main(main) => main.kill(now, actions),
            Unit::Gone => {}
        }
    }

    /// Whether nothing of it runs, and nothing will without being asked for.
    pub(super) fn is_down(&self) -> bool {
        match self {
            Unit::Service(service) => service.is_down(),
            Unit::Job(job) => job.is_down(),
            Unit::Main(main) => main.is_down(),
            Unit::Gone => true,
        }
    }

    /// Whether its time ran out when it was told to stop.
    pub(super) fn overran(&self) -> bool {
        match self {
            Unit::Service(service) => service.overran,
            Unit::Job(job) => job.overran(),
            Unit::Main(main) => main.overran,
            Unit::Gone => false,
        }
    }

    /// The groups that are awaited, when they may have been emptied by an orphan's end.
    pub(super) fn awaited_groups(&self) -> Vec<(Life, Pid)> {
        match self {
            Unit::Service(service) => service.awaited_groups(),
            Unit::Job(job) => job.awaited_groups().collect(),
            Unit::Main(main) => main.awaited_group().into_iter().collect(),
            Unit::Gone => Vec::new(),
        }
    }
}
