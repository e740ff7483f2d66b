//! A launch that failed, in words: which step, why, and what would help.

use super::exec::Refusal;
use super::{files, identity};
use crate::launch::plan::Plan;
use crate::launch::step::Step;
use rustix::io::Errno;
use std::ffi::{CStr, OsStr};
use std::fmt;
use std::io::Read;
use std::os::fd::RawFd;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// Why a process wasn't started, or didn't become what it should.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// No new process: too many of them, or no memory.
    Fork { errno: Errno },
    /// Its end can't be waited for.
    Wait { errno: Errno },
    /// One of the child's descriptors couldn't be connected.
    Descriptor { number: RawFd, errno: Errno },
    /// A step before exec failed; `step` is its spoken name.
    Step { step: String, errno: Errno, hint: Option<Hint> },
    /// The program can't be executed.
    Exec { path: PathBuf, errno: Errno, cause: Cause },
}

/// What the kernel wants for a step that it refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hint {
    /// A capability.
    Needs(&'static str),
    /// An id that it can't express in this user namespace.
    Unmapped,
    /// user_namespaces(7): nobody in here may set groups.
    NoGroups,
}

/// What is behind a refused exec, as far as it shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cause {
    /// The errno says it all.
    Plain,
    /// Its name was searched in PATH.
    Searched,
    /// The same, but some directory there may not be looked into.
    SearchedInPart,
    /// The program is there; what it names as its interpreter or loader isn't (`None`: it can't be read).
    Interpreter(Option<String>),
}

impl Fault {
    pub(super) fn step(plan: &Plan, step: &Step, errno: Errno) -> Fault {
        let refused = matches!(errno, Errno::PERM | Errno::ACCESS);
        let mut spoken = step.to_string();
        if let (Step::Directory(_), true) = (step, refused) {
            let becomes =
                plan.steps.iter().find_map(|step| if let Step::Uid(uid) = step { Some(uid.raw()) } else { None });
            spoken += &format!(" as user {}", becomes.unwrap_or_else(identity::user));
        }
        let hint = match (step, errno) {
            (Step::Groups(_) | Step::Gid(_) | Step::Uid(_), Errno::INVAL) => Some(Hint::Unmapped),
            (Step::Groups(_), Errno::PERM) if identity::groups_are_denied() => Some(Hint::NoGroups),
            _ => step.needs().filter(|_| refused).map(Hint::Needs),
        };
        Fault::Step { step: spoken, errno, hint }
    }

    pub(super) fn exec(plan: &Plan, refusal: Refusal) -> Fault {
        let path = |text: &CStr| PathBuf::from(OsStr::from_bytes(text.to_bytes()));
        let tried = plan.candidates.get(refusal.candidate).map(path).unwrap_or_default();
        let name = || match plan.searched {
            true => tried.file_name().unwrap_or_default().into(),
            false => tried.clone(),
        };
        match refusal.errno {
            errno @ Errno::NOENT if refusal.exists => {
                let cause = Cause::Interpreter(interpreter(&directory(plan).join(&tried)));
                Fault::Exec { path: tried, errno, cause }
            }
            errno @ Errno::NOENT if plan.searched => {
                let cause = if refusal.hidden { Cause::SearchedInPart } else { Cause::Searched };
                Fault::Exec { path: name(), errno, cause }
            }
            // Said before any file is looked for.
            errno @ Errno::AGAIN => Fault::Exec { path: name(), errno, cause: Cause::Plain },
            errno => Fault::Exec { path: tried, errno, cause: Cause::Plain },
        }
    }

    /// What the kernel said.
    pub fn errno(&self) -> Errno {
        match self {
            Fault::Fork { errno } | Fault::Wait { errno } | Fault::Descriptor { errno, .. } => *errno,
            Fault::Step { errno, .. } | Fault::Exec { errno, .. } => *errno,
        }
    }

    /// Whether there was nothing to do it with.
    pub fn exhausted(&self) -> bool {
        exhausted(self.errno())
    }

