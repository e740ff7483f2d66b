//! Nodes → specifications: what each part of `wingmate.yaml` becomes. The rows of `keys` call in here for
//! every value that isn't a plain one; `verify` then looks at what doesn't go together.

use super::conditions::{Need, Sign};
use super::dependencies::Asked;
use super::reading::{Field, Reading, Seen};
use super::surroundings::id_problem;
use super::yaml::{Entry, Node, Value};
use super::{Found, Job, NamedZone, instances, keys, verify};
use crate::model::command::{Identity, ProcessSpec};
use crate::model::job::JobSpec;
use crate::model::moment::Spoken;
use crate::model::service::{
    Backoff, MaxRestarts, PIDFILE_TIMEOUT, PidFile, Restart, STARTSECS, ServiceExtras, ServiceSpec, StopSpec,
};
use crate::model::settings::Settings;
use crate::model::unit::check_name;
use crate::schedule::Schedule;
use crate::text::diagnostic::Span;
use crate::text::words::{Comments, characters, shell_words, split};
use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

/// What the files say together, as far as it was read.
#[derive(Default)]
pub struct Top {
    pub settings: Settings,
    /// Which of the settings have been given, and where.
    pub given: Vec<(String, String)>,
    /// What holds for all units.
    pub defaults: Unit,
    /// What the services depend on.
    pub needs: Vec<Asked>,
    pub services: Vec<Found<ServiceSpec>>,
    pub jobs: Vec<Found<Job>>,
}

/// A service or a job before its kind and its defaults are settled.
#[derive(Clone)]
pub struct Unit {
    pub process: ProcessSpec,
    /// Of its own `env_file`s and `environ`; `process` has those of `defaults` meanwhile.
    pub from_files: Vec<(OsString, OsString)>,
    pub environ: Vec<(OsString, OsString)>,
    pub needs: Vec<Need>,
    pub ready: Sign,
    pub health: Sign,
    /// But for `ready` and `health`.
    pub extras: ServiceExtras,
    pub instances: Option<u32>,
    /// Behind the `:` of `user`.
    pub users_group: Option<String>,
    pub oneshot: bool,
    pub restart: Option<Restart>,
    pub autorestart: Option<bool>,
    pub autostart: bool,
    pub startsecs: Duration,
    pub backoff: Backoff,
    pub max_restarts: Option<MaxRestarts>,
    pub critical: bool,
    pub pidfile: Option<PathBuf>,
    pub background: Option<bool>,
    pub stop: StopSpec,
    pub schedule: Option<(String, Schedule)>,
    pub timezone: Option<String>,
    /// A job may have `stop.signal: none`.
    pub is_job: bool,
}

impl Default for Unit {
    fn default() -> Unit {
        Unit {
            process: ProcessSpec::default(),
            from_files: Vec::new(),
            environ: Vec::new(),
            needs: Vec::new(),
            ready: Sign::default(),
            health: Sign::default(),
            extras: ServiceExtras::default(),
            instances: None,
            users_group: None,
            oneshot: false,
            restart: None,
            autorestart: None,
            autostart: true,
            startsecs: STARTSECS,
            backoff: Backoff::default(),
            max_restarts: None,
            critical: false,
            pidfile: None,
            background: None,
            stop: StopSpec::default(),
            schedule: None,
            timezone: None,
            is_job: false,
        }
    }
}

impl Unit {
    /// A process that is made like this one, but for its command.
    pub fn process_of(&self, command: Vec<OsString>) -> ProcessSpec {
        ProcessSpec { command, ..self.process.clone() }
    }

    /// The variables in their order: those of `defaults`, of the unit's files, its own.
    fn settle_environ(&mut self) {
        let mut own = std::mem::take(&mut self.from_files);
        own.append(&mut self.environ);
        for (name, value) in own {
            let environ = &mut self.process.environ;
            match environ.iter_mut().find(|(known, _)| *known == name) {
                Some(known) => known.1 = value,
                None => environ.push((name, value)),
            }
        }
        self.process.environ.shrink_to_fit();
    }

