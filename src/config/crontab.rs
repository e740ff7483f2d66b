//! The crontab file (spec/cron.md): one entry a line, `NAME=value` lines above them, and every mistake in it
//! with its place. Schedules are `schedule`'s to read, words `text::words`'.

use super::assignment::{BLANKS, value};
use super::draft::Kind;
use super::habits::{self, About};
use super::names::{self, Names};
use super::problems::Problems;
use super::schema::Top;
use super::{Found, Job, NamedZone, Place};
use crate::model::job::{JobSpec, Manner};
use crate::schedule::slips::{Slip, further_fields};
use crate::schedule::{Fault, Schedule};
use crate::text::diagnostic::{Severity, Span};
use crate::text::index::Index;
use crate::text::source::Source;
use crate::text::words::{Comments, Word, characters, lookalike, shell_words, split};
use memchr::memchr;
use std::borrow::Cow;
use std::ffi::OsStr;
use std::ops::Range;
use std::rc::Rc;

/// Reads a crontab; its entries are named by their commands.
pub fn read(
    source: &Source,
    number: u32,
    names: &mut Names,
    problems: &mut Problems,
    zones: &mut Vec<NamedZone>,
    top: &mut Top,
) {
    let (_, manner) = top.defaults.for_a(Kind::Job).into_manner();
    let mut crontab = Crontab {
        source,
        number,
        names,
        problems,
        zones,
        manner,
        shared: None,
        known: Index::new(),
        schedules: Vec::new(),
    };
    for (number, bytes) in source.lines() {
        let line = match std::str::from_utf8(bytes) {
            Ok(text) => Line { number, text },
            Err(error) => {
                let valid = bytes.get(..error.valid_up_to()).unwrap_or_default();
                let column = String::from_utf8_lossy(valid).chars().count() + 1;
                crontab.tell(Severity::Error, Span::new(number, column, 1), "this is not UTF-8");
                continue;
            }
        };
        if let Some(at) = memchr(0, bytes) {
            crontab.tell(Severity::Error, line.span(at, 1), "a NUL character is not allowed");
            continue;
        }
        if let Some(at) = memchr(b'\r', bytes) {
            let advice = "lines end with a newline, or with both";
            crontab.tell(Severity::Warning, line.span(at, 1), format!("a carriage return ends no line: {advice}"));
        }
        if let Some(job) = crontab.line(line) {
            top.jobs.push(job);
        }
    }
}

/// So many words of one line that only a shell would understand are told: each costs a count of what stands before it.
const MOST_WORDS: usize = 100;

/// One line, and where it is.
#[derive(Clone, Copy)]
struct Line<'a> {
    number: usize,
    text: &'a str,
}

impl<'a> Line<'a> {
    fn slice(self, bytes: Range<usize>) -> &'a str {
        self.text.get(bytes).unwrap_or_default()
    }

    /// The place of the byte at `at`, `chars` characters long.
    fn span(self, at: usize, chars: usize) -> Span {
        Span::new(self.number, self.text.get(..at).unwrap_or(self.text).chars().count() + 1, chars)
    }
}

/// Why there is no schedule; that has been told.
enum NoSchedule {
    /// What is behind it may have problems of its own.
    Faulty,
    /// The line was meant as something else.
    NoEntry,
}

