//! A configuration is read strictly, and everything that is wrong with it is told at once: through `wingmate check`.

#[path = "../world/dice.rs"]
mod dice;
mod mutations;
mod services;

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// A configuration directory of its own for each test.
struct Dir(PathBuf);

impl Dir {
    fn new(name: &str) -> Dir {
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("config-{name}"));
        // What an earlier run left.
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(&path).expect("the target directory is ours");
        Dir(path)
    }

    fn file(&self, name: &str, text: &str) -> &Dir {
        let path = self.0.join(name);
        fs::create_dir_all(path.parent().expect("it is below the directory")).expect("ours");
        fs::write(&path, text).expect("ours");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).expect("ours");
        self
    }

    fn mode(&self, name: &str, mode: u32) -> &Dir {
        fs::set_permissions(self.0.join(name), fs::Permissions::from_mode(mode)).expect("ours");
        self
    }

    fn program(&self, name: &str, text: &str) -> &Dir {
        self.file(name, text).mode(name, 0o755)
    }

    fn check(&self, options: &[&str]) -> Told {
        wingmate(["check", "-c", self.path()].iter().chain(options))
    }

    fn path(&self) -> &str {
        self.0.to_str().expect("a plain path")
    }
}

struct Told {
    status: Option<i32>,
    out: String,
    /// With the directory's own path left out.
    err: String,
}

fn wingmate<'a>(args: impl IntoIterator<Item = &'a &'a str>) -> Told {
    let mut command = Command::new(env!("CARGO_BIN_EXE_wingmate"));
    command.args(args.into_iter().copied()).env_remove("WINGMATE_CONFIG_PATH");
    told(command)
}

fn told(mut command: Command) -> Told {
    let Output { status, stdout, stderr } =
        command.stdin(Stdio::null()).output().expect("the binary under test is there");
    let text = |bytes| String::from_utf8(bytes).expect("UTF-8");
    let err = text(stderr);
    let err = err.replace(&format!("{}/config-", env!("CARGO_TARGET_TMPDIR")), "");
    Told { status: status.code(), out: text(stdout), err }
}

const SCRIPT: &str = "#!/bin/sh\nexec sleep 1000\n";

#[test]
fn a_good_configuration_is_shown() {
    let dir = Dir::new("good");
    dir.file(
        "wingmate.yaml",
        "service:\n  web:\n    command: [ sh, -c, 'sleep 9' ]\n    user: root:root\n    oneshot: true\ncron:\n  tidy:\n    \
         schedule: '0 4 * * *'\n    timezone: UTC\n    command: sh -c 'echo tidy'\n",
    )
    .file("crontab", "# jobs\nCRON_TZ=CET-1CEST,M3.5.0,M10.5.0/3\n*/5 * * * * sh a 'b c' # why\n")
    .program("service/one.sh", SCRIPT);
    let told = dir.check(&["--strict"]);
    assert_eq!((&*told.err, told.status), ("", Some(0)));
    let expected = format!(
        "service web: sh -c 'sleep 9' (user root:root, oneshot, restart never)\n\
         service one.sh: {}/service/one.sh (restart always)\n\
         job tidy: sh -c 'echo tidy' at 0 4 * * *, that is at 04:00 (zone UTC)\n\
         job sh: sh a 'b c' at */5 * * * *, that is every 5 minutes (zone CET-1CEST,M3.5.0,M10.5.0/3)\n",
        dir.path()
    );
    assert_eq!(told.out, expected);
}

#[test]
fn three_mistakes_in_a_crontab_are_told_at_once() {
    let dir = Dir::new("three");
    dir.file("crontab", "*/5 * * * * sh a\n0 24 * * * sh b\n@hourly sh 'c\n0 0 * FOO * sh d\n");
    let told = dir.check(&[]);
    assert_eq!(
        told.err,
        "three/crontab:2:3: hour 24 is out of range 0–23\n  0 24 * * * sh b\n    ^^\n\
         three/crontab:3:12: the quote ' is never closed\n  @hourly sh 'c\n             ^\n\
         three/crontab:4:7: month 'FOO' is not understood (allowed: 1–12, JAN–DEC; *, a-b, lists by commas, steps by /n)\n  \
         0 0 * FOO * sh d\n        ^^^\n"
    );
    assert_eq!((told.status, &*told.out), (Some(1), ""));
    let started = wingmate(&["-c", dir.path()]);
    assert_eq!((started.status, started.err), (Some(1), told.err), "init says the same and doesn't start");
}

