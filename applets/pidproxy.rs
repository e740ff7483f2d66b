//! `wmpidproxy --pid-file PATH -- PROGRAM [ARG…]`: stand in the foreground for a daemon that forks.

use crate::applet::{Applet, Line, Operands, Opt, signed, wrong_usage};
use std::time::Duration;
use wingmate::model::moment::parse_duration;
use wingmate::model::service::PIDFILE_TIMEOUT;
use wingmate::model::signal::Signal;
use wingmate::runtime::proxy::{self, Order};
use wingmate::sys::environment;

pub static APPLET: Applet = Applet {
    name: "pidproxy",
    alias: Some("wmpidproxy"),
    summary: "stand in the foreground for a daemon that forks",
    usage: "--pid-file PATH [OPTIONS] -- PROGRAM [ARG…]",
    about: "Starts a program that puts itself into the background, and stays in the foreground in the daemon's \
            place: lives while the daemon lives, passes TERM, INT, HUP, QUIT, USR1, USR2, WINCH, CONT and TSTP on to \
            it, and ends when it ends.\n\
            The daemon is the process that the pid file names, provided that the program began it: a stale or forged \
            file is waited over. A daemon that ends with 0 may be succeeded by another within 2 seconds.\n\
            Before there is a daemon TERM, INT and QUIT stop the program and all that it has begun; other signals are \
            kept for the daemon.",
    options: &[
        Opt {
            short: Some('p'),
            long: "pid-file",
            value: Some("PATH"),
            help: "where the daemon writes its process id; required",
            ..Opt::PLAIN
        },
        Opt {
            long: "start-timeout",
            value: Some("DURATION"),
            env: Some("WINGMATE_STARTSECS"),
            default: Some("30s"),
            help: "how long the pid file may take (500ms, 1m30s; a bare number is seconds); then what was started is \
                   stopped",
            ..Opt::PLAIN
        },
        Opt {
            long: "stop-signal",
            value: Some("SIGNAL"),
            default: Some("TERM"),
            help: "what TERM is passed on as: a name (QUIT, RTMIN+3) or a number",
            ..Opt::PLAIN
        },
        Opt {
            long: "stop-timeout",
            value: Some("DURATION"),
            default: Some("none"),
            help: "how long after TERM a daemon that is still there gets SIGKILL; a start that is stopped gets it after \
                   5s without this",
            ..Opt::PLAIN
        },
        Opt {
            long: "reload-signal",
            value: Some("SIGNAL"),
            default: Some("HUP"),
            help: "what HUP is passed on as: a name (USR1, RTMIN+3) or a number",
            ..Opt::PLAIN
        },
    ],
    operands: Operands::AfterDashes,
    statuses: &[
        (
            "N",
            "the daemon's own; 128+N if signal N ended it; or the program's, if that failed or its start was stopped",
        ),
        ("0", "the daemon, whose status another process has, ended after TERM, INT or QUIT"),
        ("1", "no daemon in time, or none left; or only another process has its status"),
        ("2", "wrong usage"),
        ("126", "the program was found but can't be executed"),
        ("127", "the program was not found"),
    ],
    run,
};

fn run(line: &Line) -> u8 {
    match order(line) {
        Ok(order) => proxy::run(&order, &|text| signed(&APPLET, text)),
        Err(text) => wrong_usage(&APPLET, &text),
    }
}

pub fn order(line: &Line) -> Result<Order, String> {
    let pid_file = line.value("pid-file").ok_or("--pid-file PATH is missing")?;
    if pid_file.is_empty() {
        return Err("--pid-file: the path is empty".into());
    }
    let timeout: Option<Duration> = line.parsed("start-timeout", parse_duration)?;
    let command = line.command().ok_or("there is no program to start; it goes behind '--'")?.to_vec();
    Ok(Order {
        pid_file: pid_file.into(),
        start_timeout: timeout.unwrap_or(PIDFILE_TIMEOUT),
        stop_signal: signal(line, "stop-signal")?.unwrap_or(Signal::TERM),
        stop_timeout: line.parsed("stop-timeout", parse_duration)?,
        reload_signal: signal(line, "reload-signal")?.unwrap_or(Signal::HUP),
        command,
        environment: environment::found(),
    })
}

fn signal(line: &Line, option: &str) -> Result<Option<Signal>, String> {
    line.parsed(option, str::parse)
}
