//! What a user should know meanwhile, on stderr. A log reader that is stuck is no reason for the daemon to miss a
//! signal, or for anybody to wait for the end: what can't be written now is tried again at the next event, and is
//! dropped a moment after the end.

use crate::sys::stdio::{self, PIECE};
use rustix::io::Errno;
use std::time::Duration;

/// Kept of what couldn't be written yet; lines that come when it is full are lost.
const KEPT: usize = 4 * PIECE;

/// How messages are said.
pub(super) struct Voice<'a> {
    /// Makes a text a line.
    sign: &'a dyn Fn(&str) -> String,
    kept: Vec<u8>,
}

impl<'a> Voice<'a> {
    pub(super) fn new(sign: &'a dyn Fn(&str) -> String) -> Voice<'a> {
        Voice { sign, kept: Vec::new() }
    }

    /// Says this, as soon as that can be done without waiting.
    pub(super) fn say(&mut self, text: &str) {
        let line = (self.sign)(text);
        if self.kept.len() + line.len() <= KEPT {
            self.kept.extend_from_slice(line.as_bytes());
        }
        self.go_on();
    }

    /// Says what is left to say, and gives up soon.
    pub(super) fn end(&mut self) {
        self.go_on();
        stdio::err_within(&String::from_utf8_lossy(&self.kept), LAST);
        self.kept.clear();
    }

    /// Writes what was kept, as far as that goes now.
    pub(super) fn go_on(&mut self) {
        while !self.kept.is_empty() {
            match stdio::err_now(piece(&self.kept)) {
                Ok(count) => drop(self.kept.drain(..count.min(self.kept.len()))),
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => return,
                // There is nobody left to tell.
                Err(_) => self.kept.clear(),
            }
        }
    }
}

/// How long the last words may take: a reader that is only slow has them, one that is stuck holds nobody up.
const LAST: Duration = Duration::from_millis(100);

/// Whole lines, if one of them fits.
fn piece(kept: &[u8]) -> &[u8] {
    let most = kept.get(..PIECE).unwrap_or(kept);
    let end = most.iter().rposition(|byte| *byte == b'\n').map_or(most.len(), |at| at + 1);
    most.get(..end).unwrap_or(most)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_piece_is_whole_lines() {
        assert_eq!(piece(b"one\ntwo\nthr"), b"one\ntwo\n");
        assert_eq!(piece(b"one"), b"one");
        let long = [b'x'; PIECE + 1];
        assert_eq!(piece(&long).len(), PIECE);
    }
}
