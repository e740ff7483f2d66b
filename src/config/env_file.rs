//! The text of an `env_file`: lines of `NAME=value`, as `docker run --env-file` and systemd's EnvironmentFile= share
//! them. Blank lines and lines whose first character is `#` say nothing; a leading `export ` is passed over; a value
//! in quotes loses them (nothing is expanded in it), any other keeps all but the blanks around it.

use std::ffi::OsString;

/// A line that is none of that.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
pub enum LineError {
    #[error("line {line}: '{text}' is not NAME=value")]
    NoVariable { line: usize, text: String },
    #[error("line {line}: the quote is not closed")]
    OpenQuote { line: usize },
    #[error("line {line}: a NUL character")]
    Nul { line: usize },
    #[error("line {line}: it is not UTF-8")]
    NotUtf8 { line: usize },
}

/// Reads the text; all that is wrong with it.
pub fn parse(bytes: &[u8]) -> Result<Vec<(OsString, OsString)>, Vec<LineError>> {
    let (mut variables, mut errors) = (Vec::new(), Vec::new());
    for (line, bytes) in (1..).zip(bytes.split(|b| *b == b'\n')) {
        match parse_line(line, bytes) {
            Ok(Some((name, value))) => variables.push((name.into(), value.into())),
            Ok(None) => {}
            Err(error) => errors.push(error),
        }
    }
    if errors.is_empty() { Ok(variables) } else { Err(errors) }
}

fn parse_line(line: usize, bytes: &[u8]) -> Result<Option<(&str, &str)>, LineError> {
    let text = std::str::from_utf8(bytes).map_err(|_| LineError::NotUtf8 { line })?;
    let text = if line == 1 { text.strip_prefix('\u{feff}').unwrap_or(text) } else { text };
    let text = text.trim();
    if text.contains('\0') {
        return Err(LineError::Nul { line });
    }
    if text.is_empty() || text.starts_with('#') {
        return Ok(None);
    }
    let bare = text.strip_prefix("export ").unwrap_or(text).trim_start();
    let no_variable = || LineError::NoVariable { line, text: shown(text) };
    let (name, value) = bare.split_once('=').ok_or_else(no_variable)?;
    let name = name.trim_end();
    if name.is_empty() || name.contains(char::is_whitespace) {
        return Err(no_variable());
    }
    let value = value.trim_start();
    for quote in ['"', '\''] {
        if let Some(rest) = value.strip_prefix(quote) {
            return match rest.strip_suffix(quote) {
                Some(inside) => Ok(Some((name, inside))),
                None => Err(LineError::OpenQuote { line }),
            };
        }
    }
    Ok(Some((name, value)))
}

/// No more of a line than tells which one it is: it may hold a password.
fn shown(text: &str) -> String {
    let end = text.find(char::is_whitespace).unwrap_or(text.len());
    text.chars().take(end.min(20)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Vec<(String, String)> {
        let variables = parse(text.as_bytes()).unwrap();
        variables.into_iter().map(|(k, v)| (k.into_string().unwrap(), v.into_string().unwrap())).collect()
    }

    #[test]
    fn lines_are_read_as_others_do() {
        let text = "\u{feff}A=1\r\n# B=2\n\n  C = \"x y # z\" \nexport D='$A'\nE=\nF=a=b\nG=x # y\nH=\"it's\"";
        let expected =
            [("A", "1"), ("C", "x y # z"), ("D", "$A"), ("E", ""), ("F", "a=b"), ("G", "x # y"), ("H", "it's")];
        assert_eq!(read(text), expected.map(|(k, v)| (k.to_owned(), v.to_owned())));
        assert!(read("").is_empty());
    }

    #[test]
    fn every_bad_line_is_told_and_no_more_of_it_than_needed() {
        let errors = parse(b"A=1\nsecretword and more\n=x\nB C=1\nD=\"open\nE=\0\n\xff=1\n").unwrap_err();
        let told: Vec<String> = errors.iter().map(LineError::to_string).collect();
        assert_eq!(
            told,
            [
                "line 2: 'secretword' is not NAME=value",
                "line 3: '=x' is not NAME=value",
                "line 4: 'B' is not NAME=value",
                "line 5: the quote is not closed",
                "line 6: a NUL character",
                "line 7: it is not UTF-8",
            ]
        );
    }
}
