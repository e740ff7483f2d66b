//! Starts a child by a plan: clone(CLONE_VM | CLONE_VFORK), the plan's steps, exec.
//!
//! Nothing of wingmate is copied, so a start costs the same whatever wingmate's size. The price: until its exec
//! the child runs in our memory, while we stand still. So it gets a stack of its own, runs with every signal
//! blocked, allocates nothing, and changes nothing but the report that it leaves us (posix_spawn(3) does the same;
//! it knows neither users nor directories nor limits).
//!
//! The child's own process group or session begins before its exec, and we go on after that: a group can be
//! signalled as soon as [`spawn`] has returned.
//!
//! Unsafe: clone and _exit, for which rustix has no interface, and the memory of the child's stack.
#![allow(unsafe_code)]

use super::descriptors::{self, leave_all_from, redirect};
use super::exec::{Image, Refusal};
use super::fault::Fault;
use super::mask::{Found, Mask};
use super::{last_errno, steps};
use crate::launch::plan::Plan;
use crate::launch::step::Step;
use crate::model::unit::Pid;
use rustix::io::Errno;
use rustix::process::{self, DumpableBehavior, WaitOptions, dumpable_behavior, set_dumpable_behavior, waitpid};
use std::ffi::{c_int, c_void};
use std::os::fd::{AsRawFd, BorrowedFd, RawFd};
use std::ptr::null_mut;
use std::sync::{Mutex, PoisonError};

