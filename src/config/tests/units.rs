//! Services, jobs and settings in `wingmate.yaml`: what each key takes, and what doesn't go together.

use super::*;
use crate::model::command::{Identity, ProcessSpec, Session};
use crate::model::service::{Backoff, MaxRestarts, PidFile, Restart, StopGroup, StopSpec};
use crate::model::settings::{Level, LogFormat, LogSettings};
use crate::model::signal::Signal;
use crate::schedule::Schedule;
use std::time::Duration;

fn seconds(n: u64) -> Duration {
    Duration::from_secs(n)
}

fn one(loaded: Loaded) -> ServiceSpec {
    good(loaded).config.services.remove(0)
}

#[test]
fn a_file_of_the_earlier_wingmate_works() {
    let text = "service:\n  one:\n    command: [ /etc/wingmate/service/one.sh ]\n    environ:\n      - FINISHED=true\n      - A=b=c\n    \
                user: www-data\n    group: www-data\n    working_dir: /srv\n    setsid: true\n    pidfile: /run/one.pid\n    \
                background: true\n    startsecs: 5\n    autostart: false\n    autorestart: false\n  two:\n    command: [ sleep, 10 ]\n\
                cron:\n  tidy:\n    command: [ tidy ]\n    environ: [ A= ]\n    user: 1000\n    schedule: '*/5 * * * *'\n";
    let loaded = good(of_yaml(text));
    let mut one = ServiceSpec::new("one", ProcessSpec::default());
    one.process.command = vec!["/etc/wingmate/service/one.sh".into()];
    one.process.environ = vec![("FINISHED".into(), "true".into()), ("A".into(), "b=c".into())];
    one.process.identity = Identity { user: Some("www-data".into()), group: Some("www-data".into()) };
    one.process.working_dir = Some("/srv".into());
    one.pidfile = Some(Box::new(PidFile { path: "/run/one.pid".into(), timeout: seconds(30) }));
    one.startsecs = seconds(5);
    one.autostart = false;
    one.restart = Restart::Never;
    assert_eq!(loaded.config.services[0], one);
    let mut two = ServiceSpec::new("two", ProcessSpec::default());
    two.process.command = vec!["sleep".into(), "10".into()];
    assert_eq!(loaded.config.services[1], two);
    let tidy = &loaded.config.jobs[0];
    assert_eq!((tidy.name(), tidy.schedule()), ("tidy", "*/5 * * * *"));
    assert_eq!(tidy.manner.process.environ, [("A".into(), "".into())]);
    assert_eq!(tidy.manner.process.identity.user.as_deref(), Some("1000"));
}

#[test]
fn every_key_is_read() {
    let keys = "    environ: { A: 1, B: true, C: \"\", D: 'x=y' }\n    user: me:us\n    setsid: FALSE\n    restart: on-failure\n    \
                startsecs: 1m30s\n    backoff: { initial: 1s, max: 1m }\n    max_restarts: { count: 3, within: 1m }\n    \
                success_codes: [ 0, 143 ]\n    critical: true\n    pidfile: /p\n    ready: { timeout: 5s }\n    \
                stop: { signal: SIGUSR1, timeout: 500ms, group: kill }\n";
    let spec = one(service(keys));
    let environ: Vec<_> =
        [("A", "1"), ("B", "true"), ("C", ""), ("D", "x=y")].map(|(a, b)| (a.into(), b.into())).into();
    assert_eq!(spec.process.environ, environ);
    assert_eq!(spec.process.identity, Identity { user: Some("me".into()), group: Some("us".into()) });
    assert_eq!(spec.process.session, Session::Group);
    assert_eq!(spec.restart, Restart::OnFailure);
    assert_eq!(spec.startsecs, seconds(90));
    assert_eq!(spec.backoff, Backoff { initial: seconds(1), max: seconds(60) });
    assert_eq!(spec.max_restarts, Some(MaxRestarts::Within { count: 3, within: seconds(60) }));
    assert_eq!(spec.success_codes(), [0, 143]);
    assert!(spec.critical);
    assert_eq!(spec.pidfile, Some(Box::new(PidFile { path: "/p".into(), timeout: seconds(5) })));
    let stop =
        StopSpec { signal: Some(Signal::USR1), timeout: Duration::from_millis(500), group: StopGroup::KillGroup };
    assert_eq!(spec.stop, stop);

    assert_eq!(one(service("    max_restarts: 0\n")).max_restarts, Some(MaxRestarts::InARow(0)));
    assert_eq!(one(service("    stop: { group: false, signal: 3 }\n")).stop.group, StopGroup::Main);
    assert_eq!(one(service("    oneshot: true\n")).restart, Restart::Never);
    assert_eq!(one(service("    oneshot: true\n    restart: on-failure\n")).restart, Restart::OnFailure);
    assert_eq!(one(service("    oneshot: true\n    autorestart: false\n")).restart, Restart::Never);
    assert_eq!(one(service("    autorestart: \"true\"\n    restart: always\n")).restart, Restart::Always);
    assert_eq!(one(service("    environ:\n")), one(service("")));

    let job =
        good(job("    schedule: '@every 5s'\n    timezone: Europe/Berlin\n    stop: { signal: none, timeout: 1h }\n"));
    assert_eq!(
        job.config.jobs[0].manner.stop,
        StopSpec { signal: None, timeout: seconds(3_600), group: StopGroup::Group }
    );
    assert_eq!(job.config.jobs[0].manner.timezone.as_deref(), Some("Europe/Berlin"));
    assert_eq!(job.schedules[0], Schedule::Every(seconds(5)));
}

