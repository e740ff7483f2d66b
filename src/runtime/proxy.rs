//! `wmpidproxy`'s loop: starts the program, finds its daemon, stands in the daemon's place until it ends.
//! `supervise::proxy` decides, `runtime::pidfile` looks, this connects them with signals and children.
//!
//! - The starter leads a process group of its own, so that a terminal's ^C comes to one of us and not to both. If
//!   we are the terminal's foreground group the starter becomes that (it may ask for a passphrase, and a ^C is then
//!   its own); we are it again when the starter has gone, and a ^C is forwarded like any INT.
//!   While it has the terminal a ^Z is for both (`pausing`).
//! - A signal that comes before there is a daemon is kept for it; TERM, INT and QUIT then stop the start: the
//!   starter and all that it has begun get what the daemon would get, and SIGKILL later (`clearing`). With a daemon
//!   every signal that is passed on (`passing`) is the daemon's alone, and only its end is ours.
//! - What a failed start left is stopped the same way, and so is a starter that outlives its daemon. What an adopted
//!   daemon leaves is not ours to stop (sshd's sessions outlive it).
//! - As the child subreaper we inherit whatever the daemon orphans: reaped, and otherwise ignored.

mod clearing;
mod order;
mod passing;
mod pausing;
mod voice;

pub use order::{Order, ProxyError};

use super::daemon::Daemon;
use super::pidfile::{Look, PidFile};
use crate::launch::accounts::Accounts;
use crate::launch::plan::{Context, Plan, PlanError};
use crate::model::command::{ProcessSpec, Session};
use crate::model::exit::Exit;
use crate::model::moment::{Mono, Spoken};
use crate::model::process::StartTime;
use crate::model::signal::Signal;
use crate::model::unit::Pid;
use crate::supervise::adoption::{Claim, Refusal, Unfit, begun_since};
use crate::supervise::proxy::{Ending, Event, HAND_OVER, Proxy, Step};
use crate::supervise::sweep::Sweep;
use crate::sys::clock::mono;
use crate::sys::descriptors::{self, Descriptors};
use crate::sys::poll::{Interest, Poller, Ready, Token};
use crate::sys::processes;
use crate::sys::reap::{self, Peek};
use crate::sys::signals::{self, Signals};
use crate::sys::{identity, init, spawn, terminal};
use std::time::Duration;
use voice::Voice;

const SIGNALS: Token = Token(0);
const FILE: Token = Token(1);
const DAEMON: Token = Token(2);

/// How many of the dead are buried before anything else is looked at: a chain of hand-overs, or a daemon that orphans
/// many, may leave them as fast as they are buried.
const TURN: u32 = 16;

/// Runs the program and stands in for its daemon; gives the status to leave with. `sign` makes a line of what a user
/// should know meanwhile, or at the end. Takes over this process's signals and children.
pub fn run(order: &Order, sign: &dyn Fn(&str) -> String) -> u8 {
    let mut voice = Voice::new(sign);
    let status = stand_in(order, &mut voice).unwrap_or_else(|error| {
        voice.say(&error.to_string());
        error.status()
    });
    voice.end();
    status
}

fn stand_in(order: &Order, voice: &mut Voice<'_>) -> Result<u8, ProxyError> {
    let system = |what| move |errno| ProxyError::System { what, errno };
    let file = PidFile::new(&order.pid_file)?;
    signals::block_all().map_err(system("block signals"))?;
    init::become_subreaper().map_err(system("become the parent of orphans"))?;
    let signals = Signals::new().map_err(system("receive signals"))?;
    let poller = Poller::new().map_err(system("wait for events"))?;
    poller.add(&signals, SIGNALS, Interest::IN).map_err(system("wait for signals"))?;
    let older = match reap::peek() {
        Peek::Childless => Vec::new(),
        Peek::Dead(..) | Peek::AllAlive => {
            processes::children(processes::own()).iter().map(|facts| facts.pid).collect()
        }
    };
    let starter = spawn::spawn(&plan(order)?, &Descriptors::default()).map_err(ProxyError::Launch)?;
    Loop::new(order, voice, file, poller, older, starter).run(&signals)
}

