//! wmexec's options: what they are, and what they ask for, as a unit's definition would.

use super::remark;
use crate::applet::{Line, Opt};
use std::ffi::{OsStr, OsString};
use std::fmt::Display;
use std::path::PathBuf;
use wingmate::model::capability::Capabilities;
use wingmate::model::command::{Extras, Identity, InheritEnv, ProcessSpec, Rlimit, Session, Variable};
use wingmate::model::limits;
use wingmate::model::number::{Unfit, integer};
use wingmate::model::settings::Level;
use wingmate::model::variable::{assignment, check_names};
use wingmate::runtime::configuration::env_file;

pub static OPTIONS: [Opt; 18] = [
    Opt {
        short: Some('u'),
        long: "user",
        value: Some("USER[:GROUP]"),
        env: Some("WINGMATE_USER"),
        help: "become USER (name or number), with that user's groups, or with GROUP and no other; a number \
               without an entry in /etc/passwd has the group of the same number",
        ..Opt::PLAIN
    },
    Opt {
        short: Some('s'),
        long: "setsid",
        env: Some("WINGMATE_SETSID"),
        help: "begin a new session; the leader of a process group starts PROGRAM as a child for that, and passes \
               signals and the exit status on",
        ..Opt::PLAIN
    },
    Opt { long: "pgrp", help: "begin a process group, unless leading one already; not with --setsid", ..Opt::PLAIN },
    Opt {
        short: Some('G'),
        long: "groups",
        value: Some("A,B"),
        help: "supplementary groups (names or numbers) instead of the user's own; '' for none",
        ..Opt::PLAIN
    },
    Opt {
        short: Some('C'),
        long: "chdir",
        value: Some("DIR"),
        help: "change to DIR, as the new user; a relative PROGRAM is found from there",
        ..Opt::PLAIN
    },
    Opt { long: "umask", value: Some("MASK"), help: "file mode mask, octal, from 000 to 777", ..Opt::PLAIN },
    Opt {
        long: "nice",
        value: Some("N"),
        help: "nice value, from -20 (runs first) to 19; below the present one it needs CAP_SYS_NICE",
        ..Opt::PLAIN
    },
    Opt {
        long: "rlimit",
        value: Some("NAME=SOFT[:HARD]"),
        help: "a limit of setrlimit(2) by its name, such as nofile: a number, 'unlimited', or a size such as 64MiB of \
               what is counted in bytes; one value is both; above the present hard limit it needs CAP_SYS_RESOURCE; \
               may be repeated",
        ..Opt::PLAIN
    },
    Opt {
        long: "oom-score-adj",
        value: Some("N"),
        help: "how likely the kernel kills it when memory runs out, from -1000 (never) to 1000; below what it \
               was last given by root it needs CAP_SYS_RESOURCE",
        ..Opt::PLAIN
    },
    Opt {
        long: "env",
        value: Some("NAME=VALUE"),
        help: "set a variable; beats those of the user and of files; may be repeated",
        ..Opt::PLAIN
    },
    Opt {
        long: "env-file",
        value: Some("FILE"),
        help: "set the variables of FILE: lines of NAME=value with # comments, optional quotes and an optional export \
               before the name; a - before its path says that it may be missing; may be repeated",
        ..Opt::PLAIN
    },
    Opt { long: "clear-env", help: "begin with an empty environment", ..Opt::PLAIN },
    Opt {
        long: "keep-env",
        value: Some("NAMES"),
        help: "keep these variables only, separated by commas; AWS_* for all that begin so; may be repeated",
        ..Opt::PLAIN
    },
    Opt { long: "keep-home", help: "leave HOME, USER, LOGNAME and SHELL as they are", ..Opt::PLAIN },
    Opt { long: "no-new-privs", help: "no program that is executed from here on gains privileges", ..Opt::PLAIN },
    Opt {
        long: "caps",
        value: Some("LIST|none"),
        help: "keep these capabilities only, whoever the user is: names with or without CAP_, separated by commas; \
               they become the bounding, inheritable and ambient sets",
        ..Opt::PLAIN
    },
    Opt {
        long: "pdeathsig",
        value: Some("SIGNAL"),
        help: "PROGRAM gets SIGNAL (name or number) when the process that started wmexec ends",
        ..Opt::PLAIN
    },
    Opt { long: "argv0", value: Some("NAME"), help: "what PROGRAM is called, as its argument 0", ..Opt::PLAIN },
];

