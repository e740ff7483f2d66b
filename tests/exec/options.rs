//! Every option of wmexec, by what the program that it becomes sees of itself: /proc/self, nice(1), umask. From root
//! with `--user`, and as an ordinary user. `variables.rs` has those of the environment, `parents_end.rs` --pdeathsig.

use crate::place::{AS_NOBODY, NOBODY, Place, command, error, fields, good, output, root, stat, untested};
use std::ffi::OsStr;
use std::fs::{self, Permissions};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{PermissionsExt, chown};

const STATUS: [&str; 2] = ["cat", "/proc/self/status"];

/// Whether this test may raise limits; says so where everybody sees it if not.
fn unlimited(test: &str) -> bool {
    const CAP_SYS_RESOURCE: u64 = 1 << 24;
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let effective = u64::from_str_radix(&fields("CapEff", &status)[0], 16).unwrap();
    let may = effective & CAP_SYS_RESOURCE != 0;
    if !may {
        untested(test, "CAP_SYS_RESOURCE");
    }
    may
}

#[test]
fn the_umask_is_the_one_that_is_asked_for() {
    let place = Place::new();
    for (mask, seen) in [("027", "0027\n"), ("0", "0000\n"), ("0777", "0777\n")] {
        assert_eq!(place.same(&["--umask", mask, "sh", "-c", "umask"]), seen);
    }
    assert_eq!(place.same(&["--umask=777", "--umask=22", "sh", "-c", "umask"]), "0022\n");
    for mask in ["", "8", "1000", "u=rwx", "-1"] {
        let expected = format!("--umask must be an octal number from 000 to 777, such as \"027\", not '{mask}'");
        assert_eq!(place.refused(&["--umask", mask]), expected);
    }
}

#[test]
fn priorities_are_set_while_that_is_still_permitted() {
    let place = Place::new();
    assert_eq!(place.same(&["--nice", "7", "nice"]), "7\n");
    assert_eq!(place.same(&["--oom-score-adj", "987", "cat", "/proc/self/oom_score_adj"]), "987\n");
    for (long, range) in [("nice", "-20 to 19"), ("oom-score-adj", "-1000 to 1000")] {
        for number in ["", "+5", "1.5", "1001", "-1001", "x"] {
            let expected = format!("--{long} must be a whole number from {range}, not '{number}'");
            assert_eq!(place.refused(&[&format!("--{long}"), number]), expected);
        }
    }
    if root("a nice value below the present one") {
        assert_eq!(good(place.run(&["--user", NOBODY, "--nice", "-5", "nice"])), "-5\n");
    }
    if unlimited("a score below the present one") {
        let score = ["--oom-score-adj=-500", "--user", NOBODY, "cat", "/proc/self/oom_score_adj"];
        assert_eq!(good(place.run(&score)), "-500\n");
    }
}

#[test]
fn limits_are_soft_and_hard() {
    let place = Place::new();
    let limits = ["nofile=64:128", "core=0:unlimited", "core=0", "fsize=1GiB", "stack=8MiB:16MiB", "nproc=1000:2000"];
    let mut args: Vec<&str> = limits.iter().flat_map(|limit| ["--rlimit", *limit]).collect();
    args.extend(["cat", "/proc/self/limits"]);
    let told = place.same(&args);
    for (label, soft, hard) in [
        ("Max open files", "64", "128"),
        ("Max core file size", "0", "0"),
        ("Max file size", "1073741824", "1073741824"),
        ("Max stack size", "8388608", "16777216"),
        ("Max processes", "1000", "2000"),
    ] {
        let line = told.lines().find_map(|line| line.strip_prefix(label)).unwrap();
        assert_eq!(line.split_whitespace().take(2).collect::<Vec<_>>(), [soft, hard], "{label}");
    }
    if unlimited("a hard limit that is raised") {
        let wmexec = place.wmexec();
        let raised = [&wmexec, "--rlimit=core=1:unlimited", "--user", NOBODY, "grep", "core", "/proc/self/limits"];
        let told = good(output(command("prlimit", &[&["--core=0:0"], raised.as_slice()].concat())));
        assert_eq!(told.split_whitespace().skip(4).take(2).collect::<Vec<_>>(), ["1", "unlimited"]);
    }
    for (limit, said) in [
        ("nofile", "--rlimit: 'nofile' is not NAME=SOFT[:HARD]"),
        ("nofiles=1", "--rlimit nofiles=1: unknown limit 'nofiles' (did you mean 'nofile'?)"),
        ("nofile=", "--rlimit nofile=: '' is neither a whole number nor 'unlimited'"),
        ("nofile=1:2:3", "--rlimit nofile=1:2:3: '2:3' is neither a whole number nor 'unlimited'"),
        ("nofile=2:1", "--rlimit nofile=2:1: the soft limit is higher than the hard one, '2:1'"),
        ("core=1K", "--rlimit core=1K: '1K' is not a size (such as 512KiB, 10MiB, 10MB; a bare number is bytes)"),
    ] {
        assert_eq!(place.refused(&["--rlimit", limit]), said);
    }
    assert!(place.refused(&["--rlimit", "zzzzzz=1"]).ends_with(
        "unknown limit 'zzzzzz' (allowed: as, core, cpu, data, \
        fsize, locks, memlock, msgqueue, nice, nofile, nproc, rss, rtprio, rttime, sigpending, stack)"
    ));
}

