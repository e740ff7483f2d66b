//! Finding the zones that the configuration names: zone files, the rules that are built in, POSIX strings, in this
//! order; `TZ` and `/etc/localtime`. Each is read once and shared by all jobs that name it.
//!
//! A file is better than what is built in, it may be newer. Where none is, as in most small images, the rules in
//! [`iana`] serve, also for a path that is said to be a zone file's: the link that `/etc/localtime` is tells the name
//! even where it leads to nothing. A file that is there and can't be used is an error, and so is an unknown name:
//! jobs at other hours than meant would be found out late.

use crate::model::table::Table;
use crate::schedule::iana;
use crate::schedule::zone::Zone;
use crate::sys::files;
use crate::text::near::nearest;
use rustix::io::Errno;
use std::ffi::{OsStr, OsString};
use std::io;
use std::path::{Path, PathBuf};
use std::rc::Rc;

/// Where zone files are unless `TZDIR` says otherwise.
const DIRECTORY: &str = "/usr/share/zoneinfo";
const LOCALTIME: &str = "/etc/localtime";

/// The longest zone file has 4 KiB; what is larger is none.
const LARGEST: u64 = 256 * 1024;

/// Zone files are not nested deeper (`America/Argentina/Ushuaia`).
const DEEPEST: usize = 3;

/// For so many unknown names a near one is looked for: each costs a walk through a thousand files.
const HINTS: usize = 20;

/// As many links are followed one after the other to a name as the system follows to a file (path_resolution(7)).
const LINKS: usize = 40;

/// A zone that can't be had.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
pub enum ZonesError {
    /// Neither a zone's name nor a POSIX string.
    #[error(
        "unknown time zone '{name}'{}",
        near.as_deref().map(|n| format!(" (did you mean '{n}'?)"))
            .unwrap_or_else(|| " (a name such as Europe/Berlin, or a POSIX string such as CET-1CEST,M3.5.0,M10.5.0/3)".to_owned())
    )]
    Unknown { name: String, near: Option<String> },
    /// A file that is there can't be used, or `TZ` or `/etc/localtime` says a path where none is.
    #[error("cannot read the time zone '{path}': {reason}")]
    File { path: String, reason: String },
}

/// The zones of a configuration, each read once.
#[derive(Debug)]
pub struct Zones {
    directory: PathBuf,
    tz: Option<OsString>,
    localtime: PathBuf,
    known: Table<String, Rc<Zone>>,
    local: Option<Rc<Zone>>,
    /// How many names are left for which a near one is looked for.
    hints: usize,
}

impl Zones {
    /// Looks for files where `TZDIR` of the environment says, and takes `TZ` of it for the local zone.
    pub fn from_environment() -> Zones {
        let set = |name: &str| std::env::var_os(name);
        Zones::new(set("TZDIR").filter(|dir| !dir.is_empty()).unwrap_or(DIRECTORY.into()), set("TZ"), LOCALTIME.into())
    }

    fn new(directory: OsString, tz: Option<OsString>, localtime: PathBuf) -> Zones {
        Zones { directory: directory.into(), tz, localtime, known: Table::new(), local: None, hints: HINTS }
    }

    /// The zone of a job: `job` is its own (`timezone:`, `CRON_TZ`), `settings` that of the settings; without
    /// both it is the local one.
    pub fn of_job(&mut self, job: Option<&str>, settings: Option<&str>) -> Result<Rc<Zone>, ZonesError> {
        match job.or(settings) {
            Some(name) => self.named(name),
            None => self.local(),
        }
    }

    /// An IANA name, or a POSIX string.
    pub fn named(&mut self, name: &str) -> Result<Rc<Zone>, ZonesError> {
        if let Some(zone) = self.known.get(name) {
            return Ok(Rc::clone(zone));
        }
        let zone = Rc::new(self.find(name)?);
        self.known.insert(name.to_owned(), Rc::clone(&zone));
        Ok(zone)
    }

    /// The zone of `TZ`, else of `/etc/localtime`, else UTC.
    pub fn local(&mut self) -> Result<Rc<Zone>, ZonesError> {
        if let Some(zone) = &self.local {
            return Ok(Rc::clone(zone));
        }
        let zone = match self.tz.clone() {
            Some(tz) => self.of_variable(&tz)?,
            None => match self.localtime.symlink_metadata() {
                Err(error) if error.kind() == io::ErrorKind::NotFound => Rc::new(Zone::utc()),
                _ => self.at(&self.localtime.clone())?,
            },
        };
        self.local = Some(Rc::clone(&zone));
        Ok(zone)
    }

