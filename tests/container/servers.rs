//! The real sshd, nginx and PostgreSQL in the background, known by their pid files: under `wmpidproxy`, as process 1 and
//! below it, and as units of example/daemons. They are reloaded, upgraded, killed and stopped by what their own users use.

use std::time::{Duration, Instant};

use crate::engine;
use crate::running::Container;

/// For so long a successor would be awaited where none comes; and then the engine's part.
const AT_ONCE: Duration = Duration::from_secs(2);

/// What the scripts inside say.
const WORDS: &str = r#"
    await() { until "$@"; do :; done 2>/dev/null; }
    banner() { { exec 3<>/dev/tcp/127.0.0.1/${1:-22} && IFS= read -r line <&3 && echo "$line"; } 2>/dev/null; }
    page() { { exec 3<>/dev/tcp/127.0.0.1/8080 && printf 'GET / HTTP/1.0\r\n\r\n' >&3 && tail -n 1 <&3; } 2>/dev/null; }
    shows() { [ "$(page)" = "$1" ]; }
    sql() { psql --quiet --no-align --tuples-only --username postgres --dbname postgres --command "$1"; }
    replies() { [ "$(sql "$1")" = "$2" ]; }
    ready() { pg_isready --quiet && ! grep -qsx pg_ctl /proc/[0-9]*/comm; }
    refused() { ! : 3<>/dev/tcp/127.0.0.1/$1; }
    pid() { head -n 1 "${1:-/run/nginx.pid}"; }
    parent() { read -r _ _ _ parent _ <"/proc/$1/stat" && echo "$parent"; }
    alive() { [ -e "/proc/$1" ]; }
    gone() { ! alive "$1"; }
    succeeded() { [ -s "$2" ] && [ "$(pid "$2")" != "$1" ] && alive "$(pid "$2")"; }
    has_worker() { [ "$(cat "/proc/$1/task/$1/children")" ]; }
    upgrade() { await succeeded "$1" /run/nginx.pid && await has_worker "$(pid)"; }
    database=$PGDATA/postmaster.pid
"#;

fn script(body: &str) -> String {
    format!("{WORDS}{body}")
}

fn ask(container: &Container<'_>, body: &str) -> String {
    container.ask(&["timeout", "60", "bash", "-c", &script(body)]).trim_end().to_owned()
}

/// As process 1, and as the main command of a wingmate that finds no units.
const PLACES: [&str; 2] = ["exec", "exec wingmate -c /mnt --"];

/// Ends with the container: whoever is asked in it may be killed with it.
fn kill(container: Container<'_>, file: &str) -> (i32, Vec<String>, Duration) {
    let begun = Instant::now();
    container.exec(&["bash", "-c", &format!("kill -KILL $(head -n 1 {file})")]);
    let (status, lines) = container.end();
    (status, lines, begun.elapsed())
}

fn at_once(what: &str, took: Duration, lines: &[String]) {
    assert!(took < AT_ONCE, "{what} took {took:?}: {lines:#?}");
}

#[test]
fn an_sshd_has_a_stand_in() {
    let Some(mut engine) = engine::turn() else { return };
    let image = engine.image("daemons");
    for place in PLACES {
        let start = format!(
            "echo begun; mkdir -p /run/sshd; ssh-keygen -A; {place} wmpidproxy -p /run/sshd.pid -- /usr/sbin/sshd"
        );
        let mut container = Container::start(&engine, &["--entrypoint", "sh"], &image, &["-c", &start]);
        container.line("begun");
        let first = ask(&container, "await banner");
        assert!(first.starts_with("SSH-2.0-OpenSSH"), "{first}");
        // Executed again it goes into the background again, unless its parent is process 1; and reads its settings.
        let before = ask(&container, "echo 'Port 2222' >>/etc/ssh/sshd_config; pid /run/sshd.pid");
        container.signal("HUP");
        let after =
            ask(&container, "await banner 2222 >/dev/null; await alive $(pid /run/sshd.pid); pid /run/sshd.pid");
        assert_eq!(before == after, place == "exec", "{before}, then {after}");
        let took = container.stop();
        let (status, lines) = container.end_and_start_again();
        container.line("begun");
        assert_eq!(status, 0, "{lines:#?}");
        at_once("docker stop of sshd", took, &lines);
        // The same numbers again, and an old file that says one of them.
        ask(&container, "await banner 2222");
        let (status, lines, took) = kill(container, "/run/sshd.pid");
        assert_eq!(status, 137, "{lines:#?}");
        assert!(lines.iter().any(|line| line.contains("the daemon killed by SIGKILL")), "{lines:#?}");
        at_once("the end of a killed sshd", took, &lines);
    }
}