#[test]
fn commands_are_lists_or_strings() {
    let words = |command: &str| -> Vec<String> {
        let spec = one(of_yaml(format!("service:\n  a:\n    command: {command}\n")));
        spec.process.command.iter().map(|word| word.to_str().unwrap().to_owned()).collect()
    };
    assert_eq!(words("[ nginx, -g, \"daemon off;\" ]"), ["nginx", "-g", "daemon off;"]);
    assert_eq!(words("nginx -g 'daemon off;'"), ["nginx", "-g", "daemon off;"]);
    assert_eq!(words("[ sleep, 1, 1.50, 0x10, true, \"\" ]"), ["sleep", "1", "1.50", "0x10", "true", ""]);
    assert_eq!(words("[ sh, -c, \"a | b > $HOME\" ]"), ["sh", "-c", "a | b > $HOME"]);
    assert_eq!(words("\"echo #5 a\\\\ b\""), ["echo", "#5", "a b"]);
    assert_eq!(words(">-\n      a b\n      c"), ["a", "b", "c"]);
    let advice = "is passed on as it is, no shell reads it: write [ sh, -c, '…' ] for a shell";
    let told_of = |command: &str| told(&of_yaml(format!("service:\n  a:\n    command: {command}\n")));
    assert_eq!(told_of("a | b"), [format!("w.yaml:3:16: warning: '|' {advice}")]);
    assert_eq!(told_of("\"é $X\""), [format!("w.yaml:3:17: warning: '$X' {advice}")]);
    assert_eq!(told_of("|\n      a\n      b | c"), [format!("w.yaml:4:7: warning: '|' {advice}")]);
}

