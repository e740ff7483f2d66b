//! A manual page in the making: prose with little markup → man(7) macros that man-db's groff and mandoc both set well.
//! Tests only, of the applets' pages (`applets/manual.rs`) and of that of `wingmate.yaml` (`src/config/tests/manual.rs`).
//!
//! ```text
//! # HEADING            a section; ## HEADING one within it
//! Words, `literal`,    a paragraph; options and names such as chpst(8) are literal by themselves, *NAME* is a placeholder
//!     wmexec true      code, four blanks in
//! --user               a term, on as many lines as it has names,
//! : Words.             and what is said of it: paragraphs and code, each line or at least the first with the colon
//! ```

use std::fmt::Write;

/// The version that the pages are of, and the day on which they were last looked through for it.
const EDITION: (&str, &str) = ("0.1.0", "2026-11-25");

/// With this variable set, the tests write the pages instead of comparing them.
const WRITE: &str = "WINGMATE_WRITE";

/// How wide the source is at most, where words allow.
const WIDTH: usize = 80;

/// What code begins with.
const CODE: &str = "    ";

/// The page that is being written.
pub struct Page {
    file: String,
    text: String,
}

/// One block of a piece of prose.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Block {
    Paragraph(String),
    Code(Vec<String>),
    /// Its names, and what is said: paragraphs and code only.
    Term(Vec<String>, Vec<Block>),
    Heading(String),
}

impl Page {
    /// Begins the page `name(section)`.
    pub fn new(name: &str, section: u8, summary: &str) -> Page {
        let (version, date) = EDITION;
        assert_eq!(version, env!("CARGO_PKG_VERSION"), "a new version: look through the pages, then set EDITION here");
        let topic = if section == 1 { "User Commands" } else { "File Formats" };
        let mut text = format!(
            ".\\\" Written from the table of the source; to write it again: {WRITE}=1 cargo test --lib --bins manual\n\
             .TH {} {section} {date} \"wingmate {version}\" \"{topic}\"\n\
             .nr HY 0\n.ad l\n.SH NAME\n{name} \\- ",
            name.to_uppercase()
        );
        lines(&mut text, &inline(summary));
        Page { file: format!("{name}.{section}"), text }
    }

    pub fn section(&mut self, heading: &str) {
        let _ = writeln!(self.text, ".SH {}", inline(heading));
    }

    pub fn blocks(&mut self, blocks: &[Block]) {
        for block in blocks {
            match block {
                Block::Heading(heading) => {
                    let _ = writeln!(self.text, ".SS {}", inline(heading));
                }
                Block::Term(names, said) => {
                    self.term(&names.iter().map(|name| inline(name)).collect::<Vec<_>>());
                    self.said(said);
                }
                Block::Paragraph(text) => {
                    self.paragraph();
                    lines(&mut self.text, &inline(text));
                }
                Block::Code(code) => {
                    self.paragraph();
                    self.text.push_str(".RS 4\n");
                    self.code(code);
                    self.text.push_str(".RE\n");
                }
            }
        }
    }

    /// What divides a paragraph from what is before it; a heading does so by itself.
    fn paragraph(&mut self) {
        let before = self.text.lines().next_back().unwrap_or_default();
        if !before.starts_with(".SH") && !before.starts_with(".SS") {
            self.text.push_str(".PP\n");
        }
    }

    /// A term, each of its names set already.
    pub fn term(&mut self, names: &[String]) {
        for (place, name) in names.iter().enumerate() {
            let _ = writeln!(self.text, "{}\n{name}", if place == 0 { ".TP" } else { ".TQ" });
        }
    }

    /// What is said of the term before it.
    pub fn said(&mut self, blocks: &[Block]) {
        for (place, block) in blocks.iter().enumerate() {
            if place > 0 {
                self.text.push_str(".IP\n");
            }
            match block {
                Block::Paragraph(text) => lines(&mut self.text, &inline(text)),
                Block::Code(code) => self.code(code),
                other => panic!("no place for it within a term: {other:?}"),
            }
        }
    }

    fn code(&mut self, code: &[String]) {
        self.text.push_str(".EX\n");
        for line in code {
            let _ = writeln!(self.text, "{}", begun(&literal(line)));
        }
        self.text.push_str(".EE\n");
    }

    /// One form of a call: the command and what may follow it.
    pub fn call(&mut self, command: &str, usage: &str) {
        let _ = writeln!(self.text, ".SY \"{}\"", literal(command));
        if !usage.is_empty() {
            lines(&mut self.text, &form(usage));
        }
        self.text.push_str(".YS\n");
    }