#[test]
fn an_nginx_has_a_stand_in_through_its_upgrades() {
    let Some(mut engine) = engine::turn() else { return };
    let image = engine.image("daemons");
    for place in PLACES {
        let start =
            format!("echo begun; {place} wmpidproxy -p /run/nginx.pid -- /usr/sbin/nginx -c /etc/daemons/nginx.conf");
        let mut container = Container::start(&engine, &["--entrypoint", "sh"], &image, &["-c", &start]);
        container.line("begun");
        let old =
            ask(&container, "await shows 'the first'; sed -i 's/the first/the second/' /etc/daemons/nginx.conf; pid");
        container.signal("HUP");
        assert_eq!(ask(&container, "await shows 'the second'; pid"), old, "the same master");

        // An upgrade that is taken back.
        container.signal("USR2");
        let back =
            "upgrade $old; new=$(pid); kill -HUP $old; kill -QUIT $new; await gone $new; await shows 'the second'; pid";
        assert_eq!(ask(&container, &format!("old={old}; {back}")), old);

        // One that isn't: the stand-in's QUIT is for the old one. (As process 1 wingmate itself would be stopped by it.)
        container.signal("USR2");
        let new = ask(&container, &format!("upgrade {old}; [ $(pid /run/nginx.pid.oldbin) = {old} ] && pid"));
        assert_ne!(new, old);
        let left =
            ask(&container, &format!("kill -QUIT $(parent {old}); await gone {old}; await shows 'the second'; pid"));
        assert_eq!(left, new);
        let took = container.stop();
        let (status, lines) = container.end_and_start_again();
        container.line("begun");
        assert_eq!(status, 0, "{lines:#?}");
        at_once("docker stop of nginx", took, &lines);

        // After another upgrade an end is news again.
        let old = ask(&container, "await shows 'the second'; pid");
        container.signal("USR2");
        ask(&container, &format!("upgrade {old}; kill -QUIT $(parent {old}); await gone {old}"));
        let (status, lines, took) = kill(container, "/run/nginx.pid");
        assert_eq!(status, 137, "{lines:#?}");
        assert!(lines.iter().any(|line| line.contains("the daemon killed by SIGKILL")), "{lines:#?}");
        at_once("the end of a killed nginx", took, &lines);
    }
}

#[test]
fn an_nginx_that_is_told_to_quit_answers_what_was_asked() {
    let Some(mut engine) = engine::turn() else { return };
    let image = engine.image("daemons");
    let story = script(
        r#"
        wmpidproxy --stop-signal QUIT -p /run/nginx.pid -- /usr/sbin/nginx -c /etc/daemons/nginx.conf & proxy=$!
        await shows 'the first'
        exec 4<>/dev/tcp/127.0.0.1/8080
        printf 'GET / HTTP/1.0\r\n' >&4
        page # its one worker has that half by now
        kill -TERM $proxy
        await refused 8080
        printf '\r\n' >&4
        echo "in spite of that: $(tail -n 1 <&4)"
        wait $proxy
        echo "ended with $?"
        "#,
    );
    let (status, lines) =
        Container::start(&engine, &[], &image, &["-c", "/mnt", "--", "timeout", "60", "bash", "-c", &story]).end();
    assert_eq!(status, 0, "{lines:#?}");
    for line in ["in spite of that: the first", "ended with 0"] {
        assert!(lines.iter().any(|found| found == line), "{line}: {lines:#?}");
    }
}

