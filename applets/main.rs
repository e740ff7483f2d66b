//! The one binary: `argv[0]` or the first argument chooses the applet.

fn main() {}
