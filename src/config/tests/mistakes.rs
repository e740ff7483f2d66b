//! A crontab with every mistake of a beginner: each is told once, and how to mend it.

use super::*;

/// Lines, and what is told of each behind `crontab:LINE:`; words in braces stand for those below.
const TABLE: &[(&str, &[&str])] = &[
    ("# edit with crontab -e", &[]),
    ("# m h dom mon dow user command", &[]),
    (
        "17 * * * * root cd / && run-parts --report /etc/cron.hourly",
        &[
            "12: warning: 'root' is taken as the program: there is no field for a user here: leave it out, or write wmexec --user root …",
            "22: warning: '&&'{SHELL}",
        ],
    ),
    (
        "0 3 * * * www-data /usr/bin/php /var/www/cron.php",
        &[
            "11: warning: 'www-data' is taken as the program: there is no field for a user here: leave it out, or write wmexec --user www-data …",
        ],
    ),
    (
        "0 0 12 * * ? /bin/quartz",
        &[
            "12: warning: '?' is taken as the program: a schedule has five fields, no seconds in front and no year behind",
        ],
    ),
    (
        "0 0 12 * * ? 2030 /bin/quartz",
        &[
            "12: warning: '?' is taken as the program: a schedule has five fields, no seconds in front and no year behind",
        ],
    ),
    ("0 12 ? * MON /bin/quartz", &["6: day of month '?' is not understood: write *{DAY}"]),
    (
        "0 */5 * * * * /bin/spring",
        &[
            "13: warning: '*' is taken as the program: a schedule has five fields, no seconds in front and no year behind",
        ],
    ),
    ("*/5 * * * /bin/four", &["11: expected five fields {FIVE} before '/bin/four', found 4"]),
    (
        "@every /bin/x",
        &["8: @every: '/bin/x' is not a duration (such as 500ms, 10s, 1m30s, 2h; a bare number is seconds)"],
    ),
    ("@every 5 minutes /bin/x", &["10: warning: 'minutes' is taken as the program: an interval is written @every 5m"]),
    (
        "@every 5mn /bin/x",
        &["8: @every: '5mn' is not a duration (such as 500ms, 10s, 1m30s, 2h; a bare number is seconds)"],
    ),
    ("@every5m /bin/x", &["1: unknown macro '@every5m' (write @every 5m){KNOWN}"]),
    ("@secondly /bin/x", &["1: unknown macro '@secondly' (write @every 1s){KNOWN}"]),
    ("@minutely /bin/x", &["1: unknown macro '@minutely' (write * * * * *){KNOWN}"]),
    ("@fortnightly /bin/x", &["1: unknown macro '@fortnightly' (write @every 14d){KNOWN}"]),
    ("0 24 * * * /bin/x", &["3: hour 24 is out of range 0–23"]),
    ("60 * * * * /bin/x", &["1: minute 60 is out of range 0–59"]),
    ("0 0 0 * * /bin/x", &["5: day of month 0 is out of range 1–31"]),
    ("0 0 1 0 * /bin/x", &["7: month 0 is out of range 1–12"]),
    ("0 0 * * monday /bin/x", &["9: day of week 'monday' is not understood: write MON{WEEKDAY}"]),
    (
        "0 0 * * Mo-Fr /bin/x",
        &[
            "9: day of week 'Mo' is not understood: write MON{WEEKDAY}",
            "12: day of week 'Fr' is not understood: write FRI{WEEKDAY}",
        ],
    ),
    ("0 0 1 january * /bin/x", &["7: month 'january' is not understood: write JAN{MONTH}"]),
    ("0 0 1 Mai * /bin/x", &["7: month 'Mai' is not understood{MONTH}"]),
    ("*/0 * * * * /bin/x", &["3: minute step 0 is out of range: a step is 1 or more"]),
    (
        "*/90 * * * * /bin/x",
        &["1: warning: minute step 90 is beyond the range 0–59: only 0 is left (an interval: @every 90m)"],
    ),
    (
        "0 22-6 * * * /bin/x",
        &["3: hour range 22-6 runs backwards (allowed is 0–23, the lower first; over the end: 22-23,0-6)"],
    ),
    (
        "0 9 * * FRI-MON /bin/x",
        &["9: day of week range FRI-MON runs backwards (allowed is 0–7, the lower first; over the end: FRI-SUN,MON)"],
    ),
    ("0 9 * * MON- /bin/x", &["9: day of week 'MON-' is not understood: a range has two ends: a-b{WEEKDAY}"]),
    ("0 9 * * -5 /bin/x", &["9: day of week '-5' is not understood: a range has two ends: a-b{WEEKDAY}"]),
    ("0 1, 2 * * * /bin/x", &["3: there are no blanks within a field: write 1,2"]),
    ("0,30, * * * * /bin/x", &["6: minute has an empty place in its list: leave out the comma (allowed: 0–59)"]),
    ("* * * * *", &["10: there is no command behind the schedule"]),
    ("0 0 * * * date +\\%F", &[]),
    (
        "0~59 * * * * /bin/x",
        &["1: minute '0~59' is not understood: nothing is chosen at random, write a value{MINUTE}"],
    ),
    ("~ 3 * * * /bin/x", &["1: minute '~' is not understood: nothing is chosen at random, write a value{MINUTE}"]),
    ("H/15 * * * * /bin/x", &["1: 'H/15' is known to Jenkins only: write a value"]),
    (
        "0 0 L-3 * * /bin/x",
        &["5: day of month 'L-3' is not understood: the days from the end that are known are L and LW{DAY}"],
    ),
    (
        "0 0 W * * /bin/x",
        &[
            "5: day of month 'W' is not understood: write LW for the last weekday, 15W for the one nearest to the 15th{DAY}",
        ],
    ),
    (
        "0 0 5L * * /bin/x",
        &["5: day of month '5L' is not understood: that goes into the fifth field, the day of week{DAY}"],
    ),
    ("0 0 * * 5#6 /bin/x", &["9: day of week '5#6' is out of range: the number behind # is 1–5"]),
    (
        "0 0 * * 15W /bin/x",
        &["9: day of week '15W' is not understood: that goes into the third field, the day of month{WEEKDAY}"],
    ),
    (
        "MAILTO=me@example.org",
        &["1: notice: this is only a variable for the jobs: nothing is mailed, what a job says goes to the log"],
    ),
    (
        "PATH=$PATH:/opt/bin",
        &[
            "6: warning: '$PATH' stays as it is, nothing is expanded in a value: write it out (or '…' if it is meant so)",
        ],
    ),
    ("RANDOM_DELAY=45", &["1: notice: this is only a variable for the jobs: it changes no times"]),
    ("TZ=Europe/Berlin", &["1: notice: this is only a variable for the jobs: the zone of the schedules is CRON_TZ"]),
    ("shell=/bin/sh", &["1: warning: this is only a variable for the jobs (did you mean 'SHELL'?)"]),
    ("export A=1", &["1: 'export' is a shell's: a variable is set by NAME=value alone"]),
    ("set A=1", &["1: 'set' is a shell's: a variable is set by NAME=value alone"]),
    ("“0 0 * * *” /bin/x", &["1: a schedule has no quotes of its own: leave out the “"]),
    ("0 0 * * * “/bin/x”", &["11: warning: this “ only looks like a quote: write \" or '"]),
    ("0\u{a0}0 * * * /bin/x", &["2: this U+00A0 only looks like a blank: write a space"]),
    ("*/5\t*\t*\t*\t*\t/bin/tab", &[]),
    ("0 0 * * * ~/script", &["11: warning: '~/script'{SHELL}"]),
    ("0 0 * * * $HOME/bin/x", &["11: warning: '$HOME/bin/x'{SHELL}"]),
    ("0 0 * * * rm -f /var/log/*.log", &["17: warning: '/var/log/*.log'{SHELL}"]),
    ("0 0 * * * cd /x && y", &["17: warning: '&&'{SHELL}"]),
    (
        "schedule: \"0 0 * * *\"",
        &["1: this is YAML, and goes into wingmate.yaml: here an entry is five fields or a macro, and the command"],
    ),
    (
        "command: /bin/x",
        &["1: this is YAML, and goes into wingmate.yaml: here an entry is five fields or a macro, and the command"],
    ),
    (
        "- schedule: \"*/5 * * * *\"",
        &["1: this is YAML, and goes into wingmate.yaml: here an entry is five fields or a macro, and the command"],
    ),
    ("*-*-* 00:00:00 /bin/x", &["1: '*-*-*' is a date: a schedule has five fields instead {FIVE}"]),
    ("every 5 minutes /bin/x", &["1: an interval is written @every 5m"]),
    ("5 minutes /bin/x", &["1: an interval is written @every 5m"]),
    (
        "0 0 31 2 * /bin/x",
        &["1: this schedule never fires: no month that it names has such a day (a month's last day is L)"],
    ),
    ("0 0 30 2,4 * /bin/x", &["8: warning: day of month 30 never comes in FEB (a month's last day is L)"]),
    (
        "0 0 31 4,6 * /bin/x",
        &["1: this schedule never fires: no month that it names has such a day (a month's last day is L)"],
    ),
    ("0 0 * * SUN-SAT /bin/x", &[]),
    ("0 0 * * sat-sun /bin/x", &[]),
    ("0 0 * * 7 /bin/x", &[]),
    ("0 0 * * 8 /bin/x", &["9: day of week 8 is out of range 0–7"]),
    (
        "5-1 * * * * /bin/x",
        &["1: minute range 5-1 runs backwards (allowed is 0–59, the lower first; over the end: 5-59,0-1)"],
    ),
    ("5/ * * * * /bin/x", &["1: minute '5/' is not understood: a step is a whole number{MINUTE}"]),
    ("1-5-7 * * * * /bin/x", &["1: minute '1-5-7' is not understood: a range has two ends: a-b{MINUTE}"]),
    ("*-5 * * * * /bin/x", &["1: minute '*-5' is not understood: * stands alone, or with a step: */n{MINUTE}"]),
    ("** * * * * /bin/x", &["1: minute '**' is not understood: * stands alone, or with a step: */n{MINUTE}"]),
    (
        "* * * * * * /bin/x",
        &[
            "11: warning: '*' is taken as the program: a schedule has five fields, no seconds in front and no year behind",
        ],
    ),
    ("@daily", &["7: there is no command behind the schedule"]),
    (
        "@midnight root /bin/x",
        &[
            "11: warning: 'root' is taken as the program: there is no field for a user here: leave it out, or write wmexec --user root …",
        ],
    ),
    ("include /etc/cron.d/x", &["1: a crontab reads no other file"]),
    ("2023-01-01 00:00 * * * /bin/x", &["1: '2023-01-01' is a date: a schedule has five fields instead {FIVE}"]),
    ("00:30 * * * * /bin/x", &["1: '00:30' is no field: a time of day takes two, the minute first: 30 0"]),
    ("0 0 * * 1.5 /bin/x", &["9: day of week '1.5' is not understood: only whole numbers are known{WEEKDAY}"]),
    (
        "@every 1m30 /bin/x",
        &["8: @every: '1m30' is not a duration (such as 500ms, 10s, 1m30s, 2h; a bare number is seconds)"],
    ),
    ("@reboot sleep 30 && /bin/x", &["18: warning: '&&'{SHELL}"]),
    ("0 9am * * * /bin/x", &["3: hour '9am' is not understood: write 13 for 1pm, 0 for 12am{HOUR}"]),
    ("*/5 * * * * /bin/x ; /bin/y", &["20: warning: ';'{SHELL}"]),
    ("; comment", &["1: a comment begins with #"]),
    ("// comment", &["1: a comment begins with #"]),
    ("\"*/5 * * * *\" /bin/x", &["1: a schedule has no quotes of its own: leave out the \""]),
    ("*/5 * * * * \"/bin/x", &["13: the quote \" is never closed"]),
    ("0.5 * * * * /bin/x", &["1: minute '0.5' is not understood: only whole numbers are known{MINUTE}"]),
    ("*/1.5 * * * * /bin/x", &["1: minute '*/1.5' is not understood: a step is a whole number{MINUTE}"]),
    ("+5 * * * * /bin/x", &["1: minute '+5' is not understood{MINUTE}"]),
    (
        "0 0 * * MON|TUE /bin/x",
        &["9: day of week 'MON|TUE' is not understood: places of a list are separated by commas{WEEKDAY}"],
    ),
    (
        "0 0 * * MON;TUE /bin/x",
        &["9: day of week 'MON;TUE' is not understood: places of a list are separated by commas{WEEKDAY}"],
    ),
    ("0 0 * * MON/TUE /bin/x", &["9: day of week 'MON/TUE' is not understood: a step is a whole number{WEEKDAY}"]),
    ("\\* * * * * /bin/x", &["1: minute '\\*' is not understood: it needs no backslash{MINUTE}"]),
    ("H(0-7) 3 * * * /bin/x", &["1: 'H(0-7)' is known to Jenkins only: write a value"]),
    ("1–5 * * * * /bin/x", &["2: this '–' (U+2013) only looks like the '-' that is meant"]),
    (
        "0 9 MON * * /bin/x",
        &["5: day of month 'MON' is not understood: that goes into the fifth field, the day of week{DAY}"],
    ),
    (
        "0 0 1 * JAN /bin/x",
        &["9: day of week 'JAN' is not understood: that goes into the fourth field, the month{WEEKDAY}"],
    ),
    (
        "*/5 * * * echo hi",
        &["11: day of week 'echo' is not understood: it names no day, or one of the five fields is missing{WEEKDAY}"],
    ),
    (
        "*/5 * * * curl",
        &["11: day of week 'curl' is not understood: it names no day, or one of the five fields is missing{WEEKDAY}"],
    ),
    ("* /5 * * * /bin/x", &["1: there are no blanks within a field: write */5"]),
    ("* /5 * * * * /bin/x", &["1: there are no blanks within a field: write */5"]),
    ("1 - 5 * * * * /bin/x", &["1: there are no blanks within a field: write 1-5"]),
    (
        "0 30 9 * * MON /bin/x",
        &["1: expected five fields {FIVE}, found 6: leave out the seconds in front, or a year behind"],
    ),
    (
        "0 0 1,15 * SAT,SUN * /bin/x",
        &[
            "20: warning: '*' is taken as the program: a schedule has five fields, no seconds in front and no year behind",
        ],
    ),
    (
        "HOME=~/x",
        &["6: warning: '~' stays as it is, nothing is expanded in a value: write it out (or '…' if it is meant so)"],
    ),
    (
        "PATH=/bin:${HOME}/bin",
        &[
            "6: warning: '${HOME}' stays as it is, nothing is expanded in a value: write it out (or '…' if it is meant so)",
        ],
    ),
    ("PASSWORD='a$b'", &[]),
    ("0 0 * * * rm -rf /tmp/cache/*", &["18: warning: '/tmp/cache/*'{SHELL}"]),
    ("0 0 * * * find /x -path /x/* -delete", &[]),
    ("0 0 * * * curl http://h/?a=*", &[]),
    ("0 0 * * * echo 'it’s “fine”' é", &[]),
    ("@weekdays /bin/x", &["1: unknown macro '@weekdays' (write 0 0 * * MON-FRI){KNOWN}"]),
    ("@every10m /bin/x", &["1: unknown macro '@every10m' (write @every 10m){KNOWN}"]),
    (
        "@reboot root /bin/x",
        &[
            "9: warning: 'root' is taken as the program: there is no field for a user here: leave it out, or write wmexec --user root …",
        ],
    ),
    (
        "@every 90 seconds /bin/x",
        &["11: warning: 'seconds' is taken as the program: an interval is written @every 90s"],
    ),
    (
        "@every /bin/x",
        &["8: @every: '/bin/x' is not a duration (such as 500ms, 10s, 1m30s, 2h; a bare number is seconds)"],
    ),
    ("MAILTO=\"\"", &[]),
    ("0 0 * * * /bin/x\u{a0}-a", &["17: warning: this U+00A0 only looks like a blank: write a space"]),
    ("\u{200b}0 0 * * * /bin/x", &["1: this U+200B only looks like a blank: write a space"]),
    ("0 0 * * *\t/bin/x a\u{2003}b", &["19: warning: this U+2003 only looks like a blank: write a space"]),
    ("SHELL=/bin/bash -l", &["7: warning: this is taken as one program's path: it can have no options"]),
    (
        "0 0 * * * root a | b",
        &[
            "11: warning: 'root' is taken as the program: there is no field for a user here: leave it out, or write wmexec --user root …",
        ],
    ),
    (
        "*/5 * * * * * a | b",
        &[
            "13: warning: '*' is taken as the program: a schedule has five fields, no seconds in front and no year behind",
        ],
    ),
    ("0 0 * * * ~/x && ls *.log", &[]),
];

