//! Files, opened without waiting, read whole and bounded, with the path in every error.

use rustix::fs::OFlags;
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// A file can't be read.
#[derive(Debug, thiserror::Error)]
#[error("cannot read '{}': {}", path.display(), reason(source))]
pub struct ReadError {
    pub path: PathBuf,
    pub source: io::Error,
}

/// Opens a file to read it; should it be a FIFO without a writer, or a terminal, that is neither waited for nor
/// made our own.
pub fn open(path: &Path) -> io::Result<File> {
    let flags = OFlags::NONBLOCK | OFlags::NOCTTY;
    OpenOptions::new().read(true).custom_flags(flags.bits() as i32).open(path)
}

/// Reads a regular file of at most `limit` bytes.
pub fn read(path: &Path, limit: u64) -> Result<Vec<u8>, ReadError> {
    let fail = |source| ReadError { path: path.to_owned(), source };
    // Most are smaller: two reads instead of a dozen growing ones.
    let mut bytes = Vec::with_capacity(8 * 1024);
    open(path).and_then(|file| file.take(limit + 1).read_to_end(&mut bytes)).map_err(fail)?;
    if bytes.len() as u64 > limit {
        return Err(fail(io::Error::other(format!("larger than {limit} bytes"))));
    }
    Ok(bytes)
}

/// Writes a file, made or emptied, for everybody to read; a link in its place is not followed, and nothing is waited for.
pub fn write_new(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY;
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true).mode(0o644).custom_flags(flags.bits() as i32);
    options.open(path)?.write_all(bytes)
}

/// An error's text as the C library words it, without std's "(os error N)".
pub fn reason(error: &io::Error) -> String {
    let text = error.to_string();
    match text.split_once(" (os error ") {
        Some((reason, _)) => reason.to_owned(),
        None => text,
    }
}
