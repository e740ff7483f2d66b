//! `wingmate check`: reads a configuration as init does, tells everything that is wrong with it and what it
//! would do.

mod document;

use crate::applet::{Applet, CONFIG, Line, Operands, Opt, fail, print, wrong_usage};
use std::borrow::Cow;
use std::ffi::{OsStr, OsString};
use std::fmt::Write;
use wingmate::config::Loaded;
use wingmate::model::command::ProcessSpec;
use wingmate::model::job::{JobSpec, Missed, Overlap};
use wingmate::model::moment::Spoken;
use wingmate::model::service::{Condition, Dependency, Probe, ReadyKind, ServiceSpec};
use wingmate::runtime::configuration::{load, warn_of_shutdown};
use wingmate::runtime::rehearsal::Rehearsal;
use wingmate::runtime::zones::Zones;
use wingmate::schedule::Schedule;
use wingmate::sys::stdio;
use wingmate::text::diagnostic::Severity;
use wingmate::text::words::joined;

pub static APPLET: Applet = Applet {
    name: "check",
    alias: None,
    summary: "validate a configuration, print what it would do",
    usage: "[-c PATH] [--strict] [--format text|json]",
    about: "Reads the configuration as init would, prints every problem with file, line and column to stderr, and to \
            stdout each service, in the order in which they start, and each cron job as it would be run, its schedule \
            in English besides. Nothing is started. It warns of programs, users and secrets that are not there now, too.\n\
            --format json prints one JSON document to stdout instead: v, ok, problems, units.",
    options: &[
        CONFIG,
        Opt { long: "strict", help: "a warning is an error", ..Opt::PLAIN },
        Opt {
            long: "format",
            value: Some("text|json"),
            default: Some("text"),
            help: "what the result looks like",
            ..Opt::PLAIN
        },
    ],
    operands: Operands::None,
    statuses: &[("0", "it can be run"), ("1", "it can't, or there is nothing to run"), ("2", "wrong usage")],
    run,
};

fn run(line: &Line) -> u8 {
    let json = match line.text("format").as_ref().map(Option::as_deref) {
        Ok(None | Some("text")) => false,
        Ok(Some("json")) => true,
        Ok(Some(other)) => return wrong_usage(&APPLET, &format!("--format must be text or json, not '{other}'")),
        Err(error) => return wrong_usage(&APPLET, error),
    };
    let strict = match line.flag("strict") {
        Ok(strict) => strict,
        Err(error) => return wrong_usage(&APPLET, &error),
    };
    let mut loaded = load(&line.config(), &mut Zones::from_environment());
    warn_of_shutdown(&mut loaded);
    rehearse(&mut loaded);
    if strict {
        for problem in loaded.problems.iter_mut().filter(|problem| problem.severity == Severity::Warning) {
            problem.severity = Severity::Error;
        }
    }
    let nothing = loaded.is_empty() && !loaded.failed();
    let ok = !nothing && !loaded.failed();
    let printed = match json {
        true => print(&APPLET, &document::of(&loaded, ok, nothing)),
        false => tell(&loaded, ok, nothing),
    };
    printed.max(u8::from(!ok))
}

/// Warns of what could not be started now.
fn rehearse(loaded: &mut Loaded) {
    if loaded.failed() || loaded.is_empty() {
        return;
    }
    let rehearsal = Rehearsal::new();
    let mut troubles = Vec::new();
    for (spec, place) in loaded.services() {
        let of_service = |text| (place, format!("service '{}': {text}", spec.name));
        troubles.extend(rehearsal.troubles(spec).into_iter().map(of_service));
    }
    for (spec, place) in loaded.jobs() {
        // What is wrong with the command's first word has been told already.
        let process = spec.process();
        let Some(text) = rehearsal.trouble(&process).filter(|_| !loaded.is_told(place)) else { continue };
        let first = process.command.first().map(|word| lossy(word)).unwrap_or_default();
        let user = match rehearsal.is_user(&first) {
            true => format!("; that is a user, and there is no field for one here: wmexec --user {first} …"),
            false => String::new(),
        };
        troubles.push((place, format!("cron job '{}': {text}{user}", spec.name())));
    }
    loaded.add(Severity::Warning, troubles);
}

fn tell(loaded: &Loaded, ok: bool, nothing: bool) -> u8 {
    for problem in &loaded.problems {
        stdio::err(&format!("{problem}\n"));
    }
    if nothing {
        fail(&APPLET, &loaded.nothing_to_run());
    }
    if !ok {
        return 1;
    }
    let mut text = String::new();
    for (spec, _) in loaded.in_start_order() {
        let _ = writeln!(text, "service {}: {} ({})", spec.name, command(&spec.process), policy(spec));
    }
    for ((spec, _), schedule) in loaded.jobs().zip(&loaded.schedules) {
        let _ = write!(text, "job {}: {} at {}", spec.name(), command(&spec.process()), spec.schedule());
        if let Some(description) = schedule.describe() {
            let _ = write!(text, ", that is {description}");
        }
        let _ = match circumstances(spec, schedule, zone_of(loaded, spec)) {
            none if none.is_empty() => writeln!(text),
            some => writeln!(text, " ({some})"),
        };
    }
    print(&APPLET, &text)
}

fn command(process: &ProcessSpec) -> String {
    words(&process.command)
}

fn words(command: &[OsString]) -> String {
    one_line(&joined(command.iter().map(|word| word.to_string_lossy())))
}

