//! `wmpidproxy` through the real binary: who is adopted and who isn't, whose status it gives, who gets its signals.
//!
//! The programs are shell scripts. They say what they have come to on stdout, which the proxy passes on, and go on
//! when a fifo tells them to: nothing here waits for time, except for a time-out that is itself the promise.

#[path = "../world/mod.rs"]
mod world;

mod hand_over;
mod inherits;
mod options;
mod own_number;
mod parting;
mod races;
mod refusals;
mod rest;
mod reuse;
mod sandbox;
mod stuck_reader;
mod terminal;

use rustix::process::{Signal, kill_process};
use std::fs;
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};
use std::time::Instant;
use world::World;

/// What a program does with its signals. `$C` stays alive for it to wait for. (The CONT that follows a TERM may come
/// while that is answered.)
const TRAPS: &str = r#"
for s in HUP USR1 USR2 WINCH CONT TSTP INT QUIT; do trap "echo $s" $s; done
trap 'trap "" CONT; kill $C; echo TERM; exit 5' TERM
cat $D/life & C=$!
"#;
/// Waits, interrupted by each trap, while `$C` lives.
const STAY: &str = "while kill -0 $C 2>/dev/null; do wait $C; done";

/// Says when the program is stopped, or has gone without it.
const ASLEEP: &str = "( until ! test -e /proc/$$ || grep -q '^State:.T' /proc/$$/status; do :; done; echo asleep ) &";

/// A daemon in the background of a starter that goes. It begins when the starter has gone and it is the proxy's
/// child: a shell that is slow to go would reap it and keep its status.
fn background(world: &World, body: &str) -> String {
    let orphaned = "until read -r _ _ _ parent _ < /proc/$$/stat && [ $parent = $PROXY ]; do :; done";
    fs::write(world.path("daemon.sh"), format!("{orphaned}\n{body}")).unwrap();
    "export PROXY=$PPID; sh $D/daemon.sh &".into()
}

#[test]
fn gives_the_status_of_the_daemon() {
    for code in ["0", "7"] {
        let world = World::new();
        let script = background(&world, "echo $$ > $P; echo ready; read code < $D/go; exit $code");
        let mut proxy = world.start(&script);
        proxy.expect("ready");
        world.tell("go", code);
        assert_eq!(proxy.wait().to_string(), code);
    }
}

#[test]
fn gives_128_and_the_signal_that_killed_the_daemon() {
    let world = World::new();
    let script = background(&world, "echo $$ > $P; echo ready; exec cat $D/life");
    let mut proxy = world.start(&script);
    proxy.expect("ready");
    let daemon = world.await_pid(|_| true);
    proxy.await_rest();
    kill_process(daemon, Signal::KILL).unwrap();
    assert_eq!(proxy.wait(), 137);
    assert!(proxy.messages().contains("killed by SIGKILL"), "{}", proxy.messages());
}

#[test]
fn a_daemon_that_ends_before_it_was_looked_at_gives_its_status_too() {
    for _ in 0..20 {
        let world = World::new();
        let mut proxy = world.start("echo $$ > $P; exit 9");
        assert_eq!(proxy.wait(), 9);
        let script = background(&world, "echo $$ > $P; exit 9");
        let mut proxy = world.start(&format!("{script} exit 0"));
        assert_eq!(proxy.wait(), 9, "{}", proxy.messages());
    }
}

#[test]
fn passes_nine_signals_on_to_a_starter_that_stays() {
    let world = World::new();
    let mut proxy = world.start(&format!("{TRAPS} echo $$ > $P; echo ready; {STAY}"));
    proxy.expect("ready");
    for (signal, name) in [
        (Signal::HUP, "HUP"),
        (Signal::USR1, "USR1"),
        (Signal::USR2, "USR2"),
        (Signal::WINCH, "WINCH"),
        (Signal::CONT, "CONT"),
        (Signal::TSTP, "TSTP"),
        (Signal::INT, "INT"),
        (Signal::QUIT, "QUIT"),
        (Signal::TERM, "TERM"),
    ] {
        proxy.signal(signal);
        proxy.expect(name);
    }
    assert_eq!(proxy.wait(), 5);
    assert_eq!(proxy.messages(), "", "an end that was asked for is no news");
}

