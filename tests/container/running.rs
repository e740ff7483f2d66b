//! A running container: its lines are awaited one by one, its end is awaited, and whatever happens it is removed.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

use crate::engine::Engine;

/// Longer than anything takes on the slowest machine: only a failure is ever waited for so long.
const PATIENCE: Duration = Duration::from_secs(120);

pub struct Container<'a> {
    engine: &'a Engine,
    name: String,
    /// The attached client, which ends with the container and has its status.
    client: Child,
    lines: Receiver<String>,
    seen: Vec<String>,
}

impl<'a> Container<'a> {
    /// `docker run OPTIONS IMAGE ARGUMENTS`, with no network but the loopback.
    pub fn start(engine: &'a Engine, options: &[&str], image: &str, arguments: &[&str]) -> Container<'a> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name = format!("wingmate-test-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let mut command = engine.docker(&["run", "--name", &name, "--network", "none"]);
        command.args(options).arg(image).args(arguments).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut client = command.spawn().expect("docker can be run");
        let (sender, lines) = channel();
        forward(client.stdout.take().expect("it is piped"), sender.clone());
        forward(client.stderr.take().expect("it is piped"), sender);
        Container { engine, name, client, lines, seen: Vec::new() }
    }

    /// Awaits a line that holds `part`, of those that no earlier call has passed.
    pub fn line(&mut self, part: &str) -> String {
        let deadline = Instant::now() + PATIENCE;
        loop {
            match self.lines.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
                Ok(line) => {
                    self.seen.push(line.clone());
                    if line.contains(part) {
                        return line;
                    }
                }
                Err(RecvTimeoutError::Timeout) => self.fail(&format!("no line with '{part}' came")),
                Err(RecvTimeoutError::Disconnected) => self.fail(&format!("it ended before a line with '{part}' came")),
            }
        }
    }

    /// Awaits the container's end: its status, and every line that it ever wrote.
    pub fn end(mut self) -> (i32, Vec<String>) {
        let deadline = Instant::now() + PATIENCE;
        loop {
            match self.lines.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
                Ok(line) => self.seen.push(line),
                Err(RecvTimeoutError::Timeout) => self.fail("it doesn't end"),
                Err(RecvTimeoutError::Disconnected) => break,
            }
        }
        let status = self.client.wait().expect("the client is ours");
        (status.code().unwrap_or_else(|| self.fail("the client was killed")), std::mem::take(&mut self.seen))
    }

    /// `docker exec`: its output and status, whatever that is.
    pub fn exec(&self, command: &[&str]) -> Output {
        self.client_for(&["exec", &self.name], command).output().expect("docker can be run")
    }

    /// `docker exec` of what must end with 0; its stdout.
    pub fn ask(&self, command: &[&str]) -> String {
        let output = self.exec(command);
        let (stdout, stderr) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        if !output.status.success() {
            self.fail(&format!("{command:?}: {}\n{stdout}{stderr}", output.status));
        }
        stdout.into_owned()
    }

    /// `docker stop`: how long it took.
    pub fn stop(&self) -> Duration {
        let begun = Instant::now();
        self.engine.run(&["stop", &self.name]);
        begun.elapsed()
    }

    fn client_for(&self, first: &[&str], rest: &[&str]) -> Command {
        let mut command = self.engine.docker(first);
        command.args(rest);
        command
    }

    fn fail(&self, what: &str) -> ! {
        panic!("{}: {what}; it wrote:\n{}", self.name, self.seen.join("\n"))
    }
}

impl Drop for Container<'_> {
    fn drop(&mut self) {
        // The removal's own failure would hide the story's.
        let _ = self.client_for(&["rm", "--force", "--volumes", &self.name], &[]).output();
        let _ = self.client.wait();
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
