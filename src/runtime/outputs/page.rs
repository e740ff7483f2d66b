//! What is written at once: many lines, of which short ones are copied together and long ones lent out of the read
//! buffer. The kernel takes about 25 ns for a slice of writev(2), in which a third of a kilobyte is copied.

use memchr::memchr_iter;
use std::io::IoSlice;

/// Up to this length copying is cheaper than lending.
const COPIED: usize = 384;
/// Slices that writev(2) takes at most (IOV_MAX); each that is lent has one of copied text before it.
const LENT: usize = 1024 / 2 - 1;

/// Text that was copied, with what was lent in between.
#[derive(Debug, Default)]
pub struct Page<'a> {
    /// To be appended to for what has to be made.
    pub text: Vec<u8>,
    /// Each with its place in the text.
    lent: Vec<(usize, &'a [u8])>,
    lent_bytes: usize,
}

/// A place on a page to go back to.
#[derive(Clone, Copy, Debug)]
pub struct Place {
    text: usize,
    lent: usize,
    lent_bytes: usize,
}

impl Place {
    /// Whether there is nothing before it.
    pub fn is_start(self) -> bool {
        self.text + self.lent == 0
    }
}

impl<'a> Page<'a> {
    /// An empty page in this memory.
    pub fn new(mut text: Vec<u8>) -> Page<'a> {
        text.clear();
        Page { text, lent: Vec::new(), lent_bytes: 0 }
    }

    /// The memory, for the next page.
    pub fn into_text(self) -> Vec<u8> {
        self.text
    }

    /// Adds bytes, by copy or by loan.
    pub fn add(&mut self, bytes: &'a [u8]) {
        if bytes.len() <= COPIED {
            self.text.extend_from_slice(bytes);
        } else {
            self.lent.push((self.text.len(), bytes));
            self.lent_bytes += bytes.len();
        }
    }

    /// Copies short lines from the front of `chunk`, each behind `before`, as long as the page has at most `most`
    /// bytes. Gives the bytes of the chunk that are on it. This is where nearly all lines go: it is to be fast.
    pub fn add_lines(&mut self, before: &[u8], chunk: &[u8], most: usize) -> usize {
        let mut room = most.saturating_sub(self.len());
        self.text.reserve(room.min(chunk.len() * 2));
        let mut done = 0;
        for end in memchr_iter(b'\n', chunk) {
            let line = chunk.get(done..=end).unwrap_or_default();
            let size = before.len() + line.len();
            if size > room || line.len() > COPIED {
                break;
            }
            self.text.extend_from_slice(before);
            self.text.extend_from_slice(line);
            room -= size;
            done = end + 1;
        }
        done
    }

    /// Bytes on it.
    pub fn len(&self) -> usize {
        self.text.len() + self.lent_bytes
    }

    /// Whether there is nothing on it.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether a line (of two loans at most) has no place on it any more.
    pub fn is_full(&self) -> bool {
        self.lent.len() + 2 > LENT
    }

    /// Takes everything off.
    pub fn clear(&mut self) {
        self.back_to(Place { text: 0, lent: 0, lent_bytes: 0 });
    }

    /// Where it ends now.
    pub fn place(&self) -> Place {
        Place { text: self.text.len(), lent: self.lent.len(), lent_bytes: self.lent_bytes }
    }

    /// Takes off what came after that place.
    pub fn back_to(&mut self, place: Place) {
        self.text.truncate(place.text);
        self.lent.truncate(place.lent);
        self.lent_bytes = place.lent_bytes;
    }

    /// All of it, in order.
    pub fn slices(&self) -> Vec<IoSlice<'_>> {
        let mut slices = Vec::with_capacity(self.lent.len() * 2 + 1);
        let mut from = 0;
        for (at, lent) in self.lent.iter().chain([&(self.text.len(), &[][..])]) {
            for bytes in [self.text.get(from..*at).unwrap_or_default(), lent] {
                if !bytes.is_empty() {
                    slices.push(IoSlice::new(bytes));
                }
            }
            from = *at;
        }
        slices
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn joined(page: &Page<'_>) -> Vec<u8> {
        page.slices().iter().flat_map(|slice| slice.to_vec()).collect()
    }

    #[test]
    fn short_and_long_keep_their_order() {
        let long = [b'l'; COPIED + 1];
        let mut page = Page::default();
        assert!(page.slices().is_empty() && page.is_empty());
        page.add(b"one ");
        page.add(&long);
        page.add(&long);
        page.add(b" two");
        let place = page.place();
        page.add(b"three");
        page.add(&long);
        page.back_to(place);
        assert_eq!(joined(&page), [b"one ".as_slice(), &long, &long, b" two"].concat());
        assert_eq!((page.len(), page.slices().len()), (8 + 2 * long.len(), 4));
    }

    #[test]
    fn lines_are_copied_until_one_is_long_or_the_page_full() {
        let mut page = Page::default();
        assert_eq!(page.add_lines(b"w| ", b"a\n\nbc\nd", 100), 6);
        assert_eq!(joined(&page), b"w| a\nw| \nw| bc\n");
        assert_eq!(page.add_lines(b"w| ", b"a\nb\nc\n", page.len() + 14), 4);
        let long = [&[b'l'; COPIED], &b"\nb\n"[..]].concat();
        assert_eq!(page.add_lines(b"", &long, 9000), 0);
    }

    #[test]
    fn the_kernel_takes_a_full_page_at_once() {
        let long = [b'l'; COPIED + 1];
        let mut page = Page::default();
        while !page.is_full() {
            page.add(b"a");
            page.add(&long);
            page.add(&long);
        }
        page.add(b"z");
        assert!(page.slices().len() <= 1024);
    }
}
