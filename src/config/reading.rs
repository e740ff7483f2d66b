//! Nodes → typed values: how each kind of value in `wingmate.yaml` is read, and what is said when it isn't one.
//!
//! `keys` has the table of keys; their readers get a [`Field`] and put what they find into a draft.

use super::env_file::EnvFiles;
use super::problems::Problems;
use super::yaml::{Entry, Node, Text, Value};
use super::{NamedZone, Place};
use crate::model::moment::parse_duration;
use crate::model::number;
use crate::text::diagnostic::{Severity, Span};
use crate::text::near::nearest;
use crate::text::source::Source;
use std::ops::Range;
use std::rc::Rc;
use std::time::Duration;

/// A row of the table of keys: everything that is known of a key. `D` is what it is put into.
pub struct Key<D: 'static> {
    pub name: &'static str,
    #[cfg(test)]
    pub manual: Manual,
    pub read: fn(&mut Field<'_, '_>, &mut D),
}

/// What the manual says of a key.
#[cfg(test)]
pub struct Manual {
    /// What it takes.
    pub kind: &'static str,
    /// What holds without it.
    pub default: &'static str,
    pub meaning: &'static str,
}

/// A file that is being read.
pub struct Reading<'a> {
    pub source: &'a Source,
    /// The source's number in [`super::Loaded`].
    pub number: u32,
    pub problems: &'a mut Problems,
    pub zones: &'a mut Vec<NamedZone>,
    pub env: &'a mut EnvFiles,
    /// What is being read: `service 'web'`.
    pub what: String,
}

/// A key that was found, and its value.
pub struct Field<'r, 'a> {
    pub reading: &'r mut Reading<'a>,
    pub name: &'static str,
    /// Where the key stands.
    pub span: Span,
    pub node: &'r Node,
}

/// Which keys a map had, and where.
#[derive(Default)]
pub struct Seen {
    keys: Vec<(&'static str, Span)>,
    /// What unknown keys were taken for, so that they aren't missed as well.
    meant: Vec<String>,
}

impl Seen {
    /// All of them.
    pub fn keys(&self) -> impl Iterator<Item = (&'static str, Span)> {
        self.keys.iter().copied()
    }

    /// Where a key stands.
    pub fn place(&self, name: &str) -> Option<Span> {
        self.keys.iter().find(|(seen, _)| *seen == name).map(|(_, span)| *span)
    }

    /// Whether a key is missing, not only misspelt.
    pub fn lacks(&self, name: &str) -> bool {
        self.place(name).is_none() && !self.meant.iter().any(|meant| meant == name)
    }

    /// The first of these keys that is there.
    pub fn first_of(&self, names: &[&'static str]) -> Option<(&'static str, Span)> {
        names.iter().find_map(|name| self.place(name).map(|span| (*name, span)))
    }
}

impl Reading<'_> {
    /// Reports an error.
    pub fn error(&mut self, span: Span, message: impl Into<String>) {
        self.problems.add(self.source, Severity::Error, span, message);
    }

    /// Reports a warning.
    pub fn warning(&mut self, span: Span, message: impl Into<String>) {
        self.problems.add(self.source, Severity::Warning, span, message);
    }

    /// A place for later problems.
    pub fn place(&self, span: Span) -> Place {
        Place { source: self.number, span: Some(span) }
    }

    /// Where some characters of a text stand in the file; the whole node if it isn't written letter by letter.
    pub fn within(&self, node: &Node, text: &Text, chars: Range<usize>) -> Span {
        let (line, column) = (node.span.at.line as usize, node.span.at.column as usize);
        let written = String::from_utf8_lossy(self.source.line(line));
        let mut rest = written.chars().skip(column.saturating_sub(1)).peekable();
        let quote = usize::from(rest.next_if(|c| !text.plain && matches!(c, '"' | '\'')).is_some());
        match text.text.chars().all(|c| rest.next() == Some(c)) {
            true => Span::new(line, column + quote + chars.start, chars.len()),
            false => node.span,
        }
    }

