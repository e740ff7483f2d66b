//! With little: no rights, no `/proc`, no `/dev`, nothing that can be written to; and at rest it costs nothing.

use crate::lines::Lines;
use crate::world::{AS_INIT, ORDINARY, Place, Wingmate, can_switch_users, told};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use std::fs::{self, OpenOptions};
use std::os::unix::fs::OpenOptionsExt;
use std::process::{Command, Stdio};
use wingmate::model::signal::Signal;
use wingmate::model::unit::Pid;
use wingmate::sys::processes;

/// How often it was woken so far.
fn wakes(pid: Pid) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find(|line| line.starts_with("voluntary_ctxt_switches:")).unwrap();
    line.split_whitespace().last().unwrap().parse().unwrap()
}

#[test]
fn when_nothing_happens_it_never_wakes() {
    let units: String = (0..10).map(|n| format!("  s{n}: {{ command: [ sleep, inf ] }}\n")).collect();
    let jobs = "cron:\n  yearly: { command: [ 'true' ], schedule: '0 0 1 1 *' }\n";
    for through in [AS_INIT, ORDINARY] {
        let place = Place::new(&format!("service:\n{units}{jobs}"));
        let mut wingmate = Wingmate::launch(&mut place.command(through, &[]));
        let running: Vec<String> = (0..10).map(|n| format!("s{n}: running")).collect();
        wingmate.each(&running.iter().map(String::as_str).collect::<Vec<_>>());
        wingmate.await_rest();
        let before = wakes(wingmate.pid());
        // The one wait for time in these tests: that something doesn't happen can't be awaited otherwise.
        let (read, _write) = rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC).unwrap();
        poll(&mut [PollFd::new(&read, PollFlags::IN)], Some(&Timespec { tv_sec: 2, tv_nsec: 0 })).unwrap();
        assert_eq!(wakes(wingmate.pid()), before);
        wingmate.stop();
    }
}

const NOBODY: [&str; 6] = ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups"];

#[test]
fn without_root_everything_works_but_becoming_another() {
    if !can_switch_users("without_root_everything_works_but_becoming_another") {
        return;
    }
    let yaml = r#"
service:
  own: { command: [ sh, -c, 'echo "own $(id -u)"; read x < $D/go' ], user: nobody, startsecs: 0 }
  number: { command: [ sh, -c, 'echo "number $(id -u)"; read x < $D/never' ], user: 65534, group: 65534 }
  other: { command: [ sleep, inf ], user: daemon }
  daemon: { command: [ sh, -c, "setsid sh -c 'echo $$ > $D/run/d.pid; exec sleep inf' & until [ -s $D/run/d.pid ]; do :; done" ], pidfile: run/d.pid }
cron:
  job: { command: [ sh, -c, 'echo "job $(id -u)"' ], schedule: "@every 1s" }
"#;
    for ordinary in [false, true] {
        let place = Place::new(yaml);
        place.fifo("never");
        place.file("run/keep", "");
        rustix::fs::chmod(place.path("run"), rustix::fs::Mode::from_raw_mode(0o777)).unwrap();
        let through = if ordinary { [&NOBODY[..], ORDINARY].concat() } else { NOBODY.to_vec() };
        let mut wingmate = Wingmate::launch(&mut place.command(&through, &[]));
        wingmate.each(&[
            "own 65534",
            "number 65534",
            "job 65534",
            "warn: other: setting supplementary groups: operation not permitted (needs CAP_SETGID)",
            "daemon: running (daemon, pid ",
        ]);
        place.tell("go", "on");
        wingmate.line("own 65534");
        wingmate.stop();
    }
}

