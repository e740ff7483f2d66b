//! `missed: once`: what was due while wingmate wasn't running is made up for when it starts.

use super::count;
use crate::world::{Place, Wingmate};
use std::fs;
use std::path::Path;

/// New Year's Day, so that a record of some years ago has missed one and a new one none.
const KEEPS: &str = r#"
state: state
cron:
  yearly: { command: [ sh, -c, 'echo "due $WINGMATE_SCHEDULED_TIME"' ], schedule: "0 0 1 1 *", timezone: UTC, missed: once }
  marks: { command: [ echo, started ], schedule: "@reboot" }
"#;

/// From its start until a job that is due at it has run, which is behind whatever was made up for; every line.
fn first_moments(place: &Place) -> Vec<String> {
    let mut wingmate = place.start(&[]);
    settled(&mut wingmate);
    wingmate.stop()
}

fn settled(wingmate: &mut Wingmate) {
    wingmate.line("marks: exited with 0 after ");
    wingmate.await_rest();
}

/// Asserts that a file holds one RFC 3339 time, and gives it.
fn record(place: &Place, name: &str) -> String {
    let text = place.read(name);
    let time = text.strip_suffix('\n').unwrap_or_else(|| panic!("no line: {text:?}"));
    let shape: String = time.chars().map(|c| if c.is_ascii_digit() { '9' } else { c }).collect();
    assert_eq!(shape, "9999-99-99T99:99:99+99:99");
    time.to_owned()
}

