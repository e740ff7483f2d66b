//! The last act: signals to whatever is left when every unit is down.
//!
//! As PID 1 that is every other process of the namespace. Otherwise only our own children, orphans that came to us
//! included: never kill(-1), which would hit what isn't ours. Who comes to us only after that, because its parent
//! obeyed, is told to end as well.

use crate::model::process::{Facts, StartTime};
use crate::model::signal::Signal;
use crate::model::unit::Pid;
use crate::supervise::event::Rest;
use crate::sys::reap::{self, Peek};
use crate::sys::{init, processes};
use rustix::io::Errno;

/// Our children that have had a signal.
#[derive(Debug, Default)]
pub struct Told(Vec<(Pid, StartTime)>);

/// Sends `signal` to what is left; `None` counts it, and sends TERM to those of our children that aren't `told` yet.
/// `spared`: children that write the log for wingmate.
pub fn signal(signal: Option<Signal>, told: &mut Told, spared: &[Pid]) -> Rest {
    if init::is_pid_1() {
        match init::signal_everyone(signal) {
            Ok(()) | Err(Errno::PERM) => Rest { within_reach: 1, beyond: Vec::new() },
            Err(_) => Rest::default(),
        }
    } else if processes::proc_is_ours() {
        children(signal, told, spared)
    } else {
        // Nobody can be found, so nobody can be signalled.
        let unseen = reap::peek() != Peek::Childless;
        Rest {
            within_reach: 0,
            beyond: unseen.then(|| "children that can't be seen without /proc".to_owned()).into_iter().collect(),
        }
    }
}

fn children(signal: Option<Signal>, Told(told): &mut Told, spared: &[Pid]) -> Rest {
    let mut rest = Rest::default();
    let own = processes::own();
    for child in processes::children(own).iter().filter(|child| !child.dead && !spared.contains(&child.pid)) {
        let name = (child.pid, child.start);
        let new = !told.contains(&name);
        if new {
            told.push(name);
        }
        match signal.or(new.then_some(Signal::TERM)).map_or(Ok(()), |signal| processes::kill(child.pid, signal)) {
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
