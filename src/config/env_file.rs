//! Files of `NAME=value` lines (`env_file`): fetched once each, however many units name them, with every mistake in
//! them at its place.
//!
//! A line is empty, a comment (`#`), or `NAME=value` with an optional `export` before it. Blanks around name and value
//! don't count; a value may stand in quotes as a whole, and a `#` behind a blank begins a comment (`COLOR=#fff` is a
//! value). Nothing is expanded.

use super::assignment::{BLANKS, value};
use super::problems::Problems;
use crate::model::command::Variable;
use crate::text::diagnostic::{Problem, Severity, Span};
use crate::text::source::Source;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::rc::Rc;

/// Brings a file's content.
pub type Fetch = fn(&Path) -> Result<Fetched, Unread>;

/// A file's content, and what is to be warned of.
#[derive(Debug, Default)]
pub struct Fetched {
    pub bytes: Vec<u8>,
    pub remark: Option<String>,
}

/// A file can't be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unread {
    /// There is no such file.
    pub missing: bool,
    pub reason: String,
}

/// A file that is named can't be used.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
pub enum EnvFileError {
    #[error("the path is empty")]
    Empty,
    #[error("there is no path behind the '-'")]
    NoPath,
    #[error("cannot read '{path}': {reason}{hint}")]
    Unread { path: String, reason: String, hint: &'static str },
    /// `FILE:LINE:COLUMN: …`, of the first mistake in it.
    #[error("{0}")]
    Mistake(String),
}

/// A path as it is written: a `-` before it says that the file may be missing.
pub struct EnvPath<'a> {
    pub path: &'a Path,
    optional: bool,
}

impl<'a> EnvPath<'a> {
    /// Takes the `-` off.
    pub fn parse(text: &'a OsStr) -> Result<EnvPath<'a>, EnvFileError> {
        let (path, optional) = match text.as_bytes().strip_prefix(b"-") {
            Some(path) => (OsStr::from_bytes(path), true),
            None => (text, false),
        };
        if path.is_empty() {
            return Err(if text.is_empty() { EnvFileError::Empty } else { EnvFileError::NoPath });
        }
        Ok(EnvPath { path: Path::new(path), optional })
    }

    /// `None` for one that is missing and may be.
    pub fn may_miss<T>(&self, read: Result<T, Unread>) -> Result<Option<T>, EnvFileError> {
        match read {
            Ok(content) => Ok(Some(content)),
            Err(unread) if unread.missing && self.optional => Ok(None),
            Err(Unread { missing, reason }) => {
                let hint = if missing { " (a '-' before the path says that it may be missing)" } else { "" };
                Err(EnvFileError::Unread { path: self.path.display().to_string(), reason, hint })
            }
        }
    }
}

/// The variables of one file by itself (`wmexec --env-file`), and what is to be warned of.
pub fn read_env_file(text: &OsStr, fetch: Fetch) -> Result<(Vec<Variable>, Vec<Problem>), EnvFileError> {
    let path = EnvPath::parse(text)?;
    let (mut problems, mut files) = (Problems::default(), EnvFiles::new(fetch));
    let variables = path.may_miss(files.read(path.path, &mut problems))?;
    let problems = problems.sorted(&files.into_sources());
    if let Some(mistake) = problems.iter().find(|problem| problem.severity == Severity::Error) {
        return Err(EnvFileError::Mistake(mistake.line()));
    }
    Ok((variables.map(Rc::unwrap_or_clone).unwrap_or_default(), problems))
}

/// What a file says, shared by all that name it.
type Variables = Result<Rc<Vec<Variable>>, Unread>;

/// All that were asked for so far.
pub struct EnvFiles {
    fetch: Fetch,
    known: Vec<(PathBuf, Variables)>,
    sources: Vec<Source>,
}

impl EnvFiles {
    /// None yet.
    pub fn new(fetch: Fetch) -> EnvFiles {
        EnvFiles { fetch, known: Vec::new(), sources: Vec::new() }
    }

    /// The variables of a file; what is wrong in it is told the first time.
    pub fn read(&mut self, path: &Path, problems: &mut Problems) -> Variables {
        if let Some((_, result)) = self.known.iter().find(|(known, _)| known == path) {
            return result.clone();
        }
        let result = (self.fetch)(path).map(|Fetched { bytes, remark }| {
            let source = Source::new(path.to_string_lossy(), bytes);
            if let Some(remark) = remark {
                problems.push(Problem::of_file(Severity::Warning, source.file.clone(), remark));
            }
            let variables = Rc::new(variables(&source, problems));
            self.sources.push(source);
            variables
        });
        self.known.push((path.to_owned(), result.clone()));
        result
    }

    /// The files, for problems that are told of them.
    pub fn into_sources(self) -> Vec<Source> {
        self.sources
    }
}

/// The variables that a file sets.
pub fn variables(source: &Source, problems: &mut Problems) -> Vec<Variable> {
    let mut found = Vec::new();
    for (number, bytes) in source.lines() {
        match line(bytes) {
            Ok(variable) => found.extend(variable),
            Err((at, message)) => {
                let before = String::from_utf8_lossy(bytes.get(..at).unwrap_or(bytes)).chars().count();
                problems.add(source, Severity::Error, Span::new(number, before + 1, 1), message);
            }
        }
    }
    found
}

/// The variable of a line, if it is one; or the byte where it goes wrong and why.
fn line(bytes: &[u8]) -> Result<Option<Variable>, (usize, String)> {
    let text = std::str::from_utf8(bytes).map_err(|error| (error.valid_up_to(), "this is not UTF-8".to_owned()))?;
    if let Some(at) = text.find('\0') {
        return Err((at, "a NUL character is not allowed".to_owned()));
    }
    let mut start = text.len() - text.trim_start_matches(BLANKS).len();
    let mut rest = text.get(start..).unwrap_or_default();
    if rest.is_empty() || rest.starts_with('#') {
        return Ok(None);
    }
    if let Some(behind) = rest.strip_prefix("export").filter(|behind| behind.starts_with(BLANKS)) {
        rest = behind.trim_start_matches(BLANKS);
        start = text.len() - rest.len();
    }
    let shape = |at| (at, "this is not NAME=value".to_owned());
    let (name, written) = rest.split_once('=').ok_or_else(|| shape(start))?;
    let name = name.trim_end_matches(BLANKS);
    if name.is_empty() || name.contains(|c: char| c.is_whitespace() || c.is_control() || matches!(c, '"' | '\'')) {
        return Err(shape(start));
    }
    let value = value(written).map_err(|(at, message)| (text.len() - written.len() + at, message))?;
    Ok(Some((name.into(), value.into())))
}
