//! What a process finds in its environment: `environ`, `env_file`, `secrets`, `inherit_env`.

use super::super::draft::Unit;
use super::super::keys;
use super::super::reading::{Field, Reading};
use super::super::yaml::{Entry, Value};
use crate::model::command::{InheritEnv, Secret, Variable};
use crate::text::diagnostic::Span;
use std::path::{Path, PathBuf};

/// A list of `NAME=value`, or a map.
pub fn environ(field: &mut Field<'_, '_>) -> Vec<Variable> {
    let mut pairs: Vec<Variable> = Vec::new();
    let mut add = |name: &str, value: &str| pairs.push((name.into(), value.into()));
    match &field.node.value {
        Value::Null => {}
        Value::Map(entries) => {
            for entry in entries.iter() {
                if let Some(mut value) = valued(field, entry, "an empty one is written \"\"") {
                    if let Some(text) = value.text("a map of single values") {
                        add(&entry.key, &text.text);
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
    pairs.shrink_to_fit();
    pairs
}

/// An entry of a map of variables as a field, if its name can be one and it has a value.
fn valued<'r, 'a>(field: &'r mut Field<'_, 'a>, entry: &'r Entry, advice: &str) -> Option<Field<'r, 'a>> {
    if !names_variable(field.reading, &entry.key, entry.span) {
        return None;
    }
    if matches!(entry.node.value, Value::Null) {
        let message = format!("the variable '{}' has no value; {advice}", entry.key);
        field.reading.error(entry.span, message);
        return None;
    }
    Some(Field { reading: field.reading, name: field.name, span: entry.span, node: &entry.node })
}

fn names_variable(reading: &mut Reading<'_>, name: &str, span: Span) -> bool {
    let good = !name.is_empty() && !name.contains(['=', '\0']);
    if !good {
        reading.error(span, format!("'{}' can't be a variable's name", name.replace('\0', "\u{fffd}")));
    }
    good
}

/// A path, or a list of them; each may be missing if a `-` stands before it.
pub fn env_file(field: &mut Field<'_, '_>, unit: &mut Unit) {
    let must = "a path, or a list of them";
    match &field.node.value {
        Value::List(_) => drop(field.items(must, |item| one_file(item, must, unit))),
        _ => one_file(field, must, unit),
    }
}

fn one_file(field: &mut Field<'_, '_>, must: &str, unit: &mut Unit) {
    let Some(text) = field.word(must) else { return };
    let (path, optional) = match text.strip_prefix('-') {
        Some(path) => (path, true),
        None => (text, false),
    };
    if path.is_empty() {
        return field.error("there is no path behind the '-'");
    }
    match field.reading.env.read(Path::new(path), field.reading.problems) {
        Ok(variables) => unit.of_files.extend(variables.iter().cloned()),
        Err(unread) if unread.missing && optional => {}
        Err(unread) => {
            let hint = if unread.missing { " (a '-' before the path says that it may be missing)" } else { "" };
            field.error(format!("cannot read '{path}': {}{hint}", unread.reason));
        }
    }
}

/// A map of names to files.
pub fn secrets(field: &mut Field<'_, '_>, unit: &mut Unit) {
    let must = "a map of NAME: FILE";
    let Value::Map(entries) = &field.node.value else { return field.wrong_kind(must) };
    for entry in entries.iter() {
        let Some(mut value) = valued(field, entry, "it is a file's path") else { continue };
        let mut secret = Secret { name: String::from(&*entry.key), file: PathBuf::new(), as_file: false };
        match &entry.node.value {
            Value::Map(_) => {
                let seen = value.map(keys::SECRET, &mut secret);
                if seen.lacks("file") {
                    value.reading.error(entry.span, format!("the secret '{}' has no 'file'", entry.key));
                }
            }
            _ => secret.file = value.word("a file's path, or {file, as}").map(PathBuf::from).unwrap_or_default(),
        }
        let secrets = &mut unit.process.extras_mut().secrets;
        secrets.retain(|other| other.name != secret.name);
        secrets.push(secret);
        secrets.shrink_to_fit();
    }
}

/// `true`, `false`, or names.
pub fn inherit_env(field: &mut Field<'_, '_>, unit: &mut Unit) {
    let inherit = match &field.node.value {
        Value::List(_) => {
            let mut names: Vec<String> = Vec::new();
            field.items("a list of names", |item| {
                let Some(name) = item.word("a variable's name, or its beginning and a '*'") else { return };
                if name.strip_suffix('*').unwrap_or(name).contains(['*', '=']) {
                    item.error(format!("'{name}' is no variable's name, nor its beginning and a '*'"));
                } else {
                    names.push(name.to_owned());
                }
            });
            names.shrink_to_fit();
            InheritEnv::Only(names)
        }
        Value::Text(_) => match field.flag() {
            Some(true) => InheritEnv::All,
            Some(false) => InheritEnv::Nothing,
            None => return,
        },
        _ => return field.wrong_kind("true, false, or a list of names"),
    };
    unit.process.extras_mut().inherit_env = inherit;
}
