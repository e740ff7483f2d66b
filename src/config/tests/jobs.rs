//! The keys of cron jobs: what they mean, and what is said of those that can't be meant.

use super::*;
use crate::model::job::{Manner, Missed, Overlap, Retries};
use crate::model::service::{Condition, Dependency};
use std::time::Duration;

/// How the only job is run that these lines are about.
fn manner(keys: &str) -> Manner {
    let loaded = good(of_yaml(format!(
        "state: /var/lib/wingmate\nservice: {{ db: {{ command: [ x ] }}, once: {{ command: [ x ], oneshot: true }} }}\n\
         cron:\n  tidy: {{ command: [ x ], schedule: '@daily', {keys} }}\n"
    )));
    (*loaded.config.jobs[0].manner).clone()
}

#[test]
fn each_key_means_what_it_says() {
    let usual = manner("");
    assert_eq!(usual, Manner::default());
    assert_eq!((usual.overlap, usual.missed), (Overlap::Skip, Missed::Skip));
    assert_eq!(usual.retries, Retries { count: 0, delay: Duration::from_secs(1) });
    let all = manner(
        "overlap: replace, timeout: 1h30m, jitter: 500ms, retries: { count: 3, delay: 2s }, on_boot: true, missed: once, \
         depends_on: [ db, once ], critical: true, success_codes: [ 0, 75 ]",
    );
    let needs = |name: &str, condition| Dependency { name: name.to_owned(), condition };
    let wanted = Manner {
        overlap: Overlap::Replace,
        timeout: Some(Duration::from_secs(5_400)),
        jitter: Duration::from_millis(500),
        retries: Retries { count: 3, delay: Duration::from_secs(2) },
        on_boot: true,
        missed: Missed::Once,
        critical: true,
        success_codes: Some(vec![0, 75]),
        depends_on: vec![needs("db", Condition::Ready), needs("once", Condition::Completed)],
        ..Manner::default()
    };
    assert_eq!(all, wanted);
    assert_eq!(manner("overlap: allow").overlap, Overlap::Allow);
    assert_eq!(manner("retries: { count: 2 }").retries, Retries { count: 2, delay: Duration::from_secs(1) });
    assert_eq!(manner("retries: { count: 2, delay: 0 }").retries.delay, Duration::ZERO, "again at once");
    assert_eq!(manner("overlap: skip, jitter: 0, missed: skip, on_boot: false, critical: false"), Manner::default());
    let started = manner("depends_on: { db: { condition: started } }").depends_on;
    assert_eq!(started, [needs("db", Condition::Started)]);
}

#[test]
fn a_value_that_cannot_be_meant_is_told_with_what_is_allowed() {
    let duration = "is not a duration (such as 500ms, 10s, 1m30s, 2h; a bare number is seconds)";
    let table: &[(&str, &[&str])] = &[
        ("overlap: maybe", &["w.yaml:3:56: 'overlap' must be one of skip, allow, replace, not 'maybe'"]),
        (
            "overlap: replase",
            &["w.yaml:3:56: 'overlap' must be one of skip, allow, replace, not 'replase' (did you mean 'replace'?)"],
        ),
        ("overlap: [ skip ]", &["w.yaml:3:56: 'overlap' must be one of skip, allow, replace, not a list"]),
        ("timeout: 0", &["w.yaml:3:56: 'timeout' must be longer than 0"]),
        ("timeout: -5s", &[&*format!("w.yaml:3:56: timeout: '-5s' {duration}")]),
        ("timeout: soon", &[&*format!("w.yaml:3:56: timeout: 'soon' {duration}")]),
        ("timeout: [ 5s ]", &["w.yaml:3:56: 'timeout' must be a duration (such as 500ms, 10s, 1m30s), not a list"]),
        ("jitter: -1", &[&*format!("w.yaml:3:55: jitter: '-1' {duration}")]),
        ("jitter:", &["w.yaml:3:47: 'jitter' has no value; it must be a duration (such as 500ms, 10s, 1m30s)"]),
        ("retries: 3", &["w.yaml:3:56: 'retries' of cron job 'tidy' must be a map (key: value), not a single value"]),
        ("retries: {}", &["w.yaml:3:47: 'retries' has no 'count'"]),
        ("retries: { delay: 1s }", &["w.yaml:3:47: 'retries' has no 'count'"]),
        ("retries: { count: -1 }", &["w.yaml:3:65: 'count' must be a whole number from 0 to 4294967295, not '-1'"]),
        ("retries: { count: 3, delay: x }", &[&*format!("w.yaml:3:75: delay: 'x' {duration}")]),
        (
            "retries: { count: 3, dealy: 1s }",
            &["w.yaml:3:68: unknown key 'dealy' in 'retries' of cron job 'tidy' (did you mean 'delay'?)"],
        ),
        ("on_boot: 1", &["w.yaml:3:56: 'on_boot' must be true or false, not '1'"]),
        ("missed: all", &["w.yaml:3:55: 'missed' must be one of skip, once, not 'all'"]),
        ("critical: perhaps", &["w.yaml:3:57: 'critical' must be true or false, not 'perhaps'"]),
        (
            "success_codes: 3",
            &["w.yaml:3:62: 'success_codes' must be a list of numbers from 0 to 255, not a single value"],
        ),
        (
            "success_codes: [ 0, 256 ]",
            &["w.yaml:3:67: 'success_codes' must be a whole number from 0 to 255, not '256'"],
        ),
        ("depends_on: [ bd ]", &["w.yaml:3:61: there is no service 'bd' to depend on (did you mean 'db'?)"]),
        ("depends_on: [ tidy ]", &["w.yaml:3:61: 'tidy' is a cron job; only services can be depended on"]),
        ("depends_on: [ other ]", &["w.yaml:3:61: 'other' is a cron job; only services can be depended on"]),
        ("depends_on: [ db, db ]", &["w.yaml:3:65: 'db' is here twice"]),
        (
            "depends_on: { db: { condition: completed } }",
            &[
                "w.yaml:3:61: 'condition: completed' never comes about: 'db' is no oneshot, and started again whenever it ends (w.yaml:1:12)",
            ],
        ),
        (
            "depends_on: [ off ]",
            &[
                "w.yaml:3:61: warning: 'off' has 'autostart: false' (w.yaml:1:59): this waits until it is started by hand",
            ],
        ),
        ("restart: always", &["w.yaml:3:47: cron job 'tidy' can't have 'restart': it is for services"]),
        ("ready: { tcp: ':80' }", &["w.yaml:3:47: cron job 'tidy' can't have 'ready': it is for services"]),
        ("overlaps: skip", &["w.yaml:3:47: unknown key 'overlaps' in cron job 'tidy' (did you mean 'overlap'?)"]),
    ];
    let make = |keys: &str| {
        of_yaml(format!(
            "service: {{ db: {{ command: [ x ] }}, off: {{ command: [ x ], autostart: false }} }}\ncron:\n  \
             tidy: {{ command: [ x ], schedule: '@daily', {keys} }}\n  other: {{ command: [ x ], schedule: '@daily' }}\n"
        ))
    };
    assert_told(make, table);
}

