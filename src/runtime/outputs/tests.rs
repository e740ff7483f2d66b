//! The outputs through real pipes, with the loop's part played by [`Bed`].

use super::*;
use crate::model::moment::Wall;
use crate::model::settings::LogFormat;
use crate::sys::clock;
use crate::sys::sink::tests::{spliced, written};
use rustix::event::{PollFd, PollFlags, poll};
use rustix::fs::{OFlags, fcntl_setfl};
use rustix::io::{Errno, read, write};
use rustix::pipe::{PipeFlags, fcntl_getpipe_size, fcntl_setpipe_size, pipe_with};
use std::os::fd::OwnedFd;
use std::time::Duration;

const WEB: UnitId = UnitId(0);
const API: UnitId = UnitId(1);

struct Bed {
    outputs: Outputs,
    poller: Poller,
    readers: [Option<OwnedFd>; 2],
    got: [Vec<u8>; 2],
    later: Duration,
}

fn reader() -> (OwnedFd, OwnedFd) {
    let (from, into) = pipe_with(PipeFlags::CLOEXEC).unwrap();
    fcntl_setfl(&from, OFlags::NONBLOCK).unwrap();
    (from, into)
}

impl Bed {
    fn new(format: LogFormat) -> Bed {
        let ((out, stdout), (err, stderr)) = (reader(), reader());
        Bed::over(format, [out, err], stdout, stderr)
    }

    /// stdout and stderr are the same pipe.
    fn one(format: LogFormat) -> Bed {
        let ((out, both), (err, _)) = (reader(), reader());
        Bed::over(format, [out, err], &both, &both)
    }

    fn over(format: LogFormat, readers: [OwnedFd; 2], stdout: impl AsFd, stderr: impl AsFd) -> Bed {
        Bed::through(format, readers, Sink::new(stdout).unwrap(), Sink::new(stderr).unwrap())
    }

    fn through(format: LogFormat, readers: [OwnedFd; 2], stdout: Sink, stderr: Sink) -> Bed {
        let settings = LogSettings { format, ..LogSettings::default() };
        let mut outputs = Outputs::through(settings, Box::new(|_: Wall| 0), false, Ok(stdout), Ok(stderr));
        let poller = Poller::new().unwrap();
        outputs.set_names(["web", "api"].into_iter());
        outputs.open(WEB, "web", &poller).unwrap();
        outputs.open(API, "api", &poller).unwrap();
        let got = [Vec::new(), Vec::new()];
        Bed { outputs, poller, readers: readers.map(Some), got, later: Duration::ZERO }
    }

    fn now(&self) -> Now {
        let now = clock::now();
        Now { mono: now.mono + self.later, ..now }
    }

    /// Handles what is ready until nothing is, without reading what comes out. Gives the number of wake-ups.
    fn settle(&mut self) -> usize {
        let mut ready = Vec::new();
        for wakes in 0.. {
            self.poller.wait(Some(Duration::ZERO), &mut ready).unwrap();
            if ready.is_empty() {
                return wakes;
            }
            assert!(wakes < 100_000, "spins");
            for ready in &ready {
                self.outputs.ready(*ready, &self.poller, self.now());
            }
        }
        unreachable!()
    }

    fn take(&mut self) -> bool {
        let mut moved = false;
        let mut buffer = [0; 1 << 16];
        for (reader, got) in self.readers.iter().zip(&mut self.got) {
            let Some(reader) = reader else { continue };
            while let Ok(count @ 1..) = read(reader, &mut buffer) {
                got.extend_from_slice(&buffer[..count]);
                moved = true;
            }
        }
        moved
    }

    /// Handles and reads until nothing moves.
    fn run(&mut self) {
        self.settle();
        while self.take() {
            self.settle();
        }
    }

    fn write(&self, unit: UnitId, stream: usize, text: &[u8]) {
        let fd = self.outputs.child_ends(unit).unwrap()[stream];
        assert_eq!(write(fd, text), Ok(text.len()));
    }

    /// Writes as much as the unit's stdout takes without blocking.
    fn write_some(&self, unit: UnitId, text: &[u8]) -> usize {
        let fd = self.outputs.child_ends(unit).unwrap()[0];
        fcntl_setfl(fd, OFlags::NONBLOCK).unwrap();
        match write(fd, text) {
            Err(Errno::AGAIN) => 0,
            count => count.unwrap(),
        }
    }

