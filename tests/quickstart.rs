//! The README's first command: what example/quickstart shows, it does.

use std::process::{Command, Stdio};

use rustix::process::{Pid, Signal, kill_process};

#[path = "world/lines.rs"]
mod lines;

#[test]
fn the_quickstart_runs_restarts_fires_and_stops() {
    let mut wingmate = Command::new(env!("CARGO_BIN_EXE_wingmate"))
        .args(["-c", "example/quickstart"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary under test is there");
    let mut lines = lines::Lines::of(&mut wingmate);
    let first = lines.line("hello, this time I am process ");
    lines.each(&["it is ", "goodbye", "a cron job, process "]);
    lines.line("greeter: exited with 3");
    // One that has just begun has seconds to live: it is stopped, and doesn't happen to end by itself.
    assert_ne!(lines.line("hello, this time I am process "), first, "the same process again");

    kill_process(Pid::from_child(&wingmate), Signal::INT).expect("it runs");
    let all = lines.all();
    assert_eq!(wingmate.wait().expect("it is our child").code(), Some(0), "{all:#?}");
    for unit in ["clock", "greeter"] {
        let end = format!("{unit}: stopped: killed by SIGTERM");
        assert!(all.iter().any(|line| line.contains(&end)), "{end}: {all:#?}");
    }
}
