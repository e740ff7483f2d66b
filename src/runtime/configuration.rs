//! Gathering a configuration: which files there are, what they hold, who may write to them, and whether the
//! zones that they name exist. What it all means is `config`'s to say.

use super::zones::Zones;
pub use crate::config::Loaded;
use crate::config::{self, EnvFileError, Fetched, Place, Program, ProgramKind, Sources, Unread};
use crate::model::command::Variable;
use crate::model::moment::Spoken;
use crate::model::service::{STOP_TIMEOUT, ServiceSpec};
use crate::model::table::Table;
use crate::supervise::shutdown::budget_for;
use crate::sys::files::{self, reason};
use crate::sys::identity;
use crate::text::diagnostic::{Problem, Severity};
use crate::text::source::Source;
use crate::text::words::row;
use std::ffi::OsStr;
use std::fs::{self, Metadata};
use std::io::{self, Read};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// A configuration file may have this many bytes: ten thousand services or jobs take about one.
const LARGEST: u64 = 8 << 20;

/// What the directories are called, and how they are often spelled.
const MISSPELT: [(&str, &str); 2] = [("services", "service"), ("cron.d", "crontab.d")];

/// Reads the configuration at `path`, a directory or one YAML file, with everything that is wrong with it.
pub fn load(path: &Path, zones: &mut Zones) -> Loaded {
    let mut loaded = config::read(gather(path), fetch);
    // A name that is there often is looked up once: an unknown one is compared with all that there are.
    let mut unknown: Table<&str, Option<String>> = Table::new();
    let mut problems = Vec::new();
    for named in &loaded.zones {
        let name = named.name.as_str();
        if !unknown.contains_key(name) {
            unknown.insert(name, zones.named(name).err().map(|error| error.to_string()));
        }
        problems.extend(unknown.get(name).cloned().flatten().map(|error| (named.place, error)));
    }
    loaded.add(Severity::Error, problems);
    loaded
}

/// Warns of what can't be kept at the end: a `stop.timeout`, or a chain of them along `depends_on`, that the
/// shutdown's own time doesn't have room for.
pub fn warn_of_shutdown(loaded: &mut Loaded) {
    let (budget, delay) = (loaded.config.settings.shutdown_timeout, loaded.config.settings.shutdown_delay);
    if delay >= budget && !delay.is_zero() {
        let text = format!("shutdown.delay, {}, leaves nothing of shutdown.timeout, {}", Spoken(delay), Spoken(budget));
        loaded.add(Severity::Warning, loaded.delay_place().map(|place| (place, text)));
    }
    let misfit = |what: &str, timeout: Duration| {
        let needed = budget_for(delay + timeout, budget)?;
        let engine = needed.as_secs() + 2;
        let after = if delay.is_zero() { String::new() } else { format!(" after shutdown.delay, {}", Spoken(delay)) };
        Some(format!(
            "{what}, {}, doesn't fit into shutdown.timeout, {}{after}: that takes {} (and as much from the engine: docker \
             stop -t {engine}, terminationGracePeriodSeconds: {engine})",
            Spoken(timeout),
            Spoken(budget),
            Spoken(needed)
        ))
    };
    let of_unit = |name: &str, timeout, place| {
        misfit(&format!("the stop.timeout of '{name}'"), timeout).map(|text| (place, text))
    };
    let fits = |timeout: Duration| budget_for(delay + timeout, budget).is_none();
    let services = loaded.services().filter(|(spec, _)| !fits(spec.stop.timeout));
    let jobs = loaded.jobs().filter(|(spec, _)| !fits(spec.manner.stop.timeout));
    let mut misfits: Vec<_> =
        services.filter_map(|(spec, place)| of_unit(&spec.name, spec.stop.timeout, place)).collect();
    misfits.extend(jobs.filter_map(|(spec, place)| of_unit(spec.name(), spec.manner.stop.timeout, place)));
    if let Some(chain) = longest_chain(loaded) {
        let what = format!("what the chain {} may take to stop", chain.names);
        misfits.extend(misfit(&what, chain.time).map(|text| (chain.place, text)));
    }
    loaded.add(Severity::Warning, misfits);
}

/// Services that stop one after the other.
struct Chain {
    /// From the one that stops first to the one that stops last.
    names: String,
    time: Duration,
    place: Place,
}

