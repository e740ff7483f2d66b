//! Out of memory: a kill of the kernel's is called that, and nobody else's is. The cgroup is made up, version 2, as
//! `/proc` tells of it; tests/container has a real one.

use crate::world::{Place, Wingmate, told, verdict};
use std::process::Command;
use wingmate::model::signal::Signal;

/// wingmate finds the directory `cgroup` of the place as its cgroup.
const MADE_UP: [&str; 4] = [
    "sh",
    "-c",
    r#"echo "41 31 0:38 / $D/mounted rw - cgroup2 cgroup2 rw" > $D/mountinfo && echo "0::/cgroup" > $D/own &&
       mount --bind $D/mountinfo /proc/$$/mountinfo && mount --bind $D/own /proc/$$/cgroup && exec "$@""#,
    "sh",
];
const COUNTS: &str = "mounted/cgroup/memory.events";

fn counted(place: &Place, kills: u32) {
    place.file(COUNTS, &format!("low 0\nhigh 0\nmax 5\noom 1\noom_kill {kills}\noom_group_kill 0\n"));
}

fn wingmate(place: &Place, args: &[&str]) -> Command {
    place.command(&MADE_UP, args)
}

/// What the kernel does in such a case, and then what anybody can do.
const KILLED: &str = "echo 'oom_kill 4' > $D/mounted/cgroup/memory.events; kill -9 $$";

#[test]
fn a_kill_while_the_count_went_up_is_the_kernels() {
    let yaml = format!("service:\n  web: {{ command: [ sh, -c, \"{KILLED}\" ], critical: true, restart: never }}\n");
    let says = "killed by the kernel: out of memory (SIGKILL)";
    for (yaml, args, spoken) in
        [(&*yaml, &[][..], "critical service web: "), ("", &["--", "sh", "-c", KILLED], "main command ")]
    {
        let place = Place::new(yaml);
        counted(&place, 3);
        let (status, lines) = Wingmate::launch(&mut wingmate(&place, args)).end();
        assert_eq!(status, 137, "{lines:#?}");
        assert!(verdict(&lines).contains(&format!("stopping: {spoken}{says}")), "{lines:#?}");
    }
}

#[test]
fn a_kill_while_it_did_not_is_somebodys() {
    // As the count was when wingmate began, though not when this life did.
    let script = "if [ -e $D/again ]; then kill -9 $$; fi; touch $D/again; echo 'oom_kill 4' > $D/mounted/cgroup/memory.events; kill -9 $$";
    let place = Place::new(&format!(
        "service:\n  web: {{ command: [ sh, -c, \"{script}\" ], critical: true, restart: always, max_restarts: 1 }}\n"
    ));
    counted(&place, 3);
    let (status, lines) = Wingmate::launch(&mut wingmate(&place, &[])).end();
    assert_eq!(status, 137, "{lines:#?}");
    assert!(lines.iter().any(|line| line.contains("web: killed by the kernel: out of memory (SIGKILL)")), "{lines:#?}");
    assert!(verdict(&lines).contains("killed by SIGKILL after 1 restart"), "{lines:#?}");
    // Another signal isn't the kernel's, whatever the count.
    let place = Place::new("");
    counted(&place, 3);
    let (status, _, stderr) = told(&mut wingmate(&place, &["--", "sh", "-c", &KILLED.replace("-9", "-TERM")]));
    assert_eq!(status, 143);
    assert!(stderr.contains("main command killed by SIGTERM"), "{stderr}");
}

#[test]
fn wingmates_own_kill_is_not_the_kernels() {
    let script = "trap : TERM USR1; echo ready; while :; do sleep 0.1; done";
    let place = Place::new("");
    for (options, signal) in
        [(&["--shutdown-timeout", "400ms"][..], Signal::TERM), (&["-r", "USR1:KILL"], Signal::USR1)]
    {
        counted(&place, 3);
        let mut wingmate = Wingmate::launch(&mut wingmate(&place, &[options, &["--", "sh", "-c", script]].concat()));
        wingmate.line("ready");
        counted(&place, 4);
        wingmate.signal(signal);
        let (status, lines) = wingmate.end();
        assert_eq!(status, 137, "{lines:#?}");
        assert!(!lines.iter().any(|line| line.contains("out of memory")), "{lines:#?}");
    }
}

#[test]
fn a_cgroup_that_is_killed_as_a_whole_is_told_at_start() {
    let place = Place::new("");
    let says = "wingmate | info: memory.oom.group is 1: out of memory, the kernel kills the whole container, wingmate included";
    for (group, told_of) in [(Some("1\n"), true), (Some("0\n"), false), (None, false)] {
        counted(&place, 0);
        group.into_iter().for_each(|text| place.file("mounted/cgroup/memory.oom.group", text));
        let (status, _, stderr) =
            told(&mut wingmate(&place, &["--", "sh", "-c", "rm -f $D/mounted/cgroup/memory.oom.group"]));
        assert_eq!(status, 0, "{stderr}");
        assert_eq!(stderr.lines().any(|line| line == says), told_of, "{stderr}");
    }
}

#[test]
fn without_a_count_nothing_is_said() {
    let place = Place::new("");
    let (status, _, stderr) = told(&mut wingmate(&place, &["--", "sh", "-c", "kill -9 $$"]));
    assert_eq!(status, 137);
    assert!(stderr.contains("main command killed by SIGKILL; exit status 137"), "{stderr}");
    assert!(!stderr.contains("memory"), "{stderr}");
}
