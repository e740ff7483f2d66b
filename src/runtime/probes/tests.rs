//! Probes of real sockets, files and children, with the loop's part played by [`Bed`].

use super::*;
use crate::model::address::{Address, Url};
use crate::sys::{clock, descriptors, environment, identity, processes, reap};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};

const KIND: Token = Token(7 << 32);
const READY: Of = Of { unit: UnitId(3), life: Life(1), purpose: Purpose::Ready };
/// Longer than anything here takes.
const LONG: Duration = Duration::from_secs(60);

struct Bed {
    poller: Poller,
    launcher: Launcher,
    probes: Probes,
    later: Duration,
}

impl Bed {
    fn new() -> Bed {
        let mut environment = environment::found();
        environment.retain(|(name, _)| *name == "PATH");
        let null = descriptors::null().unwrap();
        let (ids, spare) = (identity::ids(), descriptors::Spare::new().unwrap());
        let launcher = Launcher { environment, ids, open_files: None, null, terminal: false, spare };
        Bed { poller: Poller::new().unwrap(), launcher, probes: Probes::new(KIND), later: Duration::ZERO }
    }

    fn now(&self) -> Now {
        let now = clock::now();
        Now { mono: now.mono + self.later, ..now }
    }

    fn with(&mut self, act: impl FnOnce(&mut Probes, &Around<'_>)) {
        let now = self.now();
        act(&mut self.probes, &Around { poller: &self.poller, launcher: &self.launcher, now });
    }

    fn begin(&mut self, probe: &Probe, timeout: Duration) {
        let program = ProcessSpec { environ: vec![("MINE".into(), "1".into())], ..ProcessSpec::default() };
        self.with(|probes, around| probes.begin(READY, probe, &program, timeout, around));
    }

    /// What a turn of the loop does: waits, goes on, takes dead children of probes.
    fn turn(&mut self) {
        let now = self.now();
        let mut ready = Vec::new();
        // A child's end wakes the real loop by SIGCHLD; here it is looked for.
        let left = self.probes.deadline().map_or(Duration::ZERO, |at| at.since(now.mono));
        let children = self.probes.children().next().is_some();
        let wait = if children { left.min(Duration::from_millis(5)) } else { left };
        self.poller.wait(Some(wait), &mut ready).unwrap();
        for one in ready {
            assert_eq!(one.token.kind(), KIND);
            self.with(|probes, around| probes.ready(one.token.low(), around));
        }
        let children: Vec<Pid> = self.probes.children().collect();
        for pid in children {
            if let Some(exit) = reap::reap(pid) {
                self.with(|probes, around| probes.ended(pid, exit, around));
            }
        }
        self.with(|probes, around| probes.expire(around));
    }

    /// The one answer.
    fn answer(&mut self) -> Outcome {
        while self.probes.answers.is_empty() {
            self.turn();
        }
        let answers = std::mem::take(&mut self.probes.answers);
        let [Event::Probed { unit, life, purpose, result }] = &answers[..] else { panic!("{answers:?}") };
        assert_eq!(Of { unit: *unit, life: *life, purpose: *purpose }, READY);
        assert_eq!(self.probes.deadline(), None, "nothing is waited for any more");
        result.clone()
    }

    fn probe(&mut self, probe: &Probe) -> Outcome {
        self.begin(probe, LONG);
        self.answer()
    }
}

fn failed(why: &str) -> Outcome {
    Err(why.to_owned())
}

fn at(host: &str, address: SocketAddr) -> Address {
    Address { host: host.into(), port: address.port() }
}

fn exec(script: &str) -> Probe {
    Probe::Exec(["sh", "-c", script].map(Into::into).to_vec())
}

/// A port at which nobody listens.
fn closed() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

/// A path that goes with the test.
struct Place(PathBuf);

impl Place {
    fn new(name: &str) -> Place {
        Place(std::env::temp_dir().join(format!("wingmate-probes-{}-{name}", std::process::id())))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

#[test]
fn a_port_is_open_or_it_is_not() {
    let mut bed = Bed::new();
    let v4 = TcpListener::bind("127.0.0.1:0").unwrap();
    for host in ["127.0.0.1", "localhost"] {
        assert_eq!(bed.probe(&Probe::Tcp(at(host, v4.local_addr().unwrap()))), Ok(()));
        let refused = bed.probe(&Probe::Tcp(at(host, closed())));
        // Where there is no IPv6, that is what is told of the last address.
        assert!(refused.is_err_and(|why| why == "connection refused" || why.contains("address")));
    }
    if let Ok(v6) = TcpListener::bind("[::1]:0") {
        for host in ["::1", "localhost"] {
            assert_eq!(bed.probe(&Probe::Tcp(at(host, v6.local_addr().unwrap()))), Ok(()));
        }
    }
}

#[test]
fn a_unix_socket_is_open_or_it_is_not() {
    let (mut bed, place) = (Bed::new(), Place::new("unix"));
    let probe = Probe::Unix(place.0.clone());
    assert_eq!(bed.probe(&probe), failed("no such file or directory"));
    let listener = UnixListener::bind(&place.0).unwrap();
    assert_eq!(bed.probe(&probe), Ok(()));
    drop(listener);
    assert_eq!(bed.probe(&probe), failed("connection refused"));
}

#[test]
fn a_full_backlog_is_waited_for() {
    let (mut bed, place) = (Bed::new(), Place::new("backlog"));
    let listener = UnixListener::bind(&place.0).unwrap();
    rustix::net::listen(&listener, 0).unwrap();
    let full = std::os::unix::net::UnixStream::connect(&place.0).unwrap();
    let probe = Probe::Unix(place.0.clone());
    bed.begin(&probe, LONG);
    bed.turn();
    assert!(bed.probes.answers.is_empty());
    drop((listener.accept().unwrap(), full));
    assert_eq!(bed.answer(), Ok(()));
    // The probe's own connection, which nobody has accepted, fills it again.
    bed.begin(&probe, Duration::from_millis(30));
    assert_eq!(bed.answer(), failed("no answer within 30ms"));
}

#[test]
fn a_file_is_there_or_it_is_not() {
    let mut bed = Bed::new();
    assert_eq!(bed.probe(&Probe::File(Path::new("/dev/null").into())), Ok(()));
    assert_eq!(bed.probe(&Probe::File(Path::new("/proc/self/exe").into())), Ok(()));
    assert_eq!(bed.probe(&Probe::File(Path::new("/no/such").into())), failed("no such file or directory"));
    assert_eq!(bed.probe(&Probe::File(Path::new("/dev/null/x").into())), failed("not a directory"));
}

/// A server that takes one connection, says these pieces one after the other, and gives the request.
fn serve(pieces: &'static [&'static str]) -> (Probe, std::thread::JoinHandle<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = at("127.0.0.1", listener.local_addr().unwrap());
    let server = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        stream.set_nodelay(true).unwrap();
        let mut request = [0; 1024];
        let count = stream.read(&mut request).unwrap();
        for piece in pieces {
            stream.write_all(piece.as_bytes()).unwrap();
        }
        String::from_utf8(request[..count].to_vec()).unwrap()
    });
    (Probe::Http(Url { address, path: "/health?full".into() }), server)
}

