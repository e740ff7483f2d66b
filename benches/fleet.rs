//! A thousand services: wingmate against the floor, and beside other supervisors, on the same machine in the same run.
//!
//! `cargo bench --bench fleet [-- SERVICES]`; `WINGMATE_BINARY=target/dist/wingmate` measures the static binary. Where
//! s6, runit, dinit or supervisord isn't installed, that is said. Everything runs in a pid namespace whose first
//! process is this program, so that nobody's signal reaches a stranger, and the kernel knows when all are gone.
//!
//! The floor is a loop that does nothing but vfork and exec, and one that does nothing but kill and wait.
#![allow(unsafe_code)]

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{CWD, FileType, Mode, mknodat};
use rustix::io::Errno;
use rustix::pipe::{PipeFlags, pipe_with};
use rustix::process::{Pid, Signal, WaitOptions, kill_process, wait};
use std::ffi::CString;
use std::fs::{self, File, Permissions};
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// Set in the namespace: the pid of the benchmark outside of it.
const INSIDE: &str = "WINGMATE_FLEET_INSIDE";
/// A service that says nothing, and lives until it is told not to.
const SILENT: &str = "/bin/sleep 100000";
/// What one says that speaks.
const WORD: &str = "hello";
/// What wingmate says of each.
const RUNNING: &str = "running (pid";
/// Of the smaller of two wingmates, whose difference in memory is that of the services.
const FEW: usize = 10;
/// Whoever is silent for so long has nothing to say.
const LIMIT: Timespec = Timespec { tv_sec: 30, tv_nsec: 0 };

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

fn main() -> Result<()> {
    if std::env::var_os(INSIDE).is_none() {
        return enter_namespace();
    }
    end_with_the_outer();
    let services = std::env::args().filter_map(|arg| arg.parse().ok()).next().unwrap_or(1000);
    let rounds = if services < 100 { 1 } else { 5 };
    let fleet = Fleet { place: Place::new()?, wingmate: wingmate()?, services, rounds };
    let mut out = io::stdout().lock();
    writeln!(out, "{services} services, {}; medians of {rounds}\n", fleet.wingmate)?;
    against_the_floor(&mut out, &fleet)?;
    beside_others(&mut out, &fleet)
}

fn enter_namespace() -> Result<()> {
    let mut unshare = Command::new("unshare");
    if !rustix::process::geteuid().is_root() {
        unshare.args(["--user", "--map-root-user"]);
    }
    unshare.args(["--pid", "--fork", "--kill-child", "--mount-proc", "--"]).args(std::env::args_os());
    let mut inside = unshare.env(INSIDE, std::process::id().to_string()).stdin(Stdio::piped()).spawn()?;
    // Not before its end: the other one goes when this one does.
    let _held = inside.stdin.take();
    let status = inside.wait()?;
    if status.success() { Ok(()) } else { Err(format!("the benchmark in its namespace: {status}").into()) }
}

/// Whoever ends the process outside of the namespace ends all that is in it.
fn end_with_the_outer() {
    std::thread::spawn(|| {
        let _ = io::stdin().read_to_end(&mut Vec::new());
        std::process::exit(1)
    });
}

fn wingmate() -> Result<String> {
    let path = std::env::var_os("WINGMATE_BINARY").unwrap_or_else(|| env!("CARGO_BIN_EXE_wingmate").into());
    let path = fs::canonicalize(&path).map_err(|error| format!("{path:?}: {error}"))?;
    Ok(path.to_string_lossy().into_owned())
}

struct Fleet {
    place: Place,
    wingmate: String,
    services: usize,
    rounds: usize,
}

