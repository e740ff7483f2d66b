//! Services: started, started again, given up, with the words that the log has for it.

use crate::world::{Place, can_switch_users, order};
use wingmate::model::signal::Signal;

#[test]
fn each_short_run_waits_longer_than_the_last() {
    let place = Place::new(
        r#"
service:
  web:
    command: [ sh, -c, "exit 3" ]
    backoff: { initial: 200ms, max: 500ms }
"#,
    );
    let mut wingmate = place.start(&[]);
    for end in ["200ms (1 in a row)", "400ms (2 in a row)", "500ms (3 in a row)", "500ms (4 in a row)"] {
        wingmate.line("wingmate | info: web: running (pid ");
        let line = wingmate.line("wingmate | warn: web: exited with 3 after ");
        assert!(line.ends_with(&format!("; restart in {end}")), "{line}");
    }
    wingmate.stop();
}

#[test]
fn after_a_good_run_it_is_there_again_at_once() {
    let place = Place::new(
        r#"
service:
  web:
    command: [ sh, -c, "read x < $D/go; exit 1" ]
    startsecs: 0
    backoff: { initial: 1h, max: 1h }
"#,
    );
    let mut wingmate = place.start(&[]);
    for _ in 0..5 {
        wingmate.line("web: running (pid ");
        place.tell("go", "on");
        let line = wingmate.line("web: exited with 1 after ");
        assert!(line.ends_with("; restart at once"), "{line}");
    }
    wingmate.line("web: running (pid ");
    wingmate.stop();
}

#[test]
fn a_run_as_long_as_startsecs_is_a_good_one() {
    let place = Place::new(
        r#"
service:
  web:
    command: [ sh, -c, "sleep 0.1; kill -9 $$" ]
    startsecs: 100ms
    backoff: { initial: 1h, max: 1h }
"#,
    );
    let mut wingmate = place.start(&[]);
    for _ in 0..3 {
        let line = wingmate.line("web: killed by SIGKILL after ");
        assert!(line.ends_with("; restart at once"), "{line}");
    }
    wingmate.stop();
}

#[test]
fn what_cannot_be_executed_is_named_and_tried_again() {
    let place = Place::new("");
    place.file("plain", "echo never\n");
    place.program("text", "echo never\n");
    place.program("orphaned", "#!/no/such/shell\n");
    let at = place.path("");
    place.file(
        "wingmate.yaml",
        &format!(
            r#"
service:
  absent: {{ command: [ no-such-program ] }}
  missing: {{ command: [ {at}missing ] }}
  plain: {{ command: [ {at}plain ] }}
  text: {{ command: [ {at}text ] }}
  orphaned: {{ command: [ {at}orphaned ] }}
  nowhere: {{ command: [ sleep, inf ], working_dir: {at}missing }}
  stranger: {{ command: [ sleep, inf ], user: no-such-user }}
  herd: {{ command: [ sleep, inf ], group: no-such-group }}
  late: {{ command: [ {at}late ], backoff: {{ initial: 50ms, max: 50ms }} }}
"#
        ),
    );
    let mut wingmate = place.start(&[]);
    let again = "; restart in 100ms (1 in a row)";
    wingmate.each(&[
        &format!("warn: absent: cannot execute 'no-such-program': no such file or directory (searched in PATH){again}"),
        &format!("warn: missing: cannot execute '{at}missing': no such file or directory{again}"),
        &format!("warn: plain: cannot execute '{at}plain': permission denied{again}"),
        &format!("warn: text: cannot execute '{at}text': exec format error (no '#!' line, or built for another machine){again}"),
        &format!("warn: orphaned: cannot execute '{at}orphaned': its interpreter '/no/such/shell' is missing: no such file or directory{again}"),
        &format!("warn: nowhere: changing to directory '{at}missing': no such file or directory{again}"),
        &format!("warn: stranger: unknown user 'no-such-user' in /etc/passwd{again}"),
        &format!("warn: herd: unknown group 'no-such-group' in /etc/group{again}"),
    ]);
    wingmate.line("late: cannot execute");
    place.program("late", "#!/bin/sh\necho here I am\nexec sleep inf\n");
    wingmate.line("here I am");
    wingmate.stop();
}

