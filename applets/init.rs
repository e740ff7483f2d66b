//! `wingmate [OPTIONS] [-- COMMAND [ARG…]]`: supervise everything that the configuration names.

use crate::applet::{Applet, CONFIG, Line, Operands, Opt, wrong_usage};
use wingmate::model::moment::parse_duration;
use wingmate::runtime::boot::{self, Options};

pub static APPLET: Applet = Applet {
    name: "init",
    alias: None,
    summary: "supervise services and cron jobs",
    usage: "[OPTIONS] [-- COMMAND [ARG…]]",
    about: "Starts and restarts the services and runs the cron jobs that the configuration names, with COMMAND, if \
            given, as the main process: its end is wingmate's, and its exit status too. Reaps orphans, passes signals \
            on, and stops everything in order when asked to (SIGTERM, SIGINT, SIGQUIT, SIGRTMIN+3).",
    options: &[
        CONFIG,
        Opt {
            short: None,
            long: "log-format",
            value: Some("text|json|raw"),
            env: Some("WINGMATE_LOG_FORMAT"),
            default: Some("text"),
            help: "what a line of a unit's output looks like",
        },
        Opt {
            short: None,
            long: "log-level",
            value: Some("error|warn|info|debug"),
            env: Some("WINGMATE_LOG_LEVEL"),
            default: Some("info"),
            help: "which of wingmate's own messages are shown",
        },
        Opt {
            short: None,
            long: "shutdown-timeout",
            value: Some("DURATION"),
            env: Some("WINGMATE_SHUTDOWN_TIMEOUT"),
            default: Some("8s"),
            help: "everything is stopped within this time",
        },
        Opt {
            short: None,
            long: "pid-proxy",
            value: Some("PATH"),
            env: Some("WINGMATE_PIDPROXY_PATH"),
            default: None,
            help: "accepted from earlier versions and not needed: this binary does it",
        },
        Opt {
            short: None,
            long: "exec",
            value: Some("PATH"),
            env: Some("WINGMATE_EXEC_PATH"),
            default: None,
            help: "accepted from earlier versions and not needed: this binary does it",
        },
    ],
    operands: Operands::AfterDashes,
    statuses: &[
        ("0", "stopped on request, or everything is done"),
        ("N", "the main command's or the critical service's own; 128+N if signal N ended it"),
        ("1", "invalid or empty configuration; a unit failed and nothing is left to run"),
        ("2", "wrong usage"),
        ("126", "the main command was found but can't be executed"),
        ("127", "the main command was not found"),
    ],
    run,
};

fn run(line: &Line) -> u8 {
    match options(line) {
        Ok(options) => boot::run(options),
        Err(text) => wrong_usage(&APPLET, &text),
    }
}

fn options(line: &Line) -> Result<Options, String> {
    let mut notices = Vec::new();
    for long in ["pid-proxy", "exec"] {
        if line.value(long).is_some() {
            notices.push(format!("--{long} is accepted from earlier versions and not needed: this binary does it"));
        }
    }
    Ok(Options {
        config: line.config(),
        config_named: line.value("config").is_some(),
        log_format: line.parsed("log-format", str::parse)?,
        log_level: line.parsed("log-level", str::parse)?,
        shutdown_timeout: line.parsed("shutdown-timeout", parse_duration)?,
        command: line.command().map(<[_]>::to_vec),
        notices,
    })
}
