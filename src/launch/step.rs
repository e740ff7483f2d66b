//! What a process does to itself before it executes its program, in this order, and how each step is called
//! when it fails. Performed by `sys::steps`; everything that a step needs is in it, so that nothing is allocated.
//!
//! The order is the kernel's demand: limits and scores while still privileged, groups before the ids that allow
//! them, capabilities when the ids can't take them away any more, the directory as the user that it must be open to.

use super::accounts::{Gid, Uid};
use crate::model::capability::Capabilities;
use crate::model::command::{Resource, Rlimit};
use crate::model::signal::Signal;
use crate::model::unit::Pid;
use std::ffi::CString;
use std::fmt;

/// A limit of setrlimit(2); `u64::MAX` is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limit {
    pub soft: u64,
    pub hard: u64,
}

/// One step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    Limit(Rlimit),
    /// setpriority(2).
    Nice(i32),
    /// The text for [`OOM_SCORE_ADJ`].
    OomScore(CString),
    /// setsid(2).
    Session,
    /// setpgid(2): a process group of its own.
    Group,
    /// The own process group becomes the terminal's foreground one, if stdin is this session's terminal.
    Foreground,
    Groups(Vec<Gid>),
    /// Real, effective and saved.
    Gid(Gid),
    /// What is permitted outlives the change of the user (until exec).
    KeepCapabilities,
    /// Real, effective and saved; ambient capabilities, by which it could come back, go too.
    Uid(Uid),
    /// These, a bit each, and no others, whoever the user is: bounding, permitted, effective, inheritable and
    /// ambient sets.
    Capabilities(u64),
    Directory(CString),
    Umask(u32),
    /// prctl(2), PR_SET_PDEATHSIG; after everything by which the kernel would forget it. If the parent isn't `parent`
    /// any more, the signal comes from this process itself, as if it had come right after that.
    ParentDeath {
        signal: Signal,
        parent: Option<Pid>,
    },
    /// prctl(2), PR_SET_NO_NEW_PRIVS.
    NoNewPrivileges,
}

/// Where a process's inclination to be killed for want of memory is written; proc(5).
pub const OOM_SCORE_ADJ: &str = "/proc/self/oom_score_adj";

impl Step {
    /// What the kernel wants for it, when it said EPERM or EACCES.
    pub fn needs(&self) -> Option<&'static str> {
        match self {
            Step::Groups(_) | Step::Gid(_) => Some("CAP_SETGID"),
            Step::Uid(_) => Some("CAP_SETUID"),
            Step::Limit(Rlimit { resource: Resource::Nofile, .. }) => {
                Some("CAP_SYS_RESOURCE, and no more than /proc/sys/fs/nr_open")
            }
            Step::Limit(_) | Step::OomScore(_) => Some("CAP_SYS_RESOURCE"),
            Step::Nice(_) => Some("CAP_SYS_NICE"),
            Step::KeepCapabilities | Step::Capabilities(_) => Some("CAP_SETPCAP"),
            Step::Session | Step::Group | Step::Foreground => None,
            Step::Directory(_) | Step::Umask(_) | Step::ParentDeath { .. } | Step::NoNewPrivileges => None,
        }
    }
}

/// Its spoken name: "setting the user id to 33".
impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Step::Limit(Rlimit { resource, soft, hard }) => {
                write!(f, "setting the limit {} to {}:{}", resource.name(), Value(*soft), Value(*hard))
            }
            Step::Nice(nice) => write!(f, "setting the nice value to {nice}"),
            Step::OomScore(text) => write!(f, "writing {} to {OOM_SCORE_ADJ}", text.to_string_lossy()),
            Step::Session => f.write_str("beginning a session"),
            Step::Group => f.write_str("beginning a process group"),
            Step::Foreground => f.write_str("taking the terminal's foreground"),
            Step::Groups(_) => f.write_str("setting supplementary groups"),
            Step::Gid(gid) => write!(f, "setting the group id to {}", gid.raw()),
            Step::KeepCapabilities => f.write_str("keeping capabilities over the change of the user"),
            Step::Uid(uid) => write!(f, "setting the user id to {}", uid.raw()),
            Step::Capabilities(0) => f.write_str("dropping all capabilities"),
            Step::Capabilities(kept) => write!(f, "keeping only {}", Capabilities(*kept)),
            Step::Directory(path) => write!(f, "changing to directory '{}'", path.to_string_lossy()),
            Step::Umask(mask) => write!(f, "setting the umask to {mask:03o}"),
            Step::ParentDeath { signal, .. } => write!(f, "asking for {signal} at the parent's end"),
            Step::NoNewPrivileges => f.write_str("giving up new privileges"),
        }
    }
}

/// A limit's value as `rlimits` takes it.
struct Value(u64);

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 == u64::MAX { f.write_str("unlimited") } else { write!(f, "{}", self.0) }
    }
}
