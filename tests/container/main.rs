//! What is promised of a container, through a real Docker Engine and the release binary. Where no engine answers and none
//! can be started each story says SKIPPED; on CI that fails.

mod engine;
#[path = "../world/lines.rs"]
mod lines;
mod running;

use std::time::Duration;

use running::Container;

/// What `docker stop` may take: an engine's own part is a tenth of it.
const SOON: Duration = Duration::from_secs(1);

#[test]
fn an_image_of_nothing_but_a_static_program_serves_and_is_healthy() {
    let Some(mut engine) = engine::turn() else { return };
    let image = engine.image("scratch");
    let mut container = Container::start(&engine, &[], &image, &[]);
    container.line("web: running");
    assert!(container.ask(&["/bin/busybox", "wget", "-qO-", "http://127.0.0.1:8080/"]).contains("three files"));
    container.ask(&["/bin/wingmate", "health"]);
    let status = container.ask(&["/bin/wingmate", "status"]);
    let web = status.lines().find(|line| line.starts_with("web ")).unwrap_or_else(|| panic!("no web in:\n{status}"));
    assert!(web.contains(" running "), "{web}");
    assert!(status.lines().any(|line| line.starts_with("table ") && line.contains(" idle ")), "{status}");
    // The Dockerfile's `RUN wingmate install` made the other names.
    assert_eq!(container.ask(&["/bin/wmexec", "--user", "1234:5678", "/bin/busybox", "id", "-G"]), "5678\n");
    let took = container.stop();
    let (status, lines) = container.end();
    assert_eq!(status, 0, "{lines:#?}");
    assert!(took < SOON, "docker stop took {took:?}: {lines:#?}");
}

#[test]
fn install_makes_the_links_where_there_is_no_ln() {
    let Some(mut engine) = engine::turn() else { return };
    let image = engine.image("bare");
    let script = "/busybox mkdir /links && /wingmate install /links || exit
                  for name in wingmate wmexec wmpidproxy; do echo $name to $(/busybox readlink /links/$name); done
                  echo user $(/links/wmexec --user 7 /busybox id -u); /links/wmpidproxy --version";
    let container = Container::start(&engine, &[], &image, &["--", "/busybox", "sh", "-c", script]);
    let (status, lines) = container.end();
    assert_eq!(status, 0, "{lines:#?}");
    for expected in ["wingmate to /wingmate", "wmexec to /wingmate", "wmpidproxy to /wingmate", "user 7"] {
        assert!(lines.iter().any(|line| line == expected), "{expected}: {lines:#?}");
    }
}

#[test]
fn a_container_is_stopped_at_once_and_with_status_0() {
    let Some(mut engine) = engine::turn() else { return };
    let image = engine.image("bare");
    let mut container = Container::start(&engine, &[], &image, &["-c", "/config/steady.yaml"]);
    container.line("is up as 0:0");
    let took = container.stop();
    let (status, lines) = container.end();
    assert_eq!(status, 0, "{lines:#?}");
    assert!(took < SOON, "docker stop took {took:?}: {lines:#?}");
}

#[test]
fn docker_exec_rules_the_services() {
    let Some(mut engine) = engine::turn() else { return };
    let image = engine.image("bare");
    let mut container = Container::start(&engine, &[], &image, &["-c", "/config/steady.yaml"]);
    let first = container.line("is up as 0:0");
    container.ask(&["/wingmate", "stop", "steady"]);
    assert!(
        container.ask(&["/wingmate", "status"]).lines().any(|l| l.starts_with("steady ") && l.contains(" stopped "))
    );
    container.ask(&["/wingmate", "start", "steady"]);
    assert_ne!(container.line("is up as 0:0"), first, "the same process again");
    container.ask(&["/wingmate", "wait", "unit:steady", "--timeout", "20s"]);
    let wrong = container.exec(&["/wingmate", "restart", "stedy"]);
    assert_eq!(wrong.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&wrong.stderr).contains("steady"), "{wrong:?}");
    container.ask(&["/wingmate", "shutdown", "--exit-code", "9"]);
    assert_eq!(container.end().0, 9);
}