#[test]
fn an_http_status_decides() {
    let mut bed = Bed::new();
    let rows: [(&[&str], Outcome); 5] = [
        (&["HTTP/1.1 200 OK\r\n\r\n"], Ok(())),
        (&["HTTP/1.", "1 301 Moved\r\nLocation", ": /x\r\n", "\r\n"], Ok(())),
        (&["HTTP/1.1 503 No\r\n\r\nlater"], failed("status 503")),
        (&["220 mail ESMTP\r\n"], failed("the answer isn't HTTP")),
        (&[], failed("closed without an answer")),
    ];
    for (pieces, expected) in rows {
        let (probe, server) = serve(pieces);
        assert_eq!(bed.probe(&probe), expected, "{pieces:?}");
        let request = server.join().unwrap();
        assert!(request.starts_with("GET /health?full HTTP/1.1\r\nHost: 127.0.0.1:"), "{request}");
        assert!(request.contains("\r\nUser-Agent: wingmate\r\n") && request.contains("\r\nConnection: close\r\n"));
    }
    let url = Url { address: at("127.0.0.1", closed()), path: "/".into() };
    assert_eq!(bed.probe(&Probe::Http(url)), failed("connection refused"));
}

#[test]
fn a_server_that_says_nothing_has_its_time() {
    let mut bed = Bed::new();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = Url { address: at("127.0.0.1", listener.local_addr().unwrap()), path: "/".into() };
    bed.begin(&Probe::Http(url), LONG);
    let (mut stream, _) = listener.accept().unwrap();
    let mut request = [0; 1024];
    while !request.ends_with(b"\0") || stream.read(&mut request).unwrap() == 0 {
        bed.turn();
    }
    assert!(bed.probes.answers.is_empty());
    bed.later = LONG;
    assert_eq!(bed.answer(), failed("no answer within 1m00s"));
    assert_eq!(stream.read(&mut request).unwrap_or(0), 0, "the connection is closed");
}