/// Silent services. Wingmate says when each of them runs; the floor knows it.
fn against_the_floor(out: &mut impl Write, fleet: &Fleet) -> Result<()> {
    let Fleet { wingmate, services, rounds, .. } = fleet;
    let plain = [wingmate, "-c", &fleet.config("plain", *services, SILENT, "")?];
    let limits = "    user: nobody\n    rlimits: { nofile: 1024, core: 0 }\n";
    let bound = [wingmate, "-c", &fleet.config("bound", *services, SILENT, limits)?];
    let mut times: [Vec<Duration>; 6] = Default::default();
    for _ in 0..*rounds {
        for (at, command) in [(0, &plain), (2, &bound)] {
            let mut running = Running::start(command, Heard::Stderr)?;
            times[at].push(running.await_lines(RUNNING, *services)?);
            times[at + 1].push(running.stop(Signal::TERM)?);
        }
        let began = Instant::now();
        let pids = floor_start(SILENT, *services, rustix::stdio::stdout())?;
        times[4].push(began.elapsed());
        times[5].push(floor_stop(&pids)?);
    }
    let [start, stop, bound_start, bound_stop, floor_start, floor_stop] = times.each_mut().map(|times| median(times));
    writeln!(out, "{:<26}{:>12}{:>16}", "against the floor", "wingmate", "floor")?;
    for (what, ours, floor, aim) in [
        ("start", start, floor_start, "2"),
        ("start with user, limits", bound_start, floor_start, "3"),
        ("stop", stop, floor_stop, "1.5"),
        ("stop with user, limits", bound_stop, floor_stop, "1.5"),
    ] {
        writeln!(out, "{what:<26}{ours:>9.1} ms{floor:>13.1} ms{:>8.2} x (aim: {aim} x)", ours / floor)?;
    }
    let bytes = (fleet.at_rest(FEW + services)? - fleet.at_rest(FEW)?) * 1024 / i64::try_from(*services)?;
    writeln!(out, "{:<26}{bytes:>6} bytes{:>26} (aim: 1024)\n", "memory of a silent service", "")?;
    Ok(())
}

impl Fleet {
    /// KiB of a wingmate with so many silent services.
    fn at_rest(&self, services: usize) -> Result<i64> {
        let mut running =
            Running::start(&[&self.wingmate, "-c", &self.config("silent", services, SILENT, "")?], Heard::Stderr)?;
        running.await_lines(RUNNING, services)?;
        let kib = pss(&running.pid.to_string())?;
        running.stop(Signal::TERM)?;
        Ok(kib)
    }

    fn config(&self, name: &str, services: usize, command: &str, more: &str) -> Result<String> {
        let service = |number| format!("  s{number}:\n    command: {command}\n{more}");
        let services: String = (0..services).map(service).collect();
        self.place.file(&format!("{name}.yaml"), &format!("service:\n{services}"))
    }
}

/// Every service says a word and waits: the start is over when all have been heard, the stop when nobody is left.
fn beside_others(out: &mut impl Write, fleet: &Fleet) -> Result<()> {
    let speaker = fleet.place.speaker()?;
    let mut rivals = rivals(fleet, &speaker)?;
    let mut floors: [Vec<Duration>; 2] = Default::default();
    for _ in 0..fleet.rounds {
        let (log, stdout) = pipe_with(PipeFlags::CLOEXEC)?;
        let mut heard = Running { pid: 0, log: log.into(), began: Instant::now() };
        let pids = floor_start(&speaker, fleet.services, stdout.as_fd())?;
        floors[0].push(heard.await_lines(WORD, fleet.services)?);
        floors[1].push(floor_stop(&pids)?);
        rivals.iter_mut().for_each(|rival| rival.compete(fleet.services));
    }
    let [start, stop] = floors.each_mut().map(|times| median(times));
    writeln!(out, "{:<26}{:>12}{:>16}{:>24}", "beside others", "start", "stop", "memory of a service")?;
    writeln!(out, "{:<26}{start:>9.1} ms{stop:>13.1} ms", "floor")?;
    for rival in &mut rivals {
        let [start, stop] = rival.times.each_mut().map(|times| median(times));
        let each = rival.memory as f64 / fleet.services as f64;
        match &rival.trouble {
            Some(trouble) => writeln!(out, "{:<26} {trouble}", rival.name)?,
            None => writeln!(out, "{:<26}{start:>9.1} ms{stop:>13.1} ms{each:>20.1} KiB", rival.name)?,
        }
    }
    Ok(())
}

/// A supervisor, used as its manual says.
struct Rival {
    name: &'static str,
    command: Vec<String>,
    /// What makes it stop everything.
    stop: Signal,
    times: [Vec<Duration>; 2],
    /// KiB of all its processes.
    memory: i64,
    /// Why there are no figures.
    trouble: Option<String>,
}

