//! From a unit's definition to a plan that can be performed, with what goes with it: looked up and read anew at each
//! start, as an earlier unit may have made the user or the secret.

use crate::launch::accounts::Accounts;
use crate::launch::environment::Variable;
use crate::launch::plan::{Context, Ids, Plan};
use crate::launch::step::Limit;
use crate::model::command::{ProcessSpec, Stdin};
use crate::model::unit::Pid;
use crate::supervise::event::{Fault, FaultKind};
use crate::sys::descriptors::{Descriptors, Spare};
use crate::sys::fault::{self, reason};
use crate::sys::{identity, secrets, spawn};
use std::ffi::OsString;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd, RawFd};
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;

/// What every launch needs besides its unit's definition.
pub struct Launcher {
    /// What units inherit.
    pub environment: Vec<Variable>,
    pub ids: Ids,
    /// The limit on open files that wingmate found, if it raised its own.
    pub open_files: Option<Limit>,
    /// What a unit reads.
    pub null: OwnedFd,
    /// Whether wingmate has a terminal to give to the main command.
    pub terminal: bool,
    pub spare: Spare,
}

/// A launch that only has to be given its streams.
#[derive(Debug)]
pub struct Prepared {
    pub plan: Plan,
    /// Secrets that are files, with their numbers in the child.
    files: Vec<(OwnedFd, RawFd)>,
    stdin: Stdin,
}

/// The first descriptor that isn't a standard stream.
const FIRST: RawFd = 3;

impl Launcher {
    /// `main`: it is the main command. `told`: what wingmate tells the process. `taken`: a number that something else
    /// will have in the child.
    pub fn prepare(
        &self,
        spec: &ProcessSpec,
        main: bool,
        told: &[Variable],
        taken: Option<RawFd>,
    ) -> Result<Prepared, Fault> {
        let (mut secrets, mut files) = (Vec::new(), Vec::new());
        let mut numbers = (FIRST..).filter(|number| Some(*number) != taken);
        for secret in &spec.extras().secrets {
            let content = secrets::read(&secret.file).map_err(|error| other(error.to_string()))?;
            if let (true, Some(number)) = (secret.as_file, numbers.next()) {
                secrets.push((format!("{}_FILE", secret.name).into(), format!("/proc/self/fd/{number}").into()));
                files.push((&secret.file, content, number));
            } else {
                secrets.push((OsString::from(&secret.name), OsString::from_vec(content)));
            }
        }
        let accounts = if Accounts::needed(spec) { identity::accounts() } else { Accounts::NONE };
        let context = Context {
            environment: &self.environment,
            secrets: &secrets,
            extra: told,
            accounts: &accounts,
            ids: &self.ids,
            open_files: self.open_files,
            foreground: main && self.terminal,
        };
        let plan = Plan::new(spec, &context).map_err(|error| other(error.to_string()))?;
        let owner = plan.owner(&self.ids);
        let in_memory = |(path, content, number): (&PathBuf, Vec<u8>, RawFd)| {
            let failed = |errno| format!("cannot pass on the secret '{}': {}", path.display(), reason(errno));
            let file = secrets::memory_file(&content, owner).map_err(|errno| other(failed(errno)))?;
            Ok((file, number))
        };
        let files = files.into_iter().map(in_memory).collect::<Result<_, Fault>>()?;
        Ok(Prepared { plan, files, stdin: spec.extras().stdin })
    }
}

impl Prepared {
    /// What the process reads: `null`, or what wingmate itself reads.
    pub fn stdin<'a>(&self, null: &'a OwnedFd) -> Option<BorrowedFd<'a>> {
        (self.stdin == Stdin::Null).then(|| null.as_fd())
    }

    /// Starts it, with `other` besides.
    pub fn start(
        &self,
        stdio: [Option<BorrowedFd<'_>>; 3],
        other: Option<(BorrowedFd<'_>, RawFd)>,
    ) -> Result<Pid, fault::Fault> {
        let files = self.files.iter().map(|(file, number)| (file.as_fd(), *number));
        let others: Vec<_> = files.chain(other).collect();
        spawn::spawn(&self.plan, &Descriptors { stdio, others: &others })
    }
}

/// A start failed before there was a program.
pub(super) fn other(text: String) -> Fault {
    Fault { kind: FaultKind::Other, text }
}
