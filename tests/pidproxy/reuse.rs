//! A number that is used again: in a pid namespace of its own a story can choose the next process's
//! (`/proc/sys/kernel/ns_last_pid`). The proxy is stopped while a number changes hands, so that it surely comes late.

use crate::world::World;
use crate::world::filter::refuse;
use std::process::Command;

/// Nobody else may fork then. `again N` starts the stranger with that number. It says at its end whether a signal came.
const WORLD: &str = r#"
frozen() { until read -r _ _ state _ < /proc/$1/stat && [ $state = T ]; do :; done; }
# The kernel may take a moment to have the number free again.
again() {
    until [ "$stranger" = $1 ]; do
        [ -z "$stranger" ] || { kill -KILL $stranger; wait $stranger; }
        echo $(($1 - 1)) > /proc/sys/kernel/ns_last_pid
        ( for s in HUP INT QUIT USR1 USR2 TERM; do trap "echo hit by $s" $s; done
          echo here > $D/end; read x < $D/life; echo fine ) & stranger=$!
        read x < $D/end
    done
}
# A start time counts hundredths of a second.
tick() { read -r then _ < /proc/uptime; until read -r now _ < /proc/uptime && [ $now != $then ]; do :; done; }
"#;

/// The child that the file names has gone, and a stranger has its number, before the proxy looks.
const BEFORE_THE_LOOK: &str = r#"
$W pidproxy -p $P --start-timeout 1s -- sh -c '
    sh -c "exit 0" & N=$!; wait $N
    echo begun > $D/begin; read x < $D/go; echo $N > $P; echo $N > $D/begin; read x < $D/late' & proxy=$!
read x < $D/begin
kill -STOP $proxy; frozen $proxy
echo on > $D/go; read N < $D/begin
again $N
kill -HUP $proxy; kill -USR1 $proxy; kill -CONT $proxy
wait $proxy; echo status $?
echo on > $D/life; wait $stranger
"#;

/// The daemon is adopted; then it goes, and a stranger has its number when the signals come.
const BEFORE_THE_SIGNAL: &str = r#"
$W pidproxy -p $P -- sh -c '
    sh -c "trap \"echo adopted > $D/begin\" USR2; echo \$\$ > $P; echo \$\$ > $D/begin; while :; do read x < $D/go; done" &
    N=$!; wait $N; echo reaped > $D/begin; read x < $D/late; exit 4' & proxy=$!
read N < $D/begin
kill -USR2 $proxy; read x < $D/begin
tick; tick
kill -STOP $proxy; frozen $proxy
kill -KILL $N; until read -r x < $D/begin && [ "$x" = reaped ]; do :; done
again $N
for s in HUP USR1 QUIT TERM; do kill -$s $proxy; done; kill -CONT $proxy
echo on > $D/late
wait $proxy; echo status $?
echo on > $D/life; wait $stranger
"#;

fn tell(script: &str, calls: &[(i64, i32)]) -> (Vec<String>, String) {
    let world = World::new();
    let mut command = Command::new("unshare");
    let user = if rustix::process::getuid().is_root() { &[][..] } else { &["--user", "--map-root-user"] };
    command.args(user).args(["--pid", "--fork", "--kill-child", "--mount-proc", "sh", "-c"]);
    command.arg(format!("{WORLD}{script}")).env("W", env!("CARGO_BIN_EXE_wingmate")).env("P", world.path("a.pid"));
    let mut story = world.launch(refuse(&mut command, calls));
    let lines = ["the status", "the stranger"].map(|what| story.line(what)).to_vec();
    story.expect_end();
    assert_eq!(story.wait(), 0);
    (lines, story.messages())
}

const SANDBOXES: [&[(i64, i32)]; 2] = [&[], &[(libc::SYS_pidfd_open, libc::ENOSYS)]];

#[test]
fn between_the_files_writing_and_the_look() {
    for calls in SANDBOXES {
        let (lines, messages) = tell(BEFORE_THE_LOOK, calls);
        assert_eq!(lines, ["status 1", "fine"], "{messages}");
        assert!(messages.contains("which is no descendant of the program"), "{messages}");
    }
}

#[test]
fn between_the_look_and_the_signal() {
    for calls in SANDBOXES {
        let (lines, messages) = tell(BEFORE_THE_SIGNAL, calls);
        assert_eq!(lines, ["status 4", "fine"], "{messages}");
    }
}
