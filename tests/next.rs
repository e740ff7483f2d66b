//! When jobs fire: 441 rows made with Python's cronsim over Debian's zone files, and `wingmate next` as users call it.
//! `schedule` compares many more at each run.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::process::{Command, Output, Stdio};
use wingmate::model::moment::Wall;
use wingmate::runtime::zones::Zones;
use wingmate::schedule::iana;
use wingmate::schedule::next::next;
use wingmate::schedule::stamp::{Stamp, read};
use wingmate::schedule::zone::Zone;
use wingmate::schedule::{Expression, Schedule};

const CASES: &str = include_str!("data/next.tsv");

/// A row of the oracle: expression, zone, start, expected times.
fn rows() -> impl Iterator<Item = [&'static str; 4]> {
    CASES.lines().map(|row| {
        let fields: Vec<&str> = row.split('\t').collect();
        fields.try_into().expect("a row has four fields")
    })
}

fn expression(text: &str) -> Expression {
    match Schedule::parse(text).map(|parsed| parsed.schedule) {
        Ok(Schedule::Cron(expression)) => expression,
        other => panic!("'{text}' is no cron expression: {other:?}"),
    }
}

/// The next `count` fire times.
fn times(expression: &Expression, zone: &Zone, start: Wall, count: usize) -> Vec<Wall> {
    std::iter::successors(next(expression, zone, start), |after| next(expression, zone, *after)).take(count).collect()
}

/// Whether this machine's zone files are of no release that says something else in the rows' years than what is built in
/// (which `zones.rs` compares with all files, and tries all rows with).
fn is_as_built_in(name: &str) -> bool {
    let changes = |zone: &Zone| {
        let mut span = zone.span(1_767_225_600);
        let mut changes = vec![(0, span.offset)];
        while span.end < 2_145_916_800 {
            span = zone.span(span.end);
            changes.push((span.start, span.offset));
        }
        // A file also has changes of the name alone.
        changes.dedup_by_key(|(_, offset)| *offset);
        changes
    };
    let file = Zones::from_environment().named(name).unwrap_or_else(|error| panic!("{error}"));
    changes(&file) == changes(&iana::zone(name).unwrap())
}

#[test]
fn every_row_of_the_oracle_agrees() {
    let mut zones = Zones::from_environment();
    let mut same = BTreeMap::new();
    for row @ [text, zone, start, expected] in rows() {
        if !*same.entry(zone).or_insert_with(|| is_as_built_in(zone)) {
            continue;
        }
        let zone = zones.named(zone).unwrap_or_else(|error| panic!("{error}"));
        let expected: Vec<&str> = expected.split(',').collect();
        let found = times(&expression(text), &zone, read(start, &zone).unwrap(), expected.len());
        let found: Vec<String> = found.into_iter().map(|at| Stamp { at, zone: &zone }.to_string()).collect();
        assert_eq!(found, expected, "{row:?}");
    }
    assert_eq!(rows().count(), 441);
    assert!(same.values().filter(|same| !**same).count() <= 3, "hardly any row is tried: {same:?}");
}

/// Numbers that look random and are the same at each run (Marsaglia's xorshift).
struct Dice(u64);

impl Dice {
    fn roll(&mut self, below: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % below
    }

    fn one_of<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.roll(of.len() as u64) as usize]
    }
}

#[test]
fn random_text_is_refused_without_a_panic() {
    const LETTERS: [&str; 24] = [
        "*",
        "/",
        "-",
        ",",
        "#",
        "L",
        "W",
        "w",
        "0",
        "1",
        "5",
        "7",
        "31",
        "60",
        "99999999999",
        " ",
        "  ",
        "\t",
        "SUN",
        "jan",
        "@every ",
        "@daily",
        "é",
        "\0",
    ];
    let mut dice = Dice(0xfeed_beef_dead_cafe);
    for _ in 0..100_000 {
        let text: String = (0..dice.roll(16)).map(|_| dice.one_of(&LETTERS)).collect();
        let length = text.chars().count();
        match Schedule::parse(&text) {
            Ok(parsed) => {
                assert!(parsed.remarks.iter().all(|r| r.at.start <= r.at.end && r.at.end <= length), "{text}")
            }
            Err(errors) => {
                assert!(!errors.is_empty());
                assert!(errors.iter().all(|e| e.at.start <= e.at.end && e.at.end <= length), "{text}: {errors:?}");
            }
        }
    }
}

