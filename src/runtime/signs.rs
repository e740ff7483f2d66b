//! Signs of life, as the loop sees them: probes are begun and answered here, and what units tell by themselves
//! becomes events.

use super::notify::Said;
use super::perform::failed;
use super::probes::{Around, Of};
use super::supervisor::Loop;
use crate::model::command::Variable;
use crate::model::exit::Exit;
use crate::model::moment::Now;
use crate::model::note::Note;
use crate::model::service::{Probe, ReadyKind, ServiceSpec};
use crate::model::settings::Level;
use crate::model::signal::Signal;
use crate::model::table::Table;
use crate::model::unit::{Life, Pid, UnitId};
use crate::supervise::action::{Part, Purpose};
use crate::supervise::event::{Event, Fault, Message};
use crate::sys::fault::reason;
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

    /// Before a unit's program starts: whatever it can give signs by, and what it is told of that.
    pub(super) fn prepare_signs(&mut self, unit: UnitId, life: Life, told: &mut Vec<Variable>) -> Result<(), Fault> {
        self.forget_main(unit);
        let Some(spec) = self.supervisor.spec(unit) else { return Ok(()) };
        if !spec.notifies() {
            self.notices.forget(unit);
        } else {
            // Who it will be isn't known yet.
            let other = spec.process.identity.user.is_some();
            let name = self.notices.listen(unit, life, other, &self.poller);
            told.push(("NOTIFY_SOCKET".into(), name.map_err(|errno| failed("notify socket", errno))?.to_owned()));
        }
        if let Some(watchdog) = spec.extras().watchdog {
            told.push(("WATCHDOG_USEC".into(), watchdog.as_micros().to_string().into()));
        }
        let kind = spec.extras().ready.as_ref().map(|ready| &ready.kind);
        if let Some(ReadyKind::Fd(number)) = kind {
            let made = self.notices.await_line(unit, life, *number, &self.poller);
            made.map_err(|errno| failed("readiness pipe", errno))?;
        }
        let text = if let Some(ReadyKind::Log(text)) = kind { Some(text.as_str()) } else { None };
        self.outputs.seek(unit, life, text);
        Ok(())
    }

    /// Takes what a unit says on its notify socket; `last`: all that an ended process may have said.
    pub(super) fn hear(&mut self, unit: UnitId, last: bool, now: Now) {
        let Some((life, said)) = self.notices.hear(unit, last) else { return };
        for one in said {
            match one {
                Said::Message(message) => self.events.push(Event::Notified { unit, life, message }),
                Said::MainPid(pid) if self.supervisor.pidfile(unit).is_none() && self.notices.is_news(unit, pid) => {
                    match self.watch_main(unit, life, pid, now) {
                        Ok(group) => {
                            let message = Message::MainPid { pid, group };
                            self.events.push(Event::Notified { unit, life, message });
                        }
                        Err(why) => self.remark(unit, &format!("MAINPID={pid} isn't taken: {why}"), now),
                    }
                }
                // Not news; and a daemon's pid is what its pid file says.
                Said::MainPid(_) => {}
                Said::Dropped(why) => {
                    self.remark(unit, &format!("a message on its notify socket is dropped: {why}"), now)
                }
            }
        }
    }

    /// Nobody is listened to any more.
    pub(super) fn end_signs(&mut self) {
        let units: Vec<UnitId> = self.supervisor.names().map(|(unit, _)| unit).collect();
        for unit in units {
            self.notices.forget(unit);
        }
        self.mains = Table::new();
        self.probes.end();
    }

    /// Reads what came on the descriptor of `ready.fd`.
    pub(super) fn read_line(&mut self, unit: UnitId) {
        if let Some(life) = self.notices.read_line(unit) {
            self.events.push(Event::Ready { unit, life });
        }
    }

    /// Units in whose output the awaited text was met.
    pub(super) fn take_met(&mut self) {
        let met = self.outputs.met.drain(..);
        self.events.extend(met.map(|(unit, life)| Event::Ready { unit, life }));
    }

    /// Tells wingmate's own manager.
    pub(super) fn tell_manager(&mut self, text: &str) {
        if let Err(errno) = self.notices.tell(text) {
            let text = format!("cannot tell NOTIFY_SOCKET of {text}: {}", reason(errno));
            self.say(&Note::new(Level::Warn, text));
        }
    }

    fn remark(&mut self, unit: UnitId, text: &str, now: Now) {
        let note = Note::new(Level::Debug, text).about(self.supervisor.name(unit));
        self.outputs.say(&note, &self.poller, now);
    }

    fn take_answers(&mut self, now: Now) {
        self.events.append(&mut self.probes.answers);
        for (unit, line) in std::mem::take(&mut self.probes.lines) {
            self.remark(unit, &format!("probe: {line}"), now);
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
