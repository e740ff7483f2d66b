//! YAML text → nodes with places: saphyr-parser's events, with anchors, aliases and merges resolved.
//!
//! What the parser leaves open is settled here (limits, duplicate keys, control characters, one document
//! a file). `schema` reads the nodes. Aliases share their nodes, so that nothing is copied.

use super::problems::Problems;
use crate::model::table::Table;
use crate::text::diagnostic::{Problem, Severity, Span};
use crate::text::index::Index;
use crate::text::source::Source;
use saphyr_parser::{Event, Parser, ScalarStyle, ScanError, Span as Marks, Tag};
use std::borrow::Cow;
use std::rc::Rc;

/// A value and where it was written.
#[derive(Clone, Debug)]
pub struct Node {
    pub value: Value,
    pub span: Span,
}

/// What was written, before it is known what it is meant to be.
#[derive(Clone, Debug)]
pub enum Value {
    /// Nothing, `~` or `null`.
    Null,
    Text(Text),
    List(Rc<Vec<Node>>),
    Map(Rc<Vec<Entry>>),
}

/// A scalar.
#[derive(Clone, Debug)]
pub struct Text {
    pub text: Rc<str>,
    /// Written without quotes: it may be a number or a truth value.
    pub plain: bool,
}

/// A key of a map with its value.
#[derive(Clone, Debug)]
pub struct Entry {
    pub key: Rc<str>,
    pub span: Span,
    pub node: Node,
}

impl Value {
    /// What it is, for a message: `… must be a map, not a list`.
    pub fn kind(&self) -> &'static str {
        match self {
            Value::Null => "nothing",
            Value::Text(_) => "a single value",
            Value::List(_) => "a list",
            Value::Map(_) => "a map",
        }
    }
}

/// Deepest nesting that is read: a configuration needs 6, and dropping nodes is recursive.
const DEEPEST: usize = 64;
/// Most values in a file, each alias counted as everything it stands for: keeps "a billion laughs" out.
const MOST: usize = 250_000;
/// Characters of text that count as one more value, so that large texts can't be repeated for free.
const TEXT_WEIGHT: usize = 64;

/// Reads a file. `None`: there is nothing in it, or a syntax error, which is reported (the first one only).
pub fn read(source: &Source, problems: &mut Problems) -> Option<Node> {
    let text = match checked_text(source) {
        Ok(text) => text,
        Err(problem) => {
            problems.push(problem);
            return None;
        }
    };
    let mut builder = Builder { source, problems, open: Vec::new(), anchors: Table::new(), weight: 0, root: None };
    // After an error the parser repeats it for ever: the first one ends the reading.
    let result = Parser::new_from_str(text).try_for_each(|event| {
        let (event, marks) = event.map_err(|error| syntax_error(source, text, &error))?;
        builder.take(event, span(marks))
    });
    match result {
        Ok(()) => builder.root.take().map(|(node, _)| node),
        Err(problem) => {
            builder.problems.push(problem);
            None
        }
    }
}

/// The content as text without control characters: the parser would end the document at some of them.
fn checked_text(source: &Source) -> Result<&str, Problem> {
    let content = source.content();
    let at = |offset: usize| Span { at: source.position(offset), len: 1 };
    let error = |offset, message: String| source.problem(Severity::Error, at(offset), message);
    let text = std::str::from_utf8(content).map_err(|e| error(e.valid_up_to(), "this is not UTF-8".into()))?;
    let refused = |(i, c): &(usize, char)| match c {
        '\n' | '\t' | '\u{85}' => false,
        '\r' => content.get(i + 1) != Some(&b'\n'),
        c => c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}'),
    };
    match text.char_indices().find(refused) {
        Some((offset, c)) => {
            Err(error(offset, format!("the control character U+{:04X} is not allowed in YAML", u32::from(c))))
        }
        None => Ok(text),
    }
}

/// The parser's marks in our terms: its columns count from 0.
fn span(marks: Marks) -> Span {
    let (start, end) = (marks.start, marks.end);
    let len = if end.line() == start.line() { end.col().saturating_sub(start.col()) } else { 0 };
    Span::new(start.line(), start.col() + 1, len)
}

