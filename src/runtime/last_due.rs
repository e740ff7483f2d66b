//! When jobs with `missed: once` were last due: a file for each in the directory of the setting `state`, with one RFC
//! 3339 time in it. What can't be read or written is told, once for each job and cause, and nothing else changes: a run
//! is then not made up for.

use crate::model::moment::Wall;
use crate::model::table::Table;
use crate::schedule::stamp::{Stamp, read};
use crate::schedule::zone::Zone;
use crate::sys::fault::reason_of;
use crate::sys::files;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// A time takes half of it.
const LARGEST: u64 = 64;

/// The directory, and what was told of it.
#[derive(Debug, Default)]
pub(super) struct LastDue {
    directory: Option<PathBuf>,
    /// By job.
    told: Table<String, String>,
}

impl LastDue {
    /// In this directory, which is made for the first job if only its parent is there.
    pub(super) fn new(directory: Option<PathBuf>) -> LastDue {
        LastDue { directory, told: Table::new() }
    }

    /// Whether this is the directory.
    pub(super) fn is_in(&self, directory: Option<&Path>) -> bool {
        self.directory.as_deref() == directory
    }

    /// When the job was last due, if that is known; what is wrong, if it should be.
    pub(super) fn of(&self, job: &str) -> Result<Option<Wall>, String> {
        let Some(path) = self.path(job) else { return Ok(None) };
        let bytes = match files::read(&path, LARGEST) {
            Ok(bytes) => bytes,
            Err(error) if error.source.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error.to_string()),
        };
        let text = std::str::from_utf8(&bytes).ok().and_then(|text| text.strip_suffix('\n'));
        let time = text.and_then(|text| read(text, &Zone::utc()).ok());
        time.map(Some).ok_or_else(|| format!("'{}' holds no time, it is begun anew", path.display()))
    }

    /// Keeps that it was due then. The words of what went wrong, if they are new.
    pub(super) fn keep(&mut self, job: &str, at: Wall) -> Result<(), String> {
        let Some(path) = self.path(job) else { return Ok(()) };
        let text = format!("{}\n", Stamp { at, zone: &Zone::utc() });
        let written = replace(&path, &text).or_else(|error| match (error.kind(), &self.directory) {
            (io::ErrorKind::NotFound, Some(directory)) => {
                fs::create_dir(directory).and_then(|()| replace(&path, &text))
            }
            _ => Err(error),
        });
        let Err(error) = written else {
            self.told.remove(job);
            return Ok(());
        };
        let why = format!("cannot write '{}': {}", path.display(), reason_of(&error));
        match self.told.insert(job.to_owned(), why.clone()) {
            Some(before) if before == why => Ok(()),
            Some(_) | None => Err(format!("{why}; a run that is missed now won't be made up for")),
        }
    }

    /// A job's name is a file's: letters, digits and `._@-`, beginning with one of the first two.
    fn path(&self, job: &str) -> Option<PathBuf> {
        Some(self.directory.as_ref()?.join(job))
    }
}

/// The file holds this text or what it held before, whatever happens meanwhile. (No fsync: a volume may take seconds for
/// it, and a machine that loses power loses no more than one time.)
fn replace(path: &Path, text: &str) -> io::Result<()> {
    // No job's name begins with a dot.
    let mut name = std::ffi::OsString::from(".");
    name.push(path.file_name().unwrap_or_default());
    let new = path.with_file_name(name);
    files::write_new(&new, text.as_bytes()).and_then(|()| fs::rename(&new, path)).inspect_err(|_| {
        let _ = fs::remove_file(&new);
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    struct Directory(PathBuf);

    impl Directory {
        fn new(name: &str) -> Directory {
            let path = std::env::temp_dir().join(format!("wingmate-last-due-{name}-{}", std::process::id()));
            let _ = fs::remove_dir_all(&path);
            Directory(path)
        }
    }

    impl Drop for Directory {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    #[test]
    fn what_was_kept_is_known_at_the_next_start() {
        let directory = Directory::new("kept");
        let at = Wall::from_seconds(1_800_000_000);
        let mut before = LastDue::new(Some(directory.0.clone()));
        assert_eq!(before.of("tidy"), Ok(None));
        assert_eq!(before.keep("tidy", Wall::from_seconds(5)), Ok(()));
        assert_eq!(before.keep("tidy", at), Ok(()));
        assert_eq!(fs::read_to_string(directory.0.join("tidy")).unwrap(), "2027-01-15T08:00:00+00:00\n");
        assert_eq!(fs::read_dir(&directory.0).unwrap().count(), 1, "nothing else is left there");
        let after = LastDue::new(Some(directory.0.clone()));
        assert_eq!((after.of("tidy"), after.of("other")), (Ok(Some(at)), Ok(None)));
        assert_eq!(LastDue::new(None).of("tidy"), Ok(None));
    }

    #[test]
    fn what_holds_no_time_is_told_and_written_anew() {
        let directory = Directory::new("corrupt");
        let mut last_due = LastDue::new(Some(directory.0.clone()));
        let path = directory.0.join("tidy");
        fs::create_dir(&directory.0).unwrap();
        for corrupt in
            ["", "\n", "yesterday\n", "2027-01-15T08:00", "2027-01-15T08:00:00Z 1\n", "\u{0}\n", &"9".repeat(99)]
        {
            fs::write(&path, corrupt).unwrap();
            assert!(last_due.of("tidy").unwrap_err().contains(path.to_str().unwrap()), "{corrupt:?}");
        }
        fs::write(&path, [0xff, b'\n']).unwrap();
        assert!(last_due.of("tidy").is_err());
        assert_eq!(last_due.keep("tidy", Wall::from_seconds(60)), Ok(()));
        assert_eq!(last_due.of("tidy"), Ok(Some(Wall::from_seconds(60))));
    }

    #[test]
    fn what_cannot_be_written_is_told_once() {
        let directory = Directory::new("unwritable");
        let mut last_due = LastDue::new(Some(directory.0.join("not/there")));
        let at = Wall::from_seconds(60);
        let told = last_due.keep("tidy", at).unwrap_err();
        assert!(told.contains("not/there/tidy': no such file or directory; a run that is missed"), "{told}");
        assert_eq!(last_due.keep("tidy", at), Ok(()), "said already");
        assert!(last_due.keep("other", at).is_err(), "of another job");
        fs::create_dir_all(directory.0.join("not/there")).unwrap();
        assert_eq!(last_due.keep("tidy", at), Ok(()));
        fs::remove_dir_all(directory.0.join("not")).unwrap();
        assert!(last_due.keep("tidy", at).is_err(), "it was well in between");
    }

    #[test]
    fn nothing_is_written_through_a_link() {
        let directory = Directory::new("link");
        let mut last_due = LastDue::new(Some(directory.0.clone()));
        let target = directory.0.join("target");
        fs::create_dir(&directory.0).unwrap();
        fs::write(&target, "mine").unwrap();
        symlink(&target, directory.0.join("tidy")).unwrap();
        symlink(&target, directory.0.join(".other")).unwrap();
        assert_eq!(last_due.keep("tidy", Wall::from_seconds(60)), Ok(()), "the link is replaced");
        assert!(last_due.keep("other", Wall::from_seconds(60)).is_err());
        assert_eq!(fs::read_to_string(target).unwrap(), "mine");
    }
}