fn rivals(fleet: &Fleet, speaker: &str) -> Result<Vec<Rival>> {
    let Fleet { place, wingmate, services, .. } = fleet;
    let script = format!("#!/bin/sh\nexec {speaker}\n");
    for number in 0..*services {
        for path in [format!("s6/s{number}/run"), format!("runit/s{number}/run")] {
            fs::set_permissions(place.file(&path, &script)?, Permissions::from_mode(0o755))?;
        }
        place.file(&format!("dinit/s{number}"), &format!("type = process\ncommand = {speaker}\n"))?;
    }
    let all: String = (0..*services).map(|number| format!("waits-for = s{number}\n")).collect();
    place.file("dinit/boot", &format!("type = internal\n{all}"))?;
    let supervisord = format!(
        "[supervisord]\nlogfile=/dev/null\nlogfile_maxbytes=0\npidfile=none\nminfds={}\n[program:s]\ncommand={speaker}\n\
         process_name=s%(process_num)d\nnumprocs={services}\nstdout_logfile=/dev/fd/1\nstdout_logfile_maxbytes=0\n",
        services * 6 + 100,
    );
    let supervisord = place.file("supervisord.conf", &supervisord)?;
    let (s6, runit, dinit) = (place.path("s6"), place.path("runit"), place.path("dinit"));
    let (config, most) = (fleet.config("speaking", *services, speaker, "")?, (services + 1).to_string());
    let rows: [(_, &[&str], _); 5] = [
        ("wingmate", &[wingmate, "-c", &config], Signal::TERM),
        ("s6", &["s6-svscan", "-c", &most, &s6], Signal::TERM),
        ("runit", &["runsvdir", &runit], Signal::HUP),
        ("dinit", &["dinit", "--container", "-d", &dinit, "boot"], Signal::TERM),
        ("supervisord", &["supervisord", "-n", "-c", &supervisord], Signal::TERM),
    ];
    Ok(rows.map(|(name, command, stop)| Rival::new(name, command, stop)).into())
}

impl Rival {
    fn new(name: &'static str, command: &[&str], stop: Signal) -> Rival {
        let path = std::env::var_os("PATH").unwrap_or_default();
        let found = std::env::split_paths(&path).any(|folder| folder.join(command[0]).exists());
        Rival {
            name,
            command: command.iter().map(|word| (*word).to_owned()).collect(),
            stop,
            times: Default::default(),
            memory: 0,
            trouble: (!found).then(|| "isn't installed here".to_owned()),
        }
    }

    fn compete(&mut self, services: usize) {
        if self.trouble.is_none() {
            self.trouble = self.round(services).err().map(|error| error.to_string());
        }
    }

    fn round(&mut self, services: usize) -> Result<()> {
        let command: Vec<&str> = self.command.iter().map(String::as_str).collect();
        let mut running = Running::start(&command, Heard::Stdout)?;
        let started = running.await_lines(WORD, services);
        self.memory = beside_services()?;
        self.times[1].push(running.stop(self.stop)?);
        self.times[0].push(started?);
        Ok(())
    }
}

/// A supervisor that runs, and what is heard of it.
struct Running {
    pid: i32,
    log: File,
    began: Instant,
}

enum Heard {
    Stdout,
    Stderr,
}

impl Running {
    fn start(command: &[&str], heard: Heard) -> Result<Running> {
        let (log, writer) = pipe_with(PipeFlags::CLOEXEC)?;
        let (stdout, stderr) = match heard {
            Heard::Stdout => (writer.into(), Stdio::null()),
            Heard::Stderr => (Stdio::null(), writer.into()),
        };
        let began = Instant::now();
        let mut start = Command::new(command[0]);
        start.args(&command[1..]).env_remove(INSIDE).stdin(Stdio::null()).stdout(stdout).stderr(stderr);
        Ok(Running { pid: i32::try_from(start.spawn()?.id())?, log: log.into(), began })
    }

    /// How long after the start so many lines with this text had come.
    fn await_lines(&mut self, text: &str, count: usize) -> Result<Duration> {
        let mut seen = 0;
        let mut line = Vec::new();
        while seen < count {
            let block = self.read()?;
            if block.is_empty() {
                return Err(format!("ended when {seen} of {count} services had started").into());
            }
            for part in block.split_inclusive(|byte| *byte == b'\n') {
                line.extend_from_slice(part);
                if line.ends_with(b"\n") {
                    seen += usize::from(String::from_utf8_lossy(&line).contains(text));
                    line.clear();
                }
            }
        }
        Ok(self.began.elapsed())
    }

    /// What has come; nothing at its end.
    fn read(&mut self) -> Result<Vec<u8>> {
        if poll(&mut [PollFd::new(&self.log, PollFlags::IN)], Some(&LIMIT))? == 0 {
            // Whoever doesn't stop is stopped; the floor's services have no supervisor.
            let _ = Pid::from_raw(self.pid).map(|pid| kill_process(pid, Signal::KILL));
            return Err("nothing is heard any more".into());
        }
        let mut block = vec![0; 64 << 10];
        let count = self.log.read(&mut block)?;
        block.truncate(count);
        Ok(block)
    }