    /// Compares it with the committed page, or writes that.
    pub fn settle(self) {
        assert!(self.text.is_ascii(), "{}: not ASCII alone", self.file);
        let path = format!("{}/packaging/man/{}", env!("CARGO_MANIFEST_DIR"), self.file);
        if std::env::var_os(WRITE).is_some() {
            std::fs::write(&path, &self.text).unwrap_or_else(|error| panic!("cannot write '{path}': {error}"));
        }
        let committed = std::fs::read_to_string(&path).unwrap_or_default();
        let differs = committed.lines().zip(self.text.lines()).position(|(old, new)| old != new);
        let line = differs.unwrap_or(committed.lines().count().min(self.text.lines().count()));
        assert!(
            committed == self.text,
            "packaging/man/{} isn't what the table says, from line {} on: {:?}; to write it: {WRITE}=1 cargo test --lib --bins manual",
            self.file,
            line + 1,
            self.text.lines().nth(line).unwrap_or_default()
        );
    }
}

/// A piece of prose, section by section.
pub fn sections(text: &str) -> Vec<(String, Vec<Block>)> {
    let mut sections: Vec<(String, Vec<Block>)> = Vec::new();
    for block in text.trim_end().split("\n\n") {
        let block = block.trim_matches('\n');
        let block = match block.strip_prefix("# ") {
            Some(headed) => {
                let (heading, rest) = headed.split_once('\n').unwrap_or((headed, ""));
                sections.push((heading.to_owned(), Vec::new()));
                rest
            }
            None => block,
        };
        let (_, blocks) = sections.last_mut().expect("a piece begins with a section");
        if !block.is_empty() {
            add(blocks, block);
        }
    }
    sections
}

/// Reads one block, of lines without an empty one between, and adds it.
fn add(blocks: &mut Vec<Block>, text: &str) {
    let mut text = text;
    if let Some(headed) = text.strip_prefix("## ") {
        let (heading, rest) = headed.split_once('\n').unwrap_or((headed, ""));
        blocks.push(Block::Heading(heading.to_owned()));
        text = rest;
    }
    let all: Vec<&str> = text.lines().collect();
    let names: Vec<String> =
        all.iter().take_while(|line| !line.starts_with(':')).map(|&line| line.to_owned()).collect();
    if let Some(said) = all.get(names.len()..).filter(|said| !said.is_empty()) {
        let said: Vec<&str> = said.iter().map(|line| line.get(2..).unwrap_or_default()).collect();
        if !names.is_empty() {
            blocks.push(Block::Term(names, Vec::new()));
        }
        let Some(Block::Term(_, before)) = blocks.last_mut() else { panic!("said of no term: {text:?}") };
        let is_code = |line: &str| line.starts_with(CODE);
        said.chunk_by(|one, next| is_code(one) == is_code(next)).for_each(|part| push(before, plain(part)));
    } else if !all.is_empty() {
        push(blocks, plain(&all));
    }
}

/// Adds a block; an empty line doesn't end code.
fn push(blocks: &mut Vec<Block>, block: Block) {
    match (blocks.last_mut(), block) {
        (Some(Block::Code(code)), Block::Code(more)) => {
            code.push(String::new());
            code.extend(more);
        }
        (_, block) => blocks.push(block),
    }
}

/// A paragraph or code.
fn plain(lines: &[&str]) -> Block {
    match lines.iter().all(|line| line.starts_with(CODE)) {
        true => Block::Code(lines.iter().map(|line| line[CODE.len()..].to_owned()).collect()),
        false => Block::Paragraph(lines.iter().map(|line| line.trim()).collect::<Vec<_>>().join(" ")),
    }
}

/// A sentence's beginning, unless that is a name or a value, which stays as it is.
pub fn capital(text: &str) -> String {
    let first = text.split(' ').next().unwrap_or_default();
    let name = first.ends_with(':')
        || first.contains('_')
        || ["wm", "wingmate", "true"].iter().any(|name| first.starts_with(name));
    let (letter, rest) = text.split_at(text.chars().next().map_or(0, char::len_utf8));
    if name { text.to_owned() } else { letter.to_uppercase() + rest }
}

/// Prose in roff's terms: what is literal bold, placeholders italic.
fn inline(text: &str) -> String {
    let parts: Vec<&str> = text.split('`').collect();
    assert!(parts.len() % 2 == 1, "a backtick is missing: {text:?}");
    let parts = parts.iter().enumerate().map(|(place, part)| match place % 2 {
        1 => verbatim(part),
        _ => part.split(' ').map(word).collect::<Vec<_>>().join(" "),
    });
    parts.collect()
}

