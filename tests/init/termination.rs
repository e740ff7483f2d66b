//! The termination log: why wingmate ended, where Kubernetes looks for it.

use crate::world::{AS_INIT, Place, Wingmate, told, verdict};
use std::fs;
use std::os::unix::fs::symlink;
use std::process::Command;
use wingmate::model::signal::Signal;

const LOG: &str = "termination-log";

/// `wingmate ARGS` that knows the place's own log.
fn with_log(place: &Place, args: &[&str]) -> Command {
    let mut command = place.command(AS_INIT, args);
    command.env("WINGMATE_TERMINATION_LOG", place.path(LOG));
    command
}

#[test]
fn the_last_line_is_added_plain_for_every_end_by_itself() {
    let api = "service:\n  api: { command: [ sh, -c, 'exit 3' ], critical: true, restart: never }\n";
    let done = "service:\n  once: { command: [ 'true' ], oneshot: true }\n";
    let failed = "service:\n  once: { command: [ sh, -c, 'exit 4' ], oneshot: true }\n";
    let rows: [(&str, &[&str], i32, &str); 6] = [
        (api, &[], 3, "stopping: critical service api: exited with 3; exit status 3"),
        (done, &[], 0, "stopping: nothing is left to run: all is done; exit status 0"),
        (failed, &[], 1, "stopping: nothing is left to run: failed: once; exit status 1"),
        ("", &["--", "sh", "-c", "exit 7"], 7, "stopping: main command exited with 7; exit status 7"),
        ("", &["--", "true"], 0, "stopping: main command exited with 0; exit status 0"),
        (failed, &["--", "true"], 1, "stopping: main command not started: once failed; exit status 1"),
    ];
    for (yaml, args, status, says) in rows {
        for format in ["text", "json", "raw"] {
            let place = Place::new(yaml);
            place.file(LOG, "from before\n");
            let (code, _, stderr) =
                told(with_log(&place, &["--log-format", format, "--log-level", "error"]).args(args));
            assert_eq!(code, status, "{stderr}");
            assert_eq!(place.read(LOG), format!("from before\nwingmate: {says}\n"));
        }
    }
}

#[test]
fn what_was_asked_for_and_ended_with_0_is_no_news() {
    let place = Place::new("service:\n  web: { command: [ sh, -c, 'echo up; read x < $D/go' ] }\n");
    for (args, status) in [(&[][..], 0), (&["--", "sh", "-c", "echo main; read x < $D/go"], 143)] {
        place.file(LOG, "");
        let mut wingmate = Wingmate::launch(&mut with_log(&place, args));
        wingmate.line(if args.is_empty() { "| up" } else { "main" });
        wingmate.signal(Signal::TERM);
        let (code, lines) = wingmate.end();
        assert_eq!(code, status, "{lines:#?}");
        let last = verdict(&lines).split_once(": ").unwrap().1;
        let expected = if status == 0 { String::new() } else { format!("wingmate: {last}\n") };
        assert_eq!(place.read(LOG), expected);
    }
}

#[test]
fn a_refusal_is_told_there_too() {
    let rows: [(&str, &[&str], i32, &str); 4] = [
        (
            "service:\n  web:\n    comand: x\n    restart: perhaps\n",
            &["-c", "."],
            1,
            "./wingmate.yaml:3:5: unknown key 'comand' in service 'web' (did you mean 'command'?); 1 more; exit status 1",
        ),
        ("", &["-c", "."], 1, "nothing to run: no services, cron jobs or command (looked in .); exit status 1"),
        ("", &["-x"], 2, "unknown option '-x'; exit status 2"),
        ("", &["-e", "300", "--", "true"], 2, "-e: '300' is not an exit status (0 to 255); exit status 2"),
    ];
    for (yaml, args, status, says) in rows {
        let place = Place::new(yaml);
        place.file(LOG, "");
        let (code, _, stderr) = told(place.bare(AS_INIT, args).env("WINGMATE_TERMINATION_LOG", place.path(LOG)));
        assert_eq!(code, status, "{stderr}");
        assert_eq!(place.read(LOG), format!("wingmate: {says}\n"), "{stderr}");
    }
}

#[test]
fn a_line_has_at_most_a_kibibyte() {
    let units = (0..40).map(|n| {
        format!("  a-service-with-quite-a-long-name-{n:03}: {{ command: [ sh, -c, 'exit 1' ], oneshot: true }}\n")
    });
    let place = Place::new(&format!("service:\n{}", units.collect::<String>()));
    place.file(LOG, "");
    let (status, _, stderr) = told(&mut with_log(&place, &[]));
    assert_eq!(status, 1, "{stderr}");
    let log = place.read(LOG);
    assert_eq!(log.len(), 1024, "{log}");
    assert!(log.starts_with("wingmate: stopping: nothing is left to run: failed: a-service") && log.ends_with('\n'));
}

#[test]
fn nothing_is_made_followed_or_waited_for() {
    let place = Place::new("");
    place.file("elsewhere", "");
    place.file("directory/x", "");
    symlink(place.path("elsewhere"), place.path("link")).unwrap();
    place.fifo("fifo");
    symlink("/dev/null", place.path("null")).unwrap();
    for name in ["missing", "link", "directory", "fifo", "null", "no/such/directory"] {
        let mut command = place.command(AS_INIT, &["--", "sh", "-c", "exit 7"]);
        let (status, _, stderr) = told(command.env("WINGMATE_TERMINATION_LOG", place.path(name)));
        assert_eq!(status, 7, "{name}: {stderr}");
        assert_eq!(stderr.lines().count(), 4, "nobody hears of it: {stderr}");
    }
    assert!(!fs::exists(place.path("missing")).unwrap());
    assert_eq!(place.read("elsewhere"), "");
    place.tell("fifo", "first");
    assert_eq!(place.hear("fifo"), "first", "nothing was written there");
}

#[test]
fn by_itself_it_is_dev_termination_log_unless_the_variable_is_empty() {
    let place = Place::new("");
    place.file(LOG, "");
    let dev = r#"mount -t tmpfs none /dev && : > /dev/termination-log && mount --bind $D/termination-log /dev/termination-log && exec "$@""#;
    for (variable, says) in [
        (Some(("WINGMATE_TERMINATION_LOG", "")), ""),
        (None, "wingmate: stopping: main command exited with 7; exit status 7\n"),
    ] {
        let mut command = place.bare(&["sh", "-c", dev, "sh"], &["--", "sh", "-c", "exit 7"]);
        let (status, _, stderr) = told(command.envs(variable));
        assert_eq!(status, 7, "{stderr}");
        assert_eq!(place.read(LOG), says);
    }
}
