//! One of wingmate's own two streams: what its sink doesn't take at once queues here, in order, and until that has
//! gone nobody reads lines for it (back-pressure). `runtime::outputs` owns both.
//!
//! An outlet is open, full (waits until it is writable), failing (a full disk: tried again, less and less often)
//! or gone (nobody reads: lines are counted and dropped; a FIFO's next reader gets the next ones). Only a full one
//! is registered with the poller, because epoll reports an error state again and again.

use crate::model::moment::{Mono, Now};
use crate::model::note::Note;
use crate::model::settings::Level;
use crate::sys::files::reason;
use crate::sys::poll::{Interest, Poller, Token};
use crate::sys::sink::Sink;
use memchr::{memchr_iter, memrchr};
use rustix::io::Errno;
use std::io::IoSlice;
use std::os::fd::{AsFd, AsRawFd, RawFd};
use std::time::Duration;

/// How long a stream that failed is left alone at first, and at most.
const RETRY: Duration = Duration::from_millis(200);
const RETRY_MOST: Duration = Duration::from_secs(30);
/// What the kernel writes to a pipe in one piece, whoever else writes to it (pipe(7), PIPE_BUF).
pub const ATOMIC: usize = 4096;
const NEVER: Mono = Mono::from_nanos(u64::MAX);

/// A stream that leads out of wingmate.
#[derive(Debug)]
pub struct Outlet {
    name: &'static str,
    /// None: it was closed when wingmate started.
    sink: Option<Sink>,
    token: Token,
    state: State,
    queue: Vec<u8>,
    /// What of the queue has been written.
    start: usize,
    /// Bytes given to this outlet, and bytes of them that are out.
    accepted: u64,
    written: u64,
    /// Lines that nobody took.
    dropped: u64,
    /// The descriptor that is registered with the poller.
    registered: Option<RawFd>,
    /// Others write to the same pipe: whole lines in writes of at most [`ATOMIC`] bytes.
    shared: bool,
    /// It failed, that was told, and it hasn't worked since; the next delay.
    trouble: Option<Duration>,
    news: Option<Note>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Open,
    Full,
    /// Tried again then.
    Failing(Mono),
    /// Tried again when there are lines, not before then.
    Gone(Mono),
}

impl Outlet {
    /// An outlet over this sink.
    pub fn new(name: &'static str, sink: Result<Sink, Errno>, token: Token) -> Outlet {
        let (sink, errno) = match sink {
            Ok(sink) => (Some(sink), None),
            Err(errno) => (None, Some(errno)),
        };
        let mut outlet = Outlet {
            name,
            sink,
            token,
            state: if errno.is_none() { State::Open } else { State::Gone(NEVER) },
            queue: Vec::new(),
            start: 0,
            accepted: 0,
            written: 0,
            dropped: 0,
            registered: None,
            shared: false,
            trouble: None,
            news: None,
        };
        if let Some(errno) = errno {
            outlet.complain(Level::Warn, errno, "its lines are dropped");
        }
        outlet
    }

    /// Whether lines may be given to it. What is given all the same queues.
    pub fn is_open(&self) -> bool {
        matches!(self.state, State::Open | State::Gone(_))
    }

    /// Whether nothing is left to be written.
    pub fn is_flushed(&self) -> bool {
        // What a pipe of our own holds for a reader that has gone waits for the next one.
        let gone = matches!(self.state, State::Gone(_));
        gone || self.queued() == 0 && self.sink.as_ref().is_none_or(|sink| sink.holds() == 0)
    }

    /// Bytes that wait in memory.
    pub fn queued(&self) -> usize {
        self.queue.len() - self.start
    }

    /// Bytes given to it so far: where a line that was just given ends.
    pub fn accepted(&self) -> u64 {
        self.accepted
    }

    /// Bytes that are out (or lost) so far.
    pub fn written(&self) -> u64 {
        self.written
    }

    /// Lines that were dropped so far.
    pub fn dropped(&self) -> u64 {
        self.dropped
    }

    /// The sink, if there is one.
    pub fn sink(&self) -> Option<&Sink> {
        self.sink.as_ref()
    }

    /// Whether others write to the same pipe, with whom whole lines must not mix.
    pub fn is_shared(&self) -> bool {
        self.shared
    }

    /// Says whether others write to it too.
    pub fn share(&mut self, shared: bool) {
        self.shared = shared;
    }

    /// What is to be said on stderr about this outlet.
    pub fn news(&mut self) -> Option<Note> {
        self.news.take()
    }

    /// When a failing one is to be flushed again.
    pub fn deadline(&self) -> Option<Mono> {
        match self.state {
            State::Failing(until) => Some(until),
            State::Open | State::Full | State::Gone(_) => None,
        }
    }

