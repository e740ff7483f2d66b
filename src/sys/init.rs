//! What makes a process an init: being PID 1 or a child subreaper, its limits, and its last act.
//!
//! Unsafe: kill(-1), which rustix doesn't offer.
#![allow(unsafe_code)]

use super::last_errno;
use crate::model::signal::Signal;
use rustix::io::{Errno, Result};
use rustix::process::{Resource, Rlimit, getpid, getrlimit, set_child_subreaper, setrlimit};

/// Whether this process is the init of its pid namespace.
pub fn is_pid_1() -> bool {
    getpid().as_raw_nonzero().get() == 1
}

/// Orphaned descendants become our children (prctl(2), PR_SET_CHILD_SUBREAPER).
pub fn become_subreaper() -> Result<()> {
    set_child_subreaper(Some(getpid()))
}

/// Raises the soft limit on open files to the hard one; gives the limit that was found, which children get back.
pub fn raise_open_files() -> Rlimit {
    let found = getrlimit(Resource::Nofile);
    if found.current != found.maximum {
        // Refused: the soft limit then holds, and running into it is reported where it happens.
        let _ = setrlimit(Resource::Nofile, Rlimit { current: found.maximum, maximum: found.maximum });
    }
    found
}

/// As PID 1: sends a signal to every process of the namespace but this one. Anybody else would hit strangers: EPERM.
/// `None` only looks whether there is one. ESRCH: there is none.
pub fn signal_everyone(signal: Option<Signal>) -> Result<()> {
    if !is_pid_1() {
        return Err(Errno::PERM);
    }
    // SAFETY: kill has no memory to harm.
    match unsafe { libc::kill(-1, signal.map_or(0, Signal::number)) } {
        0 => Ok(()),
        _ => Err(last_errno()),
    }
}

/// The soft limit on open files; `None`: none.
pub fn open_files() -> Option<u64> {
    getrlimit(Resource::Nofile).current
}
