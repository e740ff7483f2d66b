//! When a service counts as up, and how long it stays so: probes, lines, descriptors, sd_notify, health, watchdog.

use crate::world::{LIMIT, Place, Wingmate, can_switch_users};
use rustix::net::{AddressFamily, SocketType, bind, listen, socket};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4, TcpListener};
use std::os::fd::OwnedFd;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::fs::MetadataExt;
use std::os::unix::net::{SocketAddr as UnixAddr, UnixDatagram};
use std::os::unix::process::CommandExt;
use std::time::Instant;
use wingmate::model::signal::Signal;
use wingmate::sys::processes;

/// Waits to be stopped.
const WAITS: &str = "exec sleep inf";

/// A service `web` that runs `script`, with these keys, and `after`, which starts when it is ready.
fn place(script: &str, keys: &str) -> Place {
    let place = Place::new("");
    place.fifo("say");
    let keys = keys.replace("$D", &place.path(""));
    place.file(
        "wingmate.yaml",
        &format!(
            "service:\n  web:\n    command:\n      - sh\n      - -c\n      - '{script}'\n    startsecs: 0\n    backoff: \
             {{ initial: 10ms, max: 10ms }}\n    {keys}\n  after:\n    command: [ sleep, inf ]\n    depends_on: [ web ]\n"
        ),
    );
    place
}

fn start(place: &Place) -> Wingmate {
    let mut wingmate = place.start(&["--log-level", "debug"]);
    wingmate.line("web: starting (pid ");
    wingmate
}

/// The same, and its program has said this: the line. (Between the two streams there is no order.)
fn start_saying(place: &Place, said: &str) -> (Wingmate, String) {
    let mut wingmate = place.start(&["--log-level", "debug"]);
    wingmate.each(&["web: starting (pid ", said]);
    let seen = wingmate.lines.to_string();
    let line = seen.lines().find(|line| line.contains(said)).unwrap().to_owned();
    (wingmate, line)
}

/// It is ready now, and only now what depends on it is started.
fn is_ready(wingmate: &mut Wingmate) {
    wingmate.line("ready after ");
    wingmate.line("after: running (pid ");
    let seen = wingmate.lines.to_string();
    assert!(!seen.contains("not ready within"), "{seen}");
}

/// The number in `(pid N)`.
fn pid_in(line: &str) -> &str {
    line.split("pid ").nth(1).and_then(|rest| rest.split(|c: char| !c.is_ascii_digit()).next()).unwrap()
}