fn entries(path: &str) -> Vec<String> {
    let mut names: Vec<String> =
        fs::read_dir(path).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn a_missed_run_is_made_up_for_exactly_once() {
    let place = Place::new(KEEPS);
    place.file("state/yearly", "2020-06-01T00:00:00+00:00\n");
    let lines = first_moments(&place);
    assert_eq!(count(&lines, "yearly: started (pid "), 1, "{lines:#?}");
    let made_up = lines.iter().find(|line| line.contains("), made up for 2")).unwrap();
    assert!(made_up.ends_with("-01-01T00:00:00+00:00"), "{made_up}");
    let moment = made_up.rsplit(' ').next().unwrap();
    assert!(lines.iter().any(|line| *line == format!("yearly   | due {moment}")), "{lines:#?}");
    assert_eq!(record(&place, "state/yearly"), moment);
    assert_eq!(entries(&place.path("state")), ["yearly"], "nothing else is left there");
    let lines = first_moments(&place);
    assert_eq!(count(&lines, "yearly"), 0, "not again: {lines:#?}");
    assert_eq!(record(&place, "state/yearly"), moment);
}

#[test]
fn without_a_record_it_is_begun_and_nothing_runs() {
    let place = Place::new(KEEPS);
    let lines = first_moments(&place);
    assert_eq!(count(&lines, "yearly"), 0, "{lines:#?}");
    let begun = record(&place, "state/yearly");
    assert_eq!(entries(&place.path("state")), ["yearly"]);
    // The directory was made; what was begun holds at the next start.
    let lines = first_moments(&place);
    assert_eq!(count(&lines, "yearly"), 0, "{lines:#?}");
    assert_eq!(record(&place, "state/yearly"), begun);
}

#[test]
fn a_record_that_is_none_is_told_and_begun_anew() {
    for corrupt in ["", "yesterday\n", "2020-06-01T00:00:00+00:00", "2020-13-01T00:00:00Z\n", &"1".repeat(100_000)] {
        let place = Place::new(KEEPS);
        place.file("state/yearly", corrupt);
        let lines = first_moments(&place);
        assert_eq!(count(&lines, "warn: yearly: it isn't known when it was last due: "), 1, "{lines:#?}");
        assert_eq!(count(&lines, "yearly: started"), 0, "{lines:#?}");
        assert!(record(&place, "state/yearly").starts_with("20"));
    }
}

#[test]
fn a_directory_that_cannot_be_used_is_told_once_and_survived() {
    for state in ["not/there", "wingmate.yaml", "/proc", "/sys/wingmate"] {
        let place = Place::new(&KEEPS.replace("state: state", &format!("state: {state}")));
        let lines = first_moments(&place);
        let told = "a run that is missed now won't be made up for";
        assert_eq!(count(&lines, told), 1, "{lines:#?}");
        assert!(count(&lines, "warn: yearly: cannot write '") == 1, "{lines:#?}");
        assert_eq!(count(&lines, "yearly: started"), 0, "{lines:#?}");
    }
}

#[test]
fn a_record_that_cannot_be_read_or_replaced_is_told_and_survived() {
    let place = Place::new(KEEPS);
    // Not even root reads or replaces a directory like a file.
    place.file("state/yearly/file", "");
    let lines = first_moments(&place);
    assert_eq!(count(&lines, "warn: yearly: it isn't known when it was last due: cannot read "), 1, "{lines:#?}");
    assert_eq!(count(&lines, "warn: yearly: cannot write 'state/yearly': is a directory; "), 1, "{lines:#?}");
    assert_eq!(count(&lines, "yearly: started"), 0, "{lines:#?}");
    assert_eq!(entries(&place.path("state")), ["yearly"], "nothing else is left there");
}

#[test]
fn on_a_read_only_volume_what_was_missed_is_made_up_for_and_the_rest_told() {
    let place = Place::new(KEEPS);
    place.file("state/yearly", "2020-06-01T00:00:00+00:00\n");
    let state = place.path("state");
    // A mount of its own, which only this wingmate sees.
    let script = format!("mount --bind {state} {state} && mount -o remount,bind,ro {state} && exec \"$@\"");
    let through = ["unshare", "--mount", "--", "sh", "-c", &script, "sh"];
    let mut wingmate = Wingmate::launch(&mut place.command(&through, &[]));
    wingmate.each(&["marks: exited with 0 after ", "yearly: exited with 0 after "]);
    let lines = wingmate.stop();
    assert_eq!(count(&lines, "yearly: cannot write '"), 1, "{lines:#?}");
    assert_eq!(count(&lines, "read-only file system"), 1, "{lines:#?}");
    assert_eq!(place.read("state/yearly"), "2020-06-01T00:00:00+00:00\n");
}

#[test]
fn what_is_not_asked_to_be_kept_is_not() {
    let place = Place::new(&KEEPS.replace(", missed: once", ""));
    place.file("state/yearly", "2020-06-01T00:00:00+00:00\n");
    let lines = first_moments(&place);
    assert_eq!(count(&lines, "yearly"), 0, "{lines:#?}");
    assert_eq!(place.read("state/yearly"), "2020-06-01T00:00:00+00:00\n");
    let place = Place::new(&KEEPS.replace(", missed: once", ", missed: skip").replace("state: state\n", ""));
    first_moments(&place);
    assert!(!Path::new(&place.path("state")).exists(), "nothing is written");
}

#[test]
fn one_that_is_made_up_for_is_tried_again_like_any_other() {
    let script = "'test -e $D/tried || { touch $D/tried; exit 1; }'";
    let place = Place::new(
        &KEEPS
            .replace("'echo \"due $WINGMATE_SCHEDULED_TIME\"'", script)
            .replace("missed: once", "missed: once, on_boot: true, retries: { count: 5, delay: 50ms }"),
    );
    place.file("state/yearly", "2020-06-01T00:00:00+00:00\n");
    let mut wingmate = place.start(&[]);
    wingmate.each(&["marks: exited with 0 after ", "yearly: exited with 0 after "]);
    let lines = wingmate.stop();
    assert_eq!(count(&lines, "yearly: started (pid "), 2, "one run at start is both, and one more try: {lines:#?}");
    assert_eq!(count(&lines, "), made up for 2"), 1, "{lines:#?}");
    assert_eq!(count(&lines, "), retry 1 of 5"), 1, "{lines:#?}");
}
