//! Files, opened without waiting, read whole and bounded, with the path in every error.

use rustix::fs::{Mode, OFlags};
use rustix::io::retry_on_intr;
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
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    // std asks musl, which sets the flag that is set already once more.
    Ok(retry_on_intr(|| rustix::fs::open(path, flags, Mode::empty()))?.into())
}

/// Reads a regular file of at most `limit` bytes.
pub fn read(path: &Path, limit: u64) -> Result<Vec<u8>, ReadError> {
    open(path).and_then(|file| content(file, limit)).map_err(|source| ReadError { path: path.to_owned(), source })
}

/// Reads whatever it is to its end, and waits for that.
pub fn read_waiting(path: &Path, limit: u64) -> Result<Vec<u8>, ReadError> {
    File::open(path).and_then(|file| content(file, limit)).map_err(|source| ReadError { path: path.to_owned(), source })
}

/// Room behind what a file is said to hold, for the read that finds its end: with less std tries a smaller one first.
const ROOM: u64 = 32;

fn content(file: File, limit: u64) -> io::Result<Vec<u8>> {
    // An allocation of just its size, made once.
    let length = file.metadata().map_or(0, |metadata| metadata.len()).min(limit);
    let mut bytes = Vec::with_capacity((length + ROOM) as usize);
    file.take(limit + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > limit {
        return Err(io::Error::other(format!("larger than {limit} bytes")));
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
