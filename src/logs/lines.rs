//! Bytes → lines, however they were cut on their way. `runtime::outputs` has one [`Lines`] per stream.
//!
//! A line is never copied to be looked at: [`Pieces`] lends it out of the read buffer; only what has no newline
//! yet is kept. Where a line that is too long is cut depends on its bytes alone, not on how they came.

use memchr::{memchr, memrchr};
use std::time::Duration;

/// A line may grow to this many bytes before it comes in pieces (spec/logging.md).
pub const LONGEST: usize = 1 << 20;
/// What unfinished lines of all streams together may hold before [`LONGEST_CROWDED`] holds for each.
pub const CROWD: usize = 8 << 20;
/// [`LONGEST`] while the streams together hold more than [`CROWD`].
pub const LONGEST_CROWDED: usize = 64 << 10;
/// An unfinished line that got nothing for so long is shown as it is (a prompt, a progress bar).
pub const REST: Duration = Duration::from_secs(1);

/// What one stream has of a line that isn't finished.
#[derive(Debug, Default)]
pub struct Lines {
    kept: Vec<u8>,
    /// `kept` was put back unseen and may hold whole lines.
    unseen: bool,
}

/// A line, or a part of one that is too long: the bytes of `head` and then those of `tail`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Piece<'a> {
    pub head: &'a [u8],
    /// With its newline if the piece is `whole`.
    pub tail: &'a [u8],
    /// It ends the line. If not, the rest of the line is still to come.
    pub whole: bool,
}

impl<'a> Piece<'a> {
    /// Both parts without the newline.
    pub fn text(&self) -> (&'a [u8], &'a [u8]) {
        let end = self.tail.len().saturating_sub(usize::from(self.whole));
        (self.head, self.tail.get(..end).unwrap_or_default())
    }
}

/// The pieces that what was kept and a new chunk make together, in order. What is left over then is given to
/// [`Lines::keep`].
#[derive(Clone, Debug)]
pub struct Pieces<'a> {
    head: &'a [u8],
    chunk: &'a [u8],
    at: Mark,
    limit: usize,
}

/// How much of what was kept and of the chunk has become pieces.
#[derive(Clone, Copy, Debug, Default)]
pub struct Mark {
    head: usize,
    chunk: usize,
}

impl<'a> Pieces<'a> {
    /// How far it is.
    pub fn mark(&self) -> Mark {
        self.at
    }

    /// Goes back to where it was.
    pub fn back_to(&mut self, mark: Mark) {
        self.at = mark;
    }

    /// What is left of the chunk, if nothing that was kept comes before it and none of its lines can be too long:
    /// whoever finds whole lines at its front may [`Pieces::pass`] them.
    pub fn plain(&self) -> &'a [u8] {
        let (head, chunk) = self.rest();
        if head.is_empty() && chunk.len() <= self.limit { chunk } else { &[] }
    }

    /// Goes on behind that many bytes of the chunk.
    pub fn pass(&mut self, bytes: usize) {
        self.at.chunk += bytes;
    }

    /// All whole lines of the chunk at once as if they were one, where they are [`Pieces::plain`].
    pub fn whole_lines(&mut self) -> Option<Piece<'a>> {
        memrchr(b'\n', self.plain()).map(|end| self.take(end + 1, true))
    }

    fn rest(&self) -> (&'a [u8], &'a [u8]) {
        let head = self.head.get(self.at.head..).unwrap_or_default();
        (head, self.chunk.get(self.at.chunk..).unwrap_or_default())
    }

    /// The first `len` bytes of what is left of head and chunk together.
    fn take(&mut self, len: usize, whole: bool) -> Piece<'a> {
        let (head, chunk) = self.rest();
        let head = head.get(..len).unwrap_or(head);
        let tail = chunk.get(..len - head.len()).unwrap_or(chunk);
        self.at.head += head.len();
        self.at.chunk += tail.len();
        Piece { head, tail, whole }
    }

    /// Where to cut a line that is longer than the limit: there, or up to 3 bytes before if a UTF-8 character
    /// would be cut in two.
    fn cut(&self) -> usize {
        let (head, chunk) = self.rest();
        let byte = |at: usize| match at.checked_sub(head.len()) {
            None => head.get(at),
            Some(at) => chunk.get(at),
        };
        let continues = |at: usize| byte(at).is_some_and(|b| b & 0xc0 == 0x80);
        let before = (0..4).map(|back| self.limit.saturating_sub(back)).find(|at| !continues(*at));
        before.filter(|at| *at > 0).unwrap_or(self.limit)
    }
}

