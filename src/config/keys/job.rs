//! The keys of cron jobs (spec/cron.md).

use super::{STOP, set, set_some};
use crate::config::draft::Unit;
use crate::config::reading::Key;
use crate::config::schema::{self, dependencies, restarts};
use crate::model::job::{Missed, Overlap};

/// Of cron jobs only, but for those that services have too.
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
        read: |field, unit| unit.manner.timezone = schema::zone(field),
    },
    key! {
        name: "overlap",
        kind: "skip, allow, replace",
        default: "skip",
        meaning: "what becomes of a run that is due while one is under way: it doesn't take place, it starts beside the other, or the other is stopped first",
        read: |field, unit| {
            let words = [Overlap::Skip, Overlap::Allow, Overlap::Replace];
            set(&mut unit.manner.overlap, field.one_of(&words.map(|overlap| (overlap.name(), overlap))));
        },
    },
    key! {
        name: "timeout",
        kind: "duration",
        default: "none",
        meaning: "a run that takes longer is stopped, and has failed",
        read: |field, unit| set_some(&mut unit.manner.timeout, field.span_of_time()),
    },
    key! {
        name: "jitter",
        kind: "duration",
        default: "0",
        meaning: "each start is put off by a part of it that depends on the job's name and the time when it is due, so that many don't start at once",
        read: |field, unit| set(&mut unit.manner.jitter, field.duration()),
    },
    key! {
        name: "retries",
        kind: "{count, delay}",
        default: "none",
        meaning: "how often a run that failed is tried again",
        read: |field, unit| restarts::retries(field, unit),
    },
    key! {
        name: "on_boot",
        kind: "bool",
        default: "false",
        meaning: "it also runs when wingmate starts",
        read: |field, unit| set(&mut unit.manner.on_boot, field.flag()),
    },
    key! {
        name: "missed",
        kind: "skip, once",
        default: "skip",
        meaning: "what becomes of runs that were due while wingmate wasn't running; once: the last of them is made up for at start, which needs the setting state",
        read: |field, unit| {
            let words = [Missed::Skip, Missed::Once];
            set(&mut unit.manner.missed, field.one_of(&words.map(|missed| (missed.name(), missed))));
        },
    },
    key! {
        name: "depends_on",
        kind: "list, or map of NAME: {condition}",
        default: "none",
        meaning: "services that have to be up when it runs: a run that is due while one isn't is skipped, one at start waits",
        read: |field, unit| dependencies::depends_on(field, unit),
    },
    key! {
        name: "critical",
        kind: "bool",
        default: "false",
        meaning: "when a run fails for good, after its retries, everything stops and its status is wingmate's",
        read: |field, unit| set(&mut unit.critical, field.flag()),
    },
    key! {
        name: "success_codes",
        kind: "list",
        default: "[0]",
        meaning: "exits that are not failures",
        read: |field, unit| set_some(&mut unit.extras.success_codes, restarts::codes(field)),
    },
    key! {
        name: "stop",
        kind: "{signal, timeout, group}",
        default: "{signal: TERM, timeout: 5s, group: true}",
        meaning: "how a run is stopped; signal: none lets it end by itself until the time is over",
        read: |field, unit| drop(field.map(STOP, unit)),
    },
];

/// In `retries:`.
pub const RETRIES: &[Key<Unit>] = &[
    key! {
        name: "count",
        kind: "number",
        default: "required",
        meaning: "how often",
        read: |field, unit| set(&mut unit.manner.retries.count, field.number(u32::MAX)),
    },
    key! {
        name: "delay",
        kind: "duration",
        default: "1s",
        meaning: "how long after the end of the try before",
        read: |field, unit| set(&mut unit.manner.retries.delay, field.duration()),
    },
];
