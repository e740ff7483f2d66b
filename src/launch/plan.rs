//! A launch, ready to be performed: everything that the child needs between clone and exec is allocated here.
//! Built from a unit's definition at each start, performed by `sys::spawn` (a child) or `sys::exec` (in place).

use super::accounts::{AccountError, Accounts, Gid, Target, Uid};
use super::environment::{self, DEFAULT_PATH, Lent};
use super::step::{Limit, Step};
use super::strings::{Nul, Strings};
use crate::model::capability::Capabilities;
use crate::model::command::{Extras, ProcessSpec, Resource, Rlimit, Session, Variable};
use crate::model::unit::Pid;
use memchr::memchr_iter;
use std::ffi::{CString, OsStr, OsString};
use std::os::unix::ffi::OsStrExt;

/// Argument vector, environment, candidate paths and steps of one launch.
#[derive(Clone, PartialEq, Eq)]
pub struct Plan {
    pub argv: Strings,
    /// `NAME=value`, each.
    pub envp: Strings,
    /// What is tried for exec, in order: execvpe(3)'s search.
    pub candidates: Strings,
    /// Whether they come from `PATH`.
    pub searched: bool,
    pub steps: Vec<Step>,
    /// What was asked for and left out; for the log at level debug.
    pub notices: Vec<Notice>,
}

/// What a plan is made in.
#[derive(Clone, Copy)]
pub struct Context<'a> {
    /// The inherited environment (for units: [`environment::for_units`], taken once).
    pub environment: &'a [Lent<'a>],
    /// What was read from files that nobody else is to see.
    pub secrets: &'a [Variable],
    /// What wingmate itself tells the child; beats everything.
    pub extra: &'a [Variable],
    /// [`Accounts::NONE`] unless [`Accounts::needed`].
    pub accounts: &'a Accounts,
    pub ids: &'a Ids,
    /// The limit on open files that was found at start, if wingmate raised its own.
    pub open_files: Option<Limit>,
    /// Whether the child's process group becomes its terminal's foreground one.
    pub foreground: bool,
    /// The process's parent, with [`Extras::parent_death`]; `None`: outside of our pid namespace.
    pub parent: Option<Pid>,
}

/// Who this process is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ids {
    /// Real, effective, saved.
    pub uids: [Uid; 3],
    /// Real, effective, saved.
    pub gids: [Gid; 3],
    /// Supplementary ones, sorted, each once.
    pub groups: Vec<Gid>,
    /// Whether the kernel lets us set groups.
    pub may_set_groups: bool,
    /// The capabilities that this process may use or pass on.
    pub permitted: Capabilities,
    /// Those that its programs can inherit; all that are ambient are among them.
    pub inheritable: Capabilities,
    /// Those that the kernel knows; `None` where nobody asked.
    pub known: Option<Capabilities>,
}

/// Something asked for that the plan leaves out.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
pub enum Notice {
    /// User and group fit already, and setgroups isn't ours to call.
    #[error("supplementary groups stay as they are: setting them needs CAP_SETGID")]
    GroupsKept,
    #[error("{0} can't be kept: this kernel has no such capability")]
    NoSuchCapability(Capabilities),
}

/// Why there is no plan.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
pub enum PlanError {
    #[error(transparent)]
    Account(#[from] AccountError),
    #[error("the command is empty")]
    NoCommand,
    #[error("a NUL character in {0}")]
    Nul(Place),
    #[error("cannot keep {0}: not in the permitted set of the process that is to pass it on")]
    Lacking(Capabilities),
}

/// Where a NUL was found: no string of the kernel's can hold one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    Command,
    Variable(String),
    Directory,
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Place::Command => f.write_str("the command"),
            Place::Variable(name) => write!(f, "the environment variable '{name}'"),
            Place::Directory => f.write_str("the working directory"),
        }
    }
}

/// Without the environment, which may hold secrets.
impl std::fmt::Debug for Plan {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Plan").field("argv", &self.argv).field("steps", &self.steps).finish_non_exhaustive()
    }
}

