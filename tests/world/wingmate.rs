//! A running wingmate as a story sees it: a directory with its configuration, a pid namespace that ends with the
//! story, both streams read line by line. Nothing here sleeps; each wait has one generous limit.

use crate::lines::Lines;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{CWD, FileType, Mode};
use std::cell::{OnceCell, RefCell};
use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};
use wingmate::model::signal::Signal;
use wingmate::model::unit::Pid;
use wingmate::sys::processes;

/// Longer than anything here takes on a loaded machine.
pub const LIMIT: Duration = Duration::from_secs(60);
const LIMIT_OF_POLL: Timespec = Timespec { tv_sec: 60, tv_nsec: 0 };

/// The binary under test.
pub const BINARY: &str = env!("CARGO_BIN_EXE_wingmate");

/// What stands between the namespace's first process and wingmate: nothing, wingmate is process 1.
pub const AS_INIT: &[&str] = &[];
/// A shell is process 1, and wingmate an ordinary one below it.
pub const ORDINARY: &[&str] = &["sh", "-c", r#""$@"; exit $?"#, "sh"];

/// A directory with a configuration, and whatever a story's programs leave there; they find it as `$D`.
pub struct Place {
    dir: PathBuf,
    fifos: RefCell<BTreeMap<String, File>>,
}

impl Place {
    /// With this `wingmate.yaml`, if it has any text, and the fifo `go`.
    pub fn new(yaml: &str) -> Place {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let dir = std::env::temp_dir().join(format!("wingmate-init-{}-{count}", std::process::id()));
        fs::create_dir(&dir).unwrap();
        fs::set_permissions(&dir, Permissions::from_mode(0o755)).unwrap();
        let place = Place { dir, fifos: RefCell::default() };
        place.fifo("go");
        if !yaml.is_empty() {
            place.file("wingmate.yaml", yaml);
        }
        place
    }

    pub fn path(&self, name: &str) -> String {
        self.dir.join(name).to_str().unwrap().to_owned()
    }

    /// Writes a file, its directories too.
    pub fn file(&self, name: &str, text: &str) {
        let path = self.dir.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    /// Writes an executable file; whoever looks meanwhile finds nothing of it.
    pub fn program(&self, name: &str, text: &str) {
        let early = format!("{name}~");
        self.file(&early, text);
        fs::set_permissions(self.dir.join(&early), Permissions::from_mode(0o755)).unwrap();
        fs::rename(self.dir.join(early), self.dir.join(name)).unwrap();
    }

    /// What a story's program has written.
    pub fn read(&self, name: &str) -> String {
        fs::read_to_string(self.dir.join(name)).unwrap_or_default()
    }

    /// Makes a fifo. Both its ends stay open, so that nobody waits for the other side to come.
    pub fn fifo(&self, name: &str) {
        let path = self.dir.join(name);
        rustix::fs::mknodat(CWD, &path, FileType::Fifo, Mode::from_raw_mode(0o666), 0).unwrap();
        fs::set_permissions(&path, Permissions::from_mode(0o666)).unwrap();
        let file = OpenOptions::new().read(true).write(true).open(&path).unwrap();
        self.fifos.borrow_mut().insert(name.to_owned(), file);
    }

    /// Writes a line to a fifo, for the next who reads one.
    pub fn tell(&self, fifo: &str, line: &str) {
        writeln!(self.fifos.borrow().get(fifo).unwrap(), "{line}").unwrap();
    }

    /// Awaits a line in a fifo.
    pub fn hear(&self, fifo: &str) -> String {
        let fifos = self.fifos.borrow();
        let mut file = fifos.get(fifo).unwrap();
        let (mut line, mut byte) = (Vec::new(), [0]);
        while byte != *b"\n" {
            let ready = poll(&mut [PollFd::new(file, PollFlags::IN)], Some(&LIMIT_OF_POLL)).unwrap();
            assert!(ready > 0, "nothing is heard in {fifo}");
            file.read_exact(&mut byte).unwrap();
            line.push(byte[0]);
        }
        String::from_utf8(line).unwrap().trim_end().to_owned()
    }

    /// `wingmate ARGS` in a pid namespace of its own, behind the words of `through`.
    pub fn bare(&self, through: &[&str], args: &[&str]) -> Command {
        let mut command = Command::new("unshare");
        if !rustix::process::geteuid().is_root() {
            command.args(["--user", "--map-root-user"]);
        }
        command.args(["--pid", "--fork", "--kill-child", "--mount-proc", "--"]);
        command.args(through).arg(BINARY).args(args);
        for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("WINGMATE_")) {
            command.env_remove(name);
        }
        command.current_dir(&self.dir).env("D", &self.dir).env_remove("TZ").env_remove("NO_COLOR");
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    /// The same with this configuration.
    pub fn command(&self, through: &[&str], args: &[&str]) -> Command {
        let config = ["-c", self.dir.to_str().unwrap()];
        self.bare(through, &[&config, args].concat())
    }

    /// As process 1.
    pub fn start(&self, args: &[&str]) -> Wingmate {
        Wingmate::launch(&mut self.command(AS_INIT, args))
    }

    /// As process 1, until it ends by itself: its status, and every line.
    pub fn run(&self, args: &[&str]) -> (i32, Vec<String>) {
        self.start(args).end()
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.dir);
    }
}

/// A running wingmate.
pub struct Wingmate {
    /// `unshare`, which ends with the namespace's first process and has its status.
    outer: Child,
    pub lines: Lines,
    pid: OnceCell<Pid>,
}

impl Wingmate {
    /// Both streams must be piped.
    pub fn launch(command: &mut Command) -> Wingmate {
        let mut outer = command.spawn().unwrap();
        Wingmate { lines: Lines::of(&mut outer), outer, pid: OnceCell::new() }
    }

    /// Awaits a line that holds `part`, of those that no earlier call has passed.
    pub fn line(&mut self, part: &str) -> String {
        self.lines.line(part)
    }

    /// Awaits a line for each of `parts`, in whatever order they come.
    pub fn each(&mut self, parts: &[&str]) {
        self.lines.each(parts);
    }

    /// The number by which we know it.
    pub fn pid(&self) -> Pid {
        *self.pid.get_or_init(|| below(&self.outer, |pid| named(pid) == "wingmate"))
    }

    /// The number by which we know a process that has this one in the namespace.
    pub fn inside(&self, number: &str) -> Pid {
        below(&self.outer, |pid| {
            let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
            let numbers = status.lines().find(|line| line.starts_with("NSpid:"));
            numbers.and_then(|line| line.split_whitespace().last()) == Some(number)
        })
    }

    pub fn signal(&self, signal: Signal) {
        processes::kill(self.pid(), signal).unwrap();
    }

    /// Stands in epoll without a time-out.
    pub fn await_rest(&self) {
        crate::rest::await_rest(self.pid().raw() as u32);
    }

    /// How many descriptors it has.
    pub fn descriptors(&self) -> usize {
        fs::read_dir(format!("/proc/{}/fd", self.pid())).unwrap().count()
    }

    /// Whether it has ended, looked at for this long.
    pub fn ends_within(&mut self, time: Duration) -> bool {
        let begun = Instant::now();
        while begun.elapsed() < time {
            if self.outer.try_wait().unwrap().is_some() {
                return true;
            }
            std::thread::yield_now();
        }
        false
    }

    /// Awaits its end: its status, and every line that it ever wrote.
    pub fn end(mut self) -> (i32, Vec<String>) {
        let lines = self.lines.all();
        (self.outer.wait().unwrap().code().unwrap_or(-1), lines)
    }

    /// Asks it to stop, which must end with 0 and at once; every line.
    pub fn stop(self) -> Vec<String> {
        self.signal(Signal::TERM);
        let (status, lines) = self.end();
        assert_eq!(status, 0, "{lines:#?}");
        assert!(took(&lines) < Duration::from_secs(1), "{lines:#?}");
        lines
    }
}

impl Drop for Wingmate {
    fn drop(&mut self) {
        // Only a failed story leaves one; the namespace goes with it.
        let _ = self.outer.kill();
        let _ = self.outer.wait();
    }
}

fn below(outer: &Child, is: impl Fn(Pid) -> bool) -> Pid {
    let root = Pid::from_raw(outer.id() as i32).unwrap();
    let begun = Instant::now();
    loop {
        if let Some(found) = processes::descendants(root).iter().find(|facts| is(facts.pid)) {
            return found.pid;
        }
        assert!(begun.elapsed() < LIMIT, "no such process");
        std::thread::yield_now();
    }
}

fn named(pid: Pid) -> String {
    fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default().trim_end().to_owned()
}

/// How long the shutdown took, by wingmate's last line.
pub fn took(lines: &[String]) -> Duration {
    let last = lines.iter().find(|line| line.contains(" received ") && line.contains("exit status")).unwrap();
    let spoken = last.split(" received ").nth(1).and_then(|rest| rest.split(" ago").next()).unwrap();
    let (number, unit) = match spoken.strip_suffix("ms") {
        Some(number) => (number, 0.001),
        None => (spoken.strip_suffix('s').unwrap(), 1.0),
    };
    // More than a minute isn't a plain number: then it took too long for whatever is asked.
    number.parse().map_or(Duration::MAX, |number: f64| Duration::from_secs_f64(number * unit))
}

/// Runs a command that ends by itself: its status and both streams apart.
pub fn told(command: &mut Command) -> (i32, String, String) {
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let (sender, receiver) = std::sync::mpsc::channel();
    std::thread::spawn(move || sender.send(child.wait_with_output()));
    let output: Output = receiver.recv_timeout(LIMIT).expect("it doesn't end").unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap_or(-1), text(output.stdout), text(output.stderr))
}

/// The words of a list behind each other, in the order of the lines that hold one each: for comparing orders.
pub fn order<'a>(lines: &[String], words: &[&'a str]) -> Vec<&'a str> {
    lines.iter().filter_map(|line| words.iter().copied().find(|word| line.contains(word))).collect()
}

/// Whether users can be switched; says so where everybody sees it if not.
pub fn can_switch_users(test: &str) -> bool {
    let root = rustix::process::geteuid().is_root();
    if !root {
        // Past the harness, which keeps what passing tests print to itself.
        std::io::stderr().write_all(format!("NOT TESTED: {test} needs root\n").as_bytes()).unwrap();
    }
    root
}