#[test]
fn footers_of_zone_files_say_what_the_files_say() {
    // From 2100 on a file has nothing but its footer to go by; the footer alone says the same of any year.
    let mut zones = Zones::from_environment();
    let mut names: Vec<&str> = rows().map(|[_, zone, _, _]| zone).collect();
    names.extend([
        "America/Nuuk",
        "America/Scoresbysund",
        "Asia/Gaza",
        "Asia/Jerusalem",
        "Europe/Dublin",
        "America/Caracas",
    ]);
    names.sort_unstable();
    names.dedup();
    let directory = std::env::var("TZDIR").unwrap_or("/usr/share/zoneinfo".into());
    for name in names {
        let bytes = std::fs::read(format!("{directory}/{name}")).unwrap();
        let text = String::from_utf8_lossy(&bytes);
        let footer = text.trim_end().rsplit('\n').next().unwrap();
        let (file, footer) =
            (zones.named(name).unwrap(), Zone::from_posix(footer).unwrap_or_else(|_| panic!("{footer}")));
        let mut instant = 4_102_444_800;
        while instant < 4_417_977_600 {
            let (span, other) = (file.span(instant), footer.span(instant));
            assert_eq!((span.offset, span.end), (other.offset, other.end), "{name} at {instant}");
            instant = span.end;
        }
    }
}

/// `wingmate next`, with no zone and no configuration of this machine's.
fn wingmate(args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_wingmate"));
    command.arg("next").args(args).env("TZ", "UTC0").env_remove("WINGMATE_CONFIG_PATH").output().expect("it starts")
}

/// Its standard output, standard error and status.
fn told(args: &[&str]) -> (String, String, Option<i32>) {
    let output = wingmate(args);
    let text = |bytes| String::from_utf8(bytes).expect("UTF-8");
    (text(output.stdout), text(output.stderr), output.status.code())
}

#[test]
fn the_applet_prints_what_the_oracle_expects() {
    let mut zones: BTreeMap<&str, [&str; 4]> = BTreeMap::new();
    rows().for_each(|row| _ = zones.insert(row[1], row));
    zones.retain(|zone, _| is_as_built_in(zone));
    assert!(zones.len() > 12);
    for [text, zone, start, expected] in zones.into_values() {
        let (out, _, status) = told(&["--from", start, "--tz", zone, "-n", "6", text]);
        assert_eq!((out, status), (expected.replace(',', "\n") + "\n", Some(0)), "{text}");
    }
}

#[test]
fn the_zone_is_that_of_the_option_or_of_the_environment() {
    let from = ["--from", "2027-07-01T12:00", "0 13 * * *"];
    assert_eq!(told(&from).0, "2027-07-01T13:00:00+00:00\n");
    let with = |zone| told(&[&["--tz", zone], &from[..]].concat());
    assert_eq!(with("AEST-10AEDT,M10.1.0,M4.1.0/3").0, "2027-07-01T13:00:00+10:00\n");
    assert_eq!(with("Europe/Berlin").0, "2027-07-01T13:00:00+02:00\n");
    assert_eq!(
        with("Europe/Berln"),
        (String::new(), "wingmate: unknown time zone 'Europe/Berln' (did you mean 'Europe/Berlin'?)\n".into(), Some(1))
    );
}

#[test]
fn macros_have_times_too() {
    let from = |text| told(&["--from", "2027-07-01T12:00:30Z", "-n", "2", text]);
    assert_eq!(from("@HOURLY").0, "2027-07-01T13:00:00+00:00\n2027-07-01T14:00:00+00:00\n");
    assert_eq!(from("@every 90s").0, "2027-07-01T12:02:00+00:00\n2027-07-01T12:03:30+00:00\n");
    let (out, err, status) = from("@reboot");
    assert_eq!((&*out, status), ("", Some(0)));
    assert!(err.contains("once, when wingmate starts"), "{err}");
}