#[test]
fn a_process_is_what_its_keys_say() {
    let place = Place::new(
        r#"
service:
  keys:
    oneshot: true
    command: [ sh, -c, "echo \"$GREETING|$EMPTY|$KEPT\"; pwd" ]
    environ: [ "GREETING=a=b", "EMPTY=" ]
    working_dir: /usr
  own-session:
    oneshot: true
    command: [ sh, -c, 'set -- $(cat /proc/$$/stat); echo "own $1 $5 $6"' ]
  own-group:
    oneshot: true
    setsid: false
    command: [ sh, -c, 'set -- $(cat /proc/$$/stat); echo "group $1 $5 $6"' ]
  split:
    oneshot: true
    command: sh -c 'echo "split $1"' sh "two words"
"#,
    );
    place.program("service/plain.sh", "#!/bin/sh\necho from the directory\nexec sleep inf\n");
    let mut command = place.command(crate::world::AS_INIT, &[]);
    let mut wingmate = crate::world::Wingmate::launch(command.env("KEPT", "kept"));
    wingmate.each(&[
        "| a=b||kept",
        "| /usr",
        "| split two words",
        "plain.sh    | from the directory",
        "own-session: exited",
        "own-group: exited",
    ]);
    let lines = wingmate.stop();
    let numbers = |name: &str| -> Vec<u32> {
        let line = lines.iter().find_map(|line| line.split(&format!("| {name} ")).nth(1)).unwrap();
        line.split(' ').map(|number| number.parse().unwrap()).collect()
    };
    let own = numbers("own");
    assert_eq!(own, [own[0]; 3], "its pid is its group's and its session's number");
    let group = numbers("group");
    assert_eq!(group[1], group[0]);
    assert_ne!(group[2], group[0], "no session of its own");
}

#[test]
fn a_user_is_become_whole() {
    if !can_switch_users("a_user_is_become_whole") {
        return;
    }
    let place = Place::new(
        r#"
service:
  nobody:
    oneshot: true
    user: nobody
    command: [ sh, -c, 'echo "$(id -u):$(id -g):$(id -G) $HOME $USER $LOGNAME"; echo reopened > /dev/stdout' ]
  both:
    oneshot: true
    user: "nobody:daemon"
    command: [ sh, -c, 'echo "both $(id -u):$(id -g)"' ]
  group:
    oneshot: true
    group: daemon
    command: [ sh, -c, 'echo "group $(id -u):$(id -g)"' ]
  number:
    oneshot: true
    user: 1234
    group: 5678
    environ: { HOME: /mine }
    command: [ sh, -c, 'echo "number $(id -u):$(id -g) $HOME ${USER-none}"' ]
"#,
    );
    let (status, lines) = place.run(&[]);
    assert_eq!(status, 0, "{lines:#?}");
    let home = passwd("nobody", 5);
    let group = passwd("nobody", 3);
    let daemon = passwd("daemon", 3);
    for line in [
        format!("nobody   | 65534:{group}:{group} {home} nobody nobody"),
        "nobody   | reopened".to_owned(),
        format!("both     | both 65534:{daemon}"),
        format!("group    | group 0:{daemon}"),
        "number   | number 1234:5678 /mine none".to_owned(),
    ] {
        assert!(lines.contains(&line), "{line}: {lines:#?}");
    }
}

/// A field of a user's line in /etc/passwd.
fn passwd(user: &str, field: usize) -> String {
    let text = std::fs::read_to_string("/etc/passwd").unwrap();
    let line = text.lines().find(|line| line.starts_with(&format!("{user}:"))).unwrap();
    line.split(':').nth(field).unwrap().to_owned()
}

#[test]
fn wingmate_ends_when_all_is_done() {
    let place = Place::new(
        r#"
service:
  once: { command: [ "true" ], oneshot: true }
  twice:
    command: [ sh, -c, "test -e $D/was-here || { touch $D/was-here; exit 1; }" ]
    restart: on-failure
    backoff: { initial: 10ms, max: 10ms }
  seven: { command: [ sh, -c, "exit 7" ], restart: never, success_codes: [ 0, 7 ] }
  by-hand: { command: [ "false" ], autostart: false }
"#,
    );
    let (status, lines) = place.run(&[]);
    assert_eq!(status, 0, "{lines:#?}");
    for part in [
        "once: exited with 0 after ",
        "twice: exited with 1 after ",
        "twice: exited with 0 after ",
        "seven: exited with 7 after ",
    ] {
        assert!(lines.iter().any(|line| line.contains(part)), "{part}: {lines:#?}");
    }
    assert_eq!(lines.iter().filter(|line| line.ends_with("; done, not to be restarted")).count(), 3, "{lines:#?}");
    assert_eq!(lines.last().unwrap(), "wingmate | info: stopping: nothing is left to run: all is done; exit status 0");
}

