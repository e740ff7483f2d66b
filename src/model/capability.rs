//! Names of capabilities (capabilities(7)), in the kernel's order: a capability's number is its place.

use crate::text::near::nearest;
use std::fmt;

/// Without `CAP_`, lower case.
pub const NAMES: [&str; 41] = [
    "chown",
    "dac_override",
    "dac_read_search",
    "fowner",
    "fsetid",
    "kill",
    "setgid",
    "setuid",
    "setpcap",
    "linux_immutable",
    "net_bind_service",
    "net_broadcast",
    "net_admin",
    "net_raw",
    "ipc_lock",
    "ipc_owner",
    "sys_module",
    "sys_rawio",
    "sys_chroot",
    "sys_ptrace",
    "sys_pacct",
    "sys_admin",
    "sys_boot",
    "sys_nice",
    "sys_resource",
    "sys_time",
    "sys_tty_config",
    "mknod",
    "lease",
    "audit_write",
    "audit_control",
    "setfcap",
    "mac_override",
    "mac_admin",
    "syslog",
    "wake_alarm",
    "block_suspend",
    "audit_read",
    "perfmon",
    "bpf",
    "checkpoint_restore",
];

/// A name that no capability has.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
#[error("unknown capability '{name}'{hint}")]
pub struct UnknownCapability {
    name: String,
    hint: String,
}

/// Some of them, a bit each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Capabilities(pub u64);

impl Capabilities {
    /// The one of this name, with or without `CAP_`, in whatever case.
    pub fn parse(name: &str) -> Result<Capabilities, UnknownCapability> {
        Capabilities::named(name).ok_or_else(|| {
            let lower = name.to_ascii_lowercase();
            let near = nearest(lower.strip_prefix("cap_").unwrap_or(&lower), NAMES);
            let hint = near.map(|near| format!(" (did you mean '{near}'?)")).unwrap_or_default();
            UnknownCapability { name: name.to_owned(), hint }
        })
    }

    /// The same, without words for what isn't one.
    pub fn named(name: &str) -> Option<Capabilities> {
        let bare = match name.get(..4) {
            Some(prefix) if prefix.eq_ignore_ascii_case("cap_") => name.get(4..).unwrap_or_default(),
            _ => name,
        };
        NAMES.iter().position(|known| known.eq_ignore_ascii_case(bare)).map(|number| Capabilities(1 << number))
    }
}

/// `CAP_CHOWN, CAP_KILL`.
impl fmt::Display for Capabilities {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut between = "";
        for (number, name) in NAMES.iter().enumerate() {
            if self.0 >> number & 1 != 0 {
                write!(f, "{between}CAP_{}", name.to_ascii_uppercase())?;
                between = ", ";
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_in_every_spelling() {
        for name in ["net_bind_service", "CAP_NET_BIND_SERVICE", "cap_Net_Bind_Service"] {
            assert_eq!(Capabilities::named(name), Some(Capabilities(1 << 10)), "{name}");
        }
        assert_eq!(Capabilities::named("checkpoint_restore"), Some(Capabilities(1 << 40)));
        for name in ["", "cap_", "cap", "CAP_CAP_CHOWN", "chown ", "all", "Ünix"] {
            assert_eq!(Capabilities::named(name), None, "{name}");
        }
        let unknown = Capabilities::parse("CAP_CHOWM").unwrap_err().to_string();
        assert_eq!(unknown, "unknown capability 'CAP_CHOWM' (did you mean 'chown'?)");
    }

    #[test]
    fn they_are_spoken_in_the_kernels_order() {
        assert_eq!(Capabilities(1 << 5 | 1).to_string(), "CAP_CHOWN, CAP_KILL");
        assert_eq!(Capabilities(0).to_string(), "");
    }
}
