//! Commands: a unit's own, those beside it, and what the process reads.

use super::super::draft::{self, Kind, Unit};
use super::super::keys;
use super::super::reading::Field;
use super::super::yaml::Value;
use crate::model::command::Stdin;
use crate::model::service::Hook;
use crate::text::words::{Comments, characters, shell_words, split};
use std::ffi::OsString;

const MUST: &str = "a list of words, or one string";

/// A list of words, or one string that is split as in a crontab.
pub fn command(field: &mut Field<'_, '_>) -> Vec<OsString> {
    let mut words: Vec<OsString> = Vec::new();
    if let Value::Text(_) = field.node.value {
        split_command(field, &mut words);
    } else {
        let read =
            |item: &mut Field<'_, '_>| words.extend(item.text("a list of words").map(|t| OsString::from(&*t.text)));
        if !field.items(MUST, read) {
            return words;
        }
        if matches!(&field.node.value, Value::List(items) if items.is_empty()) {
            field.error(format!("'{}' is empty", field.name));
        }
    }
    if words.first().is_some_and(|program| program.is_empty()) {
        field.error(format!("'{}' names no program: its first word is empty", field.name));
    }
    words.shrink_to_fit();
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
            out.extend(words.into_iter().map(|word| {
                let mut text = word.text.into_owned();
                text.shrink_to_fit();
                OsString::from(text)
            }));
        }
        Err(error) => {
            let span = field.reading.within(field.node, text, characters(&text.text, error.at()..error.at() + 1));
            field.reading.error(span, format!("'{}': {error}", field.name));
        }
    }
}

/// `stop.command`: a run of a job has none.
pub fn stop_command(field: &mut Field<'_, '_>, unit: &mut Unit) {
    if unit.kind == Kind::Job {
        return field.reading.error(field.span, "'command' of 'stop' is for services, not for cron jobs");
    }
    unit.extras.stop_command = Some(command(field)).filter(|command| !command.is_empty());
}

/// A command, or `{command, user, timeout}`.
pub fn hook(field: &mut Field<'_, '_>) -> Option<Hook> {
    let mut hook = draft::hook();
    match &field.node.value {
        Value::Map(_) => {
            let seen = field.map(keys::HOOK, &mut hook);
            if seen.lacks("command") {
                field.reading.error(field.span, format!("'{}' has no 'command'", field.name));
            }
        }
        Value::Text(_) | Value::List(_) => hook.command = command(field),
        Value::Null => field.wrong_kind("a command, or {command, user, timeout}"),
    }
    (!hook.command.is_empty()).then_some(hook)
}

/// `null`, which YAML has a value for, or `inherit`.
pub fn stdin(field: &mut Field<'_, '_>, unit: &mut Unit) {
    let written_null = matches!(field.node.value, Value::Null) && field.node.span.len > 0;
    let stdin = match written_null {
        true => Some(Stdin::Null),
        false => field.one_of(&[("null", Stdin::Null), ("inherit", Stdin::Inherit)]),
    };
    if let Some(stdin) = stdin {
        unit.process.extras_mut().stdin = stdin;
    }
}
