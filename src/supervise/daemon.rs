//! A service whose command forks into the background and writes a pid file: what its machine (`service`) does with
//! what the forking daemon's (`proxy`) says.
//!
//! - `Adopting` is `Starting` with a starter: it ends when the pid file names a fit process (`Running`), or when the
//!   proxy says that it is over. `up` is set during a hand-over: the run goes on with the successor.
//! - Told to stop while the starter runs, the starter is ended like a main process, with all that is left of its daemon.
//!   Told so during a hand-over, what is left is told at once; a successor that is named in time is stopped too. All of
//!   it has the time that is counted from the order.
//! - When the proxy says that it is over, what is left is ended before anything is started again: the daemon or the
//!   starter, whichever lives, and their group.

use super::action::{Action, Target};
use super::ending::{Ending, Living};
use super::halt::{Halt, Remains, Why};
use super::proxy::{self, Proxy, Step};
use super::service::Service;
use super::standing::End;
use super::state::{Death, State, Up, Wanted};
use super::strays::Strays;
use super::watch::Watch;
use crate::model::moment::{Mono, Spoken};
use crate::model::service::StopGroup;
use crate::model::settings::Level;
use crate::model::unit::{Life, Pid};
use std::time::Duration;

/// A daemon is awaited.
#[derive(Debug)]
pub struct Adopting {
    pub proxy: Proxy,
    /// During a hand-over: since when the unit has been up.
    pub up: Option<Mono>,
    /// The starter's process group, or in a hand-over the daemon's, until it was seen empty.
    pub group: Option<Pid>,
    /// Why what stands in the pid file isn't taken, as far as it was seen.
    pub refused: Option<String>,
    /// The sign of readiness came before the daemon was known.
    pub ready: bool,
    /// No daemon of this life has been known yet.
    pub first: bool,
    /// It was told to stop, during a hand-over, and is to be gone by then.
    pub stop_by: Option<Mono>,
}

impl Adopting {
    fn new(proxy: Proxy, up: Option<Mono>, group: Option<Pid>, first: bool) -> Adopting {
        Adopting { proxy, up, group, refused: None, ready: false, first, stop_by: None }
    }

    /// The group, once its leader is dead: an orphan's end may have emptied it.
    pub fn orphaned_group(&self) -> Option<Pid> {
        if self.proxy.starter().is_some() { None } else { self.group }
    }

    /// When it has something to do.
    pub fn deadline(&self) -> Option<Mono> {
        self.proxy.deadline().into_iter().chain(self.stop_by).min()
    }

    /// Does what is due: who is to be gone by a certain time is awaited no longer.
    pub fn expire(&mut self, now: Mono) -> Step {
        let over = self.stop_by.is_some_and(|by| by <= now);
        let until = self.proxy.deadline().filter(|_| over);
        self.proxy.expire(until.map_or(now, |until| until.max(now)))
    }
}

impl Service {
    /// The starter runs; its daemon is awaited until then.
    pub(super) fn adopt(&mut self, starter: Pid, until: Mono, actions: &mut Vec<Action>) {
        let proxy = Proxy::new(starter, until);
        self.state = State::Adopting(Box::new(Adopting::new(proxy, None, Some(starter), true)));
        let text = format!("starting (pid {starter}), its pid file is awaited");
        self.say(actions, Level::Info, text, "starting", Some(starter));
        actions.push(Action::WatchPidFile { unit: self.unit, life: self.life, starter: Some(starter) });
    }