#[test]
fn wingmate_ends_with_1_when_what_ran_has_failed() {
    let place = Place::new(
        r#"
service:
  good: { command: [ "true" ], oneshot: true }
  bad: { command: [ sh, -c, "exit 5" ], oneshot: true }
  never: { command: [ sh, -c, "kill -TERM $$" ], autorestart: false }
  short:
    command: [ sh, -c, "echo again; exit 1" ]
    max_restarts: 2
    backoff: { initial: 10ms, max: 10ms }
  window:
    command: [ sh, -c, "echo once more" ]
    startsecs: 0
    max_restarts: { count: 3, within: 1h }
  none: { command: [ no-such-program ], max_restarts: 0 }
"#,
    );
    let (status, lines) = place.run(&[]);
    assert_eq!(status, 1, "{lines:#?}");
    assert_eq!(order(&lines, &["| again"]).len(), 3, "{lines:#?}");
    assert_eq!(order(&lines, &["| once more"]).len(), 4, "{lines:#?}");
    for part in [
        "error: bad: exited with 5 after ",
        "error: never: killed by SIGTERM after ",
        "error: short: exited with 1 after ",
        "error: window: exited with 0 after ",
        "error: none: cannot execute 'no-such-program': no such file or directory (searched in PATH); failed: max_restarts reached",
    ] {
        assert!(lines.iter().any(|line| line.contains(part)), "{part}: {lines:#?}");
    }
    assert_eq!(
        lines.last().unwrap(),
        "wingmate | error: stopping: nothing is left to run: failed: bad, never, short, window, none; exit status 1"
    );
}

#[test]
fn a_critical_end_is_wingmates_and_takes_its_status() {
    for (service, status, says) in [
        (
            "{ command: [ sh, -c, 'exit 3' ], critical: true, max_restarts: 2, backoff: { initial: 10ms, max: 10ms } }",
            3,
            "wingmate | error: stopping: critical service api exited with 3 after 2 restarts in ",
        ),
        (
            "{ command: [ no-such-program ], critical: true, restart: never }",
            127,
            "stopping: critical service api: cannot execute",
        ),
        (
            "{ command: [ /etc/passwd ], critical: true, restart: never }",
            126,
            "stopping: critical service api: cannot execute",
        ),
        (
            "{ command: [ sleep, inf ], user: no-such-user, critical: true, restart: never }",
            1,
            "stopping: critical service api: unknown user",
        ),
        (
            "{ command: [ sh, -c, 'kill -9 $$' ], critical: true, restart: never }",
            137,
            "stopping: critical service api: killed by SIGKILL",
        ),
        (
            "{ command: [ sh, -c, 'exit 4' ], critical: true, restart: on-failure, success_codes: [ 4 ] }",
            0,
            "wingmate | info: stopping: critical service api: exited with 4; exit status 0",
        ),
    ] {
        let place = Place::new(&format!("service:\n  api: {service}\n  other: {{ command: [ sleep, inf ] }}\n"));
        let (code, lines) = place.run(&[]);
        assert_eq!(code, status, "{lines:#?}");
        assert!(lines.last().unwrap().contains(says), "{lines:#?}");
        assert!(lines.last().unwrap().ends_with(&format!("; exit status {status}")), "{lines:#?}");
        assert!(lines.iter().any(|line| line.contains("other: stopped: killed by SIGTERM")), "{lines:#?}");
    }
}

/// What a run leaves behind: a process in its group that writes down how it ends, and one that doesn't end.
const LEAVES: &str = r#"
if [ -e $D/left.pid ]; then
  kill -0 $(cat $D/left.pid) 2>/dev/null && echo "left: still there" || echo "left: gone"
  exec sleep inf
fi
sh -c 'trap "$HOW" TERM; echo $$ > $D/left.pid; echo on > $D/go; while :; do sleep 0.1; done' &
read x < $D/go
exit 1
"#;

#[test]
fn what_a_run_leaves_in_its_group_is_gone_before_the_next() {
    for (how, keys, told) in [
        ("echo told > $D/told; exit", "{}", "told\n"),
        ("", "{ timeout: 100ms }", ""),
        ("echo told > $D/told; exit", "{ signal: QUIT, timeout: 100ms }", ""),
    ] {
        let place = Place::new(&format!(
            "service:\n  web: {{ command: [ sh, leaves.sh ], stop: {keys}, environ: {{ HOW: '{how}' }}, backoff: {{ initial: 10ms, max: 10ms }} }}\n"
        ));
        place.file("leaves.sh", LEAVES);
        let mut wingmate = place.start(&[]);
        wingmate.line("web: exited with 1 after ");
        let lines = [wingmate.line("| left: "), wingmate.stop().join("\n")];
        assert!(lines[0].ends_with("gone"), "{how}: {lines:?}");
        assert!(lines[1].contains("; ending what it left behind"), "{lines:?}");
        assert_eq!(place.read("told"), told);
    }
}

#[test]
fn leftovers_may_be_spared() {
    let place = Place::new(
        "service:\n  web: { command: [ sh, leaves.sh ], stop: { group: false }, environ: { HOW: exit }, backoff: { initial: 10ms, max: 10ms } }\n",
    );
    place.file("leaves.sh", LEAVES);
    let mut wingmate = place.start(&[]);
    wingmate.line("web      | left: still there");
    wingmate.signal(Signal::TERM);
    let (status, lines) = wingmate.end();
    assert_eq!(status, 0, "{lines:#?}");
    assert!(!lines.iter().any(|line| line.contains("left behind")), "{lines:#?}");
}