    fn say(&mut self, about: Option<&str>, text: &str) {
        let mut note = Note::new(Level::Info, text);
        note.unit = about.map(str::to_owned);
        self.outputs.say(&note, &self.poller, self.now());
    }

    fn drain(&mut self, unit: UnitId) {
        self.outputs.drain(unit, Life::default(), &self.poller, self.now());
    }

    fn texts(&mut self) -> [String; 2] {
        self.got.each_mut().map(|got| String::from_utf8(std::mem::take(got)).unwrap())
    }

    /// stdout's reader goes. (A child that another test forks may hold the descriptor a moment longer.)
    fn leave(&mut self) {
        self.readers[0] = None;
        let sink = self.outputs.printer.outlet(Stream::Stdout).sink().unwrap();
        poll(&mut [PollFd::from_borrowed_fd(sink.as_fd(), PollFlags::ERR)], None).unwrap();
    }

    /// Fills wingmate's stdout until it is stuck, with numbered lines of `unit`; tells how many.
    fn stuff(&mut self, unit: UnitId, from: usize) -> usize {
        let mut count = from;
        loop {
            let line = format!("{count:099}\n");
            if self.write_some(unit, line.as_bytes()) == 0 {
                if self.settle() == 0 {
                    return count;
                }
                continue;
            }
            count += 1;
        }
    }
}

#[test]
fn lines_get_names_and_stay_apart() {
    let mut bed = Bed::new(LogFormat::Text);
    bed.write(WEB, 0, b"GET / 200\nGET /");
    bed.write(WEB, 1, b"oops\n");
    bed.run();
    bed.write(API, 0, b"ready\n");
    bed.write(WEB, 0, b"x 404\n");
    bed.run();
    bed.say(Some("web"), "running (pid 17)");
    bed.run();
    let [stdout, stderr] = bed.texts();
    assert_eq!(
        stdout.lines().filter(|l| l.starts_with("web")).collect::<Vec<_>>(),
        ["web      | GET / 200", "web      | GET /x 404"]
    );
    assert!(stdout.contains("api      | ready\n"));
    assert_eq!(stderr, "web      | oops\nwingmate | info: web: running (pid 17)\n");
}

#[test]
fn a_line_that_rests_is_shown_and_its_rest_has_its_own() {
    let mut bed = Bed::new(LogFormat::Text);
    bed.write(WEB, 0, b"Password: ");
    bed.run();
    assert_eq!(bed.texts()[0], "");
    let deadline = bed.outputs.deadline().unwrap();
    bed.outputs.expire(&bed.poller, bed.now());
    assert_eq!(bed.outputs.deadline(), Some(deadline), "it hasn't rested yet");
    bed.later = Duration::from_secs(1);
    bed.outputs.expire(&bed.poller, bed.now());
    assert_eq!(bed.outputs.deadline(), None);
    bed.write(WEB, 0, b"thanks\n");
    bed.run();
    assert_eq!(bed.texts()[0], "web      + Password: \nweb      | thanks\n");
}

#[test]
fn the_last_line_is_ended_before_the_exit_is_told() {
    let mut bed = Bed::one(LogFormat::Text);
    bed.write(WEB, 0, b"one\ntwo");
    bed.write(WEB, 1, b"three");
    bed.drain(WEB);
    bed.say(Some("web"), "exited with 1");
    bed.write(WEB, 0, b"next\n");
    bed.run();
    assert_eq!(
        bed.texts()[0],
        "web      | one\nweb      | two\nweb      | three\nwingmate | info: web: exited with 1\nweb      | next\n"
    );
    assert_eq!(bed.outputs.deadline(), None);
}

#[test]
fn json_goes_line_by_line() {
    let mut bed = Bed::new(LogFormat::Json);
    bed.write(WEB, 1, b"say \"hi\"\n\xff\n");
    bed.run();
    let text = bed.texts()[1].clone();
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.len(), 2);
    assert!(
        lines[0].starts_with("{\"time\":\"20")
            && lines[0].ends_with("Z\",\"unit\":\"web\",\"stream\":\"stderr\",\"message\":\"say \\\"hi\\\"\"}"),
        "{text}"
    );
    assert!(lines[1].ends_with("\"message\":\"\u{fffd}\"}"), "{text}");
}

