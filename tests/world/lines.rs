//! What a running program writes, line by line: a line is awaited, never slept for.

use std::io::{BufRead, BufReader, Read};
use std::process::Child;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

/// Longer than anything takes on the slowest machine: only a failure is ever waited for so long.
const PATIENCE: Duration = Duration::from_secs(120);

pub struct Lines {
    receiver: Receiver<String>,
    seen: Vec<String>,
}

impl Lines {
    /// Both streams of a child that was started with both piped.
    pub fn of(child: &mut Child) -> Lines {
        let (sender, receiver) = channel();
        forward(child.stdout.take().expect("stdout is piped"), sender.clone());
        forward(child.stderr.take().expect("stderr is piped"), sender);
        Lines { receiver, seen: Vec::new() }
    }

    /// Awaits a line that holds `part`, of those that no earlier call has passed.
    pub fn line(&mut self, part: &str) -> String {
        self.each(&[part])
    }

    /// Awaits a line for each of `parts`, in whatever order they come; the last one that came.
    pub fn each(&mut self, parts: &[&str]) -> String {
        let deadline = Instant::now() + PATIENCE;
        let mut awaited = parts.to_vec();
        loop {
            let line = match self.next(deadline) {
                Ok(line) => line,
                Err(RecvTimeoutError::Timeout) => panic!("no line with {awaited:?} came, only:\n{self}"),
                Err(RecvTimeoutError::Disconnected) => panic!("the end came before a line with {awaited:?}:\n{self}"),
            };
            awaited.retain(|part| !line.contains(part));
            if awaited.is_empty() {
                return line;
            }
        }
    }

    /// Awaits the end of both streams: every line that ever came.
    pub fn all(&mut self) -> Vec<String> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            match self.next(deadline) {
                Ok(_) => {}
                Err(RecvTimeoutError::Timeout) => panic!("there is no end:\n{self}"),
                Err(RecvTimeoutError::Disconnected) => return std::mem::take(&mut self.seen),
            }
        }
    }

    fn next(&mut self, deadline: Instant) -> Result<String, RecvTimeoutError> {
        let line = self.receiver.recv_timeout(deadline.saturating_duration_since(Instant::now()))?;
        self.seen.push(line.clone());
        Ok(line)
    }
}

impl std::fmt::Display for Lines {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str(&self.seen.join("\n"))
    }
}

fn forward(stream: impl Read + Send + 'static, lines: Sender<String>) {
    thread::spawn(move || {
        for line in BufReader::new(stream).split(b'\n').map_while(Result::ok) {
            if lines.send(String::from_utf8_lossy(&line).into_owned()).is_err() {
                return;
            }
        }
    });
}
