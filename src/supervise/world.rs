//! A world for the scenarios: a clock that jumps from event to event, and processes that live, obey, resist and
//! leave children behind as they are told to.

use super::action::{Action, Part, Purpose, Target};
use super::event::{Event, Fault, FaultKind, Message, Rest};
use super::unit::Unit;
use super::{Plan, Supervisor};
use crate::model::command::ProcessSpec;
use crate::model::exit::Exit;
use crate::model::job::Overlap;
use crate::model::moment::{Boot, Mono, Now, Wall};
use crate::model::service::ServiceSpec;
use crate::model::signal::Signal;
use crate::model::unit::{Life, Pid, UnitId};
use crate::schedule::stamp::Stamp;
use crate::schedule::zone::Zone;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// How a unit's processes behave.
#[derive(Clone, Copy, Debug)]
pub struct Manner {
    /// Ends by itself after this long, in this way.
    pub ends: Option<(Duration, Exit)>,
    /// Time from a stop signal to the end; `None`: only SIGKILL helps.
    pub obeys: Option<Duration>,
    /// Leaves a child in its group, which obeys like it.
    pub leaves: bool,
    /// The launch fails in this way.
    pub broken: Option<FaultKind>,
    /// Stands in an uninterruptible wait: not even SIGKILL ends it.
    pub undying: bool,
    /// Commands beside it end by themselves after this long, in this way.
    pub hooks: (Duration, Exit),
    /// A probe is answered after this long.
    pub answers: Duration,
    /// From this long after its start on, probes hold.
    pub fit_after: Duration,
    /// From this long after its start on, they don't any more.
    pub unfit_after: Duration,
}

impl Default for Manner {
    fn default() -> Manner {
        Manner {
            ends: None,
            obeys: Some(Duration::ZERO),
            leaves: false,
            broken: None,
            undying: false,
            hooks: (Duration::ZERO, Exit::Code(0)),
            answers: Duration::ZERO,
            fit_after: Duration::ZERO,
            unfit_after: Duration::MAX,
        }
    }
}

struct Process {
    unit: UnitId,
    life: Life,
    /// It is what was launched, not a child of that.
    main: bool,
    part: Part,
    /// The one that leads its process group.
    group: Pid,
    began: Mono,
    stopping: bool,
    /// Dead, and this one's to reap.
    zombie_of: Option<Pid>,
}

/// A probe under way: when it is answered, and for whom.
struct Answer {
    at: Mono,
    unit: UnitId,
    life: Life,
    purpose: Purpose,
}

/// The world: a supervisor, its processes, and what was seen.
pub struct World {
    pub supervisor: Supervisor,
    pub now: Now,
    pub manners: BTreeMap<UnitId, Manner>,
    processes: BTreeMap<Pid, Process>,
    /// Coming ends of processes.
    ends: Vec<(Mono, Pid, Exit)>,
    answers: Vec<Answer>,
    /// Units of which some program has ended with 0.
    pub completed: BTreeSet<UnitId>,
    /// Reloads that were asked for.
    pub reloads: usize,
    next_pid: i32,
    /// Everything that was said, sent and started, with the time in milliseconds.
    pub story: Vec<(u64, String)>,
    pub left: Option<u8>,
    /// The first broken promise.
    pub broken: Option<String>,
}

pub fn seconds(seconds: f64) -> Duration {
    Duration::from_secs_f64(seconds)
}

pub fn service(name: &str) -> ServiceSpec {
    ServiceSpec::new(name, ProcessSpec { command: vec![name.into()], ..ProcessSpec::default() })
}

pub fn services(specs: Vec<ServiceSpec>) -> Plan {
    Plan { services: specs, shutdown_timeout: Duration::from_secs(8), ..Plan::default() }
}

