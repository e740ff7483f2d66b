//! Children as they are seen from inside and from outside.

use super::*;
use crate::launch::accounts::{Accounts, Table};
use crate::launch::environment::lend;
use crate::launch::plan::Context;
use crate::launch::step::Limit;
use crate::model::command::{Identity, ProcessSpec, Session, Variable};
use crate::model::signal::Signal;
use crate::sys::processes;
use std::fs::{self, File, Permissions};
use std::io::Read;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

pub(in crate::sys) const OURS: Descriptors<'static> = Descriptors { stdio: [None; 3], others: &[] };

pub(in crate::sys) fn command(words: &[&str]) -> ProcessSpec {
    ProcessSpec { command: words.iter().map(Into::into).collect(), ..ProcessSpec::default() }
}

fn plan_with(spec: &ProcessSpec, environment: &[Variable], change: impl FnOnce(&mut Context<'_>)) -> Plan {
    let ids = crate::sys::identity::ids();
    let passwd = Table::Text(b"root:x:0:0::/root:/bin/sh\nplain:x:1234:1235::/:\n".to_vec());
    let accounts = Accounts { passwd, group: Table::Missing };
    let mut context = Context {
        environment: &lend(environment),
        secrets: &[],
        extra: &[],
        accounts: &accounts,
        ids: &ids,
        open_files: None,
        foreground: false,
        parent: Some(processes::own()),
    };
    change(&mut context);
    Plan::new(spec, &context).unwrap()
}

pub(in crate::sys) fn plan(spec: &ProcessSpec) -> Plan {
    plan_with(spec, &[("PATH".into(), "/usr/bin:/bin".into())], |_| {})
}

/// Exit status of a child.
fn status(pid: Pid) -> i32 {
    let pid = rustix::process::Pid::from_raw(pid.raw());
    let (_, status) = waitpid(pid, WaitOptions::empty()).unwrap().unwrap();
    status.exit_status().unwrap()
}

/// What a child writes to stdout until it ends, with nothing on stdin.
pub(in crate::sys) fn output(plan: &Plan) -> String {
    let (reader, writer) = rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC).unwrap();
    let null = File::open("/dev/null").unwrap();
    let pid = spawn(plan, &Descriptors::stdio([Some(null.as_fd()), Some(writer.as_fd()), None])).unwrap();
    drop(writer);
    let mut text = String::new();
    File::from(reader).read_to_string(&mut text).unwrap();
    assert_eq!(status(pid), 0, "{text}");
    text
}

fn fault(spec: &ProcessSpec) -> Fault {
    spawn(&plan(spec), &OURS).unwrap_err()
}

/// A directory that goes with the test.
struct Place(PathBuf);