#[test]
fn passes_signals_on_to_a_daemon_in_the_background() {
    let world = World::new();
    let script = background(&world, &format!("{TRAPS} echo $$ > $P; echo ready; {STAY}"));
    let mut proxy = world.start(&script);
    proxy.expect("ready");
    for (signal, name) in [(Signal::HUP, "HUP"), (Signal::USR1, "USR1"), (Signal::TERM, "TERM")] {
        proxy.signal(signal);
        proxy.expect(name);
    }
    assert_eq!(proxy.wait(), 5);
}

#[test]
fn a_daemon_that_is_stopped_goes_on_to_take_a_term() {
    let world = World::new();
    let script = format!("trap 'echo bye; exit 5' TERM; echo $$ > $P; {ASLEEP} kill -STOP $$; while :; do wait; done");
    let mut proxy = world.start(&background(&world, &script));
    proxy.expect("asleep");
    proxy.signal(Signal::TERM);
    proxy.expect("bye");
    assert_eq!(proxy.wait(), 5);
}

#[test]
fn keeps_a_signal_for_the_daemon_that_is_to_come() {
    let world = World::new();
    let script = format!("{TRAPS} echo begun; read x < $D/go; echo $$ > $P; {STAY}");
    let mut proxy = world.start(&background(&world, &script));
    proxy.expect("begun");
    proxy.signal(Signal::HUP);
    world.tell("go", "on");
    proxy.expect("HUP");
    proxy.signal(Signal::TERM);
    proxy.expect("TERM");
    assert_eq!(proxy.wait(), 5);
}

/// However the file comes to be, the daemon that it names at last is the one.
#[test]
fn waits_for_the_file_in_all_its_ways() {
    let ways = [
        ("late", "echo step; read x < $D/go; echo $$ > $P"),
        ("empty first", ": > $P; echo step; read x < $D/go; echo $$ > $P"),
        ("half written", "p=$$; printf %s ${p%?} > $P; echo step; read x < $D/go; printf %s $p > $P"),
        ("replaced", "echo 1 > $P; echo step; read x < $D/go; echo $$ > $P.new; mv $P.new $P"),
        ("removed and made again", "echo 1 > $P; echo step; read x < $D/go; rm $P; echo $$ > $P"),
        ("more lines", "echo step; read x < $D/go; printf '  %s  \\n/var/lib\\n5432\\n' $$ > $P"),
        ("a fifo first", "mkfifo $P; echo step; read x < $D/go; echo $$ > $P.new; mv $P.new $P"),
        ("a directory first", "mkdir $P; echo step; read x < $D/go; rmdir $P; echo $$ > $P"),
        ("a link", "mkdir $D/far; ln -s far/b.pid $P; echo step; read x < $D/go; echo $$ > $D/far/b.pid"),
        ("a link replaced", "ln -s nowhere $P; echo step; read x < $D/go; rm $P; echo $$ > $P"),
    ];
    for (way, steps) in ways {
        let world = World::new();
        let script = background(&world, &format!("{TRAPS} {steps}; echo ready; {STAY}"));
        let mut proxy = world.start(&script);
        proxy.expect("step");
        world.tell("go", "on");
        proxy.expect("ready");
        proxy.signal(Signal::TERM);
        proxy.expect("TERM");
        assert_eq!(proxy.wait(), 5, "{way}: {}", proxy.messages());
    }
}

#[test]
fn waits_for_directories_that_do_not_exist_yet() {
    for relative in [false, true] {
        let world = World::new();
        let file = if relative { "run/deep/a.pid".into() } else { world.path("run/deep/a.pid") };
        let steps = "echo step; read x < $D/go; mkdir -p $D/run/deep; echo $$ > $D/run/deep/a.pid";
        let script = background(&world, &format!("{TRAPS} {steps}; echo ready; {STAY}"));
        let mut proxy = world.start_with(&file, &[], &script);
        proxy.expect("step");
        world.tell("go", "on");
        proxy.expect("ready");
        proxy.signal(Signal::TERM);
        proxy.expect("TERM");
        assert_eq!(proxy.wait(), 5, "{}", proxy.messages());
    }
}

