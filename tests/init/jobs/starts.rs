//! When and as what a run starts: at wingmate's own start, put off, as somebody else; and what is shown of it.

use super::{count, said};
use crate::world::{Place, can_switch_users};
use std::time::Duration;
use wingmate::model::job::Manner;
use wingmate::model::signal::Signal;
use wingmate::schedule::stamp::read;
use wingmate::schedule::zone::Zone;

#[test]
fn on_boot_runs_at_start_besides_the_schedule() {
    let place = Place::new(
        r#"
cron:
  both: { command: [ sh, -c, 'echo "$WINGMATE_JOB $WINGMATE_SCHEDULED_TIME"' ], schedule: "@every 1s", on_boot: true }
  once: { command: [ echo, once ], schedule: "@reboot", on_boot: true }
  rare: { command: [ echo, rare ], schedule: "0 0 29 2 *", on_boot: true }
  not: { command: [ echo, wrong ], schedule: "0 0 29 2 *" }
"#,
    );
    let mut wingmate = place.start(&[]);
    wingmate.each(&["both     | both 2", "once     | once", "rare     | rare"]);
    wingmate.line("both     | both 2");
    let lines = wingmate.stop();
    assert_eq!((count(&lines, "once: started"), count(&lines, "rare: started")), (1, 1), "{lines:#?}");
    assert_eq!(count(&lines, "wrong"), 0, "{lines:#?}");
}

#[test]
fn a_start_is_put_off_by_its_share_of_the_jitter() {
    let place = Place::new(
        r#"
cron:
  spread:
    command: [ sh, -c, 'echo "$WINGMATE_SCHEDULED_TIME $(date +%s)"' ]
    schedule: "@every 1s"
    overlap: allow
    jitter: 3s
    timezone: UTC
"#,
    );
    let mut wingmate = place.start(&[]);
    for _ in 0..2 {
        wingmate.line("spread   | 2");
    }
    let lines = wingmate.stop();
    let manner = Manner { jitter: Duration::from_secs(3), ..Manner::default() };
    for line in said(&lines, "spread   | ") {
        let (due, started) = line.split_once(' ').unwrap();
        let due = read(due, &Zone::utc()).unwrap().seconds();
        let late = started.parse::<i64>().unwrap() - due;
        let delay = manner.delay("spread", due).as_secs() as i64;
        // Both clocks show whole seconds, and a loaded machine is late.
        assert!((delay..delay + 4).contains(&late), "late by {late} s, not {delay}: {lines:#?}");
    }
}

#[test]
fn a_job_is_who_and_what_its_own_keys_say() {
    let place = Place::new(
        r#"
defaults: { environ: { BOTH: default, OWN: default } }
cron:
  plain: { command: [ sh, -c, 'echo "$BOTH $OWN $WINGMATE_JOB"' ], schedule: "@reboot" }
  own: { command: [ sh, -c, 'echo "$BOTH $OWN $WINGMATE_JOB ${PATH:+path} ${D:+d}"' ], schedule: "@reboot", environ: { OWN: own }, inherit_env: [ PATH ], working_dir: / }
"#,
    );
    let mut wingmate = place.start(&[]);
    wingmate.each(&["plain    | default default plain", "own      | default own own path "]);
    let lines = wingmate.stop();
    assert_eq!(count(&lines, "own path d"), 0, "{lines:#?}");
    if !can_switch_users("a job's user") {
        return;
    }
    let place = Place::new(
        r#"
cron:
  other: { command: [ sh, -c, 'echo "$(id -u):$(id -g) $HOME"' ], schedule: "@every 1s", user: "1234:5678", on_boot: true }
  root: { command: [ sh, -c, 'echo "$(id -u):$(id -g)"' ], schedule: "@every 1s" }
  nobody.there: { command: [ echo, wrong ], schedule: "@every 1s", user: "1234", working_dir: /nowhere }
"#,
    );
    let mut wingmate = place.start(&[]);
    wingmate.line("| 1234:5678 /");
    wingmate.each(&["| 1234:5678 /", "root         | 0:0", "error: nobody.there: "]);
    let lines = wingmate.stop();
    assert_eq!(count(&lines, "wrong"), 0, "{lines:#?}");
}

#[test]
fn the_status_table_tells_where_each_job_stands() {
    let place = Place::new(
        r#"
service:
  db: { command: [ sleep, inf ], ready: { file: never } }
cron:
  rare: { command: [ "true" ], schedule: "0 0 29 2 *", timezone: UTC }
  boot: { command: [ "true" ], schedule: "@reboot" }
  runs: { command: [ sh, -c, "echo begun; read x < $D/go" ], schedule: "@reboot" }
  lost: { command: [ no-such-program ], schedule: "@reboot" }
  fails: { command: [ sh, -c, "exit 3" ], schedule: "@reboot", retries: { count: 1, delay: 1h } }
  needs: { command: [ "true" ], schedule: "@reboot", depends_on: [ db ] }
  later: { command: [ "true" ], schedule: "@reboot", jitter: 10000h }
  stops: { command: [ sh, -c, "trap '' TERM; echo begun; read x < $D/go" ], schedule: "@reboot", timeout: 300ms, stop: { timeout: 1m } }
"#,
    );
    let mut wingmate = place.start(&["--shutdown-timeout", "1s"]);
    wingmate.each(&[
        "boot: exited with 0 after ",
        "runs     | begun",
        "lost: cannot execute ",
        "fails: exited with 3 after ",
        "needs: waiting (for db)",
        "stops: stopping (pid ",
    ]);
    wingmate.signal(Signal::USR1);
    wingmate.line("UNIT ");
    let rows: Vec<String> = (0..9).map(|_| wingmate.line("wingmate | ")).collect();
    let cells = |unit: &str| -> Vec<String> {
        let row = rows.iter().find_map(|row| row.split_once("info: ")?.1.strip_prefix(unit));
        let row = row.unwrap_or_else(|| panic!("no row of {unit}: {rows:#?}"));
        row.split("  ").map(str::trim).filter(|cell| !cell.is_empty()).map(str::to_owned).collect()
    };
    let (rare, boot, runs) = (cells("rare "), cells("boot "), cells("runs "));
    assert_eq!(rare[..5], ["idle", "-", "-", "0 runs", "-"]);
    assert!(rare[5].starts_with("next 20") && rare[5].ends_with("-02-29T00:00:00+00:00"), "{rare:?}");
    assert_eq!(boot[..5], ["idle", "-", "-", "1 run", "0"]);
    assert!(boot[5].starts_with("last 2") && boot[5].contains(", took "), "{boot:?}");
    assert!(runs[0] == "running" && runs[1].parse::<u32>().is_ok() && runs[2].ends_with('s'), "{runs:?}");
    let fails = cells("fails ");
    assert!(fails[..5] == ["backoff", "-", "-", "1 run", "3"] && fails[5].starts_with("1 failed, last 2"), "{fails:?}");
    assert_eq!(cells("lost "), ["idle", "-", "-", "1 run", "127", "1 failed"]);
    assert_eq!(cells("needs "), ["waiting", "-", "-", "0 runs", "-", "for db"]);
    assert_eq!(cells("later ")[..5], ["waiting", "-", "-", "0 runs", "-"]);
    let stops = cells("stops ");
    assert!(stops[0] == "stopping" && stops[1].parse::<u32>().is_ok(), "{stops:?}");
    wingmate.signal(Signal::TERM);
    assert_eq!(wingmate.end().0, 0);
}