#[test]
fn problems_of_all_files_come_in_one_go() {
    let dir = Dir::new("all");
    dir.file("wingmate.yaml", "service:\n  web: { comand: x }\ntimezone: Mars/Phobos\n")
        .file("crontab", "CRON_TZ=Europe/Nowhere\n60 * * * * sh\n")
        .program("service/README", "Not a program.\n")
        .program("service/main", SCRIPT)
        .file("service/notes", "")
        .file("services/x", "")
        .file("cron.d/x", "")
        .file("other.txt", "ignored");
    symlink("gone", dir.0.join("service/link")).expect("ours");
    let told = dir.check(&[]);
    let lines: Vec<&str> = told.err.lines().filter(|line| line.starts_with("all/")).collect();
    assert_eq!(
        lines,
        [
            "all/services: notice: this directory is not read; the one that is meant is called 'service'",
            "all/cron.d: notice: this directory is not read; the one that is meant is called 'crontab.d'",
            "all/wingmate.yaml:2:10: unknown key 'comand' in service 'web' (did you mean 'command'?)",
            "all/wingmate.yaml:3:11: unknown time zone 'Mars/Phobos' (a name such as Europe/Berlin, or a POSIX string such as CET-1CEST,M3.5.0,M10.5.0/3)",
            "all/service/README: warning: skipped: it is executable, but begins with neither '#!' nor an ELF header",
            "all/service/link: warning: skipped: No such file or directory",
            "all/service/main: the name 'main' is wingmate's own; choose another",
            "all/service/notes: notice: skipped: it is not executable",
            lines
                .iter()
                .find(|line| line.starts_with("all/crontab:1:9: unknown time zone 'Europe/Nowhere'"))
                .unwrap_or(&""),
            "all/crontab:2:1: minute 60 is out of range 0–59",
        ]
    );
    assert_eq!(told.status, Some(1));
}

#[test]
fn broken_yaml_is_told_with_its_place() {
    for (name, text, expected) in [
        (
            "schedule",
            "cron:\n  a:\n    schedule: */5 * * * *\n",
            "wingmate.yaml:3:15: quote the schedule, an unquoted '*' is YAML's sign for an alias: \"*/5 * * * *\"",
        ),
        (
            "open",
            "service: {",
            "wingmate.yaml:2:1: not valid YAML: while parsing a node, did not find expected node content",
        ),
        ("nul", "service:\0\n", "wingmate.yaml:1:9: the control character U+0000 is not allowed in YAML"),
        ("twice", "log: {}\nlog: {}\n", "wingmate.yaml:2:1: the key 'log' is here twice; first in line 1"),
        ("documents", "log: {}\n---\nlog: {}\n", "wingmate.yaml:2:1: a second document begins here; a file holds one"),
    ] {
        let dir = Dir::new(&format!("broken-{name}"));
        let told = dir.file("wingmate.yaml", text).check(&[]);
        assert_eq!(told.err.lines().next(), Some(&*format!("broken-{name}/{expected}")));
        assert_eq!(told.status, Some(1));
    }
}

#[test]
fn one_yaml_file_is_read_alone() {
    let dir = Dir::new("file");
    dir.file("my.yaml", "service: { a: { command: [ sh ] } }\n")
        .file("wingmate.yaml", "nonsense: 1\n")
        .file("text", "x");
    let path = |name: &str| format!("{}/{name}", dir.path());
    let told = wingmate(&["check", "--config", &*path("my.yaml")]);
    assert_eq!((told.status, &*told.out, &*told.err), (Some(0), "service a: sh (restart always)\n", ""));
    let told = wingmate(&["check", "-c", &*path("no.yaml")]);
    assert_eq!((told.status, &*told.err), (Some(1), "file/no.yaml: cannot read it: No such file or directory\n"));
    let told = wingmate(&["check", "-c", &*path("text")]);
    assert_eq!((told.status, &*told.err), (Some(1), "file/text: this is neither a directory nor a .yaml file\n"));
}

#[test]
fn wingmate_yml_is_read_too_but_not_both() {
    let dir = Dir::new("yml");
    dir.file("wingmate.yml", "service: { a: { command: [ sh ] } }\n");
    assert_eq!(dir.check(&[]).out, "service a: sh (restart always)\n");
    dir.file("wingmate.yaml", "service: { a: { command: [ sh ] } }\n");
    let told = dir.check(&[]);
    assert_eq!(told.err, "yml/wingmate.yml: there is 'yml/wingmate.yaml' too; keep one of them\n");
    assert_eq!(told.status, Some(1));
}

