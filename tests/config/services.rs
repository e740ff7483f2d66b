//! What `wingmate check` says of dependencies, further files, env files, and commands beside the programs.

use super::*;

#[test]
fn what_a_service_waits_for_is_shown_in_the_order_of_starting() {
    let dir = Dir::new("order");
    dir.file("token", "swordfish\n").file("env", "A=1\nexport B='2 3'\n");
    let path = dir.path();
    dir.file(
        "wingmate.yaml",
        &format!(
            "shutdown: {{ timeout: 30s }}\ndefaults: {{ env_file: {path}/env }}\nservice:\n  web:\n    command: sh -c 'echo web'\n    \
             depends_on: [ migrate, api ]\n    ready: {{ http: 'http://127.0.0.1:8080/up' }}\n    \
             health: {{ exec: [ sh, -c, 'exit 0' ] }}\n    secrets: {{ TOKEN: {path}/token }}\n    \
             pre_start: sh a\n    post_stop: {{ command: sh b, user: root }}\n    stop: {{ command: [ sh, c ] }}\n  \
             api:\n    command: [ sh, '{{instance}}' ]\n    instances: 2\n    depends_on: {{ db: {{ condition: started }} }}\n    \
             ready: {{ log: 'I am up' }}\n    watchdog: 90s\n  \
             migrate: {{ command: [ sh ], oneshot: true, depends_on: [ db ] }}\n  db: {{ command: [ sh ], ready: {{ fd: 3 }} }}\n\
             cron:\n  tidy: {{ command: [ sh ], schedule: '@daily', secrets: {{ K: {{ file: {path}/token, as: file }} }} }}\n"
        ),
    );
    let told = dir.check(&["--strict"]);
    assert_eq!((&*told.err, told.status), ("", Some(0)));
    assert_eq!(
        told.out,
        "service db: sh (restart always, ready by fd 3)\n\
         service migrate: sh (oneshot, restart never, after db)\n\
         service api-1: sh 1 (restart always, after db started, ready by log 'I am up', watchdog 1m30s)\n\
         service api-2: sh 2 (restart always, after db started, ready by log 'I am up', watchdog 1m30s)\n\
         service web: sh -c 'echo web' (restart always, after migrate completed and api-1 and api-2, first sh a, \
         ready by http://127.0.0.1:8080/up, health by exec sh -c 'exit 0', stopped by sh c, then sh b, secrets TOKEN=***)\n\
         job tidy: sh at @daily, that is at 00:00 (local time, secrets K=***)\n"
    );
    let json = dir.check(&["--format", "json"]);
    assert!(!json.out.contains("swordfish"));
    let web = "\"depends_on\":[{\"name\":\"migrate\",\"condition\":\"completed\"},{\"name\":\"api-1\",\"condition\":\"ready\"},\
               {\"name\":\"api-2\",\"condition\":\"ready\"}],\"ready\":\"http://127.0.0.1:8080/up\",\"health\":\"exec sh -c 'exit 0'\"}";
    assert!(json.out.contains(web), "{}", json.out);
    assert!(json.out.contains("\"secrets\":[{\"name\":\"TOKEN\",\"value\":\"***\"}]"), "{}", json.out);
}

#[test]
fn further_files_are_read_in_name_order() {
    let dir = Dir::new("further");
    dir.file("wingmate.yaml", "service: { main1: { command: [ sh ] } }\nlog: { level: warn }\n")
        .file("wingmate.d/20-b.yaml", "service: { b: { command: [ sh ], stop: { timeout: 6s } } }\n")
        .file(
            "wingmate.d/10-a.yaml",
            "service: { a: { command: [ sh ], depends_on: [ b ] } }\ndefaults: { restart: never }\n",
        )
        .file("wingmate.d/.hidden.yaml", "nonsense: 1\n")
        .file("wingmate.d/c.yml", "nonsense: 1\n")
        .file("wingmate.d/README", "nonsense");
    let told = dir.check(&[]);
    assert_eq!(
        told.err,
        "further/wingmate.d/c.yml: notice: this file is not read; here they end in .yaml\n\
        further/wingmate.d/10-a.yaml:1:17: warning: what the chain a → b may take to stop, 11s, doesn't fit into \
        shutdown.timeout, 8s: that takes 11.3s (and as much from the engine: docker stop -t 13, \
        terminationGracePeriodSeconds: 13)\n  service: { a: { command: [ sh ], depends_on: [ b ] } }\n                  ^^^^^^^\n"
    );
    let lines = ["main1: sh (restart never)", "b: sh (restart never)", "a: sh (restart never, after b)"];
    assert_eq!(told.out, lines.map(|line| format!("service {line}\n")).concat());

    dir.file(
        "wingmate.d/20-b.yaml",
        "log: { level: info }\nservice: { b: { comand: [ sh ] }, main1: { command: [ sh ] } }\n",
    )
    .file("wingmate.d/30-c.yaml", "service: [\n")
    .file("wingmate.d/40-d.yaml/x", "");
    let told = dir.check(&[]);
    let problems = told.err.lines().filter(|line| line.starts_with("further/"));
    let lines: Vec<&str> = problems.filter(|line| !line.contains(": warning: ")).collect();
    assert_eq!(
        lines,
        [
            "further/wingmate.d/40-d.yaml: cannot read it: it is not a regular file",
            "further/wingmate.d/c.yml: notice: this file is not read; here they end in .yaml",
            "further/wingmate.d/20-b.yaml:1:8: the setting 'log.level' is given already by further/wingmate.yaml:2:8; no setting is given twice",
            "further/wingmate.d/20-b.yaml:2:17: unknown key 'comand' in service 'b' (did you mean 'command'?)",
            "further/wingmate.d/20-b.yaml:2:35: the name 'main1' is taken already by further/wingmate.yaml:1:12; names are unique over services and cron jobs",
            "further/wingmate.d/30-c.yaml:2:1: not valid YAML: while parsing a node, did not find expected node content",
        ]
    );
    assert_eq!(told.status, Some(1));
}