/// A stuck stdout stops reading, costs no wake-up, loses nothing, and the exit is told after the rest.
fn stuck(format: LogFormat, mut bed: Bed, line: impl Fn(&str) -> String) {
    let count = bed.stuff(WEB, 0);
    assert!(count > 1000, "two pipes full");
    assert_eq!(bed.settle(), 0, "nothing wakes while stdout is stuck");
    bed.drain(WEB);
    bed.say(Some("web"), "exited with 1");
    bed.say(Some("api"), "running");
    bed.settle();
    assert_eq!(bed.write_some(WEB, &[b'x'; 4096]), 0, "the unit is held up");
    assert_eq!(bed.outputs.deadline(), None);
    assert!(!bed.outputs.finished(&bed.poller, bed.now()));
    bed.run();
    let more = bed.stuff(API, 0);
    bed.run();
    assert!(bed.outputs.finished(&bed.poller, bed.now()));
    bed.run();
    let [stdout, stderr] = bed.texts();
    let all = stdout + &stderr;
    let expected: Vec<String> = (0..count).map(|n| line(&format!("{n:099}"))).collect();
    let web: Vec<&str> = all.lines().filter(|l| l.starts_with("web") || format == LogFormat::Raw).take(count).collect();
    assert_eq!(web, expected);
    assert_eq!(all.lines().count(), count + more + 2);
    let at = |text: &str| all.find(text).unwrap();
    assert!(at("web: exited with 1") > at(&expected[count - 1]));
}

#[test]
fn a_stuck_stdout_blocks_nothing_and_loses_nothing() {
    stuck(LogFormat::Text, Bed::new(LogFormat::Text), |line| format!("web      | {line}"));
    stuck(LogFormat::Text, Bed::one(LogFormat::Text), |line| format!("web      | {line}"));
    stuck(LogFormat::Raw, Bed::new(LogFormat::Raw), str::to_owned);
    let mut shared = Bed::one(LogFormat::Text);
    shared.outputs.share(true);
    for share in [false, true] {
        let ((out, stdout), (err, stderr)) = (reader(), reader());
        let [stdout, stderr] = [stdout, stderr].map(|stream| spliced(stream).unwrap());
        let mut bed = Bed::through(LogFormat::Text, [out, err], stdout, stderr);
        bed.outputs.share(share);
        stuck(LogFormat::Text, bed, |line| format!("web      | {line}"));
    }
    stuck(LogFormat::Text, shared, |line| format!("web      | {line}"));
}

#[test]
fn a_message_about_a_stuck_unit_waits_and_others_pass() {
    let mut bed = Bed::new(LogFormat::Text);
    bed.stuff(WEB, 0);
    bed.drain(WEB);
    bed.say(Some("web"), "exited with 1");
    bed.say(Some("web"), "restarted");
    bed.say(Some("api"), "running");
    bed.outputs.say_last(&Note::new(Level::Info, "stopping"), bed.now());
    let mut text = [0; 1000];
    let count = read(bed.readers[1].as_ref().unwrap(), &mut text).unwrap();
    assert_eq!(&text[..count], b"wingmate | info: api: running\n");
    bed.outputs.give_up(&bed.poller, bed.now());
    let count = read(bed.readers[1].as_ref().unwrap(), &mut text).unwrap();
    let text = String::from_utf8_lossy(&text[..count]);
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines[..2], ["wingmate | info: web: exited with 1", "wingmate | info: web: restarted"]);
    assert!(lines[2].starts_with("wingmate | warn: stdout wasn't read: "));
    assert_eq!(lines[3..], ["wingmate | info: stopping"]);
}

#[test]
fn lives_are_kept_apart_while_stuck() {
    let mut bed = Bed::new(LogFormat::Text);
    // Leaves room in the unit's pipe, none in stdout.
    fcntl_setpipe_size(bed.readers[0].as_ref().unwrap(), 4096).unwrap();
    bed.write(API, 0, &[b'.'; 60_000]);
    bed.write(API, 0, b"\n");
    bed.settle();
    bed.write(WEB, 0, b"first life");
    bed.drain(WEB);
    bed.say(Some("web"), "exited with 1");
    bed.write(WEB, 0, b"second");
    bed.drain(WEB);
    bed.drain(WEB);
    bed.write(WEB, 0, b"third\n");
    bed.run();
    let [stdout, stderr] = bed.texts();
    let web: Vec<&str> = stdout.lines().filter(|line| line.starts_with("web")).collect();
    assert_eq!(web, ["web      | first life", "web      | second", "web      | third"]);
    assert_eq!(stderr, "wingmate | info: web: exited with 1\n");
}

