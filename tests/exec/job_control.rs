//! wmexec --setsid as a shell's job, its program a child in a session of its own: it stops and goes on as the job does,
//! and needs nothing that could fail once the program runs.

use crate::filter::refuse;
use crate::place::{Place, command, error, output, stat, text};
use crate::terminal::Terminal;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, Signal, WaitOptions, kill_process, waitpid};
use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::process::CommandExt;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::Instant;

/// Says who it is, and when USR1 comes; it runs all the time, so that none comes late.
const TELLING: &str = "trap 'echo got' USR1; trap 'echo over; exit 9' TERM; echo $$; while :; do :; done";

/// wmexec as the leader of a group, whose parent we are.
struct Job {
    leader: Child,
    program: Pid,
    said: BufReader<ChildStdout>,
}

impl Job {
    fn new(command: &mut Command) -> Job {
        let mut leader = command.process_group(0).stdout(Stdio::piped()).spawn().unwrap();
        let mut said = BufReader::new(leader.stdout.take().unwrap());
        let program = Pid::from_raw(line(&mut said).parse().unwrap()).unwrap();
        Job { leader, program, said }
    }

    fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.leader), signal).unwrap();
    }

    fn expect(&mut self, line: &str) {
        assert_eq!(self::line(&mut self.said), line);
    }

    /// As a shell learns of it; the program's state then.
    fn await_stop(&self) {
        let (_, status) = waitpid(Some(Pid::from_child(&self.leader)), WaitOptions::UNTRACED).unwrap().unwrap();
        assert!(status.stopped() && status.stopping_signal() == Some(Signal::STOP.as_raw()), "{status:?}");
        assert_eq!(self.state(), "T");
    }

    fn state(&self) -> String {
        let line = fs::read_to_string(format!("/proc/{}/stat", self.program.as_raw_nonzero())).unwrap();
        line.rsplit(") ").next().unwrap().split(' ').next().unwrap().to_owned()
    }

    /// Whether there is something to be read.
    fn answers(&self) -> bool {
        let none = Timespec { tv_sec: 0, tv_nsec: 0 };
        poll(&mut [PollFd::new(self.said.get_ref(), PollFlags::IN)], Some(&none)).unwrap() > 0
    }

    /// It runs: a signal that is passed on is answered.
    fn expect_running(&mut self) {
        self.signal(Signal::USR1);
        self.expect("got");
    }

    fn end(mut self) {
        self.signal(Signal::TERM);
        self.expect("over");
        assert_eq!(self.leader.wait().unwrap().code(), Some(9));
    }
}

impl Drop for Job {
    fn drop(&mut self) {
        // Only a failed story leaves them.
        if self.leader.try_wait().unwrap().is_none() {
            let _ = kill_process(self.program, Signal::KILL);
            let _ = self.leader.kill();
            let _ = self.leader.wait();
        }
    }
}

fn line(from: &mut impl BufRead) -> String {
    let mut line = String::new();
    from.read_line(&mut line).unwrap();
    line.trim_end().to_owned()
}

fn telling(place: &Place) -> Command {
    command(&place.wmexec(), &["-s", "sh", "-c", TELLING])
}

#[test]
fn a_job_stops_and_goes_on_with_its_program() {
    let place = Place::new();
    let mut job = Job::new(&mut telling(&place));
    for signal in [Signal::TSTP, Signal::TTIN, Signal::TTOU] {
        job.signal(signal);
        job.await_stop();
        job.signal(Signal::CONT);
        job.expect_running();
    }
    // And the other way round.
    kill_process(job.program, Signal::STOP).unwrap();
    job.await_stop();
    job.signal(Signal::CONT);
    job.expect_running();
    // What comes while it is stopped comes when it goes on.
    job.signal(Signal::TSTP);
    job.await_stop();
    job.signal(Signal::TERM);
    job.signal(Signal::CONT);
    job.expect("over");
    assert_eq!(job.leader.wait().unwrap().code(), Some(9));
}

