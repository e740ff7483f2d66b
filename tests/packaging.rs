//! The release binary as packaging/ makes and installs it.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

fn script(path: &str) -> Command {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut command = Command::new(root.join(path));
    command.current_dir(root).stdin(Stdio::null());
    command
}

fn ran(command: &mut Command) -> String {
    let output = command.output().unwrap_or_else(|error| panic!("cannot run {command:?}: {error}"));
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {}\n{stderr}", output.status);
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[test]
fn the_release_binary_is_static_and_installs_under_its_three_names() {
    let told = ran(&mut script("packaging/build.sh"));
    let binary = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/dist/wingmate");
    let size = fs::metadata(&binary).expect("build.sh leaves it there").len();
    assert!(told.contains(&format!("{size} bytes, static")), "{told}");

    let dir = Folder::new("install");
    for round in 0..2 {
        // The second time everything is there already, and in use.
        ran(script("packaging/install.sh").env("DESTDIR", &dir.0).env("PREFIX", "/opt/x"));
        for name in ["wingmate", "wmexec", "wmpidproxy"] {
            let version = ran(Command::new(dir.0.join("opt/x/bin").join(name)).arg("--version"));
            assert!(version.contains(env!("CARGO_PKG_VERSION")), "{name}, round {round}: {version}");
        }
    }
    for page in
        ["man1/wingmate.1", "man1/wmexec.1", "man1/wmpidproxy.1", "man1/wingmate-check.1", "man5/wingmate.yaml.5"]
    {
        let path = dir.0.join("opt/x/share/man").join(page);
        let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        assert!(text.contains(&format!("wingmate {}", env!("CARGO_PKG_VERSION"))), "{page}");
    }
    let pages = ["man1", "man5"].map(|section| fs::read_dir(dir.0.join("opt/x/share/man").join(section)));
    let pages: usize = pages.into_iter().map(|pages| pages.expect("it is there").count()).sum();
    let made = fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("packaging/man")).expect("it is there").count();
    assert_eq!(pages, made, "each page that there is, and nothing else");
    let link = fs::read_link(dir.0.join("opt/x/bin/wmexec")).expect("it is a link");
    assert_eq!(link, Path::new("wingmate"), "a link that also holds when the folder is moved");
    let calls = calls_to_become_nobody(&dir.0.join("opt/x/bin/wmexec"), &dir.0.join("trace"));
    assert!(calls.len() <= 40, "{} system calls: {calls:#?}", calls.len());
}

/// What `wmexec --user` asks of the kernel, from its own exec to the program's. By a name as root; whoever may not change
/// users asks for what they are.
fn calls_to_become_nobody(wmexec: &Path, trace: &Path) -> Vec<String> {
    let root = fs::metadata("/proc/self").is_ok_and(|found| found.uid() == 0);
    let own = ran(Command::new("id").arg("-u"));
    let user = if root { "nobody" } else { own.trim_end() };
    let mut strace = Command::new("strace");
    strace.args(["-f", "-qq", "-e", "signal=none", "-o"]).arg(trace);
    ran(strace.arg(wmexec).args(["--user", user, "/bin/true"]));
    let text = fs::read_to_string(trace).expect("strace has written it");
    let calls = text.lines().skip(1).take_while(|line| !line.contains("execve(\"/bin/true\""));
    let calls: Vec<String> = calls.map(str::to_owned).collect();
    assert!(calls.iter().any(|call| call.contains("/etc/passwd")), "{calls:#?}");
    calls
}

/// A folder of this test's own, gone with it.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Folder {
        let path = std::env::temp_dir().join(format!("wingmate-{name}-{}", std::process::id()));
        fs::create_dir_all(&path).expect("the temporary directory can be written to");
        Folder(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // A failure to clean up would hide the test's own.
        let _ = fs::remove_dir_all(&self.0);
    }
}