/// Words the parser's error; what is nearly always a schedule without quotes is called that.
fn syntax_error(source: &Source, text: &str, error: &ScanError) -> Problem {
    let marker = error.marker();
    let place = Span::new(marker.line(), marker.col() + 1, 1);
    let line = text.lines().nth(marker.line().saturating_sub(1)).unwrap_or_default();
    let rest: String = line.chars().skip(marker.col()).collect();
    let message = match rest.chars().next() {
        Some('*') if looks_like_schedule(line, &rest) => {
            let written =
                [" #", ", ", "}"].iter().fold(&*rest, |rest, end| rest.split(end).next().unwrap_or(rest)).trim_end();
            format!("quote the schedule, an unquoted '*' is YAML's sign for an alias: \"{written}\"")
        }
        Some('*') if error.info().contains("unknown anchor") => {
            let name = rest.split([' ', ',', ']', '}']).next().unwrap_or(&rest);
            format!("there is no anchor '&{}' above for the alias '{name}'", name.trim_start_matches('*'))
        }
        Some(first @ ('@' | '`' | '%')) => {
            format!("a value that begins with '{first}' must be quoted: \"{}\"", rest.trim_end())
        }
        Some(quote @ ('"' | '\'')) if error.info().contains("end of stream") => {
            format!("the quote {quote} is never closed")
        }
        _ => format!("not valid YAML: {}", error.info()),
    };
    source.problem(Severity::Error, place, message)
}

/// Whether `rest` of `line`, which begins with `*`, is meant as minute, hour and so on.
fn looks_like_schedule(line: &str, rest: &str) -> bool {
    let field = |word: &str| word.starts_with(|c: char| c == '*' || c.is_ascii_digit());
    let words = rest.split_ascii_whitespace();
    line.trim_start().starts_with("schedule") || words.clone().count() >= 5 && words.take(2).all(field)
}

/// A list or map that isn't closed yet.
struct Open {
    span: Span,
    anchor: usize,
    weight: usize,
    height: usize,
    items: Items,
}

enum Items {
    List(Vec<Node>),
    Map {
        entries: Vec<Entry>,
        /// The line in which each key was first written.
        seen: Index<'static>,
        /// The key whose value comes next; `false`: it is there already, what comes is passed over.
        key: Option<(Rc<str>, Span, bool)>,
        /// The value of `<<`.
        merged: Option<Node>,
    },
}

/// How much stands in a node, and how deep.
#[derive(Clone, Copy)]
struct Size {
    weight: usize,
    height: usize,
}

struct Builder<'a> {
    source: &'a Source,
    problems: &'a mut Problems,
    open: Vec<Open>,
    anchors: Table<usize, (Node, Size)>,
    weight: usize,
    root: Option<(Node, Size)>,
}

/// The plain key that lays other maps beneath this one.
const MERGE: &str = "<<";

