//! `wmpidproxy`'s loop: starts the program, finds its daemon, stands in the daemon's place until it ends.
//! `supervise::proxy` decides, `runtime::pidfile` looks, this connects them with signals and children.
//!
//! - The starter leads a process group of its own, so that a terminal's ^C comes to one of us and not to both. If
//!   we are the terminal's foreground group the starter becomes that (it may ask for a passphrase, and a ^C is then
//!   its own); we are it again when the starter has gone, and a ^C is forwarded like any INT.
//! - A signal that comes before there is a daemon is kept for it; TERM, INT and QUIT then stop the start: the
//!   starter and all that it has begun get that signal, and SIGKILL later (`supervise::sweep`). With a daemon every
//!   signal of `FORWARDED` is the daemon's alone, and only its end is ours.
//! - What a failed start left is stopped the same way. What an adopted daemon leaves is not ours to stop (sshd's
//!   sessions outlive it).
//! - As the child subreaper we inherit whatever the daemon orphans: reaped, and otherwise ignored.

use super::daemon::Daemon;
use super::pidfile::{Look, PidFile, PidFileError};
use crate::launch::accounts::Accounts;
use crate::launch::environment::Lent;
use crate::launch::plan::{Context, Plan, PlanError};
use crate::model::command::{ProcessSpec, Session};
use crate::model::exit::Exit;
use crate::model::moment::{Mono, Spoken};
use crate::model::process::StartTime;
use crate::model::signal::Signal;
use crate::model::unit::Pid;
use crate::supervise::adoption::{Claim, Refusal, Unfit, begun_since};
use crate::supervise::proxy::{Ending, Event, Proxy, Step};
use crate::supervise::sweep::Sweep;
use crate::sys::clock::mono;
use crate::sys::descriptors::Descriptors;
use crate::sys::fault::Fault;
use crate::sys::files::reason;
use crate::sys::poll::{Interest, Poller, Ready, Token};
use crate::sys::processes::{self, Held};
use crate::sys::reap::{self, Peek};
use crate::sys::signals::{self, Signals};
use crate::sys::{identity, init, spawn, terminal};
use rustix::io::Errno;
use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

/// What is asked for.
#[derive(Clone, Debug)]
pub struct Order {
    pub pid_file: PathBuf,
    /// How long the daemon may take to be named.
    pub start_timeout: Duration,
    /// Program and arguments.
    pub command: Vec<OsString>,
    pub environment: Vec<Lent<'static>>,
}