    /// The service of this name that it asks for.
    pub fn service(self, name: &str) -> ServiceSpec {
        let mut spec = ServiceSpec::new(name, self.process);
        spec.oneshot = self.oneshot;
        spec.autostart = self.autostart;
        spec.restart = self.restart.unwrap_or(Restart::Always);
        spec.startsecs = self.startsecs;
        spec.backoff = self.backoff;
        spec.max_restarts = self.max_restarts;
        spec.critical = self.critical;
        spec.stop = self.stop;
        let daemon = self.pidfile.is_some().then(|| self.ready.timeout.unwrap_or(PIDFILE_TIMEOUT));
        spec.pidfile = self.pidfile.zip(daemon).map(|(path, timeout)| Box::new(PidFile { path, timeout }));
        let extras = ServiceExtras { ready: self.ready.ready(daemon), health: self.health.health(), ..self.extras };
        spec.extras = (extras != ServiceExtras::default()).then(|| Box::new(extras));
        spec
    }
}

/// Reads the whole file.
pub fn top(reading: &mut Reading<'_>, node: &Node, top: &mut Top) {
    reading.what = "the file".into();
    let entries = reading.entries(node);
    // A place for anchors; nobody looks into it.
    let entries: Vec<_> = entries.iter().filter(|entry| !entry.key.starts_with("x-")).cloned().collect();
    for entry in entries.iter().filter(|entry| !["service", "cron"].contains(&&*entry.key)) {
        let place = reading.spoken(entry.span);
        match top.given.iter().find(|(key, _)| **key == *entry.key) {
            Some((key, first)) => {
                let message = format!("'{key}' is given already by {first}; a setting has one place");
                reading.error(entry.span, message);
            }
            None => top.given.push((entry.key.to_string(), place)),
        }
    }
    reading.map(&entries, &[keys::TOP], &super::reading::nowhere_else, top);
}

/// The map `defaults:`, if this file has one: it is read before all units.
pub fn defaults(reading: &mut Reading<'_>, node: &Node, top: &mut Top) {
    let Value::Map(entries) = &node.value else { return };
    let Some(entry) = entries.iter().find(|entry| &*entry.key == "defaults") else { return };
    reading.what = "'defaults'".into();
    let mut unit = Unit::default();
    let entries = reading.entries(&entry.node);
    let seen = reading.map(&entries, &[keys::PROCESS, keys::SERVICE], &keys::not_of_services, &mut unit);
    for name in ["command", "pidfile", "background", "depends_on", "instances"] {
        if let Some(span) = seen.place(name) {
            reading.error(span, format!("'defaults' can't have '{name}': it is each unit's own"));
        }
    }
    verify::signs(reading, &unit, &seen);
    verify::identity(reading, &mut unit, &seen);
    unit.settle_environ();
    unit.needs.clear();
    (unit.pidfile, unit.instances) = (None, None);
    top.defaults = unit;
}

/// The map `service:`.
pub fn services(field: &mut Field<'_, '_>, top: &mut Top) {
    let defaults = top.defaults.clone();
    units(field, &defaults, &mut |reading, name, span, mut unit, seen| {
        verify::service(reading, &mut unit, seen);
        let place = reading.place(span);
        let service = top.services.len();
        let needs = std::mem::take(&mut unit.needs).into_iter();
        top.needs.extend(needs.map(|need| Asked { service, need, source: reading.number }));
        let command = reading.place(command_span(seen, span));
        top.services.push(Found { spec: unit.service(name), name: place, command });
    });
}

/// The map `cron:`.
pub fn jobs(field: &mut Field<'_, '_>, top: &mut Top) {
    let defaults = Unit { is_job: true, ..top.defaults.clone() };
    units(field, &defaults, &mut |reading, name, span, unit, seen| {
        let Unit { process, schedule, timezone, stop, .. } = unit;
        if seen.lacks("schedule") {
            let message = format!("{} has no schedule", reading.what);
            reading.error(span, message);
        }
        let (text, schedule) = schedule.unzip();
        let schedule_text = text.unwrap_or_default();
        let spec = JobSpec { name: name.to_owned(), process, schedule: schedule_text, timezone, stop };
        let spec = Job { spec, schedule };
        top.jobs.push(Found { spec, name: reading.place(span), command: reading.place(command_span(seen, span)) });
    });
}