impl World {
    pub fn new(plan: Plan) -> World {
        let start = 1_000_000_000_000;
        let now = Now {
            mono: Mono::from_nanos(start),
            boot: Boot::from_nanos(start),
            wall: Wall::from_seconds(1_795_000_000),
        };
        World {
            supervisor: Supervisor::new(plan, now),
            now,
            manners: BTreeMap::new(),
            processes: BTreeMap::new(),
            ends: Vec::new(),
            answers: Vec::new(),
            completed: BTreeSet::new(),
            reloads: 0,
            next_pid: 100,
            story: Vec::new(),
            left: None,
            broken: None,
        }
    }

    /// The unit of this number behaves so.
    pub fn manner(mut self, unit: u32, manner: Manner) -> World {
        self.manners.insert(UnitId(unit), manner);
        self
    }

    pub fn begin(mut self) -> World {
        self.happen(Event::Begin);
        self
    }

    /// Milliseconds since the beginning.
    pub fn elapsed(&self) -> u64 {
        (self.now.mono.nanos() - 1_000_000_000_000) / 1_000_000
    }

    pub fn note(&mut self, text: String) {
        self.story.push((self.elapsed(), text));
    }

    /// An event, and all that follows at once.
    pub fn happen(&mut self, event: Event) {
        self.settle(vec![event]);
    }

    /// The configuration was read again.
    pub fn reload(&mut self, plan: Plan) {
        self.supervisor.reload(plan, self.now);
        self.settle(Vec::new());
    }

    fn settle(&mut self, mut events: Vec<Event>) {
        loop {
            for event in std::mem::take(&mut events) {
                self.supervisor.handle(event, self.now);
            }
            self.supervisor.turn(self.now);
            let actions = self.supervisor.take_actions();
            if actions.is_empty() {
                return;
            }
            for action in actions {
                self.perform(action, &mut events);
            }
        }
    }

    /// Lets time pass up to `duration`, from event to event; stops when wingmate has left.
    pub fn pass(&mut self, duration: Duration) -> &mut World {
        let until = self.now.mono + duration;
        while self.left.is_none() {
            let end = self.ends.iter().map(|(at, _, _)| *at).min();
            let answer = self.answers.iter().map(|answer| answer.at).min();
            let deadline = self.supervisor.next_deadline();
            let beat = self.supervisor.next_beat().map(|at| self.now.mono + at.since(self.now.boot));
            let run = self.supervisor.next_run().map(|at| self.now.mono + at.since(self.now.wall));
            let next = [end, answer, deadline, beat, run].into_iter().flatten().min().filter(|at| *at <= until);
            self.jump(next.unwrap_or(until));
            let Some(at) = next else { break };
            let dead: Vec<_> = self.ends.iter().filter(|(time, _, _)| *time <= at).copied().collect();
            self.ends.retain(|(time, _, _)| *time > at);
            let answered = self.answer(at);
            if dead.is_empty() || !answered.is_empty() {
                self.settle(answered);
            }
            for (_, pid, exit) in dead {
                self.end(pid, exit);
            }
        }
        self
    }

    /// The answers to probes that are due.
    fn answer(&mut self, at: Mono) -> Vec<Event> {
        let (due, later) = std::mem::take(&mut self.answers).into_iter().partition(|answer| answer.at <= at);
        let due: Vec<Answer> = due;
        self.answers = later;
        let event = |answer: Answer| {
            let Answer { unit, life, purpose, .. } = answer;
            let manner = self.manners.get(&unit).copied().unwrap_or_default();
            if manner.broken == Some(FaultKind::Exhausted) {
                return Event::Untried { unit, life, purpose, reason: "cannot make a pipe".to_owned() };
            }
            let program = self.processes.values().find(|process| process.life == life && process.unit == unit);
            let age = program.map(|program| self.now.mono.since(program.began));
            let fit = age.is_some_and(|age| age >= manner.fit_after && age < manner.unfit_after);
            let result = if fit { Ok(()) } else { Err("refused".to_owned()) };
            Event::Probed { unit, life, purpose, result }
        };
        due.into_iter().map(event).collect()
    }