impl Plan {
    /// Looks up the user and lays out the steps.
    pub fn new(spec: &ProcessSpec, context: &Context<'_>) -> Result<Plan, PlanError> {
        let program = spec.command.first().ok_or(PlanError::NoCommand)?;
        let extras = spec.extras();
        let mut target = context.accounts.resolve(&spec.identity)?;
        if let Some(groups) = &extras.groups {
            target.groups = Some(context.accounts.gids(groups.iter().map(String::as_str))?);
        }
        let layers = [context.secrets, spec.environ.as_slice(), context.extra];
        let inherited = environment::inherited(context.environment, &extras.inherit_env);
        let person = target.person.as_ref().filter(|_| !extras.keep_home);
        let variables = environment::merge(inherited, person, &layers);
        let path = environment::get(&variables, "PATH").unwrap_or(OsStr::new(DEFAULT_PATH));
        let (candidates, envp) = (candidates(program, path)?, assignments(&variables)?);
        let (steps, notices) = steps(spec, context, target)?;
        let argv = arguments(extras.argv0.as_ref().unwrap_or(program), &spec.command)?;
        Ok(Plan { argv, candidates, searched: is_name(program), envp, steps, notices })
    }

    /// The user and group that the process becomes, if it becomes another user than `ids` say.
    pub fn owner(&self, ids: &Ids) -> Option<(Uid, Gid)> {
        let gid = self.steps.iter().find_map(|step| if let Step::Gid(gid) = step { Some(*gid) } else { None });
        let uid = self.steps.iter().find_map(|step| if let Step::Uid(uid) = step { Some(*uid) } else { None });
        let [_, effective, _] = ids.gids;
        uid.map(|uid| (uid, gid.unwrap_or(effective)))
    }
}

fn steps(spec: &ProcessSpec, context: &Context<'_>, target: Target) -> Result<(Vec<Step>, Vec<Notice>), PlanError> {
    let extras = spec.extras();
    let mut steps = limits(extras, context.open_files);
    steps.extend(extras.nice.map(Step::Nice));
    if let Some(score) = extras.oom_score_adj {
        steps.push(Step::OomScore(cstring(score.to_string().as_bytes(), || Place::Command)?));
    }
    match spec.session {
        Session::Own => steps.push(Step::Session),
        Session::Group => steps.push(Step::Group),
        Session::Inherit => {}
    }
    if context.foreground {
        steps.push(Step::Foreground);
    }
    let mut notices = identity(&mut steps, extras, context.ids, target);
    if let Some(asked) = extras.capabilities {
        notices.extend(capabilities(&mut steps, asked, context.ids)?);
    }
    if let Some(directory) = &spec.working_dir {
        steps.push(Step::Directory(cstring(directory.as_os_str().as_bytes(), || Place::Directory)?));
    }
    steps.extend(extras.umask.map(Step::Umask));
    steps.extend(extras.parent_death.map(|signal| Step::ParentDeath { signal, parent: context.parent }));
    if extras.no_new_privs {
        steps.push(Step::NoNewPrivileges);
    }
    Ok((steps, notices))
}

/// What was found at start comes back, then what is asked for.
fn limits(extras: &Extras, open_files: Option<Limit>) -> Vec<Step> {
    let found = open_files.map(|Limit { soft, hard }| Rlimit { resource: Resource::Nofile, soft, hard });
    let asked = |resource| extras.rlimits.iter().any(|limit| limit.resource == resource);
    let found = found.filter(|limit| !asked(limit.resource));
    found.into_iter().chain(extras.rlimits.iter().copied()).map(Step::Limit).collect()
}