fn plan(order: &Order) -> Result<Plan, PlanError> {
    let spec = ProcessSpec { command: order.command.clone(), session: Session::Group, ..ProcessSpec::default() };
    let context = Context {
        environment: &order.environment,
        secrets: &[],
        extra: &[],
        accounts: &Accounts::NONE,
        ids: &identity::ids_for(&spec),
        open_files: None,
        foreground: terminal::is_ours(),
        parent: Some(processes::own()),
    };
    Plan::new(&spec, &context)
}

struct Loop<'a, 's> {
    order: &'a Order,
    voice: &'a mut Voice<'s>,
    poller: Poller,
    file: PidFile,
    machine: Proxy,
    daemon: Option<Daemon>,
    us: Pid,
    starter: Pid,
    since: StartTime,
    /// Our children from before the starter that aren't reaped yet.
    older: Vec<Pid>,
    /// For the daemon that is awaited.
    kept: Vec<Signal>,
    /// The daemon got a signal of [`STOPS`].
    asked: bool,
    /// We got TERM: a successor is told to stop too.
    stopping: bool,
    /// When SIGKILL is due.
    stop_by: Option<Mono>,
    /// The daemon has had it.
    killed: bool,
    /// There may be more dead children.
    unburied: bool,
    sweep: Option<Sweep>,
    /// How it ends, when nothing is left to be swept.
    outcome: Option<Result<u8, ProxyError>>,
}

impl<'a, 's> Loop<'a, 's> {
    fn new(
        order: &'a Order,
        voice: &'a mut Voice<'s>,
        file: PidFile,
        poller: Poller,
        older: Vec<Pid>,
        starter: Pid,
    ) -> Loop<'a, 's> {
        let now = mono();
        // The starter isn't reaped yet, so it is there; if it can't be seen, nobody is fit.
        let since = processes::facts(starter).map_or(StartTime(u64::MAX), |facts| facts.start);
        let mut it = Loop {
            order,
            voice,
            poller,
            file,
            machine: Proxy::new(starter, now + order.start_timeout),
            daemon: None,
            us: processes::own(),
            starter,
            since,
            older,
            kept: Vec::new(),
            asked: false,
            stopping: false,
            stop_by: None,
            killed: false,
            unburied: false,
            sweep: None,
            outcome: None,
        };
        it.file.arm(&it.poller, FILE, now);
        it.look(now);
        it
    }

    fn run(mut self, signals: &Signals) -> Result<u8, ProxyError> {
        let mut ready: Vec<Ready> = Vec::new();
        loop {
            if self.sweep.is_none() {
                if let Some(outcome) = self.outcome.take() {
                    return outcome;
                }
            }
            let timeout = match self.unburied {
                true => Some(Duration::ZERO),
                false => self.deadline().map(|at| at.since(mono())),
            };
            self.poller.wait(timeout, &mut ready).map_err(|errno| ProxyError::System { what: "wait", errno })?;
            let now = mono();
            for ready in &ready {
                match ready.token {
                    FILE => self.file.hint(now),
                    DAEMON => self.look_at_daemon(now),
                    _ => {}
                }
            }
            self.take_signals(signals, now);
            if self.unburied {
                self.take_children(now);
            }
            self.expire(now);
            self.voice.go_on();
        }
    }

    fn deadline(&self) -> Option<Mono> {
        let daemon = self.daemon.as_ref().and_then(Daemon::deadline);
        let sweep = self.sweep.as_ref().map(Sweep::deadline);
        [self.machine.deadline(), self.file.deadline(), daemon, self.kill_deadline(), sweep].into_iter().flatten().min()
    }

