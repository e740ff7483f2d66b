//! A command line as words, split without a shell (spec/cron.md): blanks separate, single quotes keep all,
//! double quotes keep all but `\"` and `\\`, a backslash keeps the next character. Nothing is expanded.
//!
//! Used for crontab commands and for `command: "…"` in YAML. Knows what only a shell would understand.

use std::fmt::Write;

/// One word, and where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Word {
    /// Without its quotes.
    pub text: String,
    /// Its first character, counted from 0 in the text that was split, and how many it takes there.
    pub start: usize,
    pub len: usize,
    /// Characters at its beginning that no quote or backslash protects.
    bare: usize,
    /// `$NAME`, `$(` or a backtick that a shell would expand: where, and whether a double quote is around it.
    expands: Option<(usize, bool)>,
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
    /// The character it is about, counted from 0.
    pub fn at(self) -> usize {
        match self {
            SplitError::Unbalanced { at, .. } | SplitError::Backslash { at } => at,
        }
    }
}

/// Whether `#` at the start of a word begins a comment.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Comments {
    Cut,
    Kept,
}

/// Splits `text` into words.
pub fn split(text: &str, comments: Comments) -> Result<Vec<Word>, SplitError> {
    let mut words = Vec::new();
    let mut chars = text.chars().enumerate().peekable();
    while let Some(&(start, c)) = chars.peek() {
        if c.is_ascii_whitespace() {
            chars.next();
        } else if c == '#' && comments == Comments::Cut {
            break;
        } else {
            words.push(word(&mut chars, start)?);
        }
    }
    Ok(words)
}

type Chars<'a> = std::iter::Peekable<std::iter::Enumerate<std::str::Chars<'a>>>;

/// Reads one word; the next character is its first.
fn word(chars: &mut Chars<'_>, start: usize) -> Result<Word, SplitError> {
    let mut word = Word { text: String::new(), start, len: 0, bare: usize::MAX, expands: None };
    while let Some((at, c)) = chars.next_if(|(_, c)| !c.is_ascii_whitespace()) {
        word.len = at + 1 - start;
        match c {
            '\'' | '"' => {
                word.bare = word.bare.min(at - start);
                word.len = quoted(chars, &mut word, c, at)? + 1 - start;
            }
            '\\' => {
                word.bare = word.bare.min(at - start);
                let (at, kept) = chars.next().ok_or(SplitError::Backslash { at })?;
                word.text.push(kept);
                word.len = at + 1 - start;
            }
            c => {
                word.note_expansion(c, at, chars.peek().map(|(_, c)| *c), false);
                word.text.push(c);
            }
        }
    }
    word.bare = word.bare.min(word.len);
    Ok(word)
}

/// Reads up to the closing quote; its place.
fn quoted(chars: &mut Chars<'_>, word: &mut Word, quote: char, opened: usize) -> Result<usize, SplitError> {
    let unbalanced = SplitError::Unbalanced { quote, at: opened };
    loop {
        let (at, c) = chars.next().ok_or(unbalanced)?;
        if c == quote {
            return Ok(at);
        }
        if quote == '"' {
            if c == '\\' {
                if let Some((_, kept)) = chars.next_if(|(_, next)| matches!(next, '"' | '\\')) {
                    word.text.push(kept);
                    continue;
                }
            }
            word.note_expansion(c, at, chars.peek().map(|(_, c)| *c), true);
        }
        word.text.push(c);
    }
}

impl Word {
    fn note_expansion(&mut self, c: char, at: usize, next: Option<char>, in_quotes: bool) {
        let named = |next: char| next.is_ascii_alphabetic() || matches!(next, '_' | '{' | '(');
        if self.expands.is_none() && (c == '`' || c == '$' && next.is_some_and(named)) {
            self.expands = Some((at, in_quotes));
        }
    }

    /// `|`, `&&`, `;`, `>file`, `2>&1` and the like, outside quotes.
    fn is_operator(&self) -> bool {
        let bare: String = self.text.chars().take(self.bare).collect();
        let whole = self.bare == self.len;
        let redirection = bare.trim_start_matches(|c: char| c.is_ascii_digit());
        redirection.starts_with(['<', '>'])
            || bare.starts_with("&>")
            || bare.contains("&&")
            || bare.contains("||")
            || whole && (matches!(&*bare, "|" | "|&" | "&") || bare.ends_with(';'))
    }
}

/// The words that only a shell would understand. Words in double quotes behind `sh -c` are for that shell.
pub fn shell_words(words: &[Word]) -> impl Iterator<Item = &Word> {
    let shell = words.first().is_some_and(|word| word.text.ends_with("sh"));
    let script = words.iter().position(|word| shell && word.text == "-c").unwrap_or(usize::MAX);
    words.iter().enumerate().filter_map(move |(i, word)| {
        let expands = word.expands.is_some_and(|(_, in_quotes)| !(in_quotes && i > script));
        (expands || word.is_operator()).then_some(word)
    })
}

/// Words as they would be written to be split again.
pub fn joined<'a>(words: impl IntoIterator<Item = std::borrow::Cow<'a, str>>) -> String {
    let mut line = String::new();
    for word in words {
        if !line.is_empty() {
            line.push(' ');
        }
        let plain = |c: char| c.is_alphanumeric() || "%+,-./:=@_^~!?*".contains(c);
        if !word.is_empty() && word.chars().all(plain) {
            line.push_str(&word);
        } else {
            let _ = write!(line, "'{}'", word.replace('\'', r"'\''"));
        }
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(text: &str) -> Vec<String> {
        split(text, Comments::Cut).unwrap().into_iter().map(|word| word.text).collect()
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
        let words = split("é 'b c'd  e", Comments::Cut).unwrap();
        let places: Vec<_> = words.iter().map(|word| (word.start, word.len)).collect();
        assert_eq!(places, [(0, 1), (2, 6), (10, 1)]);
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
    fn joined_words_split_again() {
        for words in [vec!["a", "b c", "", "it's", "$x", "é", "a\\b", "\"", "#"], vec!["-x=1", "http://h:80/p"]] {
            let line = joined(words.iter().map(|word| (*word).into()));
            assert_eq!(texts(&line), words, "{line}");
        }
        assert_eq!(joined(["nginx".into(), "-g".into(), "daemon off;".into()]), "nginx -g 'daemon off;'");
    }
}
