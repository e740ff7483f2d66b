//! A text that is looked for in a stream (`ready: {log: …}`), however its bytes are cut on their way. The text has no
//! newline, so that what holds it is one line.

use memchr::memchr_iter;

/// One text that hasn't been seen yet.
#[derive(Debug)]
pub struct Search {
    text: Box<[u8]>,
    /// What comes before this position of the stream is an earlier life's.
    from: u64,
    /// The last bytes before the chunk that comes next: one less than the text has.
    tail: Vec<u8>,
}

impl Search {
    /// For a text that is to come at `from` or behind it.
    pub fn new(text: &str, from: u64) -> Search {
        Search { text: text.as_bytes().into(), from, tail: Vec::new() }
    }

    /// Whether the text is complete with this chunk, which lies at position `at`.
    pub fn meets(&mut self, at: u64, chunk: &[u8]) -> bool {
        let early = usize::try_from(self.from.saturating_sub(at)).unwrap_or(usize::MAX);
        let Some(chunk) = chunk.get(early..) else { return false };
        let most = self.text.len().saturating_sub(1);
        let mut joint = std::mem::take(&mut self.tail);
        joint.extend_from_slice(chunk.get(..most).unwrap_or(chunk));
        if holds(&joint, &self.text) || holds(chunk, &self.text) {
            return true;
        }
        self.tail = match chunk.len().checked_sub(most) {
            Some(start) => chunk.get(start..).unwrap_or_default().to_vec(),
            None => joint.split_off(joint.len().saturating_sub(most)),
        };
        false
    }
}

fn holds(bytes: &[u8], text: &[u8]) -> bool {
    let Some(first) = text.first() else { return !bytes.is_empty() };
    memchr_iter(*first, bytes).any(|at| bytes.get(at..).is_some_and(|rest| rest.starts_with(text)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_found_however_it_is_cut() {
        let stream = b"one\ntwo reready for\nready\n";
        let end = 15;
        assert_eq!(&stream[end - 7..end], b"reready");
        for size in 1..=stream.len() {
            let mut search = Search::new("ready", 0);
            let chunks: Vec<&[u8]> = stream.chunks(size).collect();
            let met = chunks.iter().enumerate().position(|(n, chunk)| search.meets((n * size) as u64, chunk));
            assert_eq!(met, Some((end - 1) / size), "chunks of {size}");
        }
    }

    #[test]
    fn what_an_earlier_life_wrote_does_not_count() {
        let mut search = Search::new("ready", 8);
        assert!(!search.meets(0, b"rea"));
        assert!(!search.meets(3, b"dy\nready\n"), "its first letters are the earlier life's");
        assert!(!search.meets(12, b"rea"));
        assert!(search.meets(15, b"dy"));
    }

    #[test]
    fn a_single_letter_and_no_text_at_all() {
        assert!(!Search::new("x", 0).meets(0, b"abc"));
        assert!(Search::new("x", 0).meets(0, b"abx"));
        assert!(!Search::new("", 0).meets(0, b""));
        assert!(Search::new("", 0).meets(0, b"a"));
    }
}
