//! The log: every line whole, in order and once; what happens when nobody takes them.

use crate::world::{AS_INIT, Place, Wingmate, told};
use rustix::process::{Resource, Rlimit, prlimit};
use std::fs::{File, OpenOptions};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
use wingmate::model::signal::Signal;

const BOTH: &str = r#"
service:
  web: { oneshot: true, command: [ sh, -c, "echo out; echo err >&2; printf 'no newline'" ] }
"#;

#[test]
fn stdout_and_stderr_stay_apart_in_each_format() {
    for (format, out, err, last) in [
        (
            "text",
            "web      | out\nweb      | no newline\n",
            "web      | err\n",
            "wingmate | info: stopping: nothing is left to run: all is done; exit status 0\n",
        ),
        (
            "raw",
            "out\nno newline\n",
            "err\n",
            "wingmate: info: stopping: nothing is left to run: all is done; exit status 0\n",
        ),
    ] {
        let place = Place::new(BOTH);
        let (status, stdout, stderr) = told(&mut place.command(AS_INIT, &["--log-format", format]));
        assert_eq!((status, &*stdout), (0, out));
        assert!(stderr.contains(err) && stderr.ends_with(last), "{stderr}");
    }
}

#[test]
fn json_is_one_object_a_line() {
    let place = Place::new(BOTH);
    place.file("wingmate.yaml", &format!("log: {{ format: json }}\n{BOTH}"));
    let (status, stdout, stderr) = told(&mut place.command(AS_INIT, &[]));
    assert_eq!(status, 0);
    let after_time = |line: &str| line.split_once("Z\",").map(|(_, rest)| rest.to_owned()).unwrap();
    let lines: Vec<String> = stdout.lines().map(after_time).collect();
    let expected = |text: &str| format!(r#""unit":"web","stream":"stdout","message":"{text}"}}"#);
    assert_eq!(lines, [expected("out"), expected("no newline")]);
    assert!(stdout.lines().chain(stderr.lines()).all(|line| line.starts_with("{\"time\":\"2")), "{stdout}{stderr}");
    assert!(stderr.contains(r#""unit":"web","stream":"stderr","message":"err"}"#), "{stderr}");
    assert!(stderr.contains(r#""level":"info""#) && stderr.contains(r#""status":0"#), "{stderr}");
}

#[test]
fn the_environment_and_the_command_line_choose_the_format() {
    let place = Place::new(&format!("log: {{ format: json }}\n{BOTH}"));
    let (_, stdout, _) = told(place.command(AS_INIT, &[]).env("WINGMATE_LOG_FORMAT", "raw"));
    assert_eq!(stdout, "out\nno newline\n");
    let mut command = place.command(AS_INIT, &["--log-format=text", "--log-level", "error"]);
    let (_, stdout, stderr) = told(command.env("WINGMATE_LOG_FORMAT", "raw").env("WINGMATE_LOG_LEVEL", "debug"));
    assert_eq!((&*stdout, &*stderr), ("web      | out\nweb      | no newline\n", "web      | err\n"));
}

#[test]
fn two_hundred_thousand_lines_survive_a_restart_and_the_end() {
    let place = Place::new(
        r#"
service:
  web:
    command: [ sh, -c, "test -e $D/second && { seq 100001 200000; exit 0; }; touch $D/second; seq 1 100000; kill -9 $$" ]
    restart: on-failure
    backoff: { initial: 10ms, max: 10ms }
"#,
    );
    let (status, stdout, stderr) = told(&mut place.command(AS_INIT, &[]));
    assert_eq!(status, 0, "{stderr}");
    let mut lines = stdout.lines();
    for number in 1..=200_000 {
        assert_eq!(lines.next(), Some(&*format!("web      | {number}")));
    }
    assert_eq!(lines.next(), None);
}

#[test]
fn a_long_line_is_cut_sooner_where_memory_is_short() {
    let line = "head -c 1000000 /dev/zero | tr '\\\\000' x";
    for format in ["text", "json"] {
        let place = Place::new(&format!(
            "service:\n  web: {{ oneshot: true, command: [ sh, -c, \"read x < $D/go; {line}; echo\" ] }}\n"
        ));
        let mut wingmate = place.start(&["--log-format", format]);
        wingmate.line("running (pid");
        let pid = wingmate.pid();
        let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
        let size = status.lines().find_map(|line| line.strip_prefix("VmSize:")).unwrap();
        let size: u64 = size.trim().trim_end_matches(" kB").parse().unwrap();
        let limit = Some((size + 1024) << 10);
        prlimit(rustix::process::Pid::from_raw(pid.raw()), Resource::As, Rlimit { current: limit, maximum: limit })
            .unwrap();
        place.tell("go", "on");
        let (status, lines) = wingmate.end();
        assert_eq!(status, 0, "{format}");
        let pieces: Vec<usize> = lines.iter().map(|line| line.matches('x').count()).filter(|x| *x > 1).collect();
        assert!(pieces.len() > 1 && pieces.iter().sum::<usize>() == 1_000_000, "{format} {pieces:?}");
    }
}

#[test]
fn what_is_written_on_the_way_out_is_not_lost() {
    let place = Place::new(
        "service:\n  web: { command: [ sh, -c, \"trap 'seq 1 20000; exit 0' TERM; echo up; while :; do sleep 0.1; done\" ] }\n",
    );
    let mut wingmate = place.start(&[]);
    wingmate.line("| up");
    let lines = wingmate.stop();
    let number = |line: &String| line.strip_prefix("web      | ")?.parse().ok();
    assert_eq!(lines.iter().filter_map(number).collect::<Vec<u32>>(), Vec::from_iter(1..=20_000));
}

/// One that writes without end, one that is restarted again and again and says so elsewhere.
const LOUD: &str = r#"
service:
  loud: { command: [ "yes" ] }
  quick: { command: [ sh, -c, "echo on > $D/heard; read x < $D/go" ], startsecs: 0 }
"#;

/// The service is restarted although the log is stuck, and asked to stop wingmate does.
fn goes_on(place: &Place, mut wingmate: Stuck) {
    for _ in 0..10 {
        place.hear("heard");
        place.tell("go", "on");
    }
    wingmate.stop();
}

/// A wingmate whose lines nobody sees.
struct Stuck {
    outer: std::process::Child,
    _readers: Vec<File>,
}

impl Stuck {
    fn launch(place: &Place, through: &[&str], out: Stdio, err: Stdio, readers: Vec<File>) -> Stuck {
        let mut command = place.command(through, &["--shutdown-timeout", "2s"]);
        let outer = command.stdout(out).stderr(err).spawn().unwrap();
        Stuck { outer, _readers: readers }
    }

    fn stop(&mut self) {
        let outer = wingmate::model::unit::Pid::from_raw(self.outer.id() as i32).unwrap();
        let init = wingmate::sys::processes::children(outer)[0].pid;
        let begun = Instant::now();
        wingmate::sys::processes::kill(init, Signal::TERM).unwrap();
        assert_eq!(self.outer.wait().unwrap().code(), Some(0));
        // Its time was two seconds; the rest is the machine's.
        assert!(begun.elapsed() < Duration::from_secs(20), "it took {:?}", begun.elapsed());
    }
}

impl Drop for Stuck {
    fn drop(&mut self) {
        let _ = self.outer.kill();
        let _ = self.outer.wait();
    }
}

fn pipe() -> (File, File) {
    let (read, write) = rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC).unwrap();
    (File::from(read), File::from(write))
}

#[test]
fn a_reader_that_stops_stops_nothing_else() {
    let place = Place::new(LOUD);
    place.fifo("heard");
    let (read, write) = pipe();
    let wingmate = Stuck::launch(&place, AS_INIT, write.try_clone().unwrap().into(), write.into(), vec![read]);
    goes_on(&place, wingmate);
}

#[test]
fn a_reader_that_has_gone_stops_nothing() {
    let place = Place::new(LOUD);
    place.fifo("heard");
    let ((read, write), (errors, error)) = (pipe(), pipe());
    drop(read);
    let wingmate = Stuck::launch(&place, AS_INIT, write.into(), error.into(), Vec::new());
    goes_on(&place, wingmate);
    let said = std::io::read_to_string(errors).unwrap();
    assert_eq!(said.matches("warn: cannot write to stdout: Broken pipe; its lines are dropped").count(), 1, "{said}");
}

#[test]
fn no_stdout_and_a_full_one_stop_nothing() {
    for (redirected, says) in [
        (r#"exec "$@" >&-"#, ""),
        (r#"exec "$@" >/dev/full"#, "cannot write to stdout: No space left on device; trying again"),
    ] {
        let place = Place::new(LOUD);
        place.fifo("heard");
        let (errors, error) = pipe();
        let through = ["sh", "-c", redirected, "sh"];
        let wingmate = Stuck::launch(&place, &through, Stdio::null(), error.into(), Vec::new());
        goes_on(&place, wingmate);
        let said = std::io::read_to_string(errors).unwrap();
        assert!(said.contains(says), "{said}");
        assert!(said.contains("stopped: SIGTERM received "), "{said}");
    }
}

#[test]
fn a_file_as_stdout_gets_every_line() {
    let place = Place::new("service:\n  web: { command: [ seq, '1', '1000' ], oneshot: true }\n");
    place.file("log", "before\n");
    let log = OpenOptions::new().append(true).open(place.path("log")).unwrap();
    let mut command: Command = place.command(AS_INIT, &[]);
    let status = command.stdout(log.try_clone().unwrap()).stderr(log).status().unwrap();
    assert!(status.success());
    let text = place.read("log");
    assert!(text.starts_with("before\n"), "{text}");
    assert_eq!(text.lines().filter(|line| line.starts_with("web      | ")).count(), 1000);
    assert!(text.ends_with("exit status 0\n"), "{text}");
}

#[test]
fn lines_of_many_units_are_never_mixed() {
    let units: String = (0..8)
        .map(|n| format!("  s{n}: {{ oneshot: true, command: [ sh, -c, \"i=0; while [ $i -lt 500 ]; do printf 'a{n}'; echo 'z{n}'; i=$((i+1)); done\" ] }}\n"))
        .collect();
    let place = Place::new(&format!("service:\n{units}"));
    let (status, lines) = Wingmate::launch(&mut place.command(AS_INIT, &["--log-level", "error"])).end();
    assert_eq!((status, lines.len()), (0, 4000));
    for line in lines {
        let number = &line[1..2];
        assert_eq!(line, format!("s{number}       | a{number}z{number}"));
    }
}