#[test]
fn the_main_commands_end_is_the_containers() {
    let Some(mut engine) = engine::turn() else { return };
    let image = engine.image("bare");
    for (script, expected) in [
        ("exit 0", 0),
        ("exit 3", 3),
        ("exit 125", 125),
        ("exit 255", 255),
        ("kill -TERM $$", 128 + 15),
        ("kill -KILL $$", 128 + 9),
        ("kill -ABRT $$", 128 + 6),
    ] {
        let (status, lines) = Container::start(&engine, &[], &image, &["--", "/busybox", "sh", "-c", script]).end();
        assert_eq!(status, expected, "{script}: {lines:#?}");
    }
    for (program, expected) in [("/nothing", 127), ("/config", 126)] {
        let (status, lines) = Container::start(&engine, &[], &image, &["--", program]).end();
        assert_eq!(status, expected, "{program}: {lines:#?}");
    }
}

/// 256 containers would take minutes: one of them makes a pid namespace for each status, so that wingmate is process 1.
#[test]
fn every_exit_status_and_signal_passes_through_process_1() {
    let Some(mut engine) = engine::turn() else { return };
    let image = engine.image("bare");
    let script = r#"
        as_init() { /busybox unshare --pid --fork --mount-proc /wingmate -- /busybox sh -c "$1"; }
        count=0
        n=0
        while [ $n -le 255 ]; do
            as_init "exit $n"; got=$?
            if [ $got -eq $n ]; then count=$((count + 1)); else echo "wrong: status $n became $got"; fi
            n=$((n + 1))
        done
        for n in 1 2 4 6 8 9 10 11 12 13 14 15 24 31; do
            as_init "kill -$n \$\$"; got=$?
            if [ $got -eq $((128 + n)) ]; then count=$((count + 1)); else echo "wrong: signal $n became $got"; fi
        done
        echo "right: $count"
    "#;
    let options = ["--cap-add", "SYS_ADMIN", "--security-opt", "apparmor=unconfined", "--entrypoint", "/busybox"];
    let container = Container::start(&engine, &options, &image, &["sh", "-c", script]);
    let (status, lines) = container.end();
    assert_eq!(status, 0, "{lines:#?}");
    assert!(!lines.iter().any(|line| line.starts_with("wrong: ")), "{lines:#?}");
    assert!(lines.iter().any(|line| line == "right: 270"), "{lines:#?}");
}

#[test]
fn nothing_is_needed_of_the_container_neither_rights_nor_a_place_to_write() {
    let Some(mut engine) = engine::turn() else { return };
    let image = engine.image("bare");
    let options = ["--read-only", "--user", "1234:5678", "--cap-drop", "ALL", "--security-opt", "no-new-privileges"];
    let mut container = Container::start(&engine, &options, &image, &["-c", "/config/steady.yaml"]);
    container.line("is up as 1234:5678");
    // With no place for a socket file there is still an abstract one.
    container.ask(&["/wingmate", "health"]);
    container.ask(&["/wingmate", "restart", "steady"]);
    container.line("is up as 1234:5678");
    let took = container.stop();
    let (status, lines) = container.end();
    assert_eq!(status, 0, "{lines:#?}");
    assert!(took < SOON, "docker stop took {took:?}: {lines:#?}");
}

#[test]
fn five_thousand_orphans_are_reaped_and_cost_no_unit_its_exit_status() {
    let Some(mut engine) = engine::turn() else { return };
    let image = engine.image("bare");
    let mut container = Container::start(&engine, &[], &image, &["-c", "/config/orphans.yaml"]);
    container.line("the storm is over");
    container.line("storm: exited with 7");
    // The last orphans may still be on their way to their end; each is looked for, none is waited for by the clock.
    let left = container.ask(&[
        "/busybox",
        "sh",
        "-c",
        "looks=0
         while [ $looks -lt 1000 ] && /busybox grep -q '^State:.Z' /proc/[0-9]*/status 2>/dev/null; do looks=$((looks + 1)); done
         /busybox grep -l '^State:.Z' /proc/[0-9]*/status 2>/dev/null; /busybox ps -o args | /busybox grep -c '[/]busybox true'; true",
    ]);
    assert_eq!(left, "0\n", "zombies, or orphans that still run");
    let status = container.ask(&["/wingmate", "status"]);
    assert!(status.lines().any(|l| l.starts_with("storm ") && l.contains(" failed ") && l.contains(" 7 ")), "{status}");
    assert!(status.lines().any(|l| l.starts_with("steady ") && l.contains(" running ")), "{status}");
    let took = container.stop();
    assert_eq!(container.end().0, 0);
    assert!(took < SOON, "docker stop took {took:?}");
}

