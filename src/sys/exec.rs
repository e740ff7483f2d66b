//! The exec itself: the candidates of a plan, one after the other, as execvpe(3) tries them; in a child
//! (`sys::spawn`), or in place.
//!
//! Unsafe: execve takes arrays of pointers. They are built beforehand, so that trying allocates nothing and a
//! child that shares its parent's memory can do it.
#![allow(unsafe_code)]

use super::fault::Fault;
use super::{last_errno, mask, start, steps};
use crate::launch::plan::Plan;
use crate::launch::strings::Strings;
use rustix::fs::{Access, access};
use rustix::io::Errno;
use std::ffi::{CStr, c_char};

/// A plan's vectors as the kernel takes them.
pub(super) struct Image<'a> {
    argv: Vec<*const c_char>,
    envp: Vec<*const c_char>,
    candidates: &'a Strings,
    searched: bool,
}

/// Why none of the candidates was executed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Refusal {
    pub errno: Errno,
    /// The candidate that speaks for all of them.
    pub candidate: usize,
    /// It is there, and yet the kernel says that there is no such file: its interpreter's.
    pub exists: bool,
    /// Some directory of PATH may not be looked into.
    pub hidden: bool,
}

/// Becomes the plan's program: same pid, signal mask, dispositions and standard streams as this process found
/// them. Comes back only with the reason why not; what was done until then stays done.
pub fn exec(plan: &Plan) -> Fault {
    let image = Image::new(plan);
    for step in &plan.steps {
        if let Err(errno) = steps::perform(step) {
            return Fault::step(plan, step, errno);
        }
    }
    start::leave_closed_what_was();
    mask::restore_pipe(true);
    let refusal = image.execute();
    mask::restore_pipe(false);
    Fault::exec(plan, refusal)
}

impl<'a> Image<'a> {
    pub(super) fn new(plan: &'a Plan) -> Image<'a> {
        let pointers = |strings: &Strings| {
            let mut pointers = Vec::with_capacity(strings.len() + 1);
            let strings = (0..strings.len()).filter_map(|place| strings.with_end(place));
            pointers.extend(strings.map(|string| string.as_ptr().cast()).chain([std::ptr::null()]));
            pointers
        };
        Image {
            argv: pointers(&plan.argv),
            envp: pointers(&plan.envp),
            candidates: &plan.candidates,
            searched: plan.searched,
        }
    }

    /// Comes back only if nothing could be executed.
    pub(super) fn execute(&self) -> Refusal {
        let (mut denied, mut hidden) = (None, false);
        for (candidate, path) in self.candidates.iter().enumerate() {
            // SAFETY: all strings end in NUL, both vectors in a null pointer; all live in the plan that we borrow.
            unsafe { libc::execve(path.as_ptr(), self.argv.as_ptr(), self.envp.as_ptr()) };
            match last_errno() {
                // A directory of PATH that we may not look into is as one that hasn't got it.
                Errno::ACCESS if self.searched && !exists(path) => hidden = true,
                errno @ Errno::ACCESS => {
                    denied = denied.or(Some(Refusal { errno, candidate, exists: true, hidden }));
                }
                errno if goes_on(errno, self.searched) => {}
                errno => return Refusal { errno, candidate, exists: true, hidden },
            }
        }
        denied.unwrap_or_else(|| self.missing(hidden))
    }

    fn missing(&self, hidden: bool) -> Refusal {
        let there = self.candidates.iter().position(exists);
        Refusal { errno: Errno::NOENT, candidate: there.unwrap_or(0), exists: there.is_some(), hidden }
    }
}

/// Whether another candidate may be there when one is refused like this. What a stale, half-mounted or overlong
/// directory of PATH says doesn't end the search.
pub fn goes_on(errno: Errno, searched: bool) -> bool {
    match errno {
        Errno::NOENT => true,
        Errno::NOTDIR | Errno::STALE | Errno::NODEV | Errno::TIMEDOUT | Errno::NAMETOOLONG => searched,
        _ => false,
    }
}

fn exists(path: &CStr) -> bool {
    access(path, Access::EXISTS).is_ok()
}