    fn expire(&mut self, now: Mono) {
        let due = |at: Option<Mono>| at.is_some_and(|at| at <= now);
        if due(self.file.deadline()) {
            self.look(now);
        }
        if due(self.daemon.as_ref().and_then(Daemon::deadline)) {
            self.look_at_daemon(now);
        }
        let step = self.machine.expire(now);
        if step == Step::Ended(Ending::Daemon(Some(Exit::Code(0)))) {
            self.tell_what_is_left();
        }
        self.act(step, now);
        if due(self.kill_deadline()) {
            self.kill();
        }
        if let Some(mut sweep) = self.sweep.take_if(|sweep| sweep.deadline() <= now) {
            if sweep.expire(now) {
                let program = self.program();
                self.outcome.get_or_insert(Err(ProxyError::Unstoppable { program }));
            } else {
                self.sweep = Some(sweep);
                self.go_on_sweeping();
            }
        }
    }

    // Children.

    fn take_children(&mut self, mut now: Mono) {
        self.unburied = false;
        for turn in 1.. {
            let Peek::Dead(pid, _) = reap::peek() else { break };
            self.bury(pid, now);
            now = mono();
            if turn == TURN {
                self.unburied = true;
                return;
            }
        }
        self.look_if_awaited(now);
        if self.machine.awaits() && !self.has_left() {
            let step = self.machine.handle(Event::Alone, now);
            self.act(step, now);
        }
        self.go_on_sweeping();
    }

    fn bury(&mut self, pid: Pid, now: Mono) {
        self.look_if_awaited(now);
        if self.machine.awaits() && *self.file.refusal() == Refusal::Unfit(pid, Unfit::Dead) {
            // It was the daemon, for less time than it took to look at it.
            let step = self.machine.handle(Event::Candidate(pid), now);
            self.act(step, now);
        }
        if pid == self.starter {
            terminal::take_back(pid);
            if self.daemon.as_ref().is_some_and(|daemon| daemon.pid() != pid) {
                // Whom the starter has reaped ended before it, whichever is told first.
                self.look_at_daemon(now);
            }
            // What it left unreaped is our child by now, and speaks for itself.
            if let Some((daemon, exit)) = self.machine.unreaped().and_then(|pid| Some((pid, reap::reap(pid)?))) {
                self.ended(daemon, Some(exit), now);
            }
        }
        let exit = reap::reap(pid);
        self.older.retain(|older| *older != pid);
        self.ended(pid, exit, now);
    }

    /// The daemon's own watch says something; as our child it waits to be reaped.
    fn look_at_daemon(&mut self, now: Mono) {
        let Some(daemon) = &mut self.daemon else { return };
        if daemon.has_ended(now) {
            let pid = daemon.pid();
            let unreaped = daemon.is_unreaped();
            match reap::reap(pid) {
                None if unreaped && self.machine.starter().is_none() => self.lose(pid, Event::Unreaped(pid), now),
                exit => self.ended(pid, exit, now),
            }
        }
    }

    fn ended(&mut self, pid: Pid, exit: Option<Exit>, now: Mono) {
        let known = [self.machine.starter(), self.machine.daemon(), self.machine.unreaped()];
        // An orphan's end, of which a busy daemon has many, isn't worth a look at every process.
        let lingering = known.contains(&Some(pid)) && self.has_left();
        self.lose(pid, Event::Exited { pid, exit, lingering }, now);
    }

    /// If this was the daemon there is none by now.
    fn lose(&mut self, pid: Pid, event: Event, now: Mono) {
        if self.daemon.take_if(|daemon| daemon.pid() == pid).is_some() && self.stopping {
            // Whoever is found to have taken its place has to stop as well.
            self.kept = vec![Signal::TERM];
        }
        let step = self.machine.handle(event, now);
        self.act(step, now);
    }

    /// Whether a child of ours is there that the starter or the daemon has left. A dead one may be whom the pid file
    /// names; those that a shell had before it became us are nobody's.
    fn has_left(&self) -> bool {
        if reap::peek() == Peek::Childless {
            return false;
        }
        // Who can't be seen may be there.
        descriptors::none_left() || !begun_since(&processes::children(self.us), &self.claim()).is_empty()
    }

