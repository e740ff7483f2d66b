//! Starts a child by a plan: clone(CLONE_VM | CLONE_VFORK), the plan's steps, exec.
//!
//! Nothing of wingmate is copied, so a start costs the same whatever wingmate's size. The price: until its exec
//! the child runs in our memory, while we stand still. So it gets a stack of its own, runs with every signal
//! blocked, allocates nothing, and changes nothing but the report that it leaves us (posix_spawn(3) does the same;
//! it knows neither users nor directories nor limits).
//!
//! The child's own process group or session begins before its exec, and we go on after that: a group can be
//! signalled as soon as [`spawn`] has returned.
//!
//! Unsafe: clone and _exit, for which rustix has no interface, and the memory of the child's stack.
#![allow(unsafe_code)]

use super::descriptors::{Descriptors, Wire, redirect};
use super::exec::{Image, Refusal};
use super::fault::Fault;
use super::low::{self, leave_all_from};
use super::mask::{Found, Mask};
use super::{last_errno, steps};
use crate::launch::plan::Plan;
use crate::launch::step::Step;
use crate::model::unit::Pid;
use rustix::io::Errno;
use rustix::process::{self, DumpableBehavior, WaitOptions, dumpable_behavior, set_dumpable_behavior, waitpid};
use std::ffi::{c_int, c_void};
use std::os::fd::RawFd;
use std::ptr::null_mut;
use std::sync::{Mutex, PoisonError};

/// Starts the plan's program with these descriptors. Returns when it runs, with an empty signal mask and SIGPIPE as
/// the kernel has it. The other dispositions must be the default ones ([`super::signals::block_all`]).
pub fn spawn(plan: &Plan, descriptors: &Descriptors<'_>) -> Result<Pid, Fault> {
    spawn_as(plan, descriptors, Found::DEFAULT)
}

/// The same with another mask and another disposition of SIGPIPE.
pub(super) fn spawn_as(plan: &Plan, descriptors: &Descriptors<'_>, signals: Found) -> Result<Pid, Fault> {
    let image = Image::new(plan);
    // The lock also keeps two children from sharing the stack or the dumpable flag in a program with threads.
    let mut stack = STACK.lock().unwrap_or_else(PoisonError::into_inner);
    let top = stack.top().map_err(|errno| Fault::Fork { errno })?;
    let mut low = low::kept();
    let held = low.as_mut().and_then(|low| Some((low.hold(descriptors)?, low.end())));
    let (wires, leave_from, files) = match held {
        Some((wires, end)) => (wires, Some(end), libc::CLONE_FILES),
        None => (descriptors.wires(), None, 0),
    };
    let flags = libc::CLONE_VM | libc::CLONE_VFORK | files | libc::SIGCHLD;
    let mut child = Child { image, steps: &plan.steps, wires, leave_from, signals, report: None };
    let dumpable = Dumpable::before(plan);
    let mask = Mask::ALL.set();
    // SAFETY: `top` is the upper end of a stack that nobody else uses; the child has ended or left our memory by
    // exec when clone returns, so `child` outlives it, and nobody else looks at it meanwhile.
    let raw = unsafe { libc::clone(enter, top, flags, (&raw mut child).cast()) };
    let errno = last_errno();
    mask.set();
    dumpable.restore();
    if let Some(low) = low.as_mut() {
        low.release();
    }
    let Some(pid) = Pid::from_raw(raw) else { return Err(Fault::Fork { errno }) };
    match child.report {
        None => Ok(pid),
        Some(failure) => {
            bury(pid);
            Err(failure.fault(plan))
        }
    }
}

/// What the child reads, and the report that it writes.
struct Child<'a> {
    image: Image<'a>,
    steps: &'a [Step],
    wires: Vec<Wire>,
    /// Our table of descriptors is shared until the child leaves those from here on to us.
    leave_from: Option<RawFd>,
    signals: Found,
    report: Option<Failure>,
}

/// Where the child stopped.
#[derive(Clone, Copy)]
enum Failure {
    Descriptor(RawFd, Errno),
    Step(usize, Errno),
    Exec(Refusal),
}

