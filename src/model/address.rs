//! Addresses as they are written: `HOST:PORT` and `http://…`.

use core::net::{Ipv4Addr, Ipv6Addr};
use std::fmt;
use std::str::FromStr;

/// Where a TCP port is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    /// An IP address (v6 without brackets), `localhost`, or a name.
    pub host: String,
    pub port: u16,
}

/// `http://HOST[:PORT][/PATH][?QUERY]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Url {
    pub address: Address,
    /// As it is sent: begins with `/`, the query included.
    pub path: String,
}

/// What was written isn't an address.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
pub enum AddressError {
    #[error("'{0}' has no port (write HOST:PORT, such as 127.0.0.1:80, [::1]:80, localhost:80, :80)")]
    NoPort(String),
    #[error("'{0}' is not a port (1 to 65535)")]
    Port(String),
    #[error("'{0}' is not a host (an IPv4 address, an IPv6 address in brackets, or a name)")]
    Host(String),
    #[error("an IPv6 address stands in brackets: [{0}]:PORT")]
    Brackets(String),
    #[error("'{0}' doesn't begin with http:// (write http://HOST[:PORT][/PATH])")]
    Scheme(String),
    #[error("https is not spoken here (write http://HOST[:PORT][/PATH], or ask by an exec probe)")]
    Https,
    #[error("{0:?} can't stand in the path of a URL (write it as %XX)")]
    Path(char),
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Address { host, port } = self;
        if host.contains(':') { write!(f, "[{host}]:{port}") } else { write!(f, "{host}:{port}") }
    }
}

impl fmt::Display for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "http://{}{}", self.address, self.path)
    }
}

/// Where a `:PORT` alone is.
const HERE: &str = "127.0.0.1";
/// The port of a URL that names none.
const HTTP: u16 = 80;

impl FromStr for Address {
    type Err = AddressError;

    /// `127.0.0.1:80`, `[::1]:80`, `name:80`, `:80` (this machine).
    fn from_str(text: &str) -> Result<Address, AddressError> {
        let (host, port) = text.rsplit_once(':').ok_or_else(|| AddressError::NoPort(text.to_owned()))?;
        if text.ends_with(']') || text.parse::<Ipv6Addr>().is_ok() {
            return Err(match text.starts_with('[') {
                true => AddressError::NoPort(text.to_owned()),
                false => AddressError::Brackets(text.to_owned()),
            });
        }
        let host = if host.is_empty() { HERE.to_owned() } else { bare(host)? };
        Ok(Address { host, port: number(port)? })
    }
}

impl FromStr for Url {
    type Err = AddressError;

    /// `http://HOST[:PORT][/PATH][?QUERY]`.
    fn from_str(text: &str) -> Result<Url, AddressError> {
        if text.starts_with("https://") {
            return Err(AddressError::Https);
        }
        let rest = text.strip_prefix("http://").ok_or_else(|| AddressError::Scheme(text.to_owned()))?;
        let (place, path) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
        if let Some(c) = path.chars().find(|c| !c.is_ascii_graphic() || *c == '#') {
            return Err(AddressError::Path(c));
        }
        let path = if path.starts_with('/') { path.to_owned() } else { format!("/{path}") };
        // The brackets of an IPv6 address hold colons that aren't the port's.
        let (host, port) = match place.rsplit_once(':') {
            Some((host, port)) if !port.contains(']') => (host, number(port)?),
            _ => (place, HTTP),
        };
        Ok(Url { address: Address { host: bare(host)?, port }, path })
    }
}

fn number(text: &str) -> Result<u16, AddressError> {
    // parse would take a sign.
    let digits = text.bytes().all(|b| b.is_ascii_digit());
    text.parse().ok().filter(|port| digits && *port > 0).ok_or_else(|| AddressError::Port(text.to_owned()))
}

