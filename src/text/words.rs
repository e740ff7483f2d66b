//! A command line as words, split without a shell (spec/cron.md): blanks separate, single quotes keep all,
//! double quotes keep all but `\"` and `\\`, a backslash keeps the next character. Nothing is expanded.
//!
//! Used for crontab commands and for `command: "…"` in YAML. Knows what only a shell would understand.

use std::borrow::Cow;
use std::fmt::Write;
use std::ops::Range;

/// One word, and where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Word<'a> {
    /// Without its quotes; a word without any is not copied.
    pub text: Cow<'a, str>,
    /// Its bytes in the text that was split.
    pub at: Range<usize>,
    /// Bytes at its beginning that no quote or backslash protects.
    bare: usize,
    expands: Expands,
}

/// Whether a shell would expand a `$NAME`, `$(` or backtick in a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Expands {
    No,
    /// Only behind double quotes.
    Quoted,
    Bare,
}

/// The words can't be told from each other.
#[derive(Clone, Copy, Debug, thiserror::Error, PartialEq, Eq)]
pub enum SplitError {
    #[error("the quote {quote} is never closed")]
    Unbalanced { quote: char, at: usize },
    #[error("there is no character behind the backslash")]
    Backslash { at: usize },
}

impl SplitError {
    /// The byte it is about.
    pub fn at(self) -> usize {
        match self {
            SplitError::Unbalanced { at, .. } | SplitError::Backslash { at } => at,
        }
    }
}

/// What looks like a blank, or like nothing at all, and separates no words.
pub fn is_no_blank(c: char) -> bool {
    !c.is_ascii() && (c.is_whitespace() || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2060}' | '\u{feff}'))
}

/// What a word processor makes of quotes.
pub const CURLY: [char; 5] = ['\u{201c}', '\u{201d}', '\u{201e}', '\u{2018}', '\u{2019}'];

/// The first character outside quotes that looks like a blank or a quote and is none: its byte, and what to say.
pub fn lookalike(text: &str) -> Option<(usize, String)> {
    if text.is_ascii() {
        return None;
    }
    let mut quote = None;
    let mut word = true;
    for (at, c) in text.char_indices() {
        match c {
            '\'' | '"' if quote == Some(c) => quote = None,
            '\'' | '"' if quote.is_none() => quote = Some(c),
            _ if quote.is_some() => {}
            '#' if word => break,
            c if is_no_blank(c) => {
                return Some((at, format!("this U+{:04X} only looks like a blank: write a space", u32::from(c))));
            }
            c if word && CURLY.contains(&c) => {
                return Some((at, format!("this {c} only looks like a quote: write \" or '")));
            }
            _ => {}
        }
        word = c == ' ' || c == '\t';
    }
    None
}

/// Whether `#` at the start of a word begins a comment.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Comments {
    Cut,
    Kept,
}

/// Some bytes of `text` in characters: places are told in columns.
pub fn characters(text: &str, bytes: Range<usize>) -> Range<usize> {
    let before = text.get(..bytes.start).unwrap_or(text).chars().count();
    before..before + text.get(bytes).unwrap_or_default().chars().count().max(1)
}

/// Splits `text` into words. (Goes over bytes: everything that means something is ASCII, and ten thousand
/// crontab lines are split at each start.)
pub fn split(text: &str, comments: Comments) -> Result<Vec<Word<'_>>, SplitError> {
    let mut words = Vec::new();
    let mut at = 0;
    while let Some(&byte) = text.as_bytes().get(at) {
        if byte.is_ascii_whitespace() {
            at += 1;
        } else if byte == b'#' && comments == Comments::Cut {
            break;
        } else {
            let word = Reader { text, at, start: at, bare: None, expands: Expands::No }.word()?;
            at = word.at.end;
            words.push(word);
        }
    }
    Ok(words)
}

/// In the middle of a word.
struct Reader<'a> {
    text: &'a str,
    at: usize,
    start: usize,
    bare: Option<usize>,
    expands: Expands,
}

