//! What a process finds in its environment: `environ`, `env_file`, `secrets`, `inherit_env`.

use super::super::draft::Unit;
use super::super::env_file::EnvPath;
use super::super::keys;
use super::super::reading::{Field, Reading};
use super::super::yaml::{Entry, Value};
use crate::model::command::{InheritEnv, Secret, Variable};
use crate::model::variable::{assignment, check_names};
use crate::text::diagnostic::Span;
use std::ffi::OsStr;
use std::path::PathBuf;

/// A list of `NAME=value`, or a map.
pub fn environ(field: &mut Field<'_, '_>) -> Vec<Variable> {
    let mut pairs: Vec<Variable> = Vec::new();
    match &field.node.value {
        Value::Null => {}
        Value::Map(entries) => {
            for entry in entries.iter() {
                if let Some(mut value) = valued(field, entry, "an empty one is written \"\"") {
                    if let Some(text) = value.text("a map of single values") {
                        pairs.push(((&*entry.key).into(), (&*text.text).into()));
                    }
                }
            }
        }
        _ => {
            field.items("a list of NAME=value, or a map", |item| {
                let Some(text) = item.text("a list of NAME=value, or a map") else { return };
                match assignment(OsStr::new(&*text.text)) {
                    Ok(variable) => pairs.push(variable),
                    Err(error) => item.error(error.to_string()),
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
    let result = EnvPath::parse(OsStr::new(text)).and_then(|path| {
        let read = field.reading.env.read(path.path, field.reading.problems);
        path.may_miss(read)
    });
    match result {
        Ok(variables) => unit.of_files.extend(variables.iter().flat_map(|variables| variables.iter().cloned())),
        Err(error) => field.error(error.to_string()),
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
                match check_names(name) {
                    Ok(()) => names.push(name.to_owned()),
                    Err(error) => item.error(error.to_string()),
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
