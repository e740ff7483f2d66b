//! A running container: its lines are awaited one by one, its end is awaited, and whatever happens it is removed.

use std::process::{Child, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use crate::engine::Engine;
use crate::lines::Lines;

pub struct Container<'a> {
    engine: &'a Engine,
    name: String,
    /// The attached client, which ends with the container and has its status.
    client: Child,
    lines: Lines,
}

impl<'a> Container<'a> {
    /// `docker run OPTIONS IMAGE ARGUMENTS`, with no network but the loopback.
    pub fn start(engine: &'a Engine, options: &[&str], image: &str, arguments: &[&str]) -> Container<'a> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name = format!("wingmate-test-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let mut command = engine.docker(&["run", "--name", &name, "--network", "none"]);
        command.args(options).arg(image).args(arguments).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut client = command.spawn().expect("docker can be run");
        let lines = Lines::of(&mut client);
        Container { engine, name, client, lines }
    }

    /// Awaits a line that holds `part`, of those that no earlier call has passed.
    pub fn line(&mut self, part: &str) -> String {
        self.lines.line(part)
    }

    /// Awaits a line for each of `parts`, in whatever order they come.
    pub fn each(&mut self, parts: &[&str]) {
        self.lines.each(parts);
    }

    /// Awaits the container's end: its status, and every line that it ever wrote.
    pub fn end(mut self) -> (i32, Vec<String>) {
        let lines = self.lines.all();
        let status = self.client.wait().expect("the client is ours");
        (status.code().expect("nobody killed the client"), lines)
    }

    /// As [`Container::end`], then `docker start`.
    pub fn end_and_start_again(&mut self) -> (i32, Vec<String>) {
        let lines = self.lines.all();
        let status = self.client.wait().expect("the client is ours");
        let mut command = self.engine.docker(&["start", "--attach", &self.name]);
        self.client = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("docker can be run");
        self.lines = Lines::of(&mut self.client);
        (status.code().expect("nobody killed the client"), lines)
    }

    /// `docker exec`: its output and status, whatever that is.
    pub fn exec(&self, command: &[&str]) -> Output {
        self.engine.docker(&["exec", &self.name]).args(command).output().expect("docker can be run")
    }

    /// `docker exec` of what must end with 0; its stdout.
    pub fn ask(&self, command: &[&str]) -> String {
        let output = self.exec(command);
        let (stdout, stderr) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success(), "{command:?}: {}\n{stdout}{stderr}\n{}", output.status, self.lines);
        stdout.into_owned()
    }

    /// `docker kill --signal SIGNAL`: to the container's process 1.
    pub fn signal(&self, signal: &str) {
        self.engine.run(&["kill", "--signal", signal, &self.name]);
    }

    /// `docker stop`: how long it took.
    pub fn stop(&self) -> Duration {
        let begun = Instant::now();
        self.engine.run(&["stop", &self.name]);
        begun.elapsed()
    }
}

impl Drop for Container<'_> {
    fn drop(&mut self) {
        // The removal's own failure would hide the story's.
        let _ = self.engine.docker(&["rm", "--force", "--volumes", &self.name]).output();
        let _ = self.client.wait();
    }
}
