//! What supervising costs, seen from outside through the real binary: start and stop of many services, the restart
//! of a settled one, memory, and what an idle wingmate does.
//!
//! `cargo bench --bench supervise [-- SERVICES]`; `WINGMATE_BINARY=target/dist/wingmate` measures another binary, such
//! as the static one. The floor stands beside each figure: a bare loop over the same program in the same run.

use rustix::process::{Pid, Signal, kill_process};
use std::fs;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, Command, Stdio};
use std::time::{Duration, Instant};

const ROUNDS: usize = 7;
const RESTARTS: usize = 40;
/// How long the idle program is watched.
const IDLE: Duration = Duration::from_secs(5);

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

fn main() -> Result<()> {
    let services = std::env::args().filter_map(|arg| arg.parse().ok()).next().unwrap_or(100);
    let binary = binary();
    let place = Place::new()?;
    let mut out = io::stdout().lock();
    let size = fs::metadata(&binary)?.len();
    writeln!(out, "{} ({size} bytes); medians of {ROUNDS} rounds\n", binary.display())?;
    start_and_stop(&mut out, &binary, &place, services)?;
    restart(&mut out, &binary, &place)?;
    at_rest(&mut out, &binary, &place, size)
}

fn binary() -> PathBuf {
    std::env::var_os("WINGMATE_BINARY").unwrap_or_else(|| env!("CARGO_BIN_EXE_wingmate").into()).into()
}

fn start_and_stop(out: &mut impl Write, binary: &Path, place: &Place, services: usize) -> Result<()> {
    let config = place.configure(services, "")?;
    let [mut starts, mut stops, mut floor_starts, mut floor_stops] = [const { Vec::new() }; 4];
    for _ in 0..ROUNDS {
        let began = Instant::now();
        let mut running = Running::start(binary, &config)?;
        running.await_lines("running (pid", services)?;
        starts.push(began.elapsed());
        let began = Instant::now();
        running.stop()?;
        stops.push(began.elapsed());

        let began = Instant::now();
        let spawn = |_| Command::new("/bin/sleep").arg("1000").stdin(Stdio::null()).spawn();
        let mut children: Vec<Child> = (0..services).map(spawn).collect::<io::Result<_>>()?;
        floor_starts.push(began.elapsed());
        let began = Instant::now();
        children.iter_mut().try_for_each(Child::kill)?;
        children.iter_mut().try_for_each(|child| child.wait().map(drop))?;
        floor_stops.push(began.elapsed());
    }
    row(out, &format!("start {services} services"), median(&mut starts), median(&mut floor_starts))?;
    row(out, &format!("stop {services} services"), median(&mut stops), median(&mut floor_stops))
}

/// From the death of a settled service that left nothing in its group to the line that says that it runs again.
fn restart(out: &mut impl Write, binary: &Path, place: &Place) -> Result<()> {
    let config = place.configure(1, "startsecs: 0")?;
    let mut running = Running::start(binary, &config)?;
    let (mut restarts, mut floor) = (Vec::new(), Vec::new());
    let mut pid = running.await_lines("running (pid", 1)?;
    for _ in 0..RESTARTS {
        // Two starts of one unit are at least 10 ms apart, whatever the settings: not what is measured here.
        std::thread::sleep(Duration::from_millis(15));
        let began = Instant::now();
        signal(pid, Signal::KILL)?;
        pid = running.await_lines("running (pid", 1)?;
        restarts.push(began.elapsed());

        let mut child = Command::new("/bin/sleep").arg("1000").spawn()?;
        let began = Instant::now();
        signal(child.id(), Signal::KILL)?;
        child.wait()?;
        let mut next = Command::new("/bin/sleep").arg("1000").stdin(Stdio::null()).spawn()?;
        floor.push(began.elapsed());
        next.kill()?;
        next.wait()?;
    }
    running.stop()?;
    row(out, "death to running again", median(&mut restarts), median(&mut floor))
}