    /// How long it takes until everything is gone.
    fn stop(mut self, signal: Signal) -> Result<Duration> {
        let began = Instant::now();
        kill_process(Pid::from_raw(self.pid).ok_or("no pid")?, signal)?;
        while !self.read()?.is_empty() {}
        reap_all()?;
        Ok(began.elapsed())
    }
}

/// Starts programs as fast as it can be done.
#[allow(deprecated)] // vfork: the child does nothing but two calls
fn floor_start(command: &str, count: usize, stdout: BorrowedFd<'_>) -> Result<Vec<Pid>> {
    let words: Vec<CString> = command.split(' ').map(CString::new).collect::<std::result::Result<_, _>>()?;
    let argv: Vec<_> = words.iter().map(|word| word.as_ptr()).chain([std::ptr::null()]).collect();
    let (program, envp, stdout) = (words[0].as_ptr(), [std::ptr::null()], stdout.as_raw_fd());
    let mut pids = Vec::with_capacity(count);
    for _ in 0..count {
        // SAFETY: between vfork and its exec the child touches nothing; the vectors end in null pointers.
        let pid = unsafe {
            let pid = libc::vfork();
            if pid == 0 {
                libc::dup2(stdout, 1);
                libc::execve(program, argv.as_ptr(), envp.as_ptr());
                libc::_exit(127);
            }
            pid
        };
        pids.push(Pid::from_raw(pid).ok_or("vfork failed")?);
    }
    Ok(pids)
}

/// How long it takes at least to stop them.
fn floor_stop(pids: &[Pid]) -> Result<Duration> {
    let began = Instant::now();
    pids.iter().try_for_each(|pid| kill_process(*pid, Signal::TERM))?;
    reap_all()?;
    Ok(began.elapsed())
}

/// Until nobody is left in the namespace but this process: orphans are its children too.
fn reap_all() -> Result<()> {
    loop {
        match wait(WaitOptions::empty()) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(Errno::CHILD) => return Ok(()),
            Err(error) => return Err(error.into()),
        }
    }
}

/// KiB of every process but this one and the services.
fn beside_services() -> Result<i64> {
    let mut sum = 0;
    for entry in fs::read_dir("/proc")?.flatten() {
        let pid = entry.file_name().to_string_lossy().into_owned();
        let other = pid != "1" && pid.bytes().all(|byte| byte.is_ascii_digit());
        if other && fs::read_to_string(entry.path().join("comm"))? != "cat\n" {
            sum += pss(&pid)?;
        }
    }
    Ok(sum)
}

/// KiB of memory, shared pages by halves.
fn pss(pid: &str) -> Result<i64> {
    let rollup = fs::read_to_string(format!("/proc/{pid}/smaps_rollup"))?;
    let line = rollup.lines().find(|line| line.starts_with("Pss:")).ok_or("no PSS in smaps_rollup")?;
    Ok(line.split_whitespace().nth(1).ok_or("no figure in smaps_rollup")?.parse()?)
}

/// In milliseconds.
fn median(times: &mut [Duration]) -> f64 {
    times.sort_unstable();
    times.get(times.len() / 2).map_or(f64::NAN, |time| time.as_secs_f64() * 1e3)
}

/// A folder for configurations.
struct Place(PathBuf);

impl Place {
    fn new() -> Result<Place> {
        let path = std::env::temp_dir().join(format!("wingmate-fleet-{}", std::env::var(INSIDE)?));
        fs::create_dir_all(&path)?;
        Ok(Place(path))
    }

    fn path(&self, name: &str) -> String {
        self.0.join(name).to_string_lossy().into_owned()
    }

    fn file(&self, name: &str, text: &str) -> Result<String> {
        let path = self.0.join(name);
        path.parent().map_or(Ok(()), fs::create_dir_all)?;
        fs::write(&path, text)?;
        Ok(self.path(name))
    }

    /// The command of a service that says its word, then waits at a fifo that nobody writes to.
    fn speaker(&self) -> Result<String> {
        let (word, fifo) = (self.file("word", &format!("{WORD}\n"))?, self.path("fifo"));
        mknodat(CWD, &fifo, FileType::Fifo, Mode::from_raw_mode(0o644), 0)?;
        Ok(format!("/bin/cat {word} {fifo}"))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}