#[test]
fn wrong_values_are_told_with_their_place() {
    let table: &[(&str, &[&str])] = &[
        ("    comand: x\n", &["w.yaml:4:5: unknown key 'comand' in service 'web' (did you mean 'command'?)"]),
        ("    schedule: x\n", &["w.yaml:4:5: service 'web' can't have 'schedule': it is for cron jobs"]),
        ("    user:\n", &["w.yaml:4:5: 'user' has no value; it must be a user's name or number"]),
        ("    backoff:\n", &["w.yaml:4:5: 'backoff' has no value; it must be a map (key: value)"]),
        ("    stop: ~\n", &["w.yaml:4:5: 'stop' has no value; it must be a map (key: value)"]),
        ("    user: ''\n", &["w.yaml:4:11: 'user' is empty; it must be a user's name or number"]),
        ("    user: [ a ]\n", &["w.yaml:4:11: 'user' must be a user's name or number, not a list"]),
        ("    user: ':b'\n", &["w.yaml:4:11: ':b' is not a user, nor user:group"]),
        ("    user: a:b:c\n", &["w.yaml:4:11: 'a:b:c' is not a user, nor user:group"]),
        ("    user: a:b\n    group: c\n", &["w.yaml:5:5: 'user' names a group already, 'group' another (w.yaml:4:5)"]),
        ("    group: c\n    user: a:b\n", &["w.yaml:5:5: 'user' names a group already, 'group' another (w.yaml:4:5)"]),
        ("    group: 'a:b'\n", &["w.yaml:4:12: 'a:b' is not a group"]),
        ("    working_dir: \"a\\0b\"\n", &["w.yaml:4:18: 'working_dir' must not contain a NUL character"]),
        ("    setsid: yes\n", &["w.yaml:4:13: 'setsid' must be true or false, not 'yes'"]),
        ("    critical: 1\n", &["w.yaml:4:15: 'critical' must be true or false, not '1'"]),
        ("    environ: [ A ]\n", &["w.yaml:4:16: 'A' is not NAME=value"]),
        ("    environ: [ =A ]\n", &["w.yaml:4:16: '=A' is not NAME=value"]),
        ("    environ: [ A: 1 ]\n", &["w.yaml:4:16: 'environ' must be a list of NAME=value, or a map, not a map"]),
        ("    environ: x\n", &["w.yaml:4:14: 'environ' must be a list of NAME=value, or a map, not a single value"]),
        ("    environ: { A: [ 1 ] }\n", &["w.yaml:4:19: 'environ' must be a map of single values, not a list"]),
        ("    environ: { A: }\n", &["w.yaml:4:16: the variable 'A' has no value; an empty one is written \"\""]),
        ("    environ: { 'A=B': 1 }\n", &["w.yaml:4:16: 'A=B' can't be a variable's name"]),
        (
            "    startsecs: soon\n",
            &[
                "w.yaml:4:16: startsecs: 'soon' is not a duration (such as 500ms, 10s, 1m30s, 2h; a bare number is seconds)",
            ],
        ),
        (
            "    restart: sometimes\n",
            &["w.yaml:4:14: 'restart' must be one of always, on-failure, never, not 'sometimes'"],
        ),
        (
            "    restart: on_failure\n",
            &[
                "w.yaml:4:14: 'restart' must be one of always, on-failure, never, not 'on_failure' (did you mean 'on-failure'?)",
            ],
        ),
        (
            "    backoff: { initial: 1m }\n",
            &["w.yaml:4:16: the first delay ('initial', 1m00s) is longer than the longest ('max', 30s)"],
        ),
        (
            "    backoff: 5s\n",
            &["w.yaml:4:14: 'backoff' of service 'web' must be a map (key: value), not a single value"],
        ),
        (
            "    backoff: { initail: 1s }\n",
            &["w.yaml:4:16: unknown key 'initail' in 'backoff' of service 'web' (did you mean 'initial'?)"],
        ),
        ("    max_restarts: { count: 3 }\n", &["w.yaml:4:5: 'max_restarts' has no 'within'"]),
        ("    max_restarts: { count: 3, within: 0 }\n", &["w.yaml:4:31: 'within' must be longer than 0"]),
        (
            "    max_restarts: -1\n",
            &["w.yaml:4:19: 'max_restarts' must be a whole number from 0 to 4294967295, not '-1'"],
        ),
        (
            "    max_restarts: [ 1 ]\n",
            &["w.yaml:4:19: 'max_restarts' must be a number, or {count, within}, not a list"],
        ),
        (
            "    success_codes: [ 0, 256 ]\n",
            &["w.yaml:4:25: 'success_codes' must be a whole number from 0 to 255, not '256'"],
        ),
        (
            "    success_codes: 0\n",
            &["w.yaml:4:20: 'success_codes' must be a list of numbers from 0 to 255, not a single value"],
        ),
        ("    stop: { signal: TREM }\n", &["w.yaml:4:21: signal: unknown signal 'TREM' (did you mean 'TERM'?)"]),
        (
            "    stop: { signal: none }\n",
            &["w.yaml:4:21: 'signal: none' is for cron jobs; a service needs a stop signal"],
        ),
        (
            "    stop: { group: kil }\n",
            &["w.yaml:4:20: 'group' must be one of true, kill, false, not 'kil' (did you mean 'kill'?)"],
        ),
    ];
    assert_told(service, table);
}