    /// The pid file names this process, which was judged fit.
    pub fn adopted(&mut self, life: Life, pid: Pid, group: Option<Pid>, now: Mono, actions: &mut Vec<Action>) {
        let State::Adopting(adopting) = &mut self.state else { return };
        if life != self.life {
            return;
        }
        let (up, ready, stop_by, before) = (adopting.up, adopting.ready, adopting.stop_by, adopting.group);
        let mut proxy = adopting.proxy.clone();
        let Step::Adopted(_) = proxy.handle(proxy::Event::Candidate(pid), now) else { return };
        let proxy = Some(Box::new(proxy));
        match up {
            // Its successor goes on with the run.
            Some(since) => {
                let up = Up::Since { since, took: Duration::ZERO, watch: Watch::new(&self.spec, now) };
                self.state = State::Running { pid, group, up, proxy };
                self.say(actions, Level::Info, format!("running (daemon, pid {pid})"), "running", Some(pid));
            }
            None => {
                self.runs(pid, group, proxy, now, actions);
                if ready {
                    self.is_ready(now, actions);
                }
            }
        }
        if let Some(by) = stop_by {
            self.halt(Why::Ordered, by.since(now), now, actions);
            let old = before.filter(|before| group != Some(*before));
            let life = self.next_life();
            let left = old.map(|pid| Living { unit: self.unit, life, pid, group: old });
            // It has had its signal.
            let left = left.map(|living| Ending::leftovers(living, None, self.spec.stop, by.since(now), now));
            if let State::Stopping(halt) = &mut self.state {
                halt.beside = halt.beside.take().or(left);
            }
        } else if self.wanted == Wanted::Down {
            self.stop(None, now, actions);
        }
    }

    /// Its daemon was seen in this group, which may have changed since its adoption: nginx's first names its child, which
    /// then calls setsid. `None`: in one that isn't the unit's.
    pub fn grouped(&mut self, life: Life, daemon: Pid, seen: Option<Pid>) {
        match &mut self.state {
            State::Running { pid, group, proxy: Some(_), .. } if life == self.life && *pid == daemon => *group = seen,
            State::Stopping(halt) if life == self.life => halt.ending.regroup(daemon, seen),
            _ => {}
        }
    }

    /// What the pid file says isn't taken, for this reason.
    pub fn refused(&mut self, life: Life, reason: String) {
        if let (State::Adopting(adopting), true) = (&mut self.state, life == self.life) {
            adopting.refused = Some(reason);
        }
    }

    /// A daemon that ended as its starter's child, unreaped by us.
    pub fn unreaped(&self) -> Option<(Life, Pid)> {
        let State::Adopting(adopting) = &self.state else { return None };
        adopting.proxy.unreaped().map(|pid| (self.life, pid))
    }

    /// The starter or the daemon has ended.
    pub(super) fn forker_exited(&mut self, death: Death, now: Mono, actions: &mut Vec<Action>) {
        let event = proxy::Event::Exited { pid: death.pid, exit: death.exit, lingering: death.lingering };
        let step = match &mut self.state {
            State::Adopting(adopting) => {
                if adopting.group == Some(death.pid) && !death.group_lives {
                    adopting.group = None;
                }
                adopting.proxy.handle(event, now)
            }
            State::Running { proxy: Some(proxy), pid, group, .. } => {
                if *pid == death.pid && !death.group_lives {
                    *group = None;
                }
                proxy.handle(event, now)
            }
            State::Running { .. }
            | State::Stopped
            | State::Waiting { .. }
            | State::Preparing(_)
            | State::Starting
            | State::Stopping(_)
            | State::Clearing(_)
            | State::Backoff { .. }
            | State::Done
            | State::Failed => return self.stray(actions, "exited"),
        };
        self.follow(step, now, actions);
    }

    /// Does what the daemon's machine has come to.
    pub(super) fn follow(&mut self, step: Step, now: Mono, actions: &mut Vec<Action>) {
        match step {
            // `adopted` does that itself.
            Step::Nothing | Step::Adopted(_) => {}
            Step::Await => self.await_successor(actions),
            Step::Ended(ending) => self.forker_ended(ending, now, actions),
        }
    }

