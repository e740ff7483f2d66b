//! What cron costs, and how exact it is: wingmate beside Debian's cron and busybox's crond, in the same run.
//!
//! `cargo bench --bench cron [-- [JOBS] [quick]]`; `WINGMATE_BINARY=target/dist/wingmate` measures the static binary.
//! Each in its turn has JOBS jobs (100) due in the same minute, each of which notes when it began; and ten thousand
//! lines, of which none is due, while it is watched for a minute. That takes six minutes or seven; `quick` leaves out
//! the others and the watching, and takes one. Who isn't installed is told (Debian: cron, busybox-static).
//!
//! The floor is a loop that does nothing but vfork and exec, begun by a timer of the kernel.
//!
//! Everything runs in namespaces whose first process is this program, with file systems of its own where crons look:
//! nobody's signal reaches a stranger, and nothing of the machine's own cron is touched.
#![allow(unsafe_code)]

use rustix::io::Errno;
use rustix::process::{Pid, Signal, WaitOptions, kill_process, wait};
use rustix::time::{
    ClockId, Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, clock_gettime, timerfd_create,
    timerfd_settime,
};
use std::ffi::CString;
use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Set in the namespaces: the pid of the benchmark outside of them.
const INSIDE: &str = "WINGMATE_CRON_INSIDE";
/// Set there if it was root's before.
const ROOT: &str = "WINGMATE_CRON_ROOT";
/// The first word of a job that is this program, where there is no C compiler for a smaller one.
const STAMP: &str = "stamp";
/// A job as small as it can be.
const SMALL: &str = "#include <fcntl.h>\n#include <time.h>\n#include <unistd.h>\n\
    int main(int count, char **words) {\n\
    struct timespec now; clock_gettime(CLOCK_REALTIME, &now);\n\
    long long nanos = now.tv_sec * 1000000000LL + now.tv_nsec;\n\
    int file = open(words[1], O_WRONLY | O_APPEND);\n\
    return write(file, &nanos, sizeof nanos) != sizeof nanos; }\n";
const LINES: usize = 10_000;
/// Of the floor, which has no minute to wait for.
const ROUNDS: usize = 5;
/// Nobody starts up in less, on a machine that has other things to do.
const AHEAD: Duration = Duration::from_secs(4);
/// How long after the minute a job may begin.
const LIMIT: Duration = Duration::from_secs(20);
const MINUTE: Duration = Duration::from_secs(60);
const SECOND: Duration = Duration::from_secs(1);
/// How far the sampling of another process is apart.
const LOOK: Duration = Duration::from_millis(50);

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

fn main() -> Result<()> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    if let [first, path] = words.as_slice() {
        if first == STAMP {
            return Ok(OpenOptions::new().append(true).open(path)?.write_all(&wall()?.to_ne_bytes())?);
        }
    }
    if std::env::var_os(INSIDE).is_none() {
        return enter_namespaces();
    }
    end_with_the_outer();
    let jobs = words.iter().filter_map(|word| word.parse().ok()).next().unwrap_or(100);
    let quick = words.iter().any(|word| word == "quick");
    let place = Place::new(jobs)?;
    let rivals = rivals(&place, quick)?;
    let mut out = io::stdout().lock();
    writeln!(out, "{} jobs due in the same minute, each {}; {LINES} lines; {}\n", jobs, place.kind, rivals[0].path)?;
    let [first, half, most, last] = ["first", "half", "99 %", "last"];
    write!(out, "{:<24}{first:>11}{half:>11}{most:>11}{last:>11}", "begun after")?;
    writeln!(out, "{:>14}{:>11}{:>15}{:>13}", "CPU to load", "memory", "idle: wake-ups", "CPU")?;
    let mut floors: Vec<_> = (0..ROUNDS).map(|_| place.floor()).collect::<Result<_>>()?;
    floors.sort_unstable_by_key(|times| at(times, 50));
    writeln!(out, "{:<24}{}", "floor", latencies(&floors[ROUNDS / 2]))?;
    let watched = if quick { 2 * SECOND } else { MINUTE + LOOK };
    let loads = place.load(&rivals, watched);
    for (rival, load) in rivals.iter().zip(loads) {
        let row = match rival.trouble {
            Some(trouble) => trouble.into(),
            None => [told(place.race(rival).map(|times| latencies(&times))), load.map_or(String::new(), told)].concat(),
        };
        writeln!(out, "{:<24}{row}", rival.name)?;
    }
    writeln!(out, "\naims: half after 10 ms, 99 % after 20 ms (without a shell); 20 ms, 2560 KiB, no wake-up")?;
    Ok(())
}