/// One line a unit, and nothing that a terminal would obey.
fn one_line(text: &str) -> String {
    text.chars()
        .map(|c| {
            if c == '\n' {
                '⏎'
            } else if c.is_control() {
                '\u{fffd}'
            } else {
                c
            }
        })
        .collect()
}

/// Whom it runs as, and when it is restarted.
fn policy(spec: &ServiceSpec) -> String {
    let mut parts = vec![owner(&spec.process)];
    if spec.oneshot {
        parts.push("oneshot".into());
    }
    parts.push(format!("restart {}", spec.restart.name()));
    if let Some(pidfile) = &spec.pidfile {
        parts.push(format!("pidfile {}", pidfile.path.display()));
    }
    if !spec.autostart {
        parts.push("not started by itself".into());
    }
    if spec.critical {
        parts.push("critical".into());
    }
    parts.extend(needs(&spec.depends_on).map(|needs| format!("after {needs}")));
    let extras = spec.extras();
    parts.extend(extras.pre_start.as_ref().map(|hook| format!("first {}", words(&hook.command))));
    parts.extend(extras.ready.as_ref().map(|ready| format!("ready by {}", sign(&ready.kind))));
    parts.extend(extras.health.as_ref().map(|health| format!("health by {}", probe(&health.probe))));
    parts.extend(extras.watchdog.map(|time| format!("watchdog {}", Spoken(time))));
    parts.extend(extras.stop_command.as_ref().map(|command| format!("stopped by {}", words(command))));
    parts.extend(extras.post_stop.as_ref().map(|hook| format!("then {}", words(&hook.command))));
    parts.push(secrets(&spec.process));
    parts.retain(|part| !part.is_empty());
    parts.join(", ")
}

/// As many dependencies are named on a line: there may be a thousand copies of one service.
const MOST_NEEDS: usize = 8;

/// Dependencies in words, if there are some.
fn needs(needs: &[Dependency]) -> Option<String> {
    let mut named: Vec<String> = needs.iter().take(MOST_NEEDS).map(dependency).collect();
    let more = needs.len() - named.len();
    named.extend((more > 0).then(|| format!("{more} more")));
    (!named.is_empty()).then(|| named.join(" and "))
}

/// `db`, or `db started`: ready is what is usually waited for.
fn dependency(need: &Dependency) -> String {
    match need.condition {
        Condition::Ready => need.name.clone(),
        Condition::Started | Condition::Completed => format!("{} {}", need.name, need.condition.name()),
    }
}

fn sign(kind: &ReadyKind) -> String {
    match kind {
        ReadyKind::Probe(sign) => probe(sign),
        ReadyKind::Log(text) => format!("log {}", one_line(&joined([text.into()]))),
        ReadyKind::Notify => "notify".into(),
        ReadyKind::Fd(number) => format!("fd {number}"),
    }
}

fn probe(probe: &Probe) -> String {
    match probe {
        Probe::Exec(command) => format!("exec {}", words(command)),
        Probe::Tcp(_) | Probe::Unix(_) | Probe::Http(_) | Probe::File(_) => one_line(&probe.to_string()),
    }
}

/// Which there are; never what they are.
fn secrets(process: &ProcessSpec) -> String {
    let names = process.extras().secrets.iter().map(|secret| format!("{}=***", one_line(&secret.name)));
    match names.collect::<Vec<_>>().join(" ") {
        names if names.is_empty() => names,
        names => format!("secrets {names}"),
    }
}

/// The zone in force, if the configuration says which.
fn zone_of<'a>(loaded: &'a Loaded, spec: &'a JobSpec) -> Option<&'a str> {
    spec.manner.timezone.as_deref().or(loaded.config.settings.timezone.as_deref())
}

/// In which zone it runs, as whom, and how.
fn circumstances(spec: &JobSpec, schedule: &Schedule, zone: Option<&str>) -> String {
    let zone = match (schedule, zone) {
        // Theirs is no clock on a wall.
        (Schedule::Every(_) | Schedule::Reboot, _) => String::new(),
        (Schedule::Cron(_), Some(zone)) => format!("zone {zone}"),
        (Schedule::Cron(_), None) => "local time".into(),
    };
    let manner = &*spec.manner;
    let mut parts = vec![owner(&manner.process), zone];
    if manner.on_boot {
        parts.push("also at start".into());
    }
    if manner.missed == Missed::Once {
        parts.push("what was missed is made up for at start".into());
    }
    if manner.overlap != Overlap::Skip {
        parts.push(format!("overlap {}", manner.overlap.name()));
    }
    parts.extend(manner.timeout.map(|timeout| format!("timeout {}", Spoken(timeout))));
    if !manner.jitter.is_zero() {
        parts.push(format!("jitter {}", Spoken(manner.jitter)));
    }
    if manner.retries.count > 0 {
        parts.push(format!(
            "{} after {}",
            counted(manner.retries.count, "retry", "retries"),
            Spoken(manner.retries.delay)
        ));
    }
    if manner.critical {
        parts.push("critical".into());
    }
    parts.extend(needs(&manner.depends_on).map(|needs| format!("only with {needs}")));
    parts.push(secrets(&manner.process));
    parts.retain(|part| !part.is_empty());
    parts.join(", ")
}

fn counted(count: u32, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}

fn owner(process: &ProcessSpec) -> String {
    match (&process.identity.user, &process.identity.group) {
        (Some(user), Some(group)) => format!("user {user}:{group}"),
        (Some(user), None) => format!("user {user}"),
        (None, Some(group)) => format!("group {group}"),
        (None, None) => String::new(),
    }
}

fn lossy(text: &OsStr) -> Cow<'_, str> {
    text.to_string_lossy()
}
