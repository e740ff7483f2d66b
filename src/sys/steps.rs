//! The steps of a plan, performed: on this process, or in a child that shares its parent's memory before exec.
//!
//! So nothing here allocates, locks or touches the C library's state, and ids are set by the bare system calls
//! (libc's wrappers make every thread of the process follow, by signals). rustix's calls are bare.
//!
//! Unsafe: one view of a slice of group ids.
#![allow(unsafe_code)]

use super::session::group;
use crate::launch::accounts;
use crate::launch::step::{Limit, Step};
use rustix::io::Result;
use rustix::process::{Gid, Pid, Uid};
use rustix::process::{Resource, Rlimit, chdir, setpgid, setrlimit, setsid};
use rustix::stdio::stdin;
use rustix::termios::tcsetpgrp;
use rustix::thread::{clear_ambient_capability_set, set_thread_groups, set_thread_res_gid, set_thread_res_uid};

/// Does this one.
pub(super) fn perform(step: &Step) -> Result<()> {
    match step {
        Step::OpenFiles(limit) => setrlimit(Resource::Nofile, rlimit(*limit)),
        Step::Session => setsid().map(drop),
        Step::Group => setpgid(None, None),
        Step::Foreground => {
            // Not a terminal, or not this session's: then there is no foreground to be in. All signals are
            // blocked, so that SIGTTOU doesn't stop us.
            if let Some(group) = group().and_then(|group| Pid::from_raw(group.raw())) {
                let _ = tcsetpgrp(stdin(), group);
            }
            Ok(())
        }
        Step::Groups(gids) => set_thread_groups(groups(gids)),
        Step::Gid(gid) => {
            let gid = Gid::from_raw(gid.raw());
            set_thread_res_gid(gid, gid, gid)
        }
        Step::Uid(uid) => {
            let uid = Uid::from_raw(uid.raw());
            set_thread_res_uid(uid, uid, uid)?;
            // Cleared by the kernel only on the way from root; a kernel before 4.3 has none (EINVAL).
            let _ = clear_ambient_capability_set();
            Ok(())
        }
        Step::Directory(path) => chdir(path.as_c_str()),
    }
}

/// No limit is `u64::MAX` to us and `None` to rustix.
fn rlimit(limit: Limit) -> Rlimit {
    let known = |value: u64| (value != u64::MAX).then_some(value);
    Rlimit { current: known(limit.soft), maximum: known(limit.hard) }
}

fn groups(gids: &[accounts::Gid]) -> &[Gid] {
    // SAFETY: both are repr(transparent) over u32.
    unsafe { std::slice::from_raw_parts(gids.as_ptr().cast::<Gid>(), gids.len()) }
}