#[test]
fn long_lines_come_in_pieces_and_memory_is_bounded() {
    let mut bed = Bed::new(LogFormat::Raw);
    let chunk = [b'x'; 1 << 16];
    for _ in 0..40 {
        bed.write(WEB, 0, &chunk);
        bed.run();
    }
    assert!(bed.outputs.printer.kept <= 1 << 20);
    bed.write(WEB, 0, b"\n");
    bed.run();
    let lengths: Vec<usize> = bed.texts()[0].lines().map(str::len).collect();
    assert_eq!(lengths, [1 << 20, 1 << 20, 1 << 19]);
    assert_eq!(bed.outputs.printer.kept, 0);
}

#[test]
fn many_unfinished_lines_share_a_bound() {
    let mut bed = Bed::new(LogFormat::Text);
    let chunk = [b'x'; 60_000];
    for unit in 2..14 {
        bed.outputs.open(UnitId(unit), &format!("u{unit}"), &bed.poller).unwrap();
        for _ in 0..15 {
            bed.write(UnitId(unit), 0, &chunk);
            bed.run();
        }
    }
    let kept = bed.outputs.printer.kept;
    assert!(kept > 8_000_000 && kept <= (8 << 20) + 12 * (64 << 10), "{kept}");
}

#[test]
fn a_reader_that_has_gone_is_told_once_and_its_lines_are_counted() {
    let mut bed = Bed::new(LogFormat::Text);
    bed.leave();
    for _ in 0..3 {
        bed.write(WEB, 0, b"one\ntwo\n");
        bed.run();
    }
    assert_eq!(bed.settle(), 0, "no spinning");
    assert_eq!(bed.outputs.dropped(), 6);
    assert_eq!(bed.texts()[1], "wingmate | warn: cannot write to stdout: Broken pipe; its lines are dropped\n");
    assert!(bed.outputs.finished(&bed.poller, bed.now()));
}

#[test]
fn a_reader_that_goes_while_stdout_is_stuck() {
    let mut bed = Bed::new(LogFormat::Text);
    let count = bed.stuff(WEB, 0);
    bed.drain(WEB);
    bed.say(Some("web"), "exited with 1");
    bed.leave();
    bed.run();
    assert_eq!(bed.settle(), 0);
    let stderr = bed.texts()[1].clone();
    assert!(stderr.contains("cannot write to stdout") && stderr.contains("exited with 1"), "{stderr}");
    assert!(bed.outputs.dropped() as usize > count / 3);
    assert!(bed.outputs.finished(&bed.poller, bed.now()));
}

#[test]
fn a_full_disk_is_told_and_tried_again() {
    let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let (err, stderr) = reader();
    let mut bed = Bed::over(LogFormat::Text, [reader().0, err], full, stderr);
    bed.write(WEB, 0, b"one\n");
    bed.run();
    let first = bed.outputs.deadline().unwrap();
    assert!(first > bed.now().mono);
    bed.later = Duration::from_secs(1);
    bed.outputs.expire(&bed.poller, bed.now());
    bed.run();
    assert!(bed.outputs.deadline().unwrap() > first + Duration::from_millis(800));
    assert_eq!(bed.texts()[1], "wingmate | error: cannot write to stdout: No space left on device; trying again\n");
    assert_eq!((bed.outputs.dropped(), bed.settle()), (0, 0));
}

#[test]
fn own_messages_are_bounded_and_counted() {
    let mut bed = Bed::new(LogFormat::Text);
    for n in 0..20_000 {
        bed.say(None, &format!("message {n}"));
    }
    bed.run();
    let stderr = bed.texts()[1].clone();
    let kept = stderr.lines().filter(|line| line.contains("message ")).count();
    let last = stderr.lines().last().unwrap();
    let told: usize = last.strip_prefix("wingmate | warn: ").unwrap().split(' ').next().unwrap().parse().unwrap();
    assert_eq!(kept + told, 20_000, "{last}");
}

