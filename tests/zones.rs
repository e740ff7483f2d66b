//! The rules of time zones that are built in: they are those of the system's zone files, and `wingmate next` tells the
//! same times with files and without.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use wingmate::schedule::iana;
use wingmate::schedule::zone::Zone;

/// 441 expressions with zones and times (see `next.rs`).
const CASES: &str = include_str!("data/next.tsv");

/// What is built in begins with 2024; the last year that a zone file has a table for is 2087.
const SINCE: i64 = 1_704_067_200;
const UNTIL: i64 = 4_102_444_800;

/// In so many zones another release may say something else; a zone of several names is one.
const HANDFUL: usize = 5;

fn system() -> PathBuf {
    std::env::var_os("TZDIR").unwrap_or("/usr/share/zoneinfo".into()).into()
}

/// The offset at first, and all changes of it after that.
fn changes(zone: &Zone) -> Vec<(i64, i32)> {
    let mut span = zone.span(SINCE);
    let mut changes = vec![(SINCE, span.offset)];
    while span.end < UNTIL {
        let next = zone.span(span.end);
        // A file also has changes of the name alone.
        if next.offset != span.offset {
            changes.push((next.start, next.offset));
        }
        span = next;
    }
    changes
}

/// Zones of the system's files. Names begin with a capital: `posixrules`, `localtime` and tables don't, and what is below
/// `posix` and `right` are the same zones once more.
fn files(directory: &Path, prefix: &str, found: &mut BTreeMap<String, Zone>) {
    for entry in fs::read_dir(directory).expect("packaging/setup.sh installs zone files").map(Result::unwrap) {
        let name = entry.file_name().into_string().unwrap();
        if !name.starts_with(|c: char| c.is_ascii_uppercase()) {
            continue;
        }
        let name = format!("{prefix}{name}");
        match entry.path() {
            path if path.is_dir() => files(&path, &format!("{name}/"), found),
            path => _ = found.insert(name, Zone::from_tzif(&fs::read(path).unwrap()).unwrap()),
        }
    }
}

#[test]
fn every_zone_is_that_of_the_systems_files() {
    let mut files_of_system = BTreeMap::new();
    files(&system(), "", &mut files_of_system);
    let built_in: BTreeMap<String, Zone> =
        iana::names().into_iter().map(|name| (name.clone(), iana::zone(&name).unwrap())).collect();
    let all: BTreeSet<&String> = files_of_system.keys().chain(built_in.keys()).collect();
    let said = |zones: &BTreeMap<String, Zone>, name: &String| zones.get(name).map(changes);
    // Zones that differ in the same way are one zone with several names.
    let mut differing: BTreeMap<_, Vec<&str>> = BTreeMap::new();
    for name in &all {
        let (file, inside) = (said(&files_of_system, name), said(&built_in, name));
        if file != inside {
            differing.entry((file, inside)).or_default().push(name);
        }
    }
    let table = fs::read_to_string(system().join("tzdata.zi")).unwrap_or_default();
    let theirs = table.lines().next().and_then(|line| line.strip_prefix("# version "));
    let allowed = if theirs == Some(iana::release()) { 0 } else { HANDFUL };
    let mut told = format!(
        "{} zones; {} of tzdata {} aren't what the system's files say, of tzdata {}:\n",
        all.len(),
        differing.len(),
        iana::release(),
        theirs.unwrap_or("unknown"),
    );
    for ((file, inside), names) in &differing {
        let names = names.join(" = ");
        told += &match (file, inside) {
            (Some(file), Some(inside)) => {
                let both = file.iter().zip(inside).take_while(|(one, other)| one == other).count();
                format!("  {names}: then {:?} in the file, {:?} built in\n", file.get(both), inside.get(both))
            }
            (file, _) => format!("  {names}: only {}\n", if file.is_some() { "in a file" } else { "built in" }),
        };
    }
    assert!(all.len() > 590, "{told}");
    assert!(
        differing.len() <= allowed,
        "{told}If what is built in is older, packaging/zones.py tells how to renew it."
    );
    if !differing.is_empty() {
        std::io::stderr().write_all(told.as_bytes()).unwrap();
    }
}

/// A directory of no zone files, gone with the test.
struct Bare(PathBuf);

