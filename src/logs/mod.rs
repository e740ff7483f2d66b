//! How lines look: bytes become lines, lines get a name, a time, a colour. Pure; `runtime::outputs` moves them.

pub mod lines;
pub mod search;
pub mod stamp;
pub mod time;