#[test]
fn messages_below_the_level_are_not_said() {
    let mut bed = Bed::new(LogFormat::Text);
    bed.outputs.say(&Note::new(Level::Debug, "probing"), &bed.poller, bed.now());
    bed.run();
    assert_eq!(bed.texts()[1], "");
}

#[test]
fn a_removed_unit_prints_all_before_it_goes() {
    let mut bed = Bed::new(LogFormat::Text);
    bed.stuff(API, 0);
    bed.write(WEB, 0, b"last words");
    bed.outputs.remove(WEB, &bed.poller, bed.now());
    assert!(bed.outputs.child_ends(WEB).is_some());
    bed.run();
    assert!(bed.texts()[0].ends_with("web      | last words\n"));
    assert!(bed.outputs.child_ends(WEB).is_none());
    bed.outputs.remove(API, &bed.poller, bed.now());
    assert!(bed.outputs.pairs.is_empty());
}

#[test]
fn lines_stay_whole_against_another_writer() {
    let (out, stdout) = reader();
    let (err, stderr) = reader();
    let mut bed = Bed::over(LogFormat::Text, [out, err], &stdout, stderr);
    bed.outputs.share(true);
    fcntl_setfl(&stdout, OFlags::NONBLOCK).unwrap();
    let size = fcntl_getpipe_size(&stdout).unwrap();
    let other = [[b'o'; 299].as_slice(), b"\n"].concat();
    for round in 0..50 {
        bed.stuff(WEB, round);
        // The other one fills whatever room there is, and takes some of what is made.
        while write(&stdout, &other).is_ok() {}
        let mut some = vec![0; size / 3];
        let count = read(bed.readers[0].as_ref().unwrap(), &mut some).unwrap();
        bed.got[0].extend_from_slice(&some[..count]);
        while write(&stdout, &other).is_ok() {}
    }
    bed.run();
    let text = bed.texts()[0].clone();
    for line in text.lines() {
        let whole = line.len() == 299 && line.bytes().all(|b| b == b'o');
        let web =
            line.strip_prefix("web      | ").is_some_and(|n| n.len() == 99 && n.bytes().all(|b| b.is_ascii_digit()));
        assert!(whole || web, "{line}");
    }
}

#[test]
fn a_writing_process_ends_after_the_last_line() {
    let ((out, stdout), (err, stderr)) = (reader(), reader());
    let mut bed = Bed::through(LogFormat::Text, [out, err], written(stdout).unwrap(), Sink::new(stderr).unwrap());
    let pid = bed.outputs.writers().next().unwrap();
    let count = bed.stuff(WEB, 0);
    bed.drain(WEB);
    bed.say(Some("web"), "exited with 1");
    let mut ready = Vec::new();
    while !bed.outputs.finished(&bed.poller, bed.now()) {
        bed.take();
        bed.poller.wait(Some(Duration::from_millis(1)), &mut ready).unwrap();
        for ready in &ready {
            bed.outputs.ready(*ready, &bed.poller, bed.now());
        }
    }
    bed.take();
    let [stdout, stderr] = bed.texts();
    let expected: String = (0..count).map(|n| format!("web      | {n:099}\n")).collect();
    assert!(stdout == expected, "{} of {} bytes", stdout.len(), expected.len());
    assert_eq!(stderr, "wingmate | info: web: exited with 1\n");
    let pid = rustix::process::Pid::from_raw(pid.raw());
    let (_, status) = rustix::process::waitpid(pid, rustix::process::WaitOptions::empty()).unwrap().unwrap();
    assert_eq!(status.exit_status(), Some(0));
}

#[test]
fn a_program_of_another_user_can_open_its_stdout_again() {
    use std::os::unix::process::CommandExt;
    let mut bed = Bed::new(LogFormat::Text);
    let root = rustix::process::geteuid().is_root();
    let (user, group) = match root {
        true => (65_534, 65_534),
        false => (rustix::process::geteuid().as_raw(), rustix::process::getegid().as_raw()),
    };
    bed.outputs.give(WEB, user, group);
    let [stdout, stderr] = bed.outputs.child_ends(WEB).unwrap().map(|fd| fd.try_clone_to_owned().unwrap());
    let mut command = std::process::Command::new("/bin/sh");
    command.args(["-c", "echo one > /dev/stdout; echo two > /proc/self/fd/2"]).stdout(stdout).stderr(stderr);
    if root {
        command.uid(user).gid(group);
    }
    assert!(command.status().unwrap().success());
    drop(command);
    bed.drain(WEB);
    bed.run();
    assert_eq!(bed.texts(), ["web      | one\n", "web      | two\n"]);
}

