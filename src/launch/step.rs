//! What a process does to itself before it executes its program, in this order, and how each step is called
//! when it fails. Performed by `sys::steps`; everything that a step needs is in it, so that nothing is allocated.
//!
//! The order is the kernel's demand: limits while still privileged, groups before the ids that allow them, the
//! directory as the user that it must be open to.

use super::accounts::{Gid, Uid};
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
    /// RLIMIT_NOFILE.
    OpenFiles(Limit),
    /// setsid(2).
    Session,
    /// setpgid(2): a process group of its own.
    Group,
    /// The own process group becomes the terminal's foreground one, if stdin is this session's terminal.
    Foreground,
    Groups(Vec<Gid>),
    /// Real, effective and saved.
    Gid(Gid),
    /// Real, effective and saved; ambient capabilities, by which it could come back, go too.
    Uid(Uid),
    Directory(CString),
}

impl Step {
    /// What the kernel wants for it, when it said EPERM.
    pub fn needs(&self) -> Option<&'static str> {
        match self {
            Step::Groups(_) | Step::Gid(_) => Some("CAP_SETGID"),
            Step::Uid(_) => Some("CAP_SETUID"),
            Step::OpenFiles(_) => Some("CAP_SYS_RESOURCE"),
            Step::Session | Step::Group | Step::Foreground | Step::Directory(_) => None,
        }
    }
}

/// Its spoken name: "setting the user id to 33".
impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Step::OpenFiles(limit) => write!(f, "setting the limit on open files to {}:{}", limit.soft, limit.hard),
            Step::Session => f.write_str("beginning a session"),
            Step::Group => f.write_str("beginning a process group"),
            Step::Foreground => f.write_str("taking the terminal's foreground"),
            Step::Groups(_) => f.write_str("setting supplementary groups"),
            Step::Gid(gid) => write!(f, "setting the group id to {}", gid.raw()),
            Step::Uid(uid) => write!(f, "setting the user id to {}", uid.raw()),
            Step::Directory(path) => write!(f, "changing to directory '{}'", path.to_string_lossy()),
        }
    }
}