#[test]
fn what_cant_be_read_is_named() {
    let dir = Dir::new("unreadable");
    dir.file("crontab/x", "").file("service", "");
    rustix::fs::mknodat(
        rustix::fs::CWD,
        dir.0.join("wingmate.yaml"),
        rustix::fs::FileType::Fifo,
        rustix::fs::Mode::from_raw_mode(0o644),
        0,
    )
    .expect("ours");
    let told = dir.check(&[]);
    assert_eq!(
        told.err,
        "unreadable/wingmate.yaml: cannot read it: it is not a regular file\n\
         unreadable/service: cannot read it: Not a directory\n\
         unreadable/crontab: cannot read it: it is not a regular file\n"
    );
    assert_eq!(told.status, Some(1));
}

#[test]
fn nothing_configured_is_nothing_to_run() {
    let dir = Dir::new("nothing");
    let told = dir.file("crontab", "# nothing yet\n").check(&[]);
    let nothing = "wingmate: nothing to run: no services, cron jobs or command (looked in nothing";
    assert_eq!((told.status, &*told.err), (Some(1), &*format!("{nothing})\n")));
    let missing = format!("{}/missing", dir.path());
    let told = wingmate(&["check", "-c", &*missing]);
    assert_eq!((told.status, &*told.err), (Some(1), &*format!("{nothing}/missing: No such file or directory)\n")));
}

#[test]
fn what_could_not_be_started_now_is_a_warning() {
    let dir = Dir::new("rehearsal");
    dir.file("plain", "#!/bin/sh\n").program("broken", "#!/no/such/shell\n").program("text", "x\n");
    let keys = [
        ("a", "command: [ no-such-program ]"),
        ("b", "command: [ ./plain ]"),
        ("c", "command: [ ./broken ]"),
        ("d", "command: [ ./text ]"),
        ("e", "command: [ ./gone ]"),
        ("f", "command: [ sh ], user: no-such-user"),
        ("g", "command: [ sh ], environ: { PATH: /nowhere }"),
        ("h", "command: [ ./plain/x ]"),
        ("i", "command: [ sh ], environ: { PATH: LONG }"),
        ("j", "command: [ sh ], pidfile: /dev/null"),
        ("k", "command: [ sh ], pidfile: /"),
        ("l", "command: [ sh ], pidfile: plain"),
        ("m", "command: [ sh ], environ: { PATH: 'LONG:/usr/bin:/bin' }"),
        ("n", "command: [ sh ]"),
    ];
    let units = keys.map(|(name, keys)| format!("  {name}: {{ working_dir: {}, {keys} }}\n", dir.path()));
    let column = 23 + dir.path().len();
    dir.file("wingmate.yaml", &format!("service:\n{}", units.concat().replace("LONG", &"x".repeat(300))));
    let told = dir.check(&[]);
    let lines: Vec<String> =
        told.err.lines().filter_map(|line| line.strip_prefix("rehearsal/wingmate.yaml:")).map(str::to_owned).collect();
    let expected = [
        "a': cannot execute 'no-such-program': no such file or directory (searched in PATH)",
        "b': cannot execute './plain': permission denied",
        "c': cannot execute './broken': its interpreter '/no/such/shell' is missing: no such file or directory",
        "d': cannot execute './text': exec format error (no '#!' line, or built for another machine)",
        "e': cannot execute './gone': no such file or directory",
        "f': unknown user 'no-such-user' in /etc/passwd",
        "g': cannot execute 'sh': no such file or directory (searched in PATH)",
        "h': cannot execute './plain/x': not a directory",
        "i': cannot execute 'sh': no such file or directory (searched in PATH)",
        "j': the pid file '/dev/null' is a device, not a regular file",
        "k': the pid file '/' is a directory, not a regular file",
    ];
    let expected: Vec<String> =
        (2..).zip(expected).map(|(line, text)| format!("{line}:{column}: warning: service '{text}")).collect();
    assert_eq!(lines, expected);
    assert_eq!(told.status, Some(0), "a start may find it all the same");
    let strict = dir.check(&["--strict"]);
    assert_eq!((strict.status, &*strict.out), (Some(1), ""));
    assert_eq!(strict.err, told.err.replace(": warning: ", ": "));
}

