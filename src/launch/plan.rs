//! A launch, ready to be performed: everything that the child needs between clone and exec is allocated here.
//! Built from a unit's definition at each start, performed by `sys::spawn` (a child) or `sys::exec` (in place).

use super::accounts::{AccountError, Accounts, Gid, Target, Uid};
use super::environment::{self, DEFAULT_PATH, Variable};
use super::step::{Limit, Step};
use crate::model::command::{ProcessSpec, Session};
use std::ffi::{CString, OsStr};
use std::os::unix::ffi::OsStrExt;

/// Argument vector, environment, candidate paths and steps of one launch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    pub argv: Vec<CString>,
    /// `NAME=value`, each.
    pub envp: Vec<CString>,
    /// What is tried for exec, in order: execvpe(3)'s search.
    pub candidates: Vec<CString>,
    /// Whether they come from `PATH`.
    pub searched: bool,
    pub steps: Vec<Step>,
    /// What was asked for and left out; for the log at level debug.
    pub notices: Vec<Notice>,
}

/// What a plan is made in.
#[derive(Clone, Copy, Debug)]
pub struct Context<'a> {
    /// The inherited environment (for units: [`environment::for_units`], taken once).
    pub environment: &'a [Variable],
    /// What wingmate itself tells the child; beats everything.
    pub extra: &'a [Variable],
    /// [`Accounts::NONE`] unless [`Accounts::needed`].
    pub accounts: &'a Accounts,
    pub ids: &'a Ids,
    /// The limit on open files that was found at start, if wingmate raised its own.
    pub open_files: Option<Limit>,
    /// Whether the child's process group becomes its terminal's foreground one.
    pub foreground: bool,
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
}

