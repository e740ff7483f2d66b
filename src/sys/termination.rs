//! The file in which the engine looks why a container ended: Kubernetes' termination message, `/dev/termination-log`.
//!
//! It may be anything, or be shared with whoever wants wingmate to write elsewhere: so nothing is made, emptied,
//! followed or waited for, and what can't be written isn't told to anybody.

use crate::text::diagnostic::printable;
use rustix::fs::OFlags;
use std::ffi::OsString;
use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// The variable that names another file, or none if it is empty.
const VARIABLE: &str = "WINGMATE_TERMINATION_LOG";
/// Where Kubernetes looks unless the pod says otherwise.
const PATH: &str = "/dev/termination-log";
/// Bytes of the line, its end included.
const LIMIT: usize = 1024;

/// Adds `text` as one line.
pub fn tell(text: &str) {
    let path = std::env::var_os(VARIABLE).unwrap_or_else(|| OsString::from(PATH));
    if !path.is_empty() {
        let _ = append(Path::new(&path), &line(text));
    }
}

fn append(path: &Path, line: &str) -> io::Result<()> {
    // Looked at before it is opened: opening a device or a FIFO may do something.
    if fs::symlink_metadata(path)?.is_file() {
        let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY;
        let mut file = OpenOptions::new().append(true).custom_flags(flags.bits() as i32).open(path)?;
        if file.metadata()?.is_file() {
            file.write_all(line.as_bytes())?;
        }
    }
    Ok(())
}

/// `wingmate: TEXT`, plain, cut at a character.
fn line(text: &str) -> String {
    let mut line = format!("wingmate: {}", printable(text));
    let ends = line.char_indices().map(|(start, c)| start + c.len_utf8());
    line.truncate(ends.take_while(|end| *end < LIMIT).last().unwrap_or(0));
    line.push('\n');
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_plain_and_cut_at_a_character() {
        assert_eq!(line("stopping: done"), "wingmate: stopping: done\n");
        assert_eq!(line("a\n\u{1b}[31mb").chars().filter(|c| c.is_control()).count(), 1, "its end");
        for (begin, length) in [("", LIMIT - 1), ("x", LIMIT)] {
            let long = line(&format!("{begin}{}", "é".repeat(1000)));
            assert_eq!(long.len(), length);
            assert!(long.ends_with("éé\n"));
        }
    }
}
