//! Text as people write it, with the places in it: used by every reader, knows nothing of what is read.

pub mod diagnostic;
pub mod index;
pub mod json;
pub mod near;
pub mod source;
pub mod words;
