//! Timers on clocks that epoll's time-out doesn't know: timerfd_create(2).

use crate::model::moment::{Boot, Wall};
use rustix::io::{Errno, Result, read};
use rustix::time::{
    Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create, timerfd_settime,
};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

/// A timer for one moment of CLOCK_REALTIME; it also tells when that clock was set.
#[derive(Debug)]
pub struct WallTimer {
    fd: OwnedFd,
    armed: Option<Wall>,
}

/// What a ready timer means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fired {
    /// Its moment has come, or nothing has happened.
    Due,
    /// The clock was set: the timer has to be armed anew.
    ClockSet,
}

impl WallTimer {
    /// A timer that isn't armed.
    pub fn new() -> Result<WallTimer> {
        let fd = timerfd_create(TimerfdClockId::Realtime, TimerfdFlags::CLOEXEC | TimerfdFlags::NONBLOCK)?;
        Ok(WallTimer { fd, armed: None })
    }

    /// Arms it for `at`, or disarms it; no system call if it is so already.
    pub fn arm(&mut self, at: Option<Wall>) -> Result<()> {
        if self.armed == at {
            return Ok(());
        }
        let time = at.map_or(NEVER, |at| timespec(at.nanos().max(1)));
        let flags = TimerfdTimerFlags::ABSTIME | TimerfdTimerFlags::CANCEL_ON_SET;
        timerfd_settime(&self.fd, flags, &Itimerspec { it_interval: NEVER, it_value: time })?;
        self.armed = at;
        Ok(())
    }

    /// Takes the readiness away and says what it was.
    pub fn take(&mut self) -> Fired {
        match read(&self.fd, &mut [0; 8]) {
            Err(Errno::CANCELED) => {
                self.armed = None;
                Fired::ClockSet
            }
            Ok(_) => {
                self.armed = None;
                Fired::Due
            }
            Err(_) => Fired::Due,
        }
    }
}

impl AsFd for WallTimer {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

/// A timer for one moment of CLOCK_BOOTTIME.
#[derive(Debug)]
pub struct BootTimer {
    fd: OwnedFd,
    armed: Option<Boot>,
}

impl BootTimer {
    /// A timer that isn't armed.
    pub fn new() -> Result<BootTimer> {
        let fd = timerfd_create(TimerfdClockId::Boottime, TimerfdFlags::CLOEXEC | TimerfdFlags::NONBLOCK)?;
        Ok(BootTimer { fd, armed: None })
    }

    /// Arms it for `at`, or disarms it; no system call if it is so already.
    pub fn arm(&mut self, at: Option<Boot>) -> Result<()> {
        if self.armed == at {
            return Ok(());
        }
        let nanos = |at: Boot| i64::try_from(at.nanos()).unwrap_or(i64::MAX).max(1);
        let time = at.map_or(NEVER, |at| timespec(nanos(at)));
        timerfd_settime(&self.fd, TimerfdTimerFlags::ABSTIME, &Itimerspec { it_interval: NEVER, it_value: time })?;
        self.armed = at;
        Ok(())
    }

    /// Takes the readiness away.
    pub fn take(&mut self) {
        if read(&self.fd, &mut [0; 8]).is_ok() {
            self.armed = None;
        }
    }
}

impl AsFd for BootTimer {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

/// A zero time disarms (timerfd_settime(2)).
const NEVER: Timespec = Timespec { tv_sec: 0, tv_nsec: 0 };

fn timespec(nanos: i64) -> Timespec {
    Timespec { tv_sec: nanos.div_euclid(1_000_000_000), tv_nsec: nanos.rem_euclid(1_000_000_000) }
}
