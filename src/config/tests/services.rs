//! What a service may ask for beyond being kept running: readiness, health, hooks, copies.

use super::*;
use crate::model::address::{Address, Url};
use crate::model::command::Identity;
use crate::model::service::{Health, Hook, PidFile, Probe, Ready, ReadyKind, Restart, ServiceExtras};
use std::time::Duration;

fn seconds(n: u64) -> Duration {
    Duration::from_secs(n)
}

fn one(keys: &str) -> ServiceSpec {
    good(service(keys)).config.services.remove(0)
}

fn here(port: u16) -> Address {
    Address { host: "127.0.0.1".into(), port }
}

#[test]
fn every_sign_of_readiness_is_read() {
    let words = |line: &str| line.split(' ').map(Into::into).collect();
    for (written, kind) in [
        ("tcp: '127.0.0.1:80'", ReadyKind::Probe(Probe::Tcp(here(80)))),
        ("tcp: ':80'", ReadyKind::Probe(Probe::Tcp(here(80)))),
        ("unix: /run/x.sock", ReadyKind::Probe(Probe::Unix("/run/x.sock".into()))),
        ("http: 'http://127.0.0.1/a?b'", ReadyKind::Probe(Probe::Http(Url { address: here(80), path: "/a?b".into() }))),
        ("exec: [ pg_isready, -q ]", ReadyKind::Probe(Probe::Exec(words("pg_isready -q")))),
        ("exec: pg_isready -q", ReadyKind::Probe(Probe::Exec(words("pg_isready -q")))),
        ("file: /run/x", ReadyKind::Probe(Probe::File("/run/x".into()))),
        ("log: ready to serve", ReadyKind::Log("ready to serve".into())),
        ("notify: true", ReadyKind::Notify),
        ("fd: 3", ReadyKind::Fd(3)),
    ] {
        let usual = Ready { kind: kind.clone(), interval: Duration::from_millis(200), timeout: seconds(60) };
        assert_eq!(one(&format!("    ready: {{ {written} }}\n")).extras().ready, Some(usual), "{written}");
        let timed = one(&format!("    pidfile: /p\n    ready: {{ {written}, timeout: 5s }}\n"));
        assert_eq!(timed.extras().ready.as_ref().map(|ready| ready.timeout), Some(seconds(5)));
        assert_eq!(timed.pidfile, Some(Box::new(PidFile { path: "/p".into(), timeout: seconds(5) })));
    }
    let ready = one("    ready: { file: /x, interval: 1s }\n").extras().ready.clone().unwrap();
    assert_eq!((ready.interval, ready.timeout), (seconds(1), seconds(60)));
    let ready = one("    pidfile: /p\n    ready: { file: /x }\n").extras().ready.clone().unwrap();
    assert_eq!(ready.timeout, seconds(30), "a daemon's own default");
    assert_eq!(one("    pidfile: /p\n    ready: { timeout: 5s }\n").extras, None);
}

#[test]
fn every_other_key_is_read() {
    let keys = "    health: { http: 'http://localhost:8080', interval: 5s, timeout: 1s, retries: 1, start_period: 1m }\n    \
                watchdog: 30s\n    no_restart_codes: [ 78, 64 ]\n    stop: { command: [ nginx, -s, quit ], timeout: 9s }\n    \
                pre_start: { command: mkdir -p /run/x, user: 'root:0', timeout: 5s }\n    post_stop: [ rm, /run/x ]\n";
    let url = Url { address: Address { host: "localhost".into(), port: 8080 }, path: "/".into() };
    let root = Identity { user: Some("root".into()), group: Some("0".into()) };
    let words = |words: &[&str]| words.iter().map(|word| (*word).into()).collect::<Vec<std::ffi::OsString>>();
    let spec = one(keys);
    let expected = ServiceExtras {
        ready: None,
        health: Some(Health {
            probe: Probe::Http(url),
            interval: seconds(5),
            timeout: seconds(1),
            retries: 1,
            start_period: seconds(60),
        }),
        watchdog: Some(seconds(30)),
        success_codes: None,
        no_restart_codes: vec![78, 64],
        stop_command: Some(words(&["nginx", "-s", "quit"])),
        pre_start: Some(Hook { command: words(&["mkdir", "-p", "/run/x"]), identity: Some(root), timeout: seconds(5) }),
        post_stop: Some(Hook { command: words(&["rm", "/run/x"]), identity: None, timeout: seconds(30) }),
        base: None,
    };
    assert_eq!(*spec.extras(), expected);
    assert_eq!(spec.stop.timeout, seconds(9));
    assert!(spec.notifies());
    let health = one("    health: { unix: /x }\n").extras().health.clone().unwrap();
    assert_eq!(
        health,
        Health {
            probe: Probe::Unix("/x".into()),
            interval: seconds(10),
            timeout: seconds(3),
            retries: 3,
            start_period: Duration::ZERO
        }
    );
    assert_eq!(one("    success_codes: [ 0 ]\n").extras, None, "as without it");
    assert_eq!(one("    success_codes: []\n").success_codes(), []);
    assert_eq!(one("    no_restart_codes: []\n    depends_on: []\n").extras, None);
}

