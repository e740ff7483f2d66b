//! What a child finds: nothing of wingmate's own, and what wingmate itself was given for it.

use crate::world::{AS_INIT, Place, Wingmate};

/// Blocked, ignored, and with descriptors of somebody's.
const DIRTY: &[&str] = &[
    "sh",
    "-c",
    r#"exec 7</etc/passwd 8>/dev/null 9</; ulimit -Sn 200
       exec env --block-signal=USR2,TERM,CHLD,URG --ignore-signal=HUP,PIPE,CHLD,INT,USR1,TTOU,ILL,TRAP,BUS,FPE,SEGV,SYS "$@""#,
    "sh",
];

/// Says what it finds; the fourth descriptor is the listing's own.
const FINDS: &str = r#"#!/bin/sh
echo "$1 limit $(ulimit -Sn)"
cat /proc/self/status | while read -r key value; do
	case $key in SigBlk:|SigIgn:|SigCgt:) echo "$1 $key$value" ;; esac
done
echo "$1 open" $(ls /proc/self/fd)
echo "$1 reads $(readlink /proc/self/fd/0) '$(cat)'"
"#;

#[test]
fn a_child_starts_clean_whatever_wingmate_was_given() {
    let place = Place::new(
        r#"
service:
  service: { command: [ ./finds, service ], oneshot: true }
cron:
  job: { command: [ ./finds, job ], schedule: "@reboot" }
"#,
    );
    place.program("finds", FINDS);
    let main = ["--", "sh", "-c", "./finds main; read x < $D/go"];
    let mut wingmate = Wingmate::launch(&mut place.command(DIRTY, &main));
    wingmate.each(&["main reads", "job: exited with 0"]);
    place.tell("go", "on");
    let (status, lines) = wingmate.end();
    assert_eq!(status, 0, "{lines:#?}");
    for unit in ["service", "job", "main"] {
        for found in ["limit 200", "open 0 1 2 3", "reads /dev/null ''"] {
            let line = format!("{unit} {found}");
            assert!(lines.iter().any(|found| found.ends_with(&line)), "{line}: {lines:#?}");
        }
        for set in ["SigBlk", "SigIgn", "SigCgt"] {
            let line = format!("{unit} {set}:0000000000000000");
            assert!(lines.iter().any(|found| found.ends_with(&line)), "{line}: {lines:#?}");
        }
    }
}

#[test]
fn what_wingmates_own_manager_told_it_is_not_inherited() {
    let place = Place::new("service:\n  env: { command: [ env ], oneshot: true }\n");
    let mut command = place.command(AS_INIT, &[]);
    for name in ["NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID", "LISTEN_FDS", "LISTEN_PID", "LISTEN_FDNAMES"] {
        command.env(name, "secret");
    }
    let (status, lines) = Wingmate::launch(command.env("LISTENER", "kept")).end();
    assert_eq!(status, 0);
    assert!(lines.iter().any(|line| line == "env      | LISTENER=kept"), "{lines:#?}");
    assert!(!lines.iter().any(|line| line.contains("secret")), "{lines:#?}");
}

#[test]
fn a_restart_costs_no_descriptor() {
    let place = Place::new(
        r#"
service:
  web: { command: [ sh, -c, "read x < $D/go" ], startsecs: 0 }
  lost: { command: [ no-such-program ], startsecs: 0, backoff: { initial: 10ms, max: 10ms } }
  daemon:
    command: [ sh, -c, "sh -c 'echo $$ > $D/d.pid; read x < $D/end' & sleep 1" ]
    pidfile: d.pid
    startsecs: 0
"#,
    );
    place.fifo("end");
    let mut wingmate = place.start(&[]);
    wingmate.each(&["web: running", "daemon: running (daemon, "]);
    let before = wingmate.descriptors();
    for _ in 0..20 {
        place.tell("go", "on");
        wingmate.line("web: exited with 0");
        wingmate.line("web: running");
    }
    for _ in 0..3 {
        place.tell("end", "on");
        wingmate.line("daemon: running (daemon, ");
    }
    assert_eq!(wingmate.descriptors(), before);
    wingmate.stop();
}