impl<'a> Reader<'a> {
    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn slice(&self, from: usize) -> &'a str {
        self.text.get(from..self.at).unwrap_or_default()
    }

    fn word(mut self) -> Result<Word<'a>, SplitError> {
        let mut copied: Option<String> = None;
        let mut run = self.start;
        loop {
            match self.peek() {
                Some(byte @ (b'\'' | b'"' | b'\\')) => {
                    self.bare.get_or_insert(self.at - self.start);
                    let text = copied.get_or_insert_default();
                    text.push_str(self.slice(run));
                    match byte {
                        b'\\' => self.escaped(text)?,
                        quote => self.quoted(text, quote)?,
                    }
                    run = self.at;
                }
                Some(byte) if !byte.is_ascii_whitespace() => {
                    if self.shell_expands(byte) {
                        self.expands = Expands::Bare;
                    }
                    self.at += 1;
                }
                Some(_) | None => break,
            }
        }
        let text = match copied {
            None => Cow::Borrowed(self.slice(run)),
            Some(mut text) => {
                text.push_str(self.slice(run));
                Cow::Owned(text)
            }
        };
        let bare = self.bare.unwrap_or(self.at - self.start);
        Ok(Word { text, at: self.start..self.at, bare, expands: self.expands })
    }

    /// A backslash: the next character is kept.
    fn escaped(&mut self, text: &mut String) -> Result<(), SplitError> {
        let kept = self.text.get(self.at + 1..).and_then(|rest| rest.chars().next());
        let kept = kept.ok_or(SplitError::Backslash { at: self.at })?;
        text.push(kept);
        self.at += 1 + kept.len_utf8();
        Ok(())
    }

    /// From one quote up to behind the other.
    fn quoted(&mut self, text: &mut String, quote: u8) -> Result<(), SplitError> {
        let unbalanced = SplitError::Unbalanced { quote: char::from(quote), at: self.at };
        self.at += 1;
        let mut run = self.at;
        loop {
            let byte = self.peek().ok_or(unbalanced)?;
            if byte == quote {
                text.push_str(self.slice(run));
                self.at += 1;
                return Ok(());
            }
            if quote == b'"' {
                let next = self.text.as_bytes().get(self.at + 1);
                if byte == b'\\' && matches!(next, Some(b'"' | b'\\')) {
                    text.push_str(self.slice(run));
                    run = self.at + 1;
                    self.at += 1;
                } else if self.expands == Expands::No && self.shell_expands(byte) {
                    self.expands = Expands::Quoted;
                }
            }
            self.at += 1;
        }
    }

    fn shell_expands(&self, byte: u8) -> bool {
        let named = |next: &u8| next.is_ascii_alphabetic() || matches!(next, b'_' | b'{' | b'(');
        byte == b'`' || byte == b'$' && self.text.as_bytes().get(self.at + 1).is_some_and(named)
    }
}

impl Word<'_> {
    /// `~/x`, or a path with a `*`: a shell would put others in its place.
    fn is_pattern(&self) -> bool {
        if !matches!(self.text.as_bytes().first(), Some(b'/' | b'.' | b'~')) {
            return false;
        }
        let bare = self.text.get(..self.bare).unwrap_or_default();
        let home = bare.starts_with("~/") || bare == "~";
        home || bare.bytes().any(|b| b == b'*') && (bare.starts_with('/') || bare.starts_with("./"))
    }

    /// `|`, `&&`, `;`, `>file`, `2>&1` and the like, outside quotes.
    fn is_operator(&self) -> bool {
        if !self.text.bytes().any(|b| matches!(b, b'<' | b'>' | b'&' | b'|' | b';')) {
            return false;
        }
        let bare = self.text.get(..self.bare).unwrap_or_default();
        let whole = self.bare == self.at.len();
        let redirection = bare.trim_start_matches(|c: char| c.is_ascii_digit());
        redirection.starts_with(['<', '>'])
            || bare.starts_with("&>")
            || bare.contains("&&")
            || bare.contains("||")
            || whole && (matches!(bare, "|" | "|&" | "&") || bare.ends_with(';'))
    }
}

/// The words that only a shell would understand. Words in double quotes behind `sh -c` are for that shell.
pub fn shell_words<'w, 'a>(words: &'w [Word<'a>]) -> impl Iterator<Item = &'w Word<'a>> {
    let shell = words.first().is_some_and(|word| word.text.ends_with("sh"));
    let script = words.iter().position(|word| shell && word.text == "-c").unwrap_or(usize::MAX);
    words.iter().enumerate().filter_map(move |(i, word)| {
        let expands = match word.expands {
            Expands::No => false,
            Expands::Quoted => i < script,
            Expands::Bare => true,
        };
        let pattern = || {
            // Patterns that the program itself reads: `-path /x/*`, `--exclude /x/*`.
            let before = i.checked_sub(1).and_then(|i| words.get(i)).map_or("", |word| &*word.text);
            word.is_pattern() && !(before.starts_with("--") || before.ends_with("path") || before.ends_with("name"))
        };
        (expands || word.is_operator() || pattern()).then_some(word)
    })
}

/// Words as they would be written to be split again.
pub fn joined<'a>(words: impl IntoIterator<Item = Cow<'a, str>>) -> String {
    let mut line = String::new();
    for word in words {
        if !line.is_empty() {
            line.push(' ');
        }
        let plain =
            |c: char| c.is_ascii_alphanumeric() || c > '\u{9f}' && !c.is_whitespace() || "%+,-./:=@_^~!?*".contains(c);
        if !word.is_empty() && word.chars().all(plain) {
            line.push_str(&word);
        } else {
            let _ = write!(line, "'{}'", word.replace('\'', r"'\''"));
        }
    }
    line
}