/// The words of an entry's command.
enum Command<'a> {
    /// Blanks separate them, and nothing in it means anything else.
    Plain(&'a str),
    /// All of it is the shell's.
    Script(&'a str),
    Words(Vec<Cow<'a, str>>),
}

/// What holds for the entries below.
struct Crontab<'a> {
    source: &'a Source,
    number: u32,
    names: &'a mut Names,
    problems: &'a mut Problems,
    zones: &'a mut Vec<NamedZone>,
    /// What entries have of `defaults:` and of the lines above them.
    manner: Manner,
    /// The same for all entries up to the next such line.
    shared: Option<Rc<Manner>>,
    /// Those that were read without a remark.
    schedules: Vec<Schedule>,
    /// Their numbers, as they were written.
    known: Index<'a>,
}

impl<'a> Crontab<'a> {
    fn tell(&mut self, severity: Severity, span: Span, message: impl Into<String>) {
        self.problems.add(self.source, severity, span, message);
    }

    fn line(&mut self, line: Line<'a>) -> Option<Found<Job>> {
        let bytes = line.text.as_bytes();
        let start = skip(bytes, 0, is_blank);
        if matches!(bytes.get(start), None | Some(b'#')) {
            return None;
        }
        let end = skip(bytes, start, |b| b != b'=' && !is_blank(b));
        let equals = skip(bytes, end, is_blank);
        if bytes.get(equals) == Some(&b'=') {
            self.assignment(line, start..end, equals + 1);
            return None;
        }
        self.entry(line, start)
    }

    /// `NAME=value`.
    fn assignment(&mut self, line: Line<'_>, name: Range<usize>, at: usize) {
        let start = name.start;
        let (name, written) = (line.slice(name), line.slice(at..line.text.len()));
        let letters = name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
        if !letters || name.bytes().next().is_none_or(|b| b.is_ascii_digit()) {
            let span = line.span(start, name.chars().count());
            let rule = "letters, digits and '_', not beginning with a digit";
            self.tell(Severity::Error, span, format!("'{name}' can't be a variable's name ({rule})"));
            return;
        }
        let value = match value(written) {
            Ok(value) => value,
            Err((offset, message)) => return self.tell(Severity::Error, line.span(at + offset, 1), message),
        };
        let shown = written.trim_start_matches(BLANKS);
        let of_value = line.span(at + written.len() - shown.len(), shown.trim_end_matches(BLANKS).chars().count());
        if let Some(habit) = habits::variable(name, shown, &value, self.manner.timezone.is_some()) {
            let span = match habit.about {
                About::Name => line.span(start, name.len()),
                About::Value => of_value,
            };
            self.tell(habit.severity, span, habit.text);
        }
        match name {
            "SHELL" => self.manner.shell = Some(value.clone()).filter(|shell| !shell.is_empty()),
            "CRON_TZ" => {
                self.manner.timezone = Some(value.clone()).filter(|zone| !zone.is_empty());
                let place = Place { source: self.number, span: Some(of_value) };
                self.zones.extend(self.manner.timezone.clone().map(|name| NamedZone { name, place }));
            }
            _ => {}
        }
        self.shared = None;
        let environ = &mut self.manner.process.environ;
        environ.retain(|(other, _)| other != name);
        // An empty SHELL or CRON_TZ takes back the one above; any other empty value is one.
        if !(value.is_empty() && matches!(name, "SHELL" | "CRON_TZ")) {
            environ.push((name.into(), value.into()));
        }
    }

    /// A schedule, which begins at `start`, and a command.
    fn entry(&mut self, line: Line<'a>, start: usize) -> Option<Found<Job>> {
        let end = end_of_schedule(line.text.as_bytes(), start);
        let written = line.slice(start..end);
        let at = skip(line.text.as_bytes(), end, is_blank);
        let text = line.slice(at..line.text.len()).trim_end();
        let schedule = match self.schedule(line, start, written, text) {
            Ok(schedule) => Some(schedule),
            Err(NoSchedule::Faulty) => None,
            // A line that is no entry at all has one problem, not two.
            Err(NoSchedule::NoEntry) => return None,
        };
        let Some((command, name)) = self.command(line, at, (written, text)) else {
            if schedule.is_some() && !self.has_words(text) {
                self.tell(Severity::Error, line.span(end, 1), "there is no command behind the schedule");
            }
            return None;
        };
        let (schedule, shown) = (schedule?, single_spaced(written));
        let manner = self.shared.get_or_insert_with(|| Rc::new(self.manner.clone()));
        let place = Place { source: self.number, span: Some(line.span(at, text.chars().count())) };
        let (name, manner) = (self.names.give(&name), Rc::clone(manner));
        let spec = match command {
            Command::Plain(text) => JobSpec::new(name, &shown, text.split_ascii_whitespace().map(OsStr::new), manner),
            Command::Script(text) => JobSpec::new(name, &shown, [OsStr::new(text)].into_iter(), manner),
            Command::Words(words) => JobSpec::new(name, &shown, words.iter().map(|word| OsStr::new(&**word)), manner),
        };
        Some(Found { spec: Job { spec, schedule: Some(schedule) }, name: place, command: place, marks: None })
    }

    /// Whether there is something behind the schedule but a comment.
    fn has_words(&self, text: &str) -> bool {
        !text.is_empty() && (self.manner.shell.is_some() || !text.starts_with('#'))
    }

    /// Reads a schedule, or says what is wrong with it.
    fn schedule(&mut self, line: Line<'a>, at: usize, written: &'a str, behind: &str) -> Result<Schedule, NoSchedule> {
        if let Some(schedule) = Schedule::plain(written) {
            return Ok(schedule);
        }
        if let Some(schedule) = self.known.get(written).and_then(|number| self.schedules.get(*number)) {
            return Ok(*schedule);
        }
        let span = |chars: Range<usize>| {
            let start = line.span(at, 0).at.column as usize;
            Span::new(line.number, start + chars.start, chars.len())
        };
        let errors = match Schedule::parse(written) {
            Ok(parsed) => {
                if parsed.remarks.is_empty() {
                    self.known.insert(written.into(), self.schedules.len());
                    self.schedules.push(parsed.schedule);
                }
                for remark in parsed.remarks {
                    self.tell(Severity::Warning, span(remark.at), remark.text);
                }
                return Ok(parsed.schedule);
            }
            Err(errors) => errors,
        };
        if let Some(text) = habits::no_entry(line.slice(at..line.text.len())) {
            let first = written.split(BLANKS).next().unwrap_or_default();
            self.tell(Severity::Error, span(0..first.chars().count()), text);
            return Err(NoSchedule::NoEntry);
        }
        let is_whole = |fault: &Fault| matches!(fault, Fault::Slip(_) | Fault::FieldCount(_));
        let further = further_fields(behind);
        if further > 0 && !written.starts_with('@') && !errors.iter().any(|error| is_whole(&error.fault)) {
            let slip = Slip::Seconds(written.split_ascii_whitespace().count() + further);
            self.tell(Severity::Error, span(0..written.chars().count()), slip.to_string());
            return Err(NoSchedule::NoEntry);
        }
        let whole = errors.iter().any(|error| is_whole(&error.fault));
        for error in errors {
            self.tell(Severity::Error, span(error.at.clone()), error.to_string());
        }
        Err(if whole { NoSchedule::NoEntry } else { NoSchedule::Faulty })
    }

    /// The command, `text` at byte `at` of the line behind this schedule, and the name that it gives the entry.
    fn command<'t>(
        &mut self,
        line: Line<'_>,
        at: usize,
        (schedule, text): (&str, &'t str),
    ) -> Option<(Command<'t>, Cow<'t, str>)> {
        let no_program = habits::no_program(schedule, text);
        if let Some((first, message)) = no_program {
            self.tell(Severity::Warning, line.span(at, first.chars().count()), message);
        }
        let script = self.manner.shell.is_some();
        let first = text.split_ascii_whitespace().next().unwrap_or_default();
        if !script && !first.is_empty() && text.bytes().all(is_plain) && !is_assignment(first) {
            return Some((Command::Plain(text), names::of_command(first)));
        }
        if let Some((place, message)) = lookalike(text) {
            self.tell(Severity::Warning, line.span(at + place, 1), message);
        }
        if script {
            return (!text.is_empty()).then(|| (Command::Script(text), name_of_script(text, first)));
        }
        let words = match split(text, Comments::Cut) {
            Ok(words) => words,
            Err(error) => {
                self.tell(Severity::Error, line.span(at + error.at(), 1), error.to_string());
                return None;
            }
        };
        let span = |word: &Word<'_>| {
            let chars = characters(text, word.at.clone());
            Span::new(line.number, line.span(at, 0).at.column as usize + chars.start, chars.len())
        };
        let first = words.first()?;
        if first.text.is_empty() {
            self.tell(Severity::Error, span(first), "the command's first word is empty");
            return None;
        }
        for word in shell_words(&words).take(MOST_WORDS) {
            let advice = "write sh -c '…', or SHELL=/bin/sh above the entry";
            let message = format!("'{}' is passed on as it is, no shell reads it: {advice}", word.text);
            self.tell(Severity::Warning, span(word), message);
        }
        if is_assignment(&first.text) {
            let advice = "put it on a line of its own above the entry";
            let message = format!("'{}' is taken as the program, no shell reads it: {advice}", first.text);
            self.tell(Severity::Warning, span(first), message);
        }
        let name = Cow::Owned(name_of_command(words.iter().map(|word| &*word.text)).into_owned());
        Some((Command::Words(words.into_iter().map(|word| word.text).collect()), name))
    }
}

