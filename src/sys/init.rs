//! What makes a process an init: being PID 1 or a child subreaper, and its limits.

use rustix::io::Result;
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
