//! JSON, the writing half (RFC 8259): strings with what must be escaped in them. The log's lines go through it, so
//! it is fast; `check` writes its document with it.

/// Adds `text` as a JSON string, quotes included.
pub fn push_string(out: &mut String, text: &str) {
    let mut escaped = Vec::with_capacity(text.len());
    escape(&mut escaped, text.as_bytes());
    out.push('"');
    out.push_str(&String::from_utf8_lossy(&escaped));
    out.push('"');
}

/// A string of JSON without its quotes (RFC 8259, 7); what isn't UTF-8 becomes U+FFFD.
pub fn escape(out: &mut Vec<u8>, mut text: &[u8]) {
    loop {
        let (plain, rest) = text.split_at(plain(text));
        out.extend_from_slice(plain);
        let Some((first, after)) = rest.split_first() else { return };
        if first.is_ascii() {
            escape_byte(out, *first);
            text = after;
            continue;
        }
        let (run, after) = rest.split_at(rest.iter().position(u8::is_ascii).unwrap_or(rest.len()));
        for part in run.utf8_chunks() {
            out.extend_from_slice(part.valid().as_bytes());
            if !part.invalid().is_empty() {
                out.extend_from_slice("\u{fffd}".as_bytes());
            }
        }
        text = after;
    }
}

/// How many bytes at the front are ASCII that stands for itself in a string of JSON. Eight at a time: each line is
/// looked through.
fn plain(text: &[u8]) -> usize {
    const ONES: u64 = u64::MAX / 255;
    // The top bit of the lowest byte that is less than `than` (at most 128); others may be wrong.
    let less = |word: u64, than: u64| word.wrapping_sub(ONES * than) & !word & (ONES << 7);
    let mut at = 0;
    for eight in text.chunks_exact(8) {
        let word = eight.try_into().map_or(0, u64::from_le_bytes);
        let quote = less(word ^ (ONES * u64::from(b'"')), 1);
        let backslash = less(word ^ (ONES * u64::from(b'\\')), 1);
        let found = less(word, 0x20) | quote | backslash | word & (ONES << 7);
        if found != 0 {
            return at + found.trailing_zeros() as usize / 8;
        }
        at += 8;
    }
    let rest = text.get(at..).unwrap_or_default();
    let stop = rest.iter().position(|b| !matches!(b, 0x20..0x80) || matches!(b, b'"' | b'\\'));
    at + stop.unwrap_or(rest.len())
}

fn escape_byte(out: &mut Vec<u8>, byte: u8) {
    let short = match byte {
        b'"' | b'\\' => byte,
        b'\n' => b'n',
        b'\t' => b't',
        b'\r' => b'r',
        0x08 => b'b',
        0x0c => b'f',
        _ => {
            let low = byte & 0xf;
            let digit = if low < 10 { b'0' + low } else { b'a' + low - 10 };
            return out.extend_from_slice(&[b'\\', b'u', b'0', b'0', b'0' + (byte >> 4), digit]);
        }
    };
    out.extend_from_slice(&[b'\\', short]);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_are_escaped() {
        let mut out = String::new();
        push_string(&mut out, "a\"b\\c\nd\t\u{1}é");
        assert_eq!(out, r#""a\"b\\c\nd\t\u0001é""#);
    }

    #[test]
    fn every_byte_at_every_place_is_escaped_as_it_should() {
        for at in 0..20 {
            for byte in 0..=255u8 {
                let mut text = *b"abcdefghij\x7f klmnopqr";
                text[at] = byte;
                let mut out = Vec::new();
                escape(&mut out, &text);
                let mut expected = Vec::new();
                for b in text {
                    match b {
                        0..0x20 | b'"' | b'\\' => escape_byte(&mut expected, b),
                        0x80.. => expected.extend_from_slice("\u{fffd}".as_bytes()),
                        _ => expected.push(b),
                    }
                }
                assert_eq!(out, expected, "{byte:#x} at {at}");
            }
        }
    }
}
