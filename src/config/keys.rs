//! THE table of keys of `wingmate.yaml` (spec/config.md): name, type, default, meaning, and the function that
//! reads it. The reader, its complaints about unknown keys and the manual all come from here.

use super::reading::Key;
use super::schema::{self, Top, Unit};
use crate::model::command::Session;
use crate::model::service::{MaxRestarts, Restart, StopGroup};
use crate::model::settings::{Level, LogFormat};
use std::path::PathBuf;

/// A row. What the manual alone needs stays out of the binary that runs.
macro_rules! key {
    (name: $name:literal, kind: $kind:literal, default: $default:literal, meaning: $meaning:literal, read: $read:expr $(,)?) => {
        Key {
            name: $name,
            #[cfg(test)]
            manual: super::reading::Manual { kind: $kind, default: $default, meaning: $meaning },
            read: $read,
        }
    };
}

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
pub const SHUTDOWN: &[Key<Top>] = &[key! {
    name: "timeout",
    kind: "duration",
    default: "8s",
    meaning: "from the first signal to the end of everything",
    read: |field, top| set(&mut top.settings.shutdown_timeout, field.duration()),
}];

/// Of services and jobs.
pub const PROCESS: &[Key<Unit>] = &[
    key! {
        name: "command",
        kind: "list or string",
        default: "required",
        meaning: "program (searched in PATH of the child's environment) and arguments; a string is split as in a crontab, without a shell",
        read: |field, unit| unit.process.command = schema::command(field),
    },
    key! {
        name: "environ",
        kind: "list of K=V, or map",
        default: "none",
        meaning: "added to the inherited environment",
        read: |field, unit| unit.process.environ = schema::environ(field),
    },
    key! {
        name: "user",
        kind: "name or id, or user:group",
        default: "wingmate's own",
        meaning: "whom the process becomes",
        read: |field, unit| schema::user(field, unit),
    },
    key! {
        name: "group",
        kind: "name or id",
        default: "the user's own",
        meaning: "the group instead of the user's own",
        read: |field, unit| schema::group(field, unit),
    },
    key! {
        name: "working_dir",
        kind: "path",
        default: "wingmate's own",
        meaning: "where the process starts",
        read: |field, unit| unit.process.working_dir = field.word("a path").map(PathBuf::from),
    },
    key! {
        name: "setsid",
        kind: "bool",
        default: "true",
        meaning: "a session of its own, and with it a process group and no controlling terminal; false: a process group only",
        read: |field, unit| {
            let session = field.flag().map(|own| if own { Session::Own } else { Session::Group });
            set(&mut unit.process.session, session);
        },
    },
];