/// What most commands are made of: it isn't quoted, no shell would read it as something else, and no warning is due.
fn is_plain(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || matches!(byte, b' ' | b'\t' | b'/' | b'-' | b'.' | b'_' | b':' | b',' | b'@' | b'+' | b'%' | b'=')
}

fn is_blank(byte: u8) -> bool {
    byte == b' ' || byte == b'\t'
}

/// The first byte from `at` on that isn't such a one.
fn skip(bytes: &[u8], mut at: usize, such: impl Fn(u8) -> bool) -> usize {
    while bytes.get(at).is_some_and(|byte| such(*byte)) {
        at += 1;
    }
    at
}

/// Behind the fifth field, or the macro with its duration.
fn end_of_schedule(bytes: &[u8], start: usize) -> usize {
    let word = |at| skip(bytes, at, |b| !is_blank(b));
    let mut end = word(start);
    let first = bytes.get(start..end).unwrap_or_default();
    let more = match first.first() {
        Some(b'@') if first.eq_ignore_ascii_case(b"@every") => 1,
        Some(b'@') => 0,
        Some(_) | None => 4,
    };
    for _ in 0..more {
        let next = skip(bytes, end, is_blank);
        end = if next < bytes.len() { word(next) } else { end };
    }
    end
}

/// Whether a word is `NAME=value`.
fn is_assignment(word: &str) -> bool {
    let name = memchr(b'=', word.as_bytes()).and_then(|end| word.get(..end)).unwrap_or_default();
    name.bytes().next().is_some_and(|b| !b.is_ascii_digit())
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
}

fn name_of_command<'a>(mut words: impl Iterator<Item = &'a str>) -> Cow<'a, str> {
    names::of_command(words.find(|word| !is_assignment(word)).unwrap_or_default())
}

/// A script is the shell's to split; for a name its `first` word does, however it is quoted.
fn name_of_script<'a>(text: &'a str, first: &'a str) -> Cow<'a, str> {
    if first.bytes().all(is_plain) && !is_assignment(first) {
        return names::of_command(first);
    }
    Cow::Owned(match split(text, Comments::Kept) {
        Ok(words) => name_of_command(words.iter().map(|word| &*word.text)).into_owned(),
        Err(_) => name_of_command(text.split_ascii_whitespace()).into_owned(),
    })
}

/// With one blank between the fields, as it is shown and compared.
fn single_spaced(written: &str) -> Cow<'_, str> {
    let doubled = |two: &[u8]| matches!(two, [b' ' | b'\t', b' ' | b'\t']);
    let bytes = written.as_bytes();
    if memchr(b'\t', bytes).is_none() && !bytes.windows(2).any(doubled) {
        return Cow::Borrowed(written);
    }
    Cow::Owned(written.split_ascii_whitespace().collect::<Vec<_>>().join(" "))
}
