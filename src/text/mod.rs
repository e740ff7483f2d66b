//! Text as people write it, with the places in it: used by every reader, knows nothing of what is read.

pub mod near;
