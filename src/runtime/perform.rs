//! Actions become calls. What comes of them goes back as events: nothing is decided here.

use super::launcher::{of, other, refused};
use super::outputs::Outputs;
use super::probes::Of;
use super::rest;
use super::supervisor::Loop;
use crate::model::command::Variable;
use crate::model::moment::{Now, Wall};
use crate::model::note::Note;
use crate::model::service::{ReadyKind, ServiceSpec};
use crate::model::settings::Level;
use crate::model::signal::Signal;
use crate::model::unit::{Life, Pid, UnitId};
use crate::supervise::action::{Action, Due, Part, Target};
use crate::supervise::event::{Event, Fault, FaultKind};
use crate::sys::fault::{exhausted, reason};
use crate::sys::{processes, termination};
use rustix::io::Errno;
use std::ffi::OsString;
use std::os::fd::RawFd;
use std::time::Duration;

impl Loop {
    /// Does all of this, in order. What is said meanwhile is written together, and before anything is started that may
    /// write itself.
    pub(super) fn perform_all(&mut self, actions: Vec<Action>, now: Now) {
        let mut said = Vec::new();
        for action in actions {
            match action {
                Action::Say(note) => said.push(note),
                Action::Signal { .. } | Action::CheckGroup { .. } | Action::Sweep { .. } => self.perform(action, now),
                other => {
                    self.outputs.say_all(&said, &self.poller, now);
                    said.clear();
                    self.perform(other, now);
                }
            }
        }
        self.first_plan = None;
        // Once for however many units have gone: each time costs a look at every unit.
        if std::mem::take(&mut self.names_changed) {
            self.outputs.set_names(self.supervisor.names().map(|(_, name)| name));
        }
        self.outputs.say_all(&said, &self.poller, now);
    }

    /// Does one thing.
    fn perform(&mut self, action: Action, now: Now) {
        match action {
            Action::Launch { unit, life, part, due } => self.launch(unit, life, part, due.as_ref(), now),
            Action::Probe { unit, life, purpose, timeout } => self.probe(Of { unit, life, purpose }, timeout, now),
            Action::ForgetProbes { unit, life } => self.probes.forget(unit, life),
            Action::Notify(text) => self.tell_manager(text),
            Action::Reload => self.reload(now),
            Action::Remember { unit, at } => self.remember(unit, at),
            Action::Forget { unit } => self.forget(unit, now),
            Action::Rename { unit } => self.rename(unit),
            Action::Signal { unit, target, signal } => self.signal(unit, target, signal, now),
            Action::CheckGroup { unit, life, group } => {
                if !processes::group_lives(group) {
                    self.events.push(Event::GroupGone { unit, life });
                }
            }
            Action::WatchPidFile { unit, life, starter } => self.watch_pid_file(unit, life, starter, now),
            Action::ForgetPidFile { unit, life } => self.forget_pid_file(unit, life),
            Action::Sweep { unit, life, signal } => self.sweep(unit, life, signal),
            Action::Say(note) => self.outputs.say_all(&[note], &self.poller, now),
            Action::SignalRest(signal) => self.rest(Some(signal), now),
            Action::CountRest => self.rest(None, now),
            Action::Leave { status, words, asked } => {
                if status != 0 || !asked {
                    termination::tell(&words.text);
                }
                self.outputs.say_last(&words, now);
                self.leave = Some(status);
            }
        }
    }

    fn launch(&mut self, unit: UnitId, life: Life, part: Part, due: Option<&Due>, now: Now) {
        if let (Some(kills), Part::PreStart | Part::Program) = (&self.oom_kills, part) {
            let index = unit.0 as usize;
            if index >= self.oom_kills_before.len() {
                self.oom_kills_before.resize(index + 1, 0);
            }
            if let Some(before) = self.oom_kills_before.get_mut(index) {
                *before = kills.count();
            }
        }
        let piped = due.map(|_| self.open_for_run(unit, life, now)).transpose();
        let started = match piped {
            Ok(_) => self.begin_with_reserve(unit, life, part, due, now),
            Err(errno) => Err(failed("log pipes", errno)),
        };
        if due.is_some() {
            self.outputs.has_started(unit);
        }
        if part == Part::Program {
            self.notices.started(unit, started.as_ref().ok().copied());
        }
        let event = match started {
            Ok(pid) => {
                self.children.insert(pid, (unit, life));
                Event::Launched { unit, life, pid }
            }
            Err(fault) => Event::LaunchFailed { unit, life, fault },
        };
        self.events.push(event);
    }

    /// Pipes for a job's run. Where many are due at once and there are no descriptors left, the first ones may have
    /// ended meanwhile.
    fn open_for_run(&mut self, unit: UnitId, life: Life, now: Now) -> Result<(), Errno> {
        let name = self.supervisor.name(unit);
        let opened = self.outputs.open_for_run(unit, name, life, &self.poller);
        if !matches!(opened, Err(Errno::MFILE | Errno::NFILE)) {
            return opened;
        }
        let mut ready = Vec::new();
        self.poller.wait(Some(Duration::ZERO), &mut ready)?;
        for one in ready.iter().filter(|one| Outputs::owns(one.token)) {
            self.outputs.ready(*one, &self.poller, now);
        }
        self.outputs.open_for_run(unit, name, life, &self.poller)
    }

