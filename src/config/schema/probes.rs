//! Signs of life: `ready` and `health`, and what they try.

use super::super::draft::{Kind, Unit};
use super::super::keys;
use super::super::reading::{Field, Seen, nowhere_else};
use super::super::yaml::Value;
use super::commands;
use crate::model::moment::Spoken;
use crate::model::service::{Probe, ReadyKind};
use std::path::PathBuf;
use std::time::Duration;

const READY_KINDS: [&str; 8] = ["tcp", "unix", "http", "exec", "file", "log", "notify", "fd"];
/// Those that are tried again and again; only they have an interval.
const PROBES: [&str; 5] = ["tcp", "unix", "http", "exec", "file"];
const HEALTH_KINDS: [&str; 4] = ["tcp", "unix", "http", "exec"];

/// One sign, or times alone: with a `pidfile`, or in the defaults.
pub fn ready(field: &mut Field<'_, '_>, unit: &mut Unit) {
    let seen = field.map_beside(keys::READY, &nowhere_else, unit);
    one_kind(field, &seen, &READY_KINDS);
    let is_map = matches!(field.node.value, Value::Map(_));
    unit.ready.bare = is_map && unit.ready.kind.is_none() && READY_KINDS.iter().all(|kind| seen.lacks(kind));
    let kind = seen.first_of(&READY_KINDS).map(|(kind, _)| kind);
    if let (Some(kind), Some(span)) = (kind.filter(|kind| !PROBES.contains(kind)), seen.place("interval")) {
        field.reading.error(span, format!("'interval' is the time between two probes, and '{kind}' is none"));
    }
    unit.ready.interval_place = seen.place("interval");
}

/// One probe, or times alone in the defaults.
pub fn health(field: &mut Field<'_, '_>, unit: &mut Unit) {
    let seen = field.map_beside(keys::HEALTH, &keys::not_of_health, unit);
    one_kind(field, &seen, &HEALTH_KINDS);
    let kinds = HEALTH_KINDS.iter().filter(|kind| !seen.lacks(kind)).count();
    let is_map = matches!(field.node.value, Value::Map(_));
    if is_map && kinds == 0 && unit.health.probe.is_none() && unit.kind != Kind::Defaults {
        field.reading.error(field.span, format!("'health' needs one of {}", HEALTH_KINDS.join(", ")));
    }
}

/// Two at once contradict each other.
fn one_kind(field: &mut Field<'_, '_>, seen: &Seen, kinds: &[&'static str]) {
    let mut found: Vec<_> = kinds.iter().filter_map(|kind| seen.place(kind).map(|span| (span, *kind))).collect();
    found.sort_unstable();
    if let [(first, one), (second, other), ..] = found.as_slice() {
        let first = field.reading.spoken(*first);
        let message =
            format!("'{one}' and '{other}' at once ({first}): '{}' takes one of {}", field.name, kinds.join(", "));
        field.reading.error(*second, message);
    }
}

/// `HOST:PORT`.
pub fn tcp(field: &mut Field<'_, '_>) -> Option<Probe> {
    let text = field.word("an address such as 127.0.0.1:80")?;
    field.parsed(text.parse()).map(Probe::Tcp)
}

/// `http://…`.
pub fn http(field: &mut Field<'_, '_>) -> Option<Probe> {
    let text = field.word("a URL such as http://127.0.0.1:8080/health")?;
    field.parsed(text.parse()).map(Probe::Http)
}

/// unix(7): a path has this many bytes at most, the final NUL aside.
const LONGEST_SOCKET: usize = 107;

/// A socket's path.
pub fn unix(field: &mut Field<'_, '_>) -> Option<Probe> {
    let path = field.word("a socket's path")?;
    if path.len() > LONGEST_SOCKET {
        field.error(format!("the path of a socket has at most {LONGEST_SOCKET} bytes, this one {}", path.len()));
        return None;
    }
    Some(Probe::Unix(path.into()))
}

/// A command.
pub fn exec(field: &mut Field<'_, '_>) -> Option<Probe> {
    let command = commands::command(field);
    (!command.is_empty()).then_some(Probe::Exec(command))
}

/// A file's path.
pub fn file(field: &mut Field<'_, '_>) -> Option<Probe> {
    field.word("a path").map(|path| Probe::File(PathBuf::from(path)))
}

/// `true`.
pub fn notify(field: &mut Field<'_, '_>) -> Option<ReadyKind> {
    match field.flag()? {
        true => Some(ReadyKind::Notify),
        false => {
            field.error("'notify' can only be true; without it there is another sign, or none");
            None
        }
    }
}

/// A descriptor that is nothing else yet.
pub fn fd(field: &mut Field<'_, '_>) -> Option<ReadyKind> {
    /// Below the soft limit on open files that nearly every process has.
    const HIGHEST: u32 = 1023;
    let number = field.number(HIGHEST)?;
    if number < 3 {
        let message = format!("'fd' must be a number from 3 to {HIGHEST}: {number} is the service's own");
        field.error(format!("{message} {}", ["input", "output", "error output"].get(number as usize).unwrap_or(&"")));
        return None;
    }
    i32::try_from(number).ok().map(ReadyKind::Fd)
}

/// More often than this is no interval but a loop.
const SHORTEST: Duration = Duration::from_millis(10);

/// The time between two probes.
pub fn interval(field: &mut Field<'_, '_>) -> Option<Duration> {
    let interval = field.duration()?;
    if interval < SHORTEST {
        field.error(format!("'interval' must be {} or longer", Spoken(SHORTEST)));
        return None;
    }
    Some(interval)
}
