//! A small world for one story: a directory, fifos to tell programs to go on, a proxy whose stdout is read line by
//! line. Everything is awaited with one generous limit, after which the story has failed.

pub mod dice;
pub mod filter;
pub mod rest;
pub mod terminal;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{CWD, FileType, Mode};
use rustix::process::{Pid, PidfdFlags, Signal, kill_process, pidfd_open};
use std::ffi::OsStr;
use std::fs::{self, File, OpenOptions};
use std::io::{Read, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Instant;
use wingmate::sys::inotify::Inotify;

/// Longer than anything here takes on a loaded machine.
const LIMIT: Timespec = Timespec { tv_sec: 60, tv_nsec: 0 };

/// A directory with the fifos `go`, `begin`, `late`, `end`, and `life`, which nobody ever writes to: opening it
/// for reading lasts as long as the story.
pub struct World {
    dir: PathBuf,
}

impl World {
    pub fn new() -> World {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let dir = std::env::temp_dir().join(format!("wingmate-pidproxy-{}-{count}", std::process::id()));
        fs::create_dir(&dir).unwrap();
        let world = World { dir };
        ["go", "begin", "late", "end", "life"].iter().for_each(|name| world.fifo(name));
        world
    }

    pub fn path(&self, name: &str) -> String {
        self.dir.join(name).to_str().unwrap().to_owned()
    }

    pub fn fifo(&self, name: &str) {
        rustix::fs::mknodat(CWD, self.dir.join(name), FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
    }

    /// Writes a line to a fifo when somebody reads it.
    pub fn tell(&self, fifo: &str, line: &str) {
        let mut fifo = OpenOptions::new().write(true).open(self.dir.join(fifo)).unwrap();
        writeln!(fifo, "{line}").unwrap();
    }

    /// The pid that the file names, as soon as it names one that will do.
    pub fn await_pid(&self, will_do: impl Fn(Pid) -> bool) -> Pid {
        let mut inotify = Inotify::new().unwrap();
        inotify.watch(&self.dir).unwrap();
        loop {
            let text = fs::read_to_string(self.dir.join("a.pid")).unwrap_or_default();
            let pid = text.strip_suffix('\n').and_then(|line| line.parse().ok()).and_then(Pid::from_raw);
            if let Some(pid) = pid.filter(|pid| will_do(*pid)) {
                return pid;
            }
            await_readable(&inotify, "the pid file");
            inotify.drain(OsStr::new("a.pid"));
        }
    }

    /// `wmpidproxy --pid-file a.pid -- sh -c SCRIPT`, with `$P` the pid file and `$D` the directory.
    pub fn start(&self, script: &str) -> Proxy {
        self.start_with(&self.path("a.pid"), &[], script)
    }

    pub fn start_with(&self, file: &str, options: &[&str], script: &str) -> Proxy {
        self.launch(&mut self.command(file, options, script))
    }

    pub fn command(&self, file: &str, options: &[&str], script: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_wingmate"));
        command.args(["pidproxy", "--pid-file", file]).args(options).args(["--", "sh", "-c", script]);
        command.env("P", file).env_remove("WINGMATE_STARTSECS");
        command
    }

    /// Without a terminal.
    pub fn launch(&self, command: &mut Command) -> Proxy {
        self.launch_on(command.stdin(Stdio::null()))
    }

    /// With the stdin that it has.
    pub fn launch_on(&self, command: &mut Command) -> Proxy {
        self.launch_telling(command, File::create(self.dir.join("messages")).unwrap().into())
    }

    /// With this stderr.
    pub fn launch_telling(&self, command: &mut Command, stderr: Stdio) -> Proxy {
        command.current_dir(&self.dir).env("D", &self.dir).stdout(Stdio::piped()).stderr(stderr);
        let mut child = command.spawn().unwrap();
        Proxy { stdout: child.stdout.take().unwrap(), child, messages: self.dir.join("messages") }
    }
}

impl Drop for World {
    fn drop(&mut self) {
        // Whoever still lives by reading this finds its end.
        drop(OpenOptions::new().read(true).write(true).custom_flags(libc::O_NONBLOCK).open(self.dir.join("life")));
        let _ = fs::remove_dir_all(&self.dir);
    }
}

/// A running proxy.
pub struct Proxy {
    child: Child,
    stdout: ChildStdout,
    messages: PathBuf,
}

impl Proxy {
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// The next line that the program says.
    pub fn expect(&mut self, line: &str) {
        let found = self.line(line);
        assert_eq!(found, line, "{}", self.messages());
    }

    /// The next line, whatever it is; `what` is awaited.
    pub fn line(&mut self, what: &str) -> String {
        let mut found = Vec::new();
        let mut byte = [0];
        while !found.ends_with(b"\n") {
            await_readable(&self.stdout, what);
            assert_eq!(self.stdout.read(&mut byte).unwrap(), 1, "the end instead of '{what}': {}", self.messages());
            found.push(byte[0]);
        }
        String::from_utf8_lossy(&found).trim_end().to_owned()
    }

    /// Nothing more is said, and nobody is left who could.
    pub fn expect_end(&mut self) {
        await_readable(&self.stdout, "the end");
        let mut rest = [0; 64];
        let count = self.stdout.read(&mut rest).unwrap();
        assert_eq!(String::from_utf8_lossy(&rest[..count]), "");
    }

    pub fn signal(&self, signal: Signal) {
        kill_process(pid_of(self), signal).unwrap();
    }

    /// Whether it hasn't ended yet. (Until it is waited for, its number is its own.)
    pub fn lives(&self) -> bool {
        let pidfd = pidfd_open(pid_of(self), PidfdFlags::empty()).unwrap();
        poll(&mut [PollFd::new(&pidfd, PollFlags::IN)], Some(&Timespec { tv_sec: 0, tv_nsec: 0 })).unwrap() == 0
    }

    /// The proxy's exit status.
    pub fn wait(&mut self) -> i32 {
        let pidfd = pidfd_open(pid_of(self), PidfdFlags::empty()).unwrap();
        await_readable(&pidfd, "the proxy's end");
        self.child.wait().unwrap().code().unwrap()
    }

    /// What was said on stderr.
    pub fn messages(&self) -> String {
        fs::read_to_string(&self.messages).unwrap_or_default()
    }

    /// Until it has adopted a daemon and rests.
    pub fn await_rest(&self) {
        rest::await_rest(self.id());
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        // Only a failed story leaves one.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub fn pid_of(proxy: &Proxy) -> Pid {
    Pid::from_child(&proxy.child)
}

/// Until the process has ended and its parent knows how.
pub fn await_reaped(pid: Pid) {
    let pidfd = pidfd_open(pid, PidfdFlags::empty());
    if let Ok(pidfd) = &pidfd {
        await_readable(pidfd, "a process's end");
    }
    let begun = Instant::now();
    while fs::exists(format!("/proc/{}", pid.as_raw_nonzero())).unwrap() {
        assert!(begun.elapsed().as_secs() < LIMIT.tv_sec as u64, "nobody reaps it");
        std::thread::yield_now();
    }
}

/// Until something is there to be read, or a process has ended.
pub fn await_readable(fd: &impl AsFd, what: &str) {
    let ready = poll(&mut [PollFd::new(fd, PollFlags::IN)], Some(&LIMIT)).unwrap();
    assert!(ready > 0, "no sign of {what}");
}