#[test]
fn wrong_values_are_told() {
    let long = format!("    ready: {{ unix: /{} }}\n", "x".repeat(107));
    let one_of = "takes one of tcp, unix, http, exec, file, log, notify, fd";
    let none = "'ready' names no sign (tcp, unix, http, exec, file, log, notify or fd); 'timeout' alone goes with a 'pidfile': how long the daemon may take to write it";
    let table: &[(&str, &[&str])] = &[
        (
            "    ready: { tcp: localhost }\n",
            &[
                "w.yaml:4:19: tcp: 'localhost' has no port (write HOST:PORT, such as 127.0.0.1:80, [::1]:80, localhost:80, :80)",
            ],
        ),
        ("    ready: { tcp: '[::1]:0' }\n", &["w.yaml:4:19: tcp: '0' is not a port (1 to 65535)"]),
        (
            "    ready: { tcp: 80 }\n",
            &[
                "w.yaml:4:19: tcp: '80' has no port (write HOST:PORT, such as 127.0.0.1:80, [::1]:80, localhost:80, :80)",
            ],
        ),
        (
            "    ready: { http: 'https://x' }\n",
            &["w.yaml:4:20: http: https is not spoken here (write http://HOST[:PORT][/PATH], or ask by an exec probe)"],
        ),
        (
            "    health: { http: 'localhost:80' }\n",
            &["w.yaml:4:21: http: 'localhost:80' doesn't begin with http:// (write http://HOST[:PORT][/PATH])"],
        ),
        (&long, &["w.yaml:4:20: the path of a socket has at most 107 bytes, this one 108"]),
        ("    ready: { exec: [] }\n", &["w.yaml:4:20: 'exec' is empty"]),
        ("    ready: { exec: 'a \"b' }\n", &["w.yaml:4:23: 'exec': the quote \" is never closed"]),
        (
            "    ready: { log: '' }\n",
            &["w.yaml:4:19: 'log' is empty; it must be a text that a line of its output holds"],
        ),
        (
            "    ready: { notify: false }\n",
            &["w.yaml:4:22: 'notify' can only be true; without it there is another sign, or none"],
        ),
        (
            "    ready: { fd: 1 }\n",
            &["w.yaml:4:18: 'fd' must be a number from 3 to 1023: 1 is the service's own output"],
        ),
        ("    ready: { fd: 1024 }\n", &["w.yaml:4:18: 'fd' must be a whole number from 0 to 1023, not '1024'"]),
        (
            "    ready: { tcp: ':80', fd: 4 }\n",
            &[&format!("w.yaml:4:26: 'tcp' and 'fd' at once (w.yaml:4:14): 'ready' {one_of}")],
        ),
        (
            "    ready: { interval: 1s, fd: 4 }\n",
            &["w.yaml:4:14: 'interval' is the time between two probes, and 'fd' is none"],
        ),
        ("    ready: { file: /x, interval: 9ms }\n", &["w.yaml:4:34: 'interval' must be 10ms or longer"]),
        ("    ready: { file: /x, timeout: 0 }\n", &["w.yaml:4:33: 'timeout' must be longer than 0"]),
        ("    ready: { interval: 1s }\n", &[&format!("w.yaml:4:5: {none}")]),
        (
            "    pidfile: /x\n    ready: { interval: 1s }\n",
            &["w.yaml:5:14: 'interval' is the time between two probes, and there is none"],
        ),
        ("    ready: {}\n", &[&format!("w.yaml:4:5: {none}")]),
        (
            "    ready: { tpc: ':80' }\n",
            &["w.yaml:4:14: unknown key 'tpc' in 'ready' of service 'web' (did you mean 'tcp'?)"],
        ),
        (
            "    ready: ':80'\n",
            &["w.yaml:4:12: 'ready' of service 'web' must be a map (key: value), not a single value"],
        ),
        (
            "    health: { fd: 3 }\n",
            &[
                "w.yaml:4:5: 'health' needs one of tcp, unix, http, exec",
                "w.yaml:4:15: 'health' of service 'web' can't have 'fd': it is for 'ready'",
            ],
        ),
        ("    health: { interval: 5s }\n", &["w.yaml:4:5: 'health' needs one of tcp, unix, http, exec"]),
        (
            "    health: { tcp: ':1', unix: /x }\n",
            &["w.yaml:4:26: 'tcp' and 'unix' at once (w.yaml:4:15): 'health' takes one of tcp, unix, http, exec"],
        ),
        (
            "    health: { tcp: ':1', retries: 0 }\n",
            &["w.yaml:4:35: 'retries' must be a whole number from 1 to 4294967295, not '0'"],
        ),
        (
            "    health: { tcp: ':1', timeout: 0s, interval: 0 }\n",
            &["w.yaml:4:35: 'timeout' must be longer than 0", "w.yaml:4:49: 'interval' must be 10ms or longer"],
        ),
        ("    watchdog: 0\n", &["w.yaml:4:15: 'watchdog' must be longer than 0"]),
        (
            "    no_restart_codes: [ 256 ]\n",
            &["w.yaml:4:25: 'no_restart_codes' must be a whole number from 0 to 255, not '256'"],
        ),
        ("    stop: { command: '' }\n", &["w.yaml:4:22: 'command' is empty"]),
        ("    pre_start: { user: x }\n", &["w.yaml:4:5: 'pre_start' has no 'command'"]),
        (
            "    pre_start: { command: x, group: x }\n",
            &["w.yaml:4:30: unknown key 'group' in 'pre_start' of service 'web' (allowed: command, user, timeout)"],
        ),
        (
            "    post_stop: { command: x, user: -3, timeout: 0 }\n",
            &["w.yaml:4:36: '-3' is no possible id (0 to 4294967294)", "w.yaml:4:49: 'timeout' must be longer than 0"],
        ),
        (
            "    post_stop:\n",
            &["w.yaml:4:5: 'post_stop' has no value; it must be a command, or {command, user, timeout}"],
        ),
        ("    instances: 0\n", &["w.yaml:4:16: 'instances' must be a whole number from 1 to 10000, not '0'"]),
        (
            "    oneshot: true\n    health: { tcp: ':1' }\n",
            &["w.yaml:5:5: 'oneshot: true' can't go with 'health': it is for what runs on (w.yaml:4:5)"],
        ),
        (
            "    watchdog: 1s\n    oneshot: true\n",
            &["w.yaml:5:5: 'oneshot: true' can't go with 'watchdog': it is for what runs on (w.yaml:4:5)"],
        ),
    ];
    assert_told(service, table);
    let later = told(&service("    reload: { signal: HUP }\n"));
    assert!(later[0].starts_with("w.yaml:4:5: unknown key 'reload' in service 'web' (allowed: command, "), "{later:?}");
    let table: &[(&str, &[&str])] = &[
        (
            "    schedule: '@daily'\n    stop: { command: x }\n",
            &["w.yaml:5:13: 'command' of 'stop' is for services, not for cron jobs"],
        ),
        (
            "    schedule: '@daily'\n    health: { tcp: ':1' }\n",
            &["w.yaml:5:5: cron job 'tidy' can't have 'health': it is for services"],
        ),
        ("    schedule: '@daily'\n    depends_on: [ x ]\n", &["w.yaml:5:19: there is no service 'x' to depend on"]),
    ];
    assert_told(job, table);
}

