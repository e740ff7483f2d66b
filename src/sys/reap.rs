//! Dead children: who they are (without taking them) and how they ended.
//!
//! Peeking first leaves the pid in place, so that its process group can still be signalled without hitting a
//! stranger; see the supervisor's loop.
//!
//! Unsafe: libc's waitid, because rustix's doesn't tell the pid of what it found.
#![allow(unsafe_code)]

use super::last_errno;
use crate::model::exit::Exit;
use crate::model::signal::Signal;
use crate::model::unit::Pid;
use rustix::io::Errno;
use std::mem::MaybeUninit;

/// What a look at the children found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Peek {
    /// This one has ended, in this way, and waits to be reaped.
    Dead(Pid, Exit),
    /// There are children, all of them alive.
    AllAlive,
    /// There are no children at all.
    Childless,
}

/// Looks for a dead child and leaves it as it is.
pub fn peek() -> Peek {
    match wait(libc::P_ALL, 0, libc::WEXITED | libc::WNOWAIT) {
        Ok(Some((pid, exit))) => Peek::Dead(pid, exit),
        Ok(None) => Peek::AllAlive,
        Err(_) => Peek::Childless,
    }
}

/// Takes a dead child unseen: its pid may be used again from now on.
pub fn take() -> Peek {
    match wait(libc::P_ALL, 0, libc::WEXITED) {
        Ok(Some((pid, exit))) => Peek::Dead(pid, exit),
        Ok(None) => Peek::AllAlive,
        Err(_) => Peek::Childless,
    }
}

/// Takes this dead child: its pid may be used again from now on. `None` if it isn't a dead child of ours.
pub fn reap(pid: Pid) -> Option<Exit> {
    wait(libc::P_PID, pid.raw() as libc::id_t, libc::WEXITED).ok().flatten().map(|(_, exit)| exit)
}

/// What has become of a child since the last look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Change {
    Ended(Exit),
    /// It stands still now.
    Stopped,
}

/// The same of a child that may also stop.
pub(super) fn change(pid: Pid) -> Option<Change> {
    let flags = libc::WEXITED | libc::WSTOPPED;
    let told = wait_for(libc::P_PID, pid.raw() as libc::id_t, flags).ok().flatten()?;
    Some(if told.code == libc::CLD_STOPPED { Change::Stopped } else { Change::Ended(told.exit()) })
}

/// The signal that has stopped this child of ours; told once. An end is left to be told.
pub fn stopped(pid: Pid) -> Option<Signal> {
    let told = wait_for(libc::P_PID, pid.raw() as libc::id_t, libc::WSTOPPED).ok().flatten()?;
    Signal::from_number(told.status)
}

fn wait(kind: libc::idtype_t, id: libc::id_t, flags: i32) -> Result<Option<(Pid, Exit)>, ()> {
    wait_for(kind, id, flags).map(|found| found.map(|told| (told.pid, told.exit())))
}

/// What a SIGCHLD's siginfo tells.
struct Told {
    pid: Pid,
    code: i32,
    status: i32,
}

fn wait_for(kind: libc::idtype_t, id: libc::id_t, flags: i32) -> Result<Option<Told>, ()> {
    let mut info = MaybeUninit::<libc::siginfo_t>::zeroed();
    loop {
        // SAFETY: waitid fills `info` or leaves the zeroes, both valid; the si_* readers match a SIGCHLD siginfo.
        let (result, pid, code, status) = unsafe {
            let result = libc::waitid(kind, id, info.as_mut_ptr(), libc::WNOHANG | flags);
            let info = info.assume_init_ref();
            (result, info.si_pid(), info.si_code, info.si_status())
        };
        if result != 0 {
            if last_errno() == Errno::INTR {
                continue;
            }
            return Err(());
        }
        return Ok(Pid::from_raw(pid).map(|pid| Told { pid, code, status }));
    }
}

impl Told {
    fn exit(&self) -> Exit {
        match (self.code, Signal::from_number(self.status)) {
            (libc::CLD_KILLED, Some(signal)) => Exit::Signal { signal, core: false },
            (libc::CLD_DUMPED, Some(signal)) => Exit::Signal { signal, core: true },
            _ => Exit::Code((self.status & 0xff) as u8),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::processes::kill;
    use crate::sys::spawn::spawn;
    use crate::sys::spawn::tests::{OURS, command, plan};
    use std::time::Instant;

    #[test]
    fn a_stop_is_told_once_and_an_end_for_good() {
        let pid = spawn(&plan(&command(&["sh", "-c", "kill -STOP $$; exit 3"])), &OURS).unwrap();
        let next = || {
            let begun = Instant::now();
            loop {
                if let Some(change) = change(pid) {
                    return change;
                }
                assert!(begun.elapsed().as_secs() < 60);
                std::thread::yield_now();
            }
        };
        assert_eq!(next(), Change::Stopped);
        assert_eq!(change(pid), None);
        kill(pid, Signal::CONT).unwrap();
        assert_eq!(next(), Change::Ended(Exit::Code(3)));
        assert_eq!(change(pid), None);
    }
}