#[test]
fn groups_are_those_that_are_listed() {
    let place = Place::new();
    assert_eq!(place.refused(&["--groups", "4,,7"]), "--groups: there is an empty name in '4,,7'");
    assert_eq!(place.refused(&["--groups", "4,"]), "--groups: there is an empty name in '4,'");
    assert_eq!(place.refused(&["-G", "no-such"]), "unknown group 'no-such' in /etc/group");
    assert_eq!(place.refused(&["-G", "-1"]), "'-1' is no possible id (0 to 4294967294)");
    if !root("groups_are_those_that_are_listed") {
        return;
    }
    let wmexec = place.wmexec();
    for (args, groups) in [
        (["-u", "web", "-G", "video,7,44"].as_slice(), "7 44"),
        (&["--groups=audio", "-u", "web:adm"], "29"),
        (&["-u", "4242", "-G", "4"], "4"),
        (&["-G", "1", "-G", ""], ""),
        (&["-G", "web"], "1034"),
    ] {
        let words = [&["setpriv", "--groups", "0,8", &wmexec], args, &STATUS].concat();
        let told = good(place.with_accounts(&["passwd", "group"], &words));
        assert_eq!(fields("Groups", &told), [groups], "{args:?}");
    }
}

#[test]
fn the_directory_is_entered_as_the_user() {
    let place = Place::new();
    let within = fs::canonicalize(&place.0).unwrap();
    let path = within.to_str().unwrap();
    fs::write(place.0.join("here"), "#!/bin/sh\npwd -P\n").unwrap();
    fs::set_permissions(place.0.join("here"), Permissions::from_mode(0o755)).unwrap();
    assert_eq!(place.same(&["-C", path, "./here"]), format!("{path}\n"));
    assert_eq!(place.same(&["-C", path, "--env", "PATH=.:/bin:/usr/bin", "here"]), format!("{path}\n"));
    // Not only text.
    let odd = within.join(OsStr::from_bytes(b"odd-\xff"));
    fs::create_dir(&odd).unwrap();
    let mut wmexec = command(&place.wmexec(), &["--chdir"]);
    let seen = output({
        wmexec.arg(&odd).args(["pwd", "-P"]);
        wmexec
    });
    assert_eq!(seen.stdout, [odd.as_os_str().as_bytes(), b"\n"].concat());
    assert_eq!(place.refused(&["-C", ""]), "--chdir must be a directory's path, not ''");
    assert_eq!(place.refused(&["-C", "/no/such"]), "changing to directory '/no/such': no such file or directory");
    if !root("the_directory_is_entered_as_the_user") {
        return;
    }
    let closed = within.join("closed");
    fs::create_dir(&closed).unwrap();
    fs::set_permissions(&closed, Permissions::from_mode(0o700)).unwrap();
    let (closed, pwd) = (closed.to_str().unwrap(), ["pwd", "-P"]);
    for refused in place.as_nobody(&[&["-C", closed], pwd.as_slice()].concat()) {
        let said = format!("wmexec: changing to directory '{closed}' as user {NOBODY}: permission denied\n");
        assert_eq!((refused.status.code(), error(&refused)), (Some(125), said));
    }
    chown(closed, Some(1234), Some(1234)).unwrap();
    assert_eq!(place.same(&[&["-C", closed], pwd.as_slice()].concat()), format!("{closed}\n"));
}

