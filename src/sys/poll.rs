//! epoll(7): the one place where wingmate waits.

use rustix::buffer::spare_capacity;
use rustix::event::{Timespec, epoll};
use rustix::io::{Errno, Result};
use std::os::fd::{AsFd, OwnedFd};
use std::time::Duration;

pub use rustix::event::epoll::EventFlags as Interest;

/// What a descriptor was registered under; the loop that owns the poller gives it its meaning.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Token(pub u64);

impl Token {
    /// Its upper half alone.
    pub fn kind(self) -> Token {
        Token(self.0 & !0xffff_ffff)
    }

    /// Its lower half.
    pub fn low(self) -> u32 {
        self.0 as u32
    }
}

/// One descriptor's readiness.
#[derive(Clone, Copy, Debug)]
pub struct Ready {
    pub token: Token,
    pub readable: bool,
    pub writable: bool,
    /// EPOLLERR or EPOLLHUP: reported whether asked for or not, and again until the descriptor is removed.
    pub hangup: bool,
}

/// An epoll instance. Registered descriptors stay their owner's and must be removed before they are closed
/// if another descriptor of the same open file lives on.
#[derive(Debug)]
pub struct Poller {
    epoll: OwnedFd,
}

/// Events taken from the kernel at a time.
const BATCH: usize = 64;

impl Poller {
    /// A poller that waits for nothing yet.
    pub fn new() -> Result<Poller> {
        Ok(Poller { epoll: epoll::create(epoll::CreateFlags::CLOEXEC)? })
    }

    /// Waits for `interest` (level-triggered unless it holds `ET`) on `fd`.
    pub fn add(&self, fd: impl AsFd, token: Token, interest: Interest) -> Result<()> {
        epoll::add(&self.epoll, fd, epoll::EventData::new_u64(token.0), interest)
    }

    /// Changes what is waited for on `fd`.
    pub fn modify(&self, fd: impl AsFd, token: Token, interest: Interest) -> Result<()> {
        epoll::modify(&self.epoll, fd, epoll::EventData::new_u64(token.0), interest)
    }

    /// Waits for `fd` no longer.
    pub fn remove(&self, fd: impl AsFd) -> Result<()> {
        epoll::delete(&self.epoll, fd)
    }

    /// Waits until something is ready or `timeout` is over (rounded up to a millisecond; `None`: for ever)
    /// and puts what is ready into `ready`. An interruption counts as nothing ready.
    pub fn wait(&self, timeout: Option<Duration>, ready: &mut Vec<Ready>) -> Result<()> {
        ready.clear();
        let timeout = timeout.map(ceil_millis);
        let mut events = Vec::with_capacity(BATCH);
        match epoll::wait(&self.epoll, spare_capacity(&mut events), timeout.as_ref()) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(errno) => return Err(errno),
        }
        ready.extend(events.iter().map(|event| {
            let flags = event.flags;
            Ready {
                token: Token(event.data.u64()),
                readable: flags.contains(Interest::IN),
                writable: flags.contains(Interest::OUT),
                hangup: flags.intersects(Interest::ERR | Interest::HUP),
            }
        }));
        Ok(())
    }
}

/// epoll counts milliseconds: rounding down would wake before the time and spin until it has come.
fn ceil_millis(timeout: Duration) -> Timespec {
    let millis = timeout.as_nanos().div_ceil(1_000_000).min(i32::MAX as u128) as i64;
    Timespec { tv_sec: millis / 1000, tv_nsec: millis % 1000 * 1_000_000 }
}
