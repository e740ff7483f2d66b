//! The steps of a plan, performed: on this process, or in a child that shares its parent's memory before exec.
//!
//! So nothing here allocates, locks or touches the C library's state, and ids are set by the bare system calls
//! (libc's wrappers make every thread of the process follow, by signals). rustix's calls are bare.
//!
//! Unsafe: one view of a slice of group ids.
#![allow(unsafe_code)]

use super::processes;
use super::session::group;
use crate::launch::accounts;
use crate::launch::step::{OOM_SCORE_ADJ, Step};
use crate::model::signal::Signal;
use crate::model::{command, unit};
use rustix::fs::{Mode, OFlags, open};
use rustix::io::{Result, write};
use rustix::process::{Gid, Pid, Uid};
use rustix::process::{Resource, Rlimit, chdir, setpgid, setpriority_process, setrlimit, setsid, umask};
use rustix::stdio::stdin;
use rustix::termios::tcsetpgrp;
use rustix::thread::{CapabilitySet, CapabilitySets, capabilities, set_capabilities};
use rustix::thread::{capability_is_in_bounding_set, remove_capability_from_bounding_set};
use rustix::thread::{clear_ambient_capability_set, configure_capability_in_ambient_set};
use rustix::thread::{set_keep_capabilities, set_no_new_privs};
use rustix::thread::{set_thread_groups, set_thread_res_gid, set_thread_res_uid};

/// Does this one.
pub(super) fn perform(step: &Step) -> Result<()> {
    match step {
        Step::Limit(limit) => limit_to(*limit),
        Step::Nice(nice) => setpriority_process(None, *nice),
        Step::OomScore(text) => {
            let file = open(OOM_SCORE_ADJ, OFlags::WRONLY | OFlags::CLOEXEC, Mode::empty())?;
            write(&file, text.to_bytes()).map(drop)
        }
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
        Step::KeepCapabilities => set_keep_capabilities(true),
        Step::Uid(uid) => {
            let uid = Uid::from_raw(uid.raw());
            set_thread_res_uid(uid, uid, uid)?;
            // Cleared by the kernel only on the way from root; a kernel before 4.3 has none (EINVAL).
            let _ = clear_ambient_capability_set();
            Ok(())
        }
        Step::Capabilities(kept) => keep(CapabilitySet::from_bits_retain(*kept)),
        Step::Directory(path) => chdir(path.as_c_str()),
        // Ours alone: the file-system attributes aren't shared with a parent.
        Step::Umask(mask) => {
            umask(Mode::from_raw_mode(*mask));
            Ok(())
        }
        Step::ParentDeath { signal, parent } => die_after(*signal, *parent),
        Step::NoNewPrivileges => set_no_new_privs(true),
    }
}

/// The kernel tells of an end that is to come, only: an earlier one shows in that the parent is another.
fn die_after(signal: Signal, parent: Option<unit::Pid>) -> Result<()> {
    processes::when_the_parent_ends(signal)?;
    if processes::parent() == parent { Ok(()) } else { processes::kill(processes::own(), signal) }
}

/// These capabilities and no others, in every set, so that they outlive the exec, whoever executes.
fn keep(kept: CapabilitySet) -> Result<()> {
    let found = capabilities(None)?;
    // A change of the user has emptied the effective set, which the bounding set's change is a matter of.
    set_capabilities(None, CapabilitySets { effective: found.permitted, ..found })?;
    for one in each(CapabilitySet::from_bits_retain(u64::MAX)) {
        match capability_is_in_bounding_set(one) {
            Ok(true) if !kept.contains(one) => remove_capability_from_bounding_set(one)?,
            Ok(_) => {}
            // The first that the kernel doesn't know.
            Err(_) => break,
        }
    }
    // A kernel before 4.3 has none (EINVAL).
    let _ = clear_ambient_capability_set();
    set_capabilities(None, CapabilitySets { effective: kept, permitted: kept, inheritable: kept })?;
    each(kept).try_for_each(|one| configure_capability_in_ambient_set(one, true))
}

/// One at a time, from 0 on.
fn each(set: CapabilitySet) -> impl Iterator<Item = CapabilitySet> {
    (0..u64::BITS).map(|number| CapabilitySet::from_bits_retain(1 << number)).filter(move |one| set.contains(*one))
}

/// No limit is `u64::MAX` to us and `None` to rustix.
fn limit_to(limit: command::Rlimit) -> Result<()> {
    let known = |value: u64| (value != u64::MAX).then_some(value);
    setrlimit(resource(limit.resource), Rlimit { current: known(limit.soft), maximum: known(limit.hard) })
}

fn resource(resource: command::Resource) -> Resource {
    match resource {
        command::Resource::As => Resource::As,
        command::Resource::Core => Resource::Core,
        command::Resource::Cpu => Resource::Cpu,
        command::Resource::Data => Resource::Data,
        command::Resource::Fsize => Resource::Fsize,
        command::Resource::Locks => Resource::Locks,
        command::Resource::Memlock => Resource::Memlock,
        command::Resource::Msgqueue => Resource::Msgqueue,
        command::Resource::Nice => Resource::Nice,
        command::Resource::Nofile => Resource::Nofile,
        command::Resource::Nproc => Resource::Nproc,
        command::Resource::Rss => Resource::Rss,
        command::Resource::Rtprio => Resource::Rtprio,
        command::Resource::Rttime => Resource::Rttime,
        command::Resource::Sigpending => Resource::Sigpending,
        command::Resource::Stack => Resource::Stack,
    }
}

fn groups(gids: &[accounts::Gid]) -> &[Gid] {
    // SAFETY: both are repr(transparent) over u32.
    unsafe { std::slice::from_raw_parts(gids.as_ptr().cast::<Gid>(), gids.len()) }
}

#[cfg(test)]
pub(in crate::sys) mod tests;
