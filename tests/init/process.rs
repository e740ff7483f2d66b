//! What a process may ask for, as the process itself sees it; of ids, groups and capabilities, beside what setpriv(1)
//! makes of the same request.

use crate::world::{AS_INIT, Place, Wingmate, can_switch_users, told};
use rustix::pipe::{PipeFlags, pipe_with};
use std::fs::{self, File};
use std::io::Write;
use std::process::Command;

/// What `name` wrote, line by line.
fn output<'a>(lines: &'a [String], name: &str) -> Vec<&'a str> {
    let of_unit = |line: &'a String| line.split_once(" | ").filter(|(unit, _)| unit.trim() == name);
    lines.iter().filter_map(of_unit).map(|(_, text)| text).collect()
}

/// Starts these oneshots: every line, when all have ended well.
fn all_of(place: &Place) -> Vec<String> {
    let (status, lines) = place.run(&[]);
    assert_eq!(status, 0, "{lines:#?}");
    lines
}

#[test]
fn identities_and_capabilities_are_what_setpriv_makes_of_them() {
    if !can_switch_users("identities_and_capabilities_are_what_setpriv_makes_of_them") {
        return;
    }
    const NO_CAPS: &str = "--bounding-set=-all --inh-caps=-all --ambient-caps=-all";
    let only = |names: &str| {
        let all = format!("-all,+{}", names.replace(',', ",+"));
        format!("--bounding-set={all} --inh-caps={all} --ambient-caps={all}")
    };
    let bind = only("net_bind_service");
    let rows = [
        // Keys, and the options that say the same.
        ("user: www-data", "--reuid=www-data --regid=www-data --init-groups".to_owned()),
        ("user: \"www-data:adm\"", "--reuid=www-data --regid=adm --clear-groups".to_owned()),
        ("user: \"4321\"", "--reuid=4321 --regid=4321 --clear-groups".to_owned()),
        ("group: adm", "--regid=adm --clear-groups".to_owned()),
        ("{ user: www-data, groups: [ adm, 7 ] }", "--reuid=www-data --regid=www-data --groups=4,7".to_owned()),
        ("groups: [ adm, \"4321\" ]", "--groups=4,4321".to_owned()),
        ("{ user: www-data, groups: [] }", "--reuid=www-data --regid=www-data --clear-groups".to_owned()),
        ("no_new_privs: true", "--no-new-privs".to_owned()),
        ("capabilities: []", NO_CAPS.to_owned()),
        ("capabilities: [ CHOWN, cap_kill ]", only("chown,kill")),
        ("{ user: \"4321\", capabilities: [] }", format!("--reuid=4321 --regid=4321 --clear-groups {NO_CAPS}")),
        (
            "{ user: \"4321\", capabilities: [ CAP_NET_BIND_SERVICE ] }",
            format!("--reuid=4321 --regid=4321 --clear-groups {bind}"),
        ),
        (
            "{ user: www-data, groups: [ adm ], capabilities: [ net_bind_service ], no_new_privs: true }",
            format!("--reuid=www-data --regid=www-data --groups=4 {bind} --no-new-privs"),
        ),
    ];
    const SEEN: [&str; 3] = ["-E", "^(Uid|Gid|Groups|Cap...|NoNewPrivs):", "/proc/self/status"];
    let mut yaml = "service:\n".to_owned();
    for (number, (keys, _)) in rows.iter().enumerate() {
        let keys = keys.trim_start_matches("{ ").trim_end_matches(" }");
        let [option, pattern, file] = SEEN;
        yaml +=
            &format!("  r{number}: {{ oneshot: true, command: [ grep, {option}, \"{pattern}\", {file} ], {keys} }}\n");
    }
    let lines = all_of(&Place::new(&yaml));
    let words = |line: &str| line.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
    for (number, (keys, options)) in rows.iter().enumerate() {
        let (status, expected, error) = told(Command::new("setpriv").args(options.split(' ')).arg("grep").args(SEEN));
        assert_eq!(status, 0, "{error}");
        let expected: Vec<_> = expected.lines().map(words).collect();
        let seen: Vec<_> = output(&lines, &format!("r{number}")).into_iter().map(words).collect();
        assert_eq!(seen, expected, "{keys}");
    }
}