#[test]
fn without_standard_streams_it_runs_and_passes_none_of_its_own_on() {
    let place =
        Place::new("service:\n  web: { command: [ sh, -c, 'ls /proc/self/fd > $D/web; cat' ], oneshot: true }\n");
    let through = ["sh", "-c", r#"exec "$@" <&- >&- 2>&-"#, "sh"];
    let main = ["--", "sh", "-c", "ls /proc/self/fd > $D/main; exit 7"];
    let (status, stdout, stderr) = told(&mut place.command(&through, &main));
    assert_eq!((status, &*stdout, &*stderr), (7, "", ""));
    for unit in ["web", "main"] {
        assert_eq!(place.read(unit), "0\n1\n2\n3\n", "{unit}; the fourth is the listing's own");
    }
}

#[test]
fn too_few_descriptors_are_told_at_start_with_both_numbers() {
    let place = Place::new("service:\n  web: { command: [ sleep, inf ] }\n");
    let through = ["sh", "-c", r#"ulimit -n 20; exec "$@""#, "sh"];
    let (status, _, stderr) = told(&mut place.command(&through, &[]));
    assert_eq!(status, 1);
    assert!(
        stderr.starts_with("wingmate: the configuration needs ") && stderr.contains(", the limit is 20 ("),
        "{stderr}"
    );
    let with_daemons = |count: usize| {
        let daemon = |n| format!("  d{n}: {{ command: [ 'true' ], pidfile: $D/d{n} }}\n");
        let place = Place::new(&["service:\n".to_owned(), (0..count).map(daemon).collect()].concat());
        told(&mut place.command(&through, &[])).2
    };
    // A daemon is watched by one more.
    assert!(with_daemons(40).contains(" needs 220 open files"), "{}", with_daemons(40));
}

#[test]
fn a_plain_init_needs_few_descriptors() {
    let place = Place::new("");
    let through = ["sh", "-c", r#"ulimit -n 12; exec "$@""#, "sh"];
    let (status, stdout, stderr) = told(&mut place.bare(&through, &["--", "sh", "-c", "ulimit -n; exit 7"]));
    assert_eq!((status, stdout.as_str()), (7, "12\n"), "{stderr}");
}

/// Behind these, wingmate finds no process file system, no device and no place to write to.
const NOTHING: [&str; 4] = [
    "sh",
    "-c",
    r#"mount -t tmpfs -o ro none /proc && mount -t tmpfs none /dev && mount -o remount,ro,bind / && exec "$@""#,
    "sh",
];

#[test]
fn without_proc_and_dev_and_on_a_read_only_root_it_runs_and_stops() {
    let web = "service:\n  web: { command: [ sh, -c, 'echo \"up $(cat)\"; read x < $D/go; exit 1' ], startsecs: 0 }\n";
    // As an ordinary process it couldn't find this one's daemon without /proc, and would wait for it in vain.
    let escaped =
        "  escaped: { command: [ sh, -c, \"setsid --fork sh -c 'echo away; exec sleep inf'; exec sleep inf\" ] }\n";
    for (ordinary, yaml) in [(false, [web, escaped].concat()), (true, web.to_owned())] {
        let place = Place::new(&yaml);
        let through = if ordinary { [&NOTHING[..], ORDINARY].concat() } else { NOTHING.to_vec() };
        let mut wingmate = Wingmate::launch(&mut place.command(&through, &[]));
        wingmate.each(if ordinary { &["| up "] } else { &["| up ", "| away"] });
        place.tell("go", "on");
        wingmate.each(&["web: exited with 1", "| up "]);
        wingmate.stop();
    }
}

#[test]
fn without_proc_a_secret_is_no_file_that_could_be_opened() {
    let place = Place::new(
        r#"
service:
  file: { oneshot: true, command: [ sh, -c, 'cat $S_FILE' ], secrets: { S: { file: hush, as: file } } }
  variable: { oneshot: true, command: [ sh, -c, 'echo "got $S"' ], secrets: { S: hush } }
"#,
    );
    place.file("hush", "it\n");
    let (status, lines) = Wingmate::launch(&mut place.command(&NOTHING, &[])).end();
    assert_eq!(status, 1, "{lines:#?}");
    let says = "file: cannot pass on the secret 'hush' as a file: /proc isn't mounted, or is another pid namespace's";
    assert!(lines.iter().any(|line| line.contains(says)), "{lines:#?}");
    assert!(lines.iter().any(|line| line == "variable | got it"), "{lines:#?}");
}

#[test]
fn a_terminal_that_cannot_be_opened_again_gets_every_line() {
    // Without /proc it is written to by a process of its own, which must not be ended with the rest.
    let place = Place::new(
        "service:\n  web: { command: [ sh, -c, \"trap 'seq 1 2000; exit 0' TERM; echo up; while :; do sleep 0.1; done\" ] }\n",
    );
    let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC).unwrap();
    grantpt(&master).unwrap();
    unlockpt(&master).unwrap();
    let slave = ptsname(&master, Vec::new()).unwrap();
    let open = || OpenOptions::new().read(true).write(true).custom_flags(libc::O_NOCTTY).open(slave.to_str().unwrap());
    let mut command = place.command(&NOTHING, &[]);
    let mut outer = command.env("NO_COLOR", "1").stdout(open().unwrap()).stderr(open().unwrap()).spawn().unwrap();
    let mut reader = Command::new("cat").stdin(master).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut screen = Lines::of(&mut reader);
    drop(command);
    screen.line("| up");
    let init = processes::children(Pid::from_raw(outer.id() as i32).unwrap())[0].pid;
    processes::kill(init, Signal::TERM).unwrap();
    let lines = screen.all();
    reader.wait().unwrap();
    assert_eq!(outer.wait().unwrap().code(), Some(0), "{lines:#?}");
    let number = |line: &String| line.strip_prefix("web      | ")?.trim_end().parse().ok();
    assert_eq!(lines.iter().filter_map(number).collect::<Vec<u32>>(), Vec::from_iter(1..=2000), "{lines:#?}");
    assert!(lines.iter().any(|line| line.contains("stopped: SIGTERM received")), "{lines:#?}");
}