#[test]
fn env_files_are_read_and_their_mistakes_told() {
    let dir = Dir::new("env");
    dir.file("good", "# comment\nA=1\n").file("bad", "A=1\nB 2\nC='\n").file("shared", "A=1\n").mode("shared", 0o666);
    let path = dir.path();
    let unit = |name: &str, files: &str| format!("  {name}: {{ command: [ sh ], env_file: {files} }}\n");
    let units = [unit("a", &format!("[ {path}/good, -{path}/gone ]")), unit("b", &format!("{path}/shared"))];
    dir.file("wingmate.yaml", &format!("service:\n{}", units.concat()));
    let told = dir.check(&[]);
    let shared = "env/shared: warning: others may write to it (mode 0666), and wingmate runs as root\n";
    let expected = if rustix::process::geteuid().is_root() { shared } else { "" };
    assert_eq!((&*told.err, told.status), (expected, Some(0)));

    let units = [
        unit("a", &format!("{path}/bad")),
        unit("b", &format!("{path}/gone")),
        unit("c", &format!("[ {path}/good, {path} ]")),
    ];
    dir.file("wingmate.yaml", &format!("service:\n{}", units.concat()));
    let told = dir.check(&[]);
    let lines: Vec<&str> = told.err.lines().filter(|line| line.starts_with("env/")).collect();
    let (gone, directory) =
        (format!("cannot read '{path}/gone': No such file or directory"), format!("cannot read '{path}'"));
    let short = |text: String| text.replace(&format!("{}/config-", env!("CARGO_TARGET_TMPDIR")), "");
    assert_eq!(
        lines,
        [
            short(format!("env/wingmate.yaml:3:35: {gone} (a '-' before the path says that it may be missing)")),
            short(format!("env/wingmate.yaml:4:{}: {directory}: it is not a regular file", 44 + path.len())),
            "env/bad:2:1: this is not NAME=value".to_owned(),
            "env/bad:3:3: the quote ' is never closed".to_owned(),
        ]
    );
    assert_eq!(told.status, Some(1));
    let started = wingmate(&["-c", path]);
    assert_eq!((started.status, started.err), (Some(1), told.err), "init says the same and doesn't start");
}

#[test]
fn commands_beside_the_programs_are_looked_for_too() {
    let dir = Dir::new("beside");
    dir.file(
        "wingmate.yaml",
        "service:\n  a:\n    command: sh\n    pre_start: no-1\n    post_stop: { command: sh, user: no-user }\n    ready: { exec: no-2 }\n    \
         health: { exec: no-3 }\n    stop: { command: no-4 }\n  b: { command: sh, user: no-user, pre_start: sh }\n  \
         c: { command: sh, secrets: { T: /no/such } }\n",
    );
    let told = dir.check(&[]);
    let lines: Vec<&str> = told.err.lines().filter_map(|line| line.strip_prefix("beside/wingmate.yaml:")).collect();
    let missing = |key: &str, name: &str| {
        format!(
            "3:5: warning: service 'a': {key}: cannot execute '{name}': no such file or directory (searched in PATH)"
        )
    };
    assert_eq!(
        lines,
        [
            missing("pre_start", "no-1"),
            missing("ready.exec", "no-2"),
            missing("health.exec", "no-3"),
            missing("stop.command", "no-4"),
            "3:5: warning: service 'a': post_stop: unknown user 'no-user' in /etc/passwd".to_owned(),
            "9:8: warning: service 'b': unknown user 'no-user' in /etc/passwd".to_owned(),
            "10:8: warning: service 'c': cannot read the secret 'T' in '/no/such': No such file or directory"
                .to_owned(),
        ]
    );
    assert_eq!(told.status, Some(0));
}

#[test]
fn a_delay_that_takes_all_the_time_is_a_warning() {
    let dir = Dir::new("delay");
    let services = "service:\n  a: { command: sh, stop: { timeout: 1s } }\n";
    dir.file("wingmate.yaml", &format!("shutdown: {{ timeout: 3s, delay: 2s }}\n{services}"));
    let warnings = |told: &Told| -> Vec<String> {
        told.err.lines().filter_map(|line| line.strip_prefix("delay/wingmate.yaml:")).map(str::to_owned).collect()
    };
    assert_eq!(
        warnings(&dir.check(&[])),
        [
            "3:8: warning: the stop.timeout of 'a', 1s, doesn't fit into shutdown.timeout, 3s after shutdown.delay, 2s: that \
          takes 3.3s (and as much from the engine: docker stop -t 5, terminationGracePeriodSeconds: 5)"
        ]
    );
    dir.file("wingmate.yaml", &format!("shutdown: {{ timeout: 3s, delay: 3s }}\n{services}"));
    assert_eq!(
        warnings(&dir.check(&[]))[0],
        "1:26: warning: shutdown.delay, 3s, leaves nothing of shutdown.timeout, 3s"
    );
    dir.file("wingmate.yaml", &format!("shutdown: {{ timeout: 4s, delay: 2s }}\n{services}"));
    assert_eq!(dir.check(&["--strict"]).status, Some(0));
}

#[test]
fn times_that_nobody_asked_for_are_no_warning() {
    let dir = Dir::new("usual");
    dir.file("wingmate.yaml", "service: { a: { command: [ sh ], depends_on: [ b ] }, b: { command: [ sh ] } }\n");
    let told = dir.check(&["--strict"]);
    assert_eq!((told.err.as_str(), told.status), ("", Some(0)));
}
