//! What a process is made from: command, environment, identity. Services, jobs, the main command and
//! `wmexec` share it.

use std::ffi::OsString;
use std::path::PathBuf;

/// A process that can be asked for. Names of users are looked up at each start, so an earlier unit may
/// create them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ProcessSpec {
    /// Program (searched in `PATH` of the child's environment unless it has a `/`) and arguments; never empty.
    pub command: Vec<OsString>,
    /// Added to the inherited environment, in order; a later one wins.
    pub environ: Vec<(OsString, OsString)>,
    pub identity: Identity,
    pub working_dir: Option<PathBuf>,
    pub session: Session,
}

/// Whom the process becomes. All `None`: whoever wingmate is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Identity {
    /// A name or a number.
    pub user: Option<String>,
    /// A name or a number; without it the user's own group.
    pub group: Option<String>,
}

/// Which session and process group the process leads.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Session {
    /// `setsid`: own session, own process group, no controlling terminal.
    #[default]
    Own,
    /// Own process group in wingmate's session.
    Group,
    /// Neither: as found (`wmexec` without `--setsid`).
    Inherit,
}
