//! What is wrong with a file and where: one problem, as a person or a program reads it.
//!
//! Every reader of `config` makes them (through `source`), the doors print them.

use std::borrow::Cow;
use std::fmt;

/// A place in a text; lines and columns count from 1, columns in characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    pub line: u32,
    pub column: u32,
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.line, self.column)
    }
}

/// Some characters of one line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Span {
    pub at: Position,
    /// In characters; 0 where only the place is known.
    pub len: u32,
}

impl Span {
    /// `len` characters from line and column on.
    pub fn new(line: usize, column: usize, len: usize) -> Span {
        let narrow = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        Span { at: Position { line: narrow(line), column: narrow(column) }, len: narrow(len) }
    }
}

/// How bad a problem is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Nothing starts.
    Error,
    /// It works, but likely not as meant.
    Warning,
    /// Worth knowing.
    Notice,
}

impl Severity {
    /// As it is printed.
    pub fn name(self) -> &'static str {
        match self {
            Severity::Error => "error",
            Severity::Warning => "warning",
            Severity::Notice => "notice",
        }
    }
}

/// Something wrong, or odd, in a file or about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    pub severity: Severity,
    /// The path, as it was looked for.
    pub file: String,
    /// `None`: the file or directory as a whole.
    pub span: Option<Span>,
    pub message: String,
    /// The line it is about, if there is one.
    pub excerpt: Option<Excerpt>,
}

impl Problem {
    /// A problem of a file or directory as a whole.
    pub fn of_file(severity: Severity, file: impl Into<String>, message: impl Into<String>) -> Problem {
        Problem { severity, file: file.into(), span: None, message: message.into(), excerpt: None }
    }

    fn place(&self, f: &mut impl fmt::Write) -> fmt::Result {
        f.write_str(&printable(&self.file))?;
        match self.span {
            Some(span) => write!(f, ":{}: ", span.at),
            None => f.write_str(": "),
        }
    }

    /// `FILE:LINE:COL: message` alone, for a log that has levels of its own and one line a message.
    pub fn line(&self) -> String {
        let mut line = String::new();
        // Writing to a string can't fail.
        let _ = self.place(&mut line);
        line + &printable(&self.message)
    }
}

/// A text in which nothing moves a terminal's cursor or passes for another line: names come from files and mounts.
pub fn printable(text: &str) -> Cow<'_, str> {
    match text.contains(char::is_control) {
        true => Cow::Owned(text.chars().map(stand_in).collect()),
        false => Cow::Borrowed(text),
    }
}

/// `FILE:LINE:COL: message`, then the line and a caret line beneath, without a final newline.
impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.place(f)?;
        match self.severity {
            Severity::Error => {}
            other => write!(f, "{}: ", other.name())?,
        }
        f.write_str(&printable(&self.message))?;
        match &self.excerpt {
            Some(excerpt) => write!(f, "\n{excerpt}"),
            None => Ok(()),
        }
    }
}

/// A line of a file, cut around the place that is meant, safe to print on a terminal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Excerpt {
    text: String,
    /// Characters before the first caret.
    before: usize,
    carets: usize,
}

/// Characters of a line that are shown: what fits on a terminal beside the indent.
const WIDTH: usize = 96;
/// Characters that are shown before the place that is meant, in a line that is cut.
const LEAD: usize = 40;

impl Excerpt {
    /// Cuts `line` around `len` characters from `column` (from 1) on.
    pub fn new(line: &str, column: usize, len: usize) -> Excerpt {
        let at = column.saturating_sub(1);
        let fits = line.chars().nth(WIDTH).is_none();
        let first = if fits { 0 } else { at.saturating_sub(LEAD) };
        let mut text = String::new();
        if first > 0 {
            text.push('…');
        }
        let mut chars = line.chars().skip(first);
        text.extend(chars.by_ref().take(WIDTH).map(stand_in));
        if chars.next().is_some() {
            text.push('…');
        }
        let before = at - first.min(at) + usize::from(first > 0);
        let room = text.chars().count().saturating_sub(before);
        Excerpt { text, before, carets: len.min(room).max(1) }
    }
}

/// What stands for a character: a tab takes one column here, and no control character reaches a terminal.
fn stand_in(c: char) -> char {
    match c {
        '\t' => ' ',
        c if c.is_control() => '\u{fffd}',
        c => c,
    }
}

impl fmt::Display for Excerpt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "  {}\n  {:before$}{:^<carets$}",
            self.text.trim_end(),
            "",
            "",
            before = self.before,
            carets = self.carets
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_shows_its_place() {
        let problem = Problem {
            severity: Severity::Error,
            file: "crontab".into(),
            span: Some(Span::new(7, 3, 2)),
            message: "hour 24 is out of range 0–23".into(),
            excerpt: Some(Excerpt::new("0 24 * * * /bin/x", 3, 2)),
        };
        assert_eq!(problem.to_string(), "crontab:7:3: hour 24 is out of range 0–23\n  0 24 * * * /bin/x\n    ^^");
        assert_eq!(problem.line(), "crontab:7:3: hour 24 is out of range 0–23");
        let warning = Problem::of_file(Severity::Warning, "/etc/wingmate", "others may write to it");
        assert_eq!(warning.to_string(), "/etc/wingmate: warning: others may write to it");
        assert_eq!(warning.line(), "/etc/wingmate: others may write to it");
    }

    #[test]
    fn a_problem_stays_on_its_line() {
        let problem = Problem::of_file(Severity::Notice, "service/a\nwingmate", "the name 'a\n\x1b[31m' \u{9b}2J");
        let shown = "service/a\u{fffd}wingmate: notice: the name 'a\u{fffd}\u{fffd}[31m' \u{fffd}2J";
        assert_eq!(problem.to_string(), shown);
        assert_eq!(problem.line(), shown.replace("notice: ", ""));
    }

    #[test]
    fn excerpts_are_cut_and_clean() {
        for (line, column, len, shown) in [
            ("a\tb", 3, 1, "  a b\n    ^"),
            ("é→x", 3, 1, "  é→x\n    ^"),
            ("\x1b[31mred", 6, 3, "  \u{fffd}[31mred\n       ^^^"),
            ("short", 6, 1, "  short\n       ^"),
            ("short", 4, 99, "  short\n     ^^"),
            ("short", 2, 0, "  short\n   ^"),
            ("", 1, 0, "  \n  ^"),
        ] {
            assert_eq!(Excerpt::new(line, column, len).to_string(), shown, "{line}");
        }
        let long = format!("{}X{}", "a".repeat(500), "b".repeat(500));
        let shown = Excerpt::new(&long, 501, 1).to_string();
        assert_eq!(shown, format!("  …{}X{}…\n{}^", "a".repeat(40), "b".repeat(55), " ".repeat(43)));
    }
}