    /// As tzset(3) reads it: empty is UTC, a `:` may stand before a file's name, which may be an absolute path.
    fn of_variable(&mut self, tz: &OsStr) -> Result<Rc<Zone>, ZonesError> {
        let unknown = || ZonesError::Unknown { name: tz.to_string_lossy().into_owned(), near: None };
        let text = tz.to_str().ok_or_else(unknown)?;
        let name = text.strip_prefix(':').unwrap_or(text);
        match name {
            "" => Ok(Rc::new(Zone::utc())),
            path if path.starts_with('/') => self.at(Path::new(path)),
            name => self.named(name),
        }
    }

    /// The zone in the file at this path. Where there is none, the path may still tell its name, or the link there.
    fn at(&mut self, path: &Path) -> Result<Rc<Zone>, ZonesError> {
        if let Some(zone) = read(path)? {
            return Ok(Rc::new(zone));
        }
        let target = |link: &PathBuf| Some(link.parent()?.join(link.read_link().ok()?));
        let mut places = std::iter::successors(Some(path.to_owned()), target).take(LINKS);
        let missing = || {
            let link = path.read_link().map(|target| format!(" -> {}", target.display())).unwrap_or_default();
            let path = format!("{}{link}", path.display());
            ZonesError::File { path, reason: files::reason(&Errno::NOENT.into()) }
        };
        let place = places.find(|place| name_in(place).is_some()).ok_or_else(missing)?;
        match self.named(name_in(&place).unwrap_or_default()) {
            Err(ZonesError::Unknown { .. }) => Err(missing()),
            zone => zone,
        }
    }

    fn find(&mut self, name: &str) -> Result<Zone, ZonesError> {
        // An area is a directory, and no zone.
        if let Some(path) = file_of(&self.directory, name).filter(|path| !path.is_dir()) {
            if let Some(zone) = read(&path)? {
                return Ok(zone);
            }
        }
        let zone = iana::zone(name).or_else(|| Zone::from_posix(name).ok());
        zone.ok_or_else(|| ZonesError::Unknown { name: name.to_owned(), near: self.near(name) })
    }

    fn near(&mut self, name: &str) -> Option<String> {
        self.hints = self.hints.checked_sub(1)?;
        nearest(name, self.names())
    }

    /// What there are files for, and what is built in; for suggestions only.
    fn names(&self) -> Vec<String> {
        let mut names = iana::names();
        list(&self.directory, "", DEEPEST, &mut names);
        names.sort_unstable();
        names
    }
}

/// The file of a zone's name; `None` if such a name can't be a zone's, or would lead out of the directory.
fn file_of(directory: &Path, name: &str) -> Option<PathBuf> {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"_+-".contains(&b);
    let part = |part: &str| !part.is_empty() && part.bytes().all(plain);
    name.split('/').all(part).then(|| directory.join(name))
}

/// The name of the zone whose file this path is, or would be. `posix` and `right` hold all of them once more.
fn name_in(path: &Path) -> Option<&str> {
    let (_, name) = path.to_str()?.rsplit_once("/zoneinfo/")?;
    Some(name.strip_prefix("posix/").or_else(|| name.strip_prefix("right/")).unwrap_or(name))
}

/// The zone in the file at this path; `None` if there is no file.
fn read(path: &Path) -> Result<Option<Zone>, ZonesError> {
    const ABSENT: [Errno; 3] = [Errno::NOENT, Errno::NOTDIR, Errno::NAMETOOLONG];
    match files::read(path, LARGEST) {
        Ok(bytes) => match Zone::from_tzif(&bytes) {
            Ok(zone) => Ok(Some(zone)),
            Err(error) => Err(ZonesError::File { path: path.display().to_string(), reason: error.to_string() }),
        },
        Err(error) if Errno::from_io_error(&error.source).is_some_and(|errno| ABSENT.contains(&errno)) => Ok(None),
        Err(error) => Err(ZonesError::File { path: path.display().to_string(), reason: files::reason(&error.source) }),
    }
}

