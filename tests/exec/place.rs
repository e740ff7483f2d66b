//! A directory with the link `wmexec` and account files of its own, and what a command that was run has told.

use std::fs;
use std::io::Write;
use std::os::unix::fs::symlink;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU32, Ordering};

const PASSWD: &str = "\
root:x:0:0::/root:/bin/sh
broken line
web:x:1033:1034::/srv/web:/bin/false
plain:x:1035:1036::/:
twin:x:1033:1037::/twin:/bin/sh
12345:x:1040:1041::/digits:/bin/sh
";

const GROUP: &str = "\
root:x:0:
web:x:1034:
adm:x:4:web,plain
broken
audio:x:29:plain,web
video:x:44:root
more:x:1036:plain
";

/// A directory with the link `wmexec` and the account files, gone with the test.
pub struct Place(pub PathBuf);

impl Place {
    pub fn new() -> Place {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name = format!("wingmate-exec-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let path = std::env::temp_dir().join(name);
        fs::create_dir_all(&path).unwrap();
        symlink(env!("CARGO_BIN_EXE_wingmate"), path.join("wmexec")).unwrap();
        fs::write(path.join("passwd"), PASSWD).unwrap();
        fs::write(path.join("group"), GROUP).unwrap();
        Place(path)
    }

    pub fn wmexec(&self) -> String {
        self.0.join("wmexec").to_str().unwrap().to_owned()
    }

    pub fn run(&self, args: &[&str]) -> Output {
        output(command(&self.wmexec(), args))
    }

    /// Runs a command where /etc holds nothing but our two files (`files`: none at all).
    pub fn with_accounts(&self, files: &[&str], words: &[&str]) -> Output {
        let copies: String = files.iter().map(|file| format!("cp {0}/{file} /etc/ && ", self.0.display())).collect();
        let script = format!("mount -t tmpfs none /etc && {copies} exec \"$@\"");
        let mut all = vec!["--mount", "sh", "-c", &script, "sh"];
        all.extend(words);
        output(command("unshare", &all))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// A command with nothing of ours in its environment but PATH.
pub fn command(program: &str, args: &[&str]) -> Command {
    let mut command = Command::new(program);
    command.args(args).env_clear().env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin").stdin(Stdio::null());
    command
}

pub fn output(mut command: Command) -> Output {
    command.output().unwrap()
}

pub fn text(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

pub fn error(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

/// What succeeded printed.
pub fn good(output: Output) -> String {
    assert!(output.status.success(), "{}: {}", output.status, error(&output));
    text(&output)
}

/// Whether this test can switch users; says so where everybody sees it if not.
pub fn root(test: &str) -> bool {
    let root = fs::read_to_string("/proc/self/status").unwrap().contains("\nUid:\t0\t0\t0\t0\n");
    if !root {
        untested(test, "root");
    }
    root
}

/// Past the harness, which keeps what passing tests print to itself.
pub fn untested(test: &str, needs: &str) {
    std::io::stderr().write_all(format!("NOT TESTED: {test} needs {needs}\n").as_bytes()).unwrap();
}

/// Fields of a /proc/PID/stat line: pid, parent, group, session.
pub fn stat(line: &str) -> [u32; 4] {
    let rest: Vec<&str> = line.rsplit(')').next().unwrap().split_whitespace().collect();
    let number = |text: &str| text.parse().unwrap();
    [number(line.split(' ').next().unwrap()), number(rest[1]), number(rest[2]), number(rest[3])]
}

const STATUS: [&str; 3] = ["grep", "-E", "^(Uid|Gid|Groups|CapEff|CapPrm|CapInh|CapAmb):"];

pub fn status<'a>(prefix: &[&'a str]) -> Vec<&'a str> {
    [prefix, &STATUS, &["/proc/self/status"]].concat()
}

/// What setpriv is told besides, as wmexec leaves neither set when the user changes.
pub const NONE_INHERITED: &str = "--inh-caps=-all --ambient-caps=-all";
/// Shows a shell's child what it has become.
pub const SHOW: &str = "grep -E '^(Uid|Gid|Groups|Cap...|NoNewPrivs):' /proc/self/status";

/// Runs all the time: a signal before a read that blocks would wait for the read's end. Not for ever, if the test fails.
pub const BUSY: &str = "ulimit -t 60; while :; do :; done";

/// A user of no account file, and of nothing's.
pub const NOBODY: &str = "1234";
pub const AS_NOBODY: [&str; 6] = ["setpriv", "--reuid", NOBODY, "--regid", NOBODY, "--clear-groups"];

impl Place {
    /// Runs wmexec from root with `--user`, then as that user without; `None` for what root alone can start.
    pub fn as_nobody(&self, args: &[&str]) -> [Output; 2] {
        let wmexec = self.wmexec();
        let [setpriv, rest @ ..] = AS_NOBODY;
        [
            self.run(&[&["--user", NOBODY], args].concat()),
            output(command(setpriv, &[rest.as_slice(), &[wmexec.as_str()], args].concat())),
        ]
    }

    /// What both print; without root, what wmexec prints as whoever this is.
    pub fn same(&self, args: &[&str]) -> String {
        static MAY: LazyLock<bool> = LazyLock::new(|| root("options with a user"));
        if !*MAY {
            return good(self.run(args));
        }
        let [switched, was] = self.as_nobody(args).map(good);
        assert_eq!(switched, was, "{args:?}");
        was
    }

    /// The one line that is said before anything is changed.
    pub fn refused(&self, args: &[&str]) -> String {
        let refused = self.run(&[args, &["echo", "ran"]].concat());
        assert_eq!((refused.status.code(), text(&refused).as_str()), (Some(125), ""), "{args:?}");
        let said = error(&refused);
        let line = said.strip_prefix("wmexec: ").and_then(|said| said.strip_suffix('\n'));
        line.filter(|line| !line.contains('\n')).unwrap_or_else(|| panic!("{args:?}: {said}")).to_owned()
    }
}

/// The fields of /proc/self/status by their names.
pub fn fields(names: &str, status: &str) -> Vec<String> {
    let field = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
        line.unwrap_or_else(|| panic!("{name} in {status}")).trim().to_owned()
    };
    names.split(' ').map(field).collect()
}
