//! The directory `service/`: every executable file directly in it is a service, named by its file name.

use super::draft::{Kind, Unit};
use super::problems::Problems;
use super::{Found, Place};
use crate::model::service::ServiceSpec;
use crate::model::unit::check_name;
use crate::text::diagnostic::{Problem, Severity};
use std::path::PathBuf;

/// An entry of `service/`, links followed.
#[derive(Debug)]
pub struct Program {
    pub path: PathBuf,
    pub kind: ProgramKind,
}

/// What an entry of `service/` is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ProgramKind {
    /// Executable, and begins with `#!` or an ELF header (or can't be read, only executed).
    Program,
    /// Executable, and begins with something else.
    Executable,
    /// A regular file that isn't executable.
    Plain,
    Directory,
    /// A socket, a device and the like.
    Special,
    /// A link to nothing, and what else can't be looked at; with the reason.
    Unreachable(String),
}

/// The service that an entry is. What is skipped is told; hidden files and backups are skipped silently.
pub fn read(program: &Program, place: Place, defaults: &Unit, problems: &mut Problems) -> Option<Found<ServiceSpec>> {
    let name = program.path.file_name().unwrap_or_default().to_string_lossy();
    if name.starts_with('.') || name.ends_with('~') {
        return None;
    }
    let mut tell = |severity, message: String| {
        problems.push(Problem::of_file(severity, program.path.to_string_lossy(), message));
    };
    match &program.kind {
        ProgramKind::Program => {}
        ProgramKind::Executable => {
            tell(Severity::Warning, "skipped: it is executable, but begins with neither '#!' nor an ELF header".into());
            return None;
        }
        ProgramKind::Plain => {
            tell(Severity::Notice, "skipped: it is not executable".into());
            return None;
        }
        ProgramKind::Directory => {
            tell(
                Severity::Notice,
                "skipped: it is a directory, and only files directly in service/ are services".into(),
            );
            return None;
        }
        ProgramKind::Special => {
            tell(Severity::Notice, "skipped: it is not a regular file".into());
            return None;
        }
        ProgramKind::Unreachable(reason) => {
            tell(Severity::Warning, format!("skipped: {reason}"));
            return None;
        }
    }
    if let Err(error) = check_name(&name) {
        tell(Severity::Error, error.to_string());
    }
    let mut unit = defaults.for_a(Kind::Service);
    unit.process.command = vec![program.path.clone().into_os_string()];
    Some(Found { spec: unit.into_service(name.into_owned()), name: place, command: place, marks: None })
}