    /// The pid file is to be watched (again).
    fn await_successor(&mut self, actions: &mut Vec<Action>) {
        let State::Running { group, up, proxy: Some(proxy), .. } = &self.state else { return };
        let group = *group;
        let up = match up {
            Up::Since { since, .. } => Some(*since),
            Up::Awaited(_) => None,
        };
        let proxy = (**proxy).clone();
        self.forget_probes(actions);
        let starter = proxy.starter();
        let text = match proxy.unreaped() {
            Some(_) => "its daemon ended, its starter has yet to tell how",
            None => "its daemon ended with 0; a successor is awaited",
        };
        // A starter that had named itself, and went, was no daemon.
        let first = !proxy.hands_over();
        self.state = State::Adopting(Box::new(Adopting::new(proxy, up, group, first)));
        self.say(actions, Level::Info, text.to_owned(), "starting", None);
        actions.push(Action::WatchPidFile { unit: self.unit, life: self.life, starter });
    }

    /// It is to stop while a daemon is awaited.
    pub(super) fn stop_adopting(&mut self, limit: Duration, now: Mono, actions: &mut Vec<Action>) {
        let State::Adopting(adopting) = &mut self.state else { return };
        let step = adopting.proxy.handle(proxy::Event::Stopping, now);
        let (group, first) = (adopting.group, adopting.first);
        if let Some(starter) = adopting.proxy.starter() {
            actions.push(Action::ForgetPidFile { unit: self.unit, life: self.life });
            self.halt_process(Why::Ordered, Remains::of_forker(group, Some(starter)), limit, now, actions);
            return self.seek_strays(first, limit, now, actions);
        }
        let by = now + limit;
        let again = adopting.stop_by.is_some();
        adopting.stop_by = adopting.stop_by.map_or(Some(by), |earlier| Some(earlier.min(by)));
        if step == Step::Nothing && !again {
            self.overran = false;
            if let (Some(group), Some(signal), true) = (group, self.spec.stop.signal, self.ends_groups()) {
                actions.push(Action::Signal { unit: self.unit, target: Target::Group(group), signal });
            }
            self.say(actions, Level::Info, self.stopping_text(false, limit), "stopping", None);
        }
        self.follow(step, now, actions);
    }

    fn ends_groups(&self) -> bool {
        self.spec.stop.group != StopGroup::Main
    }

    fn forker_ended(&mut self, ending: proxy::Ending, now: Mono, actions: &mut Vec<Action>) {
        let (mut refused, mut stop_by, mut told, mut first) = (None, None, false, false);
        let (ran, remains) = match &self.state {
            State::Adopting(adopting) => {
                (refused, stop_by, first) = (adopting.refused.clone(), adopting.stop_by, adopting.first);
                // Nobody but a hand-over is left alone for a while after it.
                told = matches!(ending, proxy::Ending::Daemon(_)) && stop_by.is_some();
                let ran = adopting.up.map(|since| now.since(since));
                (ran, Remains::of_forker(adopting.group, adopting.proxy.starter()))
            }
            State::Running { pid, group, up, proxy } => {
                let starter = proxy.as_ref().and_then(|proxy| proxy.starter());
                let remains = match ending {
                    proxy::Ending::Daemon(_) => Remains::of_forker(*group, starter),
                    _ => Remains { pid: Some(*pid), group: *group, ..Remains::default() },
                };
                (up.ran(now), remains)
            }
            State::Stopped
            | State::Waiting { .. }
            | State::Preparing(_)
            | State::Starting
            | State::Stopping(_)
            | State::Clearing(_)
            | State::Backoff { .. }
            | State::Done
            | State::Failed => return self.stray(actions, "daemon ended"),
        };
        let (end, text) = self.told(ending, ran, refused);
        let exit = match &end {
            End::Exited(exit) => Some(*exit),
            End::NeverStarted(_) | End::Lost(_) => None,
        };
        self.last_end = Some(end);
        actions.push(Action::ForgetPidFile { unit: self.unit, life: self.life });
        self.forget_probes(actions);
        let success = exit.is_some_and(|exit| self.succeeded(exit));
        if let Some(pid) = remains.pid.or(remains.starter) {
            self.say(actions, Level::Warn, format!("{text}; ending what is left of it"), "stopping", Some(pid));
            self.halt_process(Why::Left { ran, success }, remains, self.spec.stop.timeout, now, actions);
            return self.seek_strays(first, self.spec.stop.timeout, now, actions);
        }
        let limit = stop_by.map_or(self.spec.stop.timeout, |by| by.since(now));
        let Some(group) = remains.group.filter(|_| self.ends_groups()) else {
            let why = stop_by.map_or(Why::Left { ran, success }, |_| Why::Ordered);
            let living = Living { unit: self.unit, life: self.life, pid: Pid::INIT, group: None };
            let mut ending = self.leftovers(living, limit, now, actions);
            ending.exit = exit;
            let mut halt = Box::new(Halt::after_death(ending, why));
            halt.untold = Some(text);
            self.state = State::Stopping(halt);
            self.seek_strays(first, limit, now, actions);
            return self.when_gone(now, actions);
        };
        let signal = self.spec.stop.signal.filter(|_| !told);
        actions.extend(signal.map(|signal| Action::Signal { unit: self.unit, target: Target::Group(group), signal }));
        self.clear_up(group, exit, &text, ran, now, actions);
        if let (State::Stopping(halt), Some(by)) = (&mut self.state, stop_by) {
            halt.ordered_by(by);
        }
        self.seek_strays(first, limit, now, actions);
        actions.push(Action::CheckGroup { unit: self.unit, life: self.life, group });
    }