#[test]
fn privileges_can_be_given_up() {
    let place = Place::new();
    let told = place.same(&["--no-new-privs", "grep", "NoNewPrivs", "/proc/self/status"]);
    assert_eq!(fields("NoNewPrivs", &told), ["1"]);
    for (list, said) in [
        ("", "--caps must be names of capabilities, or 'none' alone, not ''"),
        ("none,chown", "--caps must be names of capabilities, or 'none' alone, not 'none,chown'"),
        ("chown,", "--caps: there is an empty name in 'chown,'"),
        (
            "CAP_NET_BIND_SERVICES",
            "--caps: unknown capability 'CAP_NET_BIND_SERVICES' (did you mean 'net_bind_service'?)",
        ),
        ("wholly", "--caps: unknown capability 'wholly'"),
    ] {
        assert_eq!(place.refused(&["--caps", list]), said);
    }
    if !root("privileges_can_be_given_up") {
        return;
    }
    let sets = "CapInh CapPrm CapEff CapBnd CapAmb";
    for (list, kept) in [("none", "0000000000000000"), ("CAP_NET_BIND_SERVICE,chown", "0000000000000401")] {
        for user in [[].as_slice(), &["--user", NOBODY]] {
            let told = good(place.run(&[user, &["--caps", list, "--no-new-privs"], &STATUS].concat()));
            assert_eq!(fields(sets, &told), [kept; 5], "{list}");
        }
    }
    // One who has none and can get none asks for what is so.
    let none = ["--bounding-set=-all", "--inh-caps=-all", "--reuid", NOBODY, &place.wmexec(), "--caps=none"]
        .map(str::to_owned);
    let words: Vec<&str> = none.iter().map(String::as_str).chain(STATUS).collect();
    assert_eq!(fields(sets, &good(output(command("setpriv", &words)))), ["0000000000000000"; 5]);
}

#[test]
fn argument_0_is_what_it_is_told_to_be() {
    let place = Place::new();
    for name in ["other name", "", "-sh"] {
        let told = place.same(&["--argv0", name, "cat", "/proc/self/cmdline"]);
        assert_eq!(told, format!("{name}\0/proc/self/cmdline\0"));
    }
    // The program is searched by its own name.
    assert_eq!(place.run(&["--argv0", "cat", "no-such"]).status.code(), Some(127));
}

#[test]
fn a_process_group_is_begun_where_there_is_none() {
    let place = Place::new();
    let wmexec = place.wmexec();
    let show = ["sh", "-c", "cat /proc/$$/stat"];
    let [pid, parent, group, session] = stat(&good(place.run(&[&["--pgrp"], show.as_slice()].concat())));
    assert_eq!((group, parent), (pid, std::process::id()));
    assert_ne!(session, pid);
    // Who leads already has it: the group's leader, the session's.
    for first in [["--pgrp"], ["--setsid"]] {
        let again = [&first, [wmexec.as_str(), "--pgrp"].as_slice(), &show].concat();
        let [pid, parent, group, _] = stat(&good(place.run(&again)));
        assert_eq!((group, parent), (pid, std::process::id()), "{first:?}");
    }
}

#[test]
fn a_session_and_a_group_contradict_each_other() {
    let place = Place::new();
    let said = "--setsid and --pgrp contradict each other: a new session has a group of its own";
    assert_eq!(place.refused(&["--pgrp", "-s"]), said);
    // The command line beats the environment.
    let show = ["sh", "-c", "cat /proc/$$/stat"];
    for value in ["true", "maybe"] {
        let mut wmexec = command(&place.wmexec(), &[&["--pgrp"], show.as_slice()].concat());
        wmexec.env("WINGMATE_SETSID", value);
        let [pid, _, group, session] = stat(&good(output(wmexec)));
        assert!(group == pid && session != pid, "{value}");
    }
}

