//! The crontab file.

use super::*;
use crate::schedule::Schedule;
use std::time::Duration;

type Lines<'a> = &'a [&'a str];

fn commands(text: &str) -> Vec<Vec<String>> {
    let words = |(spec, _): (&JobSpec, Place)| -> Vec<String> {
        spec.process().command.iter().map(|word| word.to_str().unwrap().to_owned()).collect()
    };
    good(of_crontab(text)).jobs().map(words).collect()
}

fn environ(spec: &JobSpec) -> Vec<String> {
    let text = |text: &std::ffi::OsString| text.to_str().unwrap().to_owned();
    spec.manner.process.environ.iter().map(|(name, value)| format!("{}={}", text(name), text(value))).collect()
}

#[test]
fn entries_are_read() {
    let text = "\u{feff}# a comment\r\n\r\n  \t\n*/5 * * * * /etc/wingmate/crontab.d/cron1.sh a\\ b 'c d' \"e\\\"f\" # why\r\n\
                \t0\t0 1,15  * MON-FRI  backup %d\n@Daily x\n@every 1m30s y 5s\n@reboot z";
    let loaded = good(of_crontab(text));
    let jobs: Vec<(&str, &str)> = loaded.jobs().map(|(spec, _)| (spec.name(), spec.schedule())).collect();
    assert_eq!(
        jobs,
        [
            ("cron1.sh", "*/5 * * * *"),
            ("backup", "0 0 1,15 * MON-FRI"),
            ("x", "@Daily"),
            ("y", "@every 1m30s"),
            ("z", "@reboot"),
        ]
    );
    let schedules: Vec<Schedule> = loaded.schedules.iter().skip(3).copied().collect();
    assert_eq!(schedules, [Schedule::Every(Duration::from_secs(90)), Schedule::Reboot]);
    assert_eq!(
        commands(text),
        [
            &["/etc/wingmate/crontab.d/cron1.sh", "a b", "c d", "e\"f"][..],
            &["backup", "%d"],
            &["x"],
            &["y", "5s"],
            &["z"],
        ]
    );
}

#[test]
fn variables_hold_for_the_entries_below() {
    let text = "@daily a\nA=1\nB = two words  # not part of it\nC=\nD='it is' # x\nE=\"say \\\"hi\\\" #1\"\nF={\"a\":'#'}#b\n\
                @daily b\nA=2\nC =\t3\n@daily c";
    let loaded = good(of_crontab(text));
    let found: Vec<_> = loaded.jobs().map(|(spec, _)| environ(spec)).collect();
    assert_eq!(found[0], Vec::<String>::new());
    assert_eq!(found[1], ["A=1", "B=two words", "C=", "D=it is", "E=say \"hi\" #1", "F={\"a\":'#'}#b"]);
    assert_eq!(found[2], ["B=two words", "D=it is", "E=say \"hi\" #1", "F={\"a\":'#'}#b", "A=2", "C=3"]);
}

#[test]
fn a_shell_gets_the_rest_of_the_line_as_it_stands() {
    let text =
        "@daily a 'b'\nSHELL = /bin/sh\n0 0 * * *  A=1 /x/b \"$HOME\" | c # d\n@daily echo 'open\nSHELL=\n@daily c # d";
    assert_eq!(
        commands(text),
        [&["a", "b"][..], &["/bin/sh", "-c", "A=1 /x/b \"$HOME\" | c # d"], &["/bin/sh", "-c", "echo 'open"], &["c"],]
    );
    let loaded = of_crontab(text);
    let names: Vec<&str> = loaded.jobs().map(|(spec, _)| spec.name()).collect();
    assert_eq!(names, ["a", "b", "echo", "c"]);
    let found: Vec<_> = loaded.jobs().map(|(spec, _)| environ(spec)).collect();
    assert_eq!(found, [&[][..], &["SHELL=/bin/sh".to_owned()], &["SHELL=/bin/sh".to_owned()], &[]]);
}

#[test]
fn zones_hold_for_the_entries_below() {
    let loaded = good(of_crontab(
        "@daily a\nCRON_TZ=Europe/Berlin\n@daily b\nCRON_TZ='AEST-10' # x\n@daily c\nCRON_TZ=\n@daily d",
    ));
    let zones: Vec<_> = loaded.jobs().map(|(spec, _)| spec.manner.timezone.as_deref()).collect();
    assert_eq!(zones, [None, Some("Europe/Berlin"), Some("AEST-10"), None]);
    let named: Vec<_> = loaded.zones.iter().map(|zone| &*zone.name).collect();
    assert_eq!(named, ["Europe/Berlin", "AEST-10"], "each is looked up once");
}

#[test]
fn three_mistakes_are_told_at_once() {
    let text = "# jobs\n*/5 * * * * /bin/a\n\nSHELL=/bin/sh\n@daily b | c\nSHELL=\n0 24 * * * /bin/b\n@hourly 'c\n0 0 * FOO * d\n";
    let loaded = of_crontab(text);
    assert!(loaded.failed());
    let printed: Vec<String> = loaded.problems.iter().map(Problem::to_string).collect();
    assert_eq!(
        printed,
        [
            "crontab:7:3: hour 24 is out of range 0–23\n  0 24 * * * /bin/b\n    ^^",
            "crontab:8:9: the quote ' is never closed\n  @hourly 'c\n          ^",
            "crontab:9:7: month 'FOO' is not understood (allowed: 1–12, JAN–DEC; *, a-b, lists by commas, steps by /n)\n  \
             0 0 * FOO * d\n        ^^^",
        ]
    );
}

#[test]
fn mistakes_are_told_with_their_place() {
    let rule = "can't be a variable's name (letters, digits and '_', not beginning with a digit)";
    let table: &[(&str, Lines<'_>)] = &[
        ("0 0 * * *", &["crontab:1:10: there is no command behind the schedule"]),
        ("0 0 * * *   # x", &["crontab:1:10: there is no command behind the schedule"]),
        ("@daily", &["crontab:1:7: there is no command behind the schedule"]),
        ("SHELL=/bin/sh\n@daily  ", &["crontab:2:7: there is no command behind the schedule"]),
        ("@daily '' x", &["crontab:1:8: the command's first word is empty"]),
        ("@daily x \\", &["crontab:1:10: there is no character behind the backslash"]),
        ("  é=1", &[&*format!("crontab:1:3: 'é' {rule}")]),
        ("9A=1", &[&*format!("crontab:1:1: '9A' {rule}")]),
        ("=1", &[&*format!("crontab:1:1: '' {rule}")]),
        ("A=it's", &["crontab:1:5: the quote ' is never closed"]),
        ("A=  \"open", &["crontab:1:5: the quote \" is never closed"]),
        ("A='a' b", &["crontab:1:7: there is more behind the closing quote: quote the whole value"]),
        ("@every 0s x", &["crontab:1:8: @every needs a duration above 0"]),
        (
            "* * * * L x",
            &[
                "crontab:1:9: day of week 'L' is not allowed: L stands alone in the day of month only (day of week: 5L is the last Friday)",
            ],
        ),
        (
            "@dayly x",
            &[
                "crontab:1:1: unknown macro '@dayly' (did you mean '@daily'?); known are @yearly, @annually, @monthly, @weekly, @daily, @midnight, @hourly, @reboot, @every DURATION",
            ],
        ),
        (
            "0 0 31 2 * x",
            &[
                "crontab:1:1: this schedule never fires: no month that it names has such a day (a month's last day is L)",
            ],
        ),
        (
            "@daily a\0b\n0 99 * * * c",
            &["crontab:1:9: a NUL character is not allowed", "crontab:2:3: hour 99 is out of range 0–23"],
        ),
        (
            "60 24 * * * \"x",
            &[
                "crontab:1:1: minute 60 is out of range 0–59",
                "crontab:1:4: hour 24 is out of range 0–23",
                "crontab:1:13: the quote \" is never closed",
            ],
        ),
    ];
    assert_told(|text| of_crontab(text), table);
    assert_eq!(told(&of_crontab(b"@daily a\n\xc3\xa9 \xff\n@daily b")), ["crontab:2:3: this is not UTF-8"]);
}

#[test]
fn shell_words_are_warned_of() {
    let advice = "is passed on as it is, no shell reads it: write sh -c '…', or SHELL=/bin/sh above the entry";
    let table: &[(&str, Lines<'_>)] = &[
        (
            "@daily é | b >> /x 2>&1",
            &[
                &*format!("crontab:1:10: warning: '|' {advice}"),
                &format!("crontab:1:14: warning: '>>' {advice}"),
                &format!("crontab:1:20: warning: '2>&1' {advice}"),
            ],
        ),
        ("@daily echo $HOME", &[&*format!("crontab:1:13: warning: '$HOME' {advice}")]),
        ("SHELL=/bin/sh\n@daily a | b > $HOME", &[]),
        ("@daily a '|' \\; 5% #| x", &[]),
        (
            "@daily A=1 b",
            &[
                "crontab:1:8: warning: 'A=1' is taken as the program, no shell reads it: put it on a line of its own above the entry",
            ],
        ),
    ];
    assert_told(|text| of_crontab(text), table);
    assert!(!of_crontab("@daily a | b").failed());
}

#[test]
fn what_other_files_have_is_warned_of() {
    let user = "'root' is taken as the program: there is no field for a user here: leave it out, or write wmexec --user root …";
    let end = "a carriage return ends no line: lines end with a newline, or with both";
    let table: &[(&str, Lines<'_>)] = &[
        ("17 * * * * root cd /", &[&*format!("crontab:1:12: warning: {user}")]),
        ("SHELL=/bin/sh\n@daily\troot\tcd / && x", &[&*format!("crontab:2:8: warning: {user}")]),
        ("@daily root", &[]),
        ("@daily rooted x", &[]),
        ("@daily a\r@daily b\r\n@daily c\r\n", &[&*format!("crontab:1:9: warning: {end}")]),
    ];
    assert_told(|text| of_crontab(text), table);
}

#[test]
fn a_file_of_nothing_is_nothing() {
    for text in ["", "\n", "# x", "\u{feff}", "A=1", " \t\r\n"] {
        assert!(good(of_crontab(text)).is_empty(), "{text:?}");
    }
}

#[test]
fn more_mistakes_than_anyone_reads_are_counted() {
    let told = told(&of_crontab("0 24 * * * x\n".repeat(1_500)));
    assert_eq!(told.len(), 1_001);
    assert_eq!(told[1_000], "crontab: and 500 more problems");
    let mut loaded = of_crontab("CRON_TZ=x\n".to_owned() + &"@daily a | b\n".repeat(1_500));
    assert!(!loaded.failed());
    loaded.add(Severity::Error, [(loaded.zones[0].place, "unknown".to_owned())]);
    assert!(loaded.failed(), "an error that comes behind too many warnings");
    assert!(of_crontab("@daily a | b\n".repeat(1_000) + "x").failed(), "an error among those that are left out");
}

#[test]
fn ten_thousand_entries_get_ten_thousand_names() {
    let loaded = good(of_crontab("*/5 * * * * /bin/tidy x\n".repeat(10_000)));
    let mut names: Vec<String> = loaded.config.jobs.into_iter().map(|job| job.name().to_owned()).collect();
    assert_eq!(names[9_999], "tidy-10000");
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), 10_000);
}
