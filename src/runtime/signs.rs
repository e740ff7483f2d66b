//! Signs of life, as the loop sees them: probes are begun and answered here, and what units tell by themselves
//! becomes events.

use super::probes::{Around, Of};
use super::supervisor::Loop;
use crate::model::exit::Exit;
use crate::model::moment::Now;
use crate::model::note::Note;
use crate::model::service::{Probe, ReadyKind, ServiceSpec};
use crate::model::settings::Level;
use crate::model::signal::Signal;
use crate::model::unit::Pid;
use crate::supervise::action::{Part, Purpose};
use crate::supervise::event::Event;
use crate::sys::{processes, reap};
use std::time::Duration;

impl Loop {
    /// Tries a unit's probe once.
    pub(super) fn probe(&mut self, of: Of, timeout: Duration, now: Now) {
        let Of { unit, life, purpose } = of;
        let supervisor = &self.supervisor;
        let asked = supervisor.spec(unit).and_then(|spec| probe_of(spec, purpose));
        let (Some(probe), Some(program)) = (asked, supervisor.process(unit, Part::Program)) else {
            let result = Err("there is no such probe".into());
            return self.events.push(Event::Probed { unit, life, purpose, result });
        };
        let around = Around { poller: &self.poller, launcher: &self.launcher, now };
        self.probes.begin(of, probe, &program, timeout, &around);
        self.take_answers(now);
    }

    /// Goes on with probes: one of them is ready, or (`None`) time has passed.
    pub(super) fn go_on_probing(&mut self, low: Option<u32>, now: Now) {
        let around = Around { poller: &self.poller, launcher: &self.launcher, now };
        match low {
            Some(low) => self.probes.ready(low, &around),
            None => self.probes.expire(&around),
        }
        self.take_answers(now);
    }

    /// A dead child that is a probe's and no unit's: true if it was one.
    pub(super) fn bury_probe(&mut self, pid: Pid, exit: Exit, now: Now) -> bool {
        if !self.probes.own(pid) {
            return false;
        }
        // Not yet reaped, so its group is its own: nothing that a probe began stays behind.
        let _ = processes::kill_group(pid, Signal::KILL);
        let exit = reap::reap(pid).unwrap_or(exit);
        let around = Around { poller: &self.poller, launcher: &self.launcher, now };
        self.probes.ended(pid, exit, &around);
        self.take_answers(now);
        if self.supervisor.leaves_at().is_some() {
            // Whoever looks at what is left has to look again.
            self.events.push(Event::OrphanReaped);
        }
        true
    }

    fn take_answers(&mut self, now: Now) {
        self.events.append(&mut self.probes.answers);
        for (unit, line) in std::mem::take(&mut self.probes.lines) {
            let note = Note::new(Level::Debug, format!("probe: {line}")).about(self.supervisor.name(unit));
            self.outputs.say(&note, &self.poller, now);
        }
    }
}

fn probe_of(spec: &ServiceSpec, purpose: Purpose) -> Option<&Probe> {
    match (purpose, spec.extras()) {
        (Purpose::Ready, extras) => match &extras.ready.as_ref()?.kind {
            ReadyKind::Probe(probe) => Some(probe),
            ReadyKind::Log(_) | ReadyKind::Notify | ReadyKind::Fd(_) => None,
        },
        (Purpose::Health, extras) => extras.health.as_ref().map(|health| &health.probe),
    }
}
