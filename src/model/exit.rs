//! How a process ended.

use super::signal::Signal;
use std::fmt;

/// How a process ended, as `waitid` tells it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// It called exit with this code (0–255).
    Code(u8),
    /// A signal ended it.
    Signal { signal: Signal, core: bool },
    /// The kernel's out-of-memory killer ended it, by SIGKILL (cgroups(7)).
    OutOfMemory,
}

impl Exit {
    /// The status a shell would give: the code, or 128+N for signal N.
    pub fn status(self) -> u8 {
        match self {
            Exit::Code(code) => code,
            Exit::Signal { signal, .. } => 128u8.saturating_add(signal.number() as u8),
            Exit::OutOfMemory => 137,
        }
    }
}

impl fmt::Display for Exit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Exit::Code(code) => write!(f, "exited with {code}"),
            Exit::Signal { signal, core: false } => write!(f, "killed by {signal}"),
            Exit::Signal { signal, core: true } => write!(f, "killed by {signal} (core dumped)"),
            Exit::OutOfMemory => f.write_str("killed by the kernel: out of memory (SIGKILL)"),
        }
    }
}