#[test]
fn what_is_missed_needs_a_clock_and_a_place() {
    let needs_state = "'missed: once' needs the setting 'state', a directory that outlives the container (a volume)";
    let needs_clock = "'missed: once' is for schedules by the clock; '@every' and '@reboot' count from wingmate's start (w.yaml:2:27)";
    let twice = "'on_boot: true' says nothing new: '@reboot' is the run at start already (w.yaml:2:27)";
    let job = |keys: &str| format!("cron:\n  tidy: {{ command: [ x ], schedule: {keys} }}\n");
    let kept = |keys: &str| job(keys) + "state: /s\n";
    let table: &[(String, &[&str])] = &[
        (job("'@daily', missed: once"), &[&format!("w.yaml:2:47: {needs_state}")]),
        (kept("'@every 5m', missed: once"), &[&format!("w.yaml:2:50: {needs_clock}")]),
        (kept("'@reboot', missed: once"), &[&format!("w.yaml:2:48: {needs_clock}")]),
        (kept("'0 3 * * *', missed: once"), &[]),
        (job("'@every 5m', missed: skip"), &[]),
        (job("'@reboot', on_boot: true"), &[&format!("w.yaml:2:48: warning: {twice}")]),
        (job("'@every 5m', on_boot: true"), &[]),
        (job("'@daily'") + "state:\n", &["w.yaml:3:1: 'state' has no value; it must be a path"]),
        (job("'@daily'") + "state: ''\n", &["w.yaml:3:8: 'state' is empty; it must be a path"]),
        (job("'@daily'") + "state: [ /s ]\n", &["w.yaml:3:8: 'state' must be a path, not a list"]),
    ];
    for (text, expected) in table {
        assert_eq!(told(&of_yaml(text)), *expected, "of {text:?}");
    }
}

#[test]
fn the_defaults_of_services_decide_nothing_for_jobs() {
    let loaded = good(of_yaml(
        "defaults: { critical: true, success_codes: [ 3 ], stop: { timeout: 2s }, nice: 5 }\n\
         service: { web: { command: [ x ] } }\n\
         cron:\n  tidy: { command: [ x ], schedule: '@daily' }\n  own: { command: [ x ], schedule: '@daily', critical: true, success_codes: [ 4 ] }\n",
    ));
    let web = &loaded.config.services[0];
    assert!(web.critical);
    let manners: Vec<&Manner> = loaded.config.jobs.iter().map(|job| &*job.manner).collect();
    assert_eq!((manners[0].critical, &manners[0].success_codes), (false, &None));
    assert_eq!((manners[1].critical, &manners[1].success_codes), (true, &Some(vec![4])));
    assert_eq!(manners[0].stop.timeout, Duration::from_secs(2), "how it is stopped is everybody's");
    let table: &[(&str, &[&str])] = &[
        ("overlap: skip", &["w.yaml:1:13: the defaults can't have 'overlap': it is for cron jobs"]),
        ("timeout: 1h", &["w.yaml:1:13: the defaults can't have 'timeout': it is for cron jobs"]),
        ("retries: { count: 1 }", &["w.yaml:1:13: the defaults can't have 'retries': it is for cron jobs"]),
        ("missed: once", &["w.yaml:1:13: the defaults can't have 'missed': it is for cron jobs"]),
    ];
    assert_told(|keys| of_yaml(format!("defaults: {{ {keys} }}\nservice: {{ web: {{ command: [ x ] }} }}\n")), table);
}
