//! What becoming somebody else costs: `wmexec --user` beside its peers, each over a bare exec of the same program.
//!
//! `cargo bench --bench exec [-- STARTS]`, as root; `WINGMATE_BINARY=target/dist/wingmate` measures the release binary.
//! The rounds go through all of them in turn, so that each sees the same machine; the median round counts. System calls
//! are those between the peer's own exec and the program's, counted by strace where that is installed.
#![allow(unsafe_code)]

use std::ffi::{CString, c_char};
use std::io::{self, Write};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// Small, so that what it does itself is little beside what is measured.
const PROGRAM: &str = "/bin/true";
const USER: &str = "nobody";
const ROUNDS: usize = 15;

/// A way to become [`USER`], and what stands before the program.
struct Way {
    name: &'static str,
    words: &'static [&'static str],
}

const WAYS: &[Way] = &[
    Way { name: "wmexec", words: &["--user", USER] },
    Way { name: "chpst", words: &["-u", USER] },
    Way { name: "s6-setuidgid", words: &[USER] },
    Way { name: "setpriv", words: &["--reuid", USER, "--regid", "nogroup", "--init-groups"] },
    Way { name: "gosu", words: &[USER] },
    Way { name: "su-exec", words: &[USER] },
    Way { name: "runuser", words: &["-u", USER, "--"] },
];

fn main() -> io::Result<()> {
    let starts = std::env::args().filter_map(|arg| arg.parse().ok()).next().unwrap_or(100);
    let folder = Folder::new()?;
    let binary = std::env::var_os("WINGMATE_BINARY").unwrap_or_else(|| env!("CARGO_BIN_EXE_wingmate").into());
    std::os::unix::fs::symlink(std::fs::canonicalize(binary)?, folder.0.join("wmexec"))?;

    let mut out = io::stdout().lock();
    let (mut found, mut missing) = (Vec::new(), Vec::new());
    for way in WAYS {
        match program(&folder.0, way.name) {
            Some(path) => found.push((way, Start::new(&path, way.words))),
            None => missing.push(way.name),
        }
    }
    let floor = Start::new(Path::new(PROGRAM), &[]);
    let mut costs: Vec<Vec<Duration>> = vec![Vec::new(); found.len() + 1];
    for _ in 0..ROUNDS {
        costs[0].push(each(starts, &floor));
        for (cost, (_, start)) in costs[1..].iter_mut().zip(&found) {
            cost.push(each(starts, start));
        }
    }
    let mut medians = costs.iter_mut().map(|costs| median(costs));
    let bare = medians.next().unwrap_or_default();
    writeln!(out, "{starts} starts of {PROGRAM} as {USER}, median of {ROUNDS} rounds; over a bare exec\n")?;
    writeln!(out, "{:<14}{:>9.1} µs{:>14}{:>14}", "bare exec", micros(bare), "over it", "system calls")?;
    for ((way, start), cost) in found.iter().zip(medians) {
        let calls = start.system_calls(&folder.0)?.map_or("no strace".to_owned(), |calls| calls.to_string());
        writeln!(out, "{:<14}{:>9.1} µs{:>11.1} µs{calls:>14}", way.name, micros(cost), micros(cost) - micros(bare))?;
    }
    for name in missing {
        writeln!(out, "{name:<14} not measured: it isn't installed")?;
    }
    Ok(())
}

fn micros(cost: Duration) -> f64 {
    cost.as_secs_f64() * 1e6
}

/// The cost of one, over `count` of them.
fn each(count: u32, start: &Start) -> Duration {
    let begin = Instant::now();
    (0..count).for_each(|_| start.run());
    begin.elapsed() / count
}

fn median(costs: &mut [Duration]) -> Duration {
    costs.sort_unstable();
    costs.get(costs.len() / 2).copied().unwrap_or_default()
}

/// Where a program is: our own first.
fn program(own: &Path, name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let directories = std::iter::once(own.to_owned()).chain(std::env::split_paths(&path));
    directories.map(|directory| directory.join(name)).find(|path| path.exists())
}

/// One start, with all vectors made beforehand.
struct Start {
    words: Vec<CString>,
    argv: Vec<*const c_char>,
    _envp: Vec<CString>,
    pointers: Vec<*const c_char>,
}

impl Start {
    fn new(path: &Path, words: &[&str]) -> Start {
        let mut all = vec![CString::new(path.as_os_str().as_bytes()).unwrap()];
        all.extend(words.iter().map(|word| CString::new(*word).unwrap()));
        if !words.is_empty() {
            all.push(CString::new(PROGRAM).unwrap());
        }
        let line = |(name, value): (std::ffi::OsString, std::ffi::OsString)| {
            CString::new([name.as_bytes(), b"=", value.as_bytes()].concat()).unwrap()
        };
        let envp: Vec<CString> = std::env::vars_os().map(line).collect();
        let ends = |strings: &[CString]| strings.iter().map(|s| s.as_ptr()).chain([std::ptr::null()]).collect();
        Start { argv: ends(&all), pointers: ends(&envp), words: all, _envp: envp }
    }

    #[allow(deprecated)] // vfork: the child does nothing but exec
    fn run(&self) {
        let mut status = 0;
        // SAFETY: between vfork and its exec the child touches nothing; the vectors end in null pointers; `status` is ours.
        unsafe {
            let pid = libc::vfork();
            if pid == 0 {
                libc::execve(self.words[0].as_ptr(), self.argv.as_ptr(), self.pointers.as_ptr());
                libc::_exit(127);
            }
            assert!(libc::waitpid(pid, &mut status, 0) == pid && status == 0, "{:?}: status {status}", self.words);
        }
    }

    /// From its own exec to the program's, without either; `None` without strace. Of all its processes.
    fn system_calls(&self, folder: &Path) -> io::Result<Option<usize>> {
        let trace = folder.join("trace");
        let words = self.words.iter().map(|word| std::ffi::OsStr::from_bytes(word.as_bytes()));
        let mut strace = Command::new("strace");
        strace.args(["-f", "-qq", "-e", "signal=none", "-o"]).arg(&trace).args(words);
        match strace.stdin(Stdio::null()).status() {
            Ok(status) if status.success() => {}
            Ok(status) => return Err(io::Error::other(format!("strace: {status}"))),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        }
        let text = std::fs::read_to_string(trace)?;
        let own = text.lines().skip(1);
        Ok(Some(own.take_while(|line| !line.contains(&format!("execve(\"{PROGRAM}\""))).count()))
    }
}

/// For the link and the trace; gone in the end.
struct Folder(PathBuf);

impl Folder {
    fn new() -> io::Result<Folder> {
        let path = std::env::temp_dir().join(format!("wingmate-bench-exec-{}", std::process::id()));
        std::fs::create_dir_all(&path)?;
        Ok(Folder(path))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // A failure to clean up would hide the figures.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
