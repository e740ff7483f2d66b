//! What a pid file may be and hold instead of a daemon's number: nobody is harmed, and the message says what it was.

use crate::world::{Proxy, World};
use crate::{STAY, TRAPS, background};
use rustix::process::Signal;
use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, chown, symlink};
use std::os::unix::net::UnixListener;
use std::os::unix::process::CommandExt;
use std::process::Command;

/// A user who owns nothing.
const NOBODY: u32 = 65_534;

fn refused(mut proxy: Proxy, what: &str, reason: &str) {
    assert_eq!(proxy.wait(), 1, "{what}");
    proxy.expect_end();
    let messages = proxy.messages();
    assert!(messages.contains(reason), "{what}: {messages}");
    assert!(messages.contains("named no daemon within 500ms; pid file '"), "{what}: {messages}");
}

#[test]
fn what_the_file_says_is_told_short_and_printable() {
    let us = std::process::id();
    let mut stories = Vec::new();
    for (content, reason) in [
        ("", "it is empty".to_owned()),
        ("running", "it says 'running', which is no process id".into()),
        ("1", "it says 1, which is no descendant of the program".into()),
        ("99999999", "it says 99999999, but there is no such process".into()),
        ("-1", "it says '-1', which is no process id".into()),
        ("0", "it says '0', which is no process id".into()),
        ("2", "it says 2, ".into()),
        ("4294967297", "it says '4294967297', which is no process id".into()),
        ("2147483647", "it says 2147483647, but there is no such process".into()),
        ("1 2", "it says '1 2', which is no process id".into()),
        ("$PPID", "which is the process that waits for it".into()),
        (&us.to_string(), format!("it says {us}, which is no descendant of the program")),
        ("\\0\\0\\0\\0", "it says '????', which is no process id".into()),
        ("\\033[2J", "it says '?[2J', which is no process id".into()),
        ("\\377\\376", "it says '\u{fffd}\u{fffd}', which is no process id".into()),
        ("  \\n \\n", "it is empty".into()),
        ("  \\n\\n12", "its first line is empty".into()),
    ] {
        let world = World::new();
        let script = format!("printf -- \"{content}\" > $P; cat $D/life &");
        let proxy = world.start_with(&world.path("a.pid"), &["--start-timeout", "500ms"], &script);
        stories.push((world, proxy, content.to_owned(), reason));
    }
    for (_world, proxy, content, reason) in stories {
        refused(proxy, &content, &reason);
    }
    let world = World::new();
    let proxy = world.start_with(&world.path("no/a.pid"), &["--start-timeout", "500ms"], "cat $D/life &");
    refused(proxy, "no file", "it isn't there");
}

#[test]
fn ten_million_digits_are_not_read() {
    let world = World::new();
    fs::write(world.path("digits"), vec![b'1'; 10_000_000]).unwrap();
    let script = "cp $D/digits $P; cat $D/life &";
    let proxy = world.start_with(&world.path("a.pid"), &["--start-timeout", "500ms"], script);
    let expected = format!("it says '{}…', which is no process id", "1".repeat(40));
    refused(proxy, "digits", &expected);
}

/// A part of the story below, which starts it as a daemon: libtest runs it in a thread, whose number is none of a
/// process.
#[test]
fn names_its_thread() {
    if std::env::var_os("SELF").is_none() {
        return;
    }
    let thread = rustix::thread::gettid();
    assert_ne!(thread, rustix::process::getpid());
    fs::write(std::env::var_os("P").unwrap(), thread.as_raw_nonzero().to_string()).unwrap();
    fs::read(format!("{}/life", std::env::var("D").unwrap())).unwrap();
}

#[test]
fn a_threads_number_is_no_process() {
    let world = World::new();
    let script = "$SELF --quiet --exact refusals::names_its_thread > $D/said &";
    let mut command = world.command(&world.path("a.pid"), &["--start-timeout", "500ms"], script);
    let proxy = world.launch(command.env("SELF", std::env::current_exe().unwrap()));
    refused(proxy, "thread", "which is a thread of a process, and no process");
}

#[test]
fn what_can_never_be_a_pid_file_is_found_before_anything_starts() {
    let world = World::new();
    let _listener = UnixListener::bind(world.path("socket")).unwrap();
    fs::create_dir(world.path("dir")).unwrap();
    world.fifo("fifo");
    symlink("loop", world.path("loop")).unwrap();
    let long = world.path(&"x".repeat(300));
    for (file, reason) in [
        (world.path("dir"), "is a directory, not a regular file"),
        (world.path("new/"), "is a directory, not a regular file"),
        (world.path("fifo"), "is a fifo, not a regular file"),
        ("/dev/null".into(), "is a device, not a regular file"),
        ("/dev/null/a.pid".into(), "Not a directory"),
        (world.path("loop"), "Too many levels of symbolic links"),
        (world.path("socket"), "is a socket, not a regular file"),
        (world.path("socket/a.pid"), "Not a directory"),
        ("/dev/tty".into(), "is a device, not a regular file"),
        (long, "File name too long"),
    ] {
        let mut proxy = world.start_with(&file, &[], "echo started");
        proxy.expect_end();
        assert_eq!(proxy.wait(), 1);
        let messages = proxy.messages();
        assert!(messages.contains(reason) && messages.contains(&file), "{file}: {messages}");
    }
}

