//! The three clocks, read together once a turn of the loop.

use crate::model::moment::{Boot, Mono, Now, Wall};
use rustix::time::{ClockId, Timespec, clock_gettime};

/// All clocks at this moment.
pub fn now() -> Now {
    Now {
        mono: mono(),
        boot: Boot::from_nanos(nanos(clock_gettime(ClockId::Boottime)).unsigned_abs()),
        wall: Wall::from_nanos(nanos(clock_gettime(ClockId::Realtime))),
    }
}

/// CLOCK_MONOTONIC alone.
pub fn mono() -> Mono {
    Mono::from_nanos(nanos(clock_gettime(ClockId::Monotonic)).unsigned_abs())
}

fn nanos(time: Timespec) -> i64 {
    time.tv_sec.saturating_mul(1_000_000_000).saturating_add(time.tv_nsec)
}