#[test]
fn a_step_that_fails_is_named_with_what_it_needs() {
    if !root("a_step_that_fails_is_named_with_what_it_needs") {
        return;
    }
    let place = Place::new();
    let wmexec = place.wmexec();
    let through = [&["--nproc=100:1000"], AS_NOBODY.as_slice(), &[&wmexec]].concat();
    for (args, said) in [
        (["--nice=-5"].as_slice(), "setting the nice value to -5: permission denied (needs CAP_SYS_NICE)"),
        (
            &["--rlimit", "nproc=1:unlimited"],
            "setting the limit nproc to 1:unlimited: operation not permitted (needs CAP_SYS_RESOURCE)",
        ),
        (
            &["--oom-score-adj=-1000"],
            "writing -1000 to /proc/self/oom_score_adj: permission denied (needs CAP_SYS_RESOURCE)",
        ),
        (&["-G", "7"], "setting supplementary groups: operation not permitted (needs CAP_SETGID)"),
        (&["-u", "1234:7"], "setting the group id to 7: operation not permitted (needs CAP_SETGID)"),
        (&["-u", "99:1234"], "setting the user id to 99: operation not permitted (needs CAP_SETUID)"),
        (&["--caps=none"], "dropping all capabilities: operation not permitted (needs CAP_SETPCAP)"),
        (
            &["--caps=chown,kill"],
            "cannot keep CAP_CHOWN, CAP_KILL: not in the permitted set of the process that is to pass it on",
        ),
        (&["-C", "/root/x"], "changing to directory '/root/x' as user 1234: permission denied"),
    ] {
        let refused = output(command("prlimit", &[through.as_slice(), args, &["true"]].concat()));
        assert_eq!((refused.status.code(), error(&refused)), (Some(125), format!("wmexec: {said}\n")), "{args:?}");
    }
}

#[test]
fn what_is_left_out_is_told_at_debug() {
    if !root("what_is_left_out_is_told_at_debug") {
        return;
    }
    let place = Place::new();
    let wmexec = place.wmexec();
    let said = "wmexec: supplementary groups stay as they are: setting them needs CAP_SETGID\n";
    for (level, said) in [("debug", said), ("info", ""), ("", ""), ("DEBUG", "")] {
        let level = format!("WINGMATE_LOG_LEVEL={level}");
        let plain = ["setpriv", "--reuid=1035", "--regid=1036", "--clear-groups", "env", &level, &wmexec];
        let words = [plain.as_slice(), &["-u", "plain", "true"]].concat();
        let told = place.with_accounts(&["passwd", "group"], &words);
        assert_eq!((told.status.code(), error(&told).as_str()), (Some(0), said), "{level}");
    }
    let led = "wmexec: it leads what it was to begin (--setsid, --pgrp) already\n";
    for (outer, inner, said) in [("--setsid", "--setsid", led), ("--pgrp", "--pgrp", led), ("--pgrp", "--nice=1", "")] {
        let words = ["WINGMATE_LOG_LEVEL=debug", &wmexec, outer, &wmexec, inner, "true"];
        let told = output(command("env", &words));
        assert_eq!((told.status.code(), error(&told).as_str()), (Some(0), said), "{outer} {inner}");
    }
}

#[test]
fn what_is_wrong_whatever_happens_is_told_before_anything_is_done() {
    let place = Place::new();
    // What would fail is not even tried.
    for wrong in ["--caps=chwon", "--umask=8", "--env=", "--env-file=/", "--user=no-such", "--pdeathsig=0", "--pgrp"] {
        let said = place.refused(&["--nice=5", "--chdir=/no/such", "--setsid", wrong]);
        assert!(!said.contains("/no/such"), "{said}");
    }
    let mut odd = command(&place.wmexec(), &["--umask"]);
    let refused = output({
        odd.arg(OsStr::from_bytes(b"\xff")).arg("true");
        odd
    });
    assert_eq!(
        (refused.status.code(), error(&refused)),
        (Some(125), "wmexec: --umask: '\u{fffd}' is not UTF-8\n".into())
    );
    for (args, said) in [
        (["--clear-env=yes"].as_slice(), "option '--clear-env' takes no value: 'yes'"),
        (&["--envs", "A=1"], "unknown option '--envs' (did you mean '--env'?)"),
        (&["--nice"], "option '--nice' needs a value"),
    ] {
        let refused = place.run(args);
        assert_eq!(refused.status.code(), Some(125), "{args:?}");
        assert_eq!(error(&refused), format!("wmexec: {said}\nwmexec: try 'wmexec --help'\n"));
    }
}
