//! What the program has from the proxy's own surroundings, and what of those isn't the program's.

use crate::background;
use crate::world::World;
use rustix::process::Signal;
use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::process::Command;
use std::time::Instant;

const WINGMATE: &str = env!("CARGO_BIN_EXE_wingmate");

#[test]
fn the_program_has_the_proxys_environment_directory_mask_and_descriptors() {
    let world = World::new();
    let file = world.path("a.pid");
    let script = "cp /proc/$$/environ environ; umask; readlink /proc/$$/fd/7; exec grep ^Sig /proc/self/status";
    let ready = format!("umask 027; exec 7</dev/null; exec {WINGMATE} pidproxy -p {file} -- sh -c \"$0\"");
    let mut command = Command::new("sh");
    command.args(["-c", &ready, script]);
    command.env_clear().env("PATH", "/usr/bin:/bin").env("WINGMATE_STARTSECS", "5").env("EMPTY", "");
    command.env(OsStr::from_bytes(b"ODD"), OsStr::from_bytes(b"\xff=\n"));
    let mut proxy = world.launch(&mut command);
    proxy.expect("0027");
    proxy.expect("/dev/null");
    for _ in 0..5 {
        let line = proxy.line("the signals");
        assert!(line.ends_with("0000000000000000") || line.starts_with("SigQ") || line.starts_with("SigCgt"), "{line}");
    }
    assert_eq!(proxy.wait(), 1, "it left no daemon");
    let environ = fs::read(world.path("environ")).unwrap();
    for entry in [&b"PATH=/usr/bin:/bin\0"[..], b"WINGMATE_STARTSECS=5\0", b"EMPTY=\0", b"ODD=\xff=\n\0"] {
        assert!(environ.windows(entry.len()).any(|window| window == entry), "{}", String::from_utf8_lossy(&environ));
    }
}

/// A shell's children stay its own when it becomes the proxy: none of them is the daemon, or left by it.
#[test]
fn older_children_are_not_the_programs() {
    let begin = |world: &World, script: &str| {
        let mut command = Command::new("sh");
        let older = "cat $D/life & OLD=$!; export OLD; exec \"$@\"";
        command.args(["-c", older, "sh", WINGMATE, "pidproxy", "--start-timeout", "20s", "-p"]);
        command.args([&world.path("a.pid"), "--", "sh", "-c", script]).env("P", world.path("a.pid"));
        world.launch(&mut command)
    };
    let begun = Instant::now();
    let world = World::new();
    let mut proxy = begin(&world, "echo $OLD > $P");
    assert_eq!(proxy.wait(), 1);
    assert!(proxy.messages().contains("'sh' left no daemon behind"), "{}", proxy.messages());
    assert!(proxy.messages().contains("a process that began before the program"), "{}", proxy.messages());
    assert!(begun.elapsed().as_secs() < 20, "it waited for one");
    // No hand-over: nobody is left who could take the daemon's place.
    let mut proxy = begin(&world, &background(&world, "echo $$ > $P; echo ready; read x < $D/go; exit 0"));
    proxy.expect("ready");
    proxy.await_rest();
    let ended = Instant::now();
    world.tell("go", "on");
    assert_eq!(proxy.wait(), 0);
    assert!(ended.elapsed().as_millis() < 2000, "it waited for a successor");
    // Nor is it stopped with a start.
    let mut proxy = begin(&world, "echo $OLD; cat $D/life");
    let old = proxy.line("the older one");
    proxy.signal(Signal::TERM);
    assert_eq!(proxy.wait(), 143);
    let stat = fs::read_to_string(format!("/proc/{old}/stat")).unwrap();
    assert!(!stat.contains(") Z "), "{stat}");
}

#[test]
fn a_daemon_that_executes_itself_anew_is_the_same() {
    let world = World::new();
    let trap = "trap 'echo anew; exec sh $D/daemon.sh' HUP; trap 'kill $C; exit 3' TERM; cat $D/life & C=$!";
    let script = background(&world, &format!("{trap}; echo $$ > $P; echo ready; while :; do wait $C; done"));
    let mut proxy = world.start(&script);
    proxy.expect("ready");
    for _ in 0..5 {
        proxy.signal(Signal::HUP);
        proxy.expect("anew");
        proxy.expect("ready");
    }
    proxy.await_rest();
    proxy.signal(Signal::TERM);
    assert_eq!(proxy.wait(), 3);
}
