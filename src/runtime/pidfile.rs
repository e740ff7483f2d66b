//! A pid file that a daemon is expected to write: watched, read, and judged (`supervise::adoption`) while the
//! daemon is awaited, by `wmpidproxy`'s loop and by the supervisor's for a service with `pidfile:`.
//!
//! The file may appear late, empty or half written, be replaced, or be written behind a link; its directory may not
//! exist yet. inotify on the nearest directory that exists tells at once what it can; a look every [`LOOK`] tells
//! the rest. Neither goes on when nobody is awaited: `disarm`.

use crate::launch::environment::MARKS;
use crate::model::moment::Mono;
use crate::model::process::Facts;
use crate::model::unit::Pid;
use crate::supervise::adoption::{Claim, Refusal, Unfit, judge, pid_in};
use crate::sys::files::{open, reason};
use crate::sys::inotify::Inotify;
use crate::sys::poll::{Interest, Poller, Token};
use crate::sys::processes::{self, Held};
use rustix::io::Errno;
use std::ffi::OsString;
use std::fs::{self, File, Metadata};
use std::io::{ErrorKind, Read};
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Between two looks at the file while a daemon is awaited (spec/pidproxy.md): what inotify can't tell, a file on
/// a network file system or in a directory that a link leads to, is found this late at most.
pub const LOOK: Duration = Duration::from_millis(100);

/// Read of a file; its first line is what counts.
const HEAD: u64 = 4096;

/// What is wrong with a pid file whatever the program does; found before anything starts.
#[derive(Debug, thiserror::Error)]
pub enum PidFileError {
    #[error("the pid file's path is empty")]
    NoPath,
    #[error("the pid file '{}' is {kind}, not a regular file", path.display())]
    NotRegular { path: PathBuf, kind: &'static str },
    #[error("cannot use '{}' as a pid file: {reason}", path.display())]
    Unusable { path: PathBuf, reason: String },
    #[error("cannot tell the daemon of '{}' from a stranger: /proc isn't mounted, or is another pid namespace's", path.display())]
    NoProc { path: PathBuf },
}

/// What a look found.
#[derive(Debug)]
pub enum Look {
    /// No daemon yet; [`PidFile::refusal`] says why.
    NotYet,
    /// The file names this one, and it is fit. `child`: it is our own child, so its end comes as SIGCHLD.
    /// `group`: the process group that it is in.
    Fit { daemon: Held, child: bool, group: Option<Pid> },
}

/// One pid file, from before the start of the program to the end of its daemon.
#[derive(Debug)]
pub struct PidFile {
    path: PathBuf,
    /// The service whose it is, where its processes are marked by that.
    service: Option<Box<str>>,
    /// What stood there before the start.
    before: Option<Print>,
    refusal: Refusal,
    /// While a daemon is awaited.
    watch: Option<Watch>,
}

#[derive(Debug)]
struct Watch {
    /// `None`: not to be had.
    inotify: Option<Inotify>,
    /// The directory that is watched, and the name in it that matters.
    place: Option<(PathBuf, OsString)>,
    next_look: Mono,
}

/// By what a file that nobody has touched is known again.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Print {
    place: (u64, u64),
    changed: [(i64, i64); 2],
    content: Vec<u8>,
}

impl PidFile {
    /// Looks at what stands there before the program is started, so that a file of an earlier run is known.
    /// A relative path is relative to our own directory.
    pub fn new(path: &Path) -> Result<PidFile, PidFileError> {
        check(path)?;
        let path = path.to_owned();
        if !processes::proc_is_ours() {
            return Err(PidFileError::NoProc { path });
        }
        let before = read(&path).ok();
        Ok(PidFile { path, service: None, before, refusal: Refusal::Missing, watch: None })
    }

    /// Whoever bears the mark of another service is refused.
    pub fn of(self, service: &str) -> PidFile {
        PidFile { service: Some(service.into()), ..self }
    }

    /// Begins to watch: a daemon is awaited from now on. inotify's descriptor goes into `poller` under `token`.
    pub fn arm(&mut self, poller: &Poller, token: Token, now: Mono) {
        let inotify = Inotify::new().ok().filter(|inotify| poller.add(inotify, token, Interest::IN).is_ok());
        self.watch = Some(Watch { inotify, place: None, next_look: now });
    }

    /// Watches no longer; closing inotify's descriptor takes it out of the poller.
    pub fn disarm(&mut self) {
        self.watch = None;
    }

    /// When the next look is due; `None` while it isn't watched.
    pub fn deadline(&self) -> Option<Mono> {
        self.watch.as_ref().map(|watch| watch.next_look)
    }

    /// inotify's descriptor is readable: a look is due at once, if it concerned this file.
    pub fn hint(&mut self, now: Mono) {
        let Some(watch) = &mut self.watch else { return };
        let Some(inotify) = &mut watch.inotify else { return };
        let name = watch.place.as_ref().map(|(_, name)| name.as_os_str()).unwrap_or_default();
        if inotify.drain(name) {
            watch.next_look = now;
        }
    }

