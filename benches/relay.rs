//! How fast lines go through `runtime::outputs`, against a relay that only copies: `cargo bench --bench relay`.
//!
//! One unit writes lines of 100 bytes into its pipe, a reader takes them from wingmate's stdout, which is a pipe
//! too. Both relays run in turns over pipes of the same sizes; the best of the rounds counts, because this machine
//! may have other work. The rates are of the unit's bytes, without what wingmate puts before them.

use rustix::io::{Errno, read, write};
use rustix::pipe::{PipeFlags, fcntl_setpipe_size, pipe_with};
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
/// Half a minute is for a machine that does much else; it is no measurement.
const PATIENCE: Duration = Duration::from_secs(30);

fn main() {
    let mut out = std::io::stdout();
    let plain = best(|| bare(BLOCK));
    let large = best(|| bare(4 * BLOCK));
    let _ = writeln!(out, "bare copy, 64 KiB pipes   {plain:6.0} MB/s");
    let _ = writeln!(out, "bare copy, 256 KiB first  {large:6.0} MB/s");
    for (name, format, shared) in [
        ("text", LogFormat::Text, false),
        ("text, shared stdout", LogFormat::Text, true),
        ("raw", LogFormat::Raw, false),
        ("json", LogFormat::Json, false),
    ] {
        let rate = best(|| relay(format, shared));
        // Ours makes a busy pipe larger; the comparison is with a copy that has that too.
        let _ = writeln!(
            out,
            "{name:24}  {rate:6.0} MB/s  {:3.0} % of the copy ({:.0} % of 64 KiB)",
            100.0 * rate / large,
            100.0 * rate / plain
        );
    }
}

/// The best rate of some rounds in MB/s.
fn best(mut round: impl FnMut() -> Duration) -> f64 {
    let least = (0..ROUNDS).map(|_| round()).min().unwrap_or(PATIENCE);
    TOTAL as f64 / 1e6 / least.as_secs_f64()
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

fn bare(size: usize) -> Duration {
    let ((from, unit), (stdout, into)) = (pipe(), pipe());
    fcntl_setpipe_size(&from, size).expect("a pipe of this size");
    let began = Instant::now();
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
    began.elapsed()
}

fn relay(format: LogFormat, shared: bool) -> Duration {
    let (stdout, into) = pipe();
    let poller = Poller::new().expect("a poller");
    let settings = LogSettings { format, ..LogSettings::default() };
    let mut outputs = Outputs::over(settings, Box::new(|_| 0), false, &into, rustix::stdio::stderr());
    drop(into);
    outputs.set_names(["web"].into_iter());
    outputs.share(shared);
    let id = UnitId(0);
    outputs.open(id, "web", None, &poller).expect("the unit's pipes");
    let unit = outputs.child_ends(id).expect("the unit is open")[0].as_fd().try_clone_to_owned().expect("a descriptor");
    let began = Instant::now();
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
    began.elapsed()
}

fn turn(outputs: &mut Outputs, poller: &Poller, ready: &mut Vec<wingmate::sys::poll::Ready>) {
    poller.wait(Some(Duration::from_millis(10)), ready).expect("epoll waits");
    let now = clock::now();
    for ready in ready.iter() {
        outputs.ready(*ready, poller, now);
    }
    outputs.expire(poller, now);
}
