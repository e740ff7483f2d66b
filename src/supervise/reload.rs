//! A reload: another plan is compared with the present one, and only what differs is touched (spec/config.md).
//!
//! - Services by name. Removed ones and changed ones that run are stopped, in reverse order of the dependencies that
//!   they had; when all of them are down, changed and added ones start, in the order of those that hold now. A changed
//!   one that waits, is in `backoff`, `done` or `failed` starts anew; one that was told to stop stays stopped.
//! - Jobs by name, and where a crontab's numbering has moved, by all that they are but the name. A run that is under way
//!   ends under its old definition.
//! - The main command isn't part of it. What is asked for during a reload is done after it, during a shutdown refused.

use super::action::Action;
use super::graph::Graph;
use super::job::Job;
use super::service::Service;
use super::standing::Standing;
use super::unit::Unit;
use super::{Plan, PlannedJob, Supervisor, number};
use crate::model::job::JobSpec;
use crate::model::moment::{Mono, Now};
use crate::model::service::ServiceSpec;
use crate::model::settings::Level;
use crate::model::table::Table;
use crate::model::unit::UnitId;

/// A reload under way.
#[derive(Debug, Default)]
pub(super) struct Reload {
    /// The dependencies as they were, for the order of stopping, and their levels.
    before: Graph,
    levels: Vec<usize>,
    /// To be stopped, and not told yet.
    to_stop: Vec<UnitId>,
    /// Told, and awaited.
    stopping: Vec<UnitId>,
    /// What services are to be when all of those are down.
    changed: Vec<(UnitId, ServiceSpec)>,
    removed: Vec<UnitId>,
    added: Vec<UnitId>,
    /// Those among `changed` that are to run afterwards.
    restarts: Vec<UnitId>,
    told: Told,
    /// Somebody asked again meanwhile.
    again: bool,
}

/// What is told of a reload.
#[derive(Debug, Default)]
struct Told {
    restarted: Vec<String>,
    started: Vec<String>,
    stopped: Vec<String>,
    /// They don't run, or finish what they are at.
    changed: Vec<String>,
    unchanged: usize,
}

/// A job that is changed, or gone, as soon as it is idle.
#[derive(Debug)]
pub(super) struct Renewal {
    unit: UnitId,
    /// `None`: it is gone.
    job: Option<Box<PlannedJob>>,
}

impl Told {
    fn text(&self) -> String {
        let named = [
            ("restarted", &self.restarted),
            ("started", &self.started),
            ("stopped", &self.stopped),
            ("changed", &self.changed),
        ];
        let mut parts: Vec<String> = named
            .iter()
            .filter(|(_, names)| !names.is_empty())
            .map(|(what, names)| format!("{} {what} ({})", names.len(), names.join(", ")))
            .collect();
        parts.push(format!("{} unchanged", self.unchanged));
        parts.join(", ")
    }
}

impl Supervisor {
    /// Somebody asks for the configuration to be read again.
    pub(super) fn ask_for_reload(&mut self) {
        if self.shutdown.is_some() {
            self.say(Level::Warn, "not reloaded: everything is being stopped".into());
        } else if let Some(reload) = &mut self.reload {
            reload.again = true;
        } else {
            self.actions.push(Action::Reload);
        }
    }

    /// The configuration was read again, and this is what it says.
    pub fn reload(&mut self, plan: Plan, now: Now) {
        if self.shutdown.is_some() || self.reload.is_some() {
            return self.ask_for_reload();
        }
        self.shutdown_timeout = plan.shutdown_timeout;
        self.shutdown_delay = plan.shutdown_delay;
        let before = self.dependencies();
        let levels = before.levels(self.units.len());
        let mut reload = Box::new(Reload { before, levels, ..Reload::default() });
        self.compare_services(plan.services, &mut reload);
        self.compare_jobs(plan.jobs, &mut reload.told, now);
        self.reload = Some(reload);
        self.go_on_reloading(now);
    }

    /// When jobs were last due is to be kept somewhere else from now on.
    pub fn remember_all(&mut self, now: Now) {
        for (unit, machine) in (0..).map(number).zip(&self.units) {
            if let Some(job) = machine.job() {
                job.remember(unit, now.wall, &mut self.actions);
            }
        }
    }

