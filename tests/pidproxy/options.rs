//! `--stop-signal`, `--stop-timeout` and `--reload-signal`: what TERM and HUP become, and when it is enough.

use crate::world::{World, await_reaped};
use crate::{ASLEEP, STAY, background};
use rustix::process::Signal;
use std::time::Instant;

/// Says which signals come; USR2 ends it with 5. (What a shell puts into the background can't trap INT and QUIT.)
const TRAPS: &str = r#"
for s in HUP USR1 TERM; do trap "echo $s" $s; done
trap 'kill $C; echo bye; exit 5' USR2
cat $D/life & C=$!
"#;
const MAPPED: [&str; 4] = ["--stop-signal", "USR2", "--reload-signal=sigusr1", "--stop-timeout=30s"];

/// The same with another limit.
fn mapped<'a>(more: &[&'a str]) -> Vec<&'a str> {
    MAPPED[..3].iter().chain(more).copied().collect()
}

#[test]
fn term_and_hup_become_what_is_asked_for() {
    let world = World::new();
    let script = background(&world, &format!("{TRAPS} echo $$ > $P; echo ready; {STAY}"));
    let mut proxy = world.start_with(&world.path("a.pid"), &MAPPED, &script);
    proxy.expect("ready");
    for signal in [Signal::HUP, Signal::USR1] {
        proxy.signal(signal);
        proxy.expect("USR1");
    }
    proxy.await_rest();
    proxy.signal(Signal::TERM);
    proxy.expect("bye");
    assert_eq!(proxy.wait(), 5);
    assert_eq!(proxy.messages(), "", "an end that was asked for is no news");
}

#[test]
fn what_term_becomes_is_still_passed_on_itself() {
    let world = World::new();
    let trap = "trap 'n=$((n+1)); echo QUIT $n; [ $n = 1 ] || { kill $C; exit 6; }' QUIT; cat $D/life & C=$!";
    let script = format!("{trap}; echo $$ > $P; echo ready; {STAY}");
    let mut proxy = world.start_with(&world.path("a.pid"), &["--stop-signal=3"], &script);
    proxy.expect("ready");
    proxy.signal(Signal::QUIT);
    proxy.expect("QUIT 1");
    proxy.signal(Signal::TERM);
    proxy.expect("QUIT 2");
    assert_eq!(proxy.wait(), 6);
}

#[test]
fn a_daemon_that_the_stop_signal_kills_has_its_status() {
    for (signal, status) in [("USR2", 140), ("KILL", 137), ("RTMIN+3", 165), ("SIGRTMAX", 192)] {
        let world = World::new();
        let script = background(&world, "echo $$ > $P; echo ready; exec cat $D/life");
        let mut proxy = world.start_with(&world.path("a.pid"), &["--stop-signal", signal], &script);
        proxy.expect("ready");
        proxy.signal(Signal::TERM);
        assert_eq!(proxy.wait(), status);
        assert_eq!(proxy.messages(), "");
    }
}

#[test]
fn a_daemon_that_is_stopped_goes_on_to_take_the_stop_signal() {
    let world = World::new();
    let script = format!("{TRAPS} echo $$ > $P; {ASLEEP} kill -STOP $$; {STAY}");
    let mut proxy = world.start_with(&world.path("a.pid"), &MAPPED, &background(&world, &script));
    proxy.expect("asleep");
    proxy.signal(Signal::TERM);
    proxy.expect("bye");
    assert_eq!(proxy.wait(), 5);
}

#[test]
fn a_daemon_that_ignores_the_stop_signal_is_killed_in_time() {
    for (time, said, millis) in [("300ms", "300ms", 300), ("0", "0ms", 0)] {
        let world = World::new();
        let script = background(&world, "trap '' USR2; echo $$ > $P; echo ready; exec cat $D/life");
        let options = mapped(&["--stop-timeout", time]);
        let mut proxy = world.start_with(&world.path("a.pid"), &options, &script);
        proxy.expect("ready");
        proxy.await_rest();
        let asked = Instant::now();
        proxy.signal(Signal::TERM);
        assert_eq!(proxy.wait(), 137);
        assert!(asked.elapsed().as_millis() >= millis);
        let expected = format!("hasn't ended within {said} of SIGUSR2: SIGKILL");
        assert!(proxy.messages().contains(&expected), "{}", proxy.messages());
    }
}

#[test]
fn a_second_term_is_passed_on_and_gives_no_more_time() {
    let world = World::new();
    // It ends with the third, which comes.
    let trap = "trap 'n=$((n+1)); echo TERM $n; [ $n != 3 ] || { kill $C; exit 3; }' TERM; cat $D/life & C=$!";
    let script = background(&world, &format!("{trap}; echo $$ > $P; echo ready; {STAY}"));
    let mut proxy = world.start(&script);
    proxy.expect("ready");
    for n in 1..=3 {
        proxy.signal(Signal::TERM);
        proxy.expect(&format!("TERM {n}"));
    }
    assert_eq!(proxy.wait(), 3);
    // It never ends, and TERM comes again and again.
    let script = background(&world, "trap '' TERM; rm $P; echo $$ > $P; echo ready; exec cat $D/life");
    let mut proxy = world.start_with(&world.path("a.pid"), &["--stop-timeout", "500ms"], &script);
    proxy.expect("ready");
    while proxy.lives() {
        proxy.signal(Signal::TERM);
    }
    assert_eq!(proxy.wait(), 137);
}

