//! One HTTP request and the beginning of its answer, on a connection that is there.

use crate::sys::fault::reason;
use crate::sys::poll::{Interest, Poller, Token};
use crate::sys::sockets;
use crate::wire::http;
use rustix::io::Errno;
use std::os::fd::OwnedFd;

/// Bytes taken at a time.
const CHUNK: usize = 2 << 10;

/// A request under way.
#[derive(Debug)]
pub struct Exchange {
    socket: OwnedFd,
    request: Vec<u8>,
    sent: usize,
    answer: Vec<u8>,
}

impl Exchange {
    /// `socket` is in the poller for writing.
    pub fn new(socket: OwnedFd, request: Vec<u8>) -> Exchange {
        Exchange { socket, request, sent: 0, answer: Vec::new() }
    }

    /// Goes as far as it goes now; `None`: readiness brings it on.
    pub fn go_on(&mut self, poller: &Poller, token: Token) -> Option<Result<(), String>> {
        match self.talk(poller, token) {
            Ok(verdict) => verdict,
            Err(errno) => Some(Err(reason(errno))),
        }
    }

    fn talk(&mut self, poller: &Poller, token: Token) -> Result<Option<Result<(), String>>, Errno> {
        while let Some(rest) = self.request.get(self.sent..).filter(|rest| !rest.is_empty()) {
            match sockets::send(&self.socket, rest) {
                Ok(count) => self.sent += count,
                Err(Errno::AGAIN) => return Ok(None),
                Err(Errno::INTR) => continue,
                Err(errno) => return Err(errno),
            }
            if self.sent == self.request.len() {
                poller.modify(&self.socket, token, Interest::IN)?;
            }
        }
        loop {
            let mut chunk = [0; CHUNK];
            match sockets::recv(&self.socket, &mut chunk) {
                Ok(count) => {
                    self.answer.extend_from_slice(chunk.get(..count).unwrap_or_default());
                    let ended = count == 0 || self.answer.len() >= http::HEAD;
                    let verdict = http::verdict(&self.answer, ended);
                    if verdict.is_some() {
                        return Ok(verdict);
                    }
                }
                Err(Errno::AGAIN) => return Ok(None),
                Err(Errno::INTR) => {}
                Err(errno) => return Err(errno),
            }
        }
    }
}
