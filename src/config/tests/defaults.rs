//! What holds for all units, and several files.

use super::*;
use crate::model::command::{Identity, Resource};
use crate::model::service::{Probe, ReadyKind, Restart, StopGroup};
use crate::model::signal::Signal;
use std::time::Duration;

fn files(texts: &[&str]) -> Loaded {
    let sources = texts.iter().enumerate().map(|(n, text)| Source::new(format!("{n}.yaml"), *text)).collect();
    of(Sources { yaml: sources, ..Sources::default() })
}

#[test]
fn defaults_hold_for_every_unit_and_lie_beneath_its_own_keys() {
    let defaults = "defaults:\n  user: www:www\n  groups: [ a ]\n  environ: { A: 1, B: 1 }\n  env_file: /env/b\n  \
                    rlimits: { nofile: 10, core: 0 }\n  stop: { signal: QUIT, timeout: 2s }\n  restart: on-failure\n  \
                    ready: { timeout: 5s }\n  nice: 5\n  critical: true\n";
    let units = "service:\n  plain: { command: [ x ] }\n  own:\n    command: [ x ]\n    user: me\n    environ: [ B=2, C=3 ]\n    \
                 env_file: /env/open\n    rlimits: { core: 5 }\n    stop: { timeout: 3s }\n    autorestart: true\n    nice: 1\n    \
                 ready: { notify: true }\n    critical: false\n  group: { command: [ x ], group: g, pidfile: /p }\n\
                 cron:\n  tidy: { command: [ x ], schedule: '@daily', environ: { A: 9 } }\n";
    let loaded = of(Sources {
        // They hold for what stands above them, and in other files, too.
        yaml: vec![Source::new("a.yaml", units), Source::new("b.yaml", defaults)],
        programs: vec![Program { path: "/s/prog".into(), kind: ProgramKind::Program }],
        crontab: Some(Source::new("crontab", "B=7\n@daily entry\n")),
        ..Sources::default()
    });
    assert_eq!(told(&loaded), ["/env/open: warning: others may write to it"]);
    let service = |name: &str| loaded.config.services.iter().find(|spec| spec.name == name).unwrap();
    let job = |name: &str| loaded.config.jobs.iter().find(|spec| spec.name() == name).unwrap();
    let environ = |pairs: &[(&str, &str)]| -> Vec<(std::ffi::OsString, std::ffi::OsString)> {
        pairs.iter().map(|(name, value)| (name.into(), value.into())).collect()
    };
    let www = Identity { user: Some("www".into()), group: Some("www".into()) };
    for spec in [service("plain"), service("prog")] {
        assert_eq!(spec.process.identity, www);
        assert_eq!(spec.process.environ, environ(&[("F", "é"), ("A", "1"), ("B", "1")]));
        assert_eq!(spec.process.extras().groups, Some(vec!["a".into()]));
        assert_eq!(spec.restart, Restart::OnFailure);
        assert_eq!((spec.stop.signal, spec.stop.timeout), (Some(Signal::QUIT), Duration::from_secs(2)));
        assert_eq!((spec.extras().ready.as_ref(), spec.critical), (None, true));
    }
    let own = service("own");
    assert_eq!(own.process.identity, Identity { user: Some("me".into()), group: None });
    assert_eq!(own.process.environ, environ(&[("F", "é"), ("A", "1"), ("B", "2"), ("C", "3")]));
    let limits = &own.process.extras().rlimits;
    let soft = |resource| limits.iter().find(|limit| limit.resource == resource).map(|limit| limit.soft);
    assert_eq!((soft(Resource::Nofile), soft(Resource::Core), limits.len()), (Some(10), Some(5), 2));
    assert_eq!((own.stop.signal, own.stop.timeout), (Some(Signal::QUIT), Duration::from_secs(3)));
    assert_eq!((own.restart, own.critical, own.process.extras().nice), (Restart::Always, false, Some(1)));
    assert_eq!(own.process.extras().groups, None, "another user has other groups");
    let ready = own.extras().ready.as_ref().unwrap();
    assert_eq!((&ready.kind, ready.timeout), (&ReadyKind::Notify, Duration::from_secs(5)));
    let group = service("group");
    assert_eq!(group.process.identity, Identity { user: Some("www".into()), group: Some("g".into()) });
    assert_eq!(group.pidfile.as_ref().map(|pidfile| pidfile.timeout), Some(Duration::from_secs(5)));
    for (name, variables) in
        [("tidy", [("F", "é"), ("B", "1"), ("A", "9")]), ("entry", [("F", "é"), ("A", "1"), ("B", "7")])]
    {
        let manner = &job(name).manner;
        assert_eq!((&manner.process.identity, &manner.process.environ), (&www, &environ(&variables)), "{name}");
        assert_eq!((manner.stop.timeout, manner.process.extras().nice), (Duration::from_secs(2), Some(5)));
    }
}