    fn jump(&mut self, to: Mono) {
        let by = to.since(self.now.mono);
        self.now.mono = to.max(self.now.mono);
        self.now.boot = self.now.boot + by;
        self.now.wall = Wall::from_nanos(self.now.wall.nanos() + by.as_nanos() as i64);
    }

    /// A process ends now.
    pub fn end(&mut self, pid: Pid, exit: Exit) {
        let Some(process) = self.processes.remove(&pid) else { return };
        self.ends.retain(|(_, other, _)| *other != pid);
        if !process.main {
            self.happen(Event::OrphanReaped);
            return self.tell_childless();
        }
        // What it hasn't reaped is ours to reap.
        let orphans: Vec<Pid> =
            self.processes.iter().filter(|(_, p)| p.zombie_of == Some(pid)).map(|(orphan, _)| *orphan).collect();
        for orphan in orphans {
            self.processes.remove(&orphan);
            self.happen(Event::OrphanReaped);
        }
        let (unit, life) = (process.unit, process.life);
        if process.part == Part::Program && exit == Exit::Code(0) {
            self.completed.insert(unit);
        }
        let group = self.supervisor.group_of(unit, pid);
        let members = self.group(group);
        if let Some(signal) = self.supervisor.death_signal(unit, pid, exit) {
            for member in &members {
                self.hit(*member, signal);
            }
        }
        let group_lives = !self.group(group).is_empty();
        self.happen(Event::Exited { unit, life, pid, exit: Some(exit), group_lives, lingering: false });
        self.tell_childless();
    }

    /// A unit's program says that its child is its main process: one that has left its group, or not.
    pub fn name_child(&mut self, unit: u32, leaves_group: bool) -> Option<Pid> {
        let (pid, child) = self.processes.iter_mut().find(|(_, p)| p.unit == UnitId(unit) && !p.main)?;
        child.main = true;
        let (pid, life) = (*pid, child.life);
        child.group = if leaves_group { pid } else { child.group };
        let group = Some(child.group);
        self.happen(Event::Notified { unit: UnitId(unit), life, message: Message::MainPid { pid, group } });
        Some(pid)
    }

    /// A unit's daemon appears, in a group of its own, with a child if the unit's processes leave one, and is adopted.
    pub fn fork(&mut self, unit: u32) {
        let unit = UnitId(unit);
        let life = self.supervisor.unit(unit).and_then(Unit::service).unwrap().life;
        let (pid, began) = (self.new_pid(), self.now.mono);
        let process = |main| Process {
            unit,
            life,
            main,
            part: Part::Program,
            group: pid,
            began,
            stopping: false,
            zombie_of: None,
        };
        self.processes.insert(pid, process(true));
        if self.manners.get(&unit).is_some_and(|manner| manner.leaves) {
            let child = self.new_pid();
            self.processes.insert(child, process(false));
        }
        self.happen(Event::Adopted { unit, life, pid, group: Some(pid) });
    }

    /// The latest of a unit's main processes.
    fn daemon(&self, unit: u32) -> Option<(Pid, Life)> {
        let mut all = self.processes.iter().rev();
        all.find(|(_, p)| p.main && p.unit == UnitId(unit)).map(|(pid, process)| (*pid, process.life))
    }

    /// A unit's daemon has ended as the child of its starter, which leaves it unreaped until it ends itself.
    pub fn lose_daemon(&mut self, unit: u32) {
        let (pid, life) = self.daemon(unit).unwrap();
        self.ends.retain(|(_, other, _)| *other != pid);
        let starter = self.pid(unit).unwrap();
        let zombie = self.processes.get_mut(&pid).unwrap();
        (zombie.main, zombie.zombie_of) = (false, Some(starter));
        let unit = UnitId(unit);
        self.happen(Event::Exited { unit, life, pid, exit: None, group_lives: true, lingering: true });
    }

    /// A unit's daemon ends with 0, and leaves its child.
    pub fn hand_over(&mut self, unit: u32) {
        let (pid, _) = self.daemon(unit).unwrap();
        self.end_lingering(pid, Exit::Code(0));
    }

