//! `NAME=value`, as crontabs and env files have it: what the value is without its quotes and the comment behind it.

/// What stands between words.
pub const BLANKS: [char; 2] = [' ', '\t'];

/// The value of an assignment, by all that stands behind its `=`: without blanks around it, its quotes, and what is a
/// comment behind it; or the byte where it goes wrong and why. Only quotes around the whole value are taken off:
/// `{"a":1}` keeps its own. A comment has a blank before its `#`: `COLOR=#fff` has a value.
pub fn value(behind: &str) -> Result<String, (usize, String)> {
    let written = behind.trim_start_matches(BLANKS);
    let blanks = behind.len() - written.len();
    unquoted(written, blanks > 0).map_err(|(at, message)| (blanks + at, message))
}

/// `blank`: one stands before it.
fn unquoted(written: &str, mut blank: bool) -> Result<String, (usize, String)> {
    let unbalanced = |at, quote| (at, format!("the quote {quote} is never closed"));
    let mut chars = written.char_indices().peekable();
    let Some(quote) = chars.next_if(|(_, c)| matches!(c, '\'' | '"')).map(|(_, c)| c) else {
        let mut open: Option<(usize, char)> = None;
        let mut end = written.len();
        for (at, c) in chars {
            match (open, c) {
                (Some((_, quote)), c) if c == quote => open = None,
                (None, '\'' | '"') => open = Some((at, c)),
                (None, '#') if blank => {
                    end = at;
                    break;
                }
                _ => {}
            }
            blank = BLANKS.contains(&c);
        }
        return match open {
            Some((at, quote)) => Err(unbalanced(at, quote)),
            None => Ok(written.get(..end).unwrap_or_default().trim_end_matches(BLANKS).to_owned()),
        };
    };
    let mut value = String::new();
    loop {
        let Some((at, c)) = chars.next() else { return Err(unbalanced(0, quote)) };
        if c == quote {
            let behind = written.get(at + 1..).unwrap_or_default();
            let rest = behind.trim_start_matches(BLANKS);
            if rest.is_empty() || rest.len() < behind.len() && rest.starts_with('#') {
                return Ok(value);
            }
            return Err((
                written.len() - rest.len(),
                "there is more behind the closing quote: quote the whole value".into(),
            ));
        }
        let escaped = if c == '\\' && quote == '"' { chars.next_if(|(_, c)| matches!(c, '"' | '\\')) } else { None };
        value.push(escaped.map_or(c, |(_, c)| c));
    }
}
