//! What is promised of a container, through a real Docker Engine and the release binary. Where no engine answers and none
//! can be started each story says SKIPPED; on CI that fails.

mod engine;
#[path = "../world/lines.rs"]
mod lines;
mod running;
mod servers;
mod web_stack;

use std::time::Duration;

use running::Container;

/// What `docker stop` may take: an engine's own part is a tenth of it.
const SOON: Duration = Duration::from_secs(1);

#[test]
fn an_image_of_nothing_but_a_static_program_serves() {
    let Some(mut engine) = engine::turn() else { return };
    let image = engine.image("scratch");
    let mut container = Container::start(&engine, &[], &image, &[]);
    container.line("web: running");
    // httpd has begun, but may not listen yet.
    let get = "until /bin/busybox wget -qO- http://127.0.0.1:8080/; do :; done 2>/dev/null";
    assert!(container.ask(&["/bin/busybox", "timeout", "60", "/bin/busybox", "sh", "-c", get]).contains("three files"));
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
fn what_docker_exec_leaves_behind_is_reaped() {
    let Some(mut engine) = engine::turn() else { return };
    let image = engine.image("bare");
    let mut container = Container::start(&engine, &[], &image, &["-c", "/config/steady.yaml"]);
    container.line("is up as 0:0");
    container.ask(&["/wingmate", "check", "-c", "/config/steady.yaml"]);
    // The shell that docker started ends at once; its child is process 1's from then on.
    let orphan = container.ask(&["/busybox", "sh", "-c", "/busybox sleep 100000 </dev/null >/dev/null 2>&1 & echo $!"]);
    let orphan = orphan.trim_end();
    assert!(container.ask(&["/busybox", "cat", &format!("/proc/{orphan}/status")]).contains("PPid:\t1\n"));
    container.ask(&["/busybox", "kill", orphan]);
    let gone = format!("while [ -e /proc/{orphan} ]; do :; done");
    container.ask(&["/busybox", "timeout", "60", "/busybox", "sh", "-c", &gone]);
    container.stop();
    assert_eq!(container.end().0, 0);
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

#[test]
fn a_link_makes_it_the_init_that_an_image_calls() {
    let Some(mut engine) = engine::turn() else { return };
    let image = engine.image("bare");
    for (name, options) in [("tini", "-g -e 7 --"), ("docker-init", "-e 7"), ("dumb-init", "-c -r 15:3 -e 7")] {
        let script = format!(
            "/busybox ln -s /wingmate /{name} && exec /{name} {options} /busybox sh -c 'echo in $(/busybox cat /proc/1/comm); exit 7'"
        );
        let container = Container::start(&engine, &["--entrypoint", "/busybox"], &image, &["sh", "-c", &script]);
        let (status, lines) = container.end();
        assert_eq!(status, 0, "{lines:#?}");
        assert_eq!(lines[0], format!("in {name}"), "{lines:#?}");
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
    let pid = pid_in(&container.line("is up as 1234:5678"));
    container.ask(&["/busybox", "kill", "-9", &pid]);
    container.line("is up as 1234:5678");
    let took = container.stop();
    let (status, lines) = container.end();
    assert_eq!(status, 0, "{lines:#?}");
    assert!(took < SOON, "docker stop took {took:?}: {lines:#?}");
}

#[test]
fn probes_and_dependencies_need_neither_rights_nor_a_place_to_write() {
    let Some(mut engine) = engine::turn() else { return };
    let image = engine.image("bare");
    let options = ["--read-only", "--user", "1234:5678", "--cap-drop", "ALL", "--security-opt", "no-new-privileges"];
    let mut container = Container::start(&engine, &options, &image, &["-c", "/config/probed.yaml"]);
    let line = container.line("first: starting (pid ");
    let pid = line.split("(pid ").nth(1).and_then(|rest| rest.split(')').next()).expect("a pid").to_owned();
    for line in ["first: running", "second: starting", "second: running", "third: starting", "third: running"] {
        container.line(line);
    }
    container.ask(&["/busybox", "kill", "-STOP", &pid]);
    // It doesn't answer any more, which three checks find; its dependents stay as they are.
    container.line("first: unhealthy");
    container.line("first: running");
    container.stop();
    let (status, lines) = container.end();
    assert_eq!(status, 0, "{lines:#?}");
    let place = |text: &str| lines.iter().rposition(|line| line.contains(text)).expect(text);
    assert!(place("third: stopped") < place("second: stopping"), "{lines:#?}");
    assert!(place("second: stopped") < place("first: stopping"), "{lines:#?}");
    assert_eq!(lines.iter().filter(|line| line.contains("second: running")).count(), 1, "{lines:#?}");
}

#[test]
fn five_thousand_orphans_are_reaped_and_cost_no_unit_its_exit_status() {
    let Some(mut engine) = engine::turn() else { return };
    let image = engine.image("bare");
    let mut container = Container::start(&engine, &[], &image, &["-c", "/config/orphans.yaml"]);
    container.each(&["the storm is over", "storm: exited with 7"]);
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
    let took = container.stop();
    assert_eq!(container.end().0, 0);
    assert!(took < SOON, "docker stop took {took:?}");
}

#[test]
fn a_job_needs_neither_zone_files_nor_rights_nor_a_place_to_write() {
    let Some(mut engine) = engine::turn() else { return };
    let image = engine.image("bare");
    let options = ["--read-only", "--user", "1234:5678", "--cap-drop", "ALL", "--security-opt", "no-new-privileges"];
    let mut container = Container::start(&engine, &options, &image, &["-c", "/config/cron.yaml"]);
    container.each(&[
        // That there is no place to keep it is told, and nothing else is changed by it.
        "warn: backup: cannot write '/state/backup'",
        "nepal    | due ",
    ]);
    let next = ["/wingmate", "next", "--tz", "America/Nuuk", "--from", "2027-03-27T00:00", "-n", "2", "30 23 * * *"];
    assert_eq!(container.ask(&next), "2027-03-28T00:00:00-01:00\n2027-03-28T23:30:00-01:00\n");
    let took = container.stop();
    let (status, lines) = container.end();
    assert_eq!(status, 0, "{lines:#?}");
    assert!(took < SOON, "docker stop took {took:?}: {lines:#?}");
    let due = lines.iter().find(|line| line.contains("due ")).expect("it was awaited");
    assert!(due.ends_with("+05:45 as 1234"), "{due}");
}

#[test]
fn a_run_that_was_missed_while_the_container_was_down_is_made_up_for() {
    let Some(mut engine) = engine::turn() else { return };
    let image = engine.image("bare");
    let mut container = Container::start(&engine, &["--volume", "/state"], &image, &["-c", "/config/cron.yaml"]);
    container.line("nepal: started");
    let kept = container.ask(&["/busybox", "cat", "/state/backup"]);
    assert!(kept.ends_with("+00:00\n"), "{kept}");
    container.ask(&["/busybox", "sh", "-c", "echo 2026-01-15T00:00:00Z >/state/backup"]);
    container.stop();
    let (status, lines) = container.end_and_start_again();
    assert_eq!(status, 0, "{lines:#?}");
    assert!(!lines.iter().any(|line| line.contains("kept for")), "{lines:#?}");
    let line = container.line("kept for ");
    let moment = line.rsplit(' ').next().unwrap_or_default();
    assert!(moment.ends_with("-01T00:00:00+00:00"), "{line}");
    assert_eq!(container.ask(&["/busybox", "cat", "/state/backup"]), format!("{moment}\n"));
    container.stop();
    assert_eq!(container.end().0, 0);
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

#[test]
fn the_kernels_kill_for_want_of_memory_is_told() {
    let Some(mut engine) = engine::turn() else { return };
    let image = engine.image("bare");
    let little = ["--memory", "32m", "--memory-swap", "32m"];
    let poor = ["--read-only", "--user", "1234:5678", "--cap-drop", "ALL", "--security-opt", "no-new-privileges"];
    // A buffer of more than there is.
    let eater = ["--", "/busybox", "dd", "if=/dev/zero", "of=/dev/null", "bs=200M", "count=1"];
    for options in [little.to_vec(), [&little[..], &poor].concat()] {
        let (status, lines) = Container::start(&engine, &options, &image, &eater).end();
        assert_eq!(status, 137, "{lines:#?}");
        let verdict = "stopping: main command killed by the kernel: out of memory (SIGKILL); exit status 137";
        assert!(lines.iter().any(|line| line.ends_with(verdict)), "{lines:#?}");
    }
    // A service of that kind, after one of its lives was ended by somebody.
    let mut container = Container::start(&engine, &little, &image, &["-c", "/config/hungry.yaml"]);
    let pid = pid_in(&container.line("waits as "));
    container.ask(&["/busybox", "kill", "-9", &pid]);
    container.line("hungry: killed by SIGKILL");
    container.line("waits as ");
    container.ask(&["/busybox", "touch", "/eat"]);
    container.line("hungry: killed by the kernel: out of memory (SIGKILL)");
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

/// Its pid, once that is a new one, then its banner, once it listens.
const ASK_SSHD: &str = r#"
    until read -r pid < /run/sshd.pid && [ -e "/proc/$pid" ]; do :; done 2>/dev/null
    until exec 3<>/dev/tcp/127.0.0.1/22; do :; done 2>/dev/null
    IFS= read -r banner <&3
    echo "$banner"
    echo "$pid"
"#;

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
        let answer = container.ask(&["timeout", "60", "bash", "-c", ASK_SSHD]);
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
    container.each(&["one.sh: running", "spawner.sh: running"]);
    container.line("another five seconds");
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
    container.each(&["prepare: exited with 0", "feed runs as nobody", "looking for work with mail"]);
    let took = container.stop();
    let (status, lines) = container.end();
    assert_eq!(status, 0, "{lines:#?}");
    assert!(took < SOON, "docker stop took {took:?}: {lines:#?}");
}