type Take<'t> = &'t mut dyn FnMut(&mut Reading<'_>, &str, Span, Unit, &Seen);

/// A map of names to services or jobs.
fn units(field: &mut Field<'_, '_>, defaults: &Unit, take: Take<'_>) {
    let reading = &mut *field.reading;
    let outer = std::mem::replace(&mut reading.what, format!("'{}'", field.name));
    for entry in reading.entries(field.node).iter() {
        if let Err(error) = check_name(&entry.key) {
            reading.error(entry.span, error.to_string());
        }
        let is_job = defaults.is_job;
        reading.what = format!("{} '{}'", if is_job { "cron job" } else { "service" }, entry.key);
        let entries = reading.entries(&entry.node);
        match instances::wanted(&entries).filter(|_| !is_job) {
            None => unit(reading, entry, &entries, &entry.key, defaults.clone(), take),
            Some(count) => {
                for number in 1..=count {
                    let mut copy = defaults.clone();
                    copy.extras.base = Some(entry.key.to_string());
                    copy.process.environ.push((instances::VARIABLE.into(), number.to_string().into()));
                    let entries = instances::of_copy(&entries, number);
                    unit(reading, entry, &entries, &format!("{}-{number}", entry.key), copy, take);
                }
            }
        }
    }
    reading.what = outer;
}

/// One of them, on top of its defaults.
fn unit(reading: &mut Reading<'_>, entry: &Entry, entries: &[Entry], name: &str, mut unit: Unit, take: Take<'_>) {
    let seen = match unit.is_job {
        true => reading.map(entries, &[keys::PROCESS, keys::JOB], &keys::not_of_jobs, &mut unit),
        false => reading.map(entries, &[keys::PROCESS, keys::SERVICE], &keys::not_of_services, &mut unit),
    };
    if seen.lacks("command") && matches!(entry.node.value, Value::Map(_) | Value::Null) {
        let message = format!("{} has no command", reading.what);
        reading.error(entry.span, message);
    }
    verify::identity(reading, &mut unit, &seen);
    unit.settle_environ();
    take(reading, name, entry.span, unit, &seen);
}

fn command_span(seen: &Seen, name: Span) -> Span {
    seen.place("command").unwrap_or(name)
}

/// A list of words, or one string that is split as in a crontab.
pub fn command(field: &mut Field<'_, '_>) -> Vec<OsString> {
    let must = "a list of words, or one string";
    let mut words: Vec<OsString> = Vec::new();
    if let Value::Text(_) = field.node.value {
        split_command(field, &mut words);
    } else {
        let read =
            |item: &mut Field<'_, '_>| words.extend(item.text("a list of words").map(|t| OsString::from(&*t.text)));
        if !field.items(must, read) {
            return words;
        }
        if matches!(&field.node.value, Value::List(items) if items.is_empty()) {
            field.error(format!("'{}' is empty", field.name));
        }
    }
    if words.first().is_some_and(|program| program.is_empty()) {
        field.error(format!("'{}' names no program: its first word is empty", field.name));
    }
    words
}

fn split_command(field: &mut Field<'_, '_>, out: &mut Vec<OsString>) {
    let Some(text) = field.text("a string") else { return };
    match split(&text.text, Comments::Kept) {
        Ok(words) if words.is_empty() => field.error(format!("'{}' is empty", field.name)),
        Ok(words) => {
            for word in shell_words(&words) {
                let span = field.reading.within(field.node, text, characters(&text.text, word.at.clone()));
                let advice = "write [ sh, -c, '…' ] for a shell";
                field
                    .reading
                    .warning(span, format!("'{}' is passed on as it is, no shell reads it: {advice}", word.text));
            }
            out.extend(words.into_iter().map(|word| OsString::from(word.text.into_owned())));
        }
        Err(error) => {
            let span = field.reading.within(field.node, text, characters(&text.text, error.at()..error.at() + 1));
            field.reading.error(span, format!("'{}': {error}", field.name));
        }
    }
}

/// A list of `NAME=value`, or a map.
pub fn environ(field: &mut Field<'_, '_>) -> Vec<(OsString, OsString)> {
    let mut pairs: Vec<(OsString, OsString)> = Vec::new();
    let mut add = |name: &str, value: &str| pairs.push((name.into(), value.into()));
    match &field.node.value {
        Value::Null => {}
        Value::Map(entries) => {
            for entry in entries.iter() {
                let (name, span) = (&*entry.key, entry.span);
                if name.is_empty() || name.contains(['=', '\0']) {
                    field
                        .reading
                        .error(span, format!("'{}' can't be a variable's name", name.replace('\0', "\u{fffd}")));
                } else if matches!(entry.node.value, Value::Null) {
                    field
                        .reading
                        .error(span, format!("the variable '{name}' has no value; an empty one is written \"\""));
                } else {
                    let mut value = Field { reading: field.reading, name: "environ", span, node: &entry.node };
                    if let Some(text) = value.text("a map of single values") {
                        add(name, &text.text);
                    }
                }
            }
        }
        _ => {
            field.items("a list of NAME=value, or a map", |item| {
                let Some(text) = item.text("a list of NAME=value, or a map") else { return };
                match text.text.split_once('=') {
                    Some((name, value)) if !name.is_empty() => add(name, value),
                    _ => item.error(format!("'{}' is not NAME=value", text.text)),
                }
            });
        }
    }
    pairs
}

const USER: &str = "a user's name or number";
const GROUP: &str = "a group's name or number";

/// `user`, or `user:group`.
pub fn user_and_group(field: &mut Field<'_, '_>) -> Option<(String, Option<String>)> {
    let text = field.word(USER)?;
    let (user, group) = match text.split_once(':') {
        Some((user, group)) => (user, Some(group)),
        None => (text, None),
    };
    if user.is_empty() || group.is_some_and(|group| group.is_empty() || group.contains(':')) {
        field.error(format!("'{text}' is not a user, nor user:group"));
        return None;
    }
    for id in [Some(user), group].into_iter().flatten() {
        if let Some(problem) = id_problem(id) {
            field.error(problem);
        }
    }
    Some((user.to_owned(), group.map(str::to_owned)))
}

/// `user`, or `user:group`.
pub fn user(field: &mut Field<'_, '_>, unit: &mut Unit) {
    if let Some((user, group)) = user_and_group(field) {
        // The group of `defaults` goes with its user.
        unit.process.identity = Identity { user: Some(user), group: None };
        unit.users_group = group;
    }
}

/// `group`.
pub fn group(field: &mut Field<'_, '_>, unit: &mut Unit) {
    let Some(group) = field.word(GROUP) else { return };
    if group.contains(':') {
        field.error(format!("'{group}' is not a group"));
    }
    if let Some(problem) = id_problem(group) {
        field.error(problem);
    }
    unit.process.identity.group = Some(group.to_owned());
}

/// `{initial, max}`.
pub fn backoff(field: &mut Field<'_, '_>, unit: &mut Unit) {
    let seen = field.map(keys::BACKOFF, unit);
    let Backoff { initial, max } = unit.backoff;
    if let (Some((_, span)), true) = (seen.first_of(&["initial", "max"]), initial > max) {
        let (initial, max) = (Spoken(initial), Spoken(max));
        field
            .reading
            .error(span, format!("the first delay ('initial', {initial}) is longer than the longest ('max', {max})"));
    }
}

/// `N`, or `{count, within}`.
pub fn max_restarts(field: &mut Field<'_, '_>, unit: &mut Unit) {
    match &field.node.value {
        Value::Map(_) => {
            unit.max_restarts = Some(MaxRestarts::Within { count: 0, within: Duration::ZERO });
            let seen = field.map(keys::MAX_RESTARTS, unit);
            for name in ["count", "within"] {
                if seen.lacks(name) {
                    field.reading.error(field.span, format!("'max_restarts' has no '{name}'"));
                }
            }
            if let (Some(MaxRestarts::Within { within: Duration::ZERO, .. }), Some(span)) =
                (unit.max_restarts, seen.place("within"))
            {
                field.reading.error(span, "'within' must be longer than 0");
            }
        }
        Value::Text(_) => unit.max_restarts = field.number(u32::MAX).map(MaxRestarts::InARow),
        _ => field.wrong_kind("a number, or {count, within}"),
    }
}

/// A list of exit statuses.
pub fn codes(field: &mut Field<'_, '_>) -> Option<Vec<u8>> {
    let mut codes = Vec::new();
    let is_list = field.items("a list of numbers from 0 to 255", |item| {
        codes.extend(item.number(255).and_then(|code| u8::try_from(code).ok()));
    });
    is_list.then_some(codes)
}

/// A signal; in a job `none` too.
pub fn stop_signal(field: &mut Field<'_, '_>, unit: &mut Unit) {
    let Some(text) = field.word("a signal such as TERM") else { return };
    if text != "none" {
        if let Some(signal) = field.parsed(text.parse()) {
            unit.stop.signal = Some(signal);
        }
    } else if unit.is_job {
        unit.stop.signal = None;
    } else {
        field.error("'signal: none' is for cron jobs; a service needs a stop signal");
    }
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
