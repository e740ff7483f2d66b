//! How fast lines go through `runtime::outputs`, against a relay that only copies: `cargo bench --bench relay`.
//!
//! One unit writes lines of 100 bytes into its pipe, a reader takes them from wingmate's stdout, which is a pipe
//! too. Both relays run in turns over pipes of the same sizes; the best of the rounds counts, because this machine
//! may have other work. The rates are of the unit's bytes, without what wingmate puts before them; beside them is
//! the processor time that the relay itself took for a line.

use rustix::io::{Errno, read, write};
use rustix::pipe::{PipeFlags, fcntl_setpipe_size, pipe_with};
use rustix::time::{ClockId, clock_gettime};
use std::io::Write;
use std::os::fd::{AsFd, OwnedFd};
use std::thread::{JoinHandle, spawn};
use std::time::{Duration, Instant};
use wingmate::model::settings::{LogFormat, LogSettings};
use wingmate::model::unit::UnitId;
use wingmate::runtime::outputs::Outputs;
use wingmate::sys::clock;
use wingmate::sys::poll::Poller;

const LINE: usize = 100;
const TOTAL: usize = 256 << 20;
const BLOCK: usize = 64 << 10;
const ROUNDS: usize = 5;

fn main() {
    let mut out = std::io::stdout();
    let wanted: Vec<String> = std::env::args().skip(1).filter(|arg| !arg.starts_with('-')).collect();
    let plain = best(|| bare(BLOCK));
    let large = best(|| bare(4 * BLOCK));
    let _ = writeln!(out, "copy                {plain}");
    let _ = writeln!(out, "copy, larger pipe   {large}");
    for (name, format, shared) in [
        ("text", LogFormat::Text, false),
        ("shared", LogFormat::Text, true),
        ("raw", LogFormat::Raw, false),
        ("json", LogFormat::Json, false),
    ] {
        if !wanted.is_empty() && !wanted.iter().any(|wanted| wanted == name) {
            continue;
        }
        let ours = best(|| relay(format, shared));
        // A busy pipe is made larger; the comparison is with a copy that has that too.
        let _ = writeln!(out, "{name:18}  {ours}  {:3.0} % of the copy", 100.0 * ours.rate() / large.rate());
    }
}

/// What a round took: on the wall, and of the relay's processor.
#[derive(Clone, Copy)]
struct Took {
    wall: Duration,
    processor: Duration,
}

impl Took {
    fn since(wall: Instant, processor: Duration) -> Took {
        Took { wall: wall.elapsed(), processor: used().saturating_sub(processor) }
    }

    /// MB/s of the unit's bytes.
    fn rate(self) -> f64 {
        TOTAL as f64 / 1e6 / self.wall.as_secs_f64()
    }
}

impl std::fmt::Display for Took {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let line = self.processor.as_nanos() as f64 / (TOTAL / LINE) as f64;
        write!(f, "{:6.0} MB/s  {line:4.0} ns a line", self.rate())
    }
}

/// The best of both over some rounds.
fn best(mut round: impl FnMut() -> Took) -> Took {
    let rounds = (0..ROUNDS).map(|_| round());
    rounds.fold(Took { wall: Duration::MAX, processor: Duration::MAX }, |best, took| Took {
        wall: best.wall.min(took.wall),
        processor: best.processor.min(took.processor),
    })
}

/// Processor time of this thread.
fn used() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

/// The unit: writes lines until the total is reached.
fn writer(fd: OwnedFd) -> JoinHandle<()> {
    let mut block = vec![b'x'; BLOCK / LINE * LINE];
    block.chunks_mut(LINE).for_each(|line| line[LINE - 1] = b'\n');
    spawn(move || {
        let mut left = TOTAL;
        while left > 0 {
            left -= write(&fd, &block[..left.min(block.len())]).expect("the relay reads");
        }
    })
}

/// Whoever reads wingmate's stdout, until its end. Gives the number of bytes.
fn reader(fd: OwnedFd) -> JoinHandle<usize> {
    spawn(move || {
        let mut block = vec![0; BLOCK];
        let mut total = 0;
        loop {
            match read(&fd, &mut block).expect("a pipe can be read") {
                0 => return total,
                count => total += count,
            }
        }
    })
}

fn pipe() -> (OwnedFd, OwnedFd) {
    pipe_with(PipeFlags::CLOEXEC).expect("a pipe")
}

fn bare(size: usize) -> Took {
    let ((from, unit), (stdout, into)) = (pipe(), pipe());
    fcntl_setpipe_size(&from, size).expect("a pipe of this size");
    let (began, before) = (Instant::now(), used());
    let (writer, reader) = (writer(unit), reader(stdout));
    let mut block = vec![0; BLOCK];
    loop {
        let count = read(&from, &mut block).expect("a pipe can be read");
        if count == 0 {
            break;
        }
        let mut rest = &block[..count];
        while !rest.is_empty() {
            match write(&into, rest) {
                Ok(count) => rest = &rest[count..],
                Err(errno) => assert_eq!(errno, Errno::INTR),
            }
        }
    }
    drop(into);
    writer.join().expect("the unit ends");
    assert_eq!(reader.join().expect("the reader ends"), TOTAL);
    Took::since(began, before)
}

fn relay(format: LogFormat, shared: bool) -> Took {
    let (stdout, into) = pipe();
    let poller = Poller::new().expect("a poller");
    let settings = LogSettings { format, ..LogSettings::default() };
    let mut outputs = Outputs::over(settings, Box::new(|_| 0), false, &into, rustix::stdio::stderr());
    drop(into);
    outputs.set_names(["web"].into_iter());
    outputs.share(shared);
    let id = UnitId(0);
    outputs.open(id, "web", &poller).expect("the unit's pipes");
    let unit = outputs.child_ends(id).expect("the unit is open")[0].as_fd().try_clone_to_owned().expect("a descriptor");
    let (began, before) = (Instant::now(), used());
    let (writer, reader) = (writer(unit), reader(stdout));
    let mut ready = Vec::new();
    while !writer.is_finished() {
        turn(&mut outputs, &poller, &mut ready);
    }
    while !outputs.finished(&poller, clock::now()) {
        turn(&mut outputs, &poller, &mut ready);
    }
    drop(outputs);
    writer.join().expect("the unit ends");
    let read = reader.join().expect("the reader ends");
    assert!(read >= TOTAL && read % (TOTAL / LINE + 1) < read);
    Took::since(began, before)
}

fn turn(outputs: &mut Outputs, poller: &Poller, ready: &mut Vec<wingmate::sys::poll::Ready>) {
    poller.wait(Some(Duration::from_millis(10)), ready).expect("epoll waits");
    let now = clock::now();
    for ready in ready.iter() {
        outputs.ready(*ready, poller, now);
    }
    outputs.expire(poller, now);
}
