//! Nodes → specifications: what each part of `wingmate.yaml` becomes. The rows of `keys` call in here for
//! every value that isn't a plain one; `verify` then looks at what doesn't go together.

pub mod commands;
pub mod dependencies;
pub mod environment;
pub mod identity;
mod instances;
pub mod limits;
pub mod probes;
pub mod restarts;

use super::draft::{Kind, Marks, Unit};
use super::keys;
use super::reading::{Field, Key, Reading, Seen, nowhere_else};
use super::verify;
use super::yaml::{Entry, Node, Value};
use super::{Found, Job, NamedZone, Place};
use crate::model::command::Stdin;
use crate::model::job::{JobSpec, Missed};
use crate::model::service::ServiceSpec;
use crate::model::settings::Settings;
use crate::model::unit::check_name;
use crate::schedule::Schedule;
use crate::text::diagnostic::Span;
use std::ffi::OsString;
use std::rc::Rc;

/// What the files say together, as far as it was read.
pub struct Top {
    pub settings: Settings,
    /// What units begin with.
    pub defaults: Unit,
    pub services: Vec<Found<ServiceSpec>>,
    pub jobs: Vec<Found<Job>>,
    /// Where `shutdown.delay` stands.
    pub delay: Option<Place>,
    /// The settings that were given, and where: no file may give one again.
    given: Vec<(String, String)>,
}

impl Default for Top {
    fn default() -> Top {
        Top {
            settings: Settings::default(),
            defaults: Unit::new(Kind::Defaults),
            services: Vec::new(),
            jobs: Vec::new(),
            delay: None,
            given: Vec::new(),
        }
    }
}

/// Top-level keys whose entries are settled by themselves, name by name or key by key.
const MAPS: [&str; 5] = ["service", "cron", "defaults", "log", "shutdown"];

/// Reads the whole file but its defaults.
pub fn top(reading: &mut Reading<'_>, node: &Node, top: &mut Top) {
    reading.what = "the file".into();
    let entries = reading.entries(node);
    // A place for anchors; nobody looks into it.
    let entries: Vec<_> = entries.iter().filter(|entry| !entry.key.starts_with("x-")).cloned().collect();
    let seen = reading.map(&entries, &[keys::TOP], &nowhere_else, top);
    let settings = seen.keys().filter(|(name, _)| !MAPS.contains(name));
    once(reading, settings, "", &mut top.given);
}

/// Reads the map `defaults:` of a file; all files' come before anything else.
pub fn defaults(reading: &mut Reading<'_>, node: &Node, top: &mut Top) {
    let Value::Map(entries) = &node.value else { return };
    let Some(entry) = entries.iter().find(|entry| &*entry.key == "defaults") else { return };
    reading.what = "the defaults".into();
    let entries = reading.entries(&entry.node);
    let (own, foreign): (Vec<Entry>, Vec<Entry>) =
        entries.iter().cloned().partition(|entry| keys::not_of_defaults(&entry.key).is_none());
    for entry in &foreign {
        reading.misplaced_key(entry, keys::not_of_defaults(&entry.key).unwrap_or_default());
    }
    let tables = [keys::PROCESS, keys::SERVICE];
    let seen = reading.map(&own, &tables, &nowhere_else, &mut top.defaults);
    once(reading, seen.keys(), "defaults.", &mut top.given);
    verify::identity(reading, &mut top.defaults, &seen);
    verify::restart(reading, &mut top.defaults, &seen);
}

/// A map of settings.
pub fn settings(field: &mut Field<'_, '_>, table: &[Key<Top>], top: &mut Top) {
    let seen = field.map(table, top);
    let prefix = format!("{}.", field.name);
    once(field.reading, seen.keys(), &prefix, &mut top.given);
}

