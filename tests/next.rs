//! When jobs fire: 441 rows made with Python's cronsim over Debian's zone files, the rules themselves by counting
//! minutes, and `wingmate next` as users call it.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::process::{Command, Output, Stdio};
use wingmate::model::moment::Wall;
use wingmate::runtime::zones::Zones;
use wingmate::schedule::iana;
use wingmate::schedule::next::{count, next};
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

    fn between(&mut self, first: u64, last: u64) -> u64 {
        first + self.roll(last - first + 1)
    }

    fn one_of<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.roll(of.len() as u64) as usize]
    }

    /// A place of a field's list.
    fn item(&mut self, field: usize) -> String {
        let (first, last) = [(0, 59), (0, 23), (1, 31), (1, 12), (0, 7)][field];
        let (a, b) = (self.between(first, last), self.between(first, last));
        let (low, high) = (a.min(b), a.max(b));
        let step = self.between(1, last + 3);
        match (self.roll(12), field) {
            (0, 2) => self.one_of(&["L", "LW"]).into(),
            (1, 2) => format!("{a}W"),
            (0, 4) => format!("{a}L"),
            (1, 4) => format!("{a}#{}", self.between(1, 5)),
            (2, 4) => self.one_of(&["SAT-SUN", "mon-FRI", "Sun"]).into(),
            (2, 3) => self.one_of(&["JAN", "feb-Apr", "DEC"]).into(),
            (0..=2, _) => "*".into(),
            (3..=4, _) => format!("*/{step}"),
            (5..=6, _) => a.to_string(),
            (7, _) => format!("{a}/{step}"),
            (8..=9, _) => format!("{low}-{high}"),
            _ => format!("{low}-{high}/{step}"),
        }
    }

    fn expression(&mut self) -> String {
        // Often only the hours matter, for that is where clocks change.
        if self.roll(3) == 0 {
            return format!(
                "{} {} * * *",
                self.item(0),
                self.one_of(&["*", "*/2", "0-4", "1,2,3", "2", "0", "23,0", "1-3/2"])
            );
        }
        let mut field = |number| (0..=self.roll(2)).map(|_| self.item(number)).collect::<Vec<_>>().join(",");
        format!("{} {} {} {} {}", field(0), field(1), field(2), field(3), field(4))
    }
}

/// Fire times after `start` and before `end`, found by looking at each minute's wall clock: none of the stepping,
/// spans or saffron that is tested with it.
fn by_counting(expression: &Expression, zone: &Zone, start: Wall, end: Wall) -> Vec<Wall> {
    let (start, end) = (start.seconds(), end.seconds());
    // All zones' offsets are whole minutes in the years of the test.
    let first = start - start.rem_euclid(60);
    if expression.is_wildcard() {
        let minutes = (first..end).step_by(60).filter(|t| *t > start && expression.matches(zone.civil(*t)));
        return minutes.map(Wall::from_seconds).collect();
    }
    // When the clocks first reached or passed each minute of the wall: a set-back clock doesn't make new ones,
    // and a gap's minutes all come with its end. From days before, so that what was passed is known.
    let mut firings = Vec::new();
    let mut passed = zone.civil(first - 3 * 86_400).seconds();
    for instant in (first - 3 * 86_400 + 60..end).step_by(60) {
        let shown = zone.civil(instant).seconds();
        let fires = (passed + 60..=shown).step_by(60).any(|minute| expression.matches(civil(minute)));
        if fires && instant > start {
            firings.push(Wall::from_seconds(instant));
        }
        passed = passed.max(shown);
    }
    firings
}

fn civil(seconds: i64) -> wingmate::schedule::civil::Civil {
    wingmate::schedule::civil::Civil::from_seconds(seconds)
}

#[test]
fn random_expressions_fire_by_the_rules_when_clocks_change() {
    const ZONES: [&str; 8] = [
        "UTC0",
        "CET-1CEST,M3.5.0,M10.5.0/3",
        "EST5EDT,M3.2.0,M11.1.0",
        // Half an hour; at midnight; a day of 22 hours and one of 26; hours out of 0–24; the southern half.
        "<+1030>-10:30<+11>-11,M10.1.0,M4.1.0",
        "<-03>3<-02>,M10.3.0/0,M2.3.0/0",
        "<+00>0<+02>-2,M3.5.0/1,M10.5.0/3",
        "<-02>2<-01>,M3.5.0/-1,M10.5.0/0",
        "<+1245>-12:45<+1345>,M9.5.0/2:45,M4.1.0/3:45",
    ];
    let mut dice = Dice(0x9e37_79b9_7f4a_7c15);
    let (mut compared, mut fired) = (0, 0);
    while compared < 400 {
        let text = dice.expression();
        // One that never fires is refused; what it is refused for is other tests' business.
        let Ok(parsed) = Schedule::parse(&text) else { continue };
        let Schedule::Cron(expression) = parsed.schedule else { continue };
        let zone = Zone::from_posix(dice.one_of(&ZONES)).unwrap();
        // Around a change, if the zone has any: two days before to two days after.
        let span = zone.span(1_800_000_000 + dice.roll(1_000_000_000) as i64);
        let change = if span.start == i64::MIN { 1_800_000_000 } else { span.start };
        let start = Wall::from_seconds(change - dice.roll(2 * 86_400) as i64);
        let end = Wall::from_seconds(change + 2 * 86_400);
        let expected = by_counting(&expression, &zone, start, end);
        let mut found = times(&expression, &zone, start, expected.len() + 1);
        found.retain(|at| *at < end);
        assert_eq!(found, expected, "'{text}' after {} {zone:?}", Stamp { at: start, zone: &zone });
        if let Some(last) = expected.last() {
            assert_eq!(count(&expression, &zone, start, *last), expected.len() as u64, "'{text}' {zone:?}");
        }
        compared += 1;
        fired += expected.len();
    }
    assert!(fired > 20_000, "{fired} firings are too few to tell anything");
}

#[test]
fn random_times_are_the_next_that_match() {
    let mut dice = Dice(0x0123_4567_89ab_cdef);
    let utc = Zone::utc();
    let mut valid = 0;
    for _ in 0..10_000 {
        let Ok(parsed) = Schedule::parse(&dice.expression()) else { continue };
        let Schedule::Cron(expression) = parsed.schedule else { continue };
        let start = Wall::from_seconds(dice.roll(8_000_000_000) as i64 - 2_000_000_000);
        let at = next(&expression, &utc, start).expect("what is accepted fires");
        assert!(at > start && expression.matches(utc.civil(at.seconds())) && at.seconds() % 60 == 0);
        assert_eq!(count(&expression, &utc, start, at), 1, "there is none before it");
        valid += 1;
    }
    assert!(valid > 7_000, "{valid} valid expressions are too few");
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
        (&["*", "*", "*", "*", "*"][..], "quote it"),
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
