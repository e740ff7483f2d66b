//! Crontabs and `cron:` sections that went wrong in thousands of ways: each ends in a verdict, with places that exist.

use super::*;
use crate::dice::Dice;
use wingmate::config::{self, Fetched, Loaded, Sources, Unread};
use wingmate::model::moment::Wall;
use wingmate::schedule::Schedule;
use wingmate::schedule::next::next;
use wingmate::schedule::zone::Zone;
use wingmate::text::source::Source;

/// What crontabs are made of.
const CRONTABS: [&str; 4] = [
    "# jobs\nSHELL=/bin/sh\n*/5 * * * * sh -c 'a' | b # c\nSHELL=\nCRON_TZ=CET-1CEST,M3.5.0,M10.5.0/3\nA = \"x \\\"y\\\"\"\n\
     0 0 1,15 * MON-FRI sh 'a b' c\\ d \"e\"\n@every 1m30s sh é ü\n@reboot sh\n",
    "\u{feff}# a comment\r\n\r\n  \t\n*/5 * * * * sh a\\ b 'c d' \"e\\\"f\" # why\r\n\t0\t0 1,15  * MON-FRI  sh %d\r\n@Daily sh\r\n\
     @every 90s sh 5s\r\nCRON_TZ='AEST-10' # x\r\n30 2 29 2 * A=1 sh\r\nCRON_TZ=",
    "MAILTO=root\nPATH=/bin:/usr/bin\nEMPTY=\nJSON={\"a\":'#'}#b\n17 *\t* * *\troot    cd / && sh\n25 6\t* * *\troot\tsh || ( sh )\n\
     0 3 L * * sh > /dev/null 2>&1\n0 3 LW 1-12/3 * sh $HOME\n0 3 15W,1W jan-jun * sh `a`\n0 3 * * 5L,0#2 sh\n0 3 * * SAT-SUN sh\n\
     */60 1-1/5 31/9 * 7 sh\n@YEARLY sh\n@hourly sh;sh\n",
    "SHELL=/bin/sh\n0-59/5,7,*/13 8-17/2 1-7,L * mon#1,FRIL sh \"$HOME\" | b # c\nB=2\n59 23 31 12 sun echo 'open\nSHELL=\n@midnight sh\n\
     @weekly sh\n@monthly sh\n@annually sh\n@every 1h30m sh\n@every 0.5s sh\n",
];

const YAMLS: [&str; 2] = [
    "timezone: AEST-10AEDT,M10.1.0,M4.1.0/3\ncron:\n  tidy:\n    schedule: \"*/5 0-23/2 15W,L * MON#2\"\n    command: sh --all\n    \
     timezone: UTC\n  often: { schedule: '@every 90s', command: [ sh, -c, 'a | b' ], environ: { A: 1 } }\n  once:\n    \
     schedule: \"@reboot\" # once\n    command: [ sh ]\n",
    "cron:\n  a: &a { schedule: 0 3 * * SAT-SUN, command: sh }\n  b: { <<: *a, schedule: '30 2 29 2 *' }\n  c:\n    command: >-\n      \
     sh \"a b\"\n      | cat\n    schedule: '@Daily'\n    stop: { timeout: 1m }\n",
];

/// What breaks things when it stands where it shouldn't.
const TOKENS: [&[u8]; 46] = [
    b"\0",
    b"\xff",
    b"\xc3",
    b"\n",
    b"\r",
    b"\r\n",
    b"\t",
    b"\xef\xbb\xbf",
    b"\xc2\xa0",
    "٣".as_bytes(),
    "é".as_bytes(),
    b" ",
    b"'",
    b"\"",
    b"\\",
    b"#",
    b"%",
    b"=",
    b"*",
    b"*/0",
    b"*/",
    b"/",
    b"-",
    b"--",
    b",",
    b",,",
    b"@",
    b"@every ",
    b"@every -1s",
    b"@every 99999999999h",
    b"@every 0.0000000001s",
    b"@reboot",
    b"0 0 31 2 *",
    b"99999999999999999999",
    b"60",
    b"00",
    b"L",
    b"W",
    b"15W",
    b"#6",
    b"FRI",
    b"CRON_TZ=Europe/Nowhere\n",
    b"SHELL=",
    b": ",
    b"&",
    b"- ",
];

fn mutated(text: &str, dice: &mut Dice) -> Vec<u8> {
    let mut bytes = text.as_bytes().to_vec();
    for _ in 0..=dice.roll(3) {
        let at = dice.roll(bytes.len() + 1);
        let to = (at + dice.roll(12)).min(bytes.len());
        match dice.roll(16) {
            0..3 => drop(bytes.drain(at..to)),
            3..7 => drop(bytes.splice(at..at, dice.one_of(&TOKENS).iter().copied())),
            7..10 => drop(bytes.splice(at..to, dice.one_of(&TOKENS).iter().copied())),
            10 => drop(bytes.splice(at..at, [dice.roll(256) as u8])),
            11 => bytes.truncate(to),
            // A long line.
            12 => {
                let piece = bytes[at..to].repeat(1 + dice.roll(3_000));
                bytes.splice(at..at, piece);
            }
            _ => {
                let piece = bytes[at..to].to_vec();
                let place = dice.roll(bytes.len() + 1);
                bytes.splice(place..place, piece);
            }
        }
    }
    bytes
}