/// No setting is given in two files.
fn once(
    reading: &mut Reading<'_>,
    keys: impl Iterator<Item = (&'static str, Span)>,
    prefix: &str,
    given: &mut Vec<(String, String)>,
) {
    for (name, span) in keys {
        let name = format!("{prefix}{name}");
        match given.iter().find(|(other, _)| *other == name) {
            Some((_, place)) => {
                let message = format!("the setting '{name}' is given already by {place}; no setting is given twice");
                reading.error(span, message);
            }
            None => given.push((name, reading.spoken(span))),
        }
    }
}

/// The map `service:`.
pub fn services(field: &mut Field<'_, '_>, top: &mut Top) {
    units(field, &mut |reading, entry| {
        reading.what = format!("service '{}'", entry.key);
        let Some(mut numbers) = instances::of(&entry.node) else {
            let spec = service(reading, entry, &entry.node, String::from(&*entry.key), top);
            top.services.push(spec.0);
            return;
        };
        let errors = reading.problems.errors();
        while let Some(number) = numbers.next(reading.problems.errors() > errors) {
            let (told, node) = (reading.problems.len(), instances::replaced(&entry.node, number));
            let (mut found, count) = service(reading, entry, &node, format!("{}-{number}", entry.key), top);
            found.spec.extras_mut().base = Some(String::from(&*entry.key));
            found.spec.process.environ.push(("WINGMATE_INSTANCE".into(), number.to_string().into()));
            found.spec.process.environ.shrink_to_fit();
            top.services.push(found);
            numbers.set_count(count);
            // What is odd about all copies was told of the first.
            if number > 1 && reading.problems.errors() == errors {
                reading.problems.forget_from(told);
            }
        }
    });
}

/// One service, or one copy of it, and how many there are to be.
fn service(
    reading: &mut Reading<'_>,
    entry: &Entry,
    node: &Node,
    name: String,
    top: &Top,
) -> (Found<ServiceSpec>, Option<u32>) {
    let (mut unit, seen) = unit(reading, entry, node, top.defaults.for_a(Kind::Service));
    unit.let_oneshot_be(|key| seen.place(key).is_some());
    verify::service(reading, &mut unit, &seen);
    let place = |key| seen.place(key).map(|span| reading.place(span));
    let marks = Marks {
        autostart: place("autostart"),
        restart: place("restart").or(place("autorestart")),
        stdin: place("stdin").filter(|_| unit.process.extras().stdin == Stdin::Inherit),
        missed: None,
        pidfile: place("pidfile"),
        instances: place("instances"),
        needs: std::mem::take(&mut unit.needs),
    };
    let count = unit.instances;
    (found(reading, entry, &seen, unit.into_service(name), marks), count)
}

/// The map `cron:`.
pub fn jobs(field: &mut Field<'_, '_>, top: &mut Top) {
    units(field, &mut |reading, entry| {
        reading.what = format!("cron job '{}'", entry.key);
        let (mut unit, seen) = unit(reading, entry, &entry.node, top.defaults.for_a(Kind::Job));
        if seen.lacks("schedule") {
            let message = format!("{} has no schedule", reading.what);
            reading.error(entry.span, message);
        }
        verify::job(reading, &unit, &seen);
        let place = |key| seen.place(key).map(|span| reading.place(span));
        let marks = Marks {
            stdin: place("stdin").filter(|_| unit.process.extras().stdin == Stdin::Inherit),
            missed: place("missed").filter(|_| unit.manner.missed == Missed::Once),
            needs: std::mem::take(&mut unit.needs),
            ..Marks::default()
        };
        let (text, schedule) = unit.schedule.take().unzip();
        let (command, manner) = unit.into_manner();
        let words = command.iter().map(OsString::as_os_str);
        let spec = JobSpec::new(&entry.key, text.as_deref().unwrap_or_default(), words, Rc::new(manner));
        top.jobs.push(found(reading, entry, &seen, Job { spec, schedule }, marks));
    });
}

fn found<T>(reading: &Reading<'_>, entry: &Entry, seen: &Seen, spec: T, marks: Marks) -> Found<T> {
    let command = reading.place(seen.place("command").unwrap_or(entry.span));
    Found { spec, name: reading.place(entry.span), command, marks: marks.boxed() }
}

/// A map of names to services or jobs.
fn units(field: &mut Field<'_, '_>, take: &mut dyn FnMut(&mut Reading<'_>, &Entry)) {
    let reading = &mut *field.reading;
    let outer = std::mem::replace(&mut reading.what, format!("'{}'", field.name));
    for entry in reading.entries(field.node).iter() {
        if let Err(error) = check_name(&entry.key) {
            reading.error(entry.span, error.to_string());
        }
        take(reading, entry);
    }
    reading.what = outer;
}

/// Reads a service or job; `unit` is what it begins with.
fn unit(reading: &mut Reading<'_>, entry: &Entry, node: &Node, mut unit: Unit) -> (Unit, Seen) {
    let entries = reading.entries(node);
    unit.give_way(|key| entries.iter().any(|entry| &*entry.key == key));
    let seen = match unit.kind {
        Kind::Job => reading.map(&entries, &[keys::PROCESS, keys::JOB], &keys::not_of_jobs, &mut unit),
        _ => reading.map(&entries, &[keys::PROCESS, keys::SERVICE], &keys::not_of_services, &mut unit),
    };
    if seen.lacks("command") && matches!(node.value, Value::Map(_) | Value::Null) {
        let message = format!("{} has no command", reading.what);
        reading.error(entry.span, message);
    }
    verify::identity(reading, &mut unit, &seen);
    (unit, seen)
}

/// Five fields or a macro: as text, and what it means.
pub fn schedule(field: &mut Field<'_, '_>) -> Option<(String, Schedule)> {
    let text = field.text("five fields or a macro")?;
    match Schedule::parse(&text.text) {
        Ok(parsed) => {
            for remark in parsed.remarks {
                let span = field.reading.within(field.node, text, remark.at);
                field.reading.warning(span, remark.text);
            }
            Some((text.text.trim().to_owned(), parsed.schedule))
        }
        Err(errors) => {
            for error in errors {
                let span = field.reading.within(field.node, text, error.at.clone());
                field.reading.error(span, error.to_string());
            }
            None
        }
    }
}

/// A zone's name; whether there is such a zone is known where the zone files are.
pub fn zone(field: &mut Field<'_, '_>) -> Option<String> {
    let text = field.word("a zone such as Europe/Berlin")?;
    let place = field.reading.place(field.node.span);
    field.reading.zones.push(NamedZone { name: text.to_owned(), place });
    Some(text.to_owned())
}