#[test]
fn an_invalid_expression_is_shown_with_all_its_faults() {
    let (out, err, status) = told(&["60 24 * * *"]);
    assert_eq!((&*out, status), ("", Some(1)));
    assert_eq!(
        err,
        "wingmate: minute 60 is out of range 0–59\n  60 24 * * *\n  ^^\n\
         wingmate: hour 24 is out of range 0–23\n  60 24 * * *\n     ^^\n"
    );
    let (out, err, status) = told(&["--from", "2027-07-01T12:00:00Z", "*/99 * * * *"]);
    assert_eq!((&*out, status), ("2027-07-01T13:00:00+00:00\n", Some(0)));
    assert!(err.starts_with("wingmate: warning: minute step 99 is beyond the range 0–59"), "{err}");
}

#[test]
fn wrong_usage_is_told_from_an_invalid_expression() {
    for (args, part) in [
        (&["*", "*", "*", "*", "*"][..], "quote it: wingmate next '* * * * *'\n"),
        (&["@every", "5m"], "quote it: wingmate next '@every 5m'\n"),
        (
            &["bin", "etc", "5", "*", "*"],
            "quote it, or the shell makes file names of a *: wingmate next '*/5 * * * *'\n",
        ),
        (&["--from", "yesterday", "@daily"], "'yesterday' is not a time"),
        (&["-n", "0", "@daily"], "a number from 1 on is needed"),
        (&["-n", "many", "@daily"], "a number from 1 on is needed"),
        (&["--form", "now", "@daily"], "did you mean '--from'?"),
    ] {
        let (out, err, status) = told(args);
        assert!(out.is_empty() && err.contains(part) && status == Some(2), "{args:?}: {err}");
    }
}

#[test]
fn configured_jobs_are_shown_with_their_names() {
    let directory = std::env::temp_dir().join(format!("wingmate-next-{}", std::process::id()));
    std::fs::create_dir_all(&directory).unwrap();
    let config = directory.to_str().unwrap();
    let write = |text: &str| std::fs::write(directory.join("crontab"), text).unwrap();
    write("0 3 * * * /bin/nightly\n@reboot /bin/once\nCRON_TZ=EST5\n0 23 * * * /bin/late\n");
    let from = ["-c", config, "--from", "2027-07-01T00:00:00Z"];
    let (out, err, status) = told(&from);
    assert_eq!(out, "2027-07-01T03:00:00+00:00 nightly\n2027-06-30T23:00:00-05:00 late\n");
    assert!(err.contains("once has no times") && status == Some(0), "{err}");
    let (out, _, _) = told(&[&from[..], &["-n", "2", "--tz", "XXX-2"]].concat());
    let expected = ["2027-07-01T03:00:00+02:00 nightly", "2027-06-30T23:00:00-05:00 late"];
    assert_eq!(out.lines().take(2).collect::<Vec<_>>(), expected);
    assert_eq!(out.lines().count(), 4);
    write("0 24 * * * /bin/never\n");
    let (out, err, status) = told(&from);
    assert!(out.is_empty() && err.contains("crontab:1:3: hour 24 is out of range 0–23") && status == Some(1), "{err}");
    std::fs::remove_dir_all(&directory).unwrap();
}

#[test]
fn any_count_is_answered_in_bounded_memory_until_the_reader_goes() {
    let directory = std::env::temp_dir().join(format!("wingmate-next-many-{}", std::process::id()));
    std::fs::create_dir_all(&directory).unwrap();
    std::fs::write(directory.join("crontab"), "* * * * * /bin/often\n").unwrap();
    for jobs in [&["-c", directory.to_str().unwrap()][..], &["* * * * *"]] {
        // A hundred million minutes are left until 2262, each a line of 26 bytes or more.
        let mut limited = Command::new("sh")
            .args(["-c", "ulimit -v 65536 && exec \"$0\" next -n 4294967295 \"$@\"", env!("CARGO_BIN_EXE_wingmate")])
            .args(jobs)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(limited.stdout.take().unwrap()).lines();
        assert_eq!(lines.take(100_000).map(Result::unwrap).filter(|line| line.len() >= 25).count(), 100_000);
        assert_eq!(limited.wait().unwrap().code(), Some(0), "no failure of ours");
    }
    std::fs::remove_dir_all(&directory).unwrap();
}
