//! The one binary: the name it is called by, or else its first argument, chooses the applet (spec: the command line).

mod applet;
mod check;
mod exec;
mod help;
mod init;
mod install;
mod next;
mod pidproxy;

use applet::{Applet, Asked};
use std::ffi::OsString;
use std::path::Path;
use std::process::ExitCode;
use wingmate::runtime::resolve;
use wingmate::sys::heap::Heap;

/// Small things come without a system call.
#[global_allocator]
static HEAP: Heap = Heap::new();

/// THE TABLE. Dispatch, help, suggestions, manual and completions know nothing else.
pub static APPLETS: [&Applet; 8] = [
    &init::APPLET,
    &exec::APPLET,
    &pidproxy::APPLET,
    &check::APPLET,
    &next::APPLET,
    &install::APPLET,
    &help::HELP,
    &help::VERSION,
];

fn main() -> ExitCode {
    let mut args = std::env::args_os();
    let name = args.next().unwrap_or_default();
    let args: Vec<OsString> = args.collect();
    match args.as_slice() {
        // A child of init's own, and no applet of anybody's.
        [word, host] if word == resolve::WORD => return ExitCode::from(resolve::answer(host)),
        _ => {}
    }
    let (applet, args) = choose(&name, args);
    let status = match applet.read(args) {
        Ok(Asked::Run(line)) => (applet.run)(&line),
        Ok(Asked::Help) => applet::print(applet, &help::page(applet)),
        Ok(Asked::Version) => help::version(applet),
        Err(text) => applet::wrong_usage(applet, &text),
    };
    ExitCode::from(status)
}

/// The applet that is meant, and the arguments that are its own.
fn choose(argv0: &OsString, mut args: Vec<OsString>) -> (&'static Applet, Vec<OsString>) {
    let base = Path::new(argv0).file_name().unwrap_or_default();
    let mut links = APPLETS.iter().chain(&init::STAND_INS);
    if let Some(applet) = links.find(|applet| applet.alias.is_some_and(|alias| base == alias)) {
        return (applet, args);
    }
    match args.first().and_then(|first| APPLETS.iter().find(|applet| first == applet.name)) {
        Some(applet) if applet.name != "init" => {
            args.remove(0);
            (applet, args)
        }
        _ => (&init::APPLET, args),
    }
}
