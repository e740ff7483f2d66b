//! Keys of services and jobs alike: what a process is made from.

use super::set;
use crate::config::hooks::Draft;
use crate::config::reading::Key;
use crate::config::schema::{self, Unit};
use crate::config::{hooks, surroundings};
use crate::model::command::{Session, Stdin};
use std::path::PathBuf;

/// Of services and jobs.
pub const PROCESS: &[Key<Unit>] = &[
    key! {
        name: "command",
        kind: "list or string",
        default: "required",
        meaning: "program (searched in PATH of the child's environment) and arguments; a string is split as in a crontab, without a shell",
        read: |field, unit| unit.process.command = schema::command(field),
    },
    key! {
        name: "environ",
        kind: "list of K=V, or map",
        default: "none",
        meaning: "added to the inherited environment",
        read: |field, unit| unit.environ = schema::environ(field),
    },
    key! {
        name: "user",
        kind: "name or id, or user:group",
        default: "wingmate's own",
        meaning: "whom the process becomes",
        read: |field, unit| schema::user(field, unit),
    },
    key! {
        name: "group",
        kind: "name or id",
        default: "the user's own",
        meaning: "the group instead of the user's own",
        read: |field, unit| schema::group(field, unit),
    },
    key! {
        name: "working_dir",
        kind: "path",
        default: "wingmate's own",
        meaning: "where the process starts",
        read: |field, unit| unit.process.working_dir = field.word("a path").map(PathBuf::from),
    },
    key! {
        name: "setsid",
        kind: "bool",
        default: "true",
        meaning: "a session of its own, and with it a process group and no controlling terminal; false: a process group only",
        read: |field, unit| {
            let session = field.flag().map(|own| if own { Session::Own } else { Session::Group });
            set(&mut unit.process.session, session);
        },
    },
    key! {
        name: "env_file",
        kind: "path or list",
        default: "none",
        meaning: "files of K=V lines, added before environ; a leading '-' means that it may be missing",
        read: |field, unit| surroundings::env_files(field, unit),
    },
    key! {
        name: "secrets",
        kind: "map NAME to a file, or to {file, as}",
        default: "none",
        meaning: "the file's content becomes the variable NAME, read at each start; as: file gives its place in NAME_FILE instead",
        read: |field, unit| surroundings::secrets(field, unit),
    },
    key! {
        name: "inherit_env",
        kind: "true, false, or list of names",
        default: "true",
        meaning: "what of wingmate's own environment is passed on; AWS_* stands for all names that begin so",
        read: |field, unit| surroundings::inherit_env(field, unit),
    },
    key! {
        name: "groups",
        kind: "list of names or ids",
        default: "the user's own",
        meaning: "supplementary groups",
        read: |field, unit| surroundings::groups(field, unit),
    },
    key! {
        name: "umask",
        kind: "octal number",
        default: "wingmate's own",
        meaning: "the permissions that new files don't get",
        read: |field, unit| surroundings::umask(field, unit),
    },
    key! {
        name: "rlimits",
        kind: "map of limits: N, unlimited, or soft:hard",
        default: "those that wingmate found",
        meaning: "limits of setrlimit(2), by their names without RLIMIT_",
        read: |field, unit| surroundings::rlimits(field, unit),
    },
    key! {
        name: "nice",
        kind: "-20 to 19",
        default: "wingmate's own",
        meaning: "scheduling priority, 19 the least favourable",
        read: |field, unit| surroundings::nice(field, unit),
    },
    key! {
        name: "oom_score_adj",
        kind: "-1000 to 1000",
        default: "wingmate's own",
        meaning: "how soon the kernel kills it when memory is short, 1000 the soonest",
        read: |field, unit| surroundings::oom_score_adj(field, unit),
    },
    key! {
        name: "no_new_privs",
        kind: "bool",
        default: "false",
        meaning: "no program that it executes gains privileges (set-user-ID and the like)",
        read: |field, unit| surroundings::no_new_privs(field, unit),
    },
    key! {
        name: "capabilities",
        kind: "list of names",
        default: "those of its user",
        meaning: "the capabilities to keep; [] drops all",
        read: |field, unit| surroundings::capabilities(field, unit),
    },
    key! {
        name: "stdin",
        kind: "null, inherit",
        default: "null",
        meaning: "what it reads: nothing, or wingmate's own standard input",
        read: |field, unit| {
            if let Some(Stdin::Inherit) = surroundings::stdin(field) {
                unit.process.extras_mut().stdin = Stdin::Inherit;
            }
        },
    },
];

/// In a `secrets:` entry.
pub const SECRET: &[Key<surroundings::SecretDraft>] = &[
    key! {
        name: "file",
        kind: "path",
        default: "required",
        meaning: "the file that holds it",
        read: |field, draft| draft.file = field.word("a path").map(PathBuf::from),
    },
    key! {
        name: "as",
        kind: "env, file",
        default: "env",
        meaning: "env: the variable holds the content; file: NAME_FILE names an unlinked memory file with it",
        read: |field, draft| set(&mut draft.as_file, field.one_of(&[("env", false), ("file", true)])),
    },
];

/// In a `pre_start:` or `post_stop:` that is a map.
pub const HOOK: &[Key<Draft>] = &[
    key! {
        name: "command",
        kind: "list or string",
        default: "required",
        meaning: "program and arguments",
        read: |field, draft| draft.command = schema::command(field),
    },
    key! {
        name: "user",
        kind: "name or id, or user:group",
        default: "the service's own",
        meaning: "whom it becomes",
        read: |field, draft| draft.identity = hooks::identity(field),
    },
    key! {
        name: "timeout",
        kind: "duration",
        default: "30s",
        meaning: "after this it is stopped and has failed",
        read: |field, draft| set(&mut draft.timeout, field.duration()),
    },
];