/// Without a limit it may take as long as it likes: the proxy rests.
#[test]
fn without_a_stop_timeout_nobody_is_killed() {
    let world = World::new();
    let script = background(
        &world,
        "trap 'echo TERM' TERM; trap 'kill $C; exit 4' USR1; cat $D/life & C=$!; echo $$ > $P; echo ready; \
         while kill -0 $C 2>/dev/null; do wait $C; done",
    );
    let mut proxy = world.start(&script);
    proxy.expect("ready");
    proxy.signal(Signal::TERM);
    proxy.expect("TERM");
    proxy.await_rest();
    proxy.signal(Signal::USR1);
    assert_eq!(proxy.wait(), 4);
}

#[test]
fn a_kept_hup_is_delivered_as_the_reload_signal() {
    let world = World::new();
    let script = format!("{TRAPS} echo begun; read x < $D/go; echo $$ > $P; {STAY}");
    let mut proxy = world.start_with(&world.path("a.pid"), &MAPPED, &background(&world, &script));
    proxy.expect("begun");
    proxy.signal(Signal::HUP);
    world.tell("go", "on");
    proxy.expect("USR1");
    proxy.signal(Signal::TERM);
    proxy.expect("bye");
    assert_eq!(proxy.wait(), 5);
}

/// The daemon may be among what was begun, so that all of it gets the daemon's stop signal and the daemon's time.
#[test]
fn a_start_is_stopped_with_the_stop_signal() {
    let world = World::new();
    let script = format!("{TRAPS} sh -c 'echo begun; exec cat $D/life' & {STAY}");
    let mut proxy = world.start_with(&world.path("a.pid"), &MAPPED, &script);
    proxy.expect("begun");
    proxy.signal(Signal::TERM);
    proxy.expect("bye");
    proxy.expect_end();
    assert_eq!(proxy.wait(), 5);
    // The same when it takes too long.
    let script = background(&world, &format!("{TRAPS} echo begun; {STAY}"));
    let options = mapped(&["--start-timeout", "300ms"]);
    let mut proxy = world.start_with(&world.path("a.pid"), &options, &script);
    proxy.expect("begun");
    proxy.expect("bye");
    proxy.expect_end();
    assert_eq!(proxy.wait(), 1);
    assert!(proxy.messages().contains("'sh' named no daemon within 300ms"), "{}", proxy.messages());
}

#[test]
fn a_start_that_does_not_stop_is_killed_by_the_same_limit() {
    for time in ["0", "200ms"] {
        let world = World::new();
        let script = "trap '' TERM; cat $D/life & echo begun; cat $D/life";
        let mut proxy = world.start_with(&world.path("a.pid"), &["--stop-timeout", time], script);
        proxy.expect("begun");
        let begun = Instant::now();
        proxy.signal(Signal::TERM);
        proxy.expect_end();
        assert_eq!(proxy.wait(), 137);
        assert!(begun.elapsed().as_millis() < 5000, "it took the limit that holds without one");
    }
}

#[test]
fn a_starter_that_is_stopped_goes_on_to_end() {
    let world = World::new();
    let mut proxy = world.start(&format!("{ASLEEP} kill -STOP $$; cat $D/life"));
    proxy.expect("asleep");
    proxy.signal(Signal::TERM);
    proxy.expect_end();
    assert_eq!(proxy.wait(), 143, "it was killed in the end");
}

/// A TERM between a daemon and its successor is the successor's, who has what is left of the time.
#[test]
fn a_term_during_a_hand_over_stops_the_successor() {
    let ignoring = "trap '' USR2; echo $$ > $P; exec cat $D/life".to_owned();
    for (options, body, status) in [
        (MAPPED.to_vec(), format!("{TRAPS} echo $$ > $P; {STAY}"), 5),
        (mapped(&["--stop-timeout=100ms"]), ignoring.clone(), 137),
        (mapped(&["--stop-timeout=0"]), ignoring, 137),
    ] {
        let world = World::new();
        std::fs::write(world.path("second.sh"), body).unwrap();
        let second = "(read x < $D/late; exec sh $D/second.sh)";
        let first = format!("echo $$ > $P; echo first; {second} & read x < $D/go; exit 0");
        let mut proxy = world.start_with(&world.path("a.pid"), &options, &background(&world, &first));
        proxy.expect("first");
        proxy.await_rest();
        let pid = world.await_pid(|_| true);
        world.tell("go", "on");
        await_reaped(pid);
        proxy.signal(Signal::TERM);
        world.tell("late", "on");
        if status == 5 {
            proxy.expect("bye");
        }
        proxy.expect_end();
        assert_eq!(proxy.wait(), status, "{}", proxy.messages());
    }
}

#[test]
fn what_is_no_signal_or_time_is_refused_before_anything_starts() {
    let list = "a name such as TERM, SIGUSR1 or RTMIN+3, or a number from 1 to 64";
    for (option, reason) in [
        ("--stop-signal=TREM", "--stop-signal: unknown signal 'TREM' (did you mean 'TERM'?)".to_owned()),
        ("--stop-signal=", format!("--stop-signal: unknown signal '' ({list})")),
        ("--reload-signal=0", format!("--reload-signal: unknown signal '0' ({list})")),
        ("--reload-signal=reload", format!("--reload-signal: unknown signal 'reload' ({list})")),
        ("--stop-timeout=soon", "--stop-timeout: 'soon' is not a duration".to_owned()),
        ("--stop-timeout=-1s", "--stop-timeout: '-1s' is not a duration".to_owned()),
        ("--stop-sginal=TERM", "unknown option '--stop-sginal' (did you mean '--stop-signal'?)".to_owned()),
    ] {
        let world = World::new();
        let mut proxy = world.start_with(&world.path("a.pid"), &[option], "echo started");
        proxy.expect_end();
        assert_eq!(proxy.wait(), 2, "{option}");
        assert!(proxy.messages().contains(&reason), "{option}: {}", proxy.messages());
    }
}