    /// Writes whole lines; what isn't taken at once queues.
    pub fn put(&mut self, mut slices: &mut [IoSlice<'_>], poller: &Poller, now: Now) {
        self.accepted += slices.iter().map(|slice| slice.len() as u64).sum::<u64>();
        if matches!(self.state, State::Gone(until) if now.mono >= until) {
            self.state = State::Open;
        }
        while self.state == State::Open && !slices.is_empty() {
            let Some(sink) = &mut self.sink else { break };
            let result = sink.write(slices);
            let held = sink.holds() > 0;
            match result {
                Ok(count) => {
                    self.written += count as u64;
                    IoSlice::advance_slices(&mut slices, count);
                    if held {
                        self.wait(poller, now);
                    } else if self.trouble.is_some() {
                        self.recover();
                    }
                }
                Err(errno) => self.fail(errno, poller, now),
            }
        }
        if let State::Gone(_) = self.state {
            self.dropped += slices.iter().map(|slice| lines(slice)).sum::<u64>();
            self.written = self.accepted;
        } else {
            slices.iter().for_each(|slice| self.queue.extend_from_slice(slice));
        }
    }

    /// Writes what waits, as far as that goes.
    pub fn flush(&mut self, poller: &Poller, now: Now) {
        if self.is_open() || matches!(self.state, State::Failing(until) if now.mono < until) {
            return;
        }
        while !self.is_flushed() {
            let waiting = self.queue.get(self.start..self.start + self.portion()).unwrap_or_default();
            let Some(sink) = &mut self.sink else { return };
            let result = sink.push().and_then(|()| match waiting {
                [] => Ok(0),
                bytes => sink.write(&[IoSlice::new(bytes)]),
            });
            match result {
                Ok(count) => {
                    self.start += count;
                    self.written += count as u64;
                }
                Err(errno) => return self.fail(errno, poller, now),
            }
        }
        self.unregister(poller);
        self.state = State::Open;
        (self.queue, self.start) = (Vec::new(), 0);
        self.recover();
    }

    /// How much of the queue to write at once.
    fn portion(&self) -> usize {
        let waiting = self.queue.get(self.start..).unwrap_or_default();
        match waiting.get(..ATOMIC) {
            Some(first) if self.shared => match (memrchr(b'\n', first), memchr::memchr(b'\n', waiting)) {
                (Some(end), _) | (None, Some(end)) => end + 1,
                (None, None) => waiting.len(),
            },
            _ => waiting.len(),
        }
    }

    fn fail(&mut self, errno: Errno, poller: &Poller, now: Now) {
        if errno == Errno::AGAIN {
            return self.wait(poller, now);
        }
        self.unregister(poller);
        // The reader, the terminal or the descriptor is no more; anything else may pass.
        let gone =
            [Errno::PIPE, Errno::CONNRESET, Errno::NOTCONN, Errno::IO, Errno::BADF, Errno::NXIO].contains(&errno);
        match self.trouble {
            Some(_) => {}
            None if gone => self.complain(Level::Warn, errno, "its lines are dropped"),
            None => self.complain(Level::Error, errno, "trying again"),
        }
        let delay = self.trouble.map_or(RETRY, |delay| (delay * 2).min(RETRY_MOST));
        self.trouble = Some(delay);
        if !gone {
            self.state = State::Failing(now.mono + delay);
            return;
        }
        let comes_back = self.sink.as_ref().is_some_and(Sink::is_pipe);
        self.state = State::Gone(if comes_back { now.mono + delay } else { NEVER });
        self.dropped += lines(self.queue.get(self.start..).unwrap_or_default());
        (self.queue, self.start) = (Vec::new(), 0);
    }

    fn complain(&mut self, level: Level, errno: Errno, then: &str) {
        let text = ["cannot write to ", self.name, ": ", &reason(&errno.into()), "; ", then].concat();
        self.news = Some(Note::new(level, text));
    }

    fn recover(&mut self) {
        if self.trouble.take().is_some() {
            let dropped = self.dropped.to_string();
            let text = ["can write to ", self.name, " again; ", &dropped, " lines were dropped"].concat();
            self.news = Some(Note::new(Level::Warn, text));
        }
    }

    /// Waits until it is writable.
    fn wait(&mut self, poller: &Poller, now: Now) {
        let Some(sink) = &self.sink else { return };
        let fd = sink.as_fd().as_raw_fd();
        self.state = State::Full;
        // A writing process that was replaced has another descriptor.
        if self.registered != Some(fd) {
            match poller.add(sink, self.token, Interest::OUT) {
                Ok(()) => self.registered = Some(fd),
                // No room in the kernel: looked at again by time.
                Err(_) => self.state = State::Failing(now.mono + RETRY),
            }
        }
    }

    fn unregister(&mut self, poller: &Poller) {
        if let (Some(_), Some(sink)) = (self.registered.take(), &self.sink) {
            let _ = poller.remove(sink);
        }
    }

    /// Lets a writing process come to its end, and tells whether it has; `true` for every other sink.
    pub fn close(&mut self, poller: &Poller) -> bool {
        let Some(sink) = self.sink.as_ref().filter(|sink| sink.writer().is_some()) else { return true };
        sink.close();
        if self.registered.is_none() && poller.add(sink, self.token, Interest::IN).is_ok() {
            self.registered = Some(sink.as_fd().as_raw_fd());
        }
        let closed = sink.is_closed();
        if closed {
            self.unregister(poller);
        }
        closed
    }
}

fn lines(bytes: &[u8]) -> u64 {
    memchr_iter(b'\n', bytes).count() as u64
}