/// Collects the zones' names below a directory. `posix` and `right` hold all of them once more; what has a dot
/// in its name, or begins with a small letter, is a table.
fn list(directory: &Path, prefix: &str, depth: usize, names: &mut Vec<String>) {
    let Ok(entries) = std::fs::read_dir(directory) else { return };
    for entry in entries.flatten() {
        let name = entry.file_name();
        let Some(name) = name.to_str().filter(|name| name.starts_with(|c: char| c.is_ascii_uppercase())) else {
            continue;
        };
        let name = format!("{prefix}{name}");
        match entry.path() {
            path if path.is_dir() && depth > 1 => list(&path, &format!("{name}/"), depth - 1, names),
            path if path.is_file() && !name.contains('.') => names.push(name),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    /// A directory of made-up zones, gone with the test.
    struct Directory(PathBuf);

    impl Directory {
        fn new(test: &str) -> Directory {
            let path = std::env::temp_dir().join(format!("wingmate-zones-{test}-{}", std::process::id()));
            let directory = Directory(path);
            for (name, hours) in
                [("Area/City", 3u8), ("Area/Sub/Town", 4), ("EST5EDT", 7), ("UTC", 0), ("posix/Area/City", 3)]
            {
                directory.write(name, &file(hours));
            }
            directory.write("tzdata.zi", b"# no zone");
            directory.write("Broken", b"TZif");
            directory
        }

        fn write(&self, name: &str, bytes: &[u8]) {
            let path = self.0.join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, bytes).unwrap();
        }

        /// Zones with this `TZ`; `localtime` is a name in the directory.
        fn zones(&self, tz: Option<&str>, localtime: &str) -> Zones {
            Zones::new(self.0.clone().into(), tz.map(OsString::from), self.0.join(localtime))
        }
    }

    impl Drop for Directory {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    /// A version 1 file (tzfile(5)) of a zone that many hours east, without changes.
    fn file(hours: u8) -> Vec<u8> {
        let seconds = (i32::from(hours) * 3_600).to_be_bytes();
        [b"TZif".as_slice(), &[0; 16], &[0; 16], &[0, 0, 0, 1, 0, 0, 0, 4], &seconds, &[0, 0], b"XXX\0"].concat()
    }

    fn hours(zone: Result<Rc<Zone>, ZonesError>) -> i32 {
        zone.unwrap_or_else(|error| panic!("{error}")).span(0).offset / 3_600
    }

    fn error(zone: Result<Rc<Zone>, ZonesError>) -> String {
        zone.expect_err("there is no such zone").to_string()
    }

    #[test]
    fn the_first_of_the_places_decides() {
        let directory = Directory::new("places");
        let zones = |tz, localtime| directory.zones(tz, localtime);
        let (job, settings) = (Some("Area/City"), Some("Area/Sub/Town"));
        assert_eq!(hours(zones(Some("XXX-5"), "EST5EDT").of_job(job, settings)), 3);
        assert_eq!(hours(zones(Some("XXX-5"), "EST5EDT").of_job(None, settings)), 4);
        assert_eq!(hours(zones(Some("XXX-5"), "EST5EDT").of_job(None, None)), 5);
        assert_eq!(hours(zones(None, "EST5EDT").of_job(None, None)), 7);
        assert_eq!(hours(zones(None, "missing").of_job(None, None)), 0);
    }

    #[test]
    fn names_are_files_then_posix_strings() {
        let directory = Directory::new("names");
        let mut zones = directory.zones(None, "missing");
        assert_eq!(hours(zones.named("EST5EDT")), 7, "the file, not the string");
        assert_eq!(hours(zones.named("EST5")), -5);
        assert_eq!(hours(zones.named("AEST-10AEDT,M10.1.0,M4.1.0/3")), 11);
        assert_eq!(hours(zones.named("posix/Area/City")), 3);
        let (one, two) = (zones.named("Area/City").unwrap(), zones.named("Area/City").unwrap());
        assert!(Rc::ptr_eq(&one, &two), "read once");
        let mut bare = Zones::new("/nonexistent".into(), None, "/nonexistent/localtime".into());
        assert_eq!(hours(bare.named("UTC")), 0);
        assert_eq!(hours(bare.named("CET-1CEST,M3.5.0,M10.5.0/3")), 1);
    }

    #[test]
    fn without_files_there_are_the_rules_built_in() {
        let mut bare = Zones::new("/nonexistent".into(), None, "/nonexistent/localtime".into());
        assert_eq!(hours(bare.named("Asia/Tokyo")), 9);
        assert_eq!(bare.named("EST5EDT"), bare.named("America/New_York"), "the zone, not the string");
        assert_eq!(hours(bare.local()), 0, "UTC, for there is nothing that tells another");
        assert_eq!(error(bare.named("Asia/Tokio")), "unknown time zone 'Asia/Tokio' (did you mean 'Asia/Tokyo'?)");
        assert_eq!(error(bare.named("asia/tokyo")), "unknown time zone 'asia/tokyo' (did you mean 'Asia/Tokyo'?)");
        // A file decides, whatever it holds; a directory that has some files only is made up for.
        let directory = Directory::new("partial");
        directory.write("Asia/Tokyo", &file(1));
        directory.write("Asia/Seoul", b"TZif");
        let mut zones = directory.zones(None, "missing");
        assert_eq!((hours(zones.named("Asia/Tokyo")), hours(zones.named("Japan"))), (1, 9));
        let seoul = directory.0.join("Asia/Seoul").display().to_string();
        let broken = format!("cannot read the time zone '{seoul}': not a time zone file");
        assert_eq!(error(zones.named("Asia/Seoul")), broken);
        assert_eq!(error(zones.named("Area/Tokyo")), "unknown time zone 'Area/Tokyo' (did you mean 'Asia/Tokyo'?)");
    }

    #[test]
    fn a_link_that_leads_nowhere_still_tells_the_name() {
        let directory = Directory::new("links");
        let links = |path: &str, target: &str| {
            _ = fs::remove_file(directory.0.join(path));
            std::os::unix::fs::symlink(target, directory.0.join(path)).unwrap();
        };
        for target in [
            "/nonexistent/zoneinfo/Asia/Tokyo",
            "../nonexistent/zoneinfo/Asia/Tokyo",
            "/nonexistent/zoneinfo/posix/Asia/Tokyo",
            "second",
        ] {
            links("second", "zoneinfo/right/Asia/Tokyo");
            links("localtime", target);
            assert_eq!(hours(directory.zones(None, "localtime").local()), 9, "{target}");
            let path = directory.0.join("localtime").display().to_string();
            assert_eq!(hours(directory.zones(Some(&path), "missing").local()), 9, "{target}");
        }
        links("localtime", "/nonexistent/zoneinfo/Area/City");
        assert_eq!(hours(directory.zones(None, "localtime").local()), 3, "the file in TZDIR");
        let path = directory.0.join("localtime").display().to_string();
        for target in ["/nonexistent/zoneinfo/Area/Citi", "/nonexistent/Asia/Tokyo", "/nonexistent/zoneinfo/", "second"]
        {
            links("second", "second");
            links("localtime", target);
            let zone = error(directory.zones(None, "localtime").local());
            assert!(zone.starts_with(&format!("cannot read the time zone '{path}")), "never silently UTC: {zone}");
            assert!(target == "second" || zone.contains(&format!(" -> {target}': No such file")), "{zone}");
        }
        links("localtime", "/nonexistent/zoneinfo/Broken");
        assert!(error(directory.zones(None, "localtime").local()).ends_with("Broken': not a time zone file"));
        let local = error(directory.zones(None, "Area").local());
        assert!(local.ends_with("Area': Is a directory"), "what a mount of nothing leaves: {local}");
        let variable = |tz: &str| hours(directory.zones(Some(tz), "missing").local());
        assert_eq!(variable(":/nonexistent/zoneinfo/Asia/Tokyo"), 9);
        assert_eq!(variable("/nonexistent/share/zoneinfo/Area/City"), 3);
    }

    #[test]
    fn unknown_zones_are_errors_with_near_names() {
        let directory = Directory::new("unknown");
        let mut zones = directory.zones(None, "missing");
        assert_eq!(error(zones.named("Area/Citty")), "unknown time zone 'Area/Citty' (did you mean 'Area/City'?)");
        assert_eq!(
            error(zones.named("area/sub/town")),
            "unknown time zone 'area/sub/town' (did you mean 'Area/Sub/Town'?)"
        );
        for name in ["", "Area", "tzdata.zi", "../UTC", "Area/../UTC", "/UTC", ":UTC", "Area//City", "UTC\0", "ÜTC"] {
            assert!(error(zones.named(name)).starts_with(&format!("unknown time zone '{name}'")), "{name}");
        }
        let absolute = directory.0.join("UTC").display().to_string();
        assert!(zones.named(&absolute).is_err(), "a configuration can't have files read");
    }

    #[test]
    fn the_variable_is_read_as_the_c_library_reads_it() {
        let directory = Directory::new("variable");
        let local = |tz: &str| directory.zones(Some(tz), "EST5EDT").local();
        assert_eq!(hours(local("")), 0);
        assert_eq!(hours(local(":")), 0);
        assert_eq!(hours(local("Area/City")), 3);
        assert_eq!(hours(local(":Area/City")), 3);
        assert_eq!(hours(local("EST5")), -5);
        let path = directory.0.join("Area/Sub/Town").display().to_string();
        assert_eq!(hours(local(&path)), 4);
        assert_eq!(hours(local(&format!(":{path}"))), 4);
        assert_eq!(error(local("Area/Citi")), "unknown time zone 'Area/Citi' (did you mean 'Area/City'?)");
        let broken = directory.0.join("Broken").display().to_string();
        assert_eq!(error(local(&broken)), format!("cannot read the time zone '{broken}': not a time zone file"));
        assert_eq!(
            error(local("/nonexistent/zone")),
            "cannot read the time zone '/nonexistent/zone': No such file or directory"
        );
        assert!(directory.zones(None, "Broken").local().is_err(), "never silently UTC");
    }
}
