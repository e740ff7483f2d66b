//! The strings that the kernel is given at an exec, all in one piece of memory: a start makes dozens, and one of them
//! at a time is what an allocator takes long for.

use memchr::memchr;
use std::ffi::CStr;
use std::fmt;

/// Strings that end in NUL, in order.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Strings {
    bytes: Vec<u8>,
    /// Behind each one's NUL.
    ends: Vec<usize>,
}

/// A string of the kernel's can't hold a NUL.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Nul;

impl Strings {
    /// With room for `count` strings of `bytes` bytes together, their ends included.
    pub fn with_capacity(count: usize, bytes: usize) -> Strings {
        Strings { bytes: Vec::with_capacity(bytes), ends: Vec::with_capacity(count) }
    }

    /// Adds one, made of these parts.
    pub fn push(&mut self, parts: &[&[u8]]) -> Result<(), Nul> {
        if parts.iter().any(|part| memchr(0, part).is_some()) {
            return Err(Nul);
        }
        parts.iter().for_each(|part| self.bytes.extend_from_slice(part));
        self.bytes.push(0);
        self.ends.push(self.bytes.len());
        Ok(())
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// The one at this place.
    pub fn get(&self, place: usize) -> Option<&CStr> {
        CStr::from_bytes_with_nul(self.with_end(place)?).ok()
    }

    /// The same with its NUL, not looked through.
    pub fn with_end(&self, place: usize) -> Option<&[u8]> {
        let start = place.checked_sub(1).and_then(|before| self.ends.get(before)).copied().unwrap_or(0);
        self.bytes.get(start..*self.ends.get(place)?)
    }

    /// The first.
    pub fn first(&self) -> Option<&CStr> {
        self.get(0)
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = &CStr> {
        (0..self.len()).filter_map(|place| self.get(place))
    }
}

impl fmt::Debug for Strings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_become_one_string_and_keep_their_order() {
        let mut strings = Strings::with_capacity(1, 1);
        assert!(strings.is_empty() && strings.first().is_none());
        strings.push(&[b"PATH", b"=", b"/bin"]).unwrap();
        strings.push(&[]).unwrap();
        strings.push(&[b"\xff"]).unwrap();
        assert_eq!(strings.iter().collect::<Vec<_>>(), [c"PATH=/bin", c"", c"\xff"]);
        assert_eq!((strings.len(), strings.get(2), strings.get(3)), (3, Some(c"\xff"), None));
        assert_eq!(format!("{strings:?}"), r#"["PATH=/bin", "", "\xff"]"#);
    }

    #[test]
    fn one_with_a_nul_is_refused_and_leaves_nothing() {
        let mut strings = Strings::default();
        assert_eq!(strings.push(&[b"A=", b"1\02"]), Err(Nul));
        assert!(strings.is_empty());
        strings.push(&[b"B"]).unwrap();
        assert_eq!(strings.first(), Some(c"B"));
    }
}