/// The promise that matters most: a pid file is a claim, and a stranger's number in it harms nobody.
#[test]
fn a_stranger_never_gets_a_signal() {
    let world = World::new();
    let mut stranger = Command::new("cat").stdin(Stdio::piped()).spawn().unwrap();
    let number = stranger.id();
    for rewritten in [false, true] {
        fs::write(world.path("a.pid"), format!("{number}\n")).unwrap();
        let write = if rewritten { format!("echo {number} > $P;") } else { String::new() };
        let script = background(&world, &format!("{write} {TRAPS} echo begun; {STAY}"));
        let mut proxy = world.start_with(&world.path("a.pid"), &["--start-timeout", "1s"], &script);
        proxy.expect("begun");
        proxy.signal(Signal::HUP);
        proxy.signal(Signal::USR1);
        proxy.expect("TERM");
        assert_eq!(proxy.wait(), 1, "the start timed out, and what it left was stopped");
        let expected = format!("it says {number}, which is no descendant of the program");
        assert!(proxy.messages().contains(&expected), "{}", proxy.messages());
        assert!(proxy.messages().contains("within 1s"), "{}", proxy.messages());
    }
    // The same with a TERM while it is awaited.
    let script = background(&world, &format!("{TRAPS} echo begun; {STAY}"));
    let mut proxy = world.start(&script);
    proxy.expect("begun");
    proxy.signal(Signal::TERM);
    proxy.expect("TERM");
    proxy.wait();
    assert!(stranger.try_wait().unwrap().is_none(), "the stranger was hit");
    drop(stranger.stdin.take());
    assert!(stranger.wait().unwrap().success());
}

#[test]
fn a_stale_file_is_waited_over() {
    let world = World::new();
    let mut stranger = Command::new("cat").stdin(Stdio::piped()).spawn().unwrap();
    fs::write(world.path("a.pid"), stranger.id().to_string()).unwrap();
    let script = background(&world, &format!("{TRAPS} echo begun; read x < $D/go; echo $$ > $P; {STAY}"));
    let mut proxy = world.start(&script);
    proxy.expect("begun");
    proxy.signal(Signal::HUP);
    world.tell("go", "on");
    proxy.expect("HUP");
    proxy.signal(Signal::TERM);
    proxy.expect("TERM");
    assert_eq!(proxy.wait(), 5);
    assert!(stranger.try_wait().unwrap().is_none(), "the stranger was hit");
    drop(stranger.stdin.take());
    stranger.wait().unwrap();
}

#[test]
fn the_environment_and_the_command_line_set_the_start_timeout() {
    let world = World::new();
    let mut command = world.command(&world.path("a.pid"), &[], "cat $D/life &");
    let mut proxy = world.launch(command.env("WINGMATE_STARTSECS", "0.1"));
    assert_eq!(proxy.wait(), 1);
    assert!(proxy.messages().contains("within 100ms"), "{}", proxy.messages());
    let mut command = world.command(&world.path("a.pid"), &["--start-timeout=50ms"], "cat $D/life &");
    let mut proxy = world.launch(command.env("WINGMATE_STARTSECS", "100"));
    assert_eq!(proxy.wait(), 1);
    assert!(proxy.messages().contains("within 50ms"), "{}", proxy.messages());
}

#[test]
fn the_starters_failure_is_the_end() {
    let world = World::new();
    for (script, status, message) in [
        ("exit 3", 3, "cannot start the daemon: 'sh' exited with 3"),
        ("kill -KILL $$", 137, "cannot start the daemon: 'sh' killed by SIGKILL"),
        // What it left is stopped, adopted or not.
        ("cat $D/life & exit 3", 3, "cannot start the daemon: 'sh' exited with 3"),
        ("cat $D/life & echo $! > $P; exit 3", 3, "cannot start the daemon: 'sh' exited with 3"),
        ("exit 0", 1, "'sh' left no daemon behind"),
    ] {
        let mut proxy = world.start(script);
        proxy.expect_end();
        assert_eq!(proxy.wait(), status, "{script}");
        assert!(proxy.messages().contains(message), "{script}: {}", proxy.messages());
        let _ = fs::remove_file(world.path("a.pid"));
    }
}