    /// A place as other messages name it.
    pub fn spoken(&self, span: Span) -> String {
        format!("{}:{}", self.source.file, span.at)
    }

    /// The entries of a map; nothing at all is an empty one.
    pub fn entries(&mut self, node: &Node) -> Rc<Vec<Entry>> {
        match &node.value {
            Value::Map(entries) => entries.clone(),
            Value::Null => Rc::default(),
            other => {
                let message = format!("{} must be a map (key: value), not {}", self.what, other.kind());
                self.error(node.span, message);
                Rc::default()
            }
        }
    }

    /// Reads a map by the tables that hold for it. `others`: whose key it is, if another kind of map has it.
    pub fn map<D>(
        &mut self,
        entries: &[Entry],
        tables: &[&[Key<D>]],
        others: &dyn Fn(&str) -> Option<&'static str>,
        draft: &mut D,
    ) -> Seen {
        let mut seen = Seen::default();
        let rows = || tables.iter().copied().flatten();
        for entry in entries {
            match rows().find(|row| *row.name == *entry.key) {
                Some(row) => {
                    seen.keys.push((row.name, entry.span));
                    let mut field = Field { reading: self, name: row.name, span: entry.span, node: &entry.node };
                    (row.read)(&mut field, draft);
                }
                None => {
                    let names: Vec<&str> = rows().map(|row| row.name).collect();
                    seen.meant.extend(self.unknown_key(entry, others(&entry.key), &names));
                }
            }
        }
        seen
    }

    /// Reports a key that belongs elsewhere.
    pub fn misplaced_key(&mut self, entry: &Entry, whose: &str) {
        let message = format!("{} can't have '{}': it is for {whose}", self.what, entry.key);
        self.error(entry.span, message);
    }

    /// Reports a key that no table has; what it was taken for, if that could be guessed.
    fn unknown_key(&mut self, entry: &Entry, whose: Option<&str>, names: &[&str]) -> Option<String> {
        if let Some(whose) = whose {
            self.misplaced_key(entry, whose);
            return None;
        }
        let (key, what) = (&entry.key, &self.what);
        let near = if self.problems.is_full() { None } else { nearest(key, names) };
        let (message, meant) = match near {
            Some(near) => (format!("unknown key '{key}' in {what} (did you mean '{near}'?)"), Some(near)),
            None => (format!("unknown key '{key}' in {what} (allowed: {})", names.join(", ")), None),
        };
        self.error(entry.span, message);
        meant
    }
}

/// For maps whose keys are known nowhere else.
pub fn nowhere_else(_: &str) -> Option<&'static str> {
    None
}

impl<'r, 'a> Field<'r, 'a> {
    /// Reports an error about the value.
    pub fn error(&mut self, message: impl Into<String>) {
        self.reading.error(self.node.span, message);
    }

    /// Says what it must be and what it is.
    pub fn wrong_kind(&mut self, must: &str) {
        match self.node.value.kind() {
            "nothing" => self.reading.error(self.span, format!("'{}' has no value; it must be {must}", self.name)),
            kind => self.error(format!("'{}' must be {must}, not {kind}", self.name)),
        }
    }

