//! Connecting to the first of some endpoints that takes it, without waiting: each gets its share of the time.

use crate::model::moment::Mono;
use crate::sys::fault::reason;
use crate::sys::poll::{Interest, Poller, Token};
use crate::sys::sockets::{self, Endpoint};
use rustix::io::Errno;
use std::os::fd::OwnedFd;
use std::time::Duration;

/// After a refusal that isn't the other side's: a full backlog, no descriptor or memory left.
const AGAIN: Duration = Duration::from_millis(100);

/// One connection that is looked for.
#[derive(Debug)]
pub struct Connecting {
    /// Those that are left, the next one last.
    endpoints: Vec<Endpoint>,
    socket: Option<OwnedFd>,
    /// When the endpoint is given up, or tried again.
    next: Mono,
    /// Why the last one didn't take it.
    why: Option<String>,
    /// That was for want of a descriptor or memory.
    starved: bool,
}

/// How far it is.
#[derive(Debug)]
pub enum Connected {
    /// Readiness or [`Connecting::deadline`] brings it on.
    NotYet,
    Yes(OwnedFd),
    No(String),
}

impl Connecting {
    /// To one of these, tried in this order.
    pub fn new(mut endpoints: Vec<Endpoint>, now: Mono) -> Connecting {
        endpoints.reverse();
        Connecting { endpoints, socket: None, next: now, why: None, starved: false }
    }

    /// When [`Connecting::go_on`] is due, besides when its token is ready.
    pub fn deadline(&self) -> Option<Mono> {
        // The last one has all the time that there is.
        (self.socket.is_none() || self.endpoints.len() > 1).then_some(self.next)
    }

    /// Whether there was nothing to try it with.
    pub fn is_starved(&self) -> bool {
        self.starved
    }

    /// Why it isn't there yet, if that is known.
    pub fn why(&mut self) -> Option<String> {
        self.why.take()
    }

    /// Goes as far as it goes now. All of it is over `until`.
    pub fn go_on(&mut self, until: Mono, poller: &Poller, token: Token, now: Mono) -> Connected {
        while let Some(endpoint) = self.endpoints.last() {
            let Some(socket) = self.socket.take() else {
                if now < self.next {
                    return Connected::NotYet;
                }
                let begun = sockets::connect(endpoint).and_then(|socket| {
                    poller.add(&socket, token, Interest::OUT)?;
                    Ok(socket)
                });
                match begun {
                    Ok(socket) => {
                        self.starved = false;
                        self.next = now + until.since(now) / u32::try_from(self.endpoints.len()).unwrap_or(u32::MAX);
                        self.socket = Some(socket);
                    }
                    Err(errno @ (Errno::AGAIN | Errno::MFILE | Errno::NFILE | Errno::NOMEM | Errno::NOBUFS)) => {
                        // A listener that takes no more for now is one that doesn't answer.
                        self.starved = errno != Errno::AGAIN;
                        self.why = self.starved.then(|| reason(errno));
                        self.next = now + AGAIN;
                        return Connected::NotYet;
                    }
                    Err(errno) => self.give_up(reason(errno), now),
                }
                continue;
            };
            match sockets::is_connected(&socket) {
                Ok(true) => return Connected::Yes(socket),
                Ok(false) if self.endpoints.len() > 1 && now >= self.next => self.give_up("no answer".into(), now),
                Ok(false) => {
                    self.socket = Some(socket);
                    return Connected::NotYet;
                }
                Err(errno) => self.give_up(reason(errno), now),
            }
        }
        Connected::No(self.why.take().unwrap_or_else(|| "no address".into()))
    }

    fn give_up(&mut self, why: String, now: Mono) {
        self.why = Some(why);
        self.endpoints.pop();
        self.next = now;
    }
}
