//! The binary's allocator: the first few kilobytes come from the program's own data, all else from the C library.
//!
//! `wmexec` needs no more than those. musl gives each size of allocation a mapping of its own, and a mapping is a system
//! call and two page faults: a third of what becoming another user takes.
//!
//! Unsafe: `GlobalAlloc` is, and memory that is handed out.
#![allow(unsafe_code)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::UnsafeCell;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed};

/// Two pages: what `wmexec --user` takes with an ordinary environment and small account files. All that init ever loses.
const SIZE: usize = 8 * 1024;
/// Every piece begins at a multiple of this; what wants a larger one is the C library's.
const ALIGN: usize = 16;

/// What is handed out piece by piece; only the last piece can be given back or grow.
///
/// Who takes what another thread has given back must come behind all that that one wrote there: `used` is given back
/// with Release (in AcqRel) and taken with Acquire.
#[repr(align(16))]
struct Pieces(UnsafeCell<[u8; SIZE]>);

/// The allocator.
pub struct Heap {
    pieces: Pieces,
    /// How much is handed out.
    used: AtomicUsize,
}

// SAFETY: a byte belongs to whom it was handed out to; `used` hands none out twice, and orders its owners.
unsafe impl Sync for Heap {}

impl Heap {
    /// With nothing handed out.
    pub const fn new() -> Heap {
        Heap { pieces: Pieces(UnsafeCell::new([0; SIZE])), used: AtomicUsize::new(0) }
    }

    fn take(&self, size: usize) -> Option<*mut u8> {
        let place = |used: usize| used.checked_add(size)?.checked_next_multiple_of(ALIGN).filter(|end| *end <= SIZE);
        let begin = self.used.fetch_update(Acquire, Relaxed, place).ok()?;
        Some(self.pieces.0.get().cast::<u8>().wrapping_add(begin))
    }

    /// Where a pointer lies among the pieces.
    fn place(&self, pointer: *mut u8) -> Option<usize> {
        let place = pointer.addr().wrapping_sub(self.pieces.0.get().addr());
        (place < SIZE).then_some(place)
    }

    /// The last piece becomes as large as this; whether it is the last, and there is room.
    fn resize(&self, place: usize, old: usize, new: usize) -> bool {
        let end = |size: usize| place.checked_add(size)?.checked_next_multiple_of(ALIGN).filter(|end| *end <= SIZE);
        let (Some(old), Some(new)) = (end(old), end(new)) else { return false };
        self.used.compare_exchange(old, new, AcqRel, Relaxed).is_ok()
    }
}

impl Default for Heap {
    fn default() -> Heap {
        Heap::new()
    }
}

