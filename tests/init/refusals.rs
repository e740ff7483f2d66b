//! Bad input at every door: what is wrong is said with its place, and nothing starts.

use crate::world::{AS_INIT, Place, can_switch_users, told};

/// `wingmate ARGS`: its status and what it says on stderr; it says nothing else.
fn refused(place: &Place, args: &[&str], env: &[(&str, &str)]) -> (i32, String) {
    let mut command = place.bare(AS_INIT, args);
    let (status, stdout, stderr) = told(command.envs(env.iter().copied()));
    assert_eq!(stdout, "");
    (status, stderr)
}

#[test]
fn wrong_usage_is_2_with_a_hint() {
    let place = Place::new("");
    let hint = "wingmate: try 'wingmate --help'\n";
    let rows: [(&[&str], &str); 12] = [
        (&["--no-such-flag"], "unknown option '--no-such-flag'"),
        (&["--confg", "/x"], "unknown option '--confg' (did you mean '--config'?)"),
        (&["-x"], "unknown option '-x'"),
        (&["nginx"], "no applet 'nginx'; to run it as the main command: wingmate -- nginx …"),
        (
            &["chekc"],
            "no applet 'chekc'; to run it as the main command: wingmate -- chekc … (did you mean 'wingmate check'?)",
        ),
        (&["-c", "--"], "option '--config' needs a value, and '--' is none"),
        (&["-c"], "option '--config' needs a value"),
        (&["--"], "there is no command after '--'"),
        (&["--log-level", "loud"], "--log-level: "),
        (&["--log-format=xml"], "--log-format: "),
        (&["--shutdown-timeout", "soon"], "--shutdown-timeout: "),
        (&["--shutdown-timeout", "-1s"], "--shutdown-timeout: "),
    ];
    for (args, says) in rows {
        let (status, stderr) = refused(&place, args, &[]);
        assert_eq!(status, 2, "{args:?}: {stderr}");
        assert!(stderr.starts_with(&format!("wingmate: {says}")), "{args:?}: {stderr}");
        assert!(stderr.ends_with(hint), "{args:?}: {stderr}");
    }
    for (name, value) in
        [("WINGMATE_LOG_LEVEL", "loud"), ("WINGMATE_LOG_FORMAT", "xml"), ("WINGMATE_SHUTDOWN_TIMEOUT", "soon")]
    {
        let (status, stderr) = refused(&place, &[], &[(name, value)]);
        assert_eq!(status, 2, "{stderr}");
        assert!(stderr.starts_with(&format!("wingmate: {name}: ")) && stderr.contains(value), "{stderr}");
    }
}

#[test]
fn nothing_to_run_is_1_and_says_where_it_was_looked() {
    let place = Place::new("");
    let dir = place.path("");
    let dir = dir.trim_end_matches('/');
    let nothing = "wingmate: nothing to run: no services, cron jobs or command (looked in ";
    let missing = place.path("missing");
    assert_eq!(refused(&place, &["-c", dir], &[]), (1, format!("{nothing}{dir})\n")));
    let says = format!("{nothing}{missing}: No such file or directory)\n");
    let (status, stderr) = refused(&place, &["-c", &missing], &[]);
    assert_eq!((status, stderr.to_lowercase()), (1, says.to_lowercase()));
    let (status, stderr) = refused(&place, &[], &[("WINGMATE_CONFIG_PATH", dir)]);
    assert_eq!((status, stderr), (1, format!("{nothing}{dir})\n")));
}

#[test]
fn each_problem_of_each_file_is_told_before_anything_starts() {
    let place = Place::new(
        "service:\n  web:\n    comand: [ touch, started ]\n    restart: perhaps\n  api: { command: [ touch, started ], startsecs: soon }\n",
    );
    place.file("crontab", "0 24 * * * touch started\n@reboot touch started\n* * * * * 'unfinished\n");
    let (status, stderr) = refused(&place, &["-c", "."], &[]);
    assert_eq!(status, 1, "{stderr}");
    for says in [
        "./wingmate.yaml:3:5: unknown key 'comand' in service 'web' (did you mean 'command'?)",
        "./wingmate.yaml:4:",
        "./wingmate.yaml:5:",
        "./crontab:1:3: hour 24 is out of range 0–23",
        "./crontab:3:11: ",
    ] {
        assert!(stderr.contains(says), "{says}: {stderr}");
    }
    assert!(!place.read("started").is_empty() || !std::path::Path::new(&place.path("started")).exists());
}

#[test]
fn broken_files_are_told_with_their_place() {
    for (name, text, says) in [
        ("wingmate.yaml", "service: [ unfinished\n", "./wingmate.yaml:"),
        ("wingmate.yaml", "service:\n  a: { command: x }\n  a: { command: y }\n", "./wingmate.yaml:3:3: "),
        ("wingmate.yaml", "service: \u{7}\n", "./wingmate.yaml:1:10: "),
        ("wingmate.yaml", "service:\n  a: { command: [ x ], oneshot: true, restart: always }\n", "./wingmate.yaml:2:"),
        ("crontab", "x * * * * true\n", "./crontab:1:1: "),
        ("crontab", "* * * *\n", "./crontab:1:"),
        ("crontab", "CRON_TZ=Mars/Olympus\n* * * * * true\n", "./crontab:1:"),
        ("crontab", "0 0 31 2 * true\n", "./crontab:1:"),
        ("crontab", "* * * * * a\0b\n", "./crontab:1:"),
    ] {
        let place = Place::new("");
        place.file(name, text);
        let (status, stderr) = refused(&place, &["-c", "."], &[]);
        assert_eq!(status, 1, "{text:?}: {stderr}");
        assert!(stderr.contains(says), "{text:?}: {stderr}");
    }
}

#[test]
fn both_spellings_of_wingmate_yaml_are_one_too_many() {
    let place = Place::new("service:\n  web: { command: [ sleep, inf ] }\n");
    place.file("wingmate.yml", "service:\n  api: { command: [ sleep, inf ] }\n");
    let (status, stderr) = refused(&place, &["-c", "."], &[]);
    assert_eq!(status, 1);
    assert!(stderr.contains("./wingmate.yml: there is './wingmate.yaml' too; keep one of them"), "{stderr}");
}

#[test]
fn what_cannot_be_read_is_named() {
    let place = Place::new("service:\n  web: { command: [ sleep, inf ] }\n");
    std::os::unix::fs::symlink("/no/such/file", place.path("crontab")).unwrap();
    let (status, stderr) = refused(&place, &["-c", "."], &[]);
    assert_eq!(status, 1);
    assert!(stderr.to_lowercase().contains("./crontab: cannot read it: no such file or directory"), "{stderr}");
    let (status, stderr) = refused(&place, &["-c", "/etc/passwd"], &[]);
    assert_eq!(status, 1);
    assert!(stderr.contains("/etc/passwd: this is neither a directory nor a .yaml file"), "{stderr}");
    if !can_switch_users("what_cannot_be_read_is_named") {
        return;
    }
    place.file("secret/wingmate.yaml", "");
    let secret = place.path("secret");
    rustix::fs::chmod(&secret, rustix::fs::Mode::from_raw_mode(0o700)).unwrap();
    let through = ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups"];
    let (status, _, stderr) = told(&mut place.bare(&through, &["-c", &secret]));
    assert_eq!(status, 1, "{stderr}");
    assert!(stderr.to_lowercase().contains("/secret: cannot look into it: permission denied"), "{stderr}");
}
