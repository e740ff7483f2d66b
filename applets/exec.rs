//! `wmexec [--user USER[:GROUP]] [--setsid] [--] PROGRAM [ARG…]`: become somebody else, then the program.

use crate::applet::{Applet, Line, Operands, Opt, fail, wrong_usage};
use crate::help;
use std::ffi::OsString;
use wingmate::launch::accounts::Accounts;
use wingmate::launch::plan::{Context, Plan};
use wingmate::model::command::{Identity, ProcessSpec, Session};
use wingmate::sys::fault::Fault;
use wingmate::sys::session::{Standing, standing};
use wingmate::sys::stand_in::{end_as, stand_in};
use wingmate::sys::{environment, exec, identity};

pub static APPLET: Applet = Applet {
    name: "exec",
    alias: Some("wmexec"),
    summary: "execute a program as another user, in a session of its own",
    usage: "[--user USER[:GROUP]] [--setsid] [--] PROGRAM [ARG…]",
    about: "Becomes what the options say, then executes PROGRAM in place: same process, nothing left behind. PROGRAM \
            is searched in PATH. HOME, USER, LOGNAME and SHELL become the user's. Signal mask and dispositions pass on \
            as found.\n\
            The version is also shown by the one argument 'version'.",
    options: &[
        Opt {
            short: Some('u'),
            long: "user",
            value: Some("USER[:GROUP]"),
            env: Some("WINGMATE_USER"),
            default: None,
            help: "become USER (name or number), with that user's groups, or with GROUP and no other; a number \
                   without an entry in /etc/passwd has the group of the same number",
        },
        Opt {
            short: Some('s'),
            long: "setsid",
            value: None,
            env: Some("WINGMATE_SETSID"),
            default: None,
            help: "begin a new session; the leader of a process group starts PROGRAM as a child for that, and passes \
                   signals and the exit status on",
        },
    ],
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
    let setsid = match line.flag("setsid") {
        Ok(setsid) => setsid,
        Err(error) => return wrong_usage(&APPLET, &error),
    };
    match plan(line, command.to_vec(), setsid) {
        Ok(plan) => launch(&plan, setsid),
        Err(text) => {
            fail(&APPLET, &text);
            FAILED
        }
    }
}

fn plan(line: &Line, command: Vec<OsString>, setsid: bool) -> Result<Plan, String> {
    let who = Identity { user: line.text("user")?, group: None };
    let begin = setsid && standing() != Standing::SessionLeader;
    let session = if begin { Session::Own } else { Session::Inherit };
    let spec = ProcessSpec { command, identity: who, session, ..ProcessSpec::default() };
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
    };
    Plan::new(&spec, &context).map_err(|error| error.to_string())
}

fn launch(plan: &Plan, setsid: bool) -> u8 {
    let fault = if setsid && standing() == Standing::GroupLeader {
        match stand_in(plan) {
            Ok(exit) => return end_as(exit),
            Err(fault) => fault,
        }
    } else {
        exec::exec(plan)
    };
    tell(&fault)
}

fn tell(fault: &Fault) -> u8 {
    fail(&APPLET, &fault.to_string());
    fault.status().unwrap_or(FAILED)
}