    /// Why there is no daemon yet, by the last look.
    pub fn refusal(&self) -> &Refusal {
        &self.refusal
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Looks at the file, and at the process that it names.
    pub fn look(&mut self, claim: &Claim<'_>, now: Mono) -> Look {
        if let Some(watch) = &mut self.watch {
            // First the watch, then the look: what comes between them is seen by the look.
            watch.follow(&self.path);
            watch.next_look = now + LOOK;
        }
        self.candidate(claim).unwrap_or_else(|refusal| {
            self.refusal = refusal;
            Look::NotYet
        })
    }

    fn candidate(&self, claim: &Claim<'_>) -> Result<Look, Refusal> {
        let print = read(&self.path)?;
        let pid = pid_in(&print.content)?;
        let untouched = self.before.as_ref() == Some(&print);
        let refuse = |unfit| match unfit {
            // A number of the last run, met by chance or by nobody.
            Unfit::Gone | Unfit::Dead if untouched => Refusal::Unfit(pid, Unfit::Stale),
            unfit => Refusal::Unfit(pid, unfit),
        };
        let seen = judged(pid, claim).map_err(refuse)?;
        if untouched {
            return Err(refuse(Unfit::Stale));
        }
        if processes::is_thread(pid) {
            return Err(refuse(Unfit::Thread));
        }
        let daemon = Held::hold(&seen).ok_or(refuse(Unfit::Gone))?;
        // Only what is judged again while it is held was judged at all: the number may have changed hands before.
        let again = judged(pid, claim).map_err(refuse)?;
        if again.start != daemon.start() {
            return Err(refuse(Unfit::Gone));
        }
        if self.is_anothers(pid) {
            return Err(refuse(Unfit::Taken));
        }
        let child = again.parent == Some(claim.reaper);
        Ok(Look::Fit { daemon, child, group: again.group })
    }

    /// Whether it is known to be another service's, which has yet to claim it.
    fn is_anothers(&self, pid: Pid) -> bool {
        let [mark, _] = MARKS;
        let Some(service) = &self.service else { return false };
        let environ = processes::environ(pid).unwrap_or_default();
        processes::variable(&environ, mark).is_some_and(|name| name != service.as_bytes())
    }
}

/// A parent that ends while the chain is read leaves a gap in it; its child has another parent a moment later.
const GAPS: usize = 3;

fn judged(pid: Pid, claim: &Claim<'_>) -> Result<Facts, Unfit> {
    let mut verdict = Err(Unfit::Gone);
    for _ in 0..GAPS {
        let lineage = processes::lineage(pid, claim.reaper);
        verdict = judge(pid, &lineage, claim).and_then(|()| lineage.first().copied().ok_or(Unfit::Gone));
        if !matches!(verdict, Err(Unfit::Stranger)) {
            break;
        }
    }
    verdict
}

impl Watch {
    /// Watches the nearest directory that exists on the way to the file.
    fn follow(&mut self, path: &Path) {
        let Some(inotify) = &mut self.inotify else { return };
        let place = nearest(path);
        if place.is_none() || place != self.place || !inotify.is_watching() {
            self.place = place.filter(|(directory, _)| inotify.watch(directory).is_ok());
        }
    }
}

/// The nearest existing directory on the way to `path`, and the name in it that leads on.
fn nearest(path: &Path) -> Option<(PathBuf, OsString)> {
    let mut path = behind_links(path);
    loop {
        let name = path.file_name()?.to_owned();
        let parent = path.parent()?;
        let directory = if parent.as_os_str().is_empty() { Path::new(".") } else { parent };
        if directory.is_dir() {
            return Some((directory.to_owned(), name));
        }
        path = directory.to_owned();
    }
}

/// As many links the kernel follows as well.
const LINKS: usize = 40;

/// Where a link in the file's place leads; links before it are the kernel's affair.
fn behind_links(path: &Path) -> PathBuf {
    let mut path = path.to_owned();
    for _ in 0..LINKS {
        match (fs::read_link(&path), path.parent()) {
            (Ok(target), Some(parent)) => path = parent.join(target),
            _ => break,
        }
    }
    path
}

/// What no program can mend.
pub(super) fn check(path: &Path) -> Result<(), PidFileError> {
    if path.as_os_str().is_empty() {
        return Err(PidFileError::NoPath);
    }
    let path = path.to_owned();
    match fs::metadata(&path) {
        Ok(found) => match irregular(&found) {
            Some(kind) => Err(PidFileError::NotRegular { path, kind }),
            None => Ok(()),
        },
        Err(error) => match Errno::from_io_error(&error) {
            None | Some(Errno::NOTDIR | Errno::LOOP | Errno::NAMETOOLONG) => {
                Err(PidFileError::Unusable { path, reason: reason(&error) })
            }
            _ if path.as_os_str().as_encoded_bytes().ends_with(b"/") => {
                Err(PidFileError::NotRegular { path, kind: "a directory" })
            }
            _ => Ok(()),
        },
    }
}

fn irregular(found: &Metadata) -> Option<&'static str> {
    let kind = found.file_type();
    match () {
        () if kind.is_file() => None,
        () if kind.is_dir() => Some("a directory"),
        () if kind.is_fifo() => Some("a fifo"),
        () if kind.is_socket() => Some("a socket"),
        () => Some("a device"),
    }
}

/// Reads the file's beginning. Opening is asked for only when a regular file is there, and doesn't block when
/// something else takes its place in between.
fn read(path: &Path) -> Result<Print, Refusal> {
    let fail = |error: std::io::Error| match error.kind() {
        ErrorKind::NotFound => Refusal::Missing,
        _ => Refusal::Unreadable(reason(&error)),
    };
    let regular = |found: Metadata| match irregular(&found) {
        Some(kind) => Err(Refusal::NotRegular(kind)),
        None => Ok(found),
    };
    regular(fs::metadata(path).map_err(fail)?)?;
    let file = open(path).map_err(fail)?;
    let found = regular(file.metadata().map_err(fail)?)?;
    Ok(Print {
        place: (found.dev(), found.ino()),
        changed: [(found.mtime(), found.mtime_nsec()), (found.ctime(), found.ctime_nsec())],
        content: head(file).map_err(fail)?,
    })
}

fn head(file: File) -> std::io::Result<Vec<u8>> {
    let mut content = Vec::new();
    file.take(HEAD).read_to_end(&mut content)?;
    Ok(content)
}
