//! The ways of writing, each through a real pipe, socket or terminal.

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
