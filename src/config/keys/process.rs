//! The keys that services and jobs share: the process, its environment, whom it becomes and what it may.

use super::set;
use crate::config::draft::Unit;
use crate::config::reading::Key;
use crate::config::schema::{commands, environment, identity, limits};
use crate::model::command::{Secret, Session};
use std::path::PathBuf;

/// Of services and jobs.
pub const PROCESS: &[Key<Unit>] = &[
    key! {
        name: "command",
        kind: "list or string",
        default: "required",
        meaning: "program (searched in PATH of the child's environment) and arguments; a string is split as in a crontab, without a shell",
        read: |field, unit| unit.process.command = commands::command(field),
    },
    key! {
        name: "environ",
        kind: "list of K=V, or map",
        default: "none",
        meaning: "added to the inherited environment",
        read: |field, unit| unit.process.environ = environment::environ(field),
    },
    key! {
        name: "env_file",
        kind: "path or list; a leading - means it may be missing",
        default: "none",
        meaning: "files of K=V lines with # comments, optional quotes and an optional export before the name; before environ",
        read: |field, unit| environment::env_file(field, unit),
    },
    key! {
        name: "secrets",
        kind: "map of NAME: FILE, or NAME: {file, as: env|file}",
        default: "none",
        meaning: "the file's content becomes a variable of this unit alone, before environ's; with as: file NAME_FILE names an unlinked memory file",
        read: |field, unit| environment::secrets(field, unit),
    },
    key! {
        name: "inherit_env",
        kind: "true, false, or list of names (AWS_* for all that begin so)",
        default: "true",
        meaning: "what of wingmate's own environment is passed on",
        read: |field, unit| environment::inherit_env(field, unit),
    },
    key! {
        name: "user",
        kind: "name or id, or user:group",
        default: "wingmate's own",
        meaning: "whom the process becomes",
        read: |field, unit| identity::user(field, unit),
    },
    key! {
        name: "group",
        kind: "name or id",
        default: "the user's own",
        meaning: "the group instead of the user's own",
        read: |field, unit| identity::group(field, unit),
    },
    key! {
        name: "groups",
        kind: "list of names or ids",
        default: "the user's own",
        meaning: "supplementary groups instead of the user's own",
        read: |field, unit| identity::groups(field, unit),
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
        name: "umask",
        kind: "octal string",
        default: "wingmate's own",
        meaning: "which permissions files that it makes don't get",
        read: |field, unit| limits::umask(field, unit),
    },
    key! {
        name: "rlimits",
        kind: "map of NAME: N, unlimited, or \"SOFT:HARD\"",
        default: "as wingmate was started with",
        meaning: "limits of setrlimit(2) by its names, such as nofile; of what is counted in bytes also sizes such as 64MiB",
        read: |field, unit| limits::rlimits(field, unit),
    },
    key! {
        name: "nice",
        kind: "number from -20 to 19",
        default: "wingmate's own",
        meaning: "the scheduling priority: -20 runs first",
        read: |field, unit| limits::nice(field, unit),
    },
    key! {
        name: "oom_score_adj",
        kind: "number from -1000 to 1000",
        default: "wingmate's own",
        meaning: "how likely the kernel kills it when memory runs out: -1000 never",
        read: |field, unit| limits::oom_score_adj(field, unit),
    },
    key! {
        name: "no_new_privs",
        kind: "bool",
        default: "false",
        meaning: "whether it can never gain privileges by executing a program",
        read: |field, unit| set(&mut unit.process.extras_mut().no_new_privs, field.flag()),
    },
    key! {
        name: "capabilities",
        kind: "list of names, with or without CAP_",
        default: "as the kernel has it for the user",
        meaning: "the capabilities that it keeps, as the bounding, inheritable and ambient sets; [] drops all",
        read: |field, unit| limits::capabilities(field, unit),
    },
    key! {
        name: "stdin",
        kind: "null, inherit",
        default: "null",
        meaning: "what it reads: nothing, or wingmate's own standard input, which one unit can have",
        read: |field, unit| commands::stdin(field, unit),
    },
];

/// In an entry of `secrets:`.
pub const SECRET: &[Key<Secret>] = &[
    key! {
        name: "file",
        kind: "path",
        default: "required",
        meaning: "the file with the content, read at each start; one final newline is cut",
        read: |field, secret| set(&mut secret.file, field.word("a path").map(PathBuf::from)),
    },
    key! {
        name: "as",
        kind: "env, file",
        default: "env",
        meaning: "env: NAME holds the content; file: NAME_FILE names a memory file with it",
        read: |field, secret| set(&mut secret.as_file, field.one_of(&[("env", false), ("file", true)])),
    },
];