    /// Ends it, with somebody left who may be its successor.
    pub fn end_lingering(&mut self, pid: Pid, exit: Exit) {
        let process = self.processes.remove(&pid).unwrap();
        let (unit, life) = (process.unit, process.life);
        let group_lives = !self.group(self.supervisor.group_of(unit, pid)).is_empty();
        self.happen(Event::Exited { unit, life, pid, exit: Some(exit), group_lives, lingering: true });
    }

    fn tell_childless(&mut self) {
        if self.processes.is_empty() {
            self.happen(Event::Childless);
        }
    }

    /// The living main process of a unit.
    pub fn pid(&self, unit: u32) -> Option<Pid> {
        let is_it = |process: &Process| process.main && process.part == Part::Program && process.unit == UnitId(unit);
        let mut main = self.processes.iter().filter(|(_, process)| is_it(process));
        main.next().map(|(pid, _)| *pid)
    }

    /// Whether something that was launched for the unit lives.
    pub fn runs(&self, unit: UnitId) -> bool {
        self.processes.values().any(|process| process.unit == unit && process.main)
    }

    /// Every process that lives.
    pub fn alive(&self) -> Vec<Pid> {
        self.processes.keys().copied().collect()
    }

    fn group(&self, group: Pid) -> Vec<Pid> {
        self.processes.iter().filter(|(_, process)| process.group == group).map(|(pid, _)| *pid).collect()
    }

    fn hit(&mut self, pid: Pid, signal: Signal) {
        let Some(process) = self.processes.get_mut(&pid) else { return };
        let exit = Exit::Signal { signal, core: false };
        let manner = self.manners.get(&process.unit).copied().unwrap_or_default();
        match (signal, manner.obeys) {
            (_, _) if manner.undying || process.zombie_of.is_some() => {}
            (Signal::KILL, _) => self.ends.push((self.now.mono, pid, exit)),
            (_, Some(after)) if !process.stopping => {
                process.stopping = true;
                self.ends.push((self.now.mono + after, pid, exit));
            }
            (_, _) => {}
        }
    }

    fn perform(&mut self, action: Action, events: &mut Vec<Event>) {
        match action {
            Action::Launch { unit, life, part, .. } => {
                let event = self.launch(unit, life, part);
                events.push(event);
            }
            Action::Signal { unit, target, signal } => {
                self.note(format!("{signal} to {}", self.supervisor.name(unit)));
                let hit = match target {
                    Target::Process(pid) => vec![pid],
                    Target::Group(group) => self.group(group),
                };
                for pid in hit {
                    if self.processes.get(&pid).is_some_and(|process| process.unit != unit) {
                        self.broken.get_or_insert(format!("{signal} for unit {} hits another's process", unit.0));
                    }
                    self.hit(pid, signal);
                }
            }
            Action::CheckGroup { unit, life, group } => {
                if self.group(group).is_empty() {
                    events.push(Event::GroupGone { unit, life });
                }
            }
            Action::Say(note) => {
                let unit = note.unit.map(|unit| format!("{unit}: ")).unwrap_or_default();
                self.note(format!("{unit}{}", note.text));
            }
            Action::SignalRest(signal) => {
                for pid in self.alive() {
                    self.hit(pid, signal);
                }
                events.push(self.rest());
            }
            Action::CountRest => events.push(self.rest()),
            Action::Leave { status, words, .. } => {
                self.note(words.text);
                self.left = Some(status);
            }
            Action::Sweep { unit, life, .. } => events.push(Event::Swept { unit, life, left: 0, unseen: false }),
            Action::WatchPidFile { .. } | Action::ForgetPidFile { .. } => {}
            Action::Probe { unit, life, purpose, timeout } => {
                let manner = self.manners.get(&unit).copied().unwrap_or_default();
                if self.answers.iter().any(|answer| (answer.unit, answer.purpose) == (unit, purpose)) {
                    self.broken.get_or_insert(format!("two probes of unit {} at once", unit.0));
                }
                let at = self.now.mono + manner.answers.min(timeout);
                self.answers.push(Answer { at, unit, life, purpose });
            }
            Action::ForgetProbes { unit, life } => {
                self.answers.retain(|answer| (answer.unit, answer.life) != (unit, life));
            }
            Action::Notify(text) => self.note(text.to_owned()),
            Action::Reload => self.reloads += 1,
            Action::Forget { unit } => {
                if self.runs(unit) {
                    self.broken.get_or_insert(format!("unit {} was forgotten while it ran", unit.0));
                }
            }
            Action::Rename { .. } => {}
            Action::Remember { unit, at } => {
                let due = Stamp { at, zone: &Zone::utc() };
                self.note(format!("{} was due at {due}", self.supervisor.name(unit)));
            }
        }
    }