#[test]
fn a_command_holds_when_it_exits_with_0() {
    let mut bed = Bed::new();
    assert_eq!(bed.probe(&exec("[ $MINE = 1 ] && echo fine; echo two >&2; printf three")), Ok(()));
    let lines: Vec<String> = std::mem::take(&mut bed.probes.lines).into_iter().map(|(_, line)| line).collect();
    assert_eq!(lines, ["fine", "two", "three"]);
    assert_eq!(bed.probe(&exec("exit 2")), failed("exited with 2"));
    assert_eq!(bed.probe(&exec("kill -9 $$")), failed("killed by SIGKILL"));
    assert_eq!(bed.probe(&exec("[ $(ps -o pgid= $$) = $$ ] && ! read -r line")), Ok(()));
    let none = Probe::Exec(vec!["/no/such".into()]);
    assert_eq!(bed.probe(&none), failed("cannot execute '/no/such': no such file or directory"));
    // More than any pipe holds, and lines that are long.
    assert_eq!(bed.probe(&exec("head -c 300000 /dev/zero | tr '\\0' x")), Ok(()));
    assert_eq!(bed.probes.lines.len(), 1);
}

#[test]
fn a_command_that_takes_too_long_is_killed_with_its_group() {
    let mut bed = Bed::new();
    let script = "sleep 600 & echo $!; wait";
    for forgotten in [false, true] {
        bed.begin(&exec(script), LONG);
        while bed.probes.lines.is_empty() {
            bed.turn();
        }
        let (_, line) = bed.probes.lines.pop().unwrap();
        let below = Pid::from_raw(line.parse().unwrap()).unwrap();
        let child = bed.probes.children().next().unwrap();
        if forgotten {
            bed.probes.forget(READY.unit, Life(9));
            assert!(bed.probes.deadline().is_some(), "another life's");
            bed.probes.forget(READY.unit, READY.life);
        } else {
            bed.later = LONG;
            assert_eq!(bed.answer(), failed("no answer within 1m00s"));
            bed.later = Duration::ZERO;
        }
        assert!(bed.probes.own(child), "known until it is reaped");
        while bed.probes.own(child) {
            bed.turn();
        }
        assert!(bed.probes.answers.is_empty());
        while processes::facts(below).is_some_and(|facts| !facts.dead) {
            std::thread::yield_now();
        }
    }
}

#[test]
fn nothing_is_left_of_a_thousand_probes() {
    let mut bed = Bed::new();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let open = Probe::Tcp(at("127.0.0.1", listener.local_addr().unwrap()));
    let shut = Probe::Tcp(at("127.0.0.1", closed()));
    let count = || std::fs::read_dir("/proc/self/fd").unwrap().count();
    let sockets = |bed: &Bed| (bed.probes.under_way.is_empty(), bed.probes.dying.is_empty());
    // Other tests open and close theirs meanwhile.
    let before = count();
    for _ in 0..1000 {
        assert_eq!(bed.probe(&open), Ok(()));
        drop(listener.accept().unwrap());
        assert_eq!(bed.probe(&shut), failed("connection refused"));
    }
    assert_eq!(sockets(&bed), (true, true));
    assert!(count() < before + 900);
}