#[test]
fn a_directory_that_may_not_be_entered_is_told_of() {
    let dir = Dir::new("closed");
    dir.program("closed/tool", SCRIPT).mode("closed", 0o000);
    let path = format!("{}/closed", dir.path());
    dir.file(
        "wingmate.yaml",
        &format!("service:\n  a: {{ command: [ tool ], environ: {{ PATH: '{path}:/usr/bin' }} }}\n"),
    );
    let mut words = vec![env!("CARGO_BIN_EXE_wingmate"), "check", "-c", dir.path()];
    if rustix::process::geteuid().is_root() {
        words.splice(0..0, ["setpriv", "--reuid=1234", "--regid=1234", "--clear-groups"]);
    }
    let mut command = Command::new(words[0]);
    command.args(&words[1..]).env_remove("WINGMATE_CONFIG_PATH");
    let told = told(command);
    dir.mode("closed", 0o755);
    let complaint = "cannot execute 'tool': no such file or directory (searched in PATH, where not every directory may be \
                     entered)";
    assert!(told.err.contains(complaint), "{}", told.err);
}

#[test]
fn files_that_others_may_write_to_are_a_warning_for_root() {
    let dir = Dir::new("writable");
    dir.program("service/a", SCRIPT).file("crontab", "@daily sh\n").mode("service/a", 0o777).mode("crontab", 0o666);
    let told = dir.check(&["--strict"]);
    if rustix::process::geteuid().is_root() {
        let may = "others may write to it (mode";
        let expected = format!(
            "writable/service/a: {may} 0777), and wingmate runs as root\nwritable/crontab: {may} 0666), and wingmate runs as root\n"
        );
        assert_eq!((told.status, told.err), (Some(1), expected));
        assert_eq!(dir.check(&[]).status, Some(0));
    } else {
        assert_eq!((told.status, &*told.err), (Some(0), ""));
    }
}

#[test]
fn json_is_one_document() {
    let dir = Dir::new("json");
    dir.file("crontab", "@daily sh -c \"a\\\\b\"\n@daily no-such-program | x\n");
    let told = dir.check(&["--format", "json"]);
    assert_eq!((told.status, &*told.err), (Some(0), ""));
    let file = format!("\"file\":\"{}/crontab\"", dir.path());
    let advice = "is passed on as it is, no shell reads it: write sh -c '…', or SHELL=/bin/sh above the entry";
    let identity = "\"user\":null,\"group\":null,\"secrets\":[]";
    let manner = ",\"overlap\":\"skip\",\"timeout\":null,\"jitter\":0,\"retries\":{\"count\":0,\"delay\":1},\
                  \"on_boot\":false,\"missed\":\"skip\",\"critical\":false,\"depends_on\":[]";
    let expected = format!(
        "{{\"v\":1,\"ok\":true,\"problems\":[\
         {{{file},\"line\":2,\"column\":8,\"severity\":\"warning\",\"message\":\"cron job 'no-such-program': cannot execute 'no-such-program': no such file or directory (searched in PATH)\"}},\
         {{{file},\"line\":2,\"column\":24,\"severity\":\"warning\",\"message\":\"'|' {advice}\"}}],\"units\":[\
         {{\"kind\":\"job\",\"name\":\"sh\",\"command\":[\"sh\",\"-c\",\"a\\\\b\"],{identity},\"schedule\":\"@daily\",\"description\":\"at 00:00\",\"timezone\":null{manner}}},\
         {{\"kind\":\"job\",\"name\":\"no-such-program\",\"command\":[\"no-such-program\",\"|\",\"x\"],{identity},\"schedule\":\"@daily\",\"description\":\"at 00:00\",\"timezone\":null{manner}}}]}}\n"
    );
    assert_eq!(told.out, expected);

    let told = Dir::new("json-nothing").check(&["--format=json"]);
    assert_eq!(told.status, Some(1));
    assert!(told.out.starts_with("{\"v\":1,\"ok\":false,\"problems\":[{\"file\":\""), "{}", told.out);
    assert!(told.out.contains("\"line\":null,\"column\":null,\"severity\":\"error\",\"message\":\"nothing to run: "));
}

#[test]
fn the_variable_says_where_and_usage_is_checked() {
    let dir = Dir::new("variable");
    dir.file("crontab", "@daily sh\n");
    let mut command = Command::new(env!("CARGO_BIN_EXE_wingmate"));
    command.arg("check").env("WINGMATE_CONFIG_PATH", dir.path());
    assert_eq!(told(command).out, "job sh: sh at @daily, that is at 00:00 (local time)\n");
    let told = wingmate(&["check", "--format", "xml"]);
    assert_eq!(told.status, Some(2));
    assert!(told.err.starts_with("wingmate: --format must be text or json, not 'xml'\n"), "{}", told.err);
}

