//! The exec itself: the candidates of a plan, one after the other, as execvpe(3) tries them.
//!
//! Unsafe: execve takes arrays of pointers. They are built beforehand, so that trying allocates nothing and a
//! child that shares its parent's memory can do it.
#![allow(unsafe_code)]

use crate::launch::plan::Plan;
use rustix::fs::{Access, access};
use rustix::io::Errno;
use std::ffi::{CString, c_char};

/// A plan's vectors as the kernel takes them.
pub(super) struct Image<'a> {
    argv: Vec<*const c_char>,
    envp: Vec<*const c_char>,
    candidates: &'a [CString],
}

/// Why none of the candidates was executed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Refusal {
    pub errno: Errno,
    /// The candidate that speaks for all of them.
    pub candidate: usize,
    /// It is there, and yet the kernel says that there is no such file: its interpreter's.
    pub exists: bool,
}

impl<'a> Image<'a> {
    pub(super) fn new(plan: &'a Plan) -> Image<'a> {
        let pointers = |strings: &[CString]| strings.iter().map(|s| s.as_ptr()).chain([std::ptr::null()]).collect();
        Image { argv: pointers(&plan.argv), envp: pointers(&plan.envp), candidates: &plan.candidates }
    }

    /// Comes back only if nothing could be executed.
    pub(super) fn execute(&self) -> Refusal {
        let mut denied = None;
        for (candidate, path) in self.candidates.iter().enumerate() {
            // SAFETY: all strings end in NUL, both vectors in a null pointer; all live in the plan that we borrow.
            unsafe { libc::execve(path.as_ptr(), self.argv.as_ptr(), self.envp.as_ptr()) };
            match super::mask::last_errno() {
                errno @ Errno::ACCESS => denied = denied.or(Some(Refusal { errno, candidate, exists: true })),
                // What a stale or half-mounted directory of PATH says doesn't end the search.
                Errno::NOENT | Errno::NOTDIR | Errno::STALE | Errno::NODEV | Errno::TIMEDOUT => {}
                errno => return Refusal { errno, candidate, exists: true },
            }
        }
        denied.unwrap_or_else(|| self.missing())
    }

    fn missing(&self) -> Refusal {
        let there = self.candidates.iter().position(|path| access(path.as_c_str(), Access::EXISTS).is_ok());
        Refusal { errno: Errno::NOENT, candidate: there.unwrap_or(0), exists: there.is_some() }
    }
}
