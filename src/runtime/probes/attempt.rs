//! One probe, tried once: from what is asked for to an answer, step by step.

use super::Around;
use super::child::Child;
use super::connection::{Connected, Connecting};
use super::exchange::Exchange;
use crate::model::address::Address;
use crate::model::command::{ProcessSpec, Session};
use crate::model::exit::Exit;
use crate::model::moment::Mono;
use crate::model::service::Probe;
use crate::model::unit::Pid;
use crate::runtime::resolve::{self, Name};
use crate::supervise::event::FaultKind;
use crate::sys::fault::reason_of;
use crate::sys::poll::Token;
use crate::sys::sockets::Endpoint;
use crate::wire::http;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::AsFd;

/// It held, or why it didn't.
pub type Outcome = Result<(), String>;

/// What came of a probe.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    Tried(Outcome),
    /// There was nothing to try it with.
    Untried(String),
}

/// A probe under way.
#[derive(Debug)]
pub struct Attempt {
    pub until: Mono,
    token: Token,
    /// What is asked once there is a connection.
    request: Option<Vec<u8>>,
    step: Step,
}

#[derive(Debug)]
enum Step {
    Resolving { host: String, port: u16, child: Child, answer: resolve::Answer },
    Connecting(Connecting),
    Asking(Exchange),
    Running(Child),
}

impl Attempt {
    /// Begins; an answer that is there at once is the error. `program`: the unit's own process.
    pub fn begin(
        probe: &Probe,
        program: &ProcessSpec,
        until: Mono,
        token: Token,
        around: &Around<'_>,
    ) -> Result<Attempt, Answer> {
        let now = around.now.mono;
        let (request, step) = match probe {
            Probe::File(path) => {
                let found = std::fs::metadata(path).map(drop).map_err(|error| reason_of(&error));
                return Err(Answer::Tried(found));
            }
            Probe::Unix(path) => (None, Step::Connecting(Connecting::new(vec![Endpoint::Unix(path.clone())], now))),
            Probe::Tcp(address) => (None, Step::towards(address, token, around)?),
            Probe::Http(url) => {
                let Address { host, port } = &url.address;
                (Some(http::request(host, *port, &url.path)), Step::towards(&url.address, token, around)?)
            }
            Probe::Exec(command) => {
                // A session of its own: its group can be killed, and no terminal is in the way.
                let process = ProcessSpec { command: command.clone(), session: Session::Own, ..program.clone() };
                (None, Step::Running(start(&process, token, around)?))
            }
        };
        Ok(Attempt { until, token, request, step })
    }

    /// When [`Attempt::go_on`] is due, besides when its token is ready.
    pub fn deadline(&self) -> Mono {
        let step = if let Step::Connecting(connecting) = &self.step { connecting.deadline() } else { None };
        step.map_or(self.until, |at| at.min(self.until))
    }

    /// Goes as far as it goes now. `said` gets the lines of a command's output.
    pub fn go_on(&mut self, around: &Around<'_>, said: &mut dyn FnMut(&[u8])) -> Option<Outcome> {
        match &mut self.step {
            Step::Connecting(connecting) => {
                match connecting.go_on(self.until, around.poller, self.token, around.now.mono) {
                    Connected::NotYet => None,
                    Connected::No(why) => Some(Err(why)),
                    Connected::Yes(socket) => match self.request.take() {
                        None => Some(Ok(())),
                        Some(request) => {
                            let mut exchange = Exchange::new(socket, request);
                            let outcome = exchange.go_on(around.poller, self.token);
                            self.step = Step::Asking(exchange);
                            outcome
                        }
                    },
                }
            }
            Step::Asking(exchange) => exchange.go_on(around.poller, self.token),
            Step::Running(child) => {
                child.read(said);
                None
            }
            Step::Resolving { child, answer, .. } => {
                child.read(|line| answer.take(line));
                None
            }
        }
    }

    /// Its child has ended.
    pub fn ended(&mut self, exit: Exit, around: &Around<'_>, said: &mut dyn FnMut(&[u8])) -> Option<Outcome> {
        match &mut self.step {
            Step::Running(child) => {
                child.read_all(said);
                Some(if exit == Exit::Code(0) { Ok(()) } else { Err(exit.to_string()) })
            }
            Step::Resolving { host, port, child, answer } => {
                child.read_all(|line| answer.take(line));
                if answer.addresses.is_empty() {
                    let why = answer.trouble.take().unwrap_or_else(|| exit.to_string());
                    return Some(Err(format!("cannot resolve '{host}': {why}")));
                }
                self.step = Step::connect(&answer.addresses, *port, around);
                self.go_on(around, said)
            }
            Step::Connecting(_) | Step::Asking(_) => None,
        }
    }

    /// The time is over: what is known of the reason.
    pub fn why(&mut self) -> Option<Answer> {
        let Step::Connecting(connecting) = &mut self.step else { return None };
        let starved = connecting.is_starved();
        let why = connecting.why()?;
        Some(if starved { Answer::Untried(why) } else { Answer::Tried(Err(why)) })
    }

    /// Its child, if there is one.
    pub fn child(&self) -> Option<&Child> {
        match &self.step {
            Step::Running(child) | Step::Resolving { child, .. } => Some(child),
            Step::Connecting(_) | Step::Asking(_) => None,
        }
    }

    /// Its child's number.
    pub fn pid(&self) -> Option<Pid> {
        self.child().map(Child::pid)
    }
}

impl Step {
    fn towards(address: &Address, token: Token, around: &Around<'_>) -> Result<Step, Answer> {
        match resolve::look(&address.host) {
            Name::Known(found) => Ok(Step::connect(&found, address.port, around)),
            Name::Unknown(why) => Err(Answer::Tried(Err(why))),
            Name::Ask(spec) => {
                let child = start(&spec, token, around)?;
                Ok(Step::Resolving {
                    host: address.host.clone(),
                    port: address.port,
                    child,
                    answer: resolve::Answer::default(),
                })
            }
        }
    }

    fn connect(addresses: &[IpAddr], port: u16, around: &Around<'_>) -> Step {
        let endpoints = addresses.iter().map(|address| Endpoint::Tcp(SocketAddr::new(*address, port))).collect();
        Step::Connecting(Connecting::new(endpoints, around.now.mono))
    }
}

fn start(process: &ProcessSpec, token: Token, around: &Around<'_>) -> Result<Child, Answer> {
    let launcher = around.launcher;
    let prepared = launcher.prepare(process, false, &[], None);
    let started = prepared.and_then(|prepared| Child::start(&prepared, launcher.null.as_fd(), around.poller, token));
    started.map_err(|fault| match fault.kind {
        FaultKind::Exhausted => Answer::Untried(fault.text),
        FaultKind::NotFound | FaultKind::NotExecutable | FaultKind::Other => Answer::Tried(Err(fault.text)),
    })
}
