//! Keys of services, and of the maps in them.

use super::set;
use crate::config::conditions::{self, Sign};
use crate::config::reading::Key;
use crate::config::schema::{self, Unit};
use crate::config::{hooks, instances};
use crate::model::service::{Condition, MaxRestarts, Restart, StopGroup};
use std::path::PathBuf;

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
        meaning: "when the service counts as up: one of tcp, unix, http, exec, file, log, notify, fd; with a pidfile timeout alone will do",
        read: |field, unit| drop(field.map(READY, &mut unit.ready)),
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
        read: |field, unit| unit.extras.success_codes = schema::codes(field),
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
        kind: "{signal, timeout, command, group}",
        default: "{signal: TERM, timeout: 5s, group: true}",
        meaning: "how it is stopped",
        read: |field, unit| drop(field.map(STOP_SERVICE, unit)),
    },
    key! {
        name: "depends_on",
        kind: "list of names, or map of names to {condition}",
        default: "none",
        meaning: "what has to be up before it starts; it is stopped before them",
        read: |field, unit| conditions::depends_on(field, unit),
    },
    key! {
        name: "health",
        kind: "map",
        default: "none",
        meaning: "how it is watched while it runs: one of tcp, unix, http, exec; retries failures in a row stop it as a failure",
        read: |field, unit| drop(field.map(HEALTH, &mut unit.health)),
    },
    key! {
        name: "watchdog",
        kind: "duration",
        default: "none",
        meaning: "sd_notify's WATCHDOG=1 must arrive within it",
        read: |field, unit| unit.extras.watchdog = conditions::interval(field),
    },
    key! {
        name: "no_restart_codes",
        kind: "list",
        default: "none",
        meaning: "exits after which it isn't restarted, whatever restart says",
        read: |field, unit| set(&mut unit.extras.no_restart_codes, schema::codes(field)),
    },
    key! {
        name: "pre_start",
        kind: "command, or {command, user, timeout}",
        default: "none",
        meaning: "run before each start; if it fails, so has the start",
        read: |field, unit| unit.extras.pre_start = hooks::hook(field),
    },
    key! {
        name: "post_stop",
        kind: "command, or {command, user, timeout}",
        default: "none",
        meaning: "run after each end of its program",
        read: |field, unit| unit.extras.post_stop = hooks::hook(field),
    },
    key! {
        name: "instances",
        kind: "N",
        default: "one, without a number",
        meaning: "so many copies, name-1 and so on; {instance} in their keys is their number",
        read: |field, unit| unit.instances = instances::count(field),
    },
];

/// In `ready:`.
pub const READY: &[Key<Sign>] = &[
    key! {
        name: "tcp",
        kind: "HOST:PORT",
        default: "none",
        meaning: "a connection is accepted",
        read: |field, draft| conditions::tcp(field, draft),
    },
    key! {
        name: "unix",
        kind: "path",
        default: "none",
        meaning: "a connection to this socket is accepted",
        read: |field, draft| conditions::unix(field, draft),
    },
    key! {
        name: "http",
        kind: "http://HOST[:PORT][/PATH]",
        default: "none",
        meaning: "the answer is 2xx or 3xx",
        read: |field, draft| conditions::http(field, draft),
    },
    key! {
        name: "exec",
        kind: "list or string",
        default: "none",
        meaning: "this command exits with 0",
        read: |field, draft| conditions::exec(field, draft),
    },
    key! {
        name: "file",
        kind: "path",
        default: "none",
        meaning: "it exists",
        read: |field, draft| conditions::file(field, draft),
    },
    key! {
        name: "log",
        kind: "text",
        default: "none",
        meaning: "a line of its output has this text",
        read: |field, draft| conditions::log(field, draft),
    },
    key! {
        name: "notify",
        kind: "true",
        default: "none",
        meaning: "it says so by sd_notify(3)",
        read: |field, draft| conditions::notify(field, draft),
    },
    key! {
        name: "fd",
        kind: "N, from 3 on",
        default: "none",
        meaning: "it writes a newline to this descriptor",
        read: |field, draft| conditions::fd(field, draft),
    },
    key! {
        name: "interval",
        kind: "duration",
        default: "200ms",
        meaning: "from one try to the next",
        read: |field, draft| draft.interval = conditions::interval(field),
    },
    key! {
        name: "timeout",
        kind: "duration",
        default: "60s; with a pidfile 30s",
        meaning: "after this a start has failed",
        read: |field, draft| draft.timeout = field.duration(),
    },
];