/// A job that isn't among the units of [`Bed::over`].
const JOB: UnitId = UnitId(7);

impl Bed {
    /// The next run of a job begins; what it has as stdout and stderr.
    fn begin(&mut self, run: u32) -> [OwnedFd; 2] {
        self.outputs.open_for_run(JOB, "job", Life(run), &self.poller).unwrap();
        let ends = self.outputs.child_ends(JOB).unwrap().map(|fd| fd.try_clone_to_owned().unwrap());
        self.outputs.has_started(JOB);
        ends
    }

    fn end(&mut self, run: u32) {
        self.outputs.drain(JOB, Life(run), &self.poller, self.now());
    }

    /// How many pairs a job has, and how many of them are held.
    fn pairs(&self) -> (usize, usize) {
        let pairs = || Place::both(JOB).into_iter().filter_map(|place| self.outputs.pairs.get(&place));
        (pairs().count(), pairs().filter(|pair| pair.is_held()).count())
    }

    /// Until it has so many. (A child that another test forks may have a copy of everything for a moment longer.)
    fn await_pairs(&mut self, pairs: (usize, usize)) {
        let mut ready = Vec::new();
        while self.pairs() != pairs {
            self.poller.wait(Some(Duration::from_secs(60)), &mut ready).unwrap();
            assert!(!ready.is_empty(), "{:?} instead of {pairs:?}", self.pairs());
            ready.iter().for_each(|ready| self.outputs.ready(*ready, &self.poller, self.now()));
        }
        assert_eq!((self.settle(), self.outputs.deadline()), (0, None));
    }

    fn job_lines(&mut self) -> Vec<String> {
        self.run();
        let [stdout, _] = self.texts();
        stdout.lines().filter_map(|line| line.strip_prefix("job      | ")).map(str::to_owned).collect()
    }
}

fn say(fd: &OwnedFd, text: &str) {
    assert_eq!(write(fd, text.as_bytes()), Ok(text.len()));
}

#[test]
fn a_job_has_pipes_while_it_runs() {
    let mut bed = Bed::new(LogFormat::Text);
    for run in 1..4 {
        let [stdout, stderr] = bed.begin(run);
        assert_eq!(bed.pairs(), (1, 0));
        say(&stdout, "one\ntwo");
        say(&stderr, "three");
        drop((stdout, stderr));
        bed.end(run);
        bed.await_pairs((0, 0));
        assert_eq!(bed.job_lines(), ["one", "two"]);
    }
    let [stdout, stderr] = bed.begin(4);
    drop((stdout, stderr));
    // It runs on and can't say anything any more.
    bed.await_pairs((0, 0));
    bed.end(4);
    bed.await_pairs((0, 0));
}

#[test]
fn what_a_run_leaves_still_speaks_and_costs_one_more_pair() {
    let mut bed = Bed::new(LogFormat::Text);
    let left = bed.begin(1);
    bed.end(1);
    assert_eq!((bed.pairs(), bed.settle()), ((1, 0), 0));
    let mut others = Vec::new();
    for run in 2..6 {
        let [stdout, stderr] = bed.begin(run);
        assert_eq!(bed.pairs(), (2, 1), "all further ones share the second");
        say(&left[0], &format!("left at {run}, "));
        say(&stdout, &format!("run {run}"));
        others.push((stdout, stderr));
        bed.end(run);
    }
    assert_eq!(bed.job_lines(), ["run 2", "run 3", "run 4", "run 5"]);
    say(&left[0], "gone\n");
    drop(left);
    bed.await_pairs((1, 0));
    assert_eq!(bed.job_lines(), ["left at 2, left at 3, left at 4, left at 5, gone"]);
    let last = bed.begin(6);
    assert_eq!(bed.pairs(), (2, 1));
    for (number, (stdout, _)) in others.iter().enumerate() {
        say(stdout, &format!("{number}\n"));
    }
    say(&last[1], "not yet ended");
    drop(others);
    assert_eq!(bed.job_lines(), ["0", "1", "2", "3"]);
    bed.end(6);
    drop(last);
    bed.await_pairs((0, 0));
    assert!(bed.outputs.resting.is_empty());
}