/// A port that is taken but at which nobody listens.
fn port() -> (OwnedFd, u16) {
    let socket = socket(AddressFamily::INET, SocketType::STREAM, None).unwrap();
    bind(&socket, &SocketAddrV4::new(Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address: SocketAddr = rustix::net::getsockname(&socket).unwrap().try_into().unwrap();
    (socket, address.port())
}

#[test]
fn a_port_that_answers() {
    // The last name isn't one that anybody's /etc/hosts has: it is asked for.
    for host in ["127.0.0.1", "localhost", "0x7f000001"] {
        let (socket, port) = port();
        let place = place(WAITS, &format!("ready: {{ tcp: \"{host}:{port}\", interval: 10ms }}"));
        let mut wingmate = start(&place);
        listen(&socket, 9).unwrap();
        is_ready(&mut wingmate);
        wingmate.await_rest();
        wingmate.stop();
    }
}

#[test]
fn a_port_that_never_answers() {
    let (_socket, port) = port();
    let place = place(WAITS, &format!("ready: {{ tcp: \"127.0.0.1:{port}\", interval: 10ms, timeout: 100ms }}"));
    let mut wingmate = start(&place);
    wingmate.line("web: not ready within 100ms (connection refused)");
    wingmate.line("web: starting (pid ");
    assert!(!wingmate.stop().iter().any(|line| line.contains("after: running")));
}

#[test]
fn an_http_server_that_is_well() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let server = std::thread::spawn(move || {
        let mut asked = String::new();
        for status in ["503 Not Yet", "404 Not Found", "204 No Content"] {
            let (mut stream, _) = listener.accept().unwrap();
            let mut request = [0; 1024];
            let count = stream.read(&mut request).unwrap();
            asked.push_str(std::str::from_utf8(&request[..count]).unwrap());
            stream.write_all(format!("HTTP/1.1 {status}\r\n\r\n").as_bytes()).unwrap();
        }
        asked
    });
    let place = place(WAITS, &format!("ready: {{ http: \"http://localhost:{port}/up?now\", interval: 10ms }}"));
    let mut wingmate = start(&place);
    is_ready(&mut wingmate);
    assert_eq!(server.join().unwrap().matches("GET /up?now HTTP/1.1\r\n").count(), 3);
    wingmate.stop();
}

#[test]
fn a_file_or_a_command() {
    for probe in ["file: $D/up", "exec: [ sh, -c, \"echo looking; test -e $D/up || exit 3\" ]"] {
        let place = place(WAITS, &format!("ready: {{ {probe}, interval: 10ms }}"));
        let mut wingmate = start(&place);
        if probe.starts_with("exec") {
            wingmate.line("web: probe: looking");
        }
        place.file("up", "");
        is_ready(&mut wingmate);
        wingmate.await_rest();
        wingmate.stop();
    }
}

#[test]
fn a_text_in_its_output() {
    let script = "echo nothing; printf \"it is re\"; read -r _ < $D/go; echo \"ady now\" >&2; read -r _ < $D/go; echo \
                  \"it is ready now\"; exec sleep inf";
    let place = place(script, "ready: { log: ready now }");
    let (mut wingmate, _) = start_saying(&place, "nothing");
    // Two halves on two streams are no whole.
    place.tell("go", "");
    wingmate.line("ady now");
    place.tell("go", "");
    is_ready(&mut wingmate);
    wingmate.stop();
}

#[test]
fn a_newline_on_a_descriptor() {
    let script = "[ -n \"$S\" ] || printf x >&7; read -r _ < $D/go; echo >&7; exec 7>&-; exec sleep inf";
    let place = place(script, "ready: { fd: 7 }");
    let mut wingmate = start(&place);
    place.tell("go", "");
    let mut line = wingmate.line("ready after ");
    wingmate.line("after: running (pid ");
    wingmate.await_rest();
    let descriptors = wingmate.descriptors();
    // In each life anew, and nothing is left of the one before.
    for _ in 0..3 {
        processes::kill(wingmate.inside(pid_in(&line)), Signal::KILL).unwrap();
        wingmate.line("web: starting (pid ");
        place.tell("go", "");
        line = wingmate.line("ready after ");
    }
    wingmate.await_rest();
    assert_eq!(wingmate.descriptors(), descriptors);
    wingmate.stop();
}

/// A program of the stories below: sends what it reads in the fifo `say`, `;` between assignments.
#[test]
#[ignore = "run by other stories"]
fn speaker() {
    let name = std::env::var("NOTIFY_SOCKET").unwrap();
    let address = match name.strip_prefix('@') {
        Some(name) => UnixAddr::from_abstract_name(name).unwrap(),
        None => UnixAddr::from_pathname(&name).unwrap(),
    };
    let socket = UnixDatagram::unbound().unwrap();
    let watchdog = std::env::var("WATCHDOG_USEC").unwrap_or_default();
    writeln!(std::io::stdout(), "watchdog {watchdog}, socket {name}").unwrap();
    let fifo = std::fs::File::open(format!("{}/say", std::env::var("D").unwrap())).unwrap();
    for line in BufReader::new(fifo).lines().map(Result::unwrap) {
        match line.as_str() {
            "exit" => return,
            "fork" => {
                let child = std::process::Command::new("sleep").arg("inf").spawn().unwrap();
                socket.send_to_addr(format!("MAINPID={}\nREADY=1", child.id()).as_bytes(), &address).unwrap();
                std::process::exit(0);
            }
            "name" | "name apart" => {
                let mut child = std::process::Command::new("sleep");
                // Else in this one's group.
                let child = if line == "name" { &mut child } else { child.process_group(0) };
                #[expect(clippy::zombie_processes, reason = "a parent that reaps nothing is what the story is about")]
                let child = child.arg("inf").spawn().unwrap();
                socket.send_to_addr(format!("MAINPID={}\nREADY=1", child.id()).as_bytes(), &address).unwrap();
            }
            text => drop(socket.send_to_addr(text.replace(';', "\n").as_bytes(), &address).unwrap()),
        }
    }
}

fn speaks() -> String {
    spoken_by(&std::env::current_exe().unwrap().display().to_string())
}

fn spoken_by(program: &str) -> String {
    format!("exec {program} --ignored --exact ready::speaker --nocapture")
}

#[test]
fn what_it_says_itself() {
    let place = place(&speaks(), "ready: { notify: true }");
    let (mut wingmate, line) = start_saying(&place, "watchdog , socket ");
    let name = line.split("socket ").nth(1).unwrap();
    // From outside of its world nobody speaks for it.
    if name.starts_with('/') {
        UnixDatagram::unbound().unwrap().send_to(b"READY=1", name).unwrap();
        wingmate.line("web: a message on its notify socket is dropped: its sender is outside of the pid namespace");
    }
    place.tell("say", "STATUS=warming up");
    place.tell("say", "STATUS=serving;NONSENSE=1;READY=1");
    is_ready(&mut wingmate);
    wingmate.signal(Signal::USR1);
    wingmate.line("serving");
    wingmate.await_rest();
    wingmate.stop();
    assert!(!std::path::Path::new(name).exists(), "{name} is left");
}

#[test]
fn a_user_speaks_for_itself() {
    if !can_switch_users("a_user_speaks_for_itself") {
        return;
    }
    let place = place(&spoken_by("$D/speaker"), "user: nobody\n    ready: { notify: true }");
    // Where everybody may execute it.
    std::fs::copy(std::env::current_exe().unwrap(), place.path("speaker")).unwrap();
    let (mut wingmate, line) = start_saying(&place, "watchdog , socket ");
    let name = line.split("socket ").nth(1).unwrap();
    if name.starts_with('/') {
        let facts = std::fs::metadata(name).unwrap();
        assert_eq!((facts.uid(), facts.mode() & 0o777), (65534, 0o600));
    }
    place.tell("say", "READY=1");
    is_ready(&mut wingmate);
    wingmate.stop();
}

#[test]
fn a_command_of_the_same_user() {
    if !can_switch_users("a_command_of_the_same_user") {
        return;
    }
    let keys =
        "user: nobody\n    environ: { MINE: yes }\n    ready: { exec: [ sh, -c, \"test $(id -u)$MINE = 65534yes\" ] }";
    let place = place(WAITS, keys);
    let mut wingmate = start(&place);
    is_ready(&mut wingmate);
    wingmate.stop();
}

#[test]
fn signs_of_life_that_cease() {
    let script = "trap \"echo aborted; exit 1\" ABRT; trap \"exit 1\" TERM; echo watchdog $WATCHDOG_USEC; while :; do sleep 0.1; done";
    let place = place(script, "watchdog: 300ms");
    let mut wingmate = place.start(&[]);
    wingmate.line("watchdog 300000");
    wingmate.each(&["web: watchdog: no sign of life within 300ms", "aborted"]);
    wingmate.line("watchdog 300000");
    wingmate.stop();
}

#[test]
fn signs_of_life_that_come() {
    let place = place(&speaks(), "watchdog: 1h");
    let mut wingmate = place.start(&[]);
    wingmate.each(&["web: running (pid ", "watchdog 3600000000, socket "]);
    place.tell("say", "WATCHDOG=1;STATUS=alive");
    place.tell("say", "WATCHDOG=trigger");
    wingmate.line("web: watchdog: it asked for its end");
    wingmate.line("web: running (pid ");
    wingmate.stop();
}

#[test]
fn another_main_process_of_its_own_word() {
    let place = place(&speaks(), "ready: { notify: true }");
    let mut wingmate = start(&place);
    place.tell("say", "MAINPID=1");
    wingmate.line("web: MAINPID=1 isn't taken: which is the process that waits for it");
    place.tell("say", "fork");
    let line = wingmate.line("web: its main process is pid ");
    let pid = pid_in(&line).to_owned();
    is_ready(&mut wingmate);
    // Its own starter has gone, and it is still there.
    wingmate.await_rest();
    processes::kill(wingmate.inside(&pid), Signal::KILL).unwrap();
    wingmate.line("web: killed by SIGKILL");
    wingmate.line("web: starting (pid ");
    wingmate.stop();
}

#[test]
fn what_named_another_main_process_is_gone_before_the_next_start() {
    for (name, told) in [("name", "ending what it left behind"), ("name apart", "ending what is left of it")] {
        let place = place(&speaks(), "ready: { notify: true }\n    stop: { timeout: 1h }");
        let mut wingmate = place.start(&[]);
        let mut before = None;
        for round in 0..2 {
            let line = wingmate.line("web: starting (pid ");
            assert!(before.is_none_or(|before| processes::facts(before).is_none()), "two at once");
            before = Some(wingmate.inside(pid_in(&line)));
            place.tell("say", name);
            let line = wingmate.line("web: its main process is pid ");
            let named = wingmate.inside(pid_in(&line));
            wingmate.line("ready after ");
            if round == 0 {
                processes::kill(named, Signal::KILL).unwrap();
                wingmate.line(&format!("web: ended, nobody can tell how; {told}"));
            } else {
                // Told to stop, both are; with an hour for each, nobody may have to be killed for it.
                let text = std::fs::read_to_string(place.path("wingmate.yaml")).unwrap();
                place.file("wingmate.yaml", &text.replace("1h", "2h"));
                wingmate.signal(Signal::HUP);
                wingmate.line("reloaded: 1 restarted (web)");
            }
        }
        wingmate.line("web: starting (pid ");
        assert!(before.is_none_or(|before| processes::facts(before).is_none()), "two at once");
        wingmate.stop();
    }
}

#[test]
fn a_service_that_falls_ill() {
    let keys = "health: { exec: [ sh, -c, \"! test -e $D/ill\" ], interval: 10ms, retries: 2 }";
    let place = place(WAITS, keys);
    let mut wingmate = place.start(&[]);
    wingmate.each(&["web: running (pid ", "after: running (pid "]);
    place.file("ill", "");
    wingmate.line("web: health check failed (1 of 2): exited with 1");
    wingmate.line("web: unhealthy after ");
    std::fs::remove_file(place.path("ill")).unwrap();
    wingmate.line("web: running (pid ");
    wingmate.stop();
}

#[test]
fn a_probe_that_hangs_is_ended_with_all_of_its_own() {
    let keys = "ready: { exec: [ sh, -c, \"sleep 7007 & wait\" ], timeout: 200ms }";
    let place = place(WAITS, keys);
    let mut wingmate = start(&place);
    wingmate.line("web: not ready within 200ms");
    let hangs = |wingmate: &Wingmate| {
        let below = processes::descendants(wingmate.pid());
        let line = |pid| std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        below.iter().filter(|facts| line(facts.pid) == b"sleep\x007007\0").count()
    };
    wingmate.line("web: starting (pid ");
    let begun = Instant::now();
    while hangs(&wingmate) > 1 {
        assert!(begun.elapsed() < LIMIT, "two are there");
    }
    wingmate.stop();
}

#[test]
fn its_own_manager_is_told() {
    for hidden in [false, true] {
        let place = place(WAITS, "ready: { file: $D/up, interval: 10ms }");
        let (name, socket) = if hidden {
            let name = format!("wingmate-test-{}", std::process::id());
            (format!("@{name}"), UnixDatagram::bind_addr(&UnixAddr::from_abstract_name(&name).unwrap()).unwrap())
        } else {
            (place.path("manager"), UnixDatagram::bind(place.path("manager")).unwrap())
        };
        socket.set_read_timeout(Some(LIMIT)).unwrap();
        let heard = || {
            let mut buffer = [0; 256];
            let count = socket.recv(&mut buffer).unwrap();
            String::from_utf8(buffer[..count].to_vec()).unwrap()
        };
        let mut command = place.command(crate::world::AS_INIT, &[]);
        let mut wingmate = Wingmate::launch(command.env("NOTIFY_SOCKET", &name));
        wingmate.line("web: starting (pid ");
        place.file("up", "");
        is_ready(&mut wingmate);
        assert!(heard().contains("READY=1"));
        wingmate.stop();
        assert!(heard().contains("STOPPING=1"));
    }
}
