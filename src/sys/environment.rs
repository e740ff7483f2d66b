//! This process's environment as it was started with, not copied: nobody here ever changes it.
//!
//! Unsafe: the C library's `environ`. std makes two allocations of each variable, which is most of what starting
//! another program by `wmexec` would take.
#![allow(unsafe_code)]

use crate::launch::environment::Lent;
use memchr::memchr;
use std::ffi::{CStr, OsStr, c_char};
use std::os::unix::ffi::OsStrExt;

unsafe extern "C" {
    static environ: *const *const c_char;
}

/// Every variable, in order; what has no `=` behind its first character is none, as for std.
pub fn found() -> Vec<Lent<'static>> {
    // SAFETY: a vector of strings that ends in a null pointer, or null itself (clearenv(3)). It lives and stays the same
    // as long as this process, which calls neither setenv(3) nor putenv(3) nor std's own `set_var` (unsafe for that).
    let strings = unsafe {
        let count = if environ.is_null() { 0 } else { (0..).take_while(|at| !(*environ.add(*at)).is_null()).count() };
        (0..count).map(|at| CStr::from_ptr::<'static>(*environ.add(at)))
    };
    let mut variables = Vec::with_capacity(strings.len());
    variables.extend(strings.filter_map(|string| split(string.to_bytes())));
    variables
}

fn split(line: &'static [u8]) -> Option<Lent<'static>> {
    let equals = memchr(b'=', line.get(1..)?)? + 1;
    Some((OsStr::from_bytes(line.get(..equals)?), OsStr::from_bytes(line.get(equals + 1..)?)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_what_std_finds() {
        let theirs: Vec<_> = std::env::vars_os().collect();
        let ours: Vec<_> = found().into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        assert!(ours.iter().any(|(name, _)| name == "PATH"));
        assert_eq!(ours, theirs);
    }

    #[test]
    fn a_variable_has_a_name_and_a_value() {
        let told = |line: &'static str| split(line.as_bytes()).map(|(name, value)| (name.to_str(), value.to_str()));
        assert_eq!(told("A=1"), Some((Some("A"), Some("1"))));
        assert_eq!(told("A="), Some((Some("A"), Some(""))));
        assert_eq!(told("A=b=c"), Some((Some("A"), Some("b=c"))));
        assert_eq!(told("=A=1"), Some((Some("=A"), Some("1"))));
        for none in ["", "A", "=", "=A"] {
            assert_eq!(told(none), None, "{none}");
        }
    }
}