    /// A single value, as it is written (a number is its text), with no NUL in it.
    pub fn text(&mut self, must: &str) -> Option<&'r Text> {
        match &self.node.value {
            Value::Text(text) if text.text.contains('\0') => {
                self.error(format!("'{}' must not contain a NUL character", self.name));
                None
            }
            Value::Text(text) => Some(text),
            _ => {
                self.wrong_kind(must);
                None
            }
        }
    }

    /// A single value that isn't empty.
    pub fn word(&mut self, must: &str) -> Option<&'r str> {
        let text = self.text(must)?;
        if text.text.is_empty() {
            self.error(format!("'{}' is empty; it must be {must}", self.name));
            return None;
        }
        Some(&text.text)
    }

    /// `true` or `false` (YAML 1.2), quoted or not.
    pub fn flag(&mut self) -> Option<bool> {
        match &*self.text("true or false")?.text {
            "true" | "True" | "TRUE" => Some(true),
            "false" | "False" | "FALSE" => Some(false),
            other => {
                self.error(format!("'{}' must be true or false, not '{other}'", self.name));
                None
            }
        }
    }

    /// A duration.
    pub fn duration(&mut self) -> Option<Duration> {
        let text = self.text("a duration (such as 500ms, 10s, 1m30s)")?;
        self.parsed(parse_duration(&text.text))
    }

    /// A duration that isn't nothing.
    pub fn span_of_time(&mut self) -> Option<Duration> {
        let time = self.duration()?;
        if time.is_zero() {
            self.error(format!("'{}' must be longer than 0", self.name));
            return None;
        }
        Some(time)
    }

    /// What a parser made of it, or its complaint.
    pub fn parsed<T, E: std::fmt::Display>(&mut self, result: Result<T, E>) -> Option<T> {
        match result {
            Ok(value) => Some(value),
            Err(error) => {
                self.error(format!("{}: {error}", self.name));
                None
            }
        }
    }

    /// A whole number from 0 to `most`.
    pub fn number(&mut self, most: u32) -> Option<u32> {
        self.number_from(0, most)
    }

    /// A whole number from `least` to `most`.
    pub fn number_from(&mut self, least: u32, most: u32) -> Option<u32> {
        self.whole(least.into(), most.into()).and_then(|number| u32::try_from(number).ok())
    }

    /// The same of numbers that may have a sign.
    pub fn integer(&mut self, least: i32, most: i32) -> Option<i32> {
        self.whole(least.into(), most.into()).and_then(|number| i32::try_from(number).ok())
    }

    fn whole(&mut self, least: i64, most: i64) -> Option<i64> {
        let text = &*self.text(&number::range(least, most))?.text;
        let number = number::whole(text, least, most);
        number.map_err(|error| self.error(format!("'{}' {error}", self.name))).ok()
    }

    /// One of some words.
    pub fn one_of<T: Copy>(&mut self, words: &[(&str, T)]) -> Option<T> {
        let names: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
        let place = self.place_of(&names)?;
        words.get(place).map(|(_, value)| *value)
    }

    /// The place of the word that it is.
    fn place_of(&mut self, words: &[&str]) -> Option<usize> {
        let allowed = words.join(", ");
        let text = &*self.text(&format!("one of {allowed}"))?.text;
        let found = words.iter().position(|word| *word == text);
        if found.is_none() {
            let hint = nearest(text, words).map(|near| format!(" (did you mean '{near}'?)")).unwrap_or_default();
            self.error(format!("'{}' must be one of {allowed}, not '{text}'{hint}", self.name));
        }
        found
    }

    /// A list's items, each as a field of the same name.
    pub fn items(&mut self, must: &str, mut each: impl FnMut(&mut Field<'_, 'a>)) -> bool {
        let Value::List(items) = &self.node.value else {
            self.wrong_kind(must);
            return false;
        };
        for node in items.iter() {
            each(&mut Field { reading: self.reading, name: self.name, span: node.span, node });
        }
        true
    }

    /// A map, read by its own table.
    pub fn map<D>(&mut self, table: &[Key<D>], draft: &mut D) -> Seen {
        self.map_beside(table, &nowhere_else, draft)
    }

    /// The same, where some keys are known elsewhere.
    pub fn map_beside<D>(
        &mut self,
        table: &[Key<D>],
        others: &dyn Fn(&str) -> Option<&'static str>,
        draft: &mut D,
    ) -> Seen {
        if matches!(self.node.value, Value::Null) {
            self.wrong_kind("a map (key: value)");
        }
        let what = format!("'{}' of {}", self.name, self.reading.what);
        let outer = std::mem::replace(&mut self.reading.what, what);
        let entries = self.reading.entries(self.node);
        let seen = self.reading.map(&entries, &[table], others, draft);
        self.reading.what = outer;
        seen
    }
}