/// Starts the plan's program; `stdio` are its descriptors 0, 1 and 2 (`None`: ours). Returns when it runs, with an
/// empty signal mask and SIGPIPE as the kernel has it. The other dispositions must be the default ones
/// ([`super::signals::block_all`]).
pub fn spawn(plan: &Plan, stdio: [Option<BorrowedFd<'_>>; 3]) -> Result<Pid, Fault> {
    spawn_as(plan, stdio, Found::DEFAULT)
}

/// The same with another mask and another disposition of SIGPIPE.
pub(super) fn spawn_as(plan: &Plan, stdio: [Option<BorrowedFd<'_>>; 3], signals: Found) -> Result<Pid, Fault> {
    let image = Image::new(plan);
    // The lock also keeps two children from sharing the stack or the dumpable flag in a program with threads.
    let mut stack = STACK.lock().unwrap_or_else(PoisonError::into_inner);
    let top = stack.top().map_err(|errno| Fault::Fork { errno })?;
    let mut low = descriptors::low();
    let held = low.as_mut().and_then(|low| Some((low.hold(stdio).ok()?, low.end())));
    let (streams, leave_from, files) = match held {
        Some((streams, end)) => (streams, Some(end), libc::CLONE_FILES),
        None => (stdio.map(|fd| fd.map_or(-1, |fd| fd.as_raw_fd())), None, 0),
    };
    let flags = libc::CLONE_VM | libc::CLONE_VFORK | files | libc::SIGCHLD;
    let mut child = Child { image, steps: &plan.steps, streams, leave_from, signals, report: None };
    let dumpable = Dumpable::before(plan);
    let mask = Mask::ALL.set();
    // SAFETY: `top` is the upper end of a stack that nobody else uses; the child has ended or left our memory by
    // exec when clone returns, so `child` outlives it, and nobody else looks at it meanwhile.
    let raw = unsafe { libc::clone(enter, top, flags, (&raw mut child).cast()) };
    let errno = last_errno();
    mask.set();
    dumpable.restore();
    if let Some(low) = low.as_mut() {
        low.release();
    }
    let Some(pid) = Pid::from_raw(raw) else { return Err(Fault::Fork { errno }) };
    match child.report {
        None => Ok(pid),
        Some(failure) => {
            bury(pid);
            Err(failure.fault(plan))
        }
    }
}

/// What the child reads, and the report that it writes.
struct Child<'a> {
    image: Image<'a>,
    steps: &'a [Step],
    streams: [RawFd; 3],
    /// Our table of descriptors is shared until the child leaves those from here on to us.
    leave_from: Option<RawFd>,
    signals: Found,
    report: Option<Failure>,
}

/// Where the child stopped.
#[derive(Clone, Copy)]
enum Failure {
    Streams(Errno),
    Step(usize, Errno),
    Exec(Refusal),
}

impl Failure {
    fn fault(self, plan: &Plan) -> Fault {
        match self {
            Failure::Streams(errno) => Fault::Streams { errno },
            Failure::Step(number, errno) => match plan.steps.get(number) {
                Some(step) => Fault::step(step, errno),
                None => Fault::Streams { errno },
            },
            Failure::Exec(refusal) => Fault::exec(plan, refusal),
        }
    }
}

/// The child's first and last function.
extern "C" fn enter(child: *mut c_void) -> c_int {
    // SAFETY: clone passes on the pointer that `spawn_as` gave it; the parent doesn't touch it until we are gone.
    let child = unsafe { &mut *child.cast::<Child<'_>>() };
    child.report = Some(child.run());
    // SAFETY: ends this process alone, without running anything of the parent's.
    unsafe { libc::_exit(127) }
}

impl Child<'_> {
    fn run(&self) -> Failure {
        let alone = self.leave_from.map_or(Ok(()), |first| {
            // SAFETY: the table is shared with the parent; this child's copies are what is closed.
            unsafe { leave_all_from(first) }
        });
        if let Err(errno) = alone.and_then(|()| redirect(self.streams)) {
            return Failure::Streams(errno);
        }
        for (number, step) in self.steps.iter().enumerate() {
            if let Err(errno) = steps::perform(step) {
                return Failure::Step(number, errno);
            }
        }
        self.signals.restore();
        Failure::Exec(self.image.execute())
    }
}

/// Takes the child that never was: its end isn't anybody's event.
fn bury(pid: Pid) {
    let Some(pid) = process::Pid::from_raw(pid.raw()) else { return };
    while waitpid(Some(pid), WaitOptions::empty()).is_err_and(|errno| errno == Errno::INTR) {}
}

/// Changing ids in memory that is shared with us makes us undumpable too (commit_creds in the kernel): right while
/// the child is there, since its new user could else trace it and write into wingmate; undone when it has left.
struct Dumpable(Option<DumpableBehavior>);

impl Dumpable {
    fn before(plan: &Plan) -> Dumpable {
        let changes = plan.steps.iter().any(|step| matches!(step, Step::Uid(_) | Step::Gid(_)));
        Dumpable(if changes { dumpable_behavior().ok() } else { None })
    }

    fn restore(self) {
        if let Some(DumpableBehavior::Dumpable) = self.0 {
            let _ = set_dumpable_behavior(DumpableBehavior::Dumpable);
        }
    }
}

/// Made at the first start and used for every one.
static STACK: Mutex<Stack> = Mutex::new(Stack(0));

/// The address of a mapping, 0 before there is one.
struct Stack(usize);

/// Room for the steps' frames with much to spare, also in a debug build; untouched pages cost nothing.
const STACK_SIZE: usize = 64 * 1024;
/// Below it: running over the end is a fault in the child, not a change of our memory. Covers every page size.
const GUARD: usize = 64 * 1024;

impl Stack {
    fn top(&mut self) -> Result<*mut c_void, Errno> {
        if self.0 == 0 {
            self.0 = map()?;
        }
        Ok(std::ptr::with_exposed_provenance_mut(self.0 + GUARD + STACK_SIZE))
    }
}

fn map() -> Result<usize, Errno> {
    let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE;
    // SAFETY: a new mapping at an address of the kernel's choice; the part that is made accessible lies inside it.
    unsafe {
        let base = libc::mmap(null_mut(), GUARD + STACK_SIZE, libc::PROT_NONE, flags, -1, 0);
        if base == libc::MAP_FAILED {
            return Err(last_errno());
        }
        if libc::mprotect(base.byte_add(GUARD), STACK_SIZE, libc::PROT_READ | libc::PROT_WRITE) != 0 {
            let errno = last_errno();
            libc::munmap(base, GUARD + STACK_SIZE);
            return Err(errno);
        }
        Ok(base.expose_provenance())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::launch::accounts::{Accounts, Table};
    use crate::launch::environment::Variable;
    use crate::launch::plan::Context;
    use crate::launch::step::Limit;
    use crate::model::command::{Identity, ProcessSpec, Session};
    use std::fs::{self, File, Permissions};
    use std::io::Read;
    use std::os::fd::{AsFd, OwnedFd};
    use std::os::unix::fs::PermissionsExt;
    use std::path::{Path, PathBuf};

    fn command(words: &[&str]) -> ProcessSpec {
        ProcessSpec { command: words.iter().map(Into::into).collect(), ..ProcessSpec::default() }
    }

    fn plan_with(spec: &ProcessSpec, environment: &[Variable], change: impl FnOnce(&mut Context<'_>)) -> Plan {
        let ids = crate::sys::identity::ids();
        let passwd = Table::Text(b"root:x:0:0::/root:/bin/sh\nplain:x:1234:1235::/:\n".to_vec());
        let accounts = Accounts { passwd, group: Table::Missing };
        let mut context =
            Context { environment, extra: &[], accounts: &accounts, ids: &ids, open_files: None, foreground: false };
        change(&mut context);
        Plan::new(spec, &context).unwrap()
    }

    fn plan(spec: &ProcessSpec) -> Plan {
        plan_with(spec, &[("PATH".into(), "/usr/bin:/bin".into())], |_| {})
    }

    /// Exit status of a child.
    fn status(pid: Pid) -> i32 {
        let pid = rustix::process::Pid::from_raw(pid.raw());
        let (_, status) = waitpid(pid, WaitOptions::empty()).unwrap().unwrap();
        status.exit_status().unwrap()
    }

    /// What a child writes to stdout until it ends, with nothing on stdin.
    fn output(plan: &Plan) -> String {
        let (reader, writer) = rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC).unwrap();
        let null = File::open("/dev/null").unwrap();
        let pid = spawn(plan, [Some(null.as_fd()), Some(writer.as_fd()), None]).unwrap();
        drop(writer);
        let mut text = String::new();
        File::from(reader).read_to_string(&mut text).unwrap();
        assert_eq!(status(pid), 0, "{text}");
        text
    }

    fn fault(spec: &ProcessSpec) -> Fault {
        spawn(&plan(spec), [None; 3]).unwrap_err()
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
        assert_eq!(status(spawn(&plan(&command(&["true"])), [None; 3]).unwrap()), 0);
        assert_eq!(status(spawn(&plan(&command(&["sh", "-c", "exit 7"])), [None; 3]).unwrap()), 7);
    }

    #[test]
    fn starts_clean() {
        crate::sys::descriptors::mark_inherited();
        let text = output(&plan(&command(&["cat", "/proc/self/status"])));
        let set = |name: &str| {
            let line = text.lines().find_map(|line| line.strip_prefix(name)).unwrap();
            u64::from_str_radix(line.trim(), 16).unwrap()
        };
        assert_eq!(set("SigBlk:"), 0);
        // The C library's own two, 32 and 33, it doesn't let anybody reset; block_all is init's.
        assert_eq!(set("SigIgn:") & !(0b11 << 31), 0);
        // The fourth descriptor is ls's own.
        assert_eq!(output(&plan(&command(&["ls", "/proc/self/fd"]))), "0\n1\n2\n3\n");
    }

    #[test]
    fn takes_nothing_but_its_streams_along() {
        let open = command(&["ls", "/proc/self/fd"]);
        let many: Vec<OwnedFd> = (0..100).map(|_| File::open("/dev/null").unwrap().into()).collect();
        crate::sys::descriptors::keep_low();
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
        let ours = number(super::super::session::session());
        let (pid, group, session) = numbers(Session::Group);
        assert_eq!((group, session), (pid, ours));
        let (_, group, session) = numbers(Session::Inherit);
        assert_eq!((group, session), (number(super::super::session::group()), ours));
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
        let fault = spawn(&search(format!("{base}/first:/nowhere")), [None; 3]).unwrap_err();
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
            assert_eq!(spawn(&plan(&spec), [None; 3]).unwrap_err().status(), Some(127));
        }
        let fault = spawn(&search("/nowhere".into()), [None; 3]).unwrap_err();
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
            (
                "script",
                b"#! /no/such -x\n",
                0o755,
                "its interpreter '/no/such' is missing: no such file or directory",
                126,
            ),
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
            assert_eq!(status(spawn(&plan, [Some(error), Some(input), Some(output)]).unwrap()), 0);
            assert_eq!(status(spawn(&plan, [None, Some(error), Some(error)]).unwrap()), 0);
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
        assert_eq!(status(spawn(&plan(&spec), streams).unwrap()), 0, "{}", fs::read_to_string(&b).unwrap());
        let read = |path: &str| fs::read_to_string(Path::new(path)).unwrap();
        assert_eq!(read(&report), format!("{c}\n{a}\n{b}\n{a}\n{c}\n{c}\n"));
    }

    #[test]
    fn leaves_neither_zombies_nor_descriptors() {
        let mut pids = Vec::new();
        for _ in 0..50 {
            let failed = spawn(&plan(&command(&["/no/such"])), [None; 3]);
            assert!(failed.is_err());
            pids.push(spawn(&plan(&command(&["true"])), [None; 3]).unwrap());
        }
        // Each of them is there to be waited for, and the failed ones aren't.
        for pid in &pids {
            assert_eq!(status(*pid), 0);
        }
        let zombies = fs::read_dir("/proc")
            .unwrap()
            .flatten()
            .filter_map(|entry| fs::read_to_string(entry.path().join("stat")).ok());
        let ours = format!(" Z {} ", std::process::id());
        assert_eq!(zombies.filter(|stat| stat.contains(&ours)).count(), 0);
    }
}