#[test]
fn a_job_is_shown_with_its_zone_where_that_matters() {
    let dir = Dir::new("zones");
    dir.file("wingmate.yaml", "timezone: EST5EDT,M3.2.0,M11.1.0\n").file(
        "crontab",
        "*/90 1 13 * 5 sh\n@every 90m sh\n@reboot sh\nCRON_TZ=UTC0\n0,2,3,5,7,8,10,13,15,18,20,24,27,31,33 * * * * sh\n",
    );
    assert_eq!(
        dir.check(&[]).out,
        "job sh: sh at */90 1 13 * 5, that is at 01:00 on the 13th and on Fridays (zone EST5EDT,M3.2.0,M11.1.0)\n\
         job sh-2: sh at @every 90m, that is every 1h30m, counted from wingmate's start\n\
         job sh-3: sh at @reboot, that is once, when wingmate starts\n\
         job sh-4: sh at 0,2,3,5,7,8,10,13,15,18,20,24,27,31,33 * * * * (zone UTC0)\n"
    );
    let json = dir.check(&["--format", "json"]).out;
    assert!(
        json.contains("\"description\":\"every 1h30m, counted from wingmate's start\",\"timezone\":\"EST5EDT,"),
        "{json}"
    );
    assert!(json.contains("\"description\":null,\"timezone\":\"UTC0\","), "{json}");
}

#[test]
fn a_job_is_shown_with_all_that_it_asks_for() {
    let dir = Dir::new("manner");
    dir.file(
        "wingmate.yaml",
        "state: /var/lib/jobs\nservice:\n  db: { command: [ sh ] }\ncron:\n  tidy:\n    command: [ sh ]\n    \
         schedule: '30 3 * * *'\n    on_boot: true\n    missed: once\n    overlap: replace\n    timeout: 1m\n    \
         jitter: 500ms\n    retries: { count: 2, delay: 10s }\n    critical: true\n    depends_on: [ db ]\n",
    );
    assert!(
        dir.check(&[]).out.ends_with(
            "(local time, also at start, what was missed is made up for at start, overlap replace, timeout 1m00s, \
             jitter 500ms, 2 retries after 10s, critical, only with db)\n"
        ),
        "{}",
        dir.check(&[]).out
    );
    let json = dir.check(&["--format", "json"]).out;
    let expected = "\"overlap\":\"replace\",\"timeout\":60,\"jitter\":0.5,\"retries\":{\"count\":2,\"delay\":10},\
                    \"on_boot\":true,\"missed\":\"once\",\"critical\":true,\
                    \"depends_on\":[{\"name\":\"db\",\"condition\":\"ready\"}]}]}";
    assert!(json.contains(expected), "{json}");
}

#[test]
fn what_is_taken_as_the_program_is_told_once() {
    let dir = Dir::new("once");
    dir.file("crontab", "* * * * * * sh x\n0 3 * * * daemon sh x\n0 3 * * * no-such-program sh x\n");
    let told = dir.check(&[]);
    let lines: Vec<&str> = told.err.lines().filter(|line| line.starts_with("once/")).collect();
    let missing = "no such file or directory (searched in PATH)";
    assert_eq!(
        lines,
        [
            "once/crontab:1:11: warning: '*' is taken as the program: a schedule has five fields, no seconds in front and no year behind",
            &*format!(
                "once/crontab:2:11: warning: cron job 'daemon': cannot execute 'daemon': {missing}; that is a user, and there is no field for one here: wmexec --user daemon …"
            ),
            &*format!(
                "once/crontab:3:11: warning: cron job 'no-such-program': cannot execute 'no-such-program': {missing}"
            ),
        ]
    );
    assert_eq!(told.status, Some(0));
}

#[test]
fn a_stop_timeout_that_does_not_fit_is_a_warning() {
    let dir = Dir::new("budget");
    let services = "  fits: { command: sh, stop: { timeout: 2s } }\n  long: { command: sh, stop: { timeout: 20s } }\n";
    dir.file("wingmate.yaml", &format!("shutdown: {{ timeout: 3s }}\nservice:\n{services}"));
    let told = dir.check(&[]);
    assert_eq!(told.status, Some(0));
    let warnings: Vec<&str> = told.err.lines().filter(|line| line.contains("warning:")).collect();
    assert_eq!(
        warnings,
        [
            "budget/wingmate.yaml:4:11: warning: the stop.timeout of 'long', 20s, doesn't fit into shutdown.timeout, 3s: \
          that takes 20.3s (and as much from the engine: docker stop -t 22, terminationGracePeriodSeconds: 22)"
        ]
    );
}