#[test]
fn limits_scores_and_masks_are_those_that_were_asked_for() {
    let place = Place::new(
        r#"
service:
  asks:
    oneshot: true
    command: [ sh, -c, 'ulimit -Sn; ulimit -Hn; ulimit -c; nice; umask; cat /proc/self/oom_score_adj' ]
    rlimits: { nofile: "50:60", core: 0 }
    nice: 5
    umask: "027"
    oom_score_adj: 321
  plain:
    oneshot: true
    command: [ sh, -c, 'ulimit -Sn; nice; umask; cat /proc/self/oom_score_adj' ]
"#,
    );
    let (_, before, _) = told(Command::new("sh").args(["-c", "ulimit -Sn; nice; umask; cat /proc/self/oom_score_adj"]));
    let lines = all_of(&place);
    assert_eq!(output(&lines, "asks"), ["50", "60", "0", "5", "0027", "321"]);
    assert_eq!(output(&lines, "plain"), before.lines().collect::<Vec<_>>());
}

#[test]
fn a_step_that_fails_is_named_with_what_it_needs() {
    let place = Place::new(
        r#"
service:
  nice: { command: [ "true" ], nice: -5 }
  limit: { command: [ "true" ], rlimits: { nproc: "1:unlimited" } }
  score: { command: [ "true" ], oom_score_adj: -1000 }
  lacking: { command: [ "true" ], capabilities: [ NET_ADMIN ] }
  dropped: { command: [ "true" ], capabilities: [] }
  groups: { command: [ "true" ], groups: [ 4321 ] }
  stranger: { command: [ "true" ], groups: [ no-such-group ] }
"#,
    );
    // Nothing is permitted; hard limits are low.
    let limits = ["prlimit", "--nproc=1000:1000"];
    let none = ["setpriv", "--bounding-set=-all", "--inh-caps=-all"];
    let through: Vec<&str> = limits.into_iter().chain(none).collect();
    let mut wingmate = Wingmate::launch(&mut place.command(&through, &[]));
    let again = "; restart in 100ms (1 in a row)";
    wingmate.each(&[
        &format!("nice: setting the nice value to -5: permission denied (needs CAP_SYS_NICE){again}"),
        &format!(
            "limit: setting the limit nproc to 1:unlimited: operation not permitted (needs CAP_SYS_RESOURCE){again}"
        ),
        &format!("score: writing -1000 to /proc/self/oom_score_adj: permission denied (needs CAP_SYS_RESOURCE){again}"),
        &format!(
            "lacking: cannot keep CAP_NET_ADMIN: not in the permitted set of the process that is to pass it on{again}"
        ),
        &format!("groups: setting supplementary groups: operation not permitted (needs CAP_SETGID){again}"),
        &format!("stranger: unknown group 'no-such-group' in /etc/group{again}"),
        // What is so already needs no right.
        "dropped: exited with 0",
    ]);
    wingmate.stop();
}

#[test]
fn what_is_left_out_is_told_at_debug() {
    if !can_switch_users("what_is_left_out_is_told_at_debug") {
        return;
    }
    let place = Place::new("service: { web: { oneshot: true, command: [ id, -G ], user: www-data } }");
    let through = ["setpriv", "--reuid=www-data", "--regid=www-data", "--groups=4"];
    let (status, lines) = Wingmate::launch(&mut place.command(&through, &["--log-level", "debug"])).end();
    assert_eq!(status, 0, "{lines:#?}");
    let told = "debug: web: supplementary groups stay as they are: setting them needs CAP_SETGID";
    assert!(lines.iter().any(|line| line.ends_with(told)), "{lines:#?}");
    assert_eq!(output(&lines, "web"), ["33 4"]);
}

#[test]
fn what_is_inherited_is_what_was_named() {
    let place = Place::new(
        r#"
service:
  none: { oneshot: true, command: [ env ], inherit_env: false, environ: { A: "1" } }
  some: { oneshot: true, command: [ env ], inherit_env: [ PATH, "AWS_*" ] }
  all: { oneshot: true, command: [ sh, -c, 'echo "$AWS_KEY ${NOTIFY_SOCKET-no socket} ${LISTEN_FDS-no fds}"' ] }
"#,
    );
    let mut command = place.command(AS_INIT, &[]);
    command.env_clear().envs([("PATH", "/usr/bin:/bin"), ("AWS_KEY", "k"), ("AWSOME", "no"), ("D", "d")]);
    command.envs([("NOTIFY_SOCKET", "@x"), ("LISTEN_FDS", "1"), ("WATCHDOG_USEC", "1")]);
    let (status, lines) = Wingmate::launch(&mut command).end();
    assert_eq!(status, 0, "{lines:#?}");
    assert_eq!(output(&lines, "none"), ["A=1"]);
    let mut some = output(&lines, "some");
    some.sort_unstable();
    assert_eq!(some, ["AWS_KEY=k", "PATH=/usr/bin:/bin"]);
    assert_eq!(output(&lines, "all"), ["k no socket no fds"]);
}

