//! The last act: signals to whatever is left when every unit is down.
//!
//! As PID 1 that is every other process of the namespace. Otherwise only our own children, orphans that came to us
//! included: never kill(-1), which would hit what isn't ours.

use crate::model::process::Facts;
use crate::model::signal::Signal;
use crate::model::unit::Pid;
use crate::supervise::event::Rest;
use crate::sys::reap::{self, Peek};
use crate::sys::{init, processes};
use rustix::io::Errno;

/// Sends `signal` to what is left; `None` only counts it. `spared`: children that write the log for wingmate.
pub fn signal(signal: Option<Signal>, spared: &[Pid]) -> Rest {
    if init::is_pid_1() {
        match init::signal_everyone(signal) {
            Ok(()) | Err(Errno::PERM) => Rest { within_reach: 1, beyond: Vec::new() },
            Err(_) => Rest::default(),
        }
    } else if processes::proc_is_ours() {
        children(signal, spared)
    } else {
        // Nobody can be found, so nobody can be signalled.
        let unseen = reap::peek() != Peek::Childless;
        Rest {
            within_reach: 0,
            beyond: unseen.then(|| "children that can't be seen without /proc".to_owned()).into_iter().collect(),
        }
    }
}

fn children(signal: Option<Signal>, spared: &[Pid]) -> Rest {
    let mut rest = Rest::default();
    let own = processes::own();
    for child in processes::children(own).iter().filter(|child| !child.dead && !spared.contains(&child.pid)) {
        match signal.map_or(Ok(()), |signal| processes::kill(child.pid, signal)) {
            Ok(()) => rest.within_reach += 1,
            Err(Errno::PERM) => rest.beyond.push(named(child)),
            Err(_) => {}
        }
    }
    rest
}

fn named(process: &Facts) -> String {
    format!("{} (pid {})", name(process.pid).unwrap_or_else(|| "a process".into()), process.pid)
}

fn name(pid: Pid) -> Option<String> {
    let comm = std::fs::read(format!("/proc/{pid}/comm")).ok()?;
    Some(String::from_utf8_lossy(&comm).trim_end().to_owned())
}
