//! Standing in for a program that had to be a child: signals pass on to it, and its end becomes ours.
//!
//! The one case: `wmexec --setsid` by the leader of a process group, whom the kernel refuses a session.

use super::descriptors::Descriptors;
use super::fault::Fault;
use super::mask::{Found, Mask, take};
use super::signals::Signals;
use super::{processes, reap, spawn, start, steps};
use crate::launch::plan::Plan;
use crate::launch::step::Step;
use crate::model::exit::Exit;
use crate::model::signal::Signal;
use crate::model::unit::Pid;
use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;
use rustix::process::{Resource, Rlimit, getpid, setrlimit};

/// Starts the plan's program as a child, with mask and dispositions as this process found them, passes every
/// signal on to it, and gives its end.
///
/// With a signal for the parent's end, our parent's is meant: it comes to us, who pass it on, and to the program when
/// we end, as by a SIGKILL.
pub fn stand_in(mut plan: Plan) -> Result<Exit, Fault> {
    let found = Found::at_start();
    // Ignored, it would take the status away.
    take(Signal::CHLD);
    Mask::ALL.set();
    start::leave_closed_what_was();
    let started = part(&mut plan).and_then(|()| spawn::spawn_as(&plan, &Descriptors::default(), found));
    let pid = started.inspect_err(|_| {
        found.mask.set();
    })?;
    let waiting = |errno| Fault::Wait { errno };
    // Blocked, a signal is queued whatever its disposition; setting that to the default one now would drop a
    // SIGWINCH that has come already (sigaction(2)).
    let signals = Signals::new().map_err(waiting)?;
    loop {
        while let Some(received) = signals.next() {
            if received.signal != Signal::CHLD {
                // Gone already: its end is what counts now.
                let _ = processes::kill(pid, received.signal);
            }
        }
        if let Some(exit) = reap::reap(pid) {
            return Ok(exit);
        }
        match poll(&mut [PollFd::new(&signals, PollFlags::IN)], None) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(errno) => return Err(waiting(errno)),
        }
    }
}

/// Takes our part of the plan's steps; the child's is about us.
fn part(plan: &mut Plan) -> Result<(), Fault> {
    if let Some(step) = plan.steps.iter().find(|step| matches!(step, Step::ParentDeath { .. })) {
        steps::perform(step).map_err(|errno| Fault::step(plan, step, errno))?;
    }
    for step in &mut plan.steps {
        if let Step::ParentDeath { parent, .. } = step {
            *parent = Some(processes::own());
        }
    }
    Ok(())
}

/// Ends as the child did: by the same signal if there was one, without a second core. Comes back with the status
/// to leave with if that is a code, or if the signal doesn't end us (PID 1).
pub fn end_as(exit: Exit) -> u8 {
    if let (Exit::Signal { signal, .. }, Some(me)) = (exit, Pid::from_raw(getpid().as_raw_nonzero().get())) {
        let _ = setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) });
        take(signal);
        if processes::kill(me, signal).is_ok() {
            Mask::EMPTY.set();
        }
    }
    exit.status()
}