fn nothing(path: &Path) -> Result<Fetched, Unread> {
    panic!("nothing names {}", path.display());
}

/// Asserts that all is told with places that exist, and that what is accepted is all that stands there and fires.
fn judged(name: &str, bytes: &[u8]) -> Loaded {
    let source = Source::new(name, bytes);
    let lengths: Vec<usize> = source.lines().map(|(_, line)| String::from_utf8_lossy(line).chars().count()).collect();
    let mut sources = Sources::default();
    match name {
        "crontab" => sources.crontab = Some(source),
        _ => sources.yaml.push(source),
    }
    let loaded = config::read(sources, nothing);
    for problem in &loaded.problems {
        let what = || format!("{problem}\nin {:?}", String::from_utf8_lossy(bytes));
        assert!(!problem.message.is_empty() && problem.file == name, "{}", what());
        let Some(span) = problem.span else {
            assert!(problem.message.starts_with("and ") && problem.message.ends_with(" more problems"), "{}", what());
            continue;
        };
        let (line, column) = (span.at.line as usize, span.at.column as usize);
        // YAML may miss something behind the last line.
        let length = match lengths.get(line.wrapping_sub(1)) {
            Some(length) => *length,
            None if name != "crontab" && line == lengths.len() + 1 => 0,
            None => panic!("a line that isn't there: {}", what()),
        };
        assert!((1..=length + 1).contains(&column), "a column that isn't there: {}", what());
        assert!(
            name != "crontab" || column + span.len as usize <= length + 2,
            "it goes on behind the line: {}",
            what()
        );
    }
    assert_eq!(loaded.schedules.len(), loaded.config.jobs.len());
    let now = Wall::from_seconds(1_800_000_000);
    for schedule in &loaded.schedules {
        match *schedule {
            Schedule::Cron(expression) => assert!(next(&expression, &Zone::utc(), now).is_some_and(|at| at > now)),
            Schedule::Every(duration) => assert!(!duration.is_zero()),
            Schedule::Reboot => {}
        }
    }
    if name == "crontab" && !loaded.failed() {
        assert_eq!(loaded.config.jobs.len(), entries(bytes), "of {:?}", String::from_utf8_lossy(bytes));
    }
    loaded
}

/// How many lines of a crontab are no assignments, no comments and not blank.
fn entries(bytes: &[u8]) -> usize {
    let text = String::from_utf8_lossy(bytes);
    let line = |line: &str| {
        let line = line.strip_suffix('\r').unwrap_or(line).trim_start_matches([' ', '\t']);
        let name = line.split([' ', '\t', '=']).next().unwrap_or_default();
        let assigns = line[name.len()..].trim_start_matches([' ', '\t']).starts_with('=');
        usize::from(!line.is_empty() && !line.starts_with('#') && !assigns)
    };
    text.trim_start_matches('\u{feff}').split('\n').map(line).sum()
}

/// Mutations of all texts in turn, with the name of the file that they are for.
fn mutations(seed: u64, count: usize) -> impl Iterator<Item = (&'static str, Vec<u8>)> {
    let mut dice = Dice(seed);
    (0..count).map(move |number| match number % 6 {
        crontab @ 0..4 => ("crontab", mutated(CRONTABS[crontab], &mut dice)),
        yaml => ("wingmate.yaml", mutated(YAMLS[yaml - 4], &mut dice)),
    })
}

#[test]
fn mutated_crontabs_are_judged() {
    for text in CRONTABS {
        assert!(!judged("crontab", text.as_bytes()).failed(), "{text}");
    }
    for text in YAMLS {
        let loaded = judged("wingmate.yaml", text.as_bytes());
        assert!(!loaded.failed() && loaded.config.jobs.len() > 1, "{text}");
    }
    let mut good = 0;
    for (name, bytes) in mutations(0x5eed, 4_000) {
        good += usize::from(!judged(name, &bytes).failed());
    }
    assert!((500..3_500).contains(&good), "{good} good ones of 4000 test little");
}

