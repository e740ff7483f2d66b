//! Whatever a file holds, reading it ends, doesn't panic, and says where its problems are.

use super::dice::Dice;
use super::*;

const YAML: &str = "x-c: &c { user: nobody, environ: { A: 1 } }\nlog: { format: json, level: warn }\nshutdown: { timeout: 20s, delay: 1s }\n\
    timezone: Europe/Berlin\ndefaults: { nice: 5, env_file: [ /env/a, -/env/none ], rlimits: { nofile: 100, core: '0:unlimited' }, restart: on-failure }\n\
    service:\n  web:\n    <<: *c\n    command: [ nginx, \"-g\", 'daemon off;' ]\n    stop: { signal: QUIT, timeout: 1m, group: kill, command: nginx -s quit }\n    \
    depends_on: { db: { condition: started }, pool: }\n    ready: { http: 'http://[::1]:80/x?y', interval: 1s }\n    health: { tcp: 'localhost:80', retries: 2, start_period: 1m }\n  \
    db: # a comment\n    command: >-\n      pg \"a b\"\n      | cat\n    pidfile: /run/db.pid\n    ready: { timeout: 5s }\n    max_restarts: { count: 5, within: 1m }\n    \
    secrets: { P: /run/p, Q: { file: /run/q, as: file } }\n    inherit_env: [ PATH, 'AWS_*' ]\n    groups: [ 4, tape ]\n    umask: 027\n    oom_score_adj: -500\n    \
    no_new_privs: true\n    capabilities: [ CAP_CHOWN, kill ]\n    stdin: inherit\n    depends_on: [ once ]\n  \
    pool:\n    command: [ worker, '{instance}' ]\n    instances: 3\n    ready: { notify: true }\n    watchdog: 30s\n    depends_on: [ db ]\n    no_restart_codes: [ 78 ]\n    \
    pre_start: { command: mkdir x, user: root, timeout: 1s }\n    post_stop: rm x\n  once: { command: [ x ], oneshot: true }\n\
    cron:\n  tidy:\n    schedule: \"*/5 0-23/2 15W,L * MON#2\"\n    command: tidy --all\n    timezone: UTC\n";
const CRONTAB: &str = "# jobs\nSHELL=/bin/sh\n*/5 * * * * a | b # c\nSHELL=\nCRON_TZ=Europe/Berlin\nA = \"x \\\"y\\\"\"\n\
    0 0 1,15 * MON-FRI /usr/bin/tidy 'a b' c\\ d \"e\"\n@every 1m30s é ü\n@reboot x\n";
/// What breaks things when it stands where it shouldn't.
const SEEDS: [&[u8]; 34] = [
    b"\0",
    b"\xff",
    b"\n",
    b"\t",
    b"'",
    b"\"",
    b"\\",
    b"*",
    b"&",
    b"{",
    b"[",
    b"]",
    b": ",
    b"- ",
    b"#",
    b"@",
    b"<<: *c",
    b"---\n",
    b"\xef\xbb\xbf",
    b"\r",
    b"|\n",
    b"0 0 31 2 *",
    b"=",
    b"99999999999999999999",
    b"-",
    b":",
    b"::",
    b"{instance}",
    b"instances: 9",
    b"oneshot: true",
    b"depends_on: [ web ]",
    b"/env/bad",
    b"0",
    b"~",
];

fn mutated(text: &str, dice: &mut Dice) -> Vec<u8> {
    let mut bytes = text.as_bytes().to_vec();
    for _ in 0..dice.roll(4) {
        let at = dice.roll(bytes.len() + 1);
        let to = (at + dice.roll(12)).min(bytes.len());
        match dice.roll(4) {
            0 => drop(bytes.drain(at..to)),
            1 => drop(bytes.splice(at..at, dice.one_of(&SEEDS).iter().copied())),
            2 => drop(bytes.splice(at..to, dice.one_of(&SEEDS).iter().copied())),
            _ => {
                let piece = bytes[at..to].to_vec();
                let place = dice.roll(bytes.len() + 1);
                bytes.splice(place..place, piece);
            }
        }
    }
    bytes
}

