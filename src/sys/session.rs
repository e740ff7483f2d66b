//! The session and the process group that this process stands in.
//!
//! A leader outside of the pid namespace has no number inside: the kernel says 0, which an id of rustix's can't be
//! (`unshare --pid --fork` makes such a process 1).
//!
//! Unsafe: libc's getsid and getpgid.
#![allow(unsafe_code)]

use super::processes;
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

/// Whether nobody outside of this process's group but in its session is there to continue it when it has stopped (the
/// kernel's rule; of our own parent alone).
pub(super) fn is_orphaned() -> bool {
    let Some(parent) = processes::parent() else { return true };
    // SAFETY: both take a number and give one, or -1.
    let (its_session, its_group) = unsafe { (libc::getsid(parent.raw()), libc::getpgid(parent.raw())) };
    let (session, group) = (session().map_or(0, Pid::raw), group().map_or(0, Pid::raw));
    its_session != session || its_group == group
}