/// A host without its brackets.
fn bare(host: &str) -> Result<String, AddressError> {
    let wrong = || AddressError::Host(host.to_owned());
    if let Some(inside) = host.strip_prefix('[') {
        let inside = inside.strip_suffix(']').ok_or_else(wrong)?;
        return inside.parse::<Ipv6Addr>().map(|_| inside.to_owned()).map_err(|_| wrong());
    }
    if host.parse::<Ipv6Addr>().is_ok() {
        return Err(AddressError::Brackets(host.to_owned()));
    }
    let named = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_');
    // Four numbers are an address or none, and one is none; what lies between (127.1) a resolver knows: inet_aton(3).
    let numbers = host.split('.').filter(|part| part.bytes().all(|b| b.is_ascii_digit())).count();
    let good = match (numbers, host.split('.').count()) {
        (4, 4) => host.parse::<Ipv4Addr>().is_ok(),
        (1, 1) => false,
        _ => host.bytes().all(named),
    };
    let begins = host.bytes().next().is_some_and(|b| b.is_ascii_alphanumeric());
    if good && begins { Ok(host.to_owned()) } else { Err(wrong()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read() {
        for (text, host, port) in [
            ("127.0.0.1:80", "127.0.0.1", 80),
            ("[::1]:5432", "::1", 5432),
            ("localhost:1", "localhost", 1),
            (":65535", "127.0.0.1", 65535),
            ("my-db.internal_x:80", "my-db.internal_x", 80),
            ("127.1:80", "127.1", 80),
        ] {
            assert_eq!(text.parse(), Ok(Address { host: host.into(), port }), "{text}");
            assert_eq!(
                Address { host: host.into(), port }.to_string().parse(),
                Ok(Address { host: host.into(), port })
            );
        }
    }

    #[test]
    fn urls_are_read() {
        for (text, host, port, path) in [
            ("http://127.0.0.1", "127.0.0.1", 80, "/"),
            ("http://localhost:8080/healthz?a=b", "localhost", 8080, "/healthz?a=b"),
            ("http://[::1]", "::1", 80, "/"),
            ("http://[::1]:81/x:y", "::1", 81, "/x:y"),
            ("http://a?b", "a", 80, "/?b"),
        ] {
            let url = Url { address: Address { host: host.into(), port }, path: path.into() };
            assert_eq!(text.parse(), Ok(url), "{text}");
        }
    }

    #[test]
    fn what_is_none_is_refused_with_its_reason() {
        use AddressError::*;
        for (text, error) in [
            ("80", NoPort("80".into())),
            ("", NoPort("".into())),
            ("localhost", NoPort("localhost".into())),
            ("[::1]", NoPort("[::1]".into())),
            ("::1", Brackets("::1".into())),
            ("fe80::1:80", Brackets("fe80::1:80".into())),
            ("a:0", Port("0".into())),
            ("a:+8", Port("+8".into())),
            ("a:65536", Port("65536".into())),
            ("a:", Port("".into())),
            ("127.0.0.300:80", Host("127.0.0.300".into())),
            ("5432:80", Host("5432".into())),
            ("a b:80", Host("a b".into())),
            ("-a:80", Host("-a".into())),
            ("[::g]:80", Host("[::g]".into())),
            ("[::1:80", Host("[::1".into())),
        ] {
            assert_eq!(text.parse::<Address>(), Err(error), "{text}");
        }
        for (text, error) in [
            ("localhost:80", Scheme("localhost:80".into())),
            ("https://a", Https),
            ("http://", Host("".into())),
            ("http://:80", Host("".into())),
            ("http://u@a/", Host("u@a".into())),
            ("http://a:b/", Port("b".into())),
            ("http://::1/", Host(":".into())),
            ("http://a/b c", Path(' ')),
            ("http://a/#b", Path('#')),
            ("http://a/é", Path('é')),
        ] {
            assert_eq!(text.parse::<Url>(), Err(error), "{text}");
        }
    }
}