impl Builder<'_> {
    fn error(&self, span: Span, message: impl Into<String>) -> Problem {
        self.source.problem(Severity::Error, span, message)
    }

    fn take(&mut self, event: Event<'_>, span: Span) -> Result<(), Problem> {
        match event {
            Event::DocumentStart(_) if self.root.is_some() => {
                Err(self.error(span, "a second document begins here; a file holds one"))
            }
            Event::Scalar(text, style, anchor, tag) => {
                let quoted = style != ScalarStyle::Plain || self.is_text(tag, span)?;
                let size = Size { weight: 1 + text.len() / TEXT_WEIGHT, height: 0 };
                self.add(Node { value: scalar(&text, quoted), span }, span, anchor, size)
            }
            Event::Alias(id) => match self.anchors.get(&id) {
                Some((node, size)) => {
                    let (node, size) = (node.clone(), *size);
                    self.add(node, span, 0, size)
                }
                None => Err(self.error(span, "this alias stands inside of its own anchor")),
            },
            Event::SequenceStart(anchor, tag) => {
                self.is_text(tag, span)?;
                self.open(span, anchor, Items::List(Vec::new()))
            }
            Event::MappingStart(anchor, tag) => {
                self.is_text(tag, span)?;
                let items = Items::Map { entries: Vec::new(), seen: Index::new(), key: None, merged: None };
                self.open(span, anchor, items)
            }
            Event::SequenceEnd | Event::MappingEnd => self.close(),
            Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentStart(_) | Event::DocumentEnd => {
                Ok(())
            }
        }
    }

    /// Whether a tag makes a plain scalar a text. Tags that say what is so anyway are passed over, others refused.
    fn is_text(&self, tag: Option<Cow<'_, Tag>>, span: Span) -> Result<bool, Problem> {
        let Some(tag) = tag else { return Ok(false) };
        match &*tag.suffix {
            "str" if tag.is_yaml_core_schema() => Ok(true),
            "null" | "bool" | "int" | "float" | "seq" | "map" if tag.is_yaml_core_schema() => Ok(false),
            _ => Err(self.error(span, format!("the tag '{tag}' means nothing here"))),
        }
    }

    fn open(&mut self, span: Span, anchor: usize, items: Items) -> Result<(), Problem> {
        if self.open.len() >= DEEPEST {
            return Err(self.too_deep(span));
        }
        // The parser ends a block's span where it begins; a flow's opening bracket is one character.
        let span = Span { len: span.len.min(1), ..span };
        self.open.push(Open { span, anchor, weight: 1, height: 1, items });
        Ok(())
    }

    fn too_deep(&self, span: Span) -> Problem {
        self.error(span, format!("nested more than {DEEPEST} deep"))
    }

    fn close(&mut self) -> Result<(), Problem> {
        let Some(Open { span, anchor, weight, height, items }) = self.open.pop() else { return Ok(()) };
        let value = match items {
            Items::List(nodes) => Value::List(Rc::new(nodes)),
            Items::Map { mut entries, mut seen, merged, .. } => {
                if let Some(merged) = merged {
                    self.merge(&merged, &mut entries, &mut seen, true);
                }
                Value::Map(Rc::new(entries))
            }
        };
        // What is in it was counted as it came; only the list or map itself is new.
        self.weight = self.weight.saturating_sub(weight - 1);
        self.add(Node { value, span }, span, anchor, Size { weight, height })
    }

    /// Lays `node`'s entries beneath those that are there (<https://yaml.org/type/merge.html>).
    fn merge(&mut self, node: &Node, entries: &mut Vec<Entry>, seen: &mut Index<'_>, list: bool) {
        match &node.value {
            Value::Map(beneath) => {
                for entry in beneath.iter().filter(|entry| !seen.contains_key(&*entry.key)).cloned().collect::<Vec<_>>()
                {
                    seen.insert(entry.key.to_string().into(), entry.span.at.line as usize);
                    entries.push(entry);
                }
            }
            Value::List(nodes) if list => nodes.iter().for_each(|node| self.merge(node, entries, seen, false)),
            other => {
                let message = format!("'<<' takes a map, an alias of one, or a list of them, not {}", other.kind());
                let problem = self.error(node.span, message);
                self.problems.push(problem);
            }
        }
    }

    /// Puts a finished node where it belongs. `at`: the node's place, or its alias's.
    fn add(&mut self, node: Node, at: Span, anchor: usize, size: Size) -> Result<(), Problem> {
        self.weight = self.weight.saturating_add(size.weight);
        if self.weight > MOST {
            return Err(self.error(at, format!("more than {MOST} values, aliases counted as what they stand for")));
        }
        if self.open.len() + size.height > DEEPEST {
            return Err(self.too_deep(at));
        }
        if anchor != 0 {
            self.anchors.insert(anchor, (node.clone(), size));
        }
        let Some(open) = self.open.last_mut() else {
            self.root = Some((node, size));
            return Ok(());
        };
        open.weight = open.weight.saturating_add(size.weight);
        open.height = open.height.max(size.height + 1);
        match &mut open.items {
            Items::List(nodes) => nodes.push(node),
            Items::Map { entries, seen, key, merged } => match key.take() {
                None => {
                    let (text, plain) = match &node.value {
                        Value::Text(text) => (text.text.clone(), text.plain),
                        Value::Null if node.span.len > 0 => ("null".into(), true),
                        other => {
                            let message = format!("a key must be a single value, not {}", other.kind());
                            return Err(self.error(node.span, message));
                        }
                    };
                    let first = seen.get(&*text).copied();
                    if let Some(first) = first {
                        let message = format!("the key '{text}' is here twice; first in line {first}");
                        let problem = self.source.problem(Severity::Error, node.span, message);
                        self.problems.push(problem);
                    } else if !(plain && &*text == MERGE) {
                        seen.insert(text.to_string().into(), node.span.at.line as usize);
                    }
                    *key = Some((text, node.span, first.is_none()));
                }
                Some((_, _, false)) => {}
                Some((text, span, true)) if &*text == MERGE && !seen.contains_key(MERGE) => {
                    seen.insert(MERGE.into(), span.at.line as usize);
                    *merged = Some(node);
                }
                Some((key, span, true)) => entries.push(Entry { key, span, node }),
            },
        }
        Ok(())
    }
}

fn scalar(text: &str, quoted: bool) -> Value {
    if !quoted && matches!(text, "" | "~" | "null" | "Null" | "NULL") {
        return Value::Null;
    }
    Value::Text(Text { text: text.into(), plain: !quoted })
}