    /// An end that nobody asked for is told.
    fn tell_end(&mut self, exit: Option<Exit>) {
        match exit {
            _ if self.asked => {}
            Some(Exit::Code(0)) => {}
            Some(exit) => self.voice.say(&format!("the daemon {exit}")),
            None => self.voice.say("the daemon has ended, and its parent, another process, knows how"),
        }
    }

    /// A successor was awaited in vain: what it might have been, and isn't stopped, is told.
    fn tell_what_is_left(&mut self) {
        let starter = self.machine.starter();
        let left = begun_since(&processes::children(self.us), &self.claim());
        if !self.asked && left.iter().any(|facts| !facts.dead && Some(facts.pid) != starter) {
            let (time, path, refusal) = (Spoken(HAND_OVER), self.file.path().display(), self.file.refusal());
            let why = format!("nothing took its place within {time}; pid file '{path}': {refusal}");
            self.voice.say(&format!("the daemon exited with 0, what it left goes on, and {why}"));
        }
    }

    // The pid file, and what comes of it.

    fn look_if_awaited(&mut self, now: Mono) {
        if self.machine.awaits() {
            self.look(now);
        }
    }

    fn claim(&self) -> Claim<'_> {
        Claim { reaper: self.us, since: self.since, older: &self.older, others: &[] }
    }

    fn look(&mut self, now: Mono) {
        let claim = Claim { reaper: self.us, since: self.since, older: &self.older, others: &[] };
        if let Look::Fit { daemon, child, .. } = self.file.look(&claim, now) {
            let daemon = Daemon::watch(daemon, child, &self.poller, DAEMON, now);
            let step = self.machine.handle(Event::Candidate(daemon.pid()), now);
            self.daemon = Some(daemon);
            self.killed = false;
            self.act(step, now);
        } else if let Refusal::Unfit(pid, Unfit::Gone | Unfit::Dead) = *self.file.refusal() {
            let step = self.machine.handle(Event::Passed(pid), now);
            self.act(step, now);
        } else if *self.file.refusal() == Refusal::Missing {
            let step = self.machine.handle(Event::Withdrawn, now);
            self.act(step, now);
        }
    }

    fn act(&mut self, step: Step, now: Mono) {
        match step {
            Step::Nothing => {}
            Step::Await => {
                if self.file.deadline().is_none() {
                    self.file.arm(&self.poller, FILE, now);
                }
                self.look(now);
            }
            Step::Adopted(_) => {
                self.file.disarm();
                // A signal that ended the one before it (QUIT, nginx's when it is upgraded) was that one's.
                self.asked = false;
                for signal in std::mem::take(&mut self.kept) {
                    self.pass_on(signal, now);
                }
            }
            Step::Ended(ending) => {
                self.file.disarm();
                self.end(ending, now);
            }
        }
    }

    fn end(&mut self, ending: Ending, now: Mono) {
        if let Ending::Daemon(exit) = ending {
            self.tell_end(exit);
        }
        let program = self.program();
        let (path, refusal) = (self.order.pid_file.clone(), self.file.refusal().clone());
        let outcome = match ending {
            Ending::Daemon(exit) => Ok(exit.map_or(u8::from(!self.asked), Exit::status)),
            Ending::Stopped(exit) => Ok(exit.map_or(0, Exit::status)),
            Ending::NothingLeft => Err(ProxyError::NothingLeft { program, path, refusal }),
            Ending::StarterFailed(exit) => Err(ProxyError::StarterFailed { program, exit }),
            Ending::TimedOut => Err(ProxyError::TimedOut { program, within: self.order.start_timeout, path, refusal }),
        };
        self.outcome = Some(outcome);
        if matches!(ending, Ending::StarterFailed(_) | Ending::TimedOut) {
            self.begin_sweep(self.order.stop_signal, now);
        } else if let Some(starter) = self.machine.starter() {
            self.part_with(starter, now);
        }
    }

    fn program(&self) -> String {
        self.order.command.first().map(|word| word.to_string_lossy().into_owned()).unwrap_or_default()
    }
}