// SAFETY: pieces don't overlap, are aligned to 16 and as large as was asked for; everything else is System's.
unsafe impl GlobalAlloc for Heap {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let piece = if layout.align() <= ALIGN { self.take(layout.size()) } else { None };
        // SAFETY: our caller's promises are System's.
        piece.unwrap_or_else(|| unsafe { System.alloc(layout) })
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        if layout.align() <= ALIGN {
            if let Some(piece) = self.take(layout.size()) {
                // SAFETY: it is ours, of that size; a piece that was given back isn't zero any more.
                unsafe { piece.write_bytes(0, layout.size()) };
                return piece;
            }
        }
        // SAFETY: as above. Fresh pages are zero already, which System knows.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        match self.place(pointer) {
            Some(place) => _ = self.resize(place, layout.size(), 0),
            // SAFETY: it came from System.
            None => unsafe { System.dealloc(pointer, layout) },
        }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        let Some(place) = self.place(pointer) else {
            // SAFETY: it came from System.
            return unsafe { System.realloc(pointer, layout, size) };
        };
        if self.resize(place, layout.size(), size) || size <= layout.size() {
            return pointer;
        }
        // SAFETY: the alignment was good before, the size is our caller's promise; both are at least `layout.size()`
        // large, and the new one is nobody else's.
        unsafe {
            let new = self.alloc(Layout::from_size_align_unchecked(size, layout.align()));
            if !new.is_null() {
                pointer.copy_to_nonoverlapping(new, layout.size());
                self.dealloc(pointer, layout);
            }
            new
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::thread;

    /// A block with a pattern of its own, which nobody else may write over.
    struct Block {
        pointer: *mut u8,
        layout: Layout,
        pattern: u8,
    }

    impl Block {
        fn new(heap: &Heap, size: usize, align: usize, pattern: u8) -> Block {
            let layout = Layout::from_size_align(size, align).unwrap();
            // SAFETY: the size isn't 0.
            let zeroed = unsafe { heap.alloc_zeroed(layout) };
            let block = Block { pointer: zeroed, layout, pattern: 0 };
            assert!(block.is_intact() && zeroed.addr() % align == 0);
            block.patterned(pattern)
        }

        fn patterned(mut self, pattern: u8) -> Block {
            self.pattern = pattern;
            // SAFETY: it is that large.
            unsafe { self.pointer.write_bytes(pattern, self.layout.size()) };
            self
        }

        fn is_intact(&self) -> bool {
            // SAFETY: as above.
            (0..self.layout.size()).all(|at| unsafe { *self.pointer.add(at) } == self.pattern)
        }

        fn resized(mut self, heap: &Heap, size: usize) -> Block {
            let kept = self.layout.size().min(size);
            // SAFETY: it came from this heap, by this layout.
            self.pointer = unsafe { heap.realloc(self.pointer, self.layout, size) };
            self.layout = Layout::from_size_align(kept, self.layout.align()).unwrap();
            assert!(self.is_intact(), "what it held is kept");
            self.layout = Layout::from_size_align(size, self.layout.align()).unwrap();
            let pattern = self.pattern;
            self.patterned(pattern)
        }

        fn free(self, heap: &Heap) {
            assert!(self.is_intact());
            // SAFETY: it came from this heap, by this layout.
            unsafe { heap.dealloc(self.pointer, self.layout) };
        }
    }

    /// A seeded walk: nobody's bytes change, whatever is taken, resized and given back in whatever order.
    fn walk(heap: &Heap, mut seed: u64) {
        let mut random = |bound: usize| {
            seed ^= seed << 13;
            seed ^= seed >> 7;
            seed ^= seed << 17;
            (seed % bound as u64) as usize
        };
        let mut blocks: Vec<Block> = Vec::new();
        for turn in 0..600_usize {
            match random(3) {
                0 => blocks.push(Block::new(heap, 1 + random(2_000), 1 << random(7), turn as u8)),
                1 if !blocks.is_empty() => {
                    let block = blocks.swap_remove(random(blocks.len()));
                    blocks.push(block.resized(heap, 1 + random(4_000)));
                }
                _ if !blocks.is_empty() => {
                    // Often the last: that one is given back.
                    let which = if random(2) == 0 { blocks.len() - 1 } else { random(blocks.len()) };
                    blocks.remove(which).free(heap);
                }
                _ => {}
            }
            assert!(turn % 8 != 0 || blocks.iter().all(Block::is_intact));
            assert!(heap.used.load(Relaxed) <= SIZE);
        }
        blocks.into_iter().for_each(|block| block.free(heap));
    }

    #[test]
    fn nobodys_bytes_change() {
        for seed in [1, 0x9e37_79b9, 0x2545_f491_4f6c_dd1d] {
            walk(&Heap::new(), seed);
        }
        let heap = Heap::new();
        thread::scope(|scope| {
            for seed in 1..4 {
                let heap = &heap;
                scope.spawn(move || walk(heap, seed * 0x9e37_79b9));
            }
        });
    }

    #[test]
    fn the_last_piece_grows_and_is_given_back() {
        let heap = Heap::new();
        let first = Block::new(&heap, 100, 8, 1);
        let begin = first.pointer;
        let first = first.resized(&heap, 1000).resized(&heap, 50).resized(&heap, 700);
        assert_eq!((first.pointer, heap.used.load(Relaxed)), (begin, 704));
        let second = Block::new(&heap, 32, 8, 2);
        let first = first.resized(&heap, 701);
        assert_ne!(first.pointer, begin, "another one lies behind it");
        first.free(&heap);
        second.free(&heap);
        assert_eq!(heap.used.load(Relaxed), 704, "all but what wasn't the last when it was given back");
    }

    #[test]
    fn what_does_not_fit_is_the_c_librarys() {
        let heap = Heap::new();
        for (size, align) in [(SIZE + 1, 8), (64, 32), (64, 4096)] {
            let block = Block::new(&heap, size, align, 7);
            assert_eq!(heap.place(block.pointer), None);
            block.resized(&heap, size * 2).free(&heap);
        }
        assert_eq!(heap.used.load(Relaxed), 0);
        let all = Block::new(&heap, SIZE, 16, 1);
        assert_eq!(heap.place(all.pointer), Some(0));
        let more = Block::new(&heap, 1, 1, 2);
        assert_eq!(heap.place(more.pointer), None);
        more.free(&heap);
        all.free(&heap);
        assert_eq!(heap.used.load(Relaxed), 0);
    }
}