#[test]
fn a_program_that_cannot_be_executed_has_a_shells_status() {
    let world = World::new();
    fs::write(world.path("plain"), "").unwrap();
    for (program, status) in [(world.path("none"), 127), (world.path("plain"), 126), ("no-such-program".into(), 127)] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_wingmate"));
        command.args(["pidproxy", "-p", &world.path("a.pid"), "--", &program]);
        let mut proxy = world.launch(&mut command);
        assert_eq!(proxy.wait(), status);
        assert!(proxy.messages().contains(&format!("cannot execute '{program}'")), "{}", proxy.messages());
    }
}

#[test]
fn wrong_usage_is_2_and_signed_with_the_links_name() {
    let world = World::new();
    for args in
        [&["--", "true"][..], &["-p", "x"], &["-p", "x", "--"], &["-p", "x", "--start-timeout", "y", "--", "true"]]
    {
        let mut command = Command::new(env!("CARGO_BIN_EXE_wingmate"));
        let mut proxy = world.launch(command.arg0("/usr/bin/wmpidproxy").args(args));
        assert_eq!(proxy.wait(), 2, "{args:?}");
        assert!(proxy.messages().starts_with("wmpidproxy: "), "{}", proxy.messages());
    }
    let mut command = Command::new(env!("CARGO_BIN_EXE_wingmate"));
    let mut proxy = world.launch(command.arg0("wmpidproxy").args(["-p", "x", "true"]));
    assert_eq!(proxy.wait(), 2);
    let hint = "unexpected argument 'true'; a command stands behind '--': wmpidproxy … -- true …";
    assert!(proxy.messages().contains(hint), "{}", proxy.messages());
}

#[test]
fn an_early_term_stops_the_starter_and_what_it_has_begun() {
    let world = World::new();
    let mut proxy = world.start("cat $D/life & sh -c 'cat $D/life & echo begun; cat $D/life' & cat $D/life");
    proxy.expect("begun");
    proxy.signal(Signal::TERM);
    proxy.expect_end();
    assert_eq!(proxy.wait(), 143);
    // The same when the starter has gone already.
    let mut proxy = world.start("sh -c 'echo begun; cat $D/life' &");
    proxy.expect("begun");
    proxy.signal(Signal::TERM);
    proxy.expect_end();
    let status = proxy.wait();
    assert!([0, 143].contains(&status), "{status}");
}

#[test]
fn what_ignores_term_is_killed_in_the_end() {
    let world = World::new();
    let begun = Instant::now();
    let mut proxy = world.start("trap '' TERM; cat $D/life & echo begun; cat $D/life");
    proxy.expect("begun");
    proxy.signal(Signal::TERM);
    proxy.expect_end();
    assert_eq!(proxy.wait(), 137);
    assert!(begun.elapsed().as_millis() >= 5000);
}

#[test]
fn a_daemon_of_a_starter_that_stays_is_watched_by_its_pidfd() {
    let world = World::new();
    // The shell reaps the daemon and passes its status on.
    let mut proxy = world.start("sh -c 'echo $$ > $P; echo ready; read code < $D/go; exit $code' & wait $!; exit $?");
    proxy.expect("ready");
    world.tell("go", "8");
    assert_eq!(proxy.wait(), 8);
    // The shell that doesn't: the daemon went after a signal of ours, which is all that is known.
    let mut proxy = world.start("sh -c 'echo $$ > $P; echo again; exec cat $D/life' & cat $D/life; exit 0");
    proxy.expect("again");
    proxy.signal(Signal::TERM);
    assert_eq!(proxy.wait(), 0);
}