#[test]
fn a_held_pair_isnt_let_go_of_while_a_run_begins() {
    let mut bed = Bed::new(LogFormat::Text);
    let left = bed.begin(1);
    bed.outputs.open_for_run(JOB, "job", Life(2), &bed.poller).unwrap();
    drop(left);
    bed.await_pairs((1, 1));
    assert!(bed.outputs.child_ends(JOB).is_some());
    bed.outputs.has_started(JOB);
    bed.await_pairs((0, 0));
}

#[test]
fn a_job_that_ends_while_stdout_is_stuck() {
    for one in [false, true] {
        let mut bed = if one { Bed::one(LogFormat::Text) } else { Bed::new(LogFormat::Text) };
        // Leaves room in the job's pipe, none in stdout.
        fcntl_setpipe_size(bed.readers[0].as_ref().unwrap(), 4096).unwrap();
        bed.write(API, 0, &[b'.'; 60_000]);
        bed.write(API, 0, b"\n");
        bed.settle();
        for run in 1..3 {
            let [stdout, stderr] = bed.begin(run);
            say(&stdout, &format!("run {run}\nits end"));
            drop((stdout, stderr));
            bed.settle();
            bed.end(run);
            bed.say(Some("job"), &format!("exited {run}"));
            assert!(bed.settle() <= 4, "nothing wakes twice while stdout is stuck");
        }
        assert_eq!(bed.pairs(), (2, 1));
        assert!(!bed.outputs.finished(&bed.poller, bed.now()));
        bed.run();
        bed.await_pairs((0, 0));
        let [stdout, stderr] = bed.texts();
        let lines = |text: &str| text.lines().map(str::to_owned).filter(|line| !line.starts_with("api")).collect();
        let (job, told): (Vec<String>, Vec<String>) = (lines(&stdout), lines(&stderr));
        let said = |run: u32| [format!("job      | run {run}"), "job      | its end".to_owned()];
        let news = |run: u32| format!("wingmate | info: job: exited {run}");
        if one {
            let place = |line: &str| job.iter().position(|other| other == line).unwrap();
            assert_eq!(job.len(), 6, "{job:?}");
            assert!(place(&said(1)[0]) < place(&news(1)) && place(&news(1)) < place(&news(2)), "{job:?}");
            assert!(place(&said(2)[0]) < place(&news(2)), "{job:?}");
        } else {
            assert_eq!(job, [said(1), said(2)].concat());
            assert_eq!(told, [news(1), news(2)]);
        }
    }
}

#[test]
fn a_job_that_floods_gives_its_room_back() {
    let mut bed = Bed::new(LogFormat::Raw);
    for run in 1..4 {
        let [stdout, stderr] = bed.begin(run);
        fcntl_setfl(&stdout, OFlags::NONBLOCK).unwrap();
        let mut count = 0;
        for _ in 0..200 {
            while write(&stdout, &[b'x'; 1 << 16]).is_ok_and(|written| written > 0) {
                count += 1;
            }
            bed.run();
        }
        assert!(count > 100);
        assert_eq!(bed.outputs.printer.large, 1);
        drop(stdout);
        bed.end(run);
        drop(stderr);
        bed.run();
        bed.await_pairs((0, 0));
        assert_eq!((bed.outputs.printer.large, bed.outputs.printer.kept), (0, 0));
    }
}

#[test]
fn a_job_that_is_no_more_or_has_another_name() {
    let mut bed = Bed::new(LogFormat::Text);
    let left = bed.begin(1);
    bed.end(1);
    let next = bed.begin(2);
    bed.end(2);
    bed.outputs.rename(JOB, "web");
    say(&left[0], "before\n");
    say(&next[0], "after\n");
    bed.outputs.remove(JOB, &bed.poller, bed.now());
    assert_eq!(bed.pairs(), (2, 0), "what is left may still speak");
    say(&next[0], "still\n");
    bed.run();
    assert_eq!(bed.texts()[0], "web      | before\nweb      | after\nweb      | still\n");
    drop((left, next));
    bed.await_pairs((0, 0));
}
