//! The problems of a configuration as they are found, in bounded number.

use super::Place;
use crate::text::diagnostic::{Problem, Severity, Span};
use crate::text::source::Source;

/// More than this many problems are counted only: nobody reads on, and each costs a look for its line.
const MOST: usize = 1_000;

/// All problems that were found so far.
#[derive(Debug, Default)]
pub struct Problems {
    list: Vec<Problem>,
    /// How many more there are, and the worst of them.
    left_out: usize,
    worst: Option<Severity>,
    errors: usize,
}

impl Problems {
    /// How many errors there are.
    pub fn errors(&self) -> usize {
        self.errors
    }

    /// Whether further ones are only counted: their words aren't worth looking for.
    pub fn is_full(&self) -> bool {
        self.list.len() >= MOST
    }

    /// How many problems there are, those aside that are only counted.
    pub fn len(&self) -> usize {
        self.list.len()
    }

    /// Forgets the later ones, of which none is an error.
    pub fn forget_from(&mut self, len: usize) {
        self.list.truncate(len);
    }

    /// Adds a problem with a place in one of the sources.
    pub fn at(&mut self, sources: &[Source], place: Place, severity: Severity, message: impl Into<String>) {
        let Some(source) = sources.get(place.source as usize) else { return };
        match place.span {
            Some(span) => self.add(source, severity, span, message),
            None => self.push(Problem::of_file(severity, source.file.clone(), message)),
        }
    }

    /// Adds a problem with a file or directory as a whole.
    pub fn push(&mut self, problem: Problem) {
        self.errors += usize::from(problem.severity == Severity::Error);
        match self.list.len() {
            0..MOST => self.list.push(problem),
            _ => self.leave_out(problem.severity),
        }
    }

    /// Adds a problem with some characters of a source.
    pub fn add(&mut self, source: &Source, severity: Severity, span: Span, message: impl Into<String>) {
        self.errors += usize::from(severity == Severity::Error);
        match self.list.len() {
            0..MOST => self.list.push(source.problem(severity, span, message)),
            _ => self.leave_out(severity),
        }
    }

    fn leave_out(&mut self, severity: Severity) {
        self.left_out += 1;
        self.worst = Some(self.worst.map_or(severity, |worst| worst.min(severity)));
    }

    /// These with those that were sorted before. Where those were too many already, these follow.
    pub fn joined(self, before: Vec<Problem>, files: &[Source]) -> Vec<Problem> {
        if before.len() > MOST || self.list.is_empty() {
            return before.into_iter().chain(self.sorted(files)).collect();
        }
        let list = before.into_iter().chain(self.list).collect();
        Problems { list, ..self }.sorted(files)
    }

    /// All of them in the order of `files` and of their lines, each once (an anchor's content is read
    /// again at each alias).
    pub fn sorted(mut self, files: &[Source]) -> Vec<Problem> {
        let rank = |problem: &Problem| files.iter().position(|source| source.file == problem.file);
        self.list.sort_by_cached_key(|problem| (rank(problem), problem.span.map(|span| span.at)));
        self.list.dedup();
        if let Some(severity) = self.worst {
            let file = self.list.last().map(|problem| problem.file.clone()).unwrap_or_default();
            self.list.push(Problem::of_file(severity, file, format!("and {} more problems", self.left_out)));
        }
        self.list
    }
}