#[test]
fn what_is_meant_for_services_that_run_on_spares_oneshots() {
    let text = "defaults: { autorestart: true, watchdog: 5s, health: { tcp: ':1' }, stop: { group: kill } }\n\
                service:\n  once: { command: [ x ], oneshot: true }\n  on: { command: [ x ], health: { unix: /x } }\n";
    let loaded = good(of_yaml(text));
    let [once, on] = loaded.config.services.as_slice() else { panic!("two") };
    assert_eq!((once.restart, &once.extras, once.stop.group), (Restart::Never, &None, StopGroup::KillGroup));
    assert_eq!((on.restart, on.extras().watchdog), (Restart::Always, Some(Duration::from_secs(5))));
    assert_eq!(on.extras().health.as_ref().map(|health| &health.probe), Some(&Probe::Unix("/x".into())));
}

#[test]
fn wrong_defaults_are_told() {
    let table: &[(&str, &[&str])] = &[
        ("defaults: { command: [ x ] }", &["w.yaml:1:13: the defaults can't have 'command': it is for single units"]),
        ("defaults: { oneshot: true }", &["w.yaml:1:13: the defaults can't have 'oneshot': it is for single units"]),
        ("defaults: { instances: 2 }", &["w.yaml:1:13: the defaults can't have 'instances': it is for single units"]),
        ("defaults: { schedule: x }", &["w.yaml:1:13: the defaults can't have 'schedule': it is for cron jobs"]),
        ("defaults: { usr: x }", &["w.yaml:1:13: unknown key 'usr' in the defaults (did you mean 'user'?)"]),
        (
            "defaults: { stop: { signal: none } }",
            &["w.yaml:1:29: 'signal: none' is for cron jobs; a service needs a stop signal"],
        ),
        ("defaults: [ x ]", &["w.yaml:1:11: the defaults must be a map (key: value), not a list"]),
        ("defaults:", &[]),
        ("defaults: { ready: { interval: 1s }, health: { retries: 1 } }", &[]),
        (
            "defaults: { user: 'a:b', group: c }",
            &["w.yaml:1:26: 'user' names a group already, 'group' another (w.yaml:1:13)"],
        ),
        (
            "defaults: { restart: never, autorestart: true }",
            &["w.yaml:1:29: 'autorestart: true' contradicts 'restart: never' (w.yaml:1:13)"],
        ),
        (
            "defaults: { critical: true }\nservice: { a: { command: [ x ], autostart: false } }",
            &[
                "w.yaml:2:33: warning: 'critical: true' with 'autostart: false': it is critical only once it is started by hand (by the defaults)",
            ],
        ),
    ];
    assert_told(|text| of_yaml(text), table);
}

#[test]
fn no_setting_is_given_twice() {
    let again = |name: &str, place: &str| {
        format!("the setting '{name}' is given already by {place}; no setting is given twice")
    };
    let loaded = files(&[
        "timezone: UTC\nlog: { level: warn }\nshutdown: { delay: 1s }\ndefaults: { user: a, nice: 1 }\nservice: { a: { command: [ x ] } }\nx-a: 1\n",
        "log: { format: json }\nshutdown: { timeout: 9s }\nservice: { b: { command: [ x ] } }\nx-a: 1\ndefaults: { umask: '077' }\n",
    ]);
    let loaded = good(loaded);
    assert_eq!(loaded.config.settings.shutdown_delay, Duration::from_secs(1));
    assert_eq!(loaded.config.settings.shutdown_timeout, Duration::from_secs(9));
    assert_eq!(loaded.config.services.len(), 2);
    assert!(loaded.config.services.iter().all(|spec| spec.process.extras().umask == Some(0o077)));
    let loaded = files(&[
        "timezone: UTC\nlog: { level: warn }\ndefaults: { user: a }\n",
        "log: { level: info }\ntimezone: UTC\nshutdown: { delay: 1s }\ndefaults: { nice: 5, user: b }\nservice: { a: { command: [ x ] } }\n",
        "shutdown: { delay: 1s }\nservice: { a: { command: [ x ] } }\n",
    ]);
    assert_eq!(
        told(&loaded),
        [
            format!("1.yaml:1:8: {}", again("log.level", "0.yaml:2:8")),
            format!("1.yaml:2:1: {}", again("timezone", "0.yaml:1:1")),
            format!("1.yaml:4:22: {}", again("defaults.user", "0.yaml:3:13")),
            format!("2.yaml:1:13: {}", again("shutdown.delay", "1.yaml:3:13")),
            "2.yaml:2:12: the name 'a' is taken already by 1.yaml:5:12; names are unique over services and cron jobs"
                .to_owned(),
        ]
    );
}
