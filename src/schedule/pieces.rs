//! Parts of a schedule's text that know where they stand: what `fields` reads, and what its faults point at.

/// A part of the text that knows its place in it.
#[derive(Clone, Copy)]
pub(super) struct Piece<'a> {
    pub(super) text: &'a str,
    /// In bytes.
    pub(super) at: usize,
}

impl<'a> Piece<'a> {
    pub(super) fn end(self) -> usize {
        self.at + self.text.len()
    }

    /// By bytes, for ten thousand lines are read at start; `by` is ASCII, so it never splits a character.
    pub(super) fn split_once(self, by: u8) -> Option<(Piece<'a>, Piece<'a>)> {
        let place = self.text.bytes().position(|b| b == by)?;
        let (before, behind) = (self.text.get(..place)?, self.text.get(place + 1..)?);
        Some((Piece { text: before, at: self.at }, Piece { text: behind, at: self.at + place + 1 }))
    }

    /// Without this last letter, in whichever case.
    pub(super) fn strip_suffix(self, letter: char) -> Option<Piece<'a>> {
        let text = self.text.strip_suffix(|c: char| c.eq_ignore_ascii_case(&letter))?;
        Some(Piece { text, at: self.at })
    }

    pub(super) fn is(self, word: &str) -> bool {
        self.text.eq_ignore_ascii_case(word)
    }

    pub(super) fn is_number(self) -> bool {
        !self.text.is_empty() && self.text.bytes().all(|b| b.is_ascii_digit())
    }

    /// The number that it is; one that is far out of any range is just that.
    pub(super) fn number(self) -> Option<u32> {
        let add = |sum: u32, b: u8| sum.saturating_mul(10).saturating_add(u32::from(b - b'0'));
        self.is_number().then(|| self.text.bytes().fold(0, add))
    }
}

/// Words between blanks.
pub(super) fn words(text: &str) -> impl Iterator<Item = Piece<'_>> {
    let mut at = 0;
    std::iter::from_fn(move || {
        let rest = text.as_bytes().get(at..)?;
        let start = at + rest.iter().position(|b| !b.is_ascii_whitespace())?;
        let rest = text.as_bytes().get(start..)?;
        at = start + rest.iter().position(u8::is_ascii_whitespace).unwrap_or(rest.len());
        text.get(start..at).map(|text| Piece { text, at: start })
    })
}
