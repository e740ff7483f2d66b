//! How often the kernel's out-of-memory killer has struck in wingmate's own memory cgroup (cgroups(7)): what tells a
//! SIGKILL of the kernel's from anybody else's.
//!
//! Where the count is depends on what is mounted, not on what the kernel could do: `/proc/self/cgroup` names cgroups
//! of version 2 where only version 1 is mounted.

use super::files;
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

/// Larger tables of mounts belong to hosts, not to containers.
const LARGEST: u64 = 1 << 20;
/// Both versions' files are smaller.
const COUNTS: usize = 512;

/// The open file that has the count, so that one look is one system call.
#[derive(Debug)]
pub struct OomKills {
    file: File,
    /// The kernel kills all of the cgroup at once, wingmate included (`memory.oom.group`).
    pub all_at_once: bool,
}

impl OomKills {
    /// Those of the cgroup that this process is in; `None` where nobody counts them, or without `/proc`.
    pub fn find() -> Option<OomKills> {
        let read = |path: &str| files::read(Path::new(path), LARGEST).ok();
        OomKills::at(&place(&read("/proc/self/mountinfo")?, &read("/proc/self/cgroup")?)?)
    }

    fn at(place: &Place) -> Option<OomKills> {
        let (counts, group) = match place.version {
            Version::One => ("memory.oom_control", None),
            Version::Two => ("memory.events", Some("memory.oom.group")),
        };
        let file = files::open(&place.directory.join(counts)).ok()?;
        let group = group.and_then(|name| files::read(&place.directory.join(name), COUNTS as u64).ok());
        Some(OomKills { file, all_at_once: group.is_some_and(|text| text.starts_with(b"1")) })
    }

    /// How many there have been; 0 if it can't be told.
    pub fn count(&self) -> u32 {
        let mut buffer = [0; COUNTS];
        let length = self.file.read_at(&mut buffer, 0).unwrap_or(0);
        buffer.get(..length).and_then(counted).map_or(0, |count| count as u32)
    }
}

/// The count in `memory.events` or `memory.oom_control`: lines of a name and a number.
fn counted(text: &[u8]) -> Option<u64> {
    let line = parts(text, b'\n').find_map(|line| line.strip_prefix(b"oom_kill "))?;
    number(line, 10)
}

fn number(digits: &[u8], radix: u32) -> Option<u64> {
    digits.iter().try_fold(0u64, |number, digit| {
        let digit = char::from(*digit).to_digit(radix)?;
        number.checked_mul(radix.into())?.checked_add(digit.into())
    })
}

/// Where wingmate's memory cgroup is.
#[derive(Debug, PartialEq, Eq)]
struct Place {
    version: Version,
    directory: PathBuf,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Version {
    One,
    Two,
}

/// Finds it in `/proc/self/mountinfo` and `/proc/self/cgroup`. Where both versions are mounted memory is counted by
/// the one that has the memory controller: a mounted version 1.
fn place(mountinfo: &[u8], cgroup: &[u8]) -> Option<Place> {
    let (version, root, point) = mount(mountinfo, Version::One).or_else(|| mount(mountinfo, Version::Two))?;
    let point = PathBuf::from(OsString::from_vec(unescaped(point)));
    let below = own_path(cgroup, version).and_then(|path| below(path, &unescaped(root)));
    let directory = match below {
        Some(below) => point.join(OsStr::from_bytes(below)),
        None => point,
    };
    Some(Place { version, directory })
}

/// The first mount that shows memory cgroups of this version: its root and its place (proc(5): the fields before ` - `
/// vary in number behind the sixth, those after it are type, source and options of the file system).
fn mount(mountinfo: &[u8], version: Version) -> Option<(Version, &[u8], &[u8])> {
    for line in parts(mountinfo, b'\n') {
        let mut fields = parts(line, b' ');
        let (Some(root), Some(point)) = (fields.nth(3), fields.next()) else { continue };
        let (Some(_), Some(kind)) = (fields.find(|field| *field == b"-"), fields.next()) else { continue };
        let Some(options) = fields.nth(1) else { continue };
        let right = match version {
            Version::One => kind == b"cgroup" && has_memory(options),
            Version::Two => kind == b"cgroup2",
        };
        if right {
            return Some((version, root, point));
        }
    }
    None
}

/// The path of the line `ID:CONTROLLERS:PATH` that is of this version.
fn own_path(cgroup: &[u8], version: Version) -> Option<&[u8]> {
    for line in parts(cgroup, b'\n') {
        let mut fields = parts(line, b':');
        let (Some(_), Some(controllers)) = (fields.next(), fields.next()) else { continue };
        let right = match version {
            Version::One => has_memory(controllers),
            Version::Two => controllers.is_empty(),
        };
        if right {
            // The path may hold a colon itself.
            return line.get(line.iter().position(|byte| *byte == b'/')?..);
        }
    }
    None
}

fn has_memory(list: &[u8]) -> bool {
    parts(list, b',').any(|one| one == b"memory")
}

fn parts(text: &[u8], separator: u8) -> impl Iterator<Item = &[u8]> {
    text.split(move |byte| *byte == separator)
}

/// `path` less `root`; a path that isn't below that root, or leads out of the namespace's, is of no use here.
fn below<'a>(path: &'a [u8], root: &[u8]) -> Option<&'a [u8]> {
    let rest = if root == b"/" { path } else { path.strip_prefix(root)? };
    match rest {
        [] => Some(rest),
        [b'/', below @ ..] if !rest.starts_with(b"/..") => Some(below),
        _ => None,
    }
}