/// What is literal, but for a placeholder or more in it.
fn verbatim(text: &str) -> String {
    let is_placeholder = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_uppercase());
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, placeholder, after)) = rest.split_once('*').and_then(|(before, rest)| {
        rest.split_once('*').filter(|(part, _)| is_placeholder(part)).map(|(part, after)| (before, part, after))
    }) {
        let _ = write!(out, "\\fB{}\\fI{}\\fR", literal(before), literal(placeholder));
        rest = after;
    }
    if !rest.is_empty() {
        let _ = write!(out, "\\fB{}\\fR", literal(rest));
    }
    out
}

fn word(word: &str) -> String {
    let start = word.find(|c: char| !"([\"'".contains(c)).unwrap_or(0);
    let (before, rest) = word.split_at(start);
    let name =
        |text: &str| text.find(|c: char| !(c.is_ascii_alphanumeric() || "-_.".contains(c))).unwrap_or(text.len());
    let end = name(rest);
    let (first, after) = rest.split_at(end);
    let bold = if first.starts_with('-') && first.contains(|c: char| c.is_ascii_lowercase()) {
        Some((first.trim_end_matches('.'), &rest[first.trim_end_matches('.').len()..]))
    } else {
        let page = after.as_bytes();
        let is_page =
            !first.is_empty() && page.len() >= 3 && page[0] == b'(' && page[1].is_ascii_digit() && page[2] == b')';
        is_page.then_some((first, after))
    };
    if let Some((bold, after)) = bold {
        return format!("{}\\fB{}\\fR{}", prose(before), literal(bold), prose(after));
    }
    if let Some((placeholder, after)) = rest.strip_prefix('*').and_then(|rest| rest.split_once('*')) {
        return format!("{}\\fI{}\\fR{}", prose(before), literal(placeholder), prose(after));
    }
    prose(word)
}

/// A usage line, or an option's value: words in capitals stand for something, the others are themselves.
pub fn form(text: &str) -> String {
    let is_word = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    let mut out = String::new();
    let mut rest = text;
    while let Some(next) = rest.chars().next() {
        let end = rest.find(|c| is_word(c) != is_word(next)).unwrap_or(rest.len());
        let (part, after) = rest.split_at(end);
        out.push_str(&match (is_word(next), part.contains(|c: char| c.is_ascii_uppercase())) {
            (true, true) if !part.starts_with('-') => format!("\\fI{}\\fR", literal(part)),
            (true, _) => format!("\\fB{}\\fR", literal(part)),
            _ => prose(part),
        });
        rest = after;
    }
    out
}

/// Text that can be copied: each character is what it was.
pub fn literal(text: &str) -> String {
    text.chars().fold(String::new(), |mut out, c| {
        match c {
            '-' => out.push_str("\\-"),
            '^' => out.push_str("\\(ha"),
            '~' => out.push_str("\\(ti"),
            '"' => out.push_str("\\(dq"),
            c => roff(&mut out, c),
        }
        out
    })
}

/// Words: a `-` within them is a hyphen, before them a minus.
fn prose(text: &str) -> String {
    let mut before = ' ';
    text.chars().fold(String::new(), |mut out, c| {
        match c {
            '-' if !before.is_alphanumeric() => out.push_str("\\-"),
            c => roff(&mut out, c),
        }
        before = c;
        out
    })
}

fn roff(out: &mut String, c: char) {
    match c {
        '\\' => out.push_str("\\e"),
        '\'' => out.push_str("\\(aq"),
        '`' => out.push_str("\\(ga"),
        '…' => out.push_str("...\\&"),
        '–' => out.push_str("\\(en"),
        c => out.push(c),
    }
}

/// A line that begins with no request.
fn begun(line: &str) -> String {
    let request = line.is_empty() || line.starts_with(['.', '\'']);
    format!("{}{line}", if request { "\\&" } else { "" })
}

/// Adds text in lines: each sentence begins one.
fn lines(out: &mut String, text: &str) {
    let mut line = String::new();
    let words: Vec<&str> = text.split(' ').filter(|word| !word.is_empty()).collect();
    for (place, word) in words.iter().enumerate() {
        let ended =
            place > 0 && words[place - 1].trim_end_matches("\\fR").trim_end_matches(')').ends_with(['.', '?', '!']);
        if !line.is_empty() && (ended || line.len() + 1 + word.len() > WIDTH) {
            let _ = writeln!(out, "{}", begun(&line));
            line.clear();
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
    }
    let _ = writeln!(out, "{}", begun(&line));
}