#[test]
fn copies_have_numbers() {
    let keys = "    command: [ serve, '--id={instance}', '{instance}{instance}' ]\n    environ: { PORT: '800{instance}', N: 1 }\n    \
                pidfile: '/run/w{instance}.pid'\n    ready: { tcp: '127.0.0.1:800{instance}' }\n    \
                health: { exec: 'check {instance}' }\n    working_dir: '/srv/{instance}'\n    instances: 3\n";
    let loaded = good(of_yaml(format!("service:\n  w:\n{keys}  x: {{ command: [ '{{instance}}' ] }}\n")));
    let services = &loaded.config.services;
    let names: Vec<&str> = services.iter().map(|spec| &*spec.name).collect();
    assert_eq!(names, ["w-1", "w-2", "w-3", "x"]);
    let second = &services[1];
    assert_eq!(second.process.command, ["serve", "--id=2", "22"]);
    let environ = [("PORT", "8002"), ("N", "1"), ("WINGMATE_INSTANCE", "2")];
    assert_eq!(second.process.environ, environ.map(|(name, value)| (name.into(), value.into())));
    assert_eq!(second.pidfile.as_ref().map(|pidfile| &*pidfile.path), Some(Path::new("/run/w2.pid")));
    assert_eq!(
        second.extras().ready.as_ref().map(|ready| &ready.kind),
        Some(&ReadyKind::Probe(Probe::Tcp(here(8002))))
    );
    let check = Probe::Exec(vec!["check".into(), "2".into()]);
    assert_eq!(second.extras().health.as_ref().map(|health| &health.probe), Some(&check));
    assert_eq!(second.process.working_dir.as_deref(), Some(Path::new("/srv/{instance}")));
    assert_eq!(second.extras().base.as_deref(), Some("w"));
    assert_eq!((&services[3].extras, &*services[3].process.command[0]), (&None, "{instance}".as_ref()));
    // Asked for one, it is one copy, by its number.
    let single = good(service("    instances: 1\n")).config.services.remove(0);
    assert_eq!((&*single.name, single.extras().base.as_deref()), ("web-1", Some("web")));
    assert_eq!(single.restart, Restart::Always);
}

