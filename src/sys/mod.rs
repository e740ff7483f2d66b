//! The hands: the only unsafe code, and the only system calls beyond what std has for files. Every file says what
//! it wraps and why it may.
//!
//! Nothing in here decides: a function does one thing and tells how it went.

pub mod clock;
pub mod datagrams;
pub mod descriptors;
pub mod environment;
pub mod exec;
pub mod fault;
pub mod files;
pub mod heap;
pub mod identity;
pub mod init;
pub mod inotify;
pub mod low;
mod mask;
pub mod oom;
pub mod pipes;
pub mod poll;
pub mod processes;
pub mod reap;
pub mod secrets;
pub mod session;
pub mod signals;
pub mod sink;
pub mod sockets;
pub mod spawn;
pub mod stand_in;
mod start;
pub mod stdio;
mod steps;
pub mod terminal;
pub mod termination;
pub mod timer;
pub mod writer;

use rustix::io::Errno;

/// What the last call of the C library failed with.
fn last_errno() -> Errno {
    Errno::from_io_error(&std::io::Error::last_os_error()).unwrap_or(Errno::IO)
}
