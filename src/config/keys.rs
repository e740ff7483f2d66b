//! THE table of keys of `wingmate.yaml` (spec/config.md): name, type, default, meaning, and the function that
//! reads it. The reader, its complaints about unknown keys and the manual all come from here.

use super::reading::Key;
use super::schema::{self, Top, Unit};
use crate::model::settings::{Level, LogFormat};

/// A row. What the manual alone needs stays out of the binary that runs.
macro_rules! key {
    (name: $name:literal, kind: $kind:literal, default: $default:literal, meaning: $meaning:literal, read: $read:expr $(,)?) => {
        Key {
            name: $name,
            #[cfg(test)]
            manual: crate::config::reading::Manual { kind: $kind, default: $default, meaning: $meaning },
            read: $read,
        }
    };
}

mod process;
mod service;

pub use process::{HOOK, PROCESS, SECRET};
pub use service::{BACKOFF, DEPENDENCY, MAX_RESTARTS, SERVICE, STOP};
#[cfg(test)]
pub use service::{HEALTH, READY, STOP_SERVICE};

/// At the top of the file.
pub const TOP: &[Key<Top>] = &[
    key! {
        name: "service",
        kind: "map",
        default: "none",
        meaning: "services by name",
        read: |field, top| schema::services(field, top),
    },
    key! {
        name: "cron",
        kind: "map",
        default: "none",
        meaning: "cron jobs by name",
        read: |field, top| schema::jobs(field, top),
    },
    key! {
        name: "defaults",
        kind: "map",
        default: "none",
        meaning: "keys of services and cron jobs that hold for all of them",
        // Read before everything else.
        read: |_, _| {},
    },
    key! {
        name: "log",
        kind: "map",
        default: "",
        meaning: "how lines leave wingmate",
        read: |field, top| drop(field.map(LOG, top)),
    },
    key! {
        name: "shutdown",
        kind: "map",
        default: "",
        meaning: "how everything is stopped",
        read: |field, top| drop(field.map(SHUTDOWN, top)),
    },
    key! {
        name: "timezone",
        kind: "zone",
        default: "TZ, else /etc/localtime, else UTC",
        meaning: "the zone of schedules that name none: an IANA name or a POSIX string",
        read: |field, top| top.settings.timezone = schema::zone(field).or(top.settings.timezone.take()),
    },
];

/// In `log:`.
pub const LOG: &[Key<Top>] = &[
    key! {
        name: "format",
        kind: "text, json, raw",
        default: "text",
        meaning: "what a line looks like",
        read: |field, top| {
            let words = [("text", LogFormat::Text), ("json", LogFormat::Json), ("raw", LogFormat::Raw)];
            set(&mut top.settings.log.format, field.one_of(&words));
        },
    },
    key! {
        name: "level",
        kind: "error, warn, info, debug",
        default: "info",
        meaning: "how much wingmate says itself",
        read: |field, top| {
            let levels = [Level::Error, Level::Warn, Level::Info, Level::Debug];
            set(&mut top.settings.log.level, field.one_of(&levels.map(|level| (level.name(), level))));
        },
    },
    key! {
        name: "timestamps",
        kind: "bool",
        default: "false",
        meaning: "the local time on each line of format text",
        read: |field, top| set(&mut top.settings.log.timestamps, field.flag()),
    },
];

/// In `shutdown:`.
pub const SHUTDOWN: &[Key<Top>] = &[
    key! {
        name: "timeout",
        kind: "duration",
        default: "8s",
        meaning: "from the first signal to the end of everything",
        read: |field, top| set(&mut top.settings.shutdown_timeout, field.duration()),
    },
    key! {
        name: "delay",
        kind: "duration",
        default: "0",
        meaning: "how long everything stays as it is after the first signal; counts into the timeout",
        read: |field, top| set(&mut top.settings.shutdown_delay, field.duration()),
    },
];

/// Of cron jobs only.
pub const JOB: &[Key<Unit>] = &[
    key! {
        name: "schedule",
        kind: "five fields or a macro",
        default: "required",
        meaning: "when it runs",
        read: |field, unit| unit.schedule = schema::schedule(field),
    },
    key! {
        name: "timezone",
        kind: "zone",
        default: "the setting timezone",
        meaning: "the zone of its schedule: an IANA name or a POSIX string",
        read: |field, unit| unit.timezone = schema::zone(field),
    },
    key! {
        name: "stop",
        kind: "{signal, timeout, group}",
        default: "{signal: TERM, timeout: 5s, group: true}",
        meaning: "how a run is stopped; signal: none lets it end by itself until the time is over",
        read: |field, unit| drop(field.map(STOP, unit)),
    },
];

/// What was read, if it could be.
fn set<T>(place: &mut T, value: Option<T>) {
    if let Some(value) = value {
        *place = value;
    }
}

/// Whose a key is that a cron job can't have.
pub fn not_of_jobs(name: &str) -> Option<&'static str> {
    has(SERVICE, name).then_some("services")
}

/// Whose a key is that a service can't have.
pub fn not_of_services(name: &str) -> Option<&'static str> {
    has(JOB, name).then_some("cron jobs")
}

fn has(table: &[Key<Unit>], name: &str) -> bool {
    table.iter().any(|key| key.name == name)
}
