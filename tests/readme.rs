//! Every block of the README holds: configurations pass `wingmate check`, consoles print what they show, and what a
//! user is told to run exists (its own tests run it).

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

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

/// A directory with the three names of the binary, and the files that the README's consoles speak of.
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
        Folder(path)
    }

    fn shell(&self, command: &str) -> Output {
        let path = format!("{}:{}", self.0.join("bin").display(), std::env::var("PATH").unwrap_or_default());
        Command::new("sh")
            .args(["-c", &format!("exec 2>&1\n{command}")])
            .current_dir(&self.0)
            .env("PATH", path)
            .stdin(Stdio::null())
            .output()
            .unwrap()
    }
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
        let output = Command::new(BINARY).args(["check", "-c"]).arg(&place).output().unwrap();
        assert!(output.status.success(), "{}\n{}", block.text, String::from_utf8_lossy(&output.stderr));
        seen += 1;
    }
    assert_eq!(seen, 2);
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
        let mut expected = String::new();
        let mut lines = block.text.lines().peekable();
        while let Some(command) = lines.next() {
            let command = command.strip_prefix("$ ").unwrap_or_else(|| panic!("no command: {command}"));
            expected.clear();
            while let Some(line) = lines.next_if(|line| !line.starts_with("$ ")) {
                expected += line;
                expected.push('\n');
            }
            let output = folder.shell(command);
            assert_eq!(String::from_utf8_lossy(&output.stdout), expected, "{command}");
        }
        seen += 1;
    }
    assert!(seen >= 2);
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
