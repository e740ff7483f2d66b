//! Help and version, written from the table.

use crate::APPLETS;
use crate::applet::{Applet, COMMON, Line, Operands, Opt, print, wrong_usage};
use std::fmt::Write;
use wingmate::text::near::nearest;

pub static HELP: Applet = Applet {
    name: "help",
    alias: None,
    summary: "show what there is, or an applet's help",
    usage: "[APPLET]",
    about: "Shows the list of applets, or the help of one.",
    options: &[],
    operands: Operands::Any,
    statuses: &[("0", "done"), ("2", "no such applet")],
    run: help,
};

pub static VERSION: Applet = Applet {
    name: "version",
    alias: None,
    summary: "show the version",
    usage: "",
    about: "Shows the version.",
    options: &[],
    operands: Operands::None,
    statuses: &[("0", "done")],
    run: version_run,
};

fn help(line: &Line) -> u8 {
    let [name] = line.operands() else {
        return match line.operands().len() {
            0 => print(&HELP, &page(&crate::init::APPLET)),
            _ => wrong_usage(&HELP, "help takes one applet"),
        };
    };
    let name = name.to_string_lossy();
    match APPLETS.iter().find(|applet| applet.name == name || applet.alias == Some(&*name)) {
        Some(applet) => print(&HELP, &page(applet)),
        None => wrong_usage(&HELP, &no_applet(&name)),
    }
}

fn version_run(_: &Line) -> u8 {
    version(&VERSION)
}

/// Prints an applet's version line.
pub fn version(applet: &Applet) -> u8 {
    print(applet, &format!("{} {}\n", applet.signature(), env!("CARGO_PKG_VERSION")))
}

/// `no applet 'nginxx'`, with the nearest one.
fn no_applet(name: &str) -> String {
    match near(name) {
        Some(near) => format!("no applet '{name}' (did you mean '{near}'?)"),
        None => format!("no applet '{name}'"),
    }
}

/// An applet's help: usage, what it does, options, exit statuses; for init the other applets as well.
pub fn page(applet: &Applet) -> String {
    let mut page = String::new();
    let _ = writeln!(page, "{}", format!("usage: {} {}", applet.call(), applet.usage).trim_end());
    if let Some(alias) = applet.alias.filter(|alias| *alias != applet.name) {
        let _ = writeln!(page, "       {alias} {}", applet.usage);
    }
    let _ = writeln!(page);
    wrapped(&mut page, applet.about, 0);
    let _ = writeln!(page, "\nOptions:");
    for option in applet.options.iter().chain(&COMMON) {
        let _ = writeln!(page, "  {}", spelled(option));
        wrapped(&mut page, &meaning(option), 8);
    }
    if applet.name == "init" {
        let _ = writeln!(page, "\nApplets (wingmate APPLET --help tells more):");
        for other in APPLETS.iter().filter(|other| other.name != "init") {
            let also = other.alias.map(|alias| format!(" (as a link: {alias})")).unwrap_or_default();
            let _ = writeln!(page, "  {:<10}{}{also}", other.name, other.summary);
        }
    }
    let _ = writeln!(page, "\nExit status:");
    for (status, meaning) in applet.statuses {
        let _ = writeln!(page, "  {status:<6}{meaning}");
    }
    page
}

fn spelled(option: &Opt) -> String {
    let short = option.short.map(|short| format!("-{short}, ")).unwrap_or_default();
    let value = option.value.map(|value| format!(" {value}")).unwrap_or_default();
    format!("{short}--{}{value}", option.long)
}

fn meaning(option: &Opt) -> String {
    let mut text = option.help.to_owned();
    let env = option.env.map(|env| format!("env {env}"));
    let default = option.default.map(|default| format!("default {default}"));
    let more: Vec<String> = env.into_iter().chain(default).collect();
    if !more.is_empty() {
        let _ = write!(text, " ({})", more.join("; "));
    }
    text
}

/// Adds `text` in lines of at most 80 columns, indented.
fn wrapped(page: &mut String, text: &str, indent: usize) {
    for paragraph in text.split('\n') {
        let mut column = 0;
        for word in paragraph.split(' ').filter(|word| !word.is_empty()) {
            let width = word.chars().count();
            if column > 0 && column + 1 + width > 80 {
                page.push('\n');
                column = 0;
            }
            if column == 0 {
                page.extend(std::iter::repeat_n(' ', indent));
                column = indent;
            } else {
                page.push(' ');
                column += 1;
            }
            page.push_str(word);
            column += width;
        }
        page.push('\n');
    }
}

/// What is said of a first argument that is no applet.
pub fn not_an_applet(first: &str) -> String {
    let hint = format!("no applet '{first}'; to run it as the main command: wingmate -- {first} …");
    match near(first) {
        Some(near) => format!("{hint} (did you mean 'wingmate {near}'?)"),
        None => hint,
    }
}

/// The applet that may have been meant.
fn near(name: &str) -> Option<String> {
    nearest(name, APPLETS.iter().map(|applet| applet.name))
}
