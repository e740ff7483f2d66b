//! Who starts after whom, what runs beside a start and a stop, who stops before whom.

use crate::world::{Place, order, verdict};
use wingmate::model::signal::Signal;

#[test]
fn services_start_when_what_they_need_is_up_and_stop_the_other_way_round() {
    let place = Place::new(
        r#"
service:
  web:
    command: [ sh, -c, "trap 'echo web is ending; exit' TERM; echo web is up; while :; do sleep 0.1; done" ]
    depends_on: [ migrate ]
  migrate: { command: [ sh, -c, "read -r line < gate; echo $line" ], oneshot: true, depends_on: [ db ], working_dir: HERE }
  db: { command: [ sh, -c, "trap 'echo db is ending; exit' TERM; echo db is up; while :; do sleep 0.1; done" ] }
"#,
    );
    place.fifo("gate");
    let yaml = place.read("wingmate.yaml").replace("HERE", &place.path(""));
    place.file("wingmate.yaml", &yaml);
    let mut wingmate = place.start(&[]);
    wingmate.each(&["web: waiting (for migrate)", "| db is up", "migrate: running"]);
    place.tell("gate", "migrated");
    wingmate.line("| web is up");
    wingmate.signal(Signal::TERM);
    let (status, lines) = wingmate.end();
    assert_eq!(status, 0, "{lines:#?}");
    assert_eq!(order(&lines, &["web is ending", "db is ending"]), ["web is ending", "db is ending"], "{lines:#?}");
}

#[test]
fn what_waits_in_vain_ends_wingmate_when_nothing_else_is_left() {
    let place = Place::new(
        "service:\n  web: { command: [ sleep, inf ], depends_on: [ migrate ] }\n  migrate: { command: [ \"false\" ], oneshot: true }\n",
    );
    let (status, lines) = place.run(&[]);
    assert_eq!(status, 1, "{lines:#?}");
    assert_eq!(
        verdict(&lines),
        "wingmate | error: stopping: nothing is left to run: failed: web, migrate; exit status 1"
    );
    let (status, lines) = place.run(&["--", "sleep", "inf"]);
    assert_eq!(status, 1, "{lines:#?}");
    assert!(verdict(&lines).contains("main command not started: "), "{lines:#?}");
}

#[test]
fn commands_beside_a_service_have_its_environment_and_their_place() {
    let place = Place::new(
        r#"
service:
  web:
    command: [ sh, -c, "echo starting as $NAME; exec sleep inf" ]
    environ: { NAME: web7 }
    pre_start: [ sh, -c, "echo preparing for $NAME" ]
    post_stop: { command: [ sh, -c, "echo cleaning up after $NAME" ], timeout: 5s }
    stop: { command: [ sh, -c, "echo asked to stop $MAINPID; kill -s INT $MAINPID" ] }
"#,
    );
    let mut wingmate = place.start(&[]);
    wingmate.each(&["| preparing for web7", "| starting as web7", "web: running (pid "]);
    wingmate.signal(Signal::TERM);
    let (status, lines) = wingmate.end();
    assert_eq!(status, 0, "{lines:#?}");
    let words = ["asked to stop 3", "cleaning up after web7"];
    assert_eq!(order(&lines, &words), words, "the hook was process 2: {lines:#?}");
    assert!(lines.iter().any(|line| line.ends_with("web: stopped: killed by SIGINT")), "{lines:#?}");
}

#[test]
fn a_pre_start_that_fails_is_a_start_that_failed() {
    let place = Place::new(
        "service:\n  web: { command: [ sleep, inf ], pre_start: [ sh, -c, \"exit 7\" ], critical: true, restart: never }\n",
    );
    let (status, lines) = place.run(&[]);
    assert_eq!(status, 1, "{lines:#?}");
    assert!(verdict(&lines).contains("critical service web: pre_start exited with 7"), "{lines:#?}");
}

#[test]
fn a_delayed_shutdown_waits_and_a_second_signal_ends_that() {
    let place = Place::new("shutdown: { delay: 60s, timeout: 70s }\nservice:\n  web: { command: [ sleep, inf ] }\n");
    let mut wingmate = place.start(&[]);
    wingmate.line("web: running");
    wingmate.signal(Signal::TERM);
    wingmate.line("stopping in 1m00s: SIGTERM received");
    wingmate.signal_until_its_end(Signal::INT);
    let (status, lines) = wingmate.end();
    assert_eq!(status, 0, "{lines:#?}");
    assert!(lines.iter().any(|line| line.contains("web: stopped: killed by SIGTERM")), "{lines:#?}");
}

#[test]
fn instances_are_units_of_their_own() {
    let place = Place::new(
        r#"
service:
  web: { command: [ sh, -c, "echo I am {instance} of $WINGMATE_INSTANCE; exec sleep inf" ], instances: 2 }
  proxy: { command: [ sh, -c, "echo all are up; exec sleep inf" ], depends_on: [ web ] }
"#,
    );
    let mut wingmate = place.start(&[]);
    wingmate.each(&["| I am 1 of 1", "| I am 2 of 2", "| all are up"]);
    wingmate.stop();
}