/// What is asked for. An error is one line for the user; nothing has been changed.
pub fn read(line: &Line, command: Vec<OsString>) -> Result<ProcessSpec, String> {
    let working_dir = line.value("chdir").map(PathBuf::from);
    if working_dir.as_ref().is_some_and(|path| path.as_os_str().is_empty()) {
        return Err("--chdir must be a directory's path, not ''".into());
    }
    let extras = Extras {
        inherit_env: inherited(line)?,
        groups: line.text("groups")?.map(|text| names("groups", &text)).transpose()?,
        umask: fitting(line, "umask", limits::umask)?,
        rlimits: rlimits(line)?,
        nice: fitting(line, "nice", |text| integer(text, limits::NICE))?,
        oom_score_adj: fitting(line, "oom-score-adj", |text| integer(text, limits::OOM_SCORE_ADJ))?,
        no_new_privs: line.flag("no-new-privs")?,
        capabilities: line.text("caps")?.map(|text| capabilities(&text)).transpose()?,
        keep_home: line.flag("keep-home")?,
        argv0: line.value("argv0"),
        parent_death: line.parsed("pdeathsig", str::parse)?,
        ..Extras::default()
    };
    Ok(ProcessSpec {
        command,
        environ: environ(line)?,
        identity: Identity { user: line.text("user")?, group: None },
        working_dir,
        session: session(line)?,
        extras: Some(Box::new(extras)),
    })
}

/// The command line beats the environment.
fn session(line: &Line) -> Result<Session, String> {
    match (line.flag("pgrp")?, line.times("setsid") > 0) {
        (true, true) => Err("--setsid and --pgrp contradict each other: a new session has a group of its own".into()),
        (true, false) => Ok(Session::Group),
        (false, _) => Ok(if line.flag("setsid")? { Session::Own } else { Session::Inherit }),
    }
}

/// Names alone imply that all others go.
fn inherited(line: &Line) -> Result<InheritEnv, String> {
    if line.times("keep-env") == 0 {
        return Ok(if line.flag("clear-env")? { InheritEnv::Nothing } else { InheritEnv::All });
    }
    let mut kept = Vec::new();
    for value in line.all("keep-env") {
        kept.extend(names("keep-env", utf8("keep-env", value)?)?);
    }
    kept.iter().try_for_each(|name| check_names(name)).map_err(|error| of("keep-env", error))?;
    Ok(InheritEnv::Only(kept))
}

/// Files first, then what is given one by one.
fn environ(line: &Line) -> Result<Vec<Variable>, String> {
    let mut environ = Vec::new();
    for path in line.all("env-file") {
        let (variables, warnings) = env_file(path).map_err(|error| of("env-file", error))?;
        warnings.iter().for_each(|warning| remark(Level::Warn, &warning.to_string()));
        environ.extend(variables);
    }
    for text in line.all("env") {
        environ.push(assignment(text).map_err(|error| of("env", error))?);
    }
    Ok(environ)
}

fn rlimits(line: &Line) -> Result<Vec<Rlimit>, String> {
    let mut rlimits = Vec::new();
    for value in line.all("rlimit") {
        let text = utf8("rlimit", value)?;
        let (name, limit) =
            text.split_once('=').ok_or_else(|| of("rlimit", format!("'{text}' is not NAME=SOFT[:HARD]")))?;
        let limit = limits::resource(name).and_then(|resource| limits::rlimit(resource, limit));
        limits::add(&mut rlimits, limit.map_err(|error| format!("--rlimit {text}: {error}"))?);
    }
    Ok(rlimits)
}

fn capabilities(text: &str) -> Result<u64, String> {
    if text == "none" {
        return Ok(0);
    }
    let names = names("caps", text)?;
    if names.is_empty() || names.iter().any(|name| name == "none") {
        return Err(format!("--caps must be names of capabilities, or 'none' alone, not '{text}'"));
    }
    let mut kept = 0;
    for name in &names {
        kept |= Capabilities::parse(name).map_err(|error| of("caps", error))?.0;
    }
    Ok(kept)
}

/// A list with commas; an empty one has none.
fn names(long: &str, text: &str) -> Result<Vec<String>, String> {
    let names: Vec<String> = text.split(',').map(str::to_owned).collect();
    match names.iter().any(String::is_empty) {
        true if text.is_empty() => Ok(Vec::new()),
        true => Err(format!("--{long}: there is an empty name in '{text}'")),
        false => Ok(names),
    }
}

fn fitting<T>(line: &Line, long: &str, parse: impl Fn(&str) -> Result<T, Unfit>) -> Result<Option<T>, String> {
    line.text(long)?.map(|text| parse(&text)).transpose().map_err(|error| format!("--{long} {error}"))
}

fn utf8<'a>(long: &str, value: &'a OsStr) -> Result<&'a str, String> {
    value.to_str().ok_or_else(|| of(long, format!("'{}' is not UTF-8", value.to_string_lossy())))
}

fn of(long: &str, error: impl Display) -> String {
    format!("--{long}: {error}")
}
