//! Every block of the README holds: configurations pass `wingmate check`, consoles print what they show, and what a
//! user is told to run exists (its own tests run it).

use rustix::process::{Pid, Signal};
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::symlink;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread;
use std::time::Duration;

const BINARY: &str = env!("CARGO_BIN_EXE_wingmate");

struct Block {
    kind: String,
    text: String,
}

fn blocks() -> Vec<Block> {
    let readme = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md")).unwrap();
    let mut blocks = Vec::new();
    let mut lines = readme.lines();
    while let Some(line) = lines.next() {
        if let Some(kind) = line.strip_prefix("```") {
            let body: Vec<&str> = lines.by_ref().take_while(|line| *line != "```").collect();
            blocks.push(Block { kind: kind.to_owned(), text: body.join("\n") + "\n" });
        }
    }
    blocks
}

/// A directory with the three names of the binary, and the files that the README's consoles speak of: a block whose
/// first line is a comment is the file that it names.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Folder {
        let path = std::env::temp_dir().join(format!("wingmate-readme-{name}-{}", std::process::id()));
        fs::create_dir_all(path.join("bin")).unwrap();
        for link in ["wingmate", "wmexec", "wmpidproxy"] {
            symlink(BINARY, path.join("bin").join(link)).unwrap();
        }
        fs::write(path.join("broken.yaml"), "service:\n  web:\n    comand: [ nginx ]\n    command: [ nginx ]\n")
            .unwrap();
        for block in blocks() {
            let Some(name) = block.text.lines().next().and_then(|line| line.strip_prefix("# ")) else { continue };
            let file = path.join(name);
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(file, block.text).unwrap();
        }
        Folder(path)
    }

    fn session(&self) -> Session {
        let path = format!("{}:{}", self.0.join("bin").display(), std::env::var("PATH").unwrap_or_default());
        let mut shell = Command::new("sh")
            .current_dir(&self.0)
            .env("PATH", path)
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let (lines, read) = mpsc::channel();
        let output = BufReader::new(shell.stdout.take().unwrap());
        thread::spawn(move || output.lines().map_while(Result::ok).try_for_each(|line| lines.send(line)));
        let mut session = Session { input: shell.stdin.take(), shell, read };
        session.say("exec 2>&1");
        session
    }
}

/// A shell that gets a block's commands one after the other: the next when all lines of the one before are there.
struct Session {
    shell: Child,
    input: Option<ChildStdin>,
    read: Receiver<String>,
}

impl Session {
    fn say(&mut self, command: &str) {
        writeln!(self.input.as_mut().unwrap(), "{command}").unwrap();
    }

    /// The next line, or none when the shell has ended and everything that it started.
    fn line(&self, expected: &str) -> Option<String> {
        match self.read.recv_timeout(Duration::from_secs(30)) {
            Ok(line) => Some(line),
            Err(RecvTimeoutError::Disconnected) => None,
            Err(RecvTimeoutError::Timeout) => panic!("nothing came in place of '{expected}'"),
        }
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        drop(self.input.take());
        // The shell leads its group, in which a wingmate is that is still there after a failure. Not yet reaped, its
        // number is its own.
        let _ = rustix::process::kill_process_group(Pid::from_child(&self.shell), Signal::TERM);
        let _ = self.shell.wait();
    }
}

/// Whether a line is what the README shows, where `…` stands for anything.
fn is_shown(line: &str, shown: &str) -> bool {
    let mut pieces = shown.split('…');
    let Some(mut rest) = line.strip_prefix(pieces.next().unwrap_or_default()) else { return false };
    let Some(last) = pieces.next_back() else { return rest.is_empty() };
    for piece in pieces {
        let Some((_, after)) = rest.split_once(piece) else { return false };
        rest = after;
    }
    rest.ends_with(last)
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[test]
fn configurations_pass_the_check() {
    let folder = Folder::new("check");
    let mut seen = 0;
    for block in blocks() {
        let place = folder.0.join(format!("block-{seen}"));
        fs::create_dir_all(&place).unwrap();
        match block.kind.as_str() {
            "yaml" => fs::write(place.join("wingmate.yaml"), &block.text).unwrap(),
            "crontab" => fs::write(place.join("crontab"), &block.text).unwrap(),
            _ => continue,
        }
        let output = Command::new(BINARY).args(["check", "-c"]).arg(&place).current_dir(&folder.0).output().unwrap();
        assert!(output.status.success(), "{}\n{}", block.text, String::from_utf8_lossy(&output.stderr));
        seen += 1;
    }
    assert_eq!(seen, 13);
}

#[test]
fn consoles_print_what_they_show() {
    let mut seen = 0;
    for block in blocks().iter().filter(|block| block.kind.starts_with("console")) {
        if block.kind == "console root" && !rustix::process::geteuid().is_root() {
            let _ = std::io::Write::write_all(&mut std::io::stderr(), b"NOT TESTED without root: wmexec's block\n");
            continue;
        }
        let folder = Folder::new(&format!("console-{seen}"));
        let mut session = folder.session();
        for shown in block.text.lines() {
            match shown.strip_prefix("$ ") {
                Some(command) => session.say(command),
                None => {
                    let line = session.line(shown);
                    assert!(line.as_deref().is_some_and(|line| is_shown(line, shown)), "{line:?}, not '{shown}'");
                }
            }
        }
        drop(session.input.take());
        assert_eq!(session.line("the end"), None);
        seen += 1;
    }
    assert!(seen >= 10);
}

#[test]
fn what_is_to_be_run_is_there() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let text: String = blocks().into_iter().filter(|block| block.kind == "sh").map(|block| block.text).collect();
    // The scripts and the example have tests of their own; here they only must not be misspelt.
    for (command, needs) in [
        ("packaging/setup.sh", "packaging/setup.sh"),
        ("cargo run --release -- -c example/quickstart", "example/quickstart/wingmate.yaml"),
        ("cargo test", "Cargo.toml"),
    ] {
        assert!(text.lines().any(|line| line == command), "{command}");
        assert!(root.join(needs).exists(), "{needs}");
    }
    let dockerfile = blocks().into_iter().find(|block| block.kind == "Dockerfile").unwrap().text;
    let shown: Vec<&str> = dockerfile.lines().filter(|line| !line.starts_with("FROM")).collect();
    let real = fs::read_to_string(root.join("docker/alpine/Dockerfile")).unwrap();
    let (entry, steps) = shown.split_last().unwrap();
    for step in steps {
        assert!(real.contains(step), "docker/alpine, which the container tests build, has no '{step}'");
    }
    assert!(entry.starts_with("ENTRYPOINT"));
}