#[test]
fn the_binary_judges_mutated_crontabs() {
    let dir = Dir::new("mutated");
    let mut good = 0;
    for (name, bytes) in mutations(0xb1a4, 400) {
        let _ = fs::remove_file(dir.0.join("crontab"));
        let _ = fs::remove_file(dir.0.join("wingmate.yaml"));
        dir.file(name, "");
        fs::write(dir.0.join(name), &bytes).expect("ours");
        let told = dir.check(&[]);
        let what = || format!("{:?}\n{}\nof {:?}", told.status, told.err, String::from_utf8_lossy(&bytes));
        match told.status {
            Some(0) => {
                let jobs = told.out.lines().filter(|line| line.starts_with("job ")).count();
                assert!(jobs > 0 && (name != "crontab" || jobs == entries(&bytes)), "{jobs} jobs: {}", what());
                good += 1;
            }
            Some(1) => {
                assert!(told.out.is_empty() && told.err.lines().any(|line| !line.starts_with(' ')), "{}", what())
            }
            _ => panic!("no verdict: {}", what()),
        }
    }
    assert!((40..360).contains(&good), "{good} good ones of 400 test little");
}

#[test]
fn hostile_crontabs_are_judged_soon() {
    let numbered = |line: fn(usize) -> String, count: usize| (0..count).map(line).collect::<String>();
    let cases: [(&str, String, Option<i32>, &str); 26] = [
        ("too long", format!("* * * * * sh {}\n", "x".repeat(10 << 20)), Some(1), "larger than"),
        ("a long word", format!("* * * * * sh {}\n", "x".repeat(4 << 20)), Some(0), ""),
        ("a long name", format!("{}=1\n* * * * * sh\n", "A".repeat(4 << 20)), Some(0), ""),
        ("a long macro", format!("@{} sh\n", "a".repeat(2 << 20)), Some(1), ":1:1: unknown macro"),
        ("a long zone", format!("CRON_TZ={}\n* * * * * sh\n", "Q".repeat(2 << 20)), Some(1), ":1:9: unknown time zone"),
        ("open quotes", format!("* * * * * sh \"{}", "x ".repeat(1 << 20)), Some(1), ":1:14: the quote"),
        ("a deep list", format!("{}0 * * * * sh\n", "0,".repeat(500_000)), Some(0), ""),
        ("a list of mistakes", format!("{}0 * * * * sh\n", "x,".repeat(500_000)), Some(1), ":1:1: minute 'x'"),
        ("a list of remarks", format!("{}0 * * * * sh\n", "*/99,".repeat(500_000)), Some(0), "step 99 is beyond"),
        ("many pipes", format!("* * * * * sh {}\n", "| ".repeat(500_000)), Some(0), "'|' is passed on"),
        ("a big number", "99999999999999999999 * * * * sh\n".into(), Some(1), "minute 99999999999999999999"),
        ("many digits", format!("{} * * * * sh\n", "9".repeat(2 << 20)), Some(1), ":1:1: minute 999"),
        ("a long time", "@every 99999999999999999999h sh\n".into(), Some(1), ":1:8: @every"),
        ("many digits of time", format!("@every {}s sh\n", "9".repeat(2 << 20)), Some(1), ":1:8: @every"),
        ("a negative time", "@every -5s sh\n".into(), Some(1), ":1:8: @every"),
        ("no time", "@every 0.0000000001s sh\n".into(), Some(1), ":1:8: @every"),
        ("half a second", "@every 0.5s sh\n".into(), Some(0), ""),
        ("other digits", "\u{663} \u{ff11} * * * sh\n".into(), Some(1), ":1:1: minute '\u{663}'"),
        ("no-break spaces", "*\u{a0}* * * * * sh\n".into(), Some(1), ":1:"),
        ("many entries", numbered(|n| format!("{} {} * * {} sh -c {n}\n", n % 60, n % 24, n % 7), 20_000), Some(0), ""),
        ("one name", "* * * * * sh\n".repeat(20_000), Some(0), ""),
        ("many wrong lines", "* * * * 9 sh '\n".repeat(100_000), Some(1), "more problems"),
        ("many macros", numbered(|n| format!("@x{n} sh\n"), 20_000), Some(1), "more problems"),
        ("many variables", numbered(|n| format!("A{n}=1\n"), 3_000) + "* * * * * sh\n", Some(0), ""),
        ("many zones", numbered(|n| format!("CRON_TZ=Zone/Q{n}\n"), 5_000) + "@daily sh\n", Some(1), "more problems"),
        ("returns", "\r\r\n".repeat(1 << 20), Some(1), "more problems"),
    ];
    let dir = Dir::new("hostile");
    for (name, text, status, part) in cases {
        dir.file("crontab", &text);
        let mut command = Command::new("sh");
        // A debug build takes seconds of CPU for some; what takes more than these grows with the square.
        command.args([
            "-c",
            "ulimit -t 30 && exec \"$0\" \"$@\"",
            env!("CARGO_BIN_EXE_wingmate"),
            "check",
            "-c",
            dir.path(),
        ]);
        let told = told(command);
        assert_eq!(told.status, status, "{name}");
        assert!(told.err.contains(part), "{name}: {}", told.err.chars().take(1_000).collect::<String>());
        assert_eq!(
            part.is_empty(),
            told.err.is_empty(),
            "{name}: {}",
            told.err.chars().take(1_000).collect::<String>()
        );
    }
}