#[test]
fn mutated_files_never_panic() {
    assert!(!of_yaml(YAML).failed() && !of_crontab(CRONTAB).failed());
    let mut dice = Dice(0x5eed);
    let (mut good, mut bad) = (0, 0);
    for _ in 0..3_000 {
        let (yaml, crontab) = (mutated(YAML, &mut dice), mutated(CRONTAB, &mut dice));
        let changed = yaml != YAML.as_bytes() || crontab != CRONTAB.as_bytes();
        let lines = [&yaml, &crontab].map(|bytes| bytes.iter().filter(|b| **b == b'\n').count() as u32 + 1);
        let loaded = of(Sources {
            yaml: vec![Source::new("w.yaml", yaml)],
            crontab: Some(Source::new("crontab", crontab)),
            ..Sources::default()
        });
        for problem in loaded.problems.iter().filter(|problem| !problem.file.starts_with("/env/")) {
            assert!(!problem.to_string().is_empty() && !problem.message.is_empty());
            let span = problem.span.expect("a problem in a file has a place");
            let last = if problem.file == "crontab" { lines[1] } else { lines[0] };
            // An error at the end of a file stands behind its last line.
            assert!((1..=last + 1).contains(&span.at.line) && span.at.column > 0, "{problem}");
        }
        let places: Vec<_> = loaded
            .problems
            .iter()
            .filter(|problem| !problem.file.starts_with("/env/"))
            .map(|p| (p.file == "crontab", p.span.map(|span| span.at)))
            .collect();
        assert!(places.is_sorted(), "{places:?}");
        assert_eq!(loaded.schedules.len(), loaded.config.jobs.len());
        if !loaded.failed() {
            what_holds(&loaded);
        }
        *(if loaded.failed() { &mut bad } else { &mut good }) += usize::from(changed);
    }
    assert!(good > 20 && bad > 200, "{good} good ones and {bad} bad ones test little");
}

#[test]
fn mutated_env_files_never_panic() {
    let text = "# a\nA=1\n\n export B = 'x y'\nC=\"q\\\"\" # why\nD=a#b  # why\nE=\nexport=1\n\tF=\"a\\\\b\"\r\n";
    let mut dice = Dice(0xe4f);
    let (mut good, mut bad) = (0, 0);
    for _ in 0..3_000 {
        let source = Source::new("env", mutated(text, &mut dice));
        let lines = source.lines().count();
        let mut problems = Problems::default();
        for (name, value) in env_file::variables(&source, &mut problems) {
            let (name, value) = (name.into_string().unwrap(), value.into_string().unwrap());
            assert!(!name.is_empty() && !name.contains(['=', ' ', '\t', '\n', '\0', '"', '\'']), "{name:?}");
            assert!(!value.contains(['\0', '\n']), "{value:?}");
        }
        *(if problems.errors() == 0 { &mut good } else { &mut bad }) += 1;
        for problem in problems.sorted(&[]) {
            let span = problem.span.expect("a problem in a file has a place");
            assert!((1..=lines).contains(&(span.at.line as usize)) && span.at.column > 0, "{problem}");
        }
    }
    assert!(good > 200 && bad > 200, "{good} good ones and {bad} bad ones test little");
}

/// What the supervisor relies on in a configuration without errors.
fn what_holds(loaded: &Loaded) {
    let mut started: Vec<&str> = Vec::new();
    for (spec, _) in loaded.in_start_order() {
        assert!(!spec.process.command.is_empty());
        for need in &spec.depends_on {
            assert!(started.contains(&&*need.name), "'{}' starts before '{}'", spec.name, need.name);
        }
        started.push(&spec.name);
    }
    assert_eq!(started.len(), loaded.config.services.len());
    started.sort_unstable();
    started.dedup();
    assert_eq!(started.len(), loaded.config.services.len(), "a name is there twice");
}
