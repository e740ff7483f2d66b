//! The little of HTTP/1.1 that a probe speaks (RFC 9112): a GET, and the status line of its answer.

use core::fmt::Write;
use core::net::Ipv6Addr;

/// So much of an answer is looked at.
pub const HEAD: usize = 8 << 10;
/// `http`'s port, which `Host` leaves out.
const PORT: u16 = 80;

/// A probe's request. `host` without brackets.
pub fn request(host: &str, port: u16, path: &str) -> Vec<u8> {
    let mut text = format!("GET {path} HTTP/1.1\r\nHost: ");
    let wrote = match host.parse::<Ipv6Addr>() {
        Ok(_) => write!(text, "[{host}]"),
        Err(_) => write!(text, "{host}"),
    };
    let wrote = if port == PORT { wrote } else { wrote.and_then(|()| write!(text, ":{port}")) };
    debug_assert!(wrote.is_ok(), "a string takes everything");
    text.push_str("\r\nUser-Agent: wingmate\r\nAccept: */*\r\nConnection: close\r\n\r\n");
    text.into_bytes()
}

/// What an answer says, as far as it has come; `None`: more is needed. `ended`: no more will come, or is taken. The
/// rest of the head is awaited, so that no server is cut off in the middle of it.
pub fn verdict(answer: &[u8], ended: bool) -> Option<Result<(), String>> {
    let mut rest = answer;
    loop {
        if !rest.starts_with(b"HTTP/") && !b"HTTP/".starts_with(rest) {
            return Some(Err("the answer isn't HTTP".into()));
        }
        let end = end_of_head(rest);
        if end.is_none() && !ended {
            return None;
        }
        match (status(rest), end) {
            // Interim answers come before the one that counts.
            (Some(100..=199), Some(end)) => rest = rest.get(end..).unwrap_or_default(),
            (Some(200..=399), _) => return Some(Ok(())),
            (Some(status), _) => return Some(Err(format!("status {status}"))),
            (None, _) if rest.is_empty() => return Some(Err("closed without an answer".into())),
            (None, _) => return Some(Err("the answer isn't HTTP".into())),
        }
    }
}

/// Behind the empty line; lines may end without `\r`.
fn end_of_head(text: &[u8]) -> Option<usize> {
    let mut from = 0;
    for line in text.split_inclusive(|b| *b == b'\n') {
        from += line.len();
        if line == b"\n" || line == b"\r\n" {
            return Some(from);
        }
    }
    None
}

/// `HTTP/1.1 200 …`
fn status(text: &[u8]) -> Option<u16> {
    let line = text.split(|b| *b == b'\n').next()?;
    let mut words = line.trim_ascii_end().split(|b| *b == b' ');
    let (_version, code) = (words.next()?, words.next()?);
    let digits = code.len() == 3 && code.iter().all(u8::is_ascii_digit);
    std::str::from_utf8(code).ok().filter(|_| digits)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_are_named_as_the_server_knows_them() {
        let host = |host, port| {
            let text = String::from_utf8(request(host, port, "/x?y")).unwrap();
            assert!(text.starts_with("GET /x?y HTTP/1.1\r\n") && text.ends_with("\r\n\r\n"), "{text}");
            text.lines().nth(1).unwrap().to_owned()
        };
        assert_eq!(host("db", 80), "Host: db");
        assert_eq!(host("127.0.0.1", 8080), "Host: 127.0.0.1:8080");
        assert_eq!(host("::1", 8080), "Host: [::1]:8080");
    }

    #[test]
    fn the_status_decides_once_the_head_is_there() {
        let wrong = |text: &str| Some(Err(text.to_owned()));
        let rows = [
            ("HTTP/1.1 200 OK\r\nA: b\r\n\r\nbody", Some(Ok(()))),
            ("HTTP/1.0 302\n\n", Some(Ok(()))),
            ("HTTP/1.1 503 Service Unavailable\r\n\r\n", wrong("status 503")),
            ("HTTP/1.1 404 \r\n\r\n", wrong("status 404")),
            ("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n", Some(Ok(()))),
            ("HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 500 X\r\n\r\n", wrong("status 500")),
            ("SSH-2.0-OpenSSH\r\n", wrong("the answer isn't HTTP")),
            ("HTTP/1.1\r\n\r\n", wrong("the answer isn't HTTP")),
            ("HTTP/1.1 20 OK\r\n\r\n", wrong("the answer isn't HTTP")),
            ("HTTP/1.1 +20 OK\r\n\r\n", wrong("the answer isn't HTTP")),
        ];
        for (text, expected) in rows {
            assert_eq!(verdict(text.as_bytes(), false), expected, "{text}");
            let whole = text.split("\r\n\r\n").next().unwrap();
            for end in 0..whole.len() {
                let early = verdict(&text.as_bytes()[..end], false);
                assert!(early.is_none() || early == expected, "{text} {end}");
            }
        }
    }

    #[test]
    fn what_ends_early_counts_by_its_status() {
        assert_eq!(verdict(b"HTTP/1.1 200 OK\r\nA: b", false), None);
        assert_eq!(verdict(b"HTTP/1.1 200 OK\r\nA: b", true), Some(Ok(())));
        assert_eq!(verdict(b"", false), None);
        assert_eq!(verdict(b"", true), Some(Err("closed without an answer".into())));
        assert_eq!(verdict(b"HTTP/1.1 100 Continue\r\n\r\n", true), Some(Err("closed without an answer".into())));
        assert_eq!(verdict(b"HTTP/1.1 1", true), Some(Err("the answer isn't HTTP".into())));
    }
}
