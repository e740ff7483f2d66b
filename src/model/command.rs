//! What a process is made from: command, environment, identity. Services, jobs, the main command and
//! `wmexec` share it.

use super::signal::Signal;
use std::ffi::OsString;
use std::path::PathBuf;

/// A variable of an environment: name and value.
pub type Variable = (OsString, OsString);

/// A process that can be asked for. Names of users are looked up at each start, so an earlier unit may
/// create them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ProcessSpec {
    /// Program (searched in `PATH` of the child's environment unless it has a `/`) and arguments; never empty.
    pub command: Vec<OsString>,
    /// Added to the inherited environment, in order; a later one wins.
    pub environ: Vec<Variable>,
    pub identity: Identity,
    pub working_dir: Option<PathBuf>,
    pub session: Session,
    /// What few processes ask for; boxed, so that a thousand plain units stay small.
    pub extras: Option<Box<Extras>>,
}

/// What a process may ask for beyond the usual.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Extras {
    /// Read at each start; set before `environ`.
    pub secrets: Vec<Secret>,
    pub inherit_env: InheritEnv,
    /// Supplementary groups, names or numbers, instead of the user's own.
    pub groups: Option<Vec<String>>,
    pub umask: Option<u32>,
    pub rlimits: Vec<Rlimit>,
    pub nice: Option<i32>,
    pub oom_score_adj: Option<i32>,
    pub no_new_privs: bool,
    /// The capabilities to keep, a bit each (`model::capability`): bounding, inheritable and ambient sets.
    pub capabilities: Option<u64>,
    pub stdin: Stdin,
    /// What only `wmexec` asks for: `HOME`, `USER`, `LOGNAME` and `SHELL` stay as they are.
    pub keep_home: bool,
    /// Instead of the program as it is called; `wmexec` only.
    pub argv0: Option<OsString>,
    /// The signal that it gets when its parent ends; `wmexec` only.
    pub parent_death: Option<Signal>,
}

/// A file whose content becomes a variable of one unit only.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Secret {
    pub name: String,
    pub file: PathBuf,
    /// `NAME_FILE` names an unlinked memory file, instead of `NAME` holding the content.
    pub as_file: bool,
}

/// What of wingmate's own environment is passed on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum InheritEnv {
    #[default]
    All,
    Nothing,
    /// These names; `AWS_*` stands for all that begin so.
    Only(Vec<String>),
}

/// A limit of setrlimit(2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rlimit {
    pub resource: Resource,
    /// `u64::MAX`: unlimited.
    pub soft: u64,
    pub hard: u64,
}

/// What a limit is about, by setrlimit(2)'s names without `RLIMIT_`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resource {
    As,
    Core,
    Cpu,
    Data,
    Fsize,
    Locks,
    Memlock,
    Msgqueue,
    Nice,
    Nofile,
    Nproc,
    Rss,
    Rtprio,
    Rttime,
    Sigpending,
    Stack,
}

impl Resource {
    /// Every one, by the name that `rlimits` has for it.
    pub const NAMES: [(Resource, &str); 16] = [
        (Resource::As, "as"),
        (Resource::Core, "core"),
        (Resource::Cpu, "cpu"),
        (Resource::Data, "data"),
        (Resource::Fsize, "fsize"),
        (Resource::Locks, "locks"),
        (Resource::Memlock, "memlock"),
        (Resource::Msgqueue, "msgqueue"),
        (Resource::Nice, "nice"),
        (Resource::Nofile, "nofile"),
        (Resource::Nproc, "nproc"),
        (Resource::Rss, "rss"),
        (Resource::Rtprio, "rtprio"),
        (Resource::Rttime, "rttime"),
        (Resource::Sigpending, "sigpending"),
        (Resource::Stack, "stack"),
    ];

    /// As `rlimits` calls it.
    pub fn name(self) -> &'static str {
        Resource::NAMES.iter().find(|(resource, _)| *resource == self).map_or("", |(_, name)| name)
    }
}

/// What a process reads on its descriptor 0.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Stdin {
    #[default]
    Null,
    Inherit,
}

static PLAIN: Extras = Extras {
    secrets: Vec::new(),
    inherit_env: InheritEnv::All,
    groups: None,
    umask: None,
    rlimits: Vec::new(),
    nice: None,
    oom_score_adj: None,
    no_new_privs: false,
    capabilities: None,
    stdin: Stdin::Null,
    keep_home: false,
    argv0: None,
    parent_death: None,
};

impl ProcessSpec {
    /// What is asked for beyond the usual.
    pub fn extras(&self) -> &Extras {
        self.extras.as_deref().unwrap_or(&PLAIN)
    }

    /// The same, to be added to.
    pub fn extras_mut(&mut self) -> &mut Extras {
        self.extras.get_or_insert_default()
    }
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
