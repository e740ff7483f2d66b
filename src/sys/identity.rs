//! Who this process is, and the files that say who others are.
//!
//! Unsafe: libc's getresuid and getresgid, which rustix doesn't have.
#![allow(unsafe_code)]

use super::fault::{exhausted, reason_of};
use super::files::{self, ReadError};
use crate::launch::accounts::{Accounts, GROUP, Gid, PASSWD, Table, Uid};
use crate::launch::plan::Ids;
use crate::model::capability::Capabilities;
use crate::model::command::ProcessSpec;
use rustix::io::Errno;
use rustix::process::{geteuid, getgroups};
use rustix::thread::{CapabilitySet, capabilities, capability_is_in_bounding_set, set_thread_groups};
use std::io::ErrorKind;
use std::os::unix::fs::FileTypeExt;
use std::path::Path;

/// A larger account file isn't read: wingmate's memory is bounded. Hundreds of thousands of users fit.
const ACCOUNTS_LIMIT: u64 = 16 * 1024 * 1024;

/// What a launch of this has to know: without asking for each capability whether the kernel has it, unless some are
/// to be kept.
pub fn ids_for(spec: &ProcessSpec) -> Ids {
    if spec.extras().capabilities.is_some() { ids() } else { without_known() }
}

/// This process's ids and capabilities, and whether it may set groups: found out by setting those that it has.
pub fn ids() -> Ids {
    Ids { known: Some(known()), ..without_known() }
}

fn without_known() -> Ids {
    let (uids, gids) = (three(libc::getresuid), three(libc::getresgid));
    let sets = capabilities(None);
    let found = getgroups().unwrap_or_default();
    let may_set_groups = set_thread_groups(&found).is_ok();
    let mut groups: Vec<Gid> = found.iter().filter_map(|gid| Gid::from_raw(gid.as_raw())).collect();
    groups.sort_unstable();
    groups.dedup();
    Ids {
        uids: uids.map(|raw| Uid::from_raw(raw).unwrap_or(Uid::UNMAPPED)),
        gids: gids.map(|raw| Gid::from_raw(raw).unwrap_or(Gid::UNMAPPED)),
        groups,
        may_set_groups,
        permitted: Capabilities(sets.map_or(0, |sets| sets.permitted.bits())),
        // Where that can't be known, a switch isn't safe without having tried to empty it.
        inheritable: Capabilities(sets.map_or(u64::MAX, |sets| sets.inheritable.bits())),
        known: None,
    }
}

/// The user whom this process acts as.
pub fn user() -> u32 {
    geteuid().as_raw()
}

/// The capabilities that this kernel has: from 0 on without a gap. Asked, as there may be no /proc.
fn known() -> Capabilities {
    let (mut least, mut most) = (0, u64::BITS);
    while least < most {
        let middle = least.midpoint(most);
        match capability_is_in_bounding_set(CapabilitySet::from_bits_retain(1 << middle)) {
            Ok(_) => least = middle + 1,
            Err(_) => most = middle,
        }
    }
    Capabilities(1u64.checked_shl(least).map_or(u64::MAX, |next| next - 1))
}

/// Whether nobody in this user namespace may set groups, CAP_SETGID or not (user_namespaces(7)).
pub(super) fn groups_are_denied() -> bool {
    std::fs::read("/proc/self/setgroups").is_ok_and(|text| text.starts_with(b"deny"))
}

/// Whether this process acts as root.
pub fn is_root() -> bool {
    geteuid().is_root()
}

/// `/etc/passwd` and `/etc/group` as they are now. Fails only if there was nothing to read them with: whatever else is
/// wrong with them is for those who need them.
pub fn accounts() -> Result<Accounts, ReadError> {
    Ok(Accounts { passwd: table(PASSWD)?, group: table(GROUP)? })
}

fn table(path: &str) -> Result<Table, ReadError> {
    match files::read(Path::new(path), ACCOUNTS_LIMIT) {
        // Opened without waiting, a FIFO looks like an empty file. (/dev/null is one that somebody has emptied.)
        Ok(text) if text.is_empty() && is_fifo(path) => Ok(Table::Unreadable("is a FIFO".to_owned())),
        Ok(text) => Ok(Table::Text(text)),
        Err(error) if error.source.kind() == ErrorKind::NotFound => Ok(Table::Missing),
        Err(error) if Errno::from_io_error(&error.source).is_some_and(exhausted) => Err(error),
        Err(error) => Ok(Table::Unreadable(reason_of(&error.source))),
    }
}

fn is_fifo(path: &str) -> bool {
    std::fs::metadata(path).is_ok_and(|metadata| metadata.file_type().is_fifo())
}

fn three(get: unsafe extern "C" fn(*mut u32, *mut u32, *mut u32) -> i32) -> [u32; 3] {
    let [mut real, mut effective, mut saved] = [0; 3];
    // SAFETY: `get` is one of the two above; each fills three numbers that are ours, and can't fail.
    unsafe { get(&mut real, &mut effective, &mut saved) };
    [real, effective, saved]
}
