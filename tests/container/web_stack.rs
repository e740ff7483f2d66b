//! example/web-stack, with the real nginx and the real PostgreSQL: what its Dockerfile says can be tried.

use crate::engine;
use crate::running::Container;

/// Defines `page`, which shows what the web server answers, and fails if it doesn't.
const PAGE: &str = r#"
    page() {
        exec 3<>/dev/tcp/127.0.0.1/8080 && printf 'GET / HTTP/1.0\r\n\r\n' >&3 && grep -a 'This stack' <&3
    } 2>/dev/null
    database() { head -n 1 "$PGDATA/postmaster.pid"; }
"#;

fn ask(container: &Container<'_>, script: &str) -> String {
    container.ask(&["timeout", "60", "bash", "-c", &format!("{PAGE}{script}")]).trim_end().to_owned()
}

/// Where the first line with this text is.
fn place(lines: &[String], text: &str) -> usize {
    lines.iter().position(|line| line.contains(text)).unwrap_or_else(|| panic!("no '{text}': {lines:#?}"))
}

#[test]
fn the_web_stack_comes_up_in_order_and_goes_down_in_reverse() {
    let Some(mut engine) = engine::turn() else { return };
    let image = engine.image("web-stack");
    let checked = Container::start(&engine, &[], &image, &["check", "--strict"]).end();
    assert_eq!(checked.0, 0, "{:#?}", checked.1);

    let mut container = Container::start(&engine, &[], &image, &[]);
    container.line("database: running");
    container.line("migrate: running");
    container.line("migrate: exited with 0");
    container.line("web: starting");
    container.line("web: running");
    assert_eq!(ask(&container, "page"), "This stack has been started 1 times.");

    container.stop();
    let (status, first) = container.end_and_start_again();
    assert_eq!(status, 0, "{first:#?}");
    assert!(place(&first, "web: stopped") < place(&first, "database: stopping"), "{first:#?}");
    place(&first, "database system is shut down");

    // It had come to a clean end: there is nothing to recover, and what was in it is in it.
    container.line("database system was shut down");
    container.line("web: running");
    assert_eq!(ask(&container, "page"), "This stack has been started 2 times.");
    container.stop();
    let (status, second) = container.end();
    assert_eq!(status, 0, "{second:#?}");
    for trouble in ["not properly shut down", "recovery", "interrupted", "SIGKILL"] {
        assert!(!second.iter().any(|line| line.contains(trouble)), "{trouble}: {second:#?}");
    }
}

#[test]
fn the_web_stack_answers_while_its_database_is_killed() {
    let Some(mut engine) = engine::turn() else { return };
    let image = engine.image("web-stack");
    let mut container = Container::start(&engine, &[], &image, &[]);
    container.line("web: running");
    let throughout = r#"
        killed=$(database)
        kill -9 "$killed"
        answers=0
        until [ "$(database)" != "$killed" ] && pg_isready --quiet; do
            page >/dev/null || { echo "no answer after $answers"; exit 1; }
            answers=$((answers + 1))
        done
        echo "$answers"
    "#;
    let answers: u32 = ask(&container, throughout).parse().expect("a number");
    assert!(answers > 0);
    container.line("database: killed by SIGKILL");
    container.line("database: running");
    container.stop();
    let (status, lines) = container.end();
    assert_eq!(status, 0, "{lines:#?}");
    for once in ["migrate: running", "web: running"] {
        assert_eq!(lines.iter().filter(|line| line.contains(once)).count(), 1, "{once}: {lines:#?}");
    }
}

#[test]
fn the_web_stack_changes_its_web_server_alone() {
    let Some(mut engine) = engine::turn() else { return };
    let image = engine.image("web-stack");
    let mut container = Container::start(&engine, &[], &image, &[]);
    container.line("web: running");
    let pids = "database; cat /run/nginx.pid";
    let before = ask(&container, pids);
    let change = r#"sed -i 's/nginx.conf \]/nginx.conf, -g, "worker_processes 3;" ]/' /etc/wingmate/wingmate.yaml && kill -HUP 1"#;
    ask(&container, change);
    container.line("web: stopped");
    container.line("web: running");
    let after = ask(&container, pids);
    let [before, after] = [&before, &after].map(|pids| pids.split_once('\n').expect("two pids"));
    assert_eq!(before.0, after.0, "the database");
    assert_ne!(before.1, after.1, "the web server");
    let children = "wc --words </proc/$(cat /run/nginx.pid)/task/$(cat /run/nginx.pid)/children";
    assert_eq!(ask(&container, children), "3", "workers");
    container.stop();
    let (status, lines) = container.end();
    assert_eq!(status, 0, "{lines:#?}");
    for once in ["migrate: running", "database: running"] {
        assert_eq!(lines.iter().filter(|line| line.contains(once)).count(), 1, "{once}: {lines:#?}");
    }
}
