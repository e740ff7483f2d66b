//! `wingmate [OPTIONS] [-- COMMAND [ARG…]]`: supervise everything that the configuration names; and the same in the
//! manner of tini and dumb-init, for images that call one of these: a plain init, unless a configuration is asked for.

use crate::applet::{Applet, CONFIG, Line, Operands, Opt, print, wrong_usage};
use std::path::PathBuf;
use wingmate::model::moment::parse_duration;
use wingmate::model::settings::Level;
use wingmate::model::signal::{BadRewrite, UnknownSignal};
use wingmate::runtime::boot::{self, Options, Treatment};

pub static APPLET: Applet = Applet {
    name: "init",
    alias: None,
    summary: "supervise services and cron jobs",
    usage: "[OPTIONS] [-- COMMAND [ARG…]]",
    about: "Starts and restarts the services and runs the cron jobs that the configuration names, with COMMAND, if \
            given, as the main process: its end is wingmate's, and its exit status too. Reaps orphans, passes signals \
            on, and stops everything in order when asked to (SIGTERM, SIGINT, SIGQUIT, SIGRTMIN+3). Without COMMAND, \
            SIGHUP reads the configuration again and SIGUSR1 logs a table of all units.\n\
            Called as tini, dumb-init or docker-init it takes their command lines: `--` may be left out, -c is \
            dumb-init's, and no configuration is read unless one is named.",
    options: OPTIONS.split_at(OPTIONS.len() - 2).0,
    operands: Operands::AfterDashes,
    statuses: STATUSES,
    run: |line| run(line, &APPLET, Manner::Wingmate),
};

/// What it is called by in images that had another init; looked up by that name only.
pub static STAND_INS: [&Applet; 3] = [&TINI, &DOCKER_INIT, &DUMB_INIT];

static TINI: Applet = Applet {
    name: "tini",
    alias: Some("tini"),
    summary: APPLET.summary,
    usage: "[OPTIONS] [--] COMMAND [ARG…]",
    about: "Wingmate in tini's manner: runs COMMAND, passes signals on, reaps orphans, and ends with COMMAND's exit \
            status. Says warnings only, and reads no configuration unless one is named.",
    options: OPTIONS.split_at(1).1.split_at(OPTIONS.len() - 2).0,
    operands: Operands::Command,
    statuses: STATUSES,
    run: |line| run(line, &TINI, Manner::Tini),
};

static DOCKER_INIT: Applet = Applet {
    name: "docker-init",
    alias: Some("docker-init"),
    run: |line| run(line, &DOCKER_INIT, Manner::Tini),
    ..TINI
};

static DUMB_INIT: Applet = Applet {
    name: "dumb-init",
    alias: Some("dumb-init"),
    about: "Wingmate in dumb-init's manner: runs COMMAND, passes signals on to its process group, reaps orphans, and \
            ends with COMMAND's exit status. Says warnings only, and reads no configuration unless one is named.",
    options: OPTIONS.split_at(2).1,
    run: |line| run(line, &DUMB_INIT, Manner::DumbInit),
    ..TINI
};

/// The options that the manners spell differently stand at both ends, so that each takes a stretch of one table.
static OPTIONS: [Opt; 17] = [
    // wingmate only
    CONFIG,
    // wingmate and tini
    SINGLE_CHILD,
    // all
    Opt {
        long: "log-format",
        value: Some("text|json|raw"),
        env: Some("WINGMATE_LOG_FORMAT"),
        default: Some("text"),
        help: "what a line of a unit's output looks like",
        ..Opt::PLAIN
    },
    Opt {
        long: "log-level",
        value: Some("error|warn|info|debug"),
        env: Some("WINGMATE_LOG_LEVEL"),
        default: Some("info"),
        help: "which of wingmate's own messages are shown",
        ..Opt::PLAIN
    },
    Opt {
        long: "shutdown-timeout",
        value: Some("DURATION"),
        env: Some("WINGMATE_SHUTDOWN_TIMEOUT"),
        default: Some("8s"),
        help: "everything is stopped within this time",
        ..Opt::PLAIN
    },
    Opt {
        short: Some('g'),
        long: "group",
        env: Some("TINI_KILL_PROCESS_GROUP"),
        help: "COMMAND's whole process group gets the signals, not its process alone",
        ..Opt::PLAIN
    },
    Opt {
        short: Some('r'),
        long: "rewrite",
        value: Some("FROM:TO"),
        help: "signal FROM counts as TO for COMMAND and for wingmate, or as none if TO is 0; may be repeated",
        ..Opt::PLAIN
    },
    Opt {
        short: Some('e'),
        long: "expect",
        value: Some("CODE"),
        help: "COMMAND's exit status CODE counts as 0; may be repeated",
        ..Opt::PLAIN
    },
    Opt {
        short: Some('p'),
        long: "parent-death",
        value: Some("SIGNAL"),
        help: "wingmate gets SIGNAL when its parent ends",
        ..Opt::PLAIN
    },
    Opt { short: Some('w'), long: "warn-orphans", help: "tell each orphan that is reaped", ..Opt::PLAIN },
    Opt {
        short: Some('v'),
        long: "verbose",
        env: Some("TINI_VERBOSITY"),
        help: "say more of what happens, --log-level debug in the end; may be repeated",
        ..Opt::PLAIN
    },
    Opt {
        short: Some('s'),
        long: "subreaper",
        env: Some("TINI_SUBREAPER"),
        help: "accepted and not needed: orphans always come to wingmate",
        ..Opt::PLAIN
    },
    Opt { short: Some('l'), long: "license", help: "show the licence", ..Opt::PLAIN },
    Opt {
        long: "pid-proxy",
        value: Some("PATH"),
        env: Some("WINGMATE_PIDPROXY_PATH"),
        help: "accepted from earlier versions and not needed: this binary does it",
        ..Opt::PLAIN
    },
    Opt {
        long: "exec",
        value: Some("PATH"),
        env: Some("WINGMATE_EXEC_PATH"),
        help: "accepted from earlier versions and not needed: this binary does it",
        ..Opt::PLAIN
    },
    // tini and dumb-init
    Opt { short: None, default: Some("none"), ..CONFIG },
    // dumb-init only
    Opt { short: Some('c'), ..SINGLE_CHILD },
];