#[test]
fn what_is_wrong_with_copies_is_told_once() {
    let rule = "names are unique over services and cron jobs";
    let table: &[(&str, &[&str])] = &[
        (
            "service:\n  w: { command: [ x ], instances: 2 }\n  w-2: { command: [ x ] }\ncron:\n  w: { command: [ x ], schedule: '@daily' }\n",
            &[
                &format!("w.yaml:3:3: the name 'w-2' is taken already by w.yaml:2:3; {rule}"),
                &format!("w.yaml:5:3: the name 'w' is taken already by w.yaml:2:3; {rule}"),
            ],
        ),
        (
            "service:\n  w: { command: 'x | y', instances: 9 }\n",
            &["w.yaml:2:20: warning: '|' is passed on as it is, no shell reads it: write [ sh, -c, '…' ] for a shell"],
        ),
        (
            "service:\n  w: { command: [ x ], instances: 9, nice: 99 }\n",
            &["w.yaml:2:44: 'nice' must be a whole number from -20 to 19, not '99'"],
        ),
        (
            "service:\n  w: { command: [ x ], instances: 9, ready: { tcp: ':6553{instance}' } }\n",
            &["w.yaml:2:52: tcp: '65536' is not a port (1 to 65535)"],
        ),
        (
            "service:\n  w: { command: [ x ], instances: many }\n",
            &["w.yaml:2:35: 'instances' must be a whole number from 1 to 10000, not 'many'"],
        ),
    ];
    assert_told(|text| of_yaml(text), table);
}

#[test]
fn two_daemons_have_two_pid_files() {
    let unit = |name: &str, path: &str| format!("  {name}:\n    command: x\n    pidfile: {path}\n");
    let table = [
        (
            unit("a", "/run/d.pid") + &unit("b", "/run/d.pid"),
            vec!["w.yaml:7:5: this 'pidfile' is another service's already (w.yaml:4:5)"],
        ),
        (
            unit("a", "run/d.pid") + &unit("b", "./run//d.pid"),
            vec!["w.yaml:7:5: this 'pidfile' is another service's already (w.yaml:4:5)"],
        ),
        (
            unit("a", "/run/d.pid") + "    instances: 3\n",
            vec!["w.yaml:4:5: all instances would write this 'pidfile': it needs an '{instance}' (w.yaml:5:5)"],
        ),
        (unit("a", "'/run/d{instance}.pid'") + "    instances: 3\n" + &unit("b", "/run/d.pid"), vec![]),
        (
            unit("a", "'/run/d{instance}.pid'") + "    instances: 3\n" + &unit("b", "/run/d2.pid"),
            vec!["w.yaml:8:5: this 'pidfile' is another service's already (w.yaml:4:5)"],
        ),
        (unit("a", "/run/d.pid") + "    instances: 1\n", vec![]),
    ];
    for (text, expected) in table {
        let told = told(&of_yaml(format!("service:\n{text}")));
        assert_eq!(told, expected, "{text}");
    }
}
