//! Names of hosts: `/etc/hosts` is read here; whatever else there is only the C library knows, and asking it may
//! take its time, so that a child of the same binary does it.

use crate::model::command::ProcessSpec;
use crate::sys::files::{self, reason};
use crate::sys::stdio;
use crate::wire::hosts;
use std::ffi::{OsStr, OsString};
use std::net::{IpAddr, ToSocketAddrs};
use std::path::Path;

/// The argument that makes this binary such a child; none that anybody would give by hand.
pub const WORD: &str = "@resolve";
/// The running binary, wherever it lies and whatever became of the file.
const ITSELF: &str = "/proc/self/exe";
const HOSTS: &str = "/etc/hosts";
/// A larger file isn't read. (Lists of blocked names have a few megabytes.)
const HOSTS_LIMIT: u64 = 16 << 20;
/// So many addresses of one name are tried.
const MOST: usize = 16;
/// Before a child's words about what went wrong.
const TROUBLE: char = '!';

/// What is known of a name.
pub enum Name {
    Known(Vec<IpAddr>),
    /// This command prints its addresses.
    Ask(ProcessSpec),
    Unknown(String),
}

/// Looks without asking anybody.
pub fn look(host: &str) -> Name {
    if let Ok(address) = host.parse() {
        return Name::Known(vec![address]);
    }
    if host.eq_ignore_ascii_case("localhost") {
        return Name::Known(hosts::LOCALHOST.to_vec());
    }
    let text = files::read(Path::new(HOSTS), HOSTS_LIMIT).unwrap_or_default();
    let mut found = hosts::addresses(&text, host);
    found.truncate(MOST);
    if !found.is_empty() {
        Name::Known(found)
    } else if cfg!(all(target_env = "gnu", target_feature = "crt-static")) {
        Name::Unknown(format!("'{host}' isn't in {HOSTS}, and this build can't ask name servers"))
    } else {
        let command = [ITSELF, WORD, host].map(OsString::from).to_vec();
        Name::Ask(ProcessSpec { command, ..ProcessSpec::default() })
    }
}

/// The child's part: prints the addresses of a name, or why there are none. Gives the exit status.
pub fn answer(host: &OsStr) -> u8 {
    let mut text = String::new();
    let mut add = |line: &dyn std::fmt::Display| text.extend([&line.to_string(), "\n"]);
    match (&*host.to_string_lossy(), 0).to_socket_addrs() {
        Ok(addresses) => addresses.take(MOST).for_each(|address| add(&address.ip())),
        Err(error) => {
            let reason = reason(&error);
            add(&format!("{TROUBLE}{}", reason.rsplit(": ").next().unwrap_or(&reason)));
        }
    }
    u8::from(stdio::out(&text).is_err())
}

/// What the child has said so far.
#[derive(Debug, Default)]
pub struct Answer {
    pub addresses: Vec<IpAddr>,
    pub trouble: Option<String>,
}

impl Answer {
    /// Takes one line.
    pub fn take(&mut self, line: &[u8]) {
        let line = String::from_utf8_lossy(line);
        if let Some(trouble) = line.strip_prefix(TROUBLE) {
            self.trouble = Some(trouble.to_ascii_lowercase());
        } else if let Some(address) = line.parse().ok().filter(|_| self.addresses.len() < MOST) {
            if !self.addresses.contains(&address) {
                self.addresses.push(address);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known(host: &str) -> String {
        match look(host) {
            Name::Known(found) => found.iter().map(IpAddr::to_string).collect::<Vec<_>>().join(" "),
            Name::Ask(spec) => format!("{:?}", spec.command),
            Name::Unknown(why) => why,
        }
    }

    #[test]
    fn addresses_and_localhost_ask_nobody() {
        assert_eq!(known("10.1.2.3"), "10.1.2.3");
        assert_eq!(known("::1"), "::1");
        assert_eq!(known("LocalHost"), "127.0.0.1 ::1");
        assert_eq!(known("nobody.invalid"), r#"["/proc/self/exe", "@resolve", "nobody.invalid"]"#);
    }

    #[test]
    fn an_answer_is_taken_line_by_line() {
        let mut answer = Answer::default();
        for line in ["10.0.0.1", "::1", "10.0.0.1", "x", "", "!Name does not resolve"] {
            answer.take(line.as_bytes());
        }
        assert_eq!(answer.addresses.len(), 2);
        assert_eq!(answer.trouble.as_deref(), Some("name does not resolve"));
        (0..200).for_each(|n| answer.take(format!("10.0.1.{n}").as_bytes()));
        assert_eq!(answer.addresses.len(), MOST);
    }
}
