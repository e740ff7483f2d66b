//! `/etc/hosts`: names that are known without asking anybody (hosts(5)).

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The addresses of `localhost`, whatever a file says.
pub const LOCALHOST: [IpAddr; 2] = [IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V6(Ipv6Addr::LOCALHOST)];

/// The addresses that the file's text gives this name, in its order. Lines that aren't understood are passed over.
pub fn addresses(text: &[u8], name: &str) -> Vec<IpAddr> {
    let name = name.strip_suffix('.').unwrap_or(name);
    let of_line = |line: &[u8]| {
        let line = line.split(|b| *b == b'#').next()?;
        let mut words = line.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty());
        let address = std::str::from_utf8(words.next()?).ok()?.parse().ok()?;
        words.any(|word| word.eq_ignore_ascii_case(name.as_bytes())).then_some(address)
    };
    let mut found = Vec::new();
    for address in text.split(|b| *b == b'\n').filter_map(of_line) {
        if !found.contains(&address) {
            found.push(address);
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_found_in_every_line() {
        let text = b"# comment web\n127.0.0.1\tlocalhost\n10.0.0.1  db DB.example # web\n\n::1 web\nbroken web\n\
                     10.0.0.2 db\n10.0.0.1 db\n\xff\xfe db\n10.0.0.9 we";
        let found = |name| addresses(text, name).iter().map(IpAddr::to_string).collect::<Vec<_>>().join(" ");
        assert_eq!(found("db"), "10.0.0.1 10.0.0.2");
        assert_eq!(found("db.EXAMPLE."), "10.0.0.1");
        assert_eq!(found("web"), "::1");
        assert_eq!(found("we"), "10.0.0.9");
        assert_eq!(found("comment"), "");
        assert_eq!(found(""), "");
    }
}
