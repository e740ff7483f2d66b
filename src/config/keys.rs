//! THE table of keys of `wingmate.yaml` (spec/config.md): name, type, default, meaning, and the function that
//! reads it. The reader, its complaints about unknown keys and the manual all come from here.

use super::draft::Unit;
use super::reading::Key;
use super::schema::{self, Top};
use crate::model::settings::{Level, LogFormat};
use std::path::PathBuf;

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

mod job;
mod probes;
mod process;
mod service;

pub use job::{JOB, RETRIES};
pub use probes::{HEALTH, READY};
pub use process::{PROCESS, SECRET};
pub use service::{BACKOFF, HOOK, MAX_RESTARTS, NEED, SERVICE, STOP};

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
        meaning: "process and service keys for all: a unit's own beats the one here, its own user also group and groups; maps are taken together key by key, all variables too; what keeps a service running isn't meant for a oneshot",
        // It holds for what stands above it too, so it is read before everything else.
        read: |_, _| {},
    },
    key! {
        name: "log",
        kind: "map",
        default: "as its keys",
        meaning: "how lines leave wingmate",
        read: |field, top| schema::settings(field, LOG, top),
    },
    key! {
        name: "shutdown",
        kind: "map",
        default: "as its keys",
        meaning: "how everything is stopped",
        read: |field, top| schema::settings(field, SHUTDOWN, top),
    },
    key! {
        name: "timezone",
        kind: "zone",
        default: "TZ, else /etc/localtime, else UTC",
        meaning: "the zone of schedules that name none: an IANA name or a POSIX string",
        read: |field, top| top.settings.timezone = schema::zone(field).or(top.settings.timezone.take()),
    },
    key! {
        name: "state",
        kind: "path",
        default: "none",
        meaning: "a directory, in a volume, that keeps when jobs with missed: once were last due",
        read: |field, top| set_some(&mut top.settings.state, field.word("a path").map(PathBuf::from)),
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
        meaning: "how long everything stays as it is after the first signal, so that load balancers notice; counts into the timeout",
        read: |field, top| {
            top.delay = Some(field.reading.place(field.span));
            set(&mut top.settings.shutdown_delay, field.duration());
        },
    },
];

/// What each unit has for itself, and is no default: what one unit alone can be or have.
const NO_DEFAULTS: [&str; 7] = ["command", "stdin", "oneshot", "depends_on", "pidfile", "background", "instances"];

/// What was read, if it could be.
fn set<T>(place: &mut T, value: Option<T>) {
    if let Some(value) = value {
        *place = value;
    }
}

/// The same for what may be left open.
fn set_some<T>(place: &mut Option<T>, value: Option<T>) {
    if value.is_some() {
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

/// Whose a key is that `defaults:` can't have.
pub fn not_of_defaults(name: &str) -> Option<&'static str> {
    match NO_DEFAULTS.contains(&name) {
        true => Some("single units"),
        false => (has(JOB, name) && !has(SERVICE, name)).then_some("cron jobs"),
    }
}

/// Whose a key is that `health:` can't have.
pub fn not_of_health(name: &str) -> Option<&'static str> {
    READY.iter().any(|key| key.name == name).then_some("'ready'")
}

fn has(table: &[Key<Unit>], name: &str) -> bool {
    table.iter().any(|key| key.name == name)
}