impl<'a> Iterator for Pieces<'a> {
    type Item = Piece<'a>;

    fn next(&mut self) -> Option<Piece<'a>> {
        let (head, chunk) = self.rest();
        match memchr(b'\n', chunk) {
            Some(end) if head.len() + end <= self.limit => Some(self.take(head.len() + end + 1, true)),
            None if head.len() + chunk.len() <= self.limit => None,
            _ => Some(self.take(self.cut(), false)),
        }
    }
}

impl Lines {
    /// Nothing kept.
    pub const fn new() -> Lines {
        Lines { kept: Vec::new(), unseen: false }
    }

    /// The pieces of what is kept and `chunk`, none longer than `limit` bytes (at least 4).
    pub fn pieces<'a>(&'a self, chunk: &'a [u8], limit: usize) -> Pieces<'a> {
        Pieces { head: &self.kept, chunk, at: Mark::default(), limit: limit.max(4) }
    }

    /// Keeps what of `chunk` [`Pieces`] hasn't come to. `unseen`: it stopped early and there may be lines in it.
    pub fn keep(&mut self, chunk: &[u8], done: Mark, unseen: bool) {
        let rest = chunk.get(done.chunk..).unwrap_or_default();
        if done.head >= self.kept.len() {
            // Nothing is held for a silent stream.
            self.kept = Vec::new();
        } else {
            self.kept.drain(..done.head);
        }
        if self.kept.capacity() - self.kept.len() < rest.len() {
            // Doubling, but not past the bound of a line.
            let wanted = self.kept.len() + rest.len();
            let room = (self.kept.len() * 2).clamp(wanted, wanted.max(LONGEST));
            self.kept.reserve_exact(room - self.kept.len());
        }
        self.kept.extend_from_slice(rest);
        self.unseen = unseen && !self.kept.is_empty();
    }

    /// What was put back unseen, to be looked at again as a chunk.
    pub fn take_unseen(&mut self) -> Option<Vec<u8>> {
        if self.unseen { Some(self.take()) } else { None }
    }

    /// What was kept, as it is: the line has rested, or its writer has ended.
    pub fn take(&mut self) -> Vec<u8> {
        self.unseen = false;
        std::mem::take(&mut self.kept)
    }

    /// Bytes that are kept.
    pub fn len(&self) -> usize {
        self.kept.len()
    }

    /// Whether nothing is kept.
    pub fn is_empty(&self) -> bool {
        self.kept.is_empty()
    }