const SINGLE_CHILD: Opt = Opt {
    long: "single-child",
    help: "COMMAND's process alone gets the signals, whatever else says that its group does",
    ..Opt::PLAIN
};

const STATUSES: &[(&str, &str)] = &[
    ("0", "stopped on request, or everything is done"),
    ("N", "the main command's or the critical service's own; 128+N if signal N ended it"),
    ("1", "invalid or empty configuration; a unit failed and nothing is left to run"),
    ("2", "wrong usage"),
    ("126", "the main command was found but can't be executed"),
    ("127", "the main command was not found"),
];

const LICENSE: &str = "\
wingmate is free software under the MIT License or the Apache License, Version 2.0, at your option.
Copyright (c) 2026 The wingmate authors
";

/// Whose command line it is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Manner {
    Wingmate,
    Tini,
    DumbInit,
}

fn run(line: &Line, applet: &Applet, manner: Manner) -> u8 {
    if line.times("license") > 0 {
        return print(applet, LICENSE);
    }
    match options(line, manner) {
        Ok(options) => boot::run(options),
        Err(text) => wrong_usage(applet, &text),
    }
}

fn options(line: &Line, manner: Manner) -> Result<Options, String> {
    let mut notices = Vec::new();
    for long in ["pid-proxy", "exec"] {
        if line.value(long).is_some() {
            notices.push(format!("--{long} is accepted from earlier versions and not needed: this binary does it"));
        }
    }
    let config = match manner {
        Manner::Wingmate => Some(line.config()),
        Manner::Tini | Manner::DumbInit => line.value("config").map(PathBuf::from),
    };
    if config.is_none() && line.command().is_none() {
        return Err("there is no command".into());
    }
    let (mut successes, mut rewrites, mut parent_death) = (Vec::new(), Vec::new(), None);
    each(line, "expect", 'e', &mut |text| {
        text.parse().map(|status| successes.push(status)).map_err(|_| not_a_status(text))
    })?;
    each(line, "rewrite", 'r', &mut |text| {
        text.parse().map(|one| rewrites.push(one)).map_err(|e: BadRewrite| e.to_string())
    })?;
    each(line, "parent-death", 'p', &mut |text| {
        parent_death = Some(text.parse().map_err(|error: UnknownSignal| error.to_string())?);
        Ok(())
    })?;
    Ok(Options {
        config_named: line.value("config").is_some(),
        log_format: line.parsed("log-format", str::parse)?,
        log_level: level(line, manner, config.is_some())?,
        shutdown_timeout: line.parsed("shutdown-timeout", parse_duration)?,
        command: line.command().map(<[_]>::to_vec),
        treatment: Treatment { group: group(line, manner), successes },
        rewrites,
        warn_of_orphans: line.times("warn-orphans") > 0,
        parent_death,
        config,
        notices,
    })
}

/// Takes every value of an option that is known by its letter.
fn each(
    line: &Line,
    long: &'static str,
    letter: char,
    take: &mut dyn FnMut(&str) -> Result<(), String>,
) -> Result<(), String> {
    for value in line.all(long) {
        take(&value.to_string_lossy()).map_err(|error| format!("-{letter}: {error}"))?;
    }
    Ok(())
}

fn not_a_status(text: &str) -> String {
    format!("'{text}' is not an exit status (0 to 255)")
}

/// Whether the main command's whole group gets the signals. Any value of the others' variables counts, as it does there.
fn group(line: &Line, manner: Manner) -> bool {
    let dumb = manner == Manner::DumbInit && std::env::var_os("DUMB_INIT_SETSID").is_none_or(|value| value != "0");
    let asked = line.times("group") > 0 || std::env::var_os("TINI_KILL_PROCESS_GROUP").is_some();
    (dumb || asked) && line.times("single-child") == 0
}

/// tini's verbosity in our words; each `-v` is one more.
const LEVELS: [Level; 4] = [Level::Error, Level::Warn, Level::Info, Level::Debug];

fn verbosity(text: &str) -> Result<usize, String> {
    text.parse().map_err(|_| format!("'{text}' is not a number"))
}

/// The level of wingmate's own messages. In the others' manner it is as quiet as they are, `wingmate.yaml` aside.
fn level(line: &Line, manner: Manner, configured: bool) -> Result<Option<Level>, String> {
    let of = |verbosity: usize| LEVELS.get(verbosity).copied().unwrap_or(Level::Debug);
    let times = line.times("verbose");
    if times > 0 && line.times("log-level") == 0 {
        return Ok(Some(match manner {
            Manner::Wingmate => of(2 + times),
            Manner::Tini => of(1 + times),
            Manner::DumbInit => Level::Debug,
        }));
    }
    if let Some(level) = line.parsed("log-level", str::parse)? {
        return Ok(Some(level));
    }
    if let Some(verbosity) = line.parsed("verbose", verbosity)? {
        return Ok(Some(of(verbosity)));
    }
    if manner == Manner::DumbInit && std::env::var_os("DUMB_INIT_DEBUG").is_some_and(|value| value == "1") {
        return Ok(Some(Level::Debug));
    }
    Ok((manner != Manner::Wingmate && !configured).then_some(Level::Warn))
}
