//! The session and the process group that this process stands in.
//!
//! A leader outside of the pid namespace has no number inside: the kernel says 0, which an id of rustix's can't be
//! (`unshare --pid --fork` makes such a process 1).
//!
//! Unsafe: libc's getsid and getpgid.
#![allow(unsafe_code)]

use crate::model::unit::Pid;
use rustix::process::getpid;

/// What this process is in its session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It has its own session already.
    SessionLeader,
    /// It leads a group in somebody's session: setsid(2) would fail.
    GroupLeader,
    Member,
}

/// Looks it up.
pub fn standing() -> Standing {
    let me = Pid::from_raw(getpid().as_raw_nonzero().get());
    if session() == me {
        Standing::SessionLeader
    } else if group() == me {
        Standing::GroupLeader
    } else {
        Standing::Member
    }
}

/// This process's session; `None` if its leader's pid namespace isn't ours.
pub fn session() -> Option<Pid> {
    // SAFETY: getsid takes a number and gives one.
    Pid::from_raw(unsafe { libc::getsid(0) })
}

/// This process's group; `None` if its leader's pid namespace isn't ours.
pub fn group() -> Option<Pid> {
    // SAFETY: getpgid takes a number and gives one.
    Pid::from_raw(unsafe { libc::getpgid(0) })
}
