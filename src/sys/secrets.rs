//! Secrets: files whose content only one unit is to see. Read without waiting, bounded, and never part of a message;
//! passed on as a variable or as an unlinked file in memory.

use super::fault::{exhausted, reason_of};
use super::files;
use crate::launch::accounts;
use rustix::fs::{Gid, MemfdFlags, Mode, SealFlags, Uid, fchmod, fchown, fcntl_add_seals, memfd_create};
use rustix::io::{Errno, Result, pwrite};
use std::io::{self, Read};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

/// Larger than any key or chain of certificates; what is meant to be passed on in memory has an end.
const LARGEST: u64 = 1 << 20;

/// A secret can't be had.
#[derive(Debug, thiserror::Error)]
#[error("cannot read the secret '{}': {cause}", path.display())]
pub struct SecretError {
    path: PathBuf,
    cause: Cause,
}

#[derive(Debug, thiserror::Error)]
enum Cause {
    #[error("{}", reason_of(.0))]
    Read(#[from] io::Error),
    #[error("it is not a regular file")]
    Irregular,
    #[error("it is larger than {LARGEST} bytes")]
    Large,
    #[error("it has a NUL character")]
    Nul,
}

impl SecretError {
    /// Whether there was nothing to read it with.
    pub fn exhausted(&self) -> bool {
        matches!(&self.cause, Cause::Read(error) if Errno::from_io_error(error).is_some_and(exhausted))
    }
}

/// The file's content, one final newline cut.
pub fn read(path: &Path) -> std::result::Result<Vec<u8>, SecretError> {
    content(path).map_err(|cause| SecretError { path: path.to_owned(), cause })
}

fn content(path: &Path) -> std::result::Result<Vec<u8>, Cause> {
    let file = files::open(path)?;
    let metadata = file.metadata()?;
    if !metadata.is_file() {
        return Err(Cause::Irregular);
    }
    let mut content = Vec::with_capacity(metadata.len().min(LARGEST) as usize + 1);
    file.take(LARGEST + 1).read_to_end(&mut content)?;
    if content.len() as u64 > LARGEST {
        return Err(Cause::Large);
    }
    if content.last() == Some(&b'\n') {
        content.pop();
    }
    if content.contains(&0) { Err(Cause::Nul) } else { Ok(content) }
}

/// Whether a process can open what it has a number for: only through `/proc/self`.
pub fn can_be_opened() -> bool {
    std::fs::read_link("/proc/self").is_ok()
}

/// A file without a name that holds this, read from its beginning, changed by nobody. `owner` can open it by its
/// number under /proc; without one we can.
pub fn memory_file(content: &[u8], owner: Option<(accounts::Uid, accounts::Gid)>) -> Result<OwnedFd> {
    let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
    // Linux 6.3 warns of memory files that don't say whether they may be executed; older ones don't know the word.
    let file = match memfd_create("secret", flags | MemfdFlags::NOEXEC_SEAL) {
        Err(Errno::INVAL) => memfd_create("secret", flags)?,
        made => made?,
    };
    let mut at = 0;
    while let Some(rest) = content.get(at..).filter(|rest| !rest.is_empty()) {
        match pwrite(&file, rest, at as u64) {
            Err(Errno::INTR) => {}
            Err(errno) => return Err(errno),
            Ok(0) => return Err(Errno::NOSPC),
            Ok(count) => at += count,
        }
    }
    fchmod(&file, Mode::RUSR)?;
    if let Some((user, group)) = owner {
        let given = fchown(&file, Some(Uid::from_raw(user.raw())), Some(Gid::from_raw(group.raw())));
        // Without the right to give it away everybody may read it: nobody else can reach it.
        given.or_else(|_| fchmod(&file, Mode::RUSR | Mode::RGRP | Mode::ROTH))?;
    }
    fcntl_add_seals(&file, SealFlags::SEAL | SealFlags::WRITE | SealFlags::GROW | SealFlags::SHRINK)?;
    Ok(file)
}

#[cfg(test)]
mod tests;