/// What many messages end with.
const WORDS: [(&str, &str); 8] = [
    (
        "{KNOWN}",
        "; known are @yearly, @annually, @monthly, @weekly, @daily, @midnight, @hourly, @reboot, @every DURATION",
    ),
    ("{MINUTE}", " (allowed: 0–59; *, a-b, lists by commas, steps by /n)"),
    ("{HOUR}", " (allowed: 0–23; *, a-b, lists by commas, steps by /n)"),
    ("{DAY}", " (allowed: 1–31, L, LW, 15W; *, a-b, lists by commas, steps by /n)"),
    ("{MONTH}", " (allowed: 1–12, JAN–DEC; *, a-b, lists by commas, steps by /n)"),
    ("{WEEKDAY}", " (allowed: 0–7, SUN–SAT, 5L, 5#2; *, a-b, lists by commas, steps by /n)"),
    ("{SHELL}", " is passed on as it is, no shell reads it: write sh -c '…', or SHELL=/bin/sh above the entry"),
    ("{FIVE}", "(minute, hour, day of month, month, day of week)"),
];

fn full(message: &str) -> String {
    WORDS.iter().fold(message.to_owned(), |text, (word, meaning)| text.replace(word, meaning))
}

#[test]
fn every_mistake_of_a_beginner_is_told_once() {
    let text: String = TABLE.iter().map(|(line, _)| format!("{line}\n")).collect();
    let numbered = (1..).zip(TABLE);
    let expected: Vec<String> = numbered
        .flat_map(|(number, (_, told))| told.iter().map(move |message| format!("crontab:{number}:{}", full(message))))
        .collect();
    let found = told(&of_crontab(&text));
    for (found, expected) in found.iter().zip(&expected) {
        assert_eq!(found, expected);
    }
    assert_eq!(found.len(), expected.len());
    assert!(TABLE.iter().filter(|(_, told)| !told.is_empty()).count() > 100);
}

