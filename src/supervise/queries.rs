//! What the loop asks about units while it performs actions: what they are called, what their processes are made from,
//! what their groups are due. Nothing changes by it.

use super::action::Part;
use super::service::Service;
use super::state::State;
use super::{Supervisor, Unit};
use crate::model::command::ProcessSpec;
use crate::model::exit::Exit;
use crate::model::moment::Mono;
use crate::model::service::ServiceSpec;
use crate::model::signal::Signal;
use crate::model::unit::{Life, MAIN, Pid, UnitId};
use std::borrow::Cow;
use std::path::Path;

impl Supervisor {
    /// The signal that a dead process's group is to get before the process is reaped.
    pub fn death_signal(&self, unit: UnitId, dead: Pid, exit: Exit) -> Option<Signal> {
        self.unit(unit)?.service()?.death_signal(dead, exit)
    }

    /// The group that goes with a unit's process: mostly the one that it leads.
    pub fn group_of(&self, unit: UnitId, process: Pid) -> Pid {
        let service = self.unit(unit).and_then(Unit::service);
        service.and_then(|service| service.group_of(process)).unwrap_or(process)
    }

    /// The group of a service's main process, where that runs.
    pub fn group(&self, unit: UnitId) -> Option<Pid> {
        match self.unit(unit)?.service()?.state {
            State::Running { group, .. } => group,
            // The starter's, or that of the daemon before: the next one may be in it (nginx's after an upgrade).
            State::Adopting(ref adopting) => adopting.group,
            _ => None,
        }
    }

    /// Whether everything is being stopped and every program that runs has been told so: then
    /// [`Supervisor::death_signal`] has nothing for anybody.
    pub fn expects_every_end(&self) -> bool {
        self.is_stopping() && !self.services().any(Service::program_runs)
    }

    /// What a unit's process, or that of a command beside it, is made from.
    pub fn process(&self, unit: UnitId, part: Part) -> Option<Cow<'_, ProcessSpec>> {
        let own = match self.unit(unit)? {
            Unit::Service(service) => &service.spec.process,
            Unit::Job(job) => return (part == Part::Program).then(|| Cow::Owned(job.spec.process())),
            Unit::Main(main) => &main.process,
            Unit::Gone => return None,
        };
        let extras = || self.spec(unit).map(ServiceSpec::extras);
        let (command, identity) = match part {
            Part::Program => return Some(Cow::Borrowed(own)),
            Part::StopCommand { .. } => (extras()?.stop_command.as_ref()?, None),
            Part::PreStart => extras()?.pre_start.as_ref().map(|hook| (&hook.command, hook.identity.as_ref()))?,
            Part::PostStop => extras()?.post_stop.as_ref().map(|hook| (&hook.command, hook.identity.as_ref()))?,
        };
        let mut process = own.clone();
        process.command.clone_from(command);
        if let Some(identity) = identity {
            process.identity = identity.clone();
        }
        Some(Cow::Owned(process))
    }

    /// What a service was asked to be.
    pub fn spec(&self, unit: UnitId) -> Option<&ServiceSpec> {
        self.unit(unit)?.service().map(|service| &service.spec)
    }

    /// The pid file of a service that forks into the background.
    pub fn pidfile(&self, unit: UnitId) -> Option<&Path> {
        self.unit(unit)?.service()?.spec.pidfile.as_ref().map(|pidfile| pidfile.path.as_path())
    }

    /// A daemon of this unit that ended as its starter's child: when the starter goes, its status is ours to have.
    pub fn unreaped(&self, unit: UnitId) -> Option<(Life, Pid)> {
        self.unit(unit)?.service()?.unreaped()
    }

    /// Whether there is a main command.
    pub fn has_main(&self) -> bool {
        self.main.is_some()
    }

    /// Whether it is the main command.
    pub fn is_main(&self, unit: UnitId) -> bool {
        matches!(self.unit(unit), Some(Unit::Main(_)))
    }

    /// Every unit with its name.
    pub fn names(&self) -> impl Iterator<Item = (UnitId, &str)> {
        let there = self.table().filter(|(_, machine)| !matches!(machine, Unit::Gone));
        there.map(|(unit, machine)| (unit, machine.name()))
    }

    /// Whether the last SIGKILL that could have ended the unit's process was wingmate's own.
    pub fn sent_kill(&self, unit: UnitId) -> bool {
        self.unit(unit).is_some_and(Unit::sent_kill)
    }

    /// When wingmate leaves whatever is left, once it is on its way out.
    pub fn leaves_at(&self) -> Option<Mono> {
        self.shutdown.as_ref().map(|shutdown| shutdown.deadline)
    }

    /// Its name.
    pub fn name(&self, unit: UnitId) -> &str {
        self.unit(unit).map_or(MAIN, Unit::name)
    }
}