    fn begin_with_reserve(
        &mut self,
        unit: UnitId,
        life: Life,
        part: Part,
        due: Option<&Due>,
        now: Now,
    ) -> Result<Pid, Fault> {
        let started = self.begin(unit, life, part, due, now);
        // What wasn't found isn't there with one more descriptor either.
        if !matches!(&started, Err(fault) if fault.kind != FaultKind::NotFound) {
            return started;
        }
        let Some(errno) = self.launcher.spare.lend() else { return started };
        let text = format!("starting with the descriptor in reserve: {}", reason(errno));
        self.say(&Note::new(Level::Warn, text).about(self.supervisor.name(unit)));
        let started = self.begin(unit, life, part, due, now);
        if let Err(errno) = self.launcher.spare.take_back() {
            self.complain(&format!("there is no descriptor in reserve any more: {}", reason(errno)));
        }
        started
    }

    fn begin(&mut self, unit: UnitId, life: Life, part: Part, due: Option<&Due>, now: Now) -> Result<Pid, Fault> {
        if part == Part::Program {
            self.prepare_adoption(unit, life, now).map_err(|error| other(error.to_string()))?;
        }
        self.start(unit, life, part, due, now)
    }

    fn start(&mut self, unit: UnitId, life: Life, part: Part, due: Option<&Due>, now: Now) -> Result<Pid, Fault> {
        let mut extra = extra(part, due);
        if part == Part::Program {
            self.prepare_signs(unit, life, &mut extra)?;
            self.mark(unit, &mut extra);
        }
        let Some(spec) = self.supervisor.process(unit, part) else { return Err(other("no such unit".into())) };
        let taken = self.supervisor.spec(unit).and_then(ready_descriptor);
        let prepared = self.launcher.prepare(&spec, self.supervisor.is_main(unit), &extra, taken)?;
        for notice in &prepared.plan.notices {
            let note = Note::new(Level::Debug, notice.to_string()).about(self.supervisor.name(unit));
            self.outputs.say(&note, &self.poller, now);
        }
        if let Some((user, group)) = prepared.plan.owner(&self.launcher.ids) {
            self.outputs.give(unit, user.raw(), group.raw());
            if part == Part::Program {
                self.notices.give(unit, user.raw(), group.raw()).map_err(|errno| failed("notify socket", errno))?;
            }
        }
        let stdio = match self.outputs.child_ends(unit) {
            Some([out, err]) => [prepared.stdin(&self.launcher.null), Some(out), Some(err)],
            None if self.supervisor.is_main(unit) => [None; 3],
            None => [prepared.stdin(&self.launcher.null), None, None],
        };
        let line = if part == Part::Program { self.notices.child_end(unit) } else { None };
        let started = prepared.start(stdio, line).map_err(|fault| refused(&fault));
        self.first_plan.get_or_insert(prepared.plan);
        started
    }

    fn signal(&mut self, unit: UnitId, target: Target, signal: Signal, now: Now) {
        let sent = match target {
            Target::Process(pid) => processes::kill(pid, signal),
            Target::Group(group) => match self.outside(unit, group) {
                // Nobody of the unit's may be in it any more, and its number be another's.
                Some(daemon) => daemon.signal(signal),
                None => processes::kill_group(group, signal),
            },
        };
        // Gone already (ESRCH) is no failure: the news of it is on its way.
        if sent == Err(Errno::PERM) {
            let pid = match target {
                Target::Process(pid) | Target::Group(pid) => pid,
            };
            let note = Note::new(Level::Warn, format!("cannot send {signal} to pid {pid}: operation not permitted"));
            self.outputs.say(&note.about(self.supervisor.name(unit)), &self.poller, now);
        }
    }

    fn remember(&mut self, unit: UnitId, at: Wall) {
        if let Err(why) = self.last_due.keep(self.supervisor.name(unit), at) {
            self.say(&Note::new(Level::Warn, why).about(self.supervisor.name(unit)));
        }
    }

    fn rest(&mut self, signal: Option<Signal>, now: Now) {
        let writers: Vec<Pid> = self.outputs.writers().collect();
        let rest = rest::signal(signal, &mut self.told, &writers);
        // Whoever was dead already has a status that comes first.
        self.reap(now);
        self.events.push(Event::Rest(rest));
    }
}

fn ready_descriptor(spec: &ServiceSpec) -> Option<RawFd> {
    match spec.extras().ready.as_ref()?.kind {
        ReadyKind::Fd(number) => Some(number),
        ReadyKind::Probe(_) | ReadyKind::Log(_) | ReadyKind::Notify => None,
    }
}

/// What a job's run and a stop command are told.
fn extra(part: Part, due: Option<&Due>) -> Vec<Variable> {
    let variable = |name: &str, value: &str| (OsString::from(name), OsString::from(value));
    let mut told = Vec::new();
    if let Part::StopCommand { main } = part {
        told.push(variable("MAINPID", &main.to_string()));
    }
    if let Some(due) = due {
        told.push(variable("WINGMATE_JOB", &due.job));
        told.push(variable("WINGMATE_SCHEDULED_TIME", &due.time));
    }
    told
}

/// One of the things that a unit needs to give signs with can't be had.
pub(super) fn failed(what: &str, errno: Errno) -> Fault {
    of(exhausted(errno), format!("cannot make its {what}: {}", reason(errno)))
}