/// Names that follow each other, as `a → b → c`; of a long row its ends.
pub fn row(names: &[&str]) -> String {
    const ENDS: usize = 4;
    let arrow = " → ";
    match (names.get(..ENDS), names.len().checked_sub(ENDS).and_then(|from| names.get(from..))) {
        (Some(first), Some(last)) if names.len() > 2 * ENDS + 1 => {
            let left_out = names.len() - 2 * ENDS;
            format!("{}{arrow}… {left_out} more …{arrow}{}", first.join(arrow), last.join(arrow))
        }
        _ => names.join(arrow),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(text: &str) -> Vec<String> {
        split(text, Comments::Cut).unwrap().into_iter().map(|word| word.text.into_owned()).collect()
    }

    #[test]
    fn words_are_split() {
        let table: &[(&str, &[&str])] = &[
            ("", &[]),
            (" \t ", &[]),
            ("a  b\tc ", &["a", "b", "c"]),
            ("'a b' \"c d\"", &["a b", "c d"]),
            (r"a\ b c\\d \'", &["a b", r"c\d", "'"]),
            (r#""a\"b\\c\d" 'e\f'"#, &[r#"a"b\c\d"#, r"e\f"]),
            ("a'b'\"c\"d", &["abcd"]),
            ("'' \"\"", &["", ""]),
            ("date +%Y-%m-%d", &["date", "+%Y-%m-%d"]),
            ("a # b", &["a"]),
            ("a#b '#' \\#", &["a#b", "#", "#"]),
            ("#", &[]),
            ("é 'ü x'", &["é", "ü x"]),
        ];
        for (text, words) in table {
            assert_eq!(texts(text), *words, "{text}");
        }
        assert_eq!(split("a # b", Comments::Kept).unwrap().len(), 3);
    }

    #[test]
    fn words_know_their_place() {
        let text = "é 'b c'd  e";
        let places: Vec<_> =
            split(text, Comments::Cut).unwrap().iter().map(|w| characters(text, w.at.clone())).collect();
        assert_eq!(places, [0..1, 2..8, 10..11]);
    }

    #[test]
    fn open_ends_are_refused() {
        for (text, error) in [
            ("a 'b", SplitError::Unbalanced { quote: '\'', at: 2 }),
            ("a \"b\\\"", SplitError::Unbalanced { quote: '"', at: 2 }),
            ("it's", SplitError::Unbalanced { quote: '\'', at: 2 }),
            ("a \\", SplitError::Backslash { at: 2 }),
        ] {
            assert_eq!(split(text, Comments::Cut), Err(error), "{text}");
        }
    }

    #[test]
    fn only_a_shell_understands() {
        let table: &[(&str, &[&str])] = &[
            ("a | b", &["|"]),
            ("a > b 2>&1", &[">", "2>&1"]),
            ("a >>/tmp/log < x", &[">>/tmp/log", "<"]),
            ("a && b || c ; d &", &["&&", "||", ";", "&"]),
            ("cd /x; ls", &["/x;"]),
            ("cd /x&&ls", &["/x&&ls"]),
            ("echo $HOME ${X} $(date) `date`", &["$HOME", "${X}", "$(date)", "`date`"]),
            ("echo \"$HOME\" '$HOME' \\$HOME", &["$HOME"]),
            ("awk '{print $1}' $1 $", &[]),
            ("a '|' \"|\" \\| \\; \\&\\&", &[]),
            ("curl http://x/?a=1&b=2", &[]),
            ("date +%Y", &[]),
            ("sh -c 'a | b' x", &[]),
            ("/bin/bash -c \"echo $HOME\"", &[]),
            ("/bin/bash -c a | b", &["|"]),
            ("x >'a b'", &[">a b"]),
        ];
        for (text, expected) in table {
            let words = split(text, Comments::Cut).unwrap();
            let found: Vec<&str> = shell_words(&words).map(|word| &*word.text).collect();
            assert_eq!(found, *expected, "{text}");
        }
    }

    #[test]
    fn long_rows_show_their_ends() {
        assert_eq!(row(&[]), "");
        assert_eq!(row(&["a", "b", "a"]), "a → b → a");
        assert_eq!(row(&["1", "2", "3", "4", "5", "6", "7", "8", "9"]), "1 → 2 → 3 → 4 → 5 → 6 → 7 → 8 → 9");
        let ten = ["1", "2", "3", "4", "5", "6", "7", "8", "9", "10"];
        assert_eq!(row(&ten), "1 → 2 → 3 → 4 → … 2 more … → 7 → 8 → 9 → 10");
    }

    #[test]
    fn joined_words_split_again() {
        for words in [vec!["a", "b c", "", "it's", "$x", "é", "a\\b", "\"", "#"], vec!["-x=1", "http://h:80/p"]] {
            let line = joined(words.iter().map(|word| (*word).into()));
            assert_eq!(texts(&line), words, "{line}");
        }
        assert_eq!(joined(["nginx".into(), "-g".into(), "daemon off;".into()]), "nginx -g 'daemon off;'");
    }
}
