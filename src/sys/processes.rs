//! Other processes: who they are (`/proc/PID/stat`), holding on to them (pidfds), signals to them and to their groups.
//!
//! Unsafe: real-time signals, which rustix takes by number only.
#![allow(unsafe_code)]

use super::files;
use crate::model::process::{Facts, StartTime};
use crate::model::signal::Signal;
use crate::model::unit::Pid;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{Mode, OFlags};
use rustix::io::{Errno, Result};
use rustix::process;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

/// Sends a signal to one process.
pub fn kill(pid: Pid, signal: Signal) -> Result<()> {
    process::kill_process(raw(pid), number(signal))
}

/// Sends a signal to every process of a group.
pub fn kill_group(group: Pid, signal: Signal) -> Result<()> {
    process::kill_process_group(raw(group), number(signal))
}

/// Sends a signal to every process of our own group, us included.
pub fn kill_own_group(signal: Signal) -> Result<()> {
    process::kill_current_process_group(number(signal))
}

/// This process gets `signal` when its parent (the thread that made it) ends (prctl(2), PR_SET_PDEATHSIG).
pub fn when_the_parent_ends(signal: Signal) -> Result<()> {
    process::set_parent_process_death_signal(Some(number(signal)))
}

/// Whether the group has a member, a dead one that waits to be reaped included. EPERM is a member too.
pub fn group_lives(group: Pid) -> bool {
    process::test_kill_process_group(raw(group)) != Err(Errno::SRCH)
}

/// This process.
pub fn own() -> Pid {
    Pid::from_raw(process::getpid().as_raw_nonzero().get()).unwrap_or(Pid::INIT)
}

/// This process's parent; `None` if it is outside of our pid namespace.
pub fn parent() -> Option<Pid> {
    process::getppid().and_then(|parent| Pid::from_raw(parent.as_raw_nonzero().get()))
}

/// Whether `/proc` is there and speaks of our own pid namespace: its numbers mean something to us then.
pub fn proc_is_ours() -> bool {
    let link = rustix::fs::readlink("/proc/self", Vec::new());
    link.is_ok_and(|link| link.to_bytes() == own().to_string().as_bytes())
}

/// What `/proc` tells of a process. `None`: there is none (that we may see).
pub fn facts(pid: Pid) -> Option<Facts> {
    let flags = OFlags::RDONLY | OFlags::CLOEXEC;
    let file = rustix::fs::open(format!("/proc/{pid}/stat"), flags, Mode::empty()).ok()?;
    // The 22nd field is the last that counts; a name has 64 bytes at most, a number 20.
    let mut buffer = [0; 1024];
    let count = rustix::io::read(file, &mut buffer).ok()?;
    Facts::parse(buffer.get(..count)?)
}

/// Whether this is the number of a thread that isn't its process's first: `/proc` shows it like a process.
pub fn is_thread(pid: Pid) -> bool {
    let status = std::fs::read(format!("/proc/{pid}/status")).unwrap_or_default();
    let process = status.split(|b| *b == b'\n').find_map(|line| line.strip_prefix(b"Tgid:\t"));
    process.is_some_and(|process| process != pid.to_string().as_bytes())
}

/// Hardly any process is begun with more: an eighth of the usual stack.
const MOST_ENVIRON: u64 = 1 << 20;

/// The environment that a process was begun with, its variables ended by zeroes; that of one on its way in or out is empty.
/// `None`: it is another user's and we haven't CAP_SYS_PTRACE, or isn't to be had for another reason.
pub fn environ(pid: Pid) -> Option<Vec<u8>> {
    files::read(format!("/proc/{pid}/environ").as_ref(), MOST_ENVIRON).ok()
}

/// A variable's value in such an environment.
pub fn variable<'a>(environ: &'a [u8], name: &str) -> Option<&'a [u8]> {
    let value = |line: &'a [u8]| line.strip_prefix(name.as_bytes())?.strip_prefix(b"=");
    environ.split(|b| *b == 0).find_map(value)
}

/// A chain of parents is followed no further than this.
const DEEPEST: usize = 1024;

