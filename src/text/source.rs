//! A file's name and text: what problems are reported against.

use memchr::memchr;

use super::diagnostic::{Excerpt, Position, Problem, Severity, Span};

/// A file that was read. Bytes: it need not be text.
#[derive(Clone, Debug, Default)]
pub struct Source {
    /// The path, as it was looked for.
    pub file: String,
    pub bytes: Vec<u8>,
}

/// U+FEFF in UTF-8, which some editors put before a text.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

impl Source {
    /// A file's path and content.
    pub fn new(file: impl Into<String>, bytes: impl Into<Vec<u8>>) -> Source {
        Source { file: file.into(), bytes: bytes.into() }
    }

    /// The content without a byte order mark: what lines and columns are counted in.
    pub fn content(&self) -> &[u8] {
        self.bytes.strip_prefix(BYTE_ORDER_MARK).unwrap_or(&self.bytes)
    }

    /// Its lines without their ends (`\n` or `\r\n`), numbered from 1. A last one without newline counts.
    pub fn lines(&self) -> impl Iterator<Item = (usize, &[u8])> {
        let mut rest = Some(self.content()).filter(|content| !content.is_empty());
        let lines = std::iter::from_fn(move || {
            let text = rest?;
            let end = memchr(b'\n', text).unwrap_or(text.len());
            rest = text.get(end + 1..).filter(|rest| !rest.is_empty());
            let line = text.get(..end).unwrap_or_default();
            Some(line.strip_suffix(b"\r").unwrap_or(line))
        });
        (1..).zip(lines)
    }

    /// The line of this number; empty if there is none.
    pub fn line(&self, number: usize) -> &[u8] {
        self.lines().nth(number.saturating_sub(1)).map(|(_, line)| line).unwrap_or_default()
    }

    /// The place of the byte at `offset` of the content.
    pub fn position(&self, offset: usize) -> Position {
        let before = self.content().get(..offset).unwrap_or(self.content());
        let line = before.iter().filter(|b| **b == b'\n').count();
        let last = before.rsplit(|b| *b == b'\n').next().unwrap_or_default();
        Span::new(line + 1, String::from_utf8_lossy(last).chars().count() + 1, 0).at
    }

    /// A problem with some characters of it.
    pub fn problem(&self, severity: Severity, span: Span, message: impl Into<String>) -> Problem {
        let line = String::from_utf8_lossy(self.line(span.at.line as usize));
        Problem {
            severity,
            file: self.file.clone(),
            span: Some(span),
            message: message.into(),
            excerpt: Some(Excerpt::new(&line, span.at.column as usize, span.len as usize)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_counted_as_editors_do() {
        let source = Source::new("f", "\u{feff}one\r\ntwo\n\nfour");
        let lines: Vec<_> = source.lines().map(|(n, line)| (n, String::from_utf8_lossy(line).into_owned())).collect();
        assert_eq!(lines, [(1, "one".into()), (2, "two".into()), (3, "".into()), (4, "four".into())]);
        assert_eq!(source.position(5), Position { line: 2, column: 1 });
        assert_eq!(Source::new("f", "é\nüx").position(5), Position { line: 2, column: 2 });
    }

    #[test]
    fn problems_carry_their_line() {
        let source = Source::new("f", "one\ntwo three\n");
        let problem = source.problem(Severity::Error, Span::new(2, 5, 5), "no");
        assert_eq!(problem.to_string(), "f:2:5: no\n  two three\n      ^^^^^");
        // A place that isn't there (the end of the file) is no reason to panic.
        assert_eq!(source.problem(Severity::Error, Span::new(9, 1, 0), "no").to_string(), "f:9:1: no\n  \n  ^");
    }
}
