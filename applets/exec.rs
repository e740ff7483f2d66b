//! `wmexec [--user USER[:GROUP]] [--setsid] [OPTIONS] [--] PROGRAM [ARG…]`: become somebody else, then the program.

pub mod options;

use crate::applet::{Applet, Line, Operands, fail, wrong_usage};
use crate::help;
use std::ffi::OsString;
use wingmate::launch::accounts::Accounts;
use wingmate::launch::plan::{Context, Plan, PlanError};
use wingmate::launch::step::Step;
use wingmate::model::command::Session;
use wingmate::model::settings::Level;
use wingmate::sys::session::{Standing, standing};
use wingmate::sys::stand_in::{end_as, stand_in};
use wingmate::sys::{environment, exec, identity, processes};

pub static APPLET: Applet = Applet {
    name: "exec",
    alias: Some("wmexec"),
    summary: "execute a program as another user, in a session, environment and limits of its own",
    usage: "[--user USER[:GROUP]] [--setsid] [OPTIONS] [--] PROGRAM [ARG…]",
    about: "Becomes what the options say, then executes PROGRAM in place: same process, nothing left behind. HOME, \
            USER, LOGNAME and SHELL become the user's. Whatever the order of the options, the environment is cleared \
            first, then come the user's variables, those of files, and those given one by one; a later one wins. \
            PROGRAM is searched in the PATH that results. Signal mask and dispositions pass on as found. Of an option \
            that can't be repeated, the last value counts.\n\
            WINGMATE_LOG_LEVEL=debug tells what was asked for and left out.\n\
            The version is also shown by the one argument 'version'.",
    options: &options::OPTIONS,
    operands: Operands::Command,
    statuses: &[
        ("N", "the program's own"),
        ("125", "wmexec failed: wrong usage, unknown user, not permitted"),
        ("126", "the program was found but can't be executed"),
        ("127", "the program was not found"),
    ],
    run,
};

/// Failures of our own; the program's come as 126 and 127.
const FAILED: u8 = 125;

fn run(line: &Line) -> u8 {
    let Some(command) = line.command() else {
        return wrong_usage(&APPLET, "there is no program to execute");
    };
    // Behind an option or `--` it is a program of that name.
    if command == ["version"] && !std::env::args_os().skip(1).any(|arg| arg.as_encoded_bytes().starts_with(b"-")) {
        return help::version(&APPLET);
    }
    match plan(line, command.to_vec()) {
        Ok(plan) => launch(plan),
        Err(text) => {
            fail(&APPLET, &text);
            FAILED
        }
    }
}

fn plan(line: &Line, command: Vec<OsString>) -> Result<Plan, String> {
    // Before anything that takes time: who comes later in its place isn't who was meant.
    let parent = if line.times("pdeathsig") > 0 { processes::parent() } else { None };
    let mut spec = options::read(line, command)?;
    let session = lacking(spec.session);
    if session != spec.session {
        remark(Level::Debug, "it leads what it was to begin (--setsid, --pgrp) already");
    }
    spec.session = session;
    let accounts = if Accounts::needed(&spec) { identity::accounts() } else { Ok(Accounts::NONE) };
    let accounts = accounts.map_err(|error| error.to_string())?;
    let context = Context {
        environment: &environment::found(),
        secrets: &[],
        extra: &[],
        accounts: &accounts,
        ids: &identity::ids_for(&spec),
        open_files: None,
        foreground: false,
        parent,
    };
    Plan::new(&spec, &context).map_err(|error| match error {
        // What isn't on the command line is looked for there in vain.
        PlanError::Account(error) if line.times("user") == 0 && line.times("groups") == 0 => {
            format!("{}: {error}", line.place("user"))
        }
        error => error.to_string(),
    })
}

/// Asking for what one is is never an error.
fn lacking(session: Session) -> Session {
    match session {
        Session::Own if standing() == Standing::SessionLeader => Session::Inherit,
        Session::Group if standing() != Standing::Member => Session::Inherit,
        session => session,
    }
}

fn launch(plan: Plan) -> u8 {
    for notice in &plan.notices {
        remark(Level::Debug, &notice.to_string());
    }
    let fault = if plan.steps.contains(&Step::Session) && standing() == Standing::GroupLeader {
        match stand_in(plan) {
            Ok(exit) => return end_as(exit),
            Err(fault) => fault,
        }
    } else {
        exec::exec(&plan)
    };
    fail(&APPLET, &fault.to_string());
    fault.status().unwrap_or(FAILED)
}

/// Says what is no failure, if `WINGMATE_LOG_LEVEL` lets it (as init does, but for a level that there isn't: that is
/// the program's to complain of).
fn remark(level: Level, text: &str) {
    let wanted = std::env::var("WINGMATE_LOG_LEVEL").ok().and_then(|text| text.parse().ok()).unwrap_or_default();
    if level <= wanted {
        fail(&APPLET, text);
    }
}
