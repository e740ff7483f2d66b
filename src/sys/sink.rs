//! Writing without waiting to what may not be made non-blocking, because others share it: the stdout and stderr
//! that wingmate was given.
//!
//! Readiness alone proves nothing (a pipe with 8 KiB free is writable, and a write of 64 KiB blocks), so:
//!
//! | what it is | how it is written to |
//! | --- | --- |
//! | regular file, block device, `/dev/null` and its kin | as it is: they don't wait for a reader; the offset stays shared |
//! | pipe, terminal, another device | opened again by `/proc/self/fd/N`, a description of its own, which is non-blocking |
//! | socket | sendmsg with MSG_DONTWAIT |
//! | pipe that may not be opened again (another user's, no `/proc`) | into a pipe of our own, from there by splice with SPLICE_F_NONBLOCK |
//! | whatever is left | by a process that only writes (`sys::writer`) |

use super::writer::Writer;
use crate::model::unit::Pid;
use rustix::fs::{FileType, Mode, OFlags, Stat, fstat, major, minor, open};
use rustix::io::{Errno, Result, fcntl_dupfd_cloexec, write, writev};
use rustix::net::{SendAncillaryBuffer, SendFlags, sendmsg};
use rustix::pipe::{PipeFlags, SpliceFlags, pipe_with, splice};
use std::io::IoSlice;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

/// A stream that can be written to without ever waiting.
#[derive(Debug)]
pub struct Sink {
    way: Way,
    stat: Stat,
    terminal: bool,
}

#[derive(Debug)]
enum Way {
    Direct(OwnedFd),
    Reopened(OwnedFd),
    Socket(OwnedFd),
    Spliced(Staging),
    Written { stream: OwnedFd, writer: Writer, restarts: u8 },
}

/// A pipe of our own in front of one that can only be spliced to.
#[derive(Debug)]
struct Staging {
    stream: OwnedFd,
    from: OwnedFd,
    into: OwnedFd,
    holds: usize,
}

/// How often a writing process that was killed gets a successor.
const RESTARTS: u8 = 3;

impl Sink {
    /// A sink for this stream, written to in the best way that is open to us.
    pub fn new(stream: impl AsFd) -> Result<Sink> {
        Sink::with(stream.as_fd(), reopen)
    }

    fn with(stream: BorrowedFd<'_>, reopen: fn(BorrowedFd<'_>, &Stat) -> Result<OwnedFd>) -> Result<Sink> {
        let stat = fstat(stream)?;
        let terminal = rustix::termios::isatty(stream);
        // A descriptor of its own in any case, so that a standard one can be closed or replaced.
        let own = || fcntl_dupfd_cloexec(stream, 3);
        let way = match FileType::from_raw_mode(stat.st_mode) {
            FileType::Socket => Way::Socket(own()?),
            FileType::Fifo => match reopen(stream, &stat) {
                Ok(fd) => Way::Reopened(fd),
                Err(_) => match Staging::new(own()?) {
                    Ok(staging) => Way::Spliced(staging),
                    Err(_) => Way::written(own()?)?,
                },
            },
            FileType::CharacterDevice if !is_memory(&stat) => match reopen(stream, &stat) {
                Ok(fd) => Way::Reopened(fd),
                Err(_) => Way::written(own()?)?,
            },
            _ => Way::Direct(own()?),
        };
        Ok(Sink { way, stat, terminal })
    }

    /// Whether both write to the same file, pipe, terminal or socket.
    pub fn is_same(&self, other: &Sink) -> bool {
        (self.stat.st_dev, self.stat.st_ino) == (other.stat.st_dev, other.stat.st_ino)
    }

    /// Whether a person may be looking at it.
    pub fn is_terminal(&self) -> bool {
        self.terminal
    }

    /// Whether it is a pipe or FIFO, whose next reader may come after the last has gone.
    pub fn is_pipe(&self) -> bool {
        FileType::from_raw_mode(self.stat.st_mode) == FileType::Fifo
    }

    /// Writes as much as it takes at once. `AGAIN`: nothing, until the descriptor is writable.
    pub fn write(&mut self, slices: &[IoSlice<'_>]) -> Result<usize> {
        match &mut self.way {
            Way::Direct(fd) | Way::Reopened(fd) => write_slices(fd, slices),
            Way::Socket(fd) => send(fd, slices),
            Way::Spliced(staging) => staging.write(slices),
            Way::Written { stream, writer, restarts } => loop {
                match send(&*writer, slices) {
                    Err(Errno::PIPE | Errno::CONNRESET) if !writer.has_failed() && *restarts < RESTARTS => {
                        *restarts += 1;
                        *writer = Writer::start(stream.as_fd())?;
                    }
                    result => return result,
                }
            },
        }
    }

    /// Moves on what a write has taken but the stream hasn't. `AGAIN`: some is left.
    pub fn push(&mut self) -> Result<()> {
        match &mut self.way {
            Way::Spliced(staging) => staging.push(),
            _ => Ok(()),
        }
    }

    /// Bytes that a write has taken but the stream hasn't.
    pub fn holds(&self) -> usize {
        match &self.way {
            Way::Spliced(staging) => staging.holds,
            _ => 0,
        }
    }

    /// Ends a writing process after all that it has; every other way has nothing to end.
    pub fn close(&self) {
        if let Way::Written { writer, .. } = &self.way {
            writer.close();
        }
    }

    /// Whether all has reached the stream, after [`Sink::close`]. Until then the descriptor becomes readable.
    pub fn is_closed(&self) -> bool {
        match &self.way {
            Way::Written { writer, .. } => writer.has_ended(),
            _ => true,
        }
    }

    /// The process that writes for us, if that was the only way.
    pub fn writer(&self) -> Option<Pid> {
        match &self.way {
            Way::Written { writer, .. } => Some(writer.pid()),
            _ => None,
        }
    }
}