    fn rest(&self) -> Event {
        Event::Rest(Rest { within_reach: self.processes.len(), beyond: Vec::new() })
    }

    fn launch(&mut self, unit: UnitId, life: Life, part: Part) -> Event {
        let manner = self.manners.get(&unit).copied().unwrap_or_default();
        let others: Vec<Part> = self.processes.values().filter(|p| p.unit == unit && p.main).map(|p| p.part).collect();
        let fits = match part {
            Part::Program if self.allows_overlap(unit) => true,
            Part::Program | Part::PreStart | Part::PostStop => others.is_empty(),
            Part::StopCommand { .. } => others == [Part::Program],
        };
        if !fits {
            self.broken.get_or_insert(format!("{part:?} of unit {} beside {others:?}", unit.0));
        }
        let stopping = self.supervisor.is_stopping();
        if stopping && matches!(part, Part::Program | Part::PreStart) {
            self.broken.get_or_insert(format!("unit {} started during the shutdown", unit.0));
        }
        let name = match part {
            Part::Program => self.supervisor.name(unit).to_owned(),
            Part::PreStart | Part::StopCommand { .. } | Part::PostStop => {
                format!("{} of {}", part.name(), self.supervisor.name(unit))
            }
        };
        if let Some(kind) = manner.broken {
            let reason = if kind == FaultKind::Exhausted { "cannot allocate memory" } else { "no such file" };
            let fault = Fault { kind, text: format!("cannot execute '{name}': {reason}") };
            return Event::LaunchFailed { unit, life, fault };
        }
        let pid = self.new_pid();
        let began = self.now.mono;
        let process = |main| Process { unit, life, main, part, group: pid, began, stopping: false, zombie_of: None };
        self.processes.insert(pid, process(true));
        let ends = if part == Part::Program { manner.ends } else { Some(manner.hooks) };
        if let Some((after, exit)) = ends {
            self.ends.push((self.now.mono + after, pid, exit));
        }
        if manner.leaves {
            let child = self.new_pid();
            self.processes.insert(child, process(false));
        }
        self.note(format!("{name} starts"));
        Event::Launched { unit, life, pid }
    }

    fn allows_overlap(&self, unit: UnitId) -> bool {
        let job = self.supervisor.unit(unit).and_then(Unit::job);
        job.is_some_and(|job| job.spec.manner.overlap == Overlap::Allow)
    }

    fn new_pid(&mut self) -> Pid {
        self.next_pid += 1;
        Pid::from_raw(self.next_pid).unwrap()
    }

    /// The times at which this happened.
    pub fn times(&self, what: &str) -> Vec<u64> {
        self.story.iter().filter(|(_, text)| text == what).map(|(at, _)| *at).collect()
    }

    /// Whether something that was said has all of this in it.
    pub fn said(&self, part: &str) -> bool {
        self.story.iter().any(|(_, text)| text.contains(part))
    }

    /// The last thing that was said.
    pub fn last_words(&self) -> &str {
        self.story.last().map_or("", |(_, text)| text)
    }
}
