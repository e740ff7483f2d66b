//! Standing in for a program that had to be a child: signals pass on to it, and its end becomes ours.
//!
//! The one case: `wmexec --setsid` by the leader of a process group, whom the kernel refuses a session.
//!
//! The program is no member of the job that its caller's shell knows: when the job is to stop, so is the program, and
//! when the program has stopped, so do we.

use super::descriptors::Descriptors;
use super::fault::Fault;
use super::mask::{Found, Mask, ignores, take};
use super::reap::Change;
use super::session::is_orphaned;
use super::{processes, reap, signals, spawn, start, steps};
use crate::launch::plan::Plan;
use crate::launch::step::Step;
use crate::model::exit::Exit;
use crate::model::signal::Signal;
use crate::model::unit::Pid;
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
    let ready = signals::can_wait().map_err(|errno| Fault::Wait { errno }).and_then(|()| part(&mut plan));
    let started = ready.and_then(|()| spawn::spawn_as(&plan, &Descriptors::default(), found));
    let pid = started.inspect_err(|_| {
        found.mask.set();
    })?;
    // Blocked, a signal is queued whatever its disposition; setting that to the default one now would drop a
    // SIGWINCH that has come already (sigaction(2)).
    loop {
        let signal = signals::wait().map_err(|errno| Fault::Wait { errno })?;
        match signal {
            Signal::CHLD => {}
            Signal::TSTP | Signal::TTIN | Signal::TTOU if stops(signal) => to_all(pid, Signal::STOP),
            Signal::CONT => to_all(pid, Signal::CONT),
            // Gone already: its end is what counts now.
            signal => drop(processes::kill(pid, signal)),
        }
        while let Some(change) = reap::change(pid) {
            match change {
                Change::Ended(exit) => return Ok(exit),
                Change::Stopped => stop_too(pid),
            }
        }
    }
}

/// Whether a terminal's stop signal would stop a program in our place: not one that ignores it, nor where nobody would
/// continue it (the kernel's rule; the program's own group is always such a one).
fn stops(signal: Signal) -> bool {
    !ignores(signal) && !is_orphaned()
}

/// The program's process group, as a shell does with a job's: it leads one until it is reaped.
fn to_all(program: Pid, signal: Signal) {
    let _ = processes::kill_group(program, signal);
}

/// The program has stopped: so do we, for whoever waits for us, until SIGCONT comes; and whatever lets us go on, lets
/// the program. To wait for that signal here wouldn't do: a stop signal right behind it discards it, though we run.
///
/// One that came before we stop was meant for a job that runs, and stopping would discard it. What comes between this
/// look and the stop finds both running, and leaves both stopped. Where nobody controls jobs, the program may have been
/// stopped by whoever will continue it, and it alone.
fn stop_too(program: Pid) {
    if is_orphaned() {
        return;
    }
    if !signals::took(Signal::CONT) {
        let _ = processes::kill(processes::own(), Signal::STOP);
        signals::took(Signal::CONT);
    }
    to_all(program, Signal::CONT);
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