#[test]
fn a_service_that_is_killed_is_there_again() {
    let Some(mut engine) = engine::turn() else { return };
    let image = engine.image("bare");
    let mut container = Container::start(&engine, &[], &image, &["-c", "/config/steady.yaml"]);
    let mut pids = vec![pid_in(&container.line("is up as 0:0"))];
    for _ in 0..5 {
        let last = pids.last().expect("there is one").clone();
        container.ask(&["/busybox", "kill", "-9", &last]);
        let next = pid_in(&container.line("is up as 0:0"));
        assert!(!pids.contains(&next), "{next} again after {pids:?}");
        pids.push(next);
    }
    container.stop();
    assert_eq!(container.end().0, 0);
}

/// Of a line like `steady | steady 17 is up as 0:0`.
fn pid_in(line: &str) -> String {
    line.split_whitespace()
        .find(|word| word.parse::<u32>().is_ok())
        .unwrap_or_else(|| panic!("no pid in '{line}'"))
        .to_owned()
}

#[test]
fn an_sshd_in_the_background_is_replaced_when_it_is_killed() {
    let Some(mut engine) = engine::turn() else { return };
    let image = engine.image("ssh-docker");
    let mut container = Container::start(&engine, &[], &image, &[]);
    container.line("sshd: running");
    let mut pids = Vec::new();
    for life in 0..3 {
        if life > 0 {
            container.ask(&["sh", "-c", "kill -9 $(cat /run/sshd.pid)"]);
            container.line("sshd: exited");
            container.line("sshd: running");
        }
        let answer = container.ask(&[
            "wingmate",
            "wait",
            "tcp://127.0.0.1:22",
            "--timeout",
            "60s",
            "--",
            "bash",
            "-c",
            "exec 3<>/dev/tcp/127.0.0.1/22; IFS= read -r banner <&3; echo \"$banner\"; cat /run/sshd.pid",
        ]);
        let (banner, pid) = answer.split_once('\n').unwrap_or_else(|| panic!("one line only: '{answer}'"));
        assert!(banner.starts_with("SSH-2.0-OpenSSH"), "{banner}");
        assert!(!pids.contains(&pid.to_owned()), "the killed sshd's pid {pid} again");
        pids.push(pid.to_owned());
    }
    let took = container.stop();
    let (status, lines) = container.end();
    assert_eq!(status, 0, "{lines:#?}");
    assert!(took < SOON, "docker stop took {took:?}: {lines:#?}");
}

#[test]
fn the_alpine_image_runs_services_and_a_crontab_behind_its_entry_script() {
    let Some(mut engine) = engine::turn() else { return };
    let image = engine.image("alpine");
    let checked = Container::start(&engine, &[], &image, &["wingmate", "check", "--strict"]).end();
    assert_eq!(checked.0, 0, "{:#?}", checked.1);
    let plain = Container::start(&engine, &[], &image, &["sh", "-c", "echo process $$"]).end();
    assert_eq!(plain, (0, vec!["process 1".to_owned()]));

    let mut container = Container::start(&engine, &[], &image, &["--log-format", "json"]);
    container.line("one.sh: running");
    container.line("spawner.sh: running");
    let output = container.ask(&["wingmate", "run", "--wait", "beat.sh"]);
    assert!(output.contains("another twenty seconds"), "{output}");
    let jobs = container.ask(&["wingmate", "next", "-n", "1"]);
    assert!(jobs.contains("minute.sh") && jobs.contains("beat.sh"), "{jobs}");
    let took = container.stop();
    let (status, lines) = container.end();
    assert_eq!(status, 0, "{lines:#?}");
    assert!(lines.iter().all(|line| line.starts_with('{') && line.ends_with('}')), "{lines:#?}");
    assert!(took < SOON, "docker stop took {took:?}: {lines:#?}");
}

#[test]
fn the_debian_image_runs_a_wingmate_yaml() {
    let Some(mut engine) = engine::turn() else { return };
    let image = engine.image("bookworm");
    let checked = Container::start(&engine, &[], &image, &["wingmate", "check", "--strict"]).end();
    assert_eq!(checked.0, 0, "{:#?}", checked.1);
    let mut container = Container::start(&engine, &[], &image, &[]);
    container.line("reading as nobody");
    container.ask(&["wingmate", "health"]);
    let took = container.stop();
    let (status, lines) = container.end();
    assert_eq!(status, 0, "{lines:#?}");
    let position = |part: &str| {
        lines.iter().position(|line| line.contains(part)).unwrap_or_else(|| panic!("no {part}: {lines:#?}"))
    };
    assert!(position("prepare: done") < position("feed is open"), "{lines:#?}");
    assert!(position("feed is open") < position("reading as nobody"), "{lines:#?}");
    assert!(took < SOON, "docker stop took {took:?}: {lines:#?}");
}