/// Figures, or why there are none.
fn told(figures: Result<String>) -> String {
    figures.unwrap_or_else(|error| format!(" ({error}) "))
}

fn enter_namespaces() -> Result<()> {
    let mut unshare = Command::new("unshare");
    if rustix::process::geteuid().is_root() {
        unshare.env(ROOT, "");
    } else {
        unshare.args(["--user", "--map-root-user"]);
    }
    unshare.args(["--mount", "--pid", "--fork", "--kill-child", "--mount-proc", "--"]).args(std::env::args_os());
    let mut inside = unshare.env(INSIDE, std::process::id().to_string()).stdin(Stdio::piped()).spawn()?;
    // Not before its end: the other one goes when this one does.
    let _held = inside.stdin.take();
    let status = inside.wait()?;
    if status.success() { Ok(()) } else { Err(format!("the benchmark in its namespaces: {status}").into()) }
}

/// Whoever ends the process outside of the namespaces ends all that is in them.
fn end_with_the_outer() {
    std::thread::spawn(|| {
        let _ = io::stdin().read_to_end(&mut Vec::new());
        std::process::exit(1)
    });
}

/// A cron, used as its manual says.
struct Rival {
    name: &'static str,
    path: String,
    command: Vec<String>,
    /// Where it looks for the crontab, and what stands before the lines in it.
    crontab: PathBuf,
    head: &'static str,
    /// Whether its ten thousand lines are looked at.
    loads: bool,
    /// Why there are no figures.
    trouble: Option<&'static str>,
}

fn rivals(place: &Place, quick: bool) -> Result<Vec<Rival>> {
    let ours = std::env::var_os("WINGMATE_BINARY").unwrap_or_else(|| env!("CARGO_BIN_EXE_wingmate").into());
    let ours = fs::canonicalize(&ours).map_err(|error| format!("{ours:?}: {error}"))?.to_string_lossy().into_owned();
    let config = place.path("config");
    let wingmate = |name, head, loads| Rival {
        name,
        path: ours.clone(),
        command: vec![ours.clone(), "-c".into(), config.clone()],
        crontab: Path::new(&config).join("crontab"),
        head,
        loads,
        trouble: None,
    };
    let mut rivals = vec![wingmate("wingmate", "", true)];
    if quick {
        return Ok(rivals);
    }
    rivals.push(wingmate("wingmate, by /bin/sh", "SHELL=/bin/sh\n", false));
    let (spool, log) = (place.path("crond"), place.path("crond.log"));
    let found = |name: &str| {
        let path = std::env::var_os("PATH").unwrap_or_default();
        let folders = std::env::split_paths(&path).chain(["/usr/sbin".into(), "/sbin".into()]);
        folders.map(|folder| folder.join(name)).find(|path| path.exists())
    };
    let other = |name, program: &str, words: &[&str], crontab: PathBuf, head| {
        let found = found(program);
        let trouble = match &found {
            None => Some("isn't installed here"),
            Some(_) if std::env::var_os(ROOT).is_none() => Some("needs to be root here"),
            Some(_) => None,
        };
        let path = found.unwrap_or_default().to_string_lossy().into_owned();
        let command = std::iter::once(path.clone()).chain(words.iter().map(|word| (*word).to_owned())).collect();
        Rival { name, path, command, crontab, head, loads: true, trouble }
    };
    let crond = Path::new(&spool).join("root");
    rivals.push(other("crond of busybox", "busybox", &["crond", "-f", "-c", &spool, "-L", &log], crond, ""));
    rivals.push(other("cron of Debian", "cron", &["-f"], "/var/spool/cron/crontabs/root".into(), "MAILTO=\"\"\n"));
    Ok(rivals)
}