#[test]
fn secrets_are_variables_or_files_in_memory_for_one_unit() {
    let place = Place::new("");
    let at = place.path("");
    place.file("password", "hush hush\n");
    place.file("key", "line 1\nline 2\n\n");
    let user = if rustix::process::geteuid().is_root() { "user: \"4321\"" } else { "nice: 1" };
    place.file(
        "wingmate.yaml",
        &format!(
            r#"
service:
  has:
    oneshot: true
    {user}
    command:
      - sh
      - -c
      - |
        echo "$PASSWORD|$TOKEN|$OVER|$KEY_FILE|$CERT_FILE"
        echo "$(cat $KEY_FILE)|"; cat <&3; readlink $KEY_FILE
        (echo x > $KEY_FILE) 2> /dev/null || echo read-only
        cat $D/{{password,key}} 2> /dev/null
        echo /proc/self/fd/*
    secrets:
      PASSWORD: {at}password
      TOKEN: {{ file: {at}password, as: env }}
      KEY: {{ file: {at}key, as: file }}
      OVER: {at}password
      CERT: {{ file: {at}password, as: file }}
    environ: {{ OVER: environ }}
  has-not: {{ oneshot: true, command: [ sh, -c, 'echo "${{PASSWORD-none}} ${{KEY_FILE-none}}"; ls /proc/self/fd | tail -n 1' ] }}
"#
        ),
    );
    fs::set_permissions(place.path("password"), std::os::unix::fs::PermissionsExt::from_mode(0o400)).unwrap();
    fs::set_permissions(place.path("key"), std::os::unix::fs::PermissionsExt::from_mode(0o400)).unwrap();
    let lines = all_of(&place);
    let seen = output(&lines, "has");
    assert_eq!(
        seen[..7],
        [
            "hush hush|hush hush|environ|/proc/self/fd/3|/proc/self/fd/4",
            "line 1",
            "line 2|",
            "line 1",
            "line 2",
            "/memfd:secret (deleted)",
            "read-only",
        ],
        "{seen:#?}"
    );
    assert_eq!(output(&lines, "has-not"), ["none none", "3"]);
}

#[test]
fn all_processes_of_a_unit_have_its_secrets() {
    let place = Place::new("");
    place.file("key", "hush");
    let key = place.path("key");
    place.file(
        "wingmate.yaml",
        &format!(
            r#"
service:
  web:
    command: [ sh, -c, 'echo "web $KEY $FILE_FILE $(cat $FILE_FILE)"; echo >&3; exec sleep inf' ]
    secrets: {{ KEY: {key}, FILE: {{ file: {key}, as: file }} }}
    inherit_env: [ PATH, D ]
    ready: {{ fd: 3 }}
    health: {{ exec: [ sh, -c, 'echo "health $KEY $(cat $FILE_FILE)" > $D/heard' ], interval: 10ms }}
    pre_start: [ sh, -c, 'echo "before $KEY $(cat $FILE_FILE)"' ]
    post_stop: [ sh, -c, 'echo "after $KEY $(cat $FILE_FILE)"' ]
    stop: {{ command: [ sh, -c, 'echo "stop $KEY $(cat $FILE_FILE)"; kill $MAINPID' ] }}
"#
        ),
    );
    place.fifo("heard");
    let mut wingmate = place.start(&[]);
    wingmate.line("| before hush hush");
    // The number that readiness has is nobody else's.
    wingmate.line("| web hush /proc/self/fd/4 hush");
    assert_eq!(place.hear("heard"), "health hush hush");
    let lines = wingmate.stop();
    let seen = output(&lines, "web");
    assert!(seen.contains(&"stop hush hush") && seen.contains(&"after hush hush"), "{lines:#?}");
}

#[test]
fn a_secret_that_cannot_be_had_is_named_and_never_told() {
    let place = Place::new("");
    let at = place.path("");
    place.file("nul", "hush\0hush");
    place.file("large", &"hush".repeat(300_000));
    place.file(
        "wingmate.yaml",
        &format!(
            r#"
service:
  missing: {{ command: [ "true" ], secrets: {{ A: {at}missing }} }}
  directory: {{ command: [ "true" ], secrets: {{ A: {at} }} }}
  fifo: {{ command: [ "true" ], secrets: {{ A: {{ file: {at}go, as: file }} }} }}
  nul: {{ command: [ "true" ], secrets: {{ A: {at}nul }} }}
  large: {{ command: [ "true" ], secrets: {{ A: {at}large }} }}
  late: {{ command: [ sh, -c, 'echo "$A" > /dev/null; echo here' ], secrets: {{ A: {at}late }}, backoff: {{ initial: 50ms, max: 50ms }} }}
"#
        ),
    );
    let mut wingmate = place.start(&[]);
    let again = "; restart in 100ms (1 in a row)";
    wingmate.each(&[
        &format!("missing: cannot read the secret '{at}missing': no such file or directory{again}"),
        &format!("directory: cannot read the secret '{at}': it is not a regular file{again}"),
        &format!("fifo: cannot read the secret '{at}go': it is not a regular file{again}"),
        &format!("nul: cannot read the secret '{at}nul': it has a NUL character{again}"),
        &format!("large: cannot read the secret '{at}large': it is larger than 1048576 bytes{again}"),
    ]);
    wingmate.line("late: cannot read the secret");
    place.file("late", "hush");
    wingmate.line("| here");
    let lines = wingmate.stop();
    assert!(!lines.iter().any(|line| line.contains("hush")), "{lines:#?}");
}

#[test]
fn stdin_may_be_wingmates_own() {
    let place = Place::new(
        r#"
service:
  reads: { oneshot: true, command: [ cat ], stdin: inherit }
  does-not: { oneshot: true, command: [ wc, -c ] }
"#,
    );
    let (reader, writer) = pipe_with(PipeFlags::CLOEXEC).unwrap();
    let mut command = place.command(AS_INIT, &[]);
    let wingmate = Wingmate::launch(command.stdin(reader));
    drop(command);
    let mut writer = File::from(writer);
    writer.write_all(b"told to wingmate\n").unwrap();
    drop(writer);
    let (status, lines) = wingmate.end();
    assert_eq!(status, 0, "{lines:#?}");
    assert_eq!(output(&lines, "reads"), ["told to wingmate"]);
    assert_eq!(output(&lines, "does-not"), ["0"]);
}

#[test]
fn a_start_has_a_descriptor_in_reserve() {
    let place = Place::new("");
    place.file("secret", "hush");
    let secret = place.path("secret");
    place.file(
        "wingmate.yaml",
        &format!(
            r#"
service:
  web:
    command: [ sh, -c, "read x < $D/go; exit 1" ]
    user: "0"
    secrets: {{ A: {{ file: {secret}, as: file }} }}
    startsecs: 0
"#
        ),
    );
    let mut wingmate = place.start(&[]);
    wingmate.line("web: running (pid ");
    wingmate.await_rest();
    // From now on it has no number left: the first that is free is the limit.
    let pid = wingmate.pid();
    let is_open = |number: &u32| fs::symlink_metadata(format!("/proc/{pid}/fd/{number}")).is_ok();
    let free = (0..).find(|number| !is_open(number)).unwrap();
    let (status, _, error) = told(Command::new("prlimit").args([format!("--nofile={free}:"), format!("--pid={pid}")]));
    assert_eq!(status, 0, "{error}");
    for _ in 0..3 {
        place.tell("go", "on");
        wingmate.line("web: exited with 1 after ");
        wingmate.line("warn: web: starting with the descriptor in reserve: too many open files");
        wingmate.line("web: running (pid ");
    }
    let lines = wingmate.stop();
    assert!(!lines.iter().any(|line| line.contains("no descriptor")), "{lines:#?}");
}

#[test]
fn without_a_descriptor_a_oneshot_is_tried_again_and_nobody_is_called_unhealthy() {
    let place = Place::new(
        r#"
service:
  batch:
    oneshot: true
    pre_start: [ sh, -c, "read x < $D/go" ]
    command: [ sh, -c, "echo has $A" ]
    secrets: { A: secret }
    backoff: { initial: 10ms, max: 10ms }
  web: { command: [ sleep, inf ], health: { exec: [ "true" ], interval: 10ms, retries: 1 } }
"#,
    );
    place.file("secret", "hush");
    let mut wingmate = place.start(&[]);
    wingmate.each(&["batch: starting (pre_start)", "web: running"]);
    let pid = wingmate.pid();
    let limit = |soft: &str| {
        let limit = [format!("--nofile={soft}:"), format!("--pid={pid}")];
        let (status, _, error) = told(Command::new("prlimit").args(limit));
        assert_eq!(status, 0, "{error}");
    };
    limit("3");
    place.tell("go", "on");
    wingmate.each(&[
        "warn: batch: cannot read the secret 'secret': too many open files; tried again in 10ms (2 in a row)",
        "warn: web: its health could not be checked: cannot make a pipe: too many open files",
    ]);
    limit("1000");
    place.tell("go", "on");
    wingmate.each(&["batch    | has hush", "batch: exited with 0"]);
    let lines = wingmate.stop();
    assert!(!lines.iter().any(|line| line.contains("unhealthy") || line.contains("health check failed")), "{lines:#?}");
}