/// What is no mistake is told of alone too: nothing above it has turned it into one.
#[test]
fn what_is_right_is_not_remarked() {
    for line in [
        "0 0 * * * date +\\%F",
        "0 0 * * * date '+%F %T'",
        "0 0 * * * www-data",
        "0 0 * * * php /var/www/cron.php",
        "0 0 * * * 7z a /x /y",
        "0 0 * * * w -h",
        "0 0 * * * [ -x /a ]",
        "@every 5m minutes x",
        "@every 90 /bin/x seconds",
        "0 0 31 * * x",
        "0 0 31 2 MON x",
        "0 0 30,L 2,4 * x",
        "0 0 28 2 * x",
        "TZ=UTC",
        "MAILTO=",
        "PASSWORD='a$b'",
        "PRICE=5$",
        "URL=http://h/~x",
    ] {
        let text = format!("CRON_TZ=UTC0\n{line}\n");
        assert_eq!(told(&of_crontab(&text)), Vec::<String>::new(), "{line}");
    }
}

#[test]
fn a_schedule_in_yaml_has_its_own_mistakes() {
    let five = full("{FIVE}");
    for (value, expected) in [
        (
            "*/5 * * * *",
            "15: quote the schedule, an unquoted '*' is YAML's sign for an alias: \"*/5 * * * *\"".to_owned(),
        ),
        ("@daily", "15: a value that begins with '@' must be quoted: \"@daily\"".into()),
        ("[ '0 0 * * *' ]", "15: 'schedule' must be five fields or a macro, not a list".into()),
        ("{ minute: 0 }", "15: 'schedule' must be five fields or a macro, not a map".into()),
        ("", "5: 'schedule' has no value; it must be five fields or a macro".into()),
        (
            "'*/5 * * * * *'",
            format!("16: expected five fields {five}, found 6: leave out the seconds in front, or a year behind"),
        ),
        (
            "'0 0 12 * * ? 2030'",
            format!("16: expected five fields {five}, found 7: leave out the seconds in front, or a year behind"),
        ),
        ("'0 0 * * * /bin/x'", "26: '/bin/x' is no part of a schedule, which ends with its fifth field".into()),
        ("'0 0 * * /bin/x'", format!("24: expected five fields {five} before '/bin/x', found 4")),
        ("'\"0 0 * * *\"'", "16: a schedule has no quotes of its own: leave out the \"".into()),
        ("'0 0 * *'", format!("16: expected five fields {five} or a macro such as @daily, found 4")),
        ("'0 9 * * MON -FRI'", "24: there are no blanks within a field: write MON-FRI".into()),
        ("'0 9- 17 * * *'", "18: there are no blanks within a field: write 9-17".into()),
        ("every 5 minutes", "15: an interval is written @every 5m".into()),
        ("every hour", "15: an interval is written @every 1h".into()),
        ("'@every 5 minutes'", "25: an interval is written @every 5m".into()),
        ("'@daily root'", "23: '@daily' stands alone: nothing may follow it in a schedule".into()),
        ("'0 0 30 2,4 *'", "23: warning: day of month 30 never comes in FEB (a month's last day is L)".into()),
    ] {
        let loaded = of_yaml(format!("cron:\n  tidy:\n    schedule: {value}\n    command: x\n"));
        assert_eq!(told(&loaded), [format!("w.yaml:3:{expected}")], "{value}");
    }
}