#[test]
fn a_postgresql_has_a_stand_in() {
    let Some(mut engine) = engine::turn() else { return };
    let image = engine.image("daemons");
    // As another user by itself, or because the container is that user's; with its starter waiting for it or not.
    for (place, user, proxy) in [
        (PLACES[0], "postgres", r#"wmpidproxy --stop-signal INT -p "$1" -- "${@:2}" --no-wait"#),
        (PLACES[1], "root", r#"wmpidproxy --stop-signal INT -p "$1" -- wmexec --user postgres "${@:2}" --wait"#),
    ] {
        let as_user = if user == "root" { "wmexec --user postgres" } else { "command" };
        let prepare = format!("[ -s $PGDATA/PG_VERSION ] || {as_user} initdb --no-sync --auth=trust >/dev/null");
        let start = script(&format!("echo begun; {prepare}; set -- $database pg_ctl start --silent; {place} {proxy}"));
        let options = ["--entrypoint", "bash", "--user", user];
        let mut container = Container::start(&engine, &options, &image, &["-c", &start]);
        container.line("begun");
        ask(&container, "await ready; sql 'CREATE TABLE kept AS SELECT 42'; sql \"ALTER SYSTEM SET work_mem = '7MB'\"");
        container.signal("HUP");
        ask(&container, "await replies 'SHOW work_mem' 7MB");
        // A session doesn't hold it up.
        ask(
            &container,
            "sql 'SELECT pg_sleep(600)' >/dev/null 2>&1 & await replies \"SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'SELECT pg_sleep%'\" 1",
        );
        let took = container.stop();
        let (status, lines) = container.end_and_start_again();
        container.line("begun");
        assert_eq!(status, 0, "{lines:#?}");
        at_once("docker stop of PostgreSQL", took, &lines);
        for line in ["received fast shutdown request", "database system is shut down"] {
            assert!(lines.iter().any(|found| found.contains(line)), "{line}: {lines:#?}");
        }
        // Killed, and started over the file that it left, with the numbers that it had.
        assert_eq!(ask(&container, "await ready; sql 'SELECT * FROM kept'"), "42");
        let begun = Instant::now();
        container.exec(&["bash", "-c", "kill -KILL $(head -n 1 $PGDATA/postmaster.pid)"]);
        let (status, lines) = container.end_and_start_again();
        container.line("begun");
        assert_eq!(status, 137, "{lines:#?}");
        at_once("the end of a killed PostgreSQL", begun.elapsed(), &lines);
        assert_eq!(ask(&container, "await ready; sql 'SELECT * FROM kept'"), "42");
        let took = container.stop();
        let (status, lines) = container.end();
        assert_eq!(status, 0, "{lines:#?}");
        at_once("docker stop of PostgreSQL", took, &lines);
        assert!(lines.iter().any(|line| line.contains("automatic recovery in progress")), "{lines:#?}");
    }
}

#[test]
fn the_daemons_of_the_example_are_killed_upgraded_and_stopped() {
    let Some(mut engine) = engine::turn() else { return };
    let image = engine.image("daemons");
    let checked = Container::start(&engine, &[], &image, &["check", "--strict"]).end();
    assert_eq!(checked.0, 0, "{:#?}", checked.1);
    let mut container = Container::start(&engine, &[], &image, &[]);
    container.each(&["ssh: running", "web: running", "database: running"]);

    // A session outlives its sshd: it answers a client's greeting with its own offer.
    let offer = r#"
        exec 4<>/dev/tcp/127.0.0.1/22
        IFS= read -r line <&4
        old=$(pid /run/sshd.pid)
        kill -KILL $old
        await succeeded $old /run/sshd.pid
        await banner >/dev/null
        printf 'SSH-2.0-story\r\n' >&4
        head -c 16 <&4 | wc -c
    "#;
    assert_eq!(ask(&container, offer), "16");
    container.line("ssh: daemon killed by SIGKILL");
    container.line("ssh: running");
    ask(&container, "old=$(pid /run/sshd.pid); kill -HUP $old; await banner; await alive $(pid /run/sshd.pid)");

    // nginx's workers hold the port when their master is killed, also those of an upgraded one.
    let back = "kill -KILL $old; await succeeded $old /run/nginx.pid; await shows 'the first'";
    ask(&container, &format!("old=$(pid); {back}"));
    container.line("web: daemon killed by SIGKILL");
    container.line("web: running");
    ask(&container, "old=$(pid); kill -USR2 $old; upgrade $old; kill -QUIT $old; await gone $old");
    container.line("web: its daemon ended with 0");
    container.line("web: running");
    ask(&container, &format!("old=$(pid); {back}"));
    container.line("ending what it left behind");
    container.line("web: running");

    let kept = "wmexec --user postgres psql -qAtc";
    ask(&container, &format!("{kept} 'CREATE TABLE kept AS SELECT 42'"));
    ask(&container, "old=$(pid $database); kill -KILL $old; await succeeded $old $database; await ready");
    container.line("database: daemon killed by SIGKILL");
    container.line("database: running");
    ask(&container, &format!("{kept} \"ALTER SYSTEM SET work_mem = '7MB'\"; kill -HUP $(pid $database)"));
    ask(&container, &format!("shown() {{ [ \"$({kept} 'SHOW work_mem')\" = 7MB ]; }}; await shown"));

    // The container is killed and comes back: each file says the number of one that may be there again.
    container.signal("KILL");
    let (status, lines) = container.end_and_start_again();
    assert_eq!(status, 137, "{lines:#?}");
    container.each(&["ssh: running", "web: running", "database: running"]);
    assert_eq!(ask(&container, &format!("{kept} 'SELECT * FROM kept'")), "42");
    let took = container.stop();
    let (status, lines) = container.end();
    assert_eq!(status, 0, "{lines:#?}");
    at_once("docker stop of all three", took, &lines);
    for line in ["ssh: stopped: exited with 0", "web: stopped: exited with 0", "database: stopped: exited with 0"] {
        assert!(lines.iter().any(|found| found.contains(line)), "{line}: {lines:#?}");
    }
}