/// Something asked for that the plan leaves out.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
pub enum Notice {
    /// User and group fit already, and setgroups isn't ours to call.
    #[error("supplementary groups stay as they are: setting them needs CAP_SETGID")]
    GroupsKept,
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

impl Plan {
    /// Looks up the user and lays out the steps.
    pub fn new(spec: &ProcessSpec, context: &Context<'_>) -> Result<Plan, PlanError> {
        let program = spec.command.first().ok_or(PlanError::NoCommand)?;
        let target = context.accounts.resolve(&spec.identity)?;
        let layers = [spec.environ.as_slice(), context.extra];
        let variables = environment::merge(context.environment, target.person.as_ref(), &layers);
        let path = environment::get(&variables, "PATH").unwrap_or(OsStr::new(DEFAULT_PATH));
        let (steps, notices) = steps(spec, context, target)?;
        Ok(Plan {
            argv: spec
                .command
                .iter()
                .map(|word| cstring(word.as_bytes(), || Place::Command))
                .collect::<Result<_, _>>()?,
            candidates: candidates(program, path)?,
            searched: is_name(program),
            envp: variables.iter().map(variable).collect::<Result<_, _>>()?,
            steps,
            notices,
        })
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
    let mut steps = Vec::new();
    steps.extend(context.open_files.map(Step::OpenFiles));
    match spec.session {
        Session::Own => steps.push(Step::Session),
        Session::Group => steps.push(Step::Group),
        Session::Inherit => {}
    }
    if context.foreground {
        steps.push(Step::Foreground);
    }
    let notices = identity(&mut steps, context.ids, target);
    if let Some(directory) = &spec.working_dir {
        steps.push(Step::Directory(cstring(directory.as_os_str().as_bytes(), || Place::Directory)?));
    }
    Ok((steps, notices))
}

/// Only what isn't so already: asking for what one is needs no right.
fn identity(steps: &mut Vec<Step>, ids: &Ids, target: Target) -> Vec<Notice> {
    let mut notices = Vec::new();
    let uid = target.uid.filter(|uid| ids.uids != [*uid; 3]);
    let gid = target.gid.filter(|gid| ids.gids != [*gid; 3]);
    if let Some(groups) = target.groups.filter(|groups| *groups != ids.groups) {
        if uid.is_none() && gid.is_none() && !ids.may_set_groups {
            notices.push(Notice::GroupsKept);
        } else {
            steps.push(Step::Groups(groups));
        }
    }
    steps.extend(gid.map(Step::Gid));
    steps.extend(uid.map(Step::Uid));
    notices
}

/// The paths that execvpe(3) would try: the program itself if it has a `/`, else in each directory of `path`
/// (an empty one is the current directory).
fn candidates(program: &OsStr, path: &OsStr) -> Result<Vec<CString>, PlanError> {
    let named = is_name(program);
    let program = program.as_bytes();
    if !named {
        return Ok(vec![cstring(program, || Place::Command)?]);
    }
    let join = |directory: &[u8]| {
        let mut joined = Vec::with_capacity(directory.len() + program.len() + 2);
        if !directory.is_empty() {
            joined.extend_from_slice(directory);
            joined.push(b'/');
        }
        joined.extend_from_slice(program);
        cstring(&joined, || Place::Command)
    };
    path.as_bytes().split(|b| *b == b':').map(join).collect()
}

fn is_name(program: &OsStr) -> bool {
    !program.is_empty() && !program.as_bytes().contains(&b'/')
}

fn variable((name, value): &Variable) -> Result<CString, PlanError> {
    let mut joined = Vec::with_capacity(name.len() + value.len() + 2);
    joined.extend_from_slice(name.as_bytes());
    joined.push(b'=');
    joined.extend_from_slice(value.as_bytes());
    cstring(&joined, || Place::Variable(name.to_string_lossy().into_owned()))
}

fn cstring(bytes: &[u8], place: impl FnOnce() -> Place) -> Result<CString, PlanError> {
    CString::new(bytes).map_err(|_| PlanError::Nul(place()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::launch::accounts::Table;
    use crate::model::command::Identity;

    fn id(raw: u32) -> (Uid, Gid) {
        (Uid::from_raw(raw).unwrap(), Gid::from_raw(raw).unwrap())
    }

    fn ids(uids: [u32; 3], gids: [u32; 3], groups: &[u32], may_set_groups: bool) -> Ids {
        let groups = groups.iter().map(|raw| id(*raw).1).collect();
        Ids { uids: uids.map(|raw| id(raw).0), gids: gids.map(|raw| id(raw).1), groups, may_set_groups }
    }

    fn root() -> Ids {
        ids([0; 3], [0; 3], &[0], true)
    }

    fn spec(words: &[&str], user: &str) -> ProcessSpec {
        let user = (!user.is_empty()).then(|| user.to_owned());
        ProcessSpec {
            command: words.iter().map(Into::into).collect(),
            identity: Identity { user, group: None },
            session: Session::Inherit,
            ..ProcessSpec::default()
        }
    }

    fn planned(spec: &ProcessSpec, ids: &Ids, change: impl FnOnce(&mut Context<'_>)) -> Result<Plan, PlanError> {
        layered(spec, ids, &[], &[], change)
    }

    fn layered(
        spec: &ProcessSpec,
        ids: &Ids,
        environment: &[Variable],
        extra: &[Variable],
        change: impl FnOnce(&mut Context<'_>),
    ) -> Result<Plan, PlanError> {
        let accounts = Accounts {
            passwd: Table::Text(b"root:x:0:0::/root:/bin/sh\nweb:x:33:33::/srv:/bin/sh\n".to_vec()),
            group: Table::Text(b"adm:x:4:web\n".to_vec()),
        };
        let mut context = Context { environment, extra, accounts: &accounts, ids, open_files: None, foreground: false };
        change(&mut context);
        Plan::new(spec, &context)
    }

    fn spoken(plan: &Plan) -> Vec<String> {
        plan.steps.iter().map(Step::to_string).collect()
    }

    #[test]
    fn steps_come_in_the_order_that_the_kernel_demands() {
        let spec = ProcessSpec { session: Session::Own, working_dir: Some("/srv".into()), ..spec(&["x"], "web") };
        let plan = planned(&spec, &root(), |context| {
            context.open_files = Some(Limit { soft: 1024, hard: 4096 });
            context.foreground = true;
        });
        assert_eq!(
            spoken(&plan.unwrap()),
            [
                "setting the limit on open files to 1024:4096",
                "beginning a session",
                "taking the terminal's foreground",
                "setting supplementary groups",
                "setting the group id to 33",
                "setting the user id to 33",
                "changing to directory '/srv'",
            ]
        );
    }

    #[test]
    fn what_is_so_already_is_not_set() {
        let groups = "setting supplementary groups";
        let (gid, uid) = ("setting the group id to 33", "setting the user id to 33");
        let rows: [(Ids, &[&str], usize); 8] = [
            (ids([33; 3], [33; 3], &[4, 33], false), &[], 0),
            (ids([33; 3], [33; 3], &[4, 33], true), &[], 0),
            (ids([33; 3], [33; 3], &[], true), &[groups], 0),
            // Asking for what one is needs no right; what can't be set then stays, with a notice.
            (ids([33; 3], [33; 3], &[], false), &[], 1),
            // A saved or effective id is a way back.
            (ids([33, 33, 0], [33; 3], &[4, 33], false), &[uid], 0),
            (ids([33, 0, 33], [33, 0, 33], &[4, 33], true), &[gid, uid], 0),
            (ids([33; 3], [33, 33, 0], &[], false), &[groups, gid], 0),
            (ids([0; 3], [0; 3], &[0], false), &[groups, gid, uid], 0),
        ];
        for (number, (ids, expected, notices)) in rows.iter().enumerate() {
            let plan = planned(&spec(&["x"], "web"), ids, |_| {}).unwrap();
            assert_eq!(spoken(&plan), *expected, "row {number}");
            assert_eq!(plan.notices.len(), *notices, "row {number}");
        }
        assert!(planned(&spec(&["x"], ""), &root(), |_| {}).unwrap().steps.is_empty());
    }

    #[test]
    fn programs_are_searched_in_the_childs_path() {
        let search = |program: &str, path: Option<&str>| {
            let environ = path.map(|path| ("PATH".into(), path.into())).into_iter().collect();
            let spec = ProcessSpec { environ, ..spec(&[program], "") };
            let base = [("PATH".into(), "/base".into())];
            let plan = layered(&spec, &root(), &base, &[], |_| {}).unwrap();
            plan.candidates.into_iter().map(|path| path.into_string().unwrap()).collect::<Vec<_>>()
        };
        assert_eq!(search("ls", None), ["/base/ls"]);
        assert_eq!(search("ls", Some("/a:/b/")), ["/a/ls", "/b//ls"]);
        assert_eq!(search("ls", Some("/a::/b:")), ["/a/ls", "ls", "/b/ls", "ls"]);
        assert_eq!(search("./ls", Some("/a")), ["./ls"]);
        assert_eq!(search("", Some("/a")), [""]);
        let plan = planned(&spec(&["ls"], ""), &root(), |_| {}).unwrap();
        assert_eq!(plan.candidates.len(), DEFAULT_PATH.split(':').count());
        assert_eq!(plan.candidates[0].to_str(), Ok("/usr/local/sbin/ls"));
    }

    #[test]
    fn wingmates_own_variables_win() {
        let environ = vec![("HOME".into(), "/mine".into()), ("WINGMATE_JOB".into(), "theirs".into())];
        let extra = [("WINGMATE_JOB".into(), "backup".into())];
        let spec = ProcessSpec { environ, ..spec(&["x"], "web") };
        let plan = layered(&spec, &root(), &[], &extra, |_| {}).unwrap();
        let told: Vec<_> = plan.envp.iter().map(|variable| variable.to_str().unwrap()).collect();
        assert_eq!(told, ["HOME=/mine", "SHELL=/bin/sh", "USER=web", "LOGNAME=web", "WINGMATE_JOB=backup"]);
    }

    #[test]
    fn what_no_kernel_could_take_is_refused() {
        let refused = |spec: &ProcessSpec| planned(spec, &root(), |_| {}).unwrap_err().to_string();
        assert_eq!(refused(&spec(&[], "")), "the command is empty");
        assert_eq!(refused(&spec(&["a", "b\0c"], "")), "a NUL character in the command");
        let environ = vec![("KEY".into(), "a\0b".into())];
        let nul = ProcessSpec { environ, ..spec(&["a"], "") };
        assert_eq!(refused(&nul), "a NUL character in the environment variable 'KEY'");
        let nul = ProcessSpec { working_dir: Some("/a\0".into()), ..spec(&["a"], "") };
        assert_eq!(refused(&nul), "a NUL character in the working directory");
        assert_eq!(refused(&spec(&["a"], "nosuch")), "unknown user 'nosuch' in /etc/passwd");
    }
}