impl Bare {
    fn new(test: &str) -> Bare {
        let path = std::env::temp_dir().join(format!("wingmate-bare-{test}-{}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        Bare(path)
    }

    /// `wingmate next` where there are no zone files.
    fn next(&self, zone: &str, args: &[&str]) -> Output {
        command(zone, args).env("TZDIR", &self.0).output().unwrap()
    }
}

impl Drop for Bare {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn command(zone: &str, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_wingmate"));
    command.args(["next", "--tz", zone]).args(args).env_remove("WINGMATE_CONFIG_PATH").env("TZ", "UTC0");
    command
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

#[test]
fn every_row_of_the_oracle_agrees_without_files() {
    let bare = Bare::new("rows");
    for row in CASES.lines() {
        let [expression, zone, start, expected] = row.split('\t').collect::<Vec<_>>()[..] else { panic!("{row}") };
        let count = expected.split(',').count().to_string();
        let output = bare.next(zone, &["--from", start, "-n", &count, expression]);
        assert_eq!(text(&output.stdout), expected.replace(',', "\n") + "\n", "{row}\n{}", text(&output.stderr));
    }
    assert_eq!(CASES.lines().count(), 441);
}

#[test]
fn unusual_zones_are_right_with_files_and_without() {
    // All of it has been: no release will say otherwise.
    let bare = Bare::new("unusual");
    let cases = [
        // Clocks change an hour before the day that the rule names, at 23:00, and back at its beginning.
        ("America/Nuuk", "2025-03-28T00", "30 23 * * *", "28T23:30:00-02:00 30T00:00:00-01:00 30T23:30:00-01:00"),
        ("America/Nuuk", "2025-10-25T22", "30 * * * *", "25T22:30:00-01:00 25T23:30:00-01:00 25T23:30:00-02:00"),
        // Ramadan: an hour back at its beginning, forward behind it. No rule says when; a table does.
        ("Africa/Casablanca", "2025-02-22T00", "30 2 * * *", "22T02:30:00+01:00 23T02:30:00+01:00 24T02:30:00+00:00"),
        ("Africa/Casablanca", "2025-04-05T00", "30 2 * * *", "05T02:30:00+00:00 06T03:00:00+01:00 07T02:30:00+01:00"),
        ("Asia/Gaza", "2025-04-11T00", "30 2 * * *", "11T02:30:00+02:00 12T03:00:00+03:00 13T02:30:00+03:00"),
        // Half an hour.
        ("Australia/Lord_Howe", "2025-04-06T00", "45 * * * *", "06T00:45:00+11:00 06T01:45:00+11:00 06T01:45:00+10:30"),
        (
            "Australia/Lord_Howe",
            "2025-10-05T00",
            "15 1-3 * * *",
            "05T01:15:00+10:30 05T02:30:00+11:00 05T03:15:00+11:00",
        ),
        // Other rules than today's until 2024.
        ("America/Asuncion", "2024-03-23T00", "30 23 * * *", "23T23:30:00-03:00 24T23:30:00-04:00 25T23:30:00-04:00"),
        ("America/Asuncion", "2024-10-05T00", "30 0 * * *", "05T00:30:00-04:00 06T01:00:00-03:00 07T00:30:00-03:00"),
        ("Asia/Almaty", "2024-02-28T00", "0 23 * * *", "28T23:00:00+06:00 29T23:00:00+06:00 01T23:00:00+05:00"),
        // Winter time is the one that is put in between.
        ("Europe/Dublin", "2025-03-30T00", "30 1 * * *", "30T02:00:00+01:00 31T01:30:00+01:00 01T01:30:00+01:00"),
    ];
    for (zone, start, expression, expected) in cases {
        let start = format!("{start}:00");
        let args = ["--from", &start, "-n", "3", expression];
        for output in [bare.next(zone, &args), command(zone, &args).output().unwrap()] {
            // Of the date the day is enough.
            let found: Vec<&str> = text(&output.stdout).lines().filter_map(|line| line.get(8..)).collect();
            assert_eq!(found.join(" "), expected, "{zone} {}", text(&output.stderr));
        }
    }
}

#[test]
fn without_files_an_unknown_zone_is_still_an_error_with_the_name_that_is_near() {
    let bare = Bare::new("unknown");
    for (zone, told) in [
        ("Europe/Berln", "wingmate: unknown time zone 'Europe/Berln' (did you mean 'Europe/Berlin'?)\n"),
        ("america/new_york", "wingmate: unknown time zone 'america/new_york' (did you mean 'America/New_York'?)\n"),
    ] {
        let output = bare.next(zone, &["@daily"]);
        assert_eq!((text(&output.stdout), text(&output.stderr), output.status.code()), ("", told, Some(1)));
    }
    let here = |tz: &str| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_wingmate"));
        let args = ["next", "--from", "2025-07-01T12:00", "0 13 * * *"];
        command.args(args).env_remove("WINGMATE_CONFIG_PATH").env("TZDIR", &bare.0).env("TZ", tz).output().unwrap()
    };
    for tz in ["Asia/Tokyo", ":Asia/Tokyo", "Japan", "/nonexistent/zoneinfo/Asia/Tokyo"] {
        assert_eq!(text(&here(tz).stdout), "2025-07-01T13:00:00+09:00\n", "{tz}");
    }
    let output = here("Asia/Tokio");
    assert!(text(&output.stderr).contains("did you mean 'Asia/Tokyo'?") && output.status.code() == Some(1));
}
