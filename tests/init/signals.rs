//! Signals that stop nothing.

use crate::world::{AS_INIT, ORDINARY, Place, Wingmate};
use wingmate::model::signal::Signal;

const TWO: &str = r#"
service:
  web: { command: [ sleep, inf ] }
  once: { command: [ sh, -c, "exit 0" ], oneshot: true }
cron:
  job: { command: [ "true" ], schedule: "0 0 1 1 *" }
"#;

#[test]
fn usr1_logs_the_status_table() {
    let place = Place::new(TWO);
    let mut wingmate = place.start(&[]);
    wingmate.each(&["web: running", "once: exited with 0"]);
    wingmate.signal(Signal::USR1);
    let words = |line: String| line.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
    let header = words(wingmate.line("info: UNIT "));
    assert_eq!(header[3..], ["UNIT", "STATE", "PID", "UP", "RESTARTS", "LAST", "EXIT", "NOTE"]);
    let web = words(wingmate.line("info: web "));
    assert_eq!(web[3..6], ["web", "running", "2"]);
    assert_eq!(web[7..], ["0", "-"]);
    assert_eq!(words(wingmate.line("info: once "))[3..], ["once", "done", "-", "-", "0", "0"]);
    let job = words(wingmate.line("info: job "));
    assert_eq!(job[3..11], ["job", "idle", "-", "-", "0", "runs", "-", "next"]);
    assert!(job[11].contains("-01-01T00:00:00"), "{job:?}");
    wingmate.stop();
}

#[test]
fn hup_reads_the_configuration_again_and_usr2_has_nothing_to_reopen() {
    let place = Place::new(TWO);
    let mut wingmate = place.start(&[]);
    wingmate.line("web: running");
    wingmate.signal(Signal::HUP);
    wingmate.line("wingmate | info: SIGHUP: reading the configuration again");
    wingmate.line("wingmate | info: reloaded: 3 unchanged");
    wingmate.signal(Signal::USR2);
    wingmate.line("wingmate | info: SIGUSR2: no log files to reopen");
    wingmate.stop();
}

#[test]
fn no_other_signal_brings_it_down() {
    // What can't be caught, what stops, and what a fault raises, which from outside the namespace really would kill.
    let others = ["KILL", "STOP", "TERM", "INT", "QUIT", "RTMIN+3", "SEGV", "BUS", "FPE", "ILL", "TRAP", "SYS"];
    let others = others.map(|name| name.parse::<Signal>().unwrap());
    for through in [AS_INIT, ORDINARY] {
        let place = Place::new(TWO);
        let mut wingmate = Wingmate::launch(&mut place.command(through, &["--log-level", "debug"]));
        wingmate.line("web: running");
        for signal in (1..=64).filter_map(Signal::from_number).filter(|signal| !others.contains(signal)) {
            wingmate.signal(signal);
            if ![Signal::CHLD, Signal::USR1].contains(&signal) {
                wingmate.line(&format!("{signal}: "));
            }
        }
        let lines = wingmate.stop();
        assert_eq!(lines.iter().filter(|line| line.contains("web: running")).count(), 1, "{lines:#?}");
    }
}
