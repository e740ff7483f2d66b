//! JSON, the writing half (RFC 8259): strings with what must be escaped in them.

use std::fmt::Write;

/// Adds `text` as a JSON string, quotes included.
pub fn push_string(out: &mut String, text: &str) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if u32::from(c) < 0x20 || c == '\u{7f}' => {
                let _ = write!(out, "\\u{:04x}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out.push('"');
}

#[cfg(test)]
mod tests {
    #[test]
    fn strings_are_escaped() {
        let mut out = String::new();
        super::push_string(&mut out, "a\"b\\c\nd\t\u{1}é\u{7f}");
        assert_eq!(out, r#""a\"b\\c\nd\t\u0001é\u007f""#);
    }
}