/// Of services only.
pub const SERVICE: &[Key<Unit>] = &[
    key! {
        name: "oneshot",
        kind: "bool",
        default: "false",
        meaning: "runs once to completion",
        read: |field, unit| set(&mut unit.oneshot, field.flag()),
    },
    key! {
        name: "ready",
        kind: "map",
        default: "as soon as its program runs",
        meaning: "when the service counts as up; timeout: how long a daemon may take to write its pidfile",
        read: |field, unit| drop(field.map(READY, unit)),
    },
    key! {
        name: "restart",
        kind: "always, on-failure, never",
        default: "always; a oneshot: never",
        meaning: "when it is started again after it ended",
        read: |field, unit| {
            let restarts = [Restart::Always, Restart::OnFailure, Restart::Never];
            unit.restart = field.one_of(&restarts.map(|restart| (restart.name(), restart)));
        },
    },
    key! {
        name: "autorestart",
        kind: "bool",
        default: "true",
        meaning: "true is restart: always, false is restart: never",
        read: |field, unit| unit.autorestart = field.flag(),
    },
    key! {
        name: "autostart",
        kind: "bool",
        default: "true",
        meaning: "whether it starts when wingmate does",
        read: |field, unit| set(&mut unit.autostart, field.flag()),
    },
    key! {
        name: "startsecs",
        kind: "duration",
        default: "10s",
        meaning: "a run that lived this long is a good one and resets the back-off and the count",
        read: |field, unit| set(&mut unit.startsecs, field.duration()),
    },
    key! {
        name: "backoff",
        kind: "{initial, max}",
        default: "{initial: 100ms, max: 30s}",
        meaning: "delay before a restart after a run shorter than startsecs, doubling",
        read: |field, unit| schema::backoff(field, unit),
    },
    key! {
        name: "max_restarts",
        kind: "N, or {count, within}",
        default: "none",
        meaning: "N: more short runs in a row than that are a failure; {count, within}: more restarts of any kind within that time",
        read: |field, unit| schema::max_restarts(field, unit),
    },
    key! {
        name: "success_codes",
        kind: "list",
        default: "[0]",
        meaning: "exits that are not failures",
        read: |field, unit| schema::success_codes(field, unit),
    },
    key! {
        name: "critical",
        kind: "bool",
        default: "false",
        meaning: "when it ends for good, everything stops and its status is wingmate's",
        read: |field, unit| set(&mut unit.critical, field.flag()),
    },
    key! {
        name: "pidfile",
        kind: "path",
        default: "none",
        meaning: "the command forks into the background and writes this file",
        read: |field, unit| unit.pidfile = field.word("a path").map(PathBuf::from),
    },
    key! {
        name: "background",
        kind: "bool",
        default: "whether there is a pidfile",
        meaning: "says that the command forks into the background; needs a pidfile",
        read: |field, unit| unit.background = field.flag(),
    },
    key! {
        name: "stop",
        kind: "{signal, timeout, group}",
        default: "{signal: TERM, timeout: 5s, group: true}",
        meaning: "how it is stopped",
        read: |field, unit| drop(field.map(STOP, unit)),
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

/// In `ready:`.
pub const READY: &[Key<Unit>] = &[key! {
    name: "timeout",
    kind: "duration",
    default: "30s with a pidfile",
    meaning: "after this a start has failed",
    read: |field, unit| unit.ready_timeout = field.duration(),
}];

/// In `backoff:`.
pub const BACKOFF: &[Key<Unit>] = &[
    key! {
        name: "initial",
        kind: "duration",
        default: "100ms",
        meaning: "the first delay",
        read: |field, unit| set(&mut unit.backoff.initial, field.duration()),
    },
    key! {
        name: "max",
        kind: "duration",
        default: "30s",
        meaning: "the longest delay",
        read: |field, unit| set(&mut unit.backoff.max, field.duration()),
    },
];

/// In `max_restarts:`.
pub const MAX_RESTARTS: &[Key<Unit>] = &[
    key! {
        name: "count",
        kind: "number",
        default: "required",
        meaning: "how many restarts are allowed",
        read: |field, unit| {
            if let (Some(MaxRestarts::Within { count, .. }), Some(number)) =
                (&mut unit.max_restarts, field.number(u32::MAX))
            {
                *count = number;
            }
        },
    },
    key! {
        name: "within",
        kind: "duration",
        default: "required",
        meaning: "in how much time",
        read: |field, unit| {
            if let (Some(MaxRestarts::Within { within, .. }), Some(time)) = (&mut unit.max_restarts, field.duration()) {
                *within = time;
            }
        },
    },
];

/// In `stop:`.
pub const STOP: &[Key<Unit>] = &[
    key! {
        name: "signal",
        kind: "signal; none in a job",
        default: "TERM",
        meaning: "the stop signal",
        read: |field, unit| schema::stop_signal(field, unit),
    },
    key! {
        name: "timeout",
        kind: "duration",
        default: "5s",
        meaning: "from the stop signal to SIGKILL",
        read: |field, unit| set(&mut unit.stop.timeout, field.duration()),
    },
    key! {
        name: "group",
        kind: "true, kill, false",
        default: "true",
        meaning: "true: signal and SIGKILL to the process group; kill: the signal to the main process, SIGKILL to the group; false: the main process only",
        read: |field, unit| {
            let words = [("true", StopGroup::Group), ("kill", StopGroup::KillGroup), ("false", StopGroup::Main)];
            set(&mut unit.stop.group, field.one_of(&words));
        },
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
