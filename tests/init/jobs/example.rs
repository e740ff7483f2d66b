//! example/cron: what it shows, it does.

use super::count;
use crate::world::{AS_INIT, Place, Wingmate};
use std::fs;

#[test]
fn the_example_runs_at_start_and_makes_up_for_a_night() {
    let root = env!("CARGO_MANIFEST_DIR");
    let place = Place::new("");
    for file in ["crontab", "wingmate.yaml"] {
        let text = fs::read_to_string(format!("{root}/example/cron/{file}")).unwrap();
        let text = text.replace("/tmp/wingmate-example", &place.path("state"));
        // Nobody waits for ten seconds here.
        place.file(file, &text.replace("jitter: 10s", "jitter: 10ms"));
    }
    let start = || Wingmate::launch(place.command(AS_INIT, &[]).current_dir(root));
    let mut wingmate = start();
    wingmate.each(&["| it is ", "| up since ", "| by /bin/sh", "backup: exited with 0 after "]);
    let lines = wingmate.stop();
    assert_eq!((count(&lines, "made up for"), count(&lines, "warn: backup")), (0, 0), "{lines:#?}");
    assert!(fs::metadata(place.path("state/backup.tar.gz")).unwrap().len() > 100);

    fs::remove_file(place.path("state/backup.tar.gz")).unwrap();
    place.file("state/backup", "2025-06-01T01:30:00+00:00\n");
    let mut wingmate = start();
    wingmate.each(&["), made up for 2", "backup: exited with 0 after "]);
    let lines = wingmate.stop();
    assert_eq!(count(&lines, "backup: started (pid "), 1, "{lines:#?}");
    assert!(lines.iter().any(|line| line.contains(", made up for ") && line.contains("T03:30:00+0")), "{lines:#?}");
    assert!(fs::metadata(place.path("state/backup.tar.gz")).unwrap().len() > 100);
}
