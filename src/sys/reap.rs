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

/// The signal that has stopped this child of ours; told once.
pub fn stopped(pid: Pid) -> Option<Signal> {
    match wait(libc::P_PID, pid.raw() as libc::id_t, libc::WSTOPPED) {
        Ok(Some((_, Exit::Code(number)))) => Signal::from_number(number.into()),
        _ => None,
    }
}

/// Of who was stopped the exit code is the signal's number.
fn wait(kind: libc::idtype_t, id: libc::id_t, flags: i32) -> Result<Option<(Pid, Exit)>, ()> {
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
        return Ok(Pid::from_raw(pid).map(|pid| (pid, exit(code, status))));
    }
}

fn exit(code: i32, status: i32) -> Exit {
    match (code, Signal::from_number(status)) {
        (libc::CLD_KILLED, Some(signal)) => Exit::Signal { signal, core: false },
        (libc::CLD_DUMPED, Some(signal)) => Exit::Signal { signal, core: true },
        _ => Exit::Code((status & 0xff) as u8),
    }
}
