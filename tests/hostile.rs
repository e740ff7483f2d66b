//! What a hostile or unlucky user does to the real binary: readers that don't read, names made to mislead, paths that
//! lead nowhere.

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};
use rustix::io::{Errno, write};
use rustix::process::{Pid, PidfdFlags, Signal, kill_process, pidfd_open};
use std::fs::{self, File, Permissions};
use std::io::{BufRead, BufReader};
use std::os::fd::OwnedFd;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

/// Longer than anything here takes on a loaded machine.
const LIMIT: Duration = Duration::from_secs(60);

/// A configuration directory.
struct Place(PathBuf);

impl Place {
    fn new(yaml: &str) -> Place {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let place = Place(std::env::temp_dir().join(format!("wingmate-hostile-{}-{count}", std::process::id())));
        fs::create_dir(&place.0).unwrap();
        fs::set_permissions(&place.0, Permissions::from_mode(0o755)).unwrap();
        place.file("wingmate.yaml", yaml)
    }

    fn file(self, name: &str, text: &str) -> Place {
        let path = self.0.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, Permissions::from_mode(0o644)).unwrap();
        self
    }

    /// `wingmate ARGS`, in the directory.
    fn wingmate(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_wingmate"));
        for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("WINGMATE_")) {
            command.env_remove(name);
        }
        command.args(args).current_dir(&self.0).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = fs::set_permissions(&self.0, Permissions::from_mode(0o755));
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// A pipe that is full, and nobody reads it. Kept: its reading end, lest it breaks.
fn stuck() -> (OwnedFd, OwnedFd) {
    let (reader, writer) = rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC).unwrap();
    let flags = fcntl_getfl(&writer).unwrap();
    fcntl_setfl(&writer, flags | OFlags::NONBLOCK).unwrap();
    while write(&writer, b"x") != Err(Errno::AGAIN) {}
    fcntl_setfl(&writer, flags).unwrap();
    (reader, writer)
}

fn signal(child: &Child) {
    kill_process(Pid::from_child(child), Signal::TERM).unwrap();
}

/// Whether it ends within this time.
fn ends_within(child: &Child, time: Duration) -> bool {
    let pidfd = pidfd_open(Pid::from_child(child), PidfdFlags::empty()).unwrap();
    let timeout = Timespec { tv_sec: time.as_secs() as i64, tv_nsec: time.subsec_nanos().into() };
    poll(&mut [PollFd::new(&pidfd, PollFlags::IN)], Some(&timeout)).unwrap() == 1
}