/// A process, its parent, and so on, up to but without `ancestor`, or as far as it leads when it doesn't lead there.
pub fn lineage(pid: Pid, ancestor: Pid) -> Vec<Facts> {
    let mut chain = Vec::new();
    let mut next = Some(pid);
    while let Some(facts) = next.filter(|pid| *pid != ancestor && chain.len() < DEEPEST).and_then(facts) {
        next = facts.parent;
        chain.push(facts);
    }
    chain
}

/// The direct children of `parent`, dead ones that wait to be reaped included.
pub fn children(parent: Pid) -> Vec<Facts> {
    all().into_iter().filter(|one| one.parent == Some(parent)).collect()
}

/// All processes below `ancestor`, dead ones that wait to be reaped included.
pub fn descendants(ancestor: Pid) -> Vec<Facts> {
    let mut rest = all();
    let mut found: Vec<Facts> = Vec::new();
    loop {
        let known = found.len();
        rest.retain(|one| {
            let below = one.parent == Some(ancestor) || found.iter().any(|above| one.parent == Some(above.pid));
            if below {
                found.push(*one);
            }
            !below
        });
        if found.len() == known {
            return found;
        }
    }
}

/// Every process that `/proc` shows.
pub(super) fn all() -> Vec<Facts> {
    let Ok(entries) = std::fs::read_dir("/proc") else {
        return Vec::new();
    };
    let number = |entry: std::fs::DirEntry| entry.file_name().to_str()?.parse().ok().and_then(Pid::from_raw);
    entries.flatten().filter_map(number).filter_map(facts).collect()
}

/// A process that is held on to: it is signalled or watched for as what it is, never by a number alone that may
/// be another's by now.
#[derive(Debug)]
pub struct Held {
    pid: Pid,
    start: StartTime,
    /// `None` where pidfds are refused: then pid and start time are compared before each use.
    pidfd: Option<OwnedFd>,
}

impl Held {
    /// Takes hold of the process that has these facts. `None`: it isn't that one any more.
    pub fn hold(seen: &Facts) -> Option<Held> {
        let pidfd = match process::pidfd_open(raw(seen.pid), process::PidfdFlags::empty()) {
            Ok(pidfd) => Some(pidfd),
            // Gone, or the number of a thread.
            Err(Errno::SRCH | Errno::INVAL | Errno::NOENT) => return None,
            // An old kernel (ENOSYS), a sandbox (EPERM), no descriptor left.
            Err(_) => None,
        };
        let held = Held { pid: seen.pid, start: seen.start, pidfd };
        held.is_same().then_some(held)
    }

    /// Its number.
    pub fn pid(&self) -> Pid {
        self.pid
    }

    /// When it began.
    pub fn start(&self) -> StartTime {
        self.start
    }

    /// Becomes readable when the process has ended; `None`: ask [`Held::has_ended`] now and then.
    pub fn pidfd(&self) -> Option<BorrowedFd<'_>> {
        self.pidfd.as_ref().map(|fd| fd.as_fd())
    }

    /// Whether it has ended, reaped or not.
    pub fn has_ended(&self) -> bool {
        match &self.pidfd {
            Some(pidfd) => {
                let mut polled = [PollFd::new(pidfd, PollFlags::IN)];
                poll(&mut polled, Some(&Timespec { tv_sec: 0, tv_nsec: 0 })).is_ok_and(|count| count > 0)
            }
            None => facts(self.pid).is_none_or(|now| now.dead || now.start != self.start),
        }
    }

    /// Sends it a signal. ESRCH when it has gone.
    pub fn signal(&self, signal: Signal) -> Result<()> {
        let sent = self.pidfd.as_ref().map(|pidfd| process::pidfd_send_signal(pidfd, number(signal)));
        match sent {
            // A sandbox may know the one call and refuse the other; a real EPERM is met again below.
            None | Some(Err(Errno::NOSYS | Errno::PERM)) if self.is_same() => kill(self.pid, signal),
            None => Err(Errno::SRCH),
            Some(result) => result,
        }
    }

    /// As where pidfds are refused.
    #[cfg(test)]
    pub fn without_pidfd(self) -> Held {
        Held { pidfd: None, ..self }
    }

    fn is_same(&self) -> bool {
        facts(self.pid).is_some_and(|now| now.start == self.start)
    }
}