impl Place {
    fn new(name: &str) -> Place {
        let path = std::env::temp_dir().join(format!("wingmate-spawn-{}-{name}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        Place(path)
    }

    fn file(&self, name: &str, text: &[u8], mode: u32) -> String {
        let path = self.0.join(name);
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
        path.to_str().unwrap().to_owned()
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[test]
fn gives_the_status_of_what_it_ran() {
    assert_eq!(status(spawn(&plan(&command(&["true"])), &OURS).unwrap()), 0);
    assert_eq!(status(spawn(&plan(&command(&["sh", "-c", "exit 7"])), &OURS).unwrap()), 7);
}

#[test]
fn starts_clean() {
    crate::sys::descriptors::mark_inherited();
    let text = output(&plan(&command(&["cat", "/proc/self/status"])));
    let own = fs::read_to_string("/proc/self/status").unwrap();
    let set = |text: &str, name: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(name)).unwrap();
        u64::from_str_radix(line.trim(), 16).unwrap()
    };
    assert_eq!(set(&text, "SigBlk:"), 0);
    // Rust ignores SIGPIPE. What these tests were started with stays (nohup's SIGHUP): block_all, which ends that, is
    // init's.
    assert_eq!(set(&text, "SigIgn:"), set(&own, "SigIgn:") & !(1 << (Signal::PIPE.number() - 1)));
    // The fourth descriptor is ls's own.
    assert_eq!(output(&plan(&command(&["ls", "/proc/self/fd"]))), "0\n1\n2\n3\n");
}

#[test]
fn takes_nothing_but_its_streams_along() {
    let open = command(&["ls", "/proc/self/fd"]);
    let many: Vec<OwnedFd> = (0..100).map(|_| File::open("/dev/null").unwrap().into()).collect();
    crate::sys::low::keep();
    for _ in 0..2 {
        assert_eq!(output(&plan(&open)), "0\n1\n2\n3\n");
        // What the child left behind is ours as before.
        assert!(many.iter().all(|fd| rustix::io::fcntl_getfd(fd).is_ok()));
    }
    assert_eq!(fault(&command(&["/nowhere"])).status(), Some(127));
}

#[test]
fn leads_its_session_or_group() {
    let numbers = |session| {
        let spec = ProcessSpec { session, ..command(&["sh", "-c", "read -r s < /proc/$$/stat; echo $s"]) };
        let text = output(&plan(&spec));
        // pid (comm) state ppid pgrp session
        let mut fields = text.split_whitespace();
        let pid: i32 = fields.next().unwrap().parse().unwrap();
        let rest: Vec<i32> = fields.skip(3).take(2).map(|field| field.parse().unwrap()).collect();
        (pid, rest[0], rest[1])
    };
    let (pid, group, session) = numbers(Session::Own);
    assert_eq!((group, session), (pid, pid));
    // 0 where a test runner's leader is outside of the pid namespace.
    let number = |id: Option<Pid>| id.map_or(0, Pid::raw);
    let ours = number(crate::sys::session::session());
    let (pid, group, session) = numbers(Session::Group);
    assert_eq!((group, session), (pid, ours));
    let (_, group, session) = numbers(Session::Inherit);
    assert_eq!((group, session), (number(crate::sys::session::group()), ours));
}

#[test]
fn gives_back_the_limit_that_was_found() {
    let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile);
    let hard = limit.maximum.unwrap_or(u64::MAX);
    let spec = command(&["sh", "-c", "ulimit -Sn"]);
    let plan = plan_with(&spec, &[], |context| context.open_files = Some(Limit { soft: 123, hard }));
    assert_eq!(output(&plan), "123\n");
}

#[test]
fn searches_the_path_as_execvp_does() {
    let place = Place::new("path");
    fs::create_dir_all(place.0.join("first")).unwrap();
    fs::create_dir_all(place.0.join("second")).unwrap();
    place.file("first/tool", b"#!/bin/sh\necho first\n", 0o644);
    place.file("second/tool", b"#!/bin/sh\necho second\n", 0o755);
    let base = place.0.display();
    let search = |path: String| plan_with(&command(&["tool"]), &[("PATH".into(), path.into())], |_| {});
    // Neither a missing directory, nor a file for one, nor a refused candidate ends the search.
    assert_eq!(output(&search(format!("/nowhere:/dev/null:{base}/first:{base}/second"))), "second\n");
    let fault = spawn(&search(format!("{base}/first:/nowhere")), &OURS).unwrap_err();
    assert_eq!(fault.to_string(), format!("cannot execute '{base}/first/tool': permission denied"));
    assert_eq!(fault.status(), Some(126));
    // What a user may not look into isn't found, rather than denied.
    if rustix::process::geteuid().is_root() {
        fs::set_permissions(place.0.join("first"), Permissions::from_mode(0o700)).unwrap();
        let spec = ProcessSpec {
            identity: Identity { user: Some("4321".into()), group: None },
            environ: vec![("PATH".into(), format!("{base}/first").into())],
            ..command(&["tool"])
        };
        let fault = spawn(&plan(&spec), &OURS).unwrap_err();
        let text = "cannot execute 'tool': no such file or directory (searched in PATH, where not every directory may be \
                    entered)";
        assert_eq!((fault.to_string().as_str(), fault.status()), (text, Some(127)));
    }
    // Nor does one that is too long.
    assert_eq!(output(&search(format!("{}:{base}/second", "x".repeat(300)))), "second\n");
    let fault = spawn(&search("/nowhere".into()), &OURS).unwrap_err();
    assert_eq!(fault.to_string(), "cannot execute 'tool': no such file or directory (searched in PATH)");
    assert_eq!(fault.status(), Some(127));
}

#[test]
fn says_why_a_program_cannot_be_executed() {
    let place = Place::new("why");
    let base = place.0.display();
    let rows: [(&str, &[u8], u32, &str, u8); 5] = [
        ("denied", b"#!/bin/sh\n", 0o644, "permission denied", 126),
        ("plain", b"echo\n", 0o755, "exec format error (no '#!' line, or built for another machine)", 126),
        ("empty", b"", 0o755, "exec format error (no '#!' line, or built for another machine)", 126),
        ("script", b"#! /no/such -x\n", 0o755, "its interpreter '/no/such' is missing: no such file or directory", 126),
        (
            "dos",
            b"#!/bin/sh\r\n",
            0o755,
            "its interpreter '/bin/sh' is followed by a carriage return: no such file or directory",
            126,
        ),
    ];
    for (name, text, mode, reason, status) in rows {
        let path = place.file(name, text, mode);
        let fault = fault(&command(&[&path]));
        assert_eq!(fault.to_string(), format!("cannot execute '{path}': {reason}"));
        assert_eq!(fault.status(), Some(status));
    }
    for (path, reason, status) in [
        (format!("{base}/none"), "no such file or directory", 127),
        (format!("{base}/plain/none"), "not a directory", 127),
        (format!("{base}"), "permission denied", 126),
        (String::new(), "no such file or directory", 127),
    ] {
        let fault = fault(&command(&[&path]));
        assert_eq!(fault.to_string(), format!("cannot execute '{path}': {reason}"));
        assert_eq!(fault.status(), Some(status));
    }
}

#[test]
fn names_the_loader_that_is_missing() {
    let place = Place::new("loader");
    let mut elf = fs::read("/bin/sh").unwrap();
    // /lib64/ld-linux-x86-64.so.2, /lib/ld-musl-aarch64.so.1 …: the first such text is PT_INTERP.
    let Some(at) = elf.windows(4).position(|window| window == b"/ld-") else {
        rustix::io::write(rustix::stdio::stderr(), b"NOT TESTED: /bin/sh is static, it has no loader\n").unwrap();
        return;
    };
    elf[at + 1..at + 3].copy_from_slice(b"no");
    let path = place.file("program", &elf, 0o755);
    let text = fault(&command(&[&path])).to_string();
    let expected = format!("cannot execute '{path}': its interpreter '/lib");
    assert!(text.starts_with(&expected) && text.contains("/no-") && text.contains("' is missing: "), "{text}");
    // Relative to where it would have run.
    let spec = ProcessSpec { working_dir: Some(place.0.clone()), ..command(&["./program"]) };
    assert!(fault(&spec).to_string().contains("/no-"), "{}", fault(&spec));
}

#[test]
fn names_the_step_that_failed() {
    let spec = ProcessSpec { working_dir: Some("/no/such".into()), ..command(&["true"]) };
    let fault = fault(&spec);
    assert_eq!(fault.to_string(), "changing to directory '/no/such': no such file or directory");
    assert_eq!((fault.status(), fault.errno()), (None, Errno::NOENT));
    let here = ProcessSpec { working_dir: Some("/usr".into()), ..command(&["pwd"]) };
    assert_eq!(output(&plan(&here)), "/usr\n");
}

#[test]
fn streams_may_trade_places() {
    const WITHIN: &str = "WINGMATE_TEST_STREAMS";
    if let Some(report) = std::env::var_os(WITHIN) {
        // Here 0, 1 and 2 are three files; the child gets them one place on, 2 of them twice.
        let (input, output, error) = (rustix::stdio::stdin(), rustix::stdio::stdout(), rustix::stdio::stderr());
        let script = format!("x=$(readlink /proc/$$/fd/[012]); echo \"$x\" >> {}", report.display());
        let plan = plan(&command(&["sh", "-c", &script]));
        assert_eq!(status(spawn(&plan, &Descriptors::stdio([Some(error), Some(input), Some(output)])).unwrap()), 0);
        assert_eq!(status(spawn(&plan, &Descriptors::stdio([None, Some(error), Some(error)])).unwrap()), 0);
        return;
    }
    let place = Place::new("streams");
    let [a, b, c, report] = ["a", "b", "c", "report"].map(|name| place.file(name, b"", 0o644));
    let open = |path: &String| File::options().read(true).write(true).open(path).unwrap();
    let files: Vec<OwnedFd> = [&a, &b, &c].into_iter().map(|path| open(path).into()).collect();
    let program = std::env::current_exe().unwrap();
    let again = ["sys::spawn::tests::streams_may_trade_places", "--exact"];
    let words = [&[program.to_str().unwrap()], again.as_slice()].concat();
    let spec = ProcessSpec { environ: vec![(WITHIN.into(), report.clone().into())], ..command(&words) };
    let streams = [Some(files[0].as_fd()), Some(files[1].as_fd()), Some(files[2].as_fd())];
    assert_eq!(
        status(spawn(&plan(&spec), &Descriptors::stdio(streams)).unwrap()),
        0,
        "{}",
        fs::read_to_string(&b).unwrap()
    );
    let read = |path: &str| fs::read_to_string(Path::new(path)).unwrap();
    assert_eq!(read(&report), format!("{c}\n{a}\n{b}\n{a}\n{c}\n{c}\n"));
}

#[test]
fn descriptors_are_passed_at_the_numbers_that_were_asked_for() {
    crate::sys::descriptors::mark_inherited();
    let place = Place::new("descriptors");
    let paths = ["a", "b", "c", "d"].map(|name| place.file(name, b"", 0o644));
    let files: Vec<OwnedFd> = paths.iter().map(|path| File::open(path).unwrap().into()).collect();
    let number = |file: usize| files[file].as_raw_fd();
    let passed = |others: &[(usize, RawFd)]| {
        let others: Vec<_> = others.iter().map(|(file, target)| (files[*file].as_fd(), *target)).collect();
        let (reader, writer) = rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC).unwrap();
        let stdio = [None, Some(writer.as_fd()), None];
        let pid =
            spawn(&plan(&command(&["ls", "-l", "/proc/self/fd"])), &Descriptors { stdio, others: &others }).unwrap();
        drop(writer);
        let mut text = String::new();
        File::from(reader).read_to_string(&mut text).unwrap();
        assert_eq!(status(pid), 0, "{text}");
        let seen = text.lines().filter_map(|line| line.split_once(" -> "));
        let number = |words: &str| words.rsplit(' ').next().unwrap().parse::<RawFd>().unwrap();
        let mut seen: Vec<_> = seen.map(|(words, path)| (number(words), path.to_owned())).collect();
        // The last is what ls reads.
        seen.retain(|(fd, path)| *fd > 2 && !path.starts_with("/proc/"));
        seen.sort();
        seen
    };
    assert_eq!(passed(&[]), []);
    let wired = |rows: &[(usize, RawFd)]| {
        let mut expected: Vec<_> = rows.iter().map(|(file, fd)| (*fd, paths[*file].clone())).collect();
        expected.sort();
        assert_eq!(passed(rows), expected, "{rows:?}");
    };
    wired(&[(0, 3), (1, 40), (0, 41)]);
    // Where it is already, in a circle, in a chain, and over what happens to be open here.
    wired(&[(0, number(0))]);
    wired(&[(0, number(1)), (1, number(2)), (2, number(0))]);
    wired(&[(0, number(1)), (1, 70), (2, number(3)), (3, 71)]);
    // Every low number is somebody's: what is moved out of the way finds none of them.
    let rows: Vec<_> = (3..60).map(|fd| ((fd % 4) as usize, fd)).collect();
    wired(&rows);
    let (others, plan) = ([(files[0].as_fd(), RawFd::MAX)], plan(&command(&["true"])));
    let fault = spawn(&plan, &Descriptors { others: &others, ..OURS }).unwrap_err();
    assert_eq!(fault.to_string(), "connecting descriptor 2147483647: bad file descriptor");
}

#[test]
fn leaves_neither_zombies_nor_descriptors() {
    let mut pids = Vec::new();
    for _ in 0..50 {
        let failed = spawn(&plan(&command(&["/no/such"])), &OURS);
        assert!(failed.is_err());
        pids.push(spawn(&plan(&command(&["true"])), &OURS).unwrap());
    }
    // Each of them is there to be waited for, and the failed ones aren't.
    for pid in &pids {
        assert_eq!(status(*pid), 0);
    }
    let zombies =
        fs::read_dir("/proc").unwrap().flatten().filter_map(|entry| fs::read_to_string(entry.path().join("stat")).ok());
    let ours = format!(" Z {} ", std::process::id());
    assert_eq!(zombies.filter(|stat| stat.contains(&ours)).count(), 0);
}