impl Rival {
    /// Its crontab has these lines from now on.
    fn write(&self, lines: &str) -> Result<()> {
        self.crontab.parent().map_or(Ok(()), fs::create_dir_all)?;
        fs::write(&self.crontab, [self.head, lines].concat())?;
        Ok(fs::set_permissions(&self.crontab, Permissions::from_mode(0o600))?)
    }

    /// With its log in a file.
    fn start(&self, place: &Place) -> Result<Child> {
        let log = || place.file("log");
        let mut command = Command::new(&self.command[0]);
        command.args(&self.command[1..]).env_remove(INSIDE).env_remove(ROOT).stdin(Stdio::null());
        Ok(command.stdout(log()?).stderr(log()?).spawn()?)
    }
}

/// Folders and file systems for all of them.
struct Place {
    dir: PathBuf,
    jobs: usize,
    /// The words of a job.
    job: Vec<String>,
    /// What a job is.
    kind: &'static str,
}

impl Place {
    fn new(jobs: usize) -> Result<Place> {
        let dir = std::env::temp_dir().join(format!("wingmate-cron-{}", std::env::var(INSIDE)?));
        fs::create_dir_all(&dir)?;
        mount(&["-t", "tmpfs", "tmpfs"], &dir)?;
        for looked_at in ["/var/spool/cron", "/etc/cron.d", "/run"] {
            if Path::new(looked_at).is_dir() {
                mount(&["-t", "tmpfs", "tmpfs"], Path::new(looked_at))?;
            }
        }
        let mut place = Place { dir, jobs, job: Vec::new(), kind: "this program" };
        let (source, small, stamps) = (place.path("small.c"), place.path("small"), place.path("stamps"));
        fs::write(place.path("empty"), "")?;
        if Path::new("/etc/crontab").exists() {
            mount(&["--bind", &place.path("empty")], Path::new("/etc/crontab"))?;
        }
        fs::write(&source, SMALL)?;
        let compiled =
            Command::new("cc").args(["-O1", "-static", "-o", &small, &source]).stderr(Stdio::null()).status();
        place.job = if compiled.is_ok_and(|status| status.success()) {
            place.kind = "a small static program";
            vec![small, stamps]
        } else {
            vec![std::env::current_exe()?.to_string_lossy().into_owned(), STAMP.to_owned(), stamps]
        };
        Ok(place)
    }

    fn path(&self, name: &str) -> String {
        self.dir.join(name).to_string_lossy().into_owned()
    }

    fn file(&self, name: &str) -> Result<File> {
        Ok(OpenOptions::new().create(true).append(true).open(self.path(name))?)
    }

    /// How long after the minute each of a rival's jobs began, the first one first.
    fn race(&self, rival: &Rival) -> Result<Vec<Duration>> {
        rival.write(&format!("* * * * * {}\n", self.job.join(" ")).repeat(self.jobs))?;
        File::create(self.path("stamps"))?;
        let minute = full(MINUTE, AHEAD)?;
        let mut running = rival.start(self)?;
        std::thread::sleep(Duration::from_nanos(minute.saturating_sub(wall()?)));
        let stamps = self.await_stamps(minute);
        stop(&mut running)?;
        stamps
    }