    /// The exit status by which a shell tells of a program that it can't execute: 127 not found, 126 found but
    /// not executable. `None` if it never came to that.
    pub fn status(&self) -> Option<u8> {
        match self {
            Fault::Fork { .. } | Fault::Wait { .. } | Fault::Descriptor { .. } | Fault::Step { .. } => None,
            Fault::Exec { cause: Cause::Interpreter(_), .. } => Some(126),
            Fault::Exec { errno: Errno::NOENT | Errno::NOTDIR, .. } => Some(127),
            Fault::Exec { .. } => Some(126),
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let reason = reason(self.errno());
        match self {
            Fault::Fork { .. } => write!(f, "cannot create a process: {reason}"),
            Fault::Wait { .. } => write!(f, "cannot wait for the program's end: {reason}"),
            Fault::Descriptor { number, .. } => write!(f, "connecting descriptor {number}: {reason}"),
            Fault::Step { step, hint: Some(hint), .. } => write!(f, "{step}: {reason} ({hint})"),
            Fault::Step { step, hint: None, .. } => write!(f, "{step}: {reason}"),
            Fault::Exec { path, errno, cause } => {
                write!(f, "cannot execute '{}': ", path.display())?;
                match cause {
                    Cause::Interpreter(Some(name)) => match name.strip_suffix('\r') {
                        Some(name) => write!(f, "its interpreter '{name}' is followed by a carriage return: {reason}"),
                        None => write!(f, "its interpreter '{name}' is missing: {reason}"),
                    },
                    Cause::Interpreter(None) => write!(f, "its interpreter is missing: {reason}"),
                    Cause::Searched => write!(f, "{reason} (searched in PATH)"),
                    Cause::SearchedInPart => {
                        write!(f, "{reason} (searched in PATH, where not every directory may be entered)")
                    }
                    Cause::Plain if *errno == Errno::NOEXEC => {
                        write!(f, "{reason} (no '#!' line, or built for another machine)")
                    }
                    Cause::Plain if *errno == Errno::AGAIN => {
                        write!(f, "{reason} (the user's limit on processes, nproc, is reached)")
                    }
                    Cause::Plain => f.write_str(&reason),
                }
            }
        }
    }
}

impl fmt::Display for Hint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Hint::Needs(capability) => write!(f, "needs {capability}"),
            Hint::Unmapped => f.write_str("this user namespace has no such id"),
            Hint::NoGroups => f.write_str("this user namespace forbids it: /proc/self/setgroups says deny"),
        }
    }
}

impl std::error::Error for Fault {}

/// Whether this says that there is too little of something now: memory, processes, descriptors, space.
pub fn exhausted(errno: Errno) -> bool {
    matches!(errno, Errno::MFILE | Errno::NFILE | Errno::NOMEM | Errno::AGAIN | Errno::NOSPC)
}

/// The C library's text, lower case as the rest of a message.
pub fn reason(errno: Errno) -> String {
    lower(files::reason(&errno.into()))
}

/// The same of an error that std tells.
pub fn reason_of(error: &std::io::Error) -> String {
    lower(files::reason(error))
}

fn lower(text: String) -> String {
    let mut chars = text.chars();
    match chars.next() {
        Some(first) if !chars.as_str().starts_with(|c: char| c.is_ascii_uppercase()) => {
            first.to_ascii_lowercase().to_string() + chars.as_str()
        }
        _ => text,
    }
}

fn directory(plan: &Plan) -> &Path {
    let directory = plan.steps.iter().find_map(|step| match step {
        Step::Directory(path) => Some(Path::new(OsStr::from_bytes(path.to_bytes()))),
        _ => None,
    });
    directory.unwrap_or(Path::new(""))
}

/// The program that the kernel would have started for this one: behind `#!`, or an ELF file's PT_INTERP.
pub fn interpreter(path: &Path) -> Option<String> {
    /// Holds a `#!` line (the kernel reads 256 bytes) and every linker's program headers and PT_INTERP.
    const HEAD: u64 = 4096;
    let file = files::open(path).ok()?;
    let mut head = Vec::new();
    file.take(HEAD).read_to_end(&mut head).ok()?;
    let name = match head.strip_prefix(b"#!") {
        Some(rest) => {
            let line = rest.split(|b| *b == b'\n').next()?;
            line.split(|b| *b == b' ' || *b == b'\t').find(|word| !word.is_empty())?
        }
        None => loader(&head)?,
    };
    Some(String::from_utf8_lossy(name).into_owned())
}

/// PT_INTERP of a 64-bit little-endian ELF file (elf(5)).
fn loader(head: &[u8]) -> Option<&[u8]> {
    const PT_INTERP: u64 = 3;
    let number = |at: usize, size: usize| {
        let bytes = head.get(at..at.checked_add(size)?)?;
        Some(bytes.iter().rev().fold(0, |sum: u64, byte| sum << 8 | u64::from(*byte)))
    };
    let place = |at: usize, size: usize| number(at, size).and_then(|n| usize::try_from(n).ok());
    if !head.starts_with(b"\x7fELF\x02\x01") {
        return None;
    }
    let (table, size, count) = (place(32, 8)?, place(54, 2)?, place(56, 2)?);
    for header in (0..count).map_while(|n| table.checked_add(n.checked_mul(size)?)) {
        if number(header, 4)? == PT_INTERP {
            let (at, length) = (place(header.checked_add(8)?, 8)?, place(header.checked_add(32)?, 8)?);
            let name = head.get(at..at.checked_add(length)?)?;
            return name.split(|b| *b == 0).next();
        }
    }
    None
}