#[test]
fn what_doesnt_go_together_names_both_places() {
    let table: &[(&str, &[&str])] = &[
        (
            "    autorestart: false\n    restart: always\n",
            &["w.yaml:5:5: 'autorestart: false' contradicts 'restart: always' (w.yaml:4:5)"],
        ),
        (
            "    restart: on-failure\n    autorestart: true\n",
            &["w.yaml:5:5: 'autorestart: true' contradicts 'restart: on-failure' (w.yaml:4:5)"],
        ),
        (
            "    oneshot: true\n    restart: always\n",
            &["w.yaml:5:5: 'oneshot: true' can't go with 'restart: always' (w.yaml:4:5)"],
        ),
        (
            "    autorestart: true\n    oneshot: true\n",
            &["w.yaml:5:5: 'oneshot: true' can't go with 'autorestart: true' (w.yaml:4:5)"],
        ),
        (
            "    oneshot: true\n    pidfile: /x\n",
            &["w.yaml:5:5: 'oneshot: true' can't go with 'pidfile': a daemon doesn't run to completion (w.yaml:4:5)"],
        ),
        (
            "    background: true\n",
            &["w.yaml:4:5: 'background: true' needs a 'pidfile', the file that the daemon writes its process id to"],
        ),
        (
            "    background: false\n    pidfile: /x\n",
            &[
                "w.yaml:5:5: 'background: false' contradicts 'pidfile', which is for a command that forks into the background (w.yaml:4:5)",
            ],
        ),
        (
            "    ready: { timeout: 5s }\n",
            &[
                "w.yaml:4:5: 'ready' names no sign (tcp, unix, http, exec, file, log, notify or fd); 'timeout' alone goes with a 'pidfile': how long the daemon may take to write it",
            ],
        ),
        (
            "    critical: true\n    autostart: false\n",
            &[
                "w.yaml:5:5: warning: 'critical: true' with 'autostart: false': it is critical only once it is started by hand (w.yaml:4:5)",
            ],
        ),
    ];
    assert_told(service, table);
    assert!(!service("    critical: true\n    autostart: false\n").failed());
}

#[test]
fn what_is_missing_is_told() {
    let table: &[(&str, &[&str])] = &[
        ("service:\n  web:\n", &["w.yaml:2:3: service 'web' has no command"]),
        ("service:\n  web: { user: a }\n", &["w.yaml:2:3: service 'web' has no command"]),
        (
            "service:\n  web: { comand: a }\n",
            &["w.yaml:2:10: unknown key 'comand' in service 'web' (did you mean 'command'?)"],
        ),
        ("service:\n  web: nginx\n", &["w.yaml:2:8: service 'web' must be a map (key: value), not a single value"]),
        ("service: [ web ]\n", &["w.yaml:1:10: 'service' must be a map (key: value), not a list"]),
        ("service:\n  web: { command: [] }\n", &["w.yaml:2:19: 'command' is empty"]),
        ("service:\n  web: { command: '' }\n", &["w.yaml:2:19: 'command' is empty"]),
        (
            "service:\n  web: { command: [ '' ] }\n",
            &["w.yaml:2:19: 'command' names no program: its first word is empty"],
        ),
        (
            "service:\n  web: { command: [ a, [ b ] ] }\n",
            &["w.yaml:2:24: 'command' must be a list of words, not a list"],
        ),
        (
            "service:\n  web: { command: { a: b } }\n",
            &["w.yaml:2:19: 'command' must be a list of words, or one string, not a map"],
        ),
        ("service:\n  web: { command: 'a \"b' }\n", &["w.yaml:2:22: 'command': the quote \" is never closed"]),
        (
            "service:\n  a b: { command: [ x ] }\n",
            &[
                "w.yaml:2:3: the name 'a b' is not allowed (letters, digits, '.', '_', '@' and '-', beginning with a letter or digit)",
            ],
        ),
        ("service:\n  main: { command: [ x ] }\n", &["w.yaml:2:3: the name 'main' is wingmate's own; choose another"]),
        ("services: {}\n", &["w.yaml:1:1: unknown key 'services' in the file (did you mean 'service'?)"]),
        (
            "bananas: {}\n",
            &[
                "w.yaml:1:1: unknown key 'bananas' in the file (allowed: service, cron, defaults, log, shutdown, timezone, state)",
            ],
        ),
        ("cron:\n  a: { command: [ x ] }\n", &["w.yaml:2:3: cron job 'a' has no schedule"]),
        ("cron:\n  a: { schedule: '@daily' }\n", &["w.yaml:2:3: cron job 'a' has no command"]),
        (
            "cron:\n  a: { schedule: [ 1 ], command: [ x ] }\n",
            &["w.yaml:2:18: 'schedule' must be five fields or a macro, not a list"],
        ),
        (
            "cron:\n  a: { schedule: '60 24 * * *', command: [ x ] }\n",
            &["w.yaml:2:19: minute 60 is out of range 0–59", "w.yaml:2:22: hour 24 is out of range 0–23"],
        ),
        (
            "cron:\n  a: { schedule: '@daily', command: [ x ], pidfile: /x }\n",
            &["w.yaml:2:44: cron job 'a' can't have 'pidfile': it is for services"],
        ),
        (
            "cron:\n  a: { schedule: '@daily', command: [ x ], timezone: '' }\n",
            &["w.yaml:2:54: 'timezone' is empty; it must be a zone such as Europe/Berlin"],
        ),
    ];
    assert_told(|text| of_yaml(text), table);
}