impl AsFd for Sink {
    /// The descriptor that becomes writable.
    fn as_fd(&self) -> BorrowedFd<'_> {
        match &self.way {
            Way::Direct(fd) | Way::Reopened(fd) | Way::Socket(fd) => fd.as_fd(),
            Way::Spliced(staging) => staging.stream.as_fd(),
            Way::Written { writer, .. } => writer.as_fd(),
        }
    }
}

impl Way {
    fn written(stream: OwnedFd) -> Result<Way> {
        let writer = Writer::start(stream.as_fd())?;
        Ok(Way::Written { stream, writer, restarts: 0 })
    }
}

impl Staging {
    fn new(stream: OwnedFd) -> Result<Staging> {
        let (from, into) = pipe_with(PipeFlags::CLOEXEC | PipeFlags::NONBLOCK)?;
        let staging = Staging { stream, from, into, holds: 0 };
        // An empty pipe is AGAIN where splice works, and another error where it doesn't.
        match staging.splice(1) {
            Ok(_) | Err(Errno::AGAIN) => Ok(staging),
            Err(errno) => Err(errno),
        }
    }

    fn splice(&self, len: usize) -> Result<usize> {
        splice(&self.from, None, &self.stream, None, len, SpliceFlags::NONBLOCK | SpliceFlags::MOVE)
    }

    fn push(&mut self) -> Result<()> {
        while self.holds > 0 {
            match self.splice(self.holds) {
                Ok(0) => return Err(Errno::AGAIN),
                Ok(count) => self.holds = self.holds.saturating_sub(count),
                Err(Errno::INTR) => {}
                Err(errno) => return Err(errno),
            }
        }
        Ok(())
    }