#[test]
fn what_is_missing_is_said_before_anything_starts() {
    let world = World::new();
    for (args, reason) in [
        (&["--", "echo", "started"][..], "--pid-file PATH is missing"),
        (&["--pid-file=", "--", "echo", "started"], "--pid-file: the path is empty"),
        (&["-p", "", "--", "echo", "started"], "--pid-file: the path is empty"),
        (&["-p", "x"], "there is no program to start; it goes behind '--'"),
        (&["-p", "x", "--"], "there is no command after '--'"),
        (&["-p", "--", "echo", "started"], "option '--pid-file' needs a value, and '--' is none"),
        (&["-p", "x", "--start-timeout", "x", "--", "echo"], "--start-timeout: 'x' is not a duration"),
        (&["-p", "x", "--start-timeout", "11000d", "--", "echo"], "'11000d' is out of range (at most 10 years)"),
    ] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_wingmate"));
        let mut proxy = world.launch(command.arg0("wmpidproxy").args(args).env_remove("WINGMATE_STARTSECS"));
        proxy.expect_end();
        assert_eq!(proxy.wait(), 2, "{args:?}");
        assert!(
            proxy.messages().starts_with("wmpidproxy: ") && proxy.messages().contains(reason),
            "{args:?}: {}",
            proxy.messages()
        );
    }
    let mut command = world.command(&world.path("a.pid"), &[], "echo started");
    let mut proxy = world.launch(command.env("WINGMATE_STARTSECS", "soon"));
    assert_eq!(proxy.wait(), 2);
    assert!(proxy.messages().contains("WINGMATE_STARTSECS: 'soon' is not a duration"), "{}", proxy.messages());
}

/// Names in messages can't move the cursor, nor make a second line.
#[test]
fn control_characters_in_names_are_not_passed_on() {
    let world = World::new();
    for (file, program, status) in [("a\x1b[2J\nb.pid", "true", 1), ("a.pid", "none\x1b[2J\n\x07", 127)] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_wingmate"));
        let mut proxy = world.launch(command.args(["pidproxy", "-p", &world.path(file), "--", program]));
        assert_eq!(proxy.wait(), status);
        let messages = proxy.messages();
        assert!(messages.contains("[2J"), "{messages}");
        assert_eq!(messages.trim_end_matches('\n').find(char::is_control), None, "{messages:?}");
    }
}

/// Whoever may write the file may name whom they like: what counts is who is named.
#[test]
fn somebody_elses_file_is_a_claim_like_any_other() {
    if !is_root("somebody_elses_file_is_a_claim_like_any_other") {
        return;
    }
    let world = World::new();
    let file = world.path("a.pid");
    fs::write(&file, std::process::id().to_string()).unwrap();
    chown(&file, Some(NOBODY), Some(NOBODY)).unwrap();
    fs::set_permissions(&file, Permissions::from_mode(0o666)).unwrap();
    let script = background(&world, &format!("{TRAPS} echo begun; read x < $D/go; echo $$ > $P; echo ready; {STAY}"));
    let mut proxy = world.start(&script);
    proxy.expect("begun");
    proxy.signal(Signal::HUP);
    world.tell("go", "on");
    proxy.expect("ready");
    proxy.expect("HUP");
    proxy.signal(Signal::TERM);
    proxy.expect("TERM");
    assert_eq!(proxy.wait(), 5);
}

#[test]
fn what_cannot_be_read_is_said() {
    if !is_root("what_cannot_be_read_is_said") {
        return;
    }
    for (mode, inside) in [(0o000, false), (0o700, true)] {
        let world = World::new();
        let binary = world.path("wingmate");
        // Not by us: what another story forks meanwhile would have the file open for writing.
        assert!(Command::new("cp").args([env!("CARGO_BIN_EXE_wingmate"), &binary]).status().unwrap().success());
        let file = if inside { "closed/a.pid" } else { "a.pid" };
        fs::create_dir_all(world.path("closed")).unwrap();
        fs::write(world.path(file), "1\n").unwrap();
        fs::set_permissions(world.path(if inside { "closed" } else { "a.pid" }), Permissions::from_mode(mode)).unwrap();
        fs::set_permissions(world.path("life"), Permissions::from_mode(0o666)).unwrap();
        let mut command = Command::new(binary);
        command.args(["pidproxy", "--start-timeout", "500ms", "-p", &world.path(file), "--", "sh", "-c"]);
        // The groups go with the user.
        let proxy = world.launch(command.arg("cat $D/life &").uid(NOBODY).gid(NOBODY));
        refused(proxy, file, "it cannot be read: Permission denied");
    }
}

/// In a pid namespace without a /proc of its own no daemon can be told from a stranger.
#[test]
fn without_proc_nothing_starts() {
    let world = World::new();
    let mut command = Command::new("unshare");
    let user = if rustix::process::getuid().is_root() { &[][..] } else { &["--user", "--map-root-user"] };
    command.args(user).args(["--pid", "--fork", env!("CARGO_BIN_EXE_wingmate"), "pidproxy"]);
    let mut proxy = world.launch(command.args(["-p", &world.path("a.pid"), "--", "echo", "started"]));
    proxy.expect_end();
    assert_eq!(proxy.wait(), 1);
    assert!(proxy.messages().contains("/proc isn't mounted, or is another pid namespace's"), "{}", proxy.messages());
}

fn is_root(test: &str) -> bool {
    let root = rustix::process::geteuid().is_root();
    if !root {
        wingmate::sys::stdio::err(&format!("NOT TESTED: {test} needs root\n"));
    }
    root
}