/// Why there is no daemon's status to end with.
#[derive(Debug, thiserror::Error)]
pub enum ProxyError {
    #[error(transparent)]
    PidFile(#[from] PidFileError),
    #[error(transparent)]
    Plan(#[from] PlanError),
    #[error("{0}")]
    Launch(Fault),
    #[error("cannot {what}: {}", reason(&(*errno).into()))]
    System { what: &'static str, errno: Errno },
    #[error("cannot start the daemon: '{program}' {exit}")]
    StarterFailed { program: String, exit: Exit },
    #[error("'{program}' named no daemon within {}; pid file '{}': {refusal}", Spoken(*within), path.display())]
    TimedOut { program: String, within: Duration, path: PathBuf, refusal: Refusal },
    #[error("'{program}' left no daemon behind; pid file '{}': {refusal}", path.display())]
    NothingLeft { program: String, path: PathBuf, refusal: Refusal },
    #[error("'{program}' cannot be stopped")]
    Unstoppable { program: String },
}

impl ProxyError {
    /// The exit status that it means.
    pub fn status(&self) -> u8 {
        match self {
            ProxyError::Launch(fault) => fault.status().unwrap_or(1),
            ProxyError::StarterFailed { exit, .. } => exit.status(),
            ProxyError::PidFile(_)
            | ProxyError::Plan(_)
            | ProxyError::System { .. }
            | ProxyError::TimedOut { .. }
            | ProxyError::NothingLeft { .. }
            | ProxyError::Unstoppable { .. } => 1,
        }
    }
}

/// What is passed on to the daemon (spec/pidproxy.md).
const FORWARDED: [Signal; 9] = [
    Signal::TERM,
    Signal::INT,
    Signal::HUP,
    Signal::QUIT,
    Signal::USR1,
    Signal::USR2,
    Signal::WINCH,
    Signal::CONT,
    Signal::TSTP,
];
/// Those after which an end is one that was asked for.
const STOPS: [Signal; 3] = [Signal::TERM, Signal::INT, Signal::QUIT];

const SIGNALS: Token = Token(0);
const FILE: Token = Token(1);
const DAEMON: Token = Token(2);

/// Runs the program and stands in for its daemon; gives the status to leave with. `say` gets what a user should
/// know meanwhile. Takes over this process's signals and children.
pub fn run(order: &Order, say: &dyn Fn(&str)) -> Result<u8, ProxyError> {
    let system = |what| move |errno| ProxyError::System { what, errno };
    let file = PidFile::new(&order.pid_file)?;
    signals::block_all().map_err(system("block signals"))?;
    init::become_subreaper().map_err(system("become the parent of orphans"))?;
    let signals = Signals::new().map_err(system("receive signals"))?;
    let poller = Poller::new().map_err(system("wait for events"))?;
    poller.add(&signals, SIGNALS, Interest::IN).map_err(system("wait for signals"))?;
    let starter = spawn::spawn(&plan(order)?, &Descriptors::default()).map_err(ProxyError::Launch)?;
    Loop::new(order, say, file, poller, starter).run(&signals)
}

fn plan(order: &Order) -> Result<Plan, PlanError> {
    let spec = ProcessSpec { command: order.command.clone(), session: Session::Group, ..ProcessSpec::default() };
    let context = Context {
        environment: &order.environment,
        secrets: &[],
        extra: &[],
        accounts: &Accounts::NONE,
        ids: &identity::ids(),
        open_files: None,
        foreground: terminal::is_ours(),
        parent: None,
    };
    Plan::new(&spec, &context)
}

struct Loop<'a> {
    order: &'a Order,
    say: &'a dyn Fn(&str),
    poller: Poller,
    file: PidFile,
    machine: Proxy,
    daemon: Option<Daemon>,
    us: Pid,
    starter: Pid,
    since: StartTime,
    /// For the daemon that is awaited.
    kept: Vec<Signal>,
    /// The daemon got a signal of [`STOPS`].
    asked: bool,
    /// It got TERM: a successor gets it too.
    stopping: bool,
    sweep: Option<Sweep>,
    /// How it ends, when nothing is left to be swept.
    outcome: Option<Result<u8, ProxyError>>,
}

impl<'a> Loop<'a> {
    fn new(order: &'a Order, say: &'a dyn Fn(&str), file: PidFile, poller: Poller, starter: Pid) -> Loop<'a> {
        let now = mono();
        // The starter isn't reaped yet, so it is there; if it can't be seen, nobody is fit.
        let since = processes::facts(starter).map_or(StartTime(u64::MAX), |facts| facts.start);
        let mut it = Loop {
            order,
            say,
            poller,
            file,
            machine: Proxy::new(starter, now + order.start_timeout),
            daemon: None,
            us: processes::own(),
            starter,
            since,
            kept: Vec::new(),
            asked: false,
            stopping: false,
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
            let timeout = self.deadline().map(|at| at.since(mono()));
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
            self.expire(now);
        }
    }

    fn deadline(&self) -> Option<Mono> {
        let daemon = self.daemon.as_ref().and_then(Daemon::deadline);
        let sweep = self.sweep.as_ref().map(Sweep::deadline);
        [self.machine.deadline(), self.file.deadline(), daemon, sweep].into_iter().flatten().min()
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
        self.act(step, now);
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

    // Signals.

    fn take_signals(&mut self, signals: &Signals, now: Mono) {
        while let Some(received) = signals.next() {
            match received.signal {
                Signal::CHLD => self.take_children(now),
                signal if FORWARDED.contains(&signal) => self.pass_on(signal, now),
                _ => {}
            }
        }
    }

    fn pass_on(&mut self, signal: Signal, now: Mono) {
        if self.machine.awaits() {
            // Whoever saw the pid file may signal us before we have seen it.
            self.look(now);
        }
        if let Some(daemon) = &self.daemon {
            match daemon.signal(signal) {
                Ok(()) | Err(Errno::SRCH) => {}
                Err(errno) => (self.say)(&format!(
                    "cannot send {signal} to the daemon (pid {}): {}",
                    daemon.pid(),
                    reason(&errno.into())
                )),
            }
            if signal == Signal::TERM {
                // Whoever is stopped takes it when it goes on only.
                let _ = daemon.signal(Signal::CONT);
            }
            self.asked |= STOPS.contains(&signal);
        } else if self.machine.awaits() && STOPS.contains(&signal) && !self.machine.hands_over() {
            return self.cancel(signal, now);
        } else if self.machine.awaits() {
            self.kept.retain(|kept| *kept != signal);
            self.kept.push(signal);
        }
        if signal == Signal::TERM {
            self.stopping = true;
            let step = self.machine.handle(Event::Stopping, now);
            self.act(step, now);
        }
    }

    // Children.

    fn take_children(&mut self, now: Mono) {
        loop {
            match reap::peek() {
                Peek::Dead(pid, _) => self.bury(pid, now),
                Peek::AllAlive => break,
                Peek::Childless => {
                    self.look_if_awaited(now);
                    let step = self.machine.handle(Event::Alone, now);
                    self.act(step, now);
                    break;
                }
            }
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
            // What it left unreaped is our child by now, and speaks for itself.
            if let Some((daemon, exit)) = self.machine.unreaped().and_then(|pid| Some((pid, reap::reap(pid)?))) {
                self.ended(daemon, Some(exit), now);
            }
        }
        let exit = reap::reap(pid);
        self.ended(pid, exit, now);
    }

    /// The daemon's own watch says something; as our child it waits to be reaped.
    fn look_at_daemon(&mut self, now: Mono) {
        let Some(daemon) = &mut self.daemon else { return };
        if daemon.has_ended(now) {
            let pid = daemon.pid();
            let exit = reap::reap(pid);
            self.ended(pid, exit, now);
        }
    }

    fn ended(&mut self, pid: Pid, exit: Option<Exit>, now: Mono) {
        if self.daemon.take_if(|daemon| daemon.pid() == pid).is_some() && self.stopping {
            // Whoever is found to have taken its place has to stop as well.
            self.kept = vec![Signal::TERM];
        }
        let lingering = reap::peek() != Peek::Childless;
        let step = self.machine.handle(Event::Exited { pid, exit, lingering }, now);
        self.act(step, now);
    }

    /// An end that nobody asked for is told.
    fn tell_end(&self, exit: Option<Exit>) {
        match exit {
            _ if self.asked => {}
            Some(Exit::Code(0)) => {}
            Some(exit) => (self.say)(&format!("the daemon {exit}")),
            None => (self.say)("the daemon has ended, and its parent, another process, knows how"),
        }
    }

    // The pid file, and what comes of it.

    fn look_if_awaited(&mut self, now: Mono) {
        if self.machine.awaits() {
            self.look(now);
        }
    }

    fn look(&mut self, now: Mono) {
        let claim = Claim { reaper: self.us, since: self.since, others: &[] };
        if let Look::Fit { daemon, child, .. } = self.file.look(&claim, now) {
            let daemon = Daemon::watch(daemon, child, &self.poller, DAEMON, now);
            let step = self.machine.handle(Event::Candidate(daemon.pid()), now);
            self.daemon = Some(daemon);
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
            self.begin_sweep(Signal::TERM, now);
        }
    }

    // Stopping a start.

    /// Asked to stop before there is a daemon.
    fn cancel(&mut self, signal: Signal, now: Mono) {
        let step = self.machine.handle(Event::Stopping, now);
        self.file.disarm();
        self.begin_sweep(signal, now);
        self.act(step, now);
    }

    fn begin_sweep(&mut self, signal: Signal, now: Mono) {
        if self.sweep.is_none() {
            self.sweep = Some(Sweep::new(signal, now));
            self.go_on_sweeping();
        }
    }

    /// Signals what is due; ends the sweep when nothing is left. Called at its beginning and after each death.
    fn go_on_sweeping(&mut self) {
        let Some(mut sweep) = self.sweep.take() else { return };
        let below = begun_since(&processes::descendants(self.us), self.us, self.since);
        for facts in sweep.due(&below) {
            let sent = Held::hold(&facts).map(|held| held.signal(sweep.signal()));
            if sent == Some(Err(Errno::PERM)) && sweep.spare(&facts) {
                (self.say)(&format!("process {} may not be stopped: it is another user's", facts.pid));
            }
        }
        if !sweep.is_clean(&below, self.us) || self.outcome.is_none() {
            self.sweep = Some(sweep);
        }
    }

    fn program(&self) -> String {
        self.order.command.first().map(|word| word.to_string_lossy().into_owned()).unwrap_or_default()
    }
}
