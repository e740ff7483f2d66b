//! What a service tells by sd_notify(3): assignments, one a line. What they mean is `runtime::notify`'s.

use core::str::from_utf8;
use core::time::Duration;

/// A message has this many bytes at most (systemd's own limit): a longer one is dropped whole.
pub const LONGEST: usize = 4 << 10;
/// So many assignments of one message are taken.
const MOST: usize = 64;
/// A status is cut at this many characters.
const STATUS: usize = 256;

/// The assignments of one message, name and value.
pub fn assignments(message: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> {
    let lines = message.split(|b| *b == b'\n').filter_map(|line| {
        let equals = memchr::memchr(b'=', line)?;
        Some((line.get(..equals)?, line.get(equals + 1..)?))
    });
    lines.take(MOST)
}

/// A status as one printable line.
pub fn status(value: &[u8]) -> String {
    let text = String::from_utf8_lossy(value);
    let mut status: String = text.trim().chars().take(STATUS).map(|c| if c.is_control() { '?' } else { c }).collect();
    if text.trim().chars().nth(STATUS).is_some() {
        status.push('…');
    }
    status
}

/// A number of microseconds.
pub fn micros(value: &[u8]) -> Option<Duration> {
    from_utf8(value).ok()?.parse().ok().map(Duration::from_micros)
}

/// A process's number, of which nothing is known yet.
pub fn number(value: &[u8]) -> Option<i32> {
    from_utf8(value).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn assignments_are_one_a_line() {
        let found = |message: &'static str| {
            let text = |(name, value)| format!("{}|{}", String::from_utf8_lossy(name), String::from_utf8_lossy(value));
            assignments(message.as_bytes()).map(text).collect::<Vec<_>>().join(" ")
        };
        assert_eq!(found("READY=1"), "READY|1");
        assert_eq!(found("READY=1\nSTATUS=a=b\n\nX\nMAINPID="), "READY|1 STATUS|a=b MAINPID|");
        assert_eq!(found(""), "");
        assert_eq!(assignments("A=1\n".repeat(1000).as_bytes()).count(), MOST);
    }

    #[test]
    fn a_status_is_one_printable_line() {
        assert_eq!(status("  läuft \t".as_bytes()), "läuft");
        assert_eq!(status(b"a\x1b[31m\xffb"), "a?[31m\u{fffd}b");
        assert_eq!(status("ä".repeat(STATUS).as_bytes()).chars().count(), STATUS);
        let cut = status("ä".repeat(STATUS + 1).as_bytes());
        assert_eq!((cut.chars().count(), cut.ends_with("ä…")), (STATUS + 1, true));
    }

    #[test]
    fn numbers_are_plain() {
        assert_eq!(micros(b"1500000"), Some(Duration::from_millis(1500)));
        assert_eq!([micros(b"-1"), micros(b""), micros(b"1s")], [None; 3]);
        assert_eq!([number(b"17"), number(b"x"), number(b"99999999999")], [Some(17), None, None]);
    }
}
