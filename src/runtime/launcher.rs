//! From a unit's definition to a plan that can be performed, with what goes with it: looked up and read anew at each
//! start, as an earlier unit may have made the user or the secret.

use crate::launch::accounts::Accounts;
use crate::launch::environment::Lent;
use crate::launch::plan::{Context, Ids, Plan};
use crate::launch::step::Limit;
use crate::model::command::{ProcessSpec, Stdin, Variable};
use crate::model::unit::Pid;
use crate::supervise::event::{Fault, FaultKind};
use crate::sys::descriptors::{Descriptors, Spare};
use crate::sys::fault::{self, exhausted, reason};
use crate::sys::{identity, processes, secrets, spawn};
use std::ffi::OsString;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd, RawFd};
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;

/// What every launch needs besides its unit's definition.
pub struct Launcher {
    /// What units inherit.
    pub environment: Vec<Lent<'static>>,
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
            let content = secrets::read(&secret.file).map_err(|error| of(error.exhausted(), error.to_string()))?;
            if secret.as_file {
                let number = numbers.next().unwrap_or(FIRST);
                secrets.push((format!("{}_FILE", secret.name).into(), format!("/proc/self/fd/{number}").into()));
                files.push((&secret.file, content, number));
            } else {
                secrets.push((OsString::from(&secret.name), OsString::from_vec(content)));
            }
        }
        let accounts = if Accounts::needed(spec) { identity::accounts() } else { Ok(Accounts::NONE) };
        let accounts = accounts.map_err(|error| of(true, error.to_string()))?;
        let context = Context {
            environment: &self.environment,
            secrets: &secrets,
            extra: told,
            accounts: &accounts,
            ids: &self.ids,
            open_files: self.open_files,
            foreground: main && self.terminal,
            parent: Some(processes::own()),
        };
        let plan = Plan::new(spec, &context).map_err(|error| other(error.to_string()))?;
        let owner = plan.owner(&self.ids);
        let in_memory = |(path, content, number): (&PathBuf, Vec<u8>, RawFd)| {
            let failed = |why: &str| format!("cannot pass on the secret '{}' as a file: {why}", path.display());
            if !secrets::can_be_opened() {
                return Err(other(failed("/proc isn't mounted, or is another pid namespace's")));
            }
            let made = secrets::memory_file(&content, owner);
            let file = made.map_err(|errno| of(exhausted(errno), failed(&reason(errno))))?;
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

/// The same, perhaps only because there was nothing to start it with.
pub(super) fn of(exhausted: bool, text: String) -> Fault {
    Fault { kind: if exhausted { FaultKind::Exhausted } else { FaultKind::Other }, text }
}

/// A start that failed while it was performed.
pub(super) fn refused(fault: &fault::Fault) -> Fault {
    let kind = match fault.status() {
        _ if fault.exhausted() => FaultKind::Exhausted,
        Some(127) => FaultKind::NotFound,
        Some(_) => FaultKind::NotExecutable,
        None => FaultKind::Other,
    };
    Fault { kind, text: fault.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::command::Secret;
    use crate::sys::descriptors;
    use std::path::Path;

    #[test]
    fn files_in_memory_have_the_numbers_that_nobody_else_has() {
        let path = std::env::temp_dir().join(format!("wingmate-launcher-{}", std::process::id()));
        std::fs::write(&path, "hush\n").unwrap();
        let (null, spare) = (descriptors::null().unwrap(), Spare::new().unwrap());
        let launcher =
            Launcher { environment: Vec::new(), ids: identity::ids(), open_files: None, null, terminal: false, spare };
        let mut spec = ProcessSpec { command: vec!["x".into()], ..ProcessSpec::default() };
        let secret = |name: &str, file: &Path, as_file| Secret { name: name.into(), file: file.into(), as_file };
        spec.extras_mut().secrets = vec![
            secret("A", &path, true),
            secret("B", &path, false),
            secret("C", &path, true),
            secret("D", &path, true),
        ];
        for (taken, expected) in [(None, [3, 4, 5]), (Some(3), [4, 5, 6]), (Some(4), [3, 5, 6]), (Some(6), [3, 4, 5])] {
            let prepared = launcher.prepare(&spec, false, &[], taken).unwrap();
            let numbers: Vec<RawFd> = prepared.files.iter().map(|(_, number)| *number).collect();
            assert_eq!(numbers, expected, "{taken:?}");
            let told: Vec<_> = prepared.plan.envp.iter().map(|variable| variable.to_str().unwrap()).collect();
            let [a, c, d] = expected.map(|number| format!("_FILE=/proc/self/fd/{number}"));
            assert_eq!(told, [format!("A{a}"), "B=hush".into(), format!("C{c}"), format!("D{d}")]);
            assert!(!format!("{prepared:?}").contains("hush"));
        }
        std::fs::remove_file(&path).unwrap();
        let fault = launcher.prepare(&spec, false, &[], None).unwrap_err();
        let expected = format!("cannot read the secret '{}': no such file or directory", path.display());
        assert_eq!((fault.kind, fault.text), (FaultKind::Other, expected));
    }
}