    fn compare_services(&mut self, specs: Vec<ServiceSpec>, reload: &mut Reload) {
        let mut numbers: Table<String, UnitId> =
            Table::from_rows(self.services().map(|service| (service.spec.name.clone(), service.unit())).collect());
        for spec in specs {
            let unit = numbers.remove(spec.name.as_str());
            match unit.and_then(|unit| self.unit(unit)?.service()) {
                Some(service) if service.spec == spec => reload.told.unchanged += 1,
                Some(service) => {
                    let unit = service.unit();
                    let starts = starts_again(service, &spec);
                    let told = if starts { &mut reload.told.restarted } else { &mut reload.told.changed };
                    told.push(spec.name.clone());
                    reload.restarts.extend(starts.then_some(unit));
                    reload.to_stop.extend((!service.is_down()).then_some(unit));
                    reload.changed.push((unit, spec));
                }
                None => {
                    let told = if spec.autostart { &mut reload.told.started } else { &mut reload.told.changed };
                    told.push(spec.name.clone());
                    let unit = self.add_service(spec);
                    reload.added.push(unit);
                }
            }
        }
        for (name, unit) in numbers.iter() {
            reload.told.stopped.push(name.clone());
            reload.to_stop.extend((!self.is_down(*unit)).then_some(*unit));
            reload.removed.push(*unit);
        }
    }

    fn compare_jobs(&mut self, plan: Vec<PlannedJob>, told: &mut Told, now: Now) {
        // What was to become of a job before doesn't hold any more.
        self.renewals.retain(|renewal| renewal.job.is_none());
        let retired: Vec<UnitId> = self.renewals.iter().map(|renewal| renewal.unit).collect();
        let mut left: Vec<UnitId> = Vec::new();
        left.extend(self.jobs().map(|(unit, _)| unit).filter(|unit| !retired.contains(unit)));
        // By name and all, then by all but the name, then by name alone.
        let (mut going, mut coming) = (left.clone(), Vec::new());
        let mut unchanged = Vec::new();
        let plan = self.pair(plan, &mut left, name, same, &mut |_, unit, _| unchanged.push(unit));
        let plan = self.pair(plan, &mut left, JobSpec::deed, same, &mut |supervisor, unit, planned| {
            unchanged.push(unit);
            supervisor.renewals.push(Renewal { unit, job: Some(Box::new(planned)) });
        });
        told.unchanged += unchanged.len();
        unchanged.sort_unstable();
        going.retain(|unit| unchanged.binary_search(unit).is_err());
        let added = self.pair(plan, &mut left, name, |_, _| true, &mut |supervisor, unit, planned| {
            told.changed.push(planned.spec.name().to_owned());
            coming.push((unit, planned.timing.clone()));
            supervisor.change_job(unit, planned, now);
        });
        for planned in added {
            told.started.push(planned.spec.name().to_owned());
            let timing = planned.timing.clone();
            coming.push((self.add_job(planned, now), timing));
        }
        // A moment that has passed: `@reboot` was at wingmate's own start.
        self.queue.remove(&going);
        self.queue.insert(coming.iter().map(|(unit, timing)| (*unit, timing)), now);
        for unit in left {
            told.stopped.push(self.name(unit).to_owned());
            self.with_job(unit, |job, _| job.retire());
            self.renewals.push(Renewal { unit, job: None });
        }
    }

    /// Gives each planned job that has the same `key` as a job that is `left`, and fits to it, to `take` together with
    /// that; those that find none come back. Each job is taken once, of several the first: ten thousand by ten thousand
    /// comparisons would take a minute.
    fn pair(
        &mut self,
        plan: Vec<PlannedJob>,
        left: &mut Vec<UnitId>,
        key: fn(&JobSpec) -> &[u8],
        fits: fn(&Job, &PlannedJob) -> bool,
        take: &mut dyn FnMut(&mut Supervisor, UnitId, PlannedJob),
    ) -> Vec<PlannedJob> {
        let mut keyed: Vec<(Box<[u8]>, UnitId, bool)> = Vec::with_capacity(left.len());
        for unit in left.iter() {
            keyed.extend(self.job(*unit).map(|job| (key(&job.spec).into(), *unit, false)));
        }
        keyed.sort_unstable();
        let mut alone = Vec::new();
        for planned in plan {
            let wanted = key(&planned.spec);
            let first = keyed.partition_point(|(key, ..)| **key < *wanted);
            let alike = keyed.iter_mut().skip(first).take_while(|(key, ..)| **key == *wanted);
            let found = alike
                .filter(|(_, _, taken)| !taken)
                .find(|(_, unit, _)| self.job(*unit).is_some_and(|job| fits(job, &planned)));
            match found {
                Some((_, unit, taken)) => {
                    *taken = true;
                    take(self, *unit, planned);
                }
                None => alone.push(planned),
            }
        }
        let mut rest: Vec<UnitId> = keyed.iter().filter(|(_, _, taken)| !taken).map(|(_, unit, _)| *unit).collect();
        rest.sort_unstable();
        *left = rest;
        alone
    }