/// Its status; one that doesn't end is a failure.
fn status(mut child: Child) -> i32 {
    if !ends_within(&child, LIMIT) {
        child.kill().unwrap();
        panic!("it doesn't end");
    }
    child.wait().unwrap().code().unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

const NOTICES: &str = "service:\n  web: { command: [ sh, -c, 'echo up; exec sleep 1000' ], stop: { timeout: 30s } }\n";

#[test]
fn warnings_at_the_start_wait_for_no_reader() {
    let place = Place::new(NOTICES).file("services/x", "").file("service/notes", "");
    let (_reader, writer) = stuck();
    let mut child = place.wingmate(&["-c", ".", "--shutdown-timeout", "1s"]).stderr(writer).spawn().unwrap();
    let stdout = child.stdout.take().unwrap();
    let timeout = Timespec { tv_sec: LIMIT.as_secs() as i64, tv_nsec: 0 };
    let came = poll(&mut [PollFd::new(&stdout, PollFlags::IN)], Some(&timeout)).unwrap();
    if came == 0 {
        child.kill().unwrap();
        panic!("nothing is started");
    }
    assert_eq!(BufReader::new(stdout).lines().next().unwrap().unwrap(), "web      | up");
    signal(&child);
    assert_eq!(status(child), 0);
}

#[test]
fn a_refusal_waits_for_no_reader() {
    for yaml in ["service: [\n", "x-nothing: 1\n"] {
        let place = Place::new(yaml);
        let (_reader, writer) = stuck();
        let child = place.wingmate(&["-c", ".", "--shutdown-timeout", "100ms"]).stderr(writer).spawn().unwrap();
        assert_eq!(status(child), 1);
    }
}

#[test]
fn a_refusal_is_told_to_a_slow_reader_to_the_end() {
    let units: String = (0..900).map(|n| format!("  s{n}: {{ command: x, frob: 1 }}\n")).collect();
    let place = Place::new(&format!("service:\n{units}"));
    let output = place.wingmate(&["-c", "."]).output().unwrap();
    let told = stderr(&output);
    let problems = told.lines().filter(|line| line.starts_with("./wingmate.yaml:")).count();
    assert_eq!((output.status.code(), problems), (Some(1), 900));
}

#[test]
fn who_asks_again_does_not_wait_for_a_reader() {
    let place = Place::new("service:\n  web: { command: [ sh, -c, 'echo lost; echo told >&2; exec sleep 1000' ] }\n");
    let (_reader, writer) = stuck();
    let args = ["-c", ".", "--shutdown-timeout", "1h"];
    let mut child = place.wingmate(&args).stdout(writer).spawn().unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    assert!(lines.any(|line| line.unwrap().ends_with("| told")));
    let begun = Instant::now();
    signal(&child);
    // Asked again and again: the first 250 ms count as one.
    while !ends_within(&child, Duration::from_millis(20)) {
        assert!(begun.elapsed() < LIMIT, "it doesn't end");
        signal(&child);
    }
    assert_eq!(status(child), 0);
    let last: Vec<String> = lines.map(Result::unwrap).collect();
    assert!(last.iter().any(|line| line.contains("stdout wasn't read: ")), "{last:#?}");
    assert!(last.last().unwrap().ends_with("exit status 0"), "{last:#?}");
}

#[test]
fn warnings_at_the_start_are_in_the_logs_format() {
    let place = Place::new(NOTICES).file("services/x", "");
    let mut child = place.wingmate(&["-c", ".", "--log-format", "json"]).spawn().unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    let (notice, warning) = (lines.next().unwrap().unwrap(), lines.next().unwrap().unwrap());
    let about = "\"level\":\"info\",\"message\":\"./services: this directory is not read";
    assert!(notice.starts_with("{\"time\":") && notice.contains(about), "{notice}");
    let about = "\"level\":\"warn\",\"message\":\"./wingmate.yaml:2:10: the stop.timeout of 'web', 30s, doesn't fit";
    assert!(warning.starts_with("{\"time\":") && warning.contains(about), "{warning}");
    signal(&child);
    assert_eq!(status(child), 0);
}

#[test]
fn nobody_speaks_in_wingmates_name() {
    let forged = r#""x\nwingmate | info: forged \e[2J""#;
    let place = Place::new(&format!("service:\n  web: {{ command: [ {forged} ], oneshot: true }}\n"));
    for args in [&["-c", "."][..], &["check", "-c", "."][..]] {
        let told = stderr(&place.wingmate(args).output().unwrap());
        let line = told.lines().find(|line| line.contains("web")).unwrap();
        assert!(line.contains("cannot execute 'x\u{fffd}wingmate | info: forged \u{fffd}[2J'"), "{line}");
        assert!(!told.contains('\u{1b}'), "{told}");
    }
    let place = Place::new(&format!("service:\n  web: {{ {forged}: 1 }}\n"));
    fs::create_dir(place.0.join("service")).unwrap();
    let name = place.0.join("service/a\nwingmate: forged");
    fs::write(&name, "#!/bin/sh\n").unwrap();
    fs::set_permissions(&name, Permissions::from_mode(0o755)).unwrap();
    let told = stderr(&place.wingmate(&["-c", "."]).output().unwrap());
    assert!(
        told.contains("./service/a\u{fffd}wingmate: forged: the name 'a\u{fffd}wingmate: forged' is not"),
        "{told}"
    );
    assert!(told.contains("unknown key 'x\u{fffd}wingmate | info: forged"), "{told}");
    assert!(told.lines().all(|line| !line.starts_with("wingmate")), "{told}");
}

#[test]
fn a_main_command_runs_without_the_configuration_that_was_asked_for_but_not_silently() {
    let place = Place::new("");
    let looked = "wingmate | warn: no services and no cron jobs (looked in ";
    for path in [".", "missing"] {
        let told = stderr(&place.wingmate(&["-c", path, "--", "true"]).output().unwrap());
        assert!(told.starts_with(&format!("{looked}{path}")), "{told}");
        let mut command = place.wingmate(&["--", "true"]);
        let told = stderr(&command.env("WINGMATE_CONFIG_PATH", path).output().unwrap());
        assert!(told.starts_with(&format!("{looked}{path}")), "{told}");
    }
}

#[test]
fn a_bad_variable_is_named() {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;
    let place = Place::new("");
    for name in ["WINGMATE_LOG_LEVEL", "WINGMATE_SHUTDOWN_TIMEOUT"] {
        let mut command = place.wingmate(&["--", "true"]);
        let output = command.env(name, OsStr::from_bytes(b"\xff")).output().unwrap();
        assert_eq!(output.status.code(), Some(2));
        assert!(stderr(&output).starts_with(&format!("wingmate: {name}: '\u{fffd}' is not UTF-8\n")));
    }
}

#[test]
fn a_directory_that_cannot_be_searched_is_one_problem() {
    let place = Place::new("service: { web: { command: [ sh ] } }\n").file("crontab", "@daily sh\n");
    // Where somebody without rights can execute it; by another process, as a file that is open here for writing,
    // or in a child of another test, can't be executed.
    let binary = std::env::temp_dir().join(format!("wingmate-hostile-{}", std::process::id()));
    assert!(Command::new("cp").arg(env!("CARGO_BIN_EXE_wingmate")).arg(&binary).status().unwrap().success());
    fs::set_permissions(&place.0, Permissions::from_mode(0o000)).unwrap();
    let mut command = Command::new(&binary);
    if rustix::process::geteuid().is_root() {
        command.uid(65534).gid(65534);
    }
    let output = command.arg("check").arg("-c").arg(&place.0).output();
    fs::remove_file(&binary).unwrap();
    let output = output.unwrap();
    assert_eq!(output.status.code(), Some(1));
    let path = place.0.display();
    assert_eq!(stderr(&output).to_lowercase(), format!("{path}: cannot look into it: permission denied\n"));
}

#[test]
fn a_service_that_is_stopped_goes_on_to_take_its_stop_signal() {
    let asleep = "( until grep -q '^State:.T' /proc/$$/status; do :; done; echo asleep ) &";
    let yaml = format!(
        "service:\n  web:\n    stop: {{ timeout: 50m }}\n    command:\n    - sh\n    - -c\n    - |\n      \
         trap 'echo bye; exit 0' TERM\n      {asleep}\n      kill -STOP $$\n      while :; do wait; done\n"
    );
    let place = Place::new(&yaml);
    let mut child = place.wingmate(&["-c", ".", "--shutdown-timeout", "1h"]).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    assert_eq!(lines.next().unwrap().unwrap(), "web      | asleep");
    signal(&child);
    assert_eq!(status(child), 0);
    assert_eq!(lines.next().unwrap().unwrap(), "web      | bye");
}

#[test]
fn wrong_usage_is_told_in_plain_words() {
    let place = Place::new("");
    for (args, says) in [
        (&["check", "--strict=\"1\""][..], "option '--strict' takes no value: '\"1\"'"),
        (&["--help=3"], "option '--help' takes no value: '3'"),
        (&["--version="], "option '--version' takes no value: ''"),
    ] {
        let output = place.wingmate(args).output().unwrap();
        assert_eq!(stderr(&output).lines().next(), Some(&*format!("wingmate: {says}")), "{args:?}");
        assert_eq!((output.status.code(), &*output.stdout), (Some(2), &b""[..]), "{args:?}");
    }
    let told = stderr(&place.wingmate(&["exec", "-s=1", "true"]).output().unwrap());
    assert!(told.starts_with("wmexec: option '-s' takes no value: '1'\n"), "{told}");
    let full = File::options().write(true).open("/dev/full").unwrap();
    let output = place.wingmate(&["version"]).stdout(full).output().unwrap();
    let says = "wingmate: cannot write to standard output: No space left on device\n";
    assert_eq!((output.status.code(), &*stderr(&output)), (Some(1), says));
}

#[test]
fn a_path_through_a_file_is_no_directory() {
    let place = Place::new("");
    let output = place.wingmate(&["--", "./wingmate.yaml/x"]).output().unwrap();
    assert_eq!(output.status.code(), Some(127));
    let says = "wingmate | error: main: cannot execute './wingmate.yaml/x': not a directory\n";
    assert!(stderr(&output).starts_with(says), "{}", stderr(&output));
}

#[test]
fn install_makes_the_links_that_it_can() {
    let place = Place::new("").file("bin/wmexec", "mine");
    let output = place.wingmate(&["install", "bin"]).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(stderr(&output), "wingmate: cannot link 'bin/wmexec': something that is no link is there already\n");
    assert_eq!(fs::read_to_string(place.0.join("bin/wmexec")).unwrap(), "mine");
    for name in ["wmpidproxy", "wingmate"] {
        assert_eq!(
            fs::read_link(place.0.join("bin").join(name)).unwrap(),
            PathBuf::from(env!("CARGO_BIN_EXE_wingmate"))
        );
    }
}
