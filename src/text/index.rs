//! Numbers by word, where there may be ten thousand words in any order: names, keys, schedules.

use std::borrow::Cow;
use std::collections::HashMap;

/// Exactly the kind of map that saphyr-parser has, so that both are the same code; each other kind of map costs
/// kilobytes. What a number means is the owner's business: a place in a list, a line.
pub type Index<'a> = HashMap<Cow<'a, str>, usize>;