    /// The same of a loop of this program, at a full second.
    fn floor(&self) -> Result<Vec<Duration>> {
        File::create(self.path("stamps"))?;
        let timer = timerfd_create(TimerfdClockId::Realtime, TimerfdFlags::CLOEXEC)?;
        let second = full(SECOND, LOOK)?;
        let at = Timespec { tv_sec: i64::try_from(second / nanos(SECOND))?, tv_nsec: 0 };
        let once = Itimerspec { it_interval: Timespec { tv_sec: 0, tv_nsec: 0 }, it_value: at };
        timerfd_settime(&timer, TimerfdTimerFlags::ABSTIME, &once)?;
        rustix::io::read(&timer, &mut [0; 8])?;
        spawn(&self.job, self.jobs)?;
        let stamps = self.await_stamps(second);
        reap_all()?;
        stamps
    }

    fn await_stamps(&self, from: u64) -> Result<Vec<Duration>> {
        let began = Instant::now();
        loop {
            let bytes = fs::read(self.path("stamps"))?;
            let stamps: Vec<u64> =
                bytes.chunks_exact(8).filter_map(|of| of.try_into().ok()).map(u64::from_ne_bytes).collect();
            if stamps.len() >= self.jobs {
                // Before the minute is wrong, too: it shows as a very long time.
                let after = |stamp: &u64| Duration::from_nanos(stamp.wrapping_sub(from));
                let mut times: Vec<Duration> = stamps.iter().map(after).collect();
                times.sort_unstable();
                return Ok(times);
            }
            if began.elapsed() > LIMIT {
                return Err(format!("{} of {} jobs have begun", stamps.len(), self.jobs).into());
            }
            std::thread::sleep(LOOK);
        }
    }

    /// What ten thousand lines cost each, and a time in which none of them is due. Side by side: they only wait.
    fn load(&self, rivals: &[Rival], watched: Duration) -> Vec<Option<Result<String>>> {
        let lines: String =
            (0..LINES).map(|number| far(number) + &format!("/usr/local/bin/job --number {number}\n")).collect();
        let mut running: Vec<Option<Result<Loaded>>> = Vec::new();
        for rival in rivals {
            let there = rival.loads && rival.trouble.is_none();
            running.push(there.then(|| rival.write(&lines).and_then(|()| Loaded::new(rival.start(self)?))));
        }
        std::thread::sleep(watched);
        running.into_iter().map(|loaded| Some(loaded?.and_then(Loaded::told))).collect()
    }
}

/// Times all of which are different, and half a year away.
fn far(number: usize) -> String {
    let month = (wall().unwrap_or_default() / 1_000_000_000 / 2_629_746 + 6) % 12 + 1;
    format!("{} {} {} {month} * ", number % 60, number / 60 % 24, number / 1440 + 1)
}

/// A cron that has read its lines.
struct Loaded {
    running: Child,
    cpu: Duration,
    switches: u64,
}

impl Loaded {
    fn new(running: Child) -> Result<Loaded> {
        let pid = running.id();
        // Until it has done nothing at two looks.
        let mut looks = [None; 3];
        while looks[2].is_none() || looks != [looks[2]; 3] {
            std::thread::sleep(LOOK);
            looks = [looks[1], looks[2], Some(cpu(pid)?)];
        }
        Ok(Loaded { cpu: cpu(pid)?, switches: switches(pid)?, running })
    }

    /// Its figures, at the end of the time.
    fn told(mut self) -> Result<String> {
        let pid = self.running.id();
        let (woken, more) = (switches(pid)? - self.switches, cpu(pid)? - self.cpu);
        let memory = figure(&format!("/proc/{pid}/smaps_rollup"), "Pss:")?;
        kill_process(Pid::from_child(&self.running), Signal::TERM)?;
        self.running.wait()?;
        Ok(format!("{:>11.1} ms{memory:>7} KiB{woken:>15}{:>10.2} ms", millis(self.cpu), millis(more)))
    }
}

fn cpu(pid: u32) -> Result<Duration> {
    let text = fs::read_to_string(format!("/proc/{pid}/schedstat"))?;
    Ok(Duration::from_nanos(text.split(' ').next().ok_or("no figure in schedstat")?.parse()?))
}

fn switches(pid: u32) -> Result<u64> {
    figure(&format!("/proc/{pid}/status"), "voluntary_ctxt_switches:")
}