    /// What a start has left that was given up before there was a daemon, and has left its group, is ended too: never
    /// what a daemon leaves, which may be meant to outlive it (sshd's sessions).
    fn seek_strays(&mut self, first: bool, limit: Duration, now: Mono, actions: &mut Vec<Action>) {
        let seeks = first && self.ends_groups();
        if let (State::Stopping(halt), true) = (&mut self.state, seeks) {
            let of = (self.unit, self.life);
            halt.strays = Some(Strays::seek(of, self.spec.stop.signal, limit, now, actions));
        }
    }

    /// What was found of them.
    pub fn swept(&mut self, life: Life, left: usize, unseen: bool, now: Mono, actions: &mut Vec<Action>) {
        let State::Stopping(halt) = &mut self.state else { return };
        let Some(strays) = halt.strays.as_mut().filter(|_| life == self.life) else { return };
        strays.swept(left, unseen);
        if strays.found() {
            if let Some(text) = halt.untold.take() {
                self.say(actions, Level::Warn, format!("{text}; ending what it left behind"), "stopping", None);
            }
        }
        self.when_gone(now, actions);
    }

    /// How it ended, for the record and in words.
    fn told(&self, ending: proxy::Ending, ran: Option<Duration>, refused: Option<String>) -> (End, String) {
        let after = ran.map(|ran| format!(" after {}", Spoken(ran))).unwrap_or_default();
        let refused = refused.map(|reason| format!(" ({reason})")).unwrap_or_default();
        let lost = |text: String| (End::Lost(text.clone()), text);
        match ending {
            proxy::Ending::StarterFailed(exit) => (End::Exited(exit), format!("its starter {exit}")),
            proxy::Ending::Daemon(Some(exit)) => (End::Exited(exit), format!("daemon {exit}{after}")),
            proxy::Ending::Daemon(None) => lost(format!("daemon ended{after}, nobody can tell how")),
            proxy::Ending::NothingLeft => lost(format!("its starter ended with 0 and left no daemon{refused}")),
            proxy::Ending::Stopped(exit) => {
                let text = "told to stop before its daemon was there".to_owned();
                (exit.map_or_else(|| End::Lost(text.clone()), End::Exited), text)
            }
            proxy::Ending::TimedOut => {
                let time = self.spec.pidfile.as_ref().map(|pidfile| pidfile.timeout).unwrap_or_default();
                lost(format!("no daemon within {}{refused}", Spoken(time)))
            }
        }
    }
}