    fn write(&mut self, slices: &[IoSlice<'_>]) -> Result<usize> {
        self.push()?;
        let count = write_slices(&self.into, slices)?;
        self.holds += count;
        match self.push() {
            // Taken all the same: the caller sees by `holds` that it has to wait.
            Ok(()) | Err(Errno::AGAIN) => Ok(count),
            Err(errno) => Err(errno),
        }
    }
}

/// The same file by a description of its own, so that being non-blocking is nobody else's matter.
fn reopen(stream: BorrowedFd<'_>, stat: &Stat) -> Result<OwnedFd> {
    if (major(stat.st_rdev), minor(stat.st_rdev)) == PTMX && is_device(stat) {
        return Err(Errno::NOTSUP);
    }
    let path = format!("/proc/self/fd/{}", stream.as_raw_fd());
    let flags = OFlags::WRONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    let fd = open(path, flags, Mode::empty())?;
    let found = fstat(&fd)?;
    // What is mounted on /proc may be anything.
    let same = (found.st_dev, found.st_ino, found.st_rdev) == (stat.st_dev, stat.st_ino, stat.st_rdev);
    if same { Ok(fd) } else { Err(Errno::BADF) }
}

/// A terminal's master side: opening it again makes another terminal.
const PTMX: (u32, u32) = (5, 2);
/// `/dev/null`, `/dev/full`, `/dev/kmsg` and so on.
const MEMORY: u32 = 1;

fn is_device(stat: &Stat) -> bool {
    FileType::from_raw_mode(stat.st_mode) == FileType::CharacterDevice
}

fn is_memory(stat: &Stat) -> bool {
    is_device(stat) && major(stat.st_rdev) == MEMORY
}

fn write_slices(fd: &OwnedFd, slices: &[IoSlice<'_>]) -> Result<usize> {
    loop {
        let result = match slices {
            [one] => write(fd, one),
            _ => writev(fd, slices),
        };
        if result != Err(Errno::INTR) {
            return result;
        }
    }
}

fn send(socket: impl AsFd, slices: &[IoSlice<'_>]) -> Result<usize> {
    loop {
        let flags = SendFlags::DONTWAIT | SendFlags::NOSIGNAL;
        match sendmsg(&socket, slices, &mut SendAncillaryBuffer::default(), flags) {
            Err(Errno::INTR) => {}
            result => return result,
        }
    }
}

#[cfg(test)]
pub mod tests {
    use super::*;
    use rustix::event::{PollFd, PollFlags, poll};
    use rustix::fs::{fcntl_getfl, fcntl_setfl};
    use rustix::io::read;
    use rustix::net::{AddressFamily, SocketFlags, SocketType, socketpair};

    /// A sink for a pipe that can't be opened again.
    pub fn spliced(stream: impl AsFd) -> Result<Sink> {
        Sink::with(stream.as_fd(), |_, _| Err(Errno::ACCESS))
    }

    /// A sink that another process writes for.
    pub fn written(stream: impl AsFd) -> Result<Sink> {
        let mut sink = Sink::with(stream.as_fd(), |_, _| Err(Errno::ACCESS))?;
        sink.way = Way::written(fcntl_dupfd_cloexec(stream, 3)?)?;
        Ok(sink)
    }

    fn wait(fd: impl AsFd, flags: PollFlags) {
        let fd = fd.as_fd();
        poll(&mut [PollFd::from_borrowed_fd(fd, flags)], None).unwrap();
    }

    /// Writes until the sink takes no more, reads that, and all over again: nothing blocks, nothing is lost.
    fn exercise(mut sink: Sink, reader: OwnedFd, stream: OwnedFd) {
        let flags = fcntl_getfl(&stream).unwrap();
        fcntl_setfl(&reader, OFlags::NONBLOCK).unwrap();
        let block: Vec<u8> = (0..200_000u32).flat_map(u32::to_le_bytes).collect();
        let (mut sent, mut got) = (0, Vec::new());
        let mut buffer = [0; 8192];
        while got.len() < block.len() {
            let result = sink.push().and_then(|()| match &block[sent..] {
                [] => Err(Errno::AGAIN),
                rest => sink.write(&[IoSlice::new(&rest[..1]), IoSlice::new(&rest[1..])]),
            });
            match result {
                Ok(count) => sent += count,
                Err(errno) => {
                    assert_eq!(errno, Errno::AGAIN);
                    // Only a part is read, so that there is room for less than a whole block.
                    wait(&reader, PollFlags::IN);
                    let count = read(&reader, &mut buffer).unwrap();
                    got.extend_from_slice(&buffer[..count]);
                }
            }
        }
        assert!(got == block);
        assert_eq!(fcntl_getfl(&stream), Ok(flags), "what others share is as it was");
        sink.close();
        while !sink.is_closed() {
            wait(&sink, PollFlags::IN);
        }
    }

    fn pipe() -> (OwnedFd, OwnedFd) {
        pipe_with(PipeFlags::CLOEXEC).unwrap()
    }

    #[test]
    fn a_pipe_is_opened_again() {
        let (reader, stream) = pipe();
        let sink = Sink::new(&stream).unwrap();
        assert!(matches!(sink.way, Way::Reopened(_)) && sink.is_pipe() && !sink.is_terminal());
        exercise(sink, reader, stream);
    }

    #[test]
    fn a_pipe_that_may_not_be_opened_is_spliced_to() {
        let (reader, stream) = pipe();
        let sink = spliced(&stream).unwrap();
        assert!(matches!(sink.way, Way::Spliced(_)));
        exercise(sink, reader, stream);
    }

    #[test]
    fn a_process_writes_at_last() {
        let (reader, stream) = pipe();
        let sink = written(&stream).unwrap();
        let pid = sink.writer().unwrap();
        exercise(sink, reader, stream);
        reap(pid);
    }

    #[test]
    fn a_socket_is_sent_to() {
        let (reader, stream) = socketpair(AddressFamily::UNIX, SocketType::STREAM, SocketFlags::CLOEXEC, None).unwrap();
        let sink = Sink::new(&stream).unwrap();
        assert!(matches!(sink.way, Way::Socket(_)));
        exercise(sink, reader, stream);
    }

    #[test]
    fn a_terminal_is_opened_again() {
        use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
        let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC).unwrap();
        grantpt(&master).unwrap();
        unlockpt(&master).unwrap();
        let name = ptsname(&master, Vec::new()).unwrap();
        let stream = open(name.as_c_str(), OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC, Mode::empty()).unwrap();
        let mut sink = Sink::new(&stream).unwrap();
        assert!(matches!(sink.way, Way::Reopened(_)) && sink.is_terminal());
        let block = [b'x'; 4096];
        let mut total = 0;
        // Nobody reads the master: it fills.
        while let Ok(count) = sink.write(&[IoSlice::new(&block)]) {
            total += count;
            assert!(total < 10_000_000);
        }
        assert!(total > 0 && !fcntl_getfl(&stream).unwrap().contains(OFlags::NONBLOCK));
        let mut other = Sink::new(&master).unwrap();
        assert!(matches!(other.way, Way::Written { .. }), "a master can't be opened again");
        assert_eq!(other.write(&[IoSlice::new(b"x")]), Ok(1));
        let pid = other.writer().unwrap();
        drop(other);
        drop((sink, stream, master));
        reap(pid);
    }

    #[test]
    fn files_and_memory_devices_are_written_to_as_they_are() {
        for path in ["/dev/null", "/dev/zero"] {
            let file = std::fs::OpenOptions::new().write(true).open(path).unwrap();
            let mut sink = Sink::new(&file).unwrap();
            assert!(matches!(sink.way, Way::Direct(_)), "{path}");
            assert_eq!(sink.write(&[IoSlice::new(b"abc")]), Ok(3));
        }
        let file = rustix::fs::memfd_create("log", rustix::fs::MemfdFlags::CLOEXEC).unwrap();
        write(&file, b"before ").unwrap();
        let mut sink = Sink::new(&file).unwrap();
        assert_eq!(sink.write(&[IoSlice::new(b"a"), IoSlice::new(b"fter")]), Ok(5));
        write(&file, b"!").unwrap();
        let mut text = [0; 20];
        let count = rustix::io::pread(&file, &mut text, 0).unwrap();
        assert_eq!(&text[..count], b"before after!", "the offset is shared");
    }

    #[test]
    fn a_reader_that_has_gone_is_seen_in_every_way() {
        let ways: [fn(&OwnedFd) -> Result<Sink>; 3] = [|fd| Sink::new(fd), |fd| spliced(fd), |fd| written(fd)];
        for make in ways {
            let (reader, stream) = pipe();
            let mut sink = make(&stream).unwrap();
            drop(reader);
            let errno = loop {
                match sink.push().and_then(|()| sink.write(&[IoSlice::new(b"x")])) {
                    Ok(_) => wait(&sink, PollFlags::OUT),
                    Err(errno) => break errno,
                }
            };
            assert!([Errno::PIPE, Errno::CONNRESET].contains(&errno), "{errno}");
            sink.writer().into_iter().for_each(reap);
        }
    }

    #[test]
    fn a_killed_writer_has_a_successor() {
        let (reader, stream) = pipe();
        let mut sink = written(&stream).unwrap();
        let first = sink.writer().unwrap();
        crate::sys::processes::kill(first, crate::model::signal::Signal::KILL).unwrap();
        reap(first);
        wait(&sink, PollFlags::HUP);
        assert_eq!(sink.write(&[IoSlice::new(b"hello")]), Ok(5));
        let mut text = [0; 10];
        assert_eq!(read(&reader, &mut text), Ok(5));
        let second = sink.writer().unwrap();
        assert_ne!(first, second);
        drop(sink);
        reap(second);
    }

    #[test]
    fn another_users_pipe_is_spliced_to() {
        let (reader, stream) = pipe();
        if rustix::process::geteuid().is_root() {
            // Identities are a thread's own to the kernel.
            let work = move || {
                let nobody = rustix::process::Uid::from_raw(65_534);
                rustix::thread::set_thread_res_uid(nobody, nobody, nobody).unwrap();
                let sink = Sink::new(&stream).unwrap();
                assert!(matches!(sink.way, Way::Spliced(_)));
                exercise(sink, reader, stream);
            };
            std::thread::spawn(work).join().unwrap();
        } else {
            // Nobody can make another user's pipe: the mode says the same.
            rustix::fs::fchmod(&stream, Mode::empty()).unwrap();
            let sink = Sink::new(&stream).unwrap();
            assert!(matches!(sink.way, Way::Spliced(_)));
            exercise(sink, reader, stream);
        }
    }

    fn reap(pid: Pid) {
        let pid = rustix::process::Pid::from_raw(pid.raw());
        rustix::process::waitpid(pid, rustix::process::WaitOptions::empty()).unwrap();
    }
}