    /// A job is another from its next run on.
    fn change_job(&mut self, unit: UnitId, planned: PlannedJob, now: Now) {
        self.with_job(unit, |job, actions| {
            job.become_another(planned.spec, planned.timing.zone);
            // What its schedule of now would have had before isn't missed.
            job.remember(unit, now.wall, actions);
        });
    }

    fn jobs(&self) -> impl Iterator<Item = (UnitId, &Job)> {
        self.table().filter_map(|(unit, machine)| machine.job().map(|job| (unit, job)))
    }

    fn job(&self, unit: UnitId) -> Option<&Job> {
        self.unit(unit)?.job()
    }

    /// Does what the reload's plan has come to.
    pub(super) fn go_on_reloading(&mut self, now: Now) {
        if !self.renewals.is_empty() {
            self.renew_jobs(now);
        }
        let Some(mut reload) = self.reload.take() else { return };
        if self.shutdown.is_some() {
            // What is stopped for good isn't changed any more.
            return;
        }
        reload.stopping.retain(|unit| !self.is_down(*unit));
        let goes = |unit: UnitId| reload.stopping.contains(&unit) || reload.to_stop.contains(&unit);
        let held_up = reload.before.held_up(&reload.levels, goes);
        let waits = |unit: &&UnitId| held_up.get(unit.0 as usize).copied().unwrap_or_default();
        let (later, due): (Vec<UnitId>, Vec<UnitId>) = reload.to_stop.iter().partition(waits);
        reload.to_stop = later;
        for unit in due {
            self.with_service(unit, |service, actions| service.stop(None, now.mono, actions));
            reload.stopping.push(unit);
        }
        reload.stopping.retain(|unit| !self.is_down(*unit));
        if reload.to_stop.is_empty() && reload.stopping.is_empty() {
            self.finish_reload(*reload, now.mono);
        } else {
            self.reload = Some(reload);
        }
    }

    fn finish_reload(&mut self, reload: Reload, now: Mono) {
        for (unit, spec) in reload.changed {
            if let Some(Unit::Service(service)) = self.units.get_mut(unit.0 as usize) {
                service.become_another(spec);
            }
        }
        for unit in reload.removed {
            self.remove(unit);
        }
        self.graph = self.dependencies();
        let autostart = |unit: &UnitId| self.spec(*unit).is_some_and(|spec| spec.autostart);
        let added: Vec<UnitId> = reload.added.into_iter().filter(autostart).collect();
        for unit in reload.restarts.into_iter().chain(added) {
            self.with_service(unit, |service, actions| service.start(now, actions));
        }
        // Those that wait may wait for others now.
        self.to_look.extend((0..self.units.len()).map(number));
        self.moved = true;
        self.say(Level::Info, format!("reloaded: {}", reload.told.text()));
        if reload.again {
            self.actions.push(Action::Reload);
        }
    }

    fn remove(&mut self, unit: UnitId) {
        if let Some(slot) = self.units.get_mut(unit.0 as usize) {
            *slot = Unit::Gone;
            self.timers.set(unit, None);
            self.actions.push(Action::Forget { unit });
        }
    }

    /// Jobs that have become idle are what they are to be from now on.
    fn renew_jobs(&mut self, now: Now) {
        let mut waiting = Vec::new();
        for renewal in std::mem::take(&mut self.renewals) {
            if !self.is_down(renewal.unit) {
                waiting.push(renewal);
                continue;
            }
            match (renewal.job, self.units.get_mut(renewal.unit.0 as usize)) {
                (Some(planned), Some(Unit::Job(job))) => {
                    job.become_another(planned.spec, planned.timing.zone);
                    self.actions.push(Action::Rename { unit: renewal.unit });
                    job.remember(renewal.unit, now.wall, &mut self.actions);
                }
                (None, _) => self.remove(renewal.unit),
                (Some(_), _) => {}
            }
        }
        self.renewals = waiting;
    }
}

/// Whether a changed service is to run after the reload: all but one that was told to stop, or was never to start.
fn starts_again(service: &Service, new: &ServiceSpec) -> bool {
    match service.standing() {
        Standing::Stopped => new.autostart && !service.spec.autostart,
        Standing::Waiting
        | Standing::Starting { .. }
        | Standing::Running { .. }
        | Standing::Stopping { .. }
        | Standing::Backoff { .. }
        | Standing::Done
        | Standing::Failed => service.is_wanted(),
    }
}

/// Whether they are the same but for their names.
fn same(job: &Job, planned: &PlannedJob) -> bool {
    job.does_the_same(&planned.spec, &planned.timing.zone)
}

fn name(spec: &JobSpec) -> &[u8] {
    spec.name().as_bytes()
}