/// Only what isn't so already: asking for what one is needs no right.
fn identity(steps: &mut Vec<Step>, extras: &Extras, ids: &Ids, target: Target) -> Vec<Notice> {
    let mut notices = Vec::new();
    let uid = target.uid.filter(|uid| ids.uids != [*uid; 3]);
    let gid = target.gid.filter(|gid| ids.gids != [*gid; 3]);
    if let Some(groups) = target.groups.filter(|groups| *groups != ids.groups) {
        // The user's own may be left out where everything else fits; those that are named may not.
        if uid.is_none() && gid.is_none() && extras.groups.is_none() && !ids.may_set_groups {
            notices.push(Notice::GroupsKept);
        } else {
            steps.push(Step::Groups(groups));
        }
    }
    steps.extend(gid.map(Step::Gid));
    if uid.is_some() && extras.capabilities.is_some() {
        steps.push(Step::KeepCapabilities);
    }
    steps.extend(uid.map(Step::Uid));
    if uid.is_some() && extras.capabilities.is_none() && ids.inheritable.0 != 0 {
        steps.push(Step::NothingInherited);
    }
    notices
}

/// What this kernel doesn't know can't be kept and needn't be dropped.
fn capabilities(steps: &mut Vec<Step>, asked: u64, ids: &Ids) -> Result<Option<Notice>, PlanError> {
    let kept = asked & ids.known.map_or(u64::MAX, |known| known.0);
    let lacking = kept & !ids.permitted.0;
    if lacking != 0 {
        return Err(PlanError::Lacking(Capabilities(lacking)));
    }
    steps.push(Step::Capabilities(kept));
    let unknown = asked & !kept;
    Ok((unknown != 0).then_some(Notice::NoSuchCapability(Capabilities(unknown))))
}

/// The paths that execvpe(3) would try: the program itself if it has a `/`, else in each directory of `path`
/// (an empty one is the current directory).
fn candidates(program: &OsStr, path: &OsStr) -> Result<Strings, PlanError> {
    let nul = |Nul| PlanError::Nul(Place::Command);
    let (named, program, path) = (is_name(program), program.as_bytes(), path.as_bytes());
    if !named {
        let mut candidate = Strings::with_capacity(1, program.len() + 1);
        candidate.push(&[program]).map_err(nul)?;
        return Ok(candidate);
    }
    let count = memchr_iter(b':', path).count() + 1;
    let mut candidates = Strings::with_capacity(count, path.len() + (program.len() + 2) * count);
    let mut begin = 0;
    for end in memchr_iter(b':', path).chain([path.len()]) {
        let directory = path.get(begin..end).unwrap_or_default();
        let between: &[u8] = if directory.is_empty() { b"" } else { b"/" };
        candidates.push(&[directory, between, program]).map_err(nul)?;
        begin = end + 1;
    }
    Ok(candidates)
}

fn is_name(program: &OsStr) -> bool {
    !program.is_empty() && !program.as_bytes().contains(&b'/')
}

fn arguments(first: &OsStr, command: &[OsString]) -> Result<Strings, PlanError> {
    let words = || std::iter::once(first).chain(command.iter().skip(1).map(OsString::as_os_str));
    let mut arguments = Strings::with_capacity(command.len(), words().map(|word| word.len() + 1).sum());
    for word in words() {
        arguments.push(&[word.as_bytes()]).map_err(|Nul| PlanError::Nul(Place::Command))?;
    }
    Ok(arguments)
}

fn assignments(variables: &[Lent<'_>]) -> Result<Strings, PlanError> {
    let bytes = variables.iter().map(|(name, value)| name.len() + value.len() + 2).sum();
    let mut assignments = Strings::with_capacity(variables.len(), bytes);
    for (name, value) in variables {
        let place = |Nul| PlanError::Nul(Place::Variable(name.to_string_lossy().into_owned()));
        assignments.push(&[name.as_bytes(), b"=", value.as_bytes()]).map_err(place)?;
    }
    Ok(assignments)
}

fn cstring(bytes: &[u8], place: impl FnOnce() -> Place) -> Result<CString, PlanError> {
    CString::new(bytes).map_err(|_| PlanError::Nul(place()))
}

#[cfg(test)]
mod tests;