/// The chain of at least two services that may take longest. Oneshots are usually over by then. A chain in which nobody
/// asks for another time than the default is none: two services would be enough for a warning at each start.
fn longest_chain(loaded: &Loaded) -> Option<Chain> {
    if loaded.services().all(|(spec, _)| spec.depends_on.is_empty()) {
        return None;
    }
    // What each may take with all that stop after it, and the one of these that takes longest.
    let mut times: Table<&str, (Duration, Option<&str>)> = Table::new();
    let mut longest: Option<(&ServiceSpec, Place, Duration)> = None;
    for (spec, place) in loaded.in_start_order() {
        let own = if spec.oneshot { Duration::ZERO } else { spec.stop.timeout };
        let needed = spec.depends_on.iter().map(|need| need.name.as_str());
        // Of equal ones the first.
        let after = needed.rev().filter_map(|name| times.get(name).map(|(time, _)| (*time, name)));
        let after = after.max_by_key(|(time, _)| *time);
        let time = own.saturating_add(after.map_or(Duration::ZERO, |(time, _)| time));
        times.insert(&spec.name, (time, after.map(|(_, name)| name)));
        if after.is_some() && longest.is_none_or(|(_, _, before)| before < time) {
            longest = Some((spec, place, time));
        }
    }
    let (first, place, time) = longest?;
    let next = |name: &&str| times.get(*name).and_then(|(_, next)| *next);
    let names: Vec<&str> = std::iter::successors(Some(first.name.as_str()), next).collect();
    let asked =
        |(spec, _): (&ServiceSpec, Place)| spec.stop.timeout != STOP_TIMEOUT && names.contains(&spec.name.as_str());
    loaded.services().any(asked).then(|| Chain { names: row(&names), time, place })
}

/// The variables of one file by its path, as `env_file` has it, and what is to be warned of. Not for who may not wait:
/// what is no regular file is read to its end.
pub fn env_file(path: &OsStr) -> Result<(Vec<Variable>, Vec<Problem>), EnvFileError> {
    config::read_env_file(path, fetch_waiting)
}

/// Brings a file that `env_file` names.
fn fetch(path: &Path) -> Result<Fetched, Unread> {
    // Looked at before it is opened: a pipe would be waited for.
    let metadata = fs::metadata(path).map_err(|error| unread(&error))?;
    if !metadata.is_file() {
        return Err(Unread { missing: false, reason: "it is not a regular file".into() });
    }
    let bytes = files::read(path, LARGEST).map_err(|error| unread(&error.source))?;
    let remark = if identity::is_root() { writable_by_others(&metadata) } else { None };
    Ok(Fetched { bytes, remark })
}

/// Brings a file, or what comes through a pipe (`<(…)` of a shell, `/dev/stdin`): secrets that are never on a disk.
fn fetch_waiting(path: &Path) -> Result<Fetched, Unread> {
    if fs::metadata(path).is_ok_and(|metadata| metadata.is_file()) {
        return fetch(path);
    }
    let bytes = files::read_waiting(path, LARGEST).map_err(|error| unread(&error.source))?;
    Ok(Fetched { bytes, remark: None })
}

fn unread(error: &io::Error) -> Unread {
    Unread { missing: error.kind() == io::ErrorKind::NotFound, reason: reason(error) }
}

/// What is to be said of a file that others may write to: only where wingmate is root does it matter.
fn writable_by_others(metadata: &Metadata) -> Option<String> {
    let mode = metadata.mode() & 0o7777;
    (mode & 0o002 != 0).then(|| format!("others may write to it (mode {mode:04o}), and wingmate runs as root"))
}

/// What there is at `path`.
fn gather(path: &Path) -> Sources {
    let shown = path.display().to_string();
    let mut found = Gathering { root: identity::is_root(), sources: Sources::default() };
    found.sources.looked_in = match fs::metadata(path) {
        Ok(metadata) if metadata.is_dir() => {
            found.writable(path, &metadata);
            found.directory(path);
            shown
        }
        _ if is_yaml(path) => {
            let source = found.file(path);
            found.sources.yaml.extend(source);
            shown
        }
        Ok(_) => {
            found.error(path, "this is neither a directory nor a .yaml file");
            shown
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => format!("{shown}: {}", reason(&error)),
        Err(error) => {
            found.error(path, format!("cannot read it: {}", reason(&error)));
            shown
        }
    };
    found.sources
}

fn is_yaml(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "yaml" || extension == "yml")
}

struct Gathering {
    /// Only where wingmate is root does it matter that others may write to its files.
    root: bool,
    sources: Sources,
}

impl Gathering {
    fn tell(&mut self, severity: Severity, path: &Path, message: impl Into<String>) {
        self.sources.problems.push(Problem::of_file(severity, path.to_string_lossy(), message));
    }

    fn error(&mut self, path: &Path, message: impl Into<String>) {
        self.tell(Severity::Error, path, message);
    }

    fn writable(&mut self, path: &Path, metadata: &Metadata) {
        if let Some(remark) = writable_by_others(metadata).filter(|_| self.root) {
            self.tell(Severity::Warning, path, remark);
        }
    }