/// Blanks, line ends and backslashes are written as `\040` and the like.
fn unescaped(field: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(field.len());
    let mut rest = field;
    while let [first, tail @ ..] = rest {
        let octal = tail.get(..3).filter(|_| *first == b'\\').and_then(|digits| number(digits, 8));
        match octal {
            Some(byte) => {
                bytes.push(byte as u8);
                rest = tail.get(3..).unwrap_or_default();
            }
            None => {
                bytes.push(*first);
                rest = tail;
            }
        }
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    fn found(mountinfo: &str, cgroup: &str) -> Option<(Version, PathBuf)> {
        let place = place(mountinfo.as_bytes(), cgroup.as_bytes())?;
        Some((place.version, place.directory))
    }

    const PROC: &str = "22 21 0:21 / /proc rw,nosuid - proc proc rw\n";

    #[test]
    fn the_place_is_the_path_less_the_mounts_root() {
        let v1 = |root: &str| {
            format!(
                "{PROC}35 31 0:32 {root} /sys/fs/cgroup/memory ro,relatime shared:9 master:2 - cgroup cgroup rw,memory\n"
            )
        };
        let v2 = |root: &str| format!("{PROC}41 31 0:38 {root} /sys/fs/cgroup ro - cgroup2 cgroup rw,nsdelegate\n");
        let (one, two) = (Version::One, Version::Two);
        let at = |version, path: &str| Some((version, PathBuf::from(path)));
        let (memory, unified) = ("/sys/fs/cgroup/memory", "/sys/fs/cgroup");
        // Docker's version 1 without a cgroup namespace: the host's path, and its part of the host's tree is mounted.
        assert_eq!(found(&v1("/docker/ab"), "3:cpuset:/\n4:cpu,memory:/docker/ab\n0::/\n"), at(one, memory));
        assert_eq!(found(&v1("/docker/ab"), "4:memory:/docker/ab/in/ner\n"), at(one, "/sys/fs/cgroup/memory/in/ner"));
        assert_eq!(found(&v1("/"), "4:memory:/user/1\n"), at(one, "/sys/fs/cgroup/memory/user/1"));
        assert_eq!(found(&v1("/docker/ab"), "4:memory:/docker/abc\n"), at(one, memory), "another's");
        assert_eq!(found(&v1("/"), "3:cpuset:/x\n0::/y\n"), at(one, memory), "not told");
        assert_eq!(found(&v1("/"), "4:memory:/../other\n"), at(one, memory), "outside of the namespace");
        // A cgroup namespace.
        assert_eq!(found(&v2("/"), "0::/\n"), at(two, unified));
        assert_eq!(found(&v2("/"), "0::/init.scope\n"), at(two, "/sys/fs/cgroup/init.scope"));
        assert_eq!(found(&v2("/../.."), "0::/\n"), at(two, unified));
        // Both: memory is where its controller is, whatever the order.
        let both = format!("{}{}", v2("/"), v1("/"));
        assert_eq!(found(&both, "4:memory:/a\n0::/b\n"), at(one, "/sys/fs/cgroup/memory/a"));
        let without = both.replace("rw,memory", "rw,pids");
        assert_eq!(found(&without, "4:memory:/a\n0::/b\n"), at(two, "/sys/fs/cgroup/b"));
    }

    #[test]
    fn without_a_mount_there_is_none_and_odd_lines_are_passed_over() {
        assert_eq!(found(PROC, "0::/\n"), None);
        assert_eq!(found("", ""), None);
        for odd in ["x", "1 2 3 / -", "1 2 3 / /p rw -", "1 2 3 / /p rw - cgroup2", "- - - - - - -"] {
            assert_eq!(found(odd, "::"), None, "{odd}");
        }
        let blank = r"41 31 0:38 /a\040b /c\134\040\x rw - cgroup2 cgroup rw";
        assert_eq!(found(blank, "0::/a b/d\n"), Some((Version::Two, PathBuf::from(r"/c\ \x/d"))));
    }

    #[test]
    fn the_count_is_read_again_from_the_open_file() {
        let directory = std::env::temp_dir().join(format!("wingmate-oom-{}", std::process::id()));
        fs::create_dir(&directory).unwrap();
        let at = |version| OomKills::at(&Place { version, directory: directory.clone() });
        assert!(at(Version::One).is_none() && at(Version::Two).is_none());
        let write = |name: &str, text: &str| fs::write(directory.join(name), text).unwrap();
        write("memory.oom_control", "oom_kill_disable 0\nunder_oom 0\noom_kill 7\n");
        let one = at(Version::One).unwrap();
        assert_eq!((one.count(), one.all_at_once), (7, false));
        write("memory.events", "low 0\nhigh 0\nmax 12\noom 3\noom_kill 2\noom_group_kill 1\n");
        let two = at(Version::Two).unwrap();
        assert_eq!((two.count(), two.all_at_once), (2, false));
        write("memory.events", "low 0\nhigh 0\nmax 12\noom 3\noom_kill 11\noom_group_kill 1\n");
        write("memory.oom.group", "1\n");
        assert_eq!((two.count(), at(Version::Two).unwrap().all_at_once), (11, true));
        // What old kernels or strange mounts have in its place is no count.
        write("memory.events", "low 0\noom_kill x\n");
        assert_eq!(two.count(), 0);
        fs::remove_dir_all(&directory).unwrap();
    }
}