/// In `health:`.
pub const HEALTH: &[Key<Sign>] = &[
    key! {
        name: "tcp",
        kind: "HOST:PORT",
        default: "none",
        meaning: "a connection is accepted",
        read: |field, draft| conditions::tcp(field, draft),
    },
    key! {
        name: "unix",
        kind: "path",
        default: "none",
        meaning: "a connection to this socket is accepted",
        read: |field, draft| conditions::unix(field, draft),
    },
    key! {
        name: "http",
        kind: "http://HOST[:PORT][/PATH]",
        default: "none",
        meaning: "the answer is 2xx or 3xx",
        read: |field, draft| conditions::http(field, draft),
    },
    key! {
        name: "exec",
        kind: "list or string",
        default: "none",
        meaning: "this command exits with 0",
        read: |field, draft| conditions::exec(field, draft),
    },
    key! {
        name: "interval",
        kind: "duration",
        default: "10s",
        meaning: "from one probe to the next",
        read: |field, draft| draft.interval = conditions::interval(field),
    },
    key! {
        name: "timeout",
        kind: "duration",
        default: "3s",
        meaning: "of one probe",
        read: |field, draft| draft.timeout = conditions::interval(field),
    },
    key! {
        name: "retries",
        kind: "N, from 1 on",
        default: "3",
        meaning: "so many failures in a row are one too many",
        read: |field, draft| draft.retries = conditions::retries(field),
    },
    key! {
        name: "start_period",
        kind: "duration",
        default: "0",
        meaning: "failures this soon after it is running don't count",
        read: |field, draft| draft.start_period = field.duration(),
    },
];

/// In an entry of `depends_on:` that is a map.
pub const DEPENDENCY: &[Key<Option<Condition>>] = &[key! {
    name: "condition",
    kind: "started, ready, completed",
    default: "ready; of a oneshot: completed",
    meaning: "started: its program runs; ready: it is running; completed: it is done",
    read: |field, draft| {
        let conditions = [Condition::Started, Condition::Ready, Condition::Completed];
        *draft = field.one_of(&conditions.map(|condition| (condition.name(), condition)));
    },
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
pub const STOP: &[Key<Unit>] = &[STOP_SIGNAL, STOP_TIMEOUT, STOP_GROUP];

/// The same of a service.
pub const STOP_SERVICE: &[Key<Unit>] = &[
    STOP_SIGNAL,
    STOP_TIMEOUT,
    STOP_GROUP,
    key! {
        name: "command",
        kind: "list or string",
        default: "none",
        meaning: "run before the signal, which follows when it has ended or half of the time is over; $MAINPID is the process",
        read: |field, unit| unit.extras.stop_command = Some(schema::command(field)),
    },
];

const STOP_SIGNAL: Key<Unit> = key! {
    name: "signal",
    kind: "signal; none in a job",
    default: "TERM",
    meaning: "the stop signal",
    read: |field, unit| schema::stop_signal(field, unit),
};

const STOP_TIMEOUT: Key<Unit> = key! {
    name: "timeout",
    kind: "duration",
    default: "5s",
    meaning: "from the stop signal to SIGKILL",
    read: |field, unit| set(&mut unit.stop.timeout, field.duration()),
};

const STOP_GROUP: Key<Unit> = key! {
    name: "group",
    kind: "true, kill, false",
    default: "true",
    meaning: "true: signal and SIGKILL to the process group; kill: the signal to the main process, SIGKILL to the group; false: the main process only",
    read: |field, unit| {
        let words = [("true", StopGroup::Group), ("kill", StopGroup::KillGroup), ("false", StopGroup::Main)];
        set(&mut unit.stop.group, field.one_of(&words));
    },
};