    /// Everything in the configuration directory that is read.
    fn directory(&mut self, path: &Path) {
        // In one that can't be searched every name would seem to be there, and none could be read.
        if let Err(error) = fs::metadata(path.join(".")) {
            return self.error(path, format!("cannot look into it: {}", reason(&error)));
        }
        for (wrong, right) in MISSPELT {
            if path.join(wrong).is_dir() {
                let message = format!("this directory is not read; the one that is meant is called '{right}'");
                self.tell(Severity::Notice, &path.join(wrong), message);
            }
        }
        let (yaml, yml) = (path.join("wingmate.yaml"), path.join("wingmate.yml"));
        if exists(&yaml) && exists(&yml) {
            self.error(&yml, format!("there is '{}' too; keep one of them", yaml.display()));
        }
        let source = self.file_if_there(&yaml).or_else(|| self.file_if_there(&yml));
        self.sources.yaml.extend(source);
        self.more(&path.join("wingmate.d"));
        self.programs(&path.join("service"));
        self.sources.crontab = self.file_if_there(&path.join("crontab"));
    }

    /// The further files of settings and units, in name order.
    fn more(&mut self, path: &Path) {
        for path in self.entries(path) {
            let hidden = path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"."));
            let ends = |wanted: &str| path.extension().is_some_and(|extension| extension == wanted);
            if hidden {
                continue;
            } else if ends("yaml") {
                let source = self.file(&path);
                self.sources.yaml.extend(source);
            } else if ends("yml") {
                self.tell(Severity::Notice, &path, "this file is not read; here they end in .yaml");
            }
        }
    }

    fn file_if_there(&mut self, path: &Path) -> Option<Source> {
        exists(path).then(|| self.file(path)).flatten()
    }

    fn file(&mut self, path: &Path) -> Option<Source> {
        // Looked at before it is opened: a pipe would be waited for.
        let read = match fs::metadata(path) {
            Ok(metadata) if metadata.is_file() => {
                self.writable(path, &metadata);
                files::read(path, LARGEST).map_err(|error| reason(&error.source))
            }
            Ok(_) => Err("it is not a regular file".into()),
            Err(error) => Err(reason(&error)),
        };
        match read {
            Ok(bytes) => Some(Source::new(path.to_string_lossy(), bytes)),
            Err(why) => {
                self.error(path, format!("cannot read it: {why}"));
                None
            }
        }
    }

    /// What stands in a directory, in name order; nothing if there is none.
    fn entries(&mut self, path: &Path) -> Vec<PathBuf> {
        if !exists(path) {
            return Vec::new();
        }
        if let Ok(metadata) = fs::metadata(path) {
            self.writable(path, &metadata);
        }
        let listed = fs::read_dir(path).and_then(Iterator::collect::<io::Result<Vec<_>>>);
        let mut paths: Vec<PathBuf> = match listed {
            Ok(entries) => entries.iter().map(fs::DirEntry::path).collect(),
            Err(error) => {
                self.error(path, format!("cannot read it: {}", reason(&error)));
                return Vec::new();
            }
        };
        // All in one directory: byte by byte, not part by part.
        paths.sort_unstable_by(|a, b| a.as_os_str().cmp(b.as_os_str()));
        paths
    }

    /// What stands in `service/`.
    fn programs(&mut self, path: &Path) {
        for path in self.entries(path) {
            let (kind, metadata) = program_kind(&path);
            if let (ProgramKind::Program, Some(metadata)) = (&kind, metadata) {
                self.writable(&path, &metadata);
            }
            self.sources.programs.push(Program { path, kind });
        }
    }
}

/// Whether there is such an entry, if only a link to nothing: that one is told, not passed over. What can't be
/// looked at is there too: reading it tells why.
fn exists(path: &Path) -> bool {
    !fs::symlink_metadata(path).is_err_and(|error| error.kind() == io::ErrorKind::NotFound)
}

fn program_kind(path: &Path) -> (ProgramKind, Option<Metadata>) {
    match fs::metadata(path) {
        Err(error) => (ProgramKind::Unreachable(reason(&error)), None),
        Ok(metadata) => (kind_of(path, &metadata), Some(metadata)),
    }
}

fn kind_of(path: &Path, metadata: &Metadata) -> ProgramKind {
    match metadata.permissions().mode() & 0o111 {
        _ if metadata.is_dir() => ProgramKind::Directory,
        _ if !metadata.is_file() => ProgramKind::Special,
        0 => ProgramKind::Plain,
        _ if can_be_program(path) => ProgramKind::Program,
        _ => ProgramKind::Executable,
    }
}

/// Whether a file begins as programs do. One that can't be read may be executed all the same.
pub(super) fn can_be_program(path: &Path) -> bool {
    let mut head = Vec::new();
    let read = fs::File::open(path).and_then(|file| file.take(4).read_to_end(&mut head));
    read.is_err() || head.starts_with(b"#!") || head == b"\x7fELF"
}
