//! The umask, limits of setrlimit(2) and priorities, as users write them in a configuration and to `wmexec`.

use super::command::{Resource, Rlimit};
use super::number::Unfit;
use super::size::{SizeError, parse_size};
use crate::text::near::nearest;

/// setpriority(2)'s range.
pub const NICE: [i32; 2] = [-20, 19];
/// proc(5)'s range.
pub const OOM_SCORE_ADJ: [i32; 2] = [-1000, 1000];

/// What a umask must be.
pub const UMASK: &str = "an octal number from 000 to 777, such as \"027\"";

/// Up to four octal digits.
pub fn umask(text: &str) -> Result<u32, Unfit> {
    let digits = text.len() <= 4 && text.bytes().all(|b| matches!(b, b'0'..=b'7'));
    let mask = u32::from_str_radix(text, 8).ok().filter(|mask| digits && *mask <= 0o777);
    mask.ok_or_else(|| Unfit { must: UMASK.to_owned(), found: text.to_owned() })
}

/// What was written isn't a limit.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
pub enum LimitError {
    #[error("unknown limit '{name}' ({hint})")]
    Unknown { name: String, hint: String },
    #[error(transparent)]
    Size(#[from] SizeError),
    #[error("'{0}' is neither a whole number nor 'unlimited'")]
    Number(String),
    #[error("the soft limit is higher than the hard one, '{0}'")]
    Order(String),
}

/// The resource of this name.
pub fn resource(name: &str) -> Result<Resource, LimitError> {
    let found = Resource::NAMES.iter().find(|(_, known)| *known == name);
    found.map(|(resource, _)| *resource).ok_or_else(|| {
        let names = Resource::NAMES.map(|(_, name)| name);
        let hint = match nearest(name, names) {
            Some(near) => format!("did you mean '{near}'?"),
            None => format!("allowed: {}", names.join(", ")),
        };
        LimitError::Unknown { name: name.to_owned(), hint }
    })
}

/// `N`, `unlimited`, or `SOFT:HARD`; of what is counted in bytes also sizes.
pub fn rlimit(resource: Resource, text: &str) -> Result<Rlimit, LimitError> {
    let value = |text: &str| match text {
        "unlimited" => Ok(u64::MAX),
        text if in_bytes(resource) => parse_size(text).map_err(LimitError::Size),
        text => number(text).ok_or_else(|| LimitError::Number(text.to_owned())),
    };
    let (soft, hard) = text.split_once(':').unwrap_or((text, text));
    let limit = Rlimit { resource, soft: value(soft)?, hard: value(hard)? };
    if limit.soft > limit.hard { Err(LimitError::Order(text.to_owned())) } else { Ok(limit) }
}

/// Puts a limit to the others; the last of a resource counts.
pub fn add(limits: &mut Vec<Rlimit>, limit: Rlimit) {
    limits.retain(|other| other.resource != limit.resource);
    limits.push(limit);
    limits.shrink_to_fit();
}

fn number(text: &str) -> Option<u64> {
    // parse would take a sign; the highest number means "unlimited".
    text.parse().ok().filter(|number| text.bytes().all(|b| b.is_ascii_digit()) && *number < u64::MAX)
}

/// What setrlimit(2) counts in bytes.
fn in_bytes(resource: Resource) -> bool {
    use Resource::{As, Core, Cpu, Data, Fsize, Locks, Memlock, Msgqueue, Nice, Nofile};
    use Resource::{Nproc, Rss, Rtprio, Rttime, Sigpending, Stack};
    match resource {
        As | Core | Data | Fsize | Memlock | Msgqueue | Rss | Stack => true,
        Cpu | Locks | Nice | Nofile | Nproc | Rtprio | Rttime | Sigpending => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn umasks_are_octal() {
        for (text, mask) in [("0", 0), ("027", 0o27), ("0777", 0o777), ("7", 7)] {
            assert_eq!(umask(text), Ok(mask), "{text}");
        }
        for text in ["", "8", "1000", "00027", "+27", "-1", "0o27", "u=rwx", " 27"] {
            let error = umask(text).unwrap_err().to_string();
            assert_eq!(error, format!("must be an octal number from 000 to 777, such as \"027\", not '{text}'"));
        }
    }

    #[test]
    fn limits_are_soft_and_hard() {
        const NONE: u64 = u64::MAX;
        for (name, text, soft, hard) in [
            ("nofile", "64", 64, 64),
            ("nofile", "64:unlimited", 64, NONE),
            ("core", "unlimited", NONE, NONE),
            ("memlock", "1KiB:1MiB", 1 << 10, 1 << 20),
        ] {
            let resource = resource(name).unwrap();
            assert_eq!(rlimit(resource, text), Ok(Rlimit { resource, soft, hard }), "{name} {text}");
        }
        for (name, text, message) in [
            ("nofile", "", "'' is neither a whole number nor 'unlimited'"),
            ("nofile", "1KiB", "'1KiB' is neither a whole number nor 'unlimited'"),
            ("nofile", "1:", "'' is neither a whole number nor 'unlimited'"),
            ("nproc", "-1", "'-1' is neither a whole number nor 'unlimited'"),
            ("nproc", "18446744073709551615", "'18446744073709551615' is neither a whole number nor 'unlimited'"),
            ("core", "1K", "'1K' is not a size (such as 512KiB, 10MiB, 10MB; a bare number is bytes)"),
            ("core", "1:2:3", "'2:3' is not a size (such as 512KiB, 10MiB, 10MB; a bare number is bytes)"),
            ("nofile", "2:1", "the soft limit is higher than the hard one, '2:1'"),
        ] {
            assert_eq!(rlimit(resource(name).unwrap(), text).unwrap_err().to_string(), message);
        }
        assert_eq!(resource("nofiles").unwrap_err().to_string(), "unknown limit 'nofiles' (did you mean 'nofile'?)");
        assert!(
            resource("zzzzzzz").unwrap_err().to_string().starts_with("unknown limit 'zzzzzzz' (allowed: as, core,")
        );
    }
}