#[test]
fn settings_are_read() {
    let text =
        "log: { format: json, level: debug, timestamps: true }\nshutdown: { timeout: 20s }\ntimezone: Europe/Berlin\n";
    let settings = good(of_yaml(text)).config.settings;
    let log = LogSettings { format: LogFormat::Json, level: Level::Debug, timestamps: true };
    assert_eq!((settings.log, settings.shutdown_timeout), (log, seconds(20)));
    assert_eq!(settings.timezone.as_deref(), Some("Europe/Berlin"));
    let table: &[(&str, &[&str])] = &[
        ("log: { format: xml }", &["w.yaml:1:16: 'format' must be one of text, json, raw, not 'xml'"]),
        ("log: { levle: warn }", &["w.yaml:1:8: unknown key 'levle' in 'log' of the file (did you mean 'level'?)"]),
        ("shutdown: 5s", &["w.yaml:1:11: 'shutdown' of the file must be a map (key: value), not a single value"]),
        (
            "shutdown: { timeout: 11y }",
            &[
                "w.yaml:1:22: timeout: '11y' is not a duration (such as 500ms, 10s, 1m30s, 2h; a bare number is seconds)",
            ],
        ),
        ("timezone: { a: b }", &["w.yaml:1:11: 'timezone' must be a zone such as Europe/Berlin, not a map"]),
    ];
    assert_told(|text| of_yaml(text), table);
}

/// Every key of a table says what the manual needs, and is there once.
fn assert_whole<D>(tables: &[&[reading::Key<D>]]) {
    let keys = || tables.iter().copied().flatten();
    for key in keys() {
        assert!(!key.manual.kind.is_empty() && !key.manual.meaning.is_empty(), "{}", key.name);
        assert!(!key.manual.default.is_empty(), "{}", key.name);
    }
    let mut names: Vec<&str> = keys().map(|key| key.name).collect();
    let count = names.len();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), count, "a key is there twice");
}

#[test]
fn the_table_of_keys_is_whole() {
    assert_whole(&[keys::TOP]);
    assert_whole(&[keys::LOG]);
    assert_whole(&[keys::SHUTDOWN]);
    assert_whole(&[keys::PROCESS, keys::SERVICE]);
    assert_whole(&[keys::PROCESS, keys::JOB]);
    for table in [keys::READY, keys::HEALTH, keys::BACKOFF, keys::MAX_RESTARTS, keys::STOP] {
        assert_whole(&[table]);
    }
    assert_whole(&[keys::HOOK]);
    assert_whole(&[keys::NEED]);
    assert_whole(&[keys::SECRET]);
}