fn figure(path: &str, name: &str) -> Result<u64> {
    let text = fs::read_to_string(path)?;
    let line = text.lines().find(|line| line.starts_with(name)).ok_or_else(|| format!("no {name} in {path}"))?;
    Ok(line.split_whitespace().nth(1).ok_or_else(|| format!("no figure in {path}"))?.parse()?)
}

fn stop(running: &mut Child) -> Result<()> {
    kill_process(Pid::from_child(running), Signal::TERM)?;
    running.wait()?;
    // What it started are this process's children now: the next one has the machine for itself.
    reap_all()
}

/// Until nobody is left whose parent this process is; those who run longer are none of the jobs.
fn reap_all() -> Result<()> {
    let began = Instant::now();
    while began.elapsed() < LIMIT {
        match wait(WaitOptions::NOHANG) {
            Ok(None) => std::thread::sleep(LOOK),
            Ok(Some(_)) | Err(Errno::INTR) => {}
            Err(Errno::CHILD) => return Ok(()),
            Err(error) => return Err(error.into()),
        }
    }
    Err("processes are left".into())
}

fn mount(words: &[&str], target: &Path) -> Result<()> {
    let status = Command::new("mount").args(words).arg(target).status()?;
    if status.success() { Ok(()) } else { Err(format!("mount {words:?} {}: {status}", target.display()).into()) }
}

/// Starts a program so many times, as fast as it can be done.
#[allow(deprecated)] // vfork: the child does nothing but one call
fn spawn(words: &[String], count: usize) -> Result<()> {
    let words: Vec<CString> =
        words.iter().map(|word| CString::new(word.as_str())).collect::<std::result::Result<_, _>>()?;
    let argv: Vec<_> = words.iter().map(|word| word.as_ptr()).chain([std::ptr::null()]).collect();
    let (program, envp) = (words[0].as_ptr(), [std::ptr::null()]);
    for _ in 0..count {
        // SAFETY: between vfork and its exec the child touches nothing; the vectors end in null pointers.
        let pid = unsafe {
            let pid = libc::vfork();
            if pid == 0 {
                libc::execve(program, argv.as_ptr(), envp.as_ptr());
                libc::_exit(127);
            }
            pid
        };
        Pid::from_raw(pid).ok_or("vfork failed")?;
    }
    Ok(())
}

/// Nanoseconds since 1970.
fn wall() -> Result<u64> {
    let Timespec { tv_sec, tv_nsec } = clock_gettime(ClockId::Realtime);
    Ok(u64::try_from(tv_sec)? * 1_000_000_000 + u64::try_from(tv_nsec)?)
}

fn nanos(time: Duration) -> u64 {
    time.as_secs() * 1_000_000_000 + u64::from(time.subsec_nanos())
}

/// The next full minute, or second, that is at least so far ahead. The last one is waited for to pass if it isn't.
fn full(step: Duration, ahead: Duration) -> Result<u64> {
    let next = || Ok::<u64, Box<dyn std::error::Error>>(wall()?.next_multiple_of(nanos(step)));
    if next()? < wall()? + nanos(ahead) {
        std::thread::sleep(ahead);
    }
    next()
}

fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

fn latencies(times: &[Duration]) -> String {
    let shown = |part| millis(at(times, part));
    format!("{:>8.2} ms{:>8.2} ms{:>8.2} ms{:>8.2} ms", shown(0), shown(50), shown(99), shown(100))
}

/// The time that so many of a hundred don't exceed.
fn at(sorted: &[Duration], part: usize) -> Duration {
    let place = (sorted.len() * part).div_ceil(100).saturating_sub(1);
    sorted.get(place).copied().unwrap_or_default()
}

impl Drop for Place {
    fn drop(&mut self) {
        // A mount of this namespace lies on it, which goes with the namespace; from outside it is an empty folder.
        let _ = Command::new("umount").arg(&self.dir).status();
        let _ = fs::remove_dir(&self.dir);
    }
}
