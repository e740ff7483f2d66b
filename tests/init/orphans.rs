//! Orphans: each is reaped, and none costs a unit its exit status.

use crate::world::{AS_INIT, LIMIT, ORDINARY, Place, Wingmate};
use std::time::Instant;
use wingmate::model::unit::Pid;
use wingmate::sys::processes;

/// Until no child of wingmate's is a dead one; how many live.
fn await_no_zombie(wingmate: Pid) -> usize {
    let begun = Instant::now();
    loop {
        let children = processes::children(wingmate);
        if children.iter().all(|child| !child.dead) {
            return children.len();
        }
        assert!(begun.elapsed() < LIMIT, "zombies are left");
        std::thread::yield_now();
    }
}

#[test]
fn five_thousand_leave_no_zombie_and_cost_no_status() {
    for (through, orphans) in [(AS_INIT, 500), (ORDINARY, 50)] {
        let units: String = (0..10)
            .map(|n| format!("  s{n}: {{ oneshot: true, command: [ sh, storm.sh, '{orphans}', '{}' ] }}\n", n + 10))
            .collect();
        let place = Place::new(&format!("service:\n  stays: {{ command: [ sleep, inf ] }}\n{units}"));
        // Each orphan is the child of one that has gone.
        place.file("storm.sh", "i=0; while [ $i -lt $1 ]; do (: &); i=$((i + 1)); done; exit $2");
        let mut wingmate = Wingmate::launch(&mut place.command(through, &[]));
        let ends: Vec<String> = (0..10).map(|n| format!("s{n}: exited with {} after ", n + 10)).collect();
        let ends: Vec<&str> = ends.iter().map(String::as_str).collect();
        wingmate.each(&ends);
        assert_eq!(await_no_zombie(wingmate.pid()), 1, "only the service is left");
        wingmate.stop();
    }
}

#[test]
fn an_orphan_of_a_dead_service_comes_to_wingmate_and_is_reaped() {
    for through in [AS_INIT, ORDINARY] {
        let place = Place::new(
            r#"
service:
  web: { oneshot: true, command: [ sh, -c, "setsid sh -c 'echo here; echo > $D/away; read x < $D/go' & until [ -e $D/away ]; do :; done" ] }
  stays: { command: [ sleep, inf ] }
"#,
        );
        let mut wingmate = Wingmate::launch(&mut place.command(through, &[]));
        wingmate.each(&["web: exited with 0", "| here", "stays: running"]);
        assert_eq!(await_no_zombie(wingmate.pid()), 2);
        place.tell("go", "on");
        let begun = Instant::now();
        while await_no_zombie(wingmate.pid()) != 1 {
            assert!(begun.elapsed() < LIMIT, "it doesn't end");
        }
        wingmate.stop();
    }
}