fn at_rest(out: &mut impl Write, binary: &Path, place: &Place, size: u64) -> Result<()> {
    let config = place.configure(10, "")?;
    let mut running = Running::start(binary, &config)?;
    running.await_lines("running (pid", 10)?;
    let pid = running.child.id();
    let before = switches(pid)?;
    std::thread::sleep(IDLE);
    let woken = switches(pid)? - before;
    let rollup = fs::read_to_string(format!("/proc/{pid}/smaps_rollup"))?;
    let kib = |name: &str| number(&rollup, name).ok_or("no such figure in smaps_rollup");
    let (pss, dirty) = (kib("Pss:")?, kib("Private_Dirty:")?);
    running.stop()?;
    writeln!(out, "ten services at rest: PSS {pss} KiB (file {} KiB), private dirty {dirty} KiB", size / 1024)?;
    writeln!(out, "wake-ups of an idle wingmate in {} s: {woken}", IDLE.as_secs())?;
    Ok(())
}

fn switches(pid: u32) -> Result<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
    Ok(number(&status, "voluntary_ctxt_switches:").ok_or("no switches in status")?)
}

fn number(text: &str, name: &str) -> Option<u64> {
    let line = text.lines().find(|line| line.starts_with(name))?;
    line.split_whitespace().nth(1)?.parse().ok()
}

fn signal(pid: u32, signal: Signal) -> Result<()> {
    let pid = Pid::from_raw(i32::try_from(pid)?).ok_or("no pid")?;
    Ok(kill_process(pid, signal)?)
}

fn median(times: &mut [Duration]) -> Duration {
    times.sort_unstable();
    times.get(times.len() / 2).copied().unwrap_or_default()
}

fn row(out: &mut impl Write, what: &str, ours: Duration, floor: Duration) -> Result<()> {
    let millis = |time: Duration| time.as_secs_f64() * 1e3;
    let ratio = ours.as_secs_f64() / floor.as_secs_f64();
    writeln!(out, "{what:<26}{:>9.2} ms   floor {:>9.2} ms {ratio:>7.2} x", millis(ours), millis(floor))?;
    Ok(())
}

/// A wingmate that runs.
struct Running {
    child: Child,
    log: BufReader<ChildStderr>,
}

impl Running {
    fn start(binary: &Path, config: &Path) -> Result<Running> {
        let mut child =
            Command::new(binary).arg("-c").arg(config).stdout(Stdio::null()).stderr(Stdio::piped()).spawn()?;
        let log = BufReader::new(child.stderr.take().ok_or("no log")?);
        Ok(Running { child, log })
    }

    /// Reads until so many lines with this text came; the pid that the last one names.
    fn await_lines(&mut self, text: &str, count: usize) -> Result<u32> {
        let (mut line, mut seen) = (String::new(), 0);
        loop {
            line.clear();
            if self.log.read_line(&mut line)? == 0 {
                return Err(format!("wingmate ended before '{text}' was said").into());
            }
            if line.contains(text) {
                seen += 1;
                if seen == count {
                    let digits = line.rsplit("pid ").next().unwrap_or_default().trim_end().trim_end_matches(')');
                    return Ok(digits.parse()?);
                }
            }
        }
    }

    fn stop(mut self) -> Result<()> {
        signal(self.child.id(), Signal::TERM)?;
        self.log.read_to_end(&mut Vec::new())?;
        let status = self.child.wait()?;
        if status.success() { Ok(()) } else { Err(format!("wingmate: {status}").into()) }
    }
}

/// A folder for configurations.
struct Place(PathBuf);

impl Place {
    fn new() -> Result<Place> {
        let path = std::env::temp_dir().join(format!("wingmate-bench-{}", std::process::id()));
        fs::create_dir_all(&path)?;
        Ok(Place(path))
    }

    fn configure(&self, services: usize, more: &str) -> Result<PathBuf> {
        let mut yaml = String::from("service:\n");
        for index in 0..services {
            yaml += &format!("  s{index}:\n    command: [ /bin/sleep, '1000' ]\n");
            if !more.is_empty() {
                yaml += &format!("    {more}\n");
            }
        }
        let path = self.0.join("wingmate.yaml");
        fs::write(&path, yaml)?;
        Ok(path)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}