    /// Whether the start of a line is kept, and only that.
    pub fn is_partial(&self) -> bool {
        !self.unseen && !self.kept.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// All pieces of `chunks` and what is kept at the end.
    fn run(chunks: &[&[u8]], limit: usize) -> (Vec<(Vec<u8>, bool)>, Vec<u8>) {
        let (mut lines, mut out) = (Lines::default(), Vec::new());
        for chunk in chunks {
            let mut pieces = lines.pieces(chunk, limit);
            for piece in &mut pieces {
                out.push(([piece.head, piece.tail].concat(), piece.whole));
            }
            let done = pieces.mark();
            lines.keep(chunk, done, false);
        }
        (out, lines.take())
    }

    #[test]
    fn every_chunking_gives_the_same_lines() {
        let text = "one\n\ntwo is longer than that\nä€😀ä€😀\n\nlast".as_bytes();
        for limit in [4, 5, 7, 16, 1000] {
            let whole = run(&[text], limit);
            for a in 0..=text.len() {
                for b in a..=text.len() {
                    assert_eq!(run(&[&text[..a], &text[a..b], &text[b..]], limit), whole, "{limit} {a} {b}");
                }
            }
            let bytes: Vec<&[u8]> = text.chunks(1).collect();
            assert_eq!(run(&bytes, limit), whole);
            let joined: Vec<u8> = whole.0.iter().flat_map(|(piece, _)| piece.clone()).chain(whole.1).collect();
            assert_eq!(joined, text);
        }
    }

    #[test]
    fn lines_are_what_newlines_end() {
        let (lines, kept) = run(&[b"a\n\nbc", b"d\ne"], 100);
        let lines: Vec<_> = lines.iter().map(|(line, whole)| (line.as_slice(), *whole)).collect();
        assert_eq!(lines, [(&b"a\n"[..], true), (b"\n", true), (b"bcd\n", true)]);
        assert_eq!(kept, b"e");
    }

    #[test]
    fn a_long_line_comes_in_pieces_between_characters() {
        let (pieces, kept) = run(&["aaaaaaa€b\n".as_bytes(), b"12345678\n123456789"], 8);
        let pieces: Vec<_> = pieces.iter().map(|(p, whole)| (std::str::from_utf8(p).unwrap(), *whole)).collect();
        assert_eq!(pieces, [("aaaaaaa", false), ("€b\n", true), ("12345678\n", true), ("12345678", false)]);
        assert_eq!(kept, b"9");
    }

    #[test]
    fn bytes_that_are_no_text_are_cut_at_the_limit() {
        let (pieces, kept) = run(&[&[0x80; 20]], 8);
        assert_eq!(pieces, [(vec![0x80; 8], false), (vec![0x80; 8], false)]);
        assert_eq!(kept, [0x80; 4]);
    }

    #[test]
    fn a_limit_that_shrank_cuts_what_was_kept() {
        let mut lines = Lines::default();
        let done = lines.pieces(b"0123456789", 100).mark();
        lines.keep(b"0123456789", done, false);
        let mut pieces = lines.pieces(b"abc\n", 4);
        let texts: Vec<_> = (&mut pieces).map(|p| [p.text().0, p.text().1].concat()).collect();
        assert_eq!(texts, [&b"0123"[..], b"4567", b"89abc".get(..4).unwrap(), b"c"]);
        let done = pieces.mark();
        lines.keep(b"abc\n", done, false);
        assert!(lines.is_empty());
    }

    #[test]
    fn whole_lines_can_be_had_at_once() {
        let lines = Lines::default();
        let mut pieces = lines.pieces(b"a\nb\nc", 100);
        assert_eq!(pieces.whole_lines().map(|p| p.tail), Some(&b"a\nb\n"[..]));
        assert_eq!((pieces.whole_lines(), pieces.next()), (None, None));
        assert_eq!(lines.pieces(b"a\nb\nc", 4).whole_lines(), None);
    }

    #[test]
    fn what_was_put_back_unseen_is_seen_again() {
        let mut lines = Lines::default();
        let mut pieces = lines.pieces(b"a\nb\nc", 100);
        assert_eq!(pieces.next().map(|p| p.tail), Some(&b"a\n"[..]));
        let done = pieces.mark();
        lines.keep(b"a\nb\nc", done, true);
        assert!(!lines.is_partial());
        assert_eq!(lines.take_unseen(), Some(b"b\nc".to_vec()));
        assert_eq!((lines.take_unseen(), lines.len()), (None, 0));
    }

    #[test]
    fn growth_stays_within_the_bound() {
        let mut lines = Lines::default();
        let chunk = [b'x'; 60_000];
        for _ in 0..(LONGEST / chunk.len()) {
            let done = lines.pieces(&chunk, LONGEST).mark();
            lines.keep(&chunk, done, false);
        }
        assert!(lines.len() > LONGEST - chunk.len() && lines.kept.capacity() <= LONGEST);
    }
}