#[test]
fn whatever_comes_between_both_run_or_both_stand() {
    let place = Place::new();
    let mut job = Job::new(&mut telling(&place));
    for round in 0..300 {
        for signal in [Signal::TSTP, Signal::CONT, Signal::TSTP, Signal::CONT] {
            job.signal(signal);
            // At another point of its work each time.
            (0..round * 20).for_each(|_| std::hint::spin_loop());
        }
        // It runs and answers, or it stands, and we are told.
        job.signal(Signal::USR1);
        let begun = Instant::now();
        while !job.answers() {
            assert!(begun.elapsed().as_secs() < 60, "round {round}: neither: the program is {}", job.state());
            let stop = WaitOptions::UNTRACED | WaitOptions::NOHANG;
            if waitpid(Some(Pid::from_child(&job.leader)), stop).unwrap().is_some() {
                job.signal(Signal::CONT);
            }
            std::thread::yield_now();
        }
        job.expect("got");
    }
    job.end();
}

#[test]
fn all_of_the_programs_group_stops() {
    let place = Place::new();
    let script = format!("sh -c 'echo $$ > child; while :; do :; done' & {TELLING}");
    let script = script.replace("echo $$;", "until [ -s child ]; do :; done; echo $$;");
    let mut wmexec = command(&place.wmexec(), &["-s", "sh", "-c", &script.replace("over;", "over; kill $!;")]);
    let job = Job::new(wmexec.current_dir(&place.0));
    let child = fs::read_to_string(place.0.join("child")).unwrap();
    let state = || {
        let line = fs::read_to_string(format!("/proc/{}/stat", child.trim())).unwrap();
        assert_eq!(stat(&line)[2], job.program.as_raw_nonzero().get() as u32, "the program's group");
        line.rsplit(") ").next().unwrap()[..1].to_owned()
    };
    job.signal(Signal::TSTP);
    job.await_stop();
    // Each of them stops for itself.
    let begun = Instant::now();
    while state() != "T" {
        assert!(begun.elapsed().as_secs() < 60, "it is {}", state());
        std::thread::yield_now();
    }
    job.signal(Signal::CONT);
    job.end();
}

#[test]
fn who_ignores_the_terminals_stop_is_not_stopped() {
    let place = Place::new();
    let wmexec = place.wmexec();
    let mut job = Job::new(&mut command("env", &["--ignore-signal=TSTP", &wmexec, "-s", "sh", "-c", TELLING]));
    job.signal(Signal::TSTP);
    job.expect_running();
    assert_eq!(job.state(), "R");
    job.end();
}

#[test]
fn a_shells_job_is_stopped_by_its_key() {
    let place = Place::new();
    let mut terminal = Terminal::new();
    // With job control: the shell gives the terminal to the job, and takes it back when that has stopped.
    let script =
        format!("set -m; {} -s sh -c \"$TELLING\"; echo stopped $?; fg > /dev/null; echo ended $?", place.wmexec());
    let mut shell = command("sh", &["-c", &script]);
    let mut shell =
        terminal.give(shell.env("TELLING", TELLING)).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let mut said = BufReader::new(shell.stdout.take().unwrap());
    let mut next = || line(&mut said);
    let program: i32 = next().parse().unwrap();
    terminal.type_in("\x1a");
    assert_eq!(next(), format!("stopped {}", 128 + libc::SIGSTOP));
    let wmexec = stat(&fs::read_to_string(format!("/proc/{program}/stat")).unwrap())[1];
    // The job goes on in the foreground: its key is its again. (The program has no terminal.)
    terminal.await_foreground(Pid::from_raw(wmexec as i32).unwrap());
    kill_process(Pid::from_raw(program).unwrap(), Signal::TERM).unwrap();
    assert_eq!([next(), next()], ["over", "ended 9"]);
    assert!(shell.wait().unwrap().success());
}

#[test]
fn what_could_fail_is_known_before_the_program_runs() {
    let place = Place::new();
    let script = "echo started; exit 7";
    let ended = |refused: &[(i64, i32)]| {
        let mut leader = command(&place.wmexec(), &["-s", "sh", "-c", script]);
        output({
            refuse(leader.process_group(0), refused);
            leader
        })
    };
    // Nothing that takes a descriptor is needed.
    let ran = ended(&[(libc::SYS_signalfd4, libc::EMFILE), (libc::SYS_eventfd2, libc::EMFILE)]);
    assert_eq!((ran.status.code(), text(&ran), error(&ran)), (Some(7), "started\n".into(), String::new()));
    let refused = ended(&[(libc::SYS_rt_sigtimedwait, libc::EPERM)]);
    let complaint = "wmexec: cannot wait for the program's end: operation not permitted\n";
    assert_eq!((refused.status.code(), text(&refused), error(&refused)), (Some(125), String::new(), complaint.into()));
}