impl Failure {
    fn fault(self, plan: &Plan) -> Fault {
        match self {
            Failure::Descriptor(number, errno) => Fault::Descriptor { number, errno },
            Failure::Step(number, errno) => match plan.steps.get(number) {
                Some(step) => Fault::step(plan, step, errno),
                None => Fault::Fork { errno },
            },
            Failure::Exec(refusal) => Fault::exec(plan, refusal),
        }
    }
}

/// The child's first and last function.
extern "C" fn enter(child: *mut c_void) -> c_int {
    // SAFETY: clone passes on the pointer that `spawn_as` gave it; the parent doesn't touch it until we are gone.
    let child = unsafe { &mut *child.cast::<Child<'_>>() };
    child.report = Some(child.run());
    // SAFETY: ends this process alone, without running anything of the parent's.
    unsafe { libc::_exit(127) }
}

impl Child<'_> {
    fn run(&mut self) -> Failure {
        let alone = self.leave_from.map_or(Ok(()), |first| {
            // SAFETY: the table is shared with the parent; this child's copies are what is closed.
            unsafe { leave_all_from(first) }.map_err(|errno| (first, errno))
        });
        if let Err((number, errno)) = alone.and_then(|()| redirect(&mut self.wires)) {
            return Failure::Descriptor(number, errno);
        }
        for (number, step) in self.steps.iter().enumerate() {
            if let Err(errno) = steps::perform(step) {
                return Failure::Step(number, errno);
            }
        }
        self.signals.restore();
        Failure::Exec(self.image.execute())
    }
}

/// Takes the child that never was: its end isn't anybody's event.
fn bury(pid: Pid) {
    let Some(pid) = process::Pid::from_raw(pid.raw()) else { return };
    while waitpid(Some(pid), WaitOptions::empty()).is_err_and(|errno| errno == Errno::INTR) {}
}

/// Changing ids in memory that is shared with us makes us undumpable too (commit_creds in the kernel): right while
/// the child is there, since its new user could else trace it and write into wingmate; undone when it has left.
struct Dumpable(Option<DumpableBehavior>);

impl Dumpable {
    fn before(plan: &Plan) -> Dumpable {
        let changes = plan.steps.iter().any(|step| matches!(step, Step::Uid(_) | Step::Gid(_)));
        Dumpable(if changes { dumpable_behavior().ok() } else { None })
    }

    fn restore(self) {
        if let Some(DumpableBehavior::Dumpable) = self.0 {
            let _ = set_dumpable_behavior(DumpableBehavior::Dumpable);
        }
    }
}

/// Made at the first start and used for every one.
static STACK: Mutex<Stack> = Mutex::new(Stack(0));

/// The address of a mapping, 0 before there is one.
struct Stack(usize);

/// Room for the steps' frames with much to spare, also in a debug build; untouched pages cost nothing.
const STACK_SIZE: usize = 64 * 1024;
/// Below it: running over the end is a fault in the child, not a change of our memory. Covers every page size.
const GUARD: usize = 64 * 1024;

impl Stack {
    fn top(&mut self) -> Result<*mut c_void, Errno> {
        if self.0 == 0 {
            self.0 = map()?;
        }
        Ok(std::ptr::with_exposed_provenance_mut(self.0 + GUARD + STACK_SIZE))
    }
}

fn map() -> Result<usize, Errno> {
    let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE;
    // SAFETY: a new mapping at an address of the kernel's choice; the part that is made accessible lies inside it.
    unsafe {
        let base = libc::mmap(null_mut(), GUARD + STACK_SIZE, libc::PROT_NONE, flags, -1, 0);
        if base == libc::MAP_FAILED {
            return Err(last_errno());
        }
        if libc::mprotect(base.byte_add(GUARD), STACK_SIZE, libc::PROT_READ | libc::PROT_WRITE) != 0 {
            let errno = last_errno();
            libc::munmap(base, GUARD + STACK_SIZE);
            return Err(errno);
        }
        Ok(base.expose_provenance())
    }
}

#[cfg(test)]
pub(in crate::sys) mod tests;