fn raw(pid: Pid) -> process::Pid {
    process::Pid::from_raw(pid.raw()).unwrap_or(process::Pid::INIT)
}

fn number(signal: Signal) -> process::Signal {
    // SAFETY: 1–64 by its type. The C library's own ones (32, 33) do harm only when they are handled, not sent.
    unsafe { process::Signal::from_raw_unchecked(signal.number()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Read, Write};
    use std::process::{Child, Command, Stdio};

    /// A shell with a child of its own; both live until its stdin is closed.
    fn family() -> (Child, Pid) {
        let mut shell = Command::new("sh")
            .args(["-c", "exec 3<&0; cat <&3 & echo $!; wait"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = Vec::new();
        let mut byte = [0];
        while shell.stdout.as_mut().unwrap().read(&mut byte).unwrap() == 1 && byte[0] != b'\n' {
            line.push(byte[0]);
        }
        let child = String::from_utf8(line).unwrap().parse().unwrap();
        (shell, Pid::from_raw(child).unwrap())
    }

    fn pid_of(child: &Child) -> Pid {
        Pid::from_raw(child.id() as i32).unwrap()
    }

    #[test]
    fn families_are_known_upwards_and_downwards() {
        assert!(proc_is_ours());
        let (mut shell, child) = family();
        let chain = lineage(child, own());
        let pids: Vec<Pid> = chain.iter().map(|facts| facts.pid).collect();
        assert_eq!(pids, [child, pid_of(&shell)]);
        assert_eq!(chain[1].parent, Some(own()));
        assert!(chain[0].start >= chain[1].start);
        let below = descendants(own());
        assert!([child, pid_of(&shell)].iter().all(|pid| below.iter().any(|facts| facts.pid == *pid)));
        assert!(descendants(child).is_empty());
        drop(shell.stdin.take());
        shell.wait().unwrap();
        assert_eq!(facts(pid_of(&shell)), None);
    }

    #[test]
    fn a_process_has_the_environment_that_it_was_begun_with() {
        let mut process =
            Command::new("cat").env("WINGMATE_X", "a=b").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        // It answers, so it is executed.
        process.stdin.as_mut().unwrap().write_all(b"x").unwrap();
        process.stdout.as_mut().unwrap().read_exact(&mut [0]).unwrap();
        let environ = environ(pid_of(&process)).unwrap();
        assert_eq!(variable(&environ, "WINGMATE_X"), Some(b"a=b".as_slice()));
        assert_eq!((variable(&environ, "WINGMATE_"), variable(b"A=\0B", "B")), (None, None));
        assert_eq!(variable(b"A=\0B", "A"), Some(b"".as_slice()));
        drop(process.stdin.take());
        process.wait().unwrap();
        assert_eq!(super::environ(pid_of(&process)), None);
    }

    #[test]
    fn a_thread_is_told_from_its_process() {
        let thread = std::thread::spawn(|| rustix::thread::gettid().as_raw_nonzero().get()).join().unwrap();
        assert!(!is_thread(own()));
        assert!(!is_thread(Pid::from_raw(thread).unwrap()), "it has ended");
        std::thread::spawn(|| {
            let thread = Pid::from_raw(rustix::thread::gettid().as_raw_nonzero().get()).unwrap();
            assert!(is_thread(thread));
            assert!(facts(thread).is_some(), "though it looks like one");
        })
        .join()
        .unwrap();
    }

    #[test]
    fn a_held_process_is_signalled_as_itself_only() {
        for refused in [false, true] {
            let (mut shell, _) = family();
            let seen = facts(pid_of(&shell)).unwrap();
            let mut held = Held::hold(&seen).unwrap();
            if refused {
                held = held.without_pidfd();
            }
            assert!(!held.has_ended());
            let earlier = Held { pid: held.pid, start: StartTime(seen.start.0 - 1), pidfd: None };
            assert_eq!(earlier.signal(Signal::KILL), Err(Errno::SRCH));
            assert!(earlier.has_ended(), "another process has its number");
            held.signal(Signal::KILL).unwrap();
            drop(shell.stdin.take());
            shell.wait().unwrap();
            assert!(held.has_ended());
            assert_eq!(held.signal(Signal::KILL), Err(Errno::SRCH));
            assert!(Held::hold(&seen).is_none());
        }
    }
}
