//! A start that isn't performed: whether a unit's user and program are there now. For `check` only: when a unit
//! really starts, an earlier one may have made what was missing.

use super::configuration::can_be_program;
use super::pidfile;
use crate::launch::accounts::{Accounts, Table};
use crate::launch::environment::{Lent, for_units};
use crate::launch::plan::{Context, Ids, Plan};
use crate::model::command::{Identity, ProcessSpec, Secret};
use crate::model::service::{Hook, Probe, ReadyKind, ServiceSpec};
use crate::sys::exec::goes_on;
use crate::sys::fault::{Cause, Fault, interpreter, reason_of};
use crate::sys::{environment, files, identity};
use rustix::io::Errno;
use std::ffi::{CStr, OsStr};
use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// What starts are made in, read once for all units.
pub struct Rehearsal {
    environment: Vec<Lent<'static>>,
    accounts: Accounts,
    ids: Ids,
}

impl Rehearsal {
    /// With this process's environment and the accounts as they are now.
    pub fn new() -> Rehearsal {
        let environment = for_units(environment::found());
        let ids = identity::ids();
        // What may be kept is the container's to say, not that of whoever asks.
        let ids = Ids { permitted: ids.known.unwrap_or(ids.permitted), ..ids };
        let accounts = identity::accounts().unwrap_or_else(|error| {
            let unreadable = Table::Unreadable(reason_of(&error.source));
            Accounts { passwd: unreadable.clone(), group: unreadable }
        });
        Rehearsal { environment, accounts, ids }
    }

    /// Why a service, or a command beside it, could not be started now.
    pub fn troubles(&self, spec: &ServiceSpec) -> Vec<String> {
        let mut troubles: Vec<String> = self.trouble(&spec.process).into_iter().collect();
        let pidfile = spec.pidfile.as_ref().and_then(|pidfile| pidfile::check(&pidfile.path).err());
        troubles.extend(pidfile.map(|error| error.to_string()));
        let extras = spec.extras();
        let hook = |hook: &'_ Option<Hook>| hook.as_ref().map(|hook| (hook.command.clone(), hook.identity.clone()));
        let of_probe = |probe: Option<&Probe>| match probe {
            Some(Probe::Exec(command)) => Some((command.clone(), None)),
            _ => None,
        };
        let ready = extras.ready.as_ref().and_then(|ready| match &ready.kind {
            ReadyKind::Probe(probe) => Some(probe),
            _ => None,
        });
        let beside = [
            ("pre_start", hook(&extras.pre_start)),
            ("ready.exec", of_probe(ready)),
            ("health.exec", of_probe(extras.health.as_ref().map(|health| &health.probe))),
            ("stop.command", extras.stop_command.clone().map(|command| (command, None))),
            ("post_stop", hook(&extras.post_stop)),
        ];
        for (key, asked) in beside {
            let Some((command, identity)) = asked else { continue };
            let identity = identity.unwrap_or_else(|| spec.process.identity.clone());
            let trouble = self.trouble(&ProcessSpec { command, identity, ..spec.process.clone() });
            // What keeps all of them from starting is said once.
            let new = trouble.filter(|trouble| !troubles.contains(trouble));
            troubles.extend(new.map(|trouble| format!("{key}: {trouble}")));
        }
        troubles
    }

    /// Whether there is a user of this name, and not by number.
    pub fn is_user(&self, name: &str) -> bool {
        let identity = Identity { user: Some(name.to_owned()), group: None };
        !name.is_empty() && !name.bytes().all(|b| b.is_ascii_digit()) && self.accounts.resolve(&identity).is_ok()
    }

    /// Why the process could not be started now, in the words that a failed start would have.
    pub fn trouble(&self, spec: &ProcessSpec) -> Option<String> {
        let context = Context {
            environment: &self.environment,
            secrets: &[],
            extra: &[],
            accounts: &self.accounts,
            ids: &self.ids,
            open_files: None,
            foreground: false,
            parent: None,
        };
        let plan = match Plan::new(spec, &context) {
            Ok(plan) => plan,
            Err(error) => return Some(error.to_string()),
        };
        for Secret { name, file, .. } in &spec.extras().secrets {
            if let Err(error) = files::open(file) {
                let (file, reason) = (file.display(), files::reason(&error));
                return Some(format!("cannot read the secret '{name}' in '{file}': {reason}"));
            }
        }
        if let Some(directory) = spec.working_dir.as_deref().filter(|directory| !directory.is_dir()) {
            return Some(format!("the working directory '{}' is not there", directory.display()));
        }
        program(&plan, spec.working_dir.as_deref().unwrap_or(Path::new(""))).map(|fault| fault.to_string())
    }
}

impl Default for Rehearsal {
    fn default() -> Rehearsal {
        Rehearsal::new()
    }
}

/// The search of `sys::exec`, with a look where that one executes.
fn program(plan: &Plan, directory: &Path) -> Option<Fault> {
    let (mut denied, mut hidden) = (None, false);
    for candidate in plan.candidates.iter() {
        let path = path_of(candidate);
        let whole = directory.join(&path);
        match look(&whole) {
            Ok(()) => return None,
            Err((Errno::ACCESS, _)) if plan.searched && fs::metadata(whole).is_err() => hidden = true,
            Err((errno @ Errno::ACCESS, cause)) => denied = denied.or(Some(Fault::Exec { path, errno, cause })),
            Err((errno, Cause::Plain)) if goes_on(errno, plan.searched) => {}
            Err((errno, cause)) => return Some(Fault::Exec { path, errno, cause }),
        }
    }
    denied.or_else(|| {
        let tried = plan.candidates.first().map(path_of).unwrap_or_default();
        let (path, cause) = match plan.searched {
            true if hidden => (tried.file_name().unwrap_or_default().into(), Cause::SearchedInPart),
            true => (tried.file_name().unwrap_or_default().into(), Cause::Searched),
            false => (tried, Cause::Plain),
        };
        Some(Fault::Exec { path, errno: Errno::NOENT, cause })
    })
}

fn path_of(text: &CStr) -> PathBuf {
    PathBuf::from(OsStr::from_bytes(text.to_bytes()))
}

/// What exec would say to this file.
fn look(path: &Path) -> Result<(), (Errno, Cause)> {
    let metadata = fs::metadata(path).map_err(|error| (errno(&error), Cause::Plain))?;
    if !metadata.is_file() || metadata.permissions().mode() & 0o111 == 0 {
        return Err((Errno::ACCESS, Cause::Plain));
    }
    if !can_be_program(path) {
        return Err((Errno::NOEXEC, Cause::Plain));
    }
    match interpreter(path) {
        Some(name) if !Path::new(&name).exists() => Err((Errno::NOENT, Cause::Interpreter(Some(name)))),
        Some(_) | None => Ok(()),
    }
}

fn errno(error: &io::Error) -> Errno {
    Errno::from_io_error(error).unwrap_or(Errno::IO)
}
