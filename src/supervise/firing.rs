//! How cron jobs come to run: they are entered into the queue, and fire when it says so, or when wingmate starts.

use super::job::Job;
use super::run::{Errand, Origin};
use super::unit::Unit;
use super::{PlannedJob, Supervisor, number};
use crate::model::job::Missed;
use crate::model::moment::Now;
use crate::model::unit::UnitId;
use crate::schedule::Schedule;
use crate::schedule::next::latest;
use crate::schedule::queue::{Firing, Known};

impl Supervisor {
    /// The jobs that are there from the start, and what is due at it.
    pub(super) fn enter_jobs(&mut self, jobs: Vec<PlannedJob>, now: Now) {
        let numbered = || (self.units.len()..).map(number).zip(&jobs);
        let (mut at_start, mut unknown) = (Vec::new(), Vec::new());
        for (unit, job) in numbered() {
            let keeps = job.spec.manner.missed == Missed::Once;
            let schedule = &job.timing.schedule;
            let missed = match (schedule, job.last_due) {
                (Schedule::Cron(expression), Some(last)) if keeps => {
                    latest(expression, &job.timing.zone, last, now.wall)
                }
                _ => None,
            };
            let starts = job.spec.manner.on_boot || matches!(schedule, Schedule::Reboot);
            let errand = |moment, origin| (unit, Errand { moment, origin, tries: 0 });
            // A run that is made up for is one at start too.
            at_start.extend(missed.map(|moment| errand(moment, Origin::MadeUp)));
            at_start.extend((missed.is_none() && starts).then(|| errand(now.wall, Origin::Start)));
            unknown.extend((keeps && job.last_due.is_none()).then_some(unit));
        }
        self.queue.insert(numbered().map(|(unit, job)| (unit, &job.timing)), now);
        self.units.extend(jobs.into_iter().map(|job| Unit::Job(Box::new(Job::new(job.spec, job.timing.zone)))));
        (self.at_start, self.unknown) = (at_start, unknown);
    }

    /// A job that comes later; it is still to be entered into the queue.
    pub(super) fn add_job(&mut self, job: PlannedJob, now: Now) -> UnitId {
        let unit = self.next_unit();
        let machine = Job::new(job.spec, job.timing.zone);
        machine.remember(unit, now.wall, &mut self.actions);
        self.units.push(Unit::Job(Box::new(machine)));
        unit
    }

    /// What is due at wingmate's start.
    pub(super) fn begin_jobs(&mut self, now: Now) {
        for unit in std::mem::take(&mut self.unknown) {
            self.with_job(unit, |job, actions| job.remember(unit, now.wall, actions));
        }
        for (unit, errand) in std::mem::take(&mut self.at_start) {
            self.with_job(unit, |job, _| job.due(unit, errand, now.mono));
            self.to_look.push_back(unit);
        }
    }

    /// Jobs whose time has come by their schedules.
    pub(super) fn fire_due(&mut self, now: Now) {
        for Firing { job: unit, scheduled, missed } in self.queue.due(now, |job| known(&self.units, job)) {
            self.with_job(unit, |job, actions| job.fire(unit, scheduled, missed, now, actions));
            self.to_look.push_back(unit);
        }
    }

    /// CLOCK_REALTIME was set.
    pub(super) fn clock_set(&mut self, now: Now) {
        self.queue.clock_set(now, |job| known(&self.units, job));
    }
}

/// What the queue asks of a job.
fn known(units: &[Unit], job: UnitId) -> Option<Known> {
    let job = units.get(job.0 as usize)?.job()?;
    Some(Known { timing: job.timing()?, last: job.last_moment() })
}
