//! The keys of services alone, and of the maps in them.

use super::{set, set_some};
use crate::config::draft::{Need, Unit};
use crate::config::reading::Key;
use crate::config::schema::{commands, dependencies, identity, probes, restarts};
use crate::model::service::{Condition, Hook, MaxRestarts, Restart, StopGroup};
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
        name: "depends_on",
        kind: "list, or map of NAME: {condition}",
        default: "none",
        meaning: "what has to be up before it starts, and stops after it; started: its program runs, ready: it is running, completed: it is done; a list means ready, of a oneshot completed",
        read: |field, unit| dependencies::depends_on(field, unit),
    },
    key! {
        name: "ready",
        kind: "{tcp, unix, http, exec, file, log, notify or fd, interval, timeout}",
        default: "as soon as its program runs",
        meaning: "the one sign by which the service counts as up; timeout alone: how long a daemon may take to write its pidfile",
        read: |field, unit| probes::ready(field, unit),
    },
    key! {
        name: "health",
        kind: "{tcp, unix, http or exec, interval, timeout, retries, start_period}",
        default: "none",
        meaning: "how it is watched; after so many failures in a row it is stopped as a failure",
        read: |field, unit| probes::health(field, unit),
    },
    key! {
        name: "watchdog",
        kind: "duration",
        default: "none",
        meaning: "sd_notify's WATCHDOG=1 must arrive within it",
        read: |field, unit| unit.extras.watchdog = field.span_of_time(),
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
        read: |field, unit| restarts::backoff(field, unit),
    },
    key! {
        name: "max_restarts",
        kind: "N, or {count, within}",
        default: "none",
        meaning: "N: more short runs in a row than that are a failure; {count, within}: more restarts of any kind within that time",
        read: |field, unit| restarts::max_restarts(field, unit),
    },
    key! {
        name: "success_codes",
        kind: "list",
        default: "[0]",
        meaning: "exits that are not failures",
        read: |field, unit| set_some(&mut unit.extras.success_codes, restarts::codes(field)),
    },
    key! {
        name: "no_restart_codes",
        kind: "list",
        default: "none",
        meaning: "exits after which it isn't restarted whatever restart says: it has failed, unless they are also in success_codes",
        read: |field, unit| set(&mut unit.extras.no_restart_codes, restarts::codes(field)),
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
        meaning: "the command forks into the background and writes this file, one of its own; a relative path counts from wingmate's own directory, not from working_dir",
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
        read: |field, unit| drop(field.map(STOP, unit)),
    },
    key! {
        name: "pre_start",
        kind: "command, or {command, user, timeout}",
        default: "none",
        meaning: "run before its program, in the same environment, directory and user; when it fails the start has failed",
        read: |field, unit| set_some(&mut unit.extras.pre_start, commands::hook(field)),
    },
    key! {
        name: "post_stop",
        kind: "command, or {command, user, timeout}",
        default: "none",
        meaning: "run after its program has ended, in the same environment, directory and user",
        read: |field, unit| set_some(&mut unit.extras.post_stop, commands::hook(field)),
    },
    key! {
        name: "instances",
        kind: "number",
        default: "no copies",
        meaning: "so many copies NAME-1 and on, each with WINGMATE_INSTANCE set and {instance} replaced in command, environ, pidfile, ready and health; NAME means all of them",
        read: |field, unit| unit.instances = field.number_from(1, MOST_INSTANCES),
    },
];

/// More copies than this are rather a slip: each has its own pipes and memory.
const MOST_INSTANCES: u32 = 10_000;

/// In an entry of `depends_on:`.
pub const NEED: &[Key<Need>] = &[key! {
    name: "condition",
    kind: "started, ready, completed",
    default: "ready; of a oneshot: completed",
    meaning: "what has to be so",
    read: |field, need| {
        let conditions = [Condition::Started, Condition::Ready, Condition::Completed];
        set_some(&mut need.condition, field.one_of(&conditions.map(|condition| (condition.name(), condition))));
    },
}];

/// In a map of `pre_start:` or `post_stop:`.
pub const HOOK: &[Key<Hook>] = &[
    key! {
        name: "command",
        kind: "list or string",
        default: "required",
        meaning: "what is run",
        read: |field, hook| hook.command = commands::command(field),
    },
    key! {
        name: "user",
        kind: "name or id, or user:group",
        default: "the unit's own",
        meaning: "whom it becomes",
        read: |field, hook| hook.identity = identity::of_hook(field),
    },
    key! {
        name: "timeout",
        kind: "duration",
        default: "30s",
        meaning: "when this is over it is stopped, and has failed",
        read: |field, hook| set(&mut hook.timeout, field.span_of_time()),
    },
];

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
        read: |field, unit| restarts::stop_signal(field, unit),
    },
    key! {
        name: "timeout",
        kind: "duration",
        default: "5s",
        meaning: "from the stop signal to SIGKILL",
        read: |field, unit| set(&mut unit.stop.timeout, field.duration()),
    },
    key! {
        name: "command",
        kind: "list or string; not in a job",
        default: "none",
        meaning: "run first, with MAINPID set; if the process still lives when it has ended, or when half the time is over, the signal is sent too",
        read: |field, unit| commands::stop_command(field, unit),
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
