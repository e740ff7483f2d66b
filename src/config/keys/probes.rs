//! The keys of `ready:` and `health:`.

use super::{set, set_some};
use crate::config::draft::Unit;
use crate::config::reading::Key;
use crate::config::schema::probes;
use crate::model::service::ReadyKind;

/// In `ready:`: one of the kinds, and times.
pub const READY: &[Key<Unit>] = &[
    key! {
        name: "tcp",
        kind: "HOST:PORT",
        default: "none",
        meaning: "a connection is accepted there",
        read: |field, unit| set_some(&mut unit.ready.kind, probes::tcp(field).map(ReadyKind::Probe)),
    },
    key! {
        name: "unix",
        kind: "path",
        default: "none",
        meaning: "a connection to this Unix socket is accepted",
        read: |field, unit| set_some(&mut unit.ready.kind, probes::unix(field).map(ReadyKind::Probe)),
    },
    key! {
        name: "http",
        kind: "http://HOST[:PORT][/PATH]",
        default: "none",
        meaning: "it answers with 2xx or 3xx",
        read: |field, unit| set_some(&mut unit.ready.kind, probes::http(field).map(ReadyKind::Probe)),
    },
    key! {
        name: "exec",
        kind: "command",
        default: "none",
        meaning: "this command exits with 0, in the service's environment and as its user",
        read: |field, unit| set_some(&mut unit.ready.kind, probes::exec(field).map(ReadyKind::Probe)),
    },
    key! {
        name: "file",
        kind: "path",
        default: "none",
        meaning: "this file exists",
        read: |field, unit| set_some(&mut unit.ready.kind, probes::file(field).map(ReadyKind::Probe)),
    },
    key! {
        name: "log",
        kind: "text",
        default: "none",
        meaning: "a line of its output has this text in it",
        read: |field, unit| {
            let text = field.word("a text that a line of its output holds");
            set_some(&mut unit.ready.kind, text.map(|text| ReadyKind::Log(text.to_owned())));
        },
    },
    key! {
        name: "notify",
        kind: "true",
        default: "none",
        meaning: "sd_notify's READY=1",
        read: |field, unit| set_some(&mut unit.ready.kind, probes::notify(field)),
    },
    key! {
        name: "fd",
        kind: "number from 3 on",
        default: "none",
        meaning: "a newline on this descriptor, which it gets",
        read: |field, unit| set_some(&mut unit.ready.kind, probes::fd(field)),
    },
    key! {
        name: "interval",
        kind: "duration",
        default: "200ms",
        meaning: "between two probes",
        read: |field, unit| set_some(&mut unit.ready.interval, probes::interval(field)),
    },
    key! {
        name: "timeout",
        kind: "duration",
        default: "60s; 30s with a pidfile",
        meaning: "after this a start has failed",
        read: |field, unit| set_some(&mut unit.ready.timeout, field.span_of_time()),
    },
];

/// In `health:`: one of the kinds, and times.
pub const HEALTH: &[Key<Unit>] = &[
    key! {
        name: "tcp",
        kind: "HOST:PORT",
        default: "none",
        meaning: "a connection is accepted there",
        read: |field, unit| set_some(&mut unit.health.probe, probes::tcp(field)),
    },
    key! {
        name: "unix",
        kind: "path",
        default: "none",
        meaning: "a connection to this Unix socket is accepted",
        read: |field, unit| set_some(&mut unit.health.probe, probes::unix(field)),
    },
    key! {
        name: "http",
        kind: "http://HOST[:PORT][/PATH]",
        default: "none",
        meaning: "it answers with 2xx or 3xx",
        read: |field, unit| set_some(&mut unit.health.probe, probes::http(field)),
    },
    key! {
        name: "exec",
        kind: "command",
        default: "none",
        meaning: "this command exits with 0, in the service's environment and as its user",
        read: |field, unit| set_some(&mut unit.health.probe, probes::exec(field)),
    },
    key! {
        name: "interval",
        kind: "duration",
        default: "10s",
        meaning: "between two probes",
        read: |field, unit| set(&mut unit.health.interval, probes::interval(field)),
    },
    key! {
        name: "timeout",
        kind: "duration",
        default: "3s",
        meaning: "how long a probe may take",
        read: |field, unit| set(&mut unit.health.timeout, field.span_of_time()),
    },
    key! {
        name: "retries",
        kind: "number from 1 on",
        default: "3",
        meaning: "so many failures in a row stop it",
        read: |field, unit| set(&mut unit.health.retries, field.number_from(1, u32::MAX)),
    },
    key! {
        name: "start_period",
        kind: "duration",
        default: "0",
        meaning: "failures this soon after it is running don't count",
        read: |field, unit| set(&mut unit.health.start_period, field.duration()),
    },
];
