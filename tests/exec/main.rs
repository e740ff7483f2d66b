//! What wmexec promises, through the real binary: whom it becomes, what it passes on, and how it fails.
//!
//! Oracles: /proc/self/status, setpriv(1), env(1) and the same command without wmexec. Accounts of our own come
//! by a mount namespace, so that setpriv and wmexec read the same files.

mod closed_streams;
#[path = "../world/dice.rs"]
mod dice;
mod failed_execs;
#[path = "../world/filter.rs"]
mod filter;
mod job_control;
mod options;
mod parents_end;
mod place;
mod refusals;
mod table;
#[path = "../world/terminal.rs"]
mod terminal;
mod variables;
mod way_back;

use place::{BUSY, Place, command, error, good, output, root, stat, status, untested};
use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Command, Stdio};

#[test]
fn every_id_and_capability_goes() {
    if !root("every_id_and_capability_goes") {
        return;
    }
    let place = Place::new();
    let wmexec = place.wmexec();
    let caps =
        "CapInh:\t0000000000000000\nCapPrm:\t0000000000000000\nCapEff:\t0000000000000000\nCapAmb:\t0000000000000000\n";
    for (user, uid, gid, groups) in [
        ("web", 1033, 1034, "4 29 1034"),
        ("web:", 1033, 1034, "4 29 1034"),
        ("1033", 1033, 1034, "4 29 1034"),
        ("plain", 1035, 1036, "4 29 1036"),
        ("web:audio", 1033, 29, ""),
        ("web:77", 1033, 77, ""),
        ("4242", 4242, 4242, ""),
        ("4242:adm", 4242, 4, ""),
        ("12345", 12345, 12345, ""),
        ("1040", 1040, 1041, "1041"),
    ] {
        // From root with groups of its own: none of them may be left.
        let from = ["setpriv", "--groups", "0,7,8", &wmexec, "--user", user, "--"];
        let told = good(place.with_accounts(&["passwd", "group"], &status(&from)));
        let uids = format!("Uid:\t{uid}\t{uid}\t{uid}\t{uid}\nGid:\t{gid}\t{gid}\t{gid}\t{gid}\n");
        assert_eq!(told.replace(" \n", "\n").replace("Groups:\t\n", "Groups:\n"), {
            let groups = if groups.is_empty() { "Groups:\n".to_owned() } else { format!("Groups:\t{groups}\n") };
            format!("{uids}{groups}{caps}")
        });
    }
}

#[test]
fn becomes_whom_setpriv_becomes() {
    if !root("becomes_whom_setpriv_becomes") {
        return;
    }
    let place = Place::new();
    let wmexec = place.wmexec();
    for (user, uid, gid) in
        [("root", "0", "0"), ("web", "1033", "1034"), ("plain", "1035", "1036"), ("twin", "1033", "1037")]
    {
        let ours = ["setpriv", "--groups", "0,7,8", &wmexec, "-u", user];
        // setpriv's --init-groups takes the first name of a uid; a name says which.
        let init = if user == "twin" { vec!["--groups", gid] } else { vec!["--init-groups"] };
        let theirs = [&["setpriv", "--reuid", uid, "--regid", gid], init.as_slice()].concat();
        let accounts = ["passwd", "group"];
        let ours = good(place.with_accounts(&accounts, &status(&ours)));
        assert_eq!(ours, good(place.with_accounts(&accounts, &status(&theirs))), "{user}");
    }
    // And everybody of this machine.
    let users = fs::read_to_string("/etc/passwd").unwrap();
    for fields in users.lines().map(|line| line.split(':').collect::<Vec<_>>()).filter(|fields| fields.len() == 7) {
        let ours = good(place.run(&status(&["-u", fields[0]])));
        let theirs = status(&["--reuid", fields[2], "--regid", fields[3], "--init-groups"]);
        assert_eq!(ours, good(output(command("setpriv", &theirs))), "{}", fields[0]);
    }
}

#[test]
fn there_is_no_way_back() {
    if !root("there_is_no_way_back") {
        return;
    }
    let place = Place::new();
    for back in [
        ["setpriv", "--reuid", "0", "true"].as_slice(),
        &["setpriv", "--euid", "0", "true"],
        &["setpriv", "--regid", "0", "--keep-groups", "true"],
        &["setpriv", "--groups", "0", "true"],
        &["setpriv", "--groups", "4242", "true"],
    ] {
        let tried = place.run(&[&["--user", "4242", "--"], back].concat());
        assert!(!tried.status.success() && error(&tried).contains("setpriv"), "{back:?}: {}", error(&tried));
    }
    // Nor by an ambient capability, which the kernel leaves to whoever wasn't root.
    let ambient = [
        "--reuid",
        "4000",
        "--regid",
        "4000",
        "--clear-groups",
        "--inh-caps=+setuid,+setgid",
        "--ambient-caps=+setuid,+setgid",
    ];
    let wmexec = place.wmexec();
    let held = status(&ambient);
    assert!(good(output(command("setpriv", &held))).contains("CapEff:\t00000000000000c0\n"));
    let switched = good(output(command("setpriv", &[ambient.as_slice(), &status(&[&wmexec, "-u", "4242"])].concat())));
    assert!(
        switched.contains("CapEff:\t0000000000000000\n") && switched.contains("Uid:\t4242\t4242\t4242\t4242\n"),
        "{switched}"
    );
}

#[test]
fn asking_for_what_one_is_needs_no_right() {
    if !root("asking_for_what_one_is_needs_no_right") {
        return;
    }
    let place = Place::new();
    let wmexec = place.wmexec();
    let plain = ["setpriv", "--reuid", "1035", "--regid", "1036", "--clear-groups", "--no-new-privs"];
    let become_user = |user| {
        let words = [plain.as_slice(), &[wmexec.as_str(), "-u", user, "true"]].concat();
        place.with_accounts(&["passwd", "group"], &words)
    };
    for user in ["plain", "1035", "plain:", "plain:1036", "plain:more"] {
        assert_eq!(good(become_user(user)), "");
    }
    for (user, complaint) in [
        ("web", "wmexec: setting supplementary groups: operation not permitted (needs CAP_SETGID)\n"),
        ("0", "wmexec: setting supplementary groups: operation not permitted (needs CAP_SETGID)\n"),
        ("plain:adm", "wmexec: setting the group id to 4: operation not permitted (needs CAP_SETGID)\n"),
        ("web:more", "wmexec: setting the user id to 1033: operation not permitted (needs CAP_SETUID)\n"),
    ] {
        let refused = become_user(user);
        assert_eq!((refused.status.code(), error(&refused).as_str()), (Some(125), complaint), "{user}");
    }
}

#[test]
fn a_mapped_root_stays_itself() {
    // Where groups can't be set at all: /proc/self/setgroups is "deny". Needs no root, but user namespaces.
    let place = Place::new();
    let wmexec = place.wmexec();
    let probe = output(command("unshare", &["--user", "--map-root-user", "true"]));
    if !probe.status.success() {
        untested("a_mapped_root_stays_itself", "user namespaces");
        return;
    }
    let told = good(output(command("unshare", &["--user", "--map-root-user", &wmexec, "-u", "root", "id", "-u"])));
    assert_eq!(told, "0\n");
    let refused = output(command("unshare", &["--user", "--map-root-user", &wmexec, "-u", "33:33", "id"]));
    assert_eq!(refused.status.code(), Some(125), "{}", error(&refused));
}

#[test]
fn the_environment_is_the_users() {
    if !root("the_environment_is_the_users") {
        return;
    }
    let place = Place::new();
    let wmexec = place.wmexec();
    let told = |user: &str| {
        let words = ["env", "USER=root", "HOME=/root", "KEEP=1", "NOTIFY_SOCKET=@x", &wmexec, "-u", user, "env"];
        let mut lines: Vec<String> =
            good(place.with_accounts(&["passwd", "group"], &words)).lines().map(str::to_owned).collect();
        lines.retain(|line| ["USER", "HOME", "LOGN", "SHEL", "KEEP", "NOTI"].iter().any(|key| line.starts_with(key)));
        lines.sort_unstable();
        lines.join(" ")
    };
    assert_eq!(told("web"), "HOME=/srv/web KEEP=1 LOGNAME=web NOTIFY_SOCKET=@x SHELL=/bin/false USER=web");
    assert_eq!(told("web:adm"), told("web"));
    assert_eq!(told("1033"), told("web"));
    assert_eq!(told("plain"), "HOME=/ KEEP=1 LOGNAME=plain NOTIFY_SOCKET=@x SHELL=/bin/sh USER=plain");
    assert_eq!(told("4242"), "HOME=/ KEEP=1 NOTIFY_SOCKET=@x SHELL=/bin/sh");
}

#[test]
fn without_account_files_numbers_work() {
    if !root("without_account_files_numbers_work") {
        return;
    }
    let place = Place::new();
    let wmexec = place.wmexec();
    let run = |files: &[&str], user: &str| {
        place.with_accounts(files, &[&wmexec, "-u", user, "sh", "-c", "id -u; id -g; echo $HOME"])
    };
    assert_eq!(good(run(&[], "4242")), "4242\n4242\n/\n");
    assert_eq!(good(run(&[], "4242:7")), "4242\n7\n/\n");
    assert_eq!(good(run(&["passwd"], "web")), "1033\n1034\n/srv/web\n");
    for (files, user, complaint) in [
        ([].as_slice(), "web", "'/etc/passwd' not found, so the name 'web' can't be looked up (a number works)"),
        (&["passwd"], "web:adm", "'/etc/group' not found, so the name 'adm' can't be looked up (a number works)"),
        (&["passwd", "group"], "broken line", "unknown user 'broken line' in /etc/passwd"),
        (&["passwd", "group"], "web:broken", "unknown group 'broken' in /etc/group"),
    ] {
        let refused = run(files, user);
        assert_eq!((refused.status.code(), error(&refused)), (Some(125), format!("wmexec: {complaint}\n")));
    }
}

#[test]
fn statuses_are_those_of_a_shell() {
    let place = Place::new();
    let plain = place.0.join("plain");
    fs::write(&plain, "#!/bin/sh\n").unwrap();
    let plain = plain.to_str().unwrap();
    for (args, status, complaint) in [
        (["sh", "-c", "exit 7"].as_slice(), 7, ""),
        (&["--", "sh", "-c", "exit 126"], 126, ""),
        (&["/no/such"], 127, "wmexec: cannot execute '/no/such': no such file or directory\n"),
        (&["no-such"], 127, "wmexec: cannot execute 'no-such': no such file or directory (searched in PATH)\n"),
        (&["/usr"], 126, "wmexec: cannot execute '/usr': permission denied\n"),
        (&[plain], 126, &format!("wmexec: cannot execute '{plain}': permission denied\n")),
        (&["-u", "no-such", "true"], 125, "wmexec: unknown user 'no-such' in /etc/passwd\n"),
        (&["-u", "4294967295", "true"], 125, "wmexec: '4294967295' is no possible id (0 to 4294967294)\n"),
        (&["-u", "-1", "true"], 125, "wmexec: '-1' is no possible id (0 to 4294967294)\n"),
        (&["--user=root:4294967295", "true"], 125, "wmexec: '4294967295' is no possible id (0 to 4294967294)\n"),
        (&["-u", "", "true"], 125, "wmexec: '' names no user\n"),
    ] {
        let ended = place.run(args);
        assert_eq!((ended.status.code(), error(&ended).as_str()), (Some(status), complaint), "{args:?}");
    }
    for usage in [[].as_slice(), &["--no-such", "true"], &["-u"], &["--"]] {
        let refused = place.run(usage);
        assert_eq!(refused.status.code(), Some(125), "{usage:?}");
        assert!(error(&refused).starts_with("wmexec: "), "{}", error(&refused));
    }
    assert_eq!(place.run(&["sh", "-c", "kill -9 $$"]).status.signal(), Some(9));
    let version = concat!("wmexec ", env!("CARGO_PKG_VERSION"), "\n");
    assert_eq!(good(place.run(&["version"])), version);
    assert_eq!(good(place.run(&["--version"])), version);
    assert_eq!(place.run(&["--", "version"]).status.code(), Some(127));
    assert_eq!(good(output(command(env!("CARGO_BIN_EXE_wingmate"), &["exec", "echo", "-u", "x"]))), "-u x\n");
}

#[test]
fn options_come_from_the_environment_too() {
    let place = Place::new();
    let mut named = command(&place.wmexec(), &["true"]);
    let refused = output({
        named.env("WINGMATE_USER", "no-such");
        named
    });
    assert_eq!(error(&refused), "wmexec: WINGMATE_USER: unknown user 'no-such' in /etc/passwd\n");
    let me = good(output(command("id", &["-u"])));
    let mut beaten = command(&place.wmexec(), &["--user", me.trim(), "true"]);
    beaten.env("WINGMATE_USER", "no-such");
    assert_eq!(good(output(beaten)), "");
    let mut session = command(&place.wmexec(), &["sh", "-c", "cat /proc/$$/stat"]);
    session.env("WINGMATE_SETSID", "true");
    let [pid, _, group, sid] = stat(&good(output(session)));
    assert_eq!((group, sid), (pid, pid));
    for (value, begun) in [("TRUE", true), ("on", true), ("1", true), ("", false), ("no", false), ("0", false)] {
        let mut session = command(&place.wmexec(), &["sh", "-c", "cat /proc/$$/stat"]);
        session.env("WINGMATE_SETSID", value);
        let [pid, _, _, sid] = stat(&good(output(session)));
        assert_eq!(sid == pid, begun, "{value}");
    }
    let mut neither = command(&place.wmexec(), &["true"]);
    neither.env("WINGMATE_SETSID", "maybe");
    let refused = output(neither);
    assert_eq!(refused.status.code(), Some(125));
    assert!(error(&refused).starts_with("wmexec: WINGMATE_SETSID: 'maybe' is neither true nor false\n"));
}

#[test]
fn it_is_the_same_process() {
    let place = Place::new();
    for args in [["sh"].as_slice(), &["--setsid", "sh"]] {
        let mut command = command(&place.wmexec(), &[args, &["-c", "cat /proc/$$/stat"]].concat());
        let child = command.stdout(Stdio::piped()).spawn().unwrap();
        let pid = child.id();
        assert_eq!(stat(&good(child.wait_with_output().unwrap()))[0], pid, "{args:?}");
    }
}

#[test]
fn a_session_is_begun_where_there_is_none() {
    let place = Place::new();
    let show = ["--setsid", "sh", "-c", "cat /proc/$$/stat"];
    // Neither leads: in place.
    let [pid, parent, group, session] = stat(&good(place.run(&show)));
    assert_eq!((group, session, parent), (pid, pid, std::process::id()));
    // A session's leader has what it asks for: the same process, no child in between.
    let mut leader = command("setsid", &[&[place.wmexec().as_str()], show.as_slice()].concat());
    let child = leader.stdout(Stdio::piped()).spawn().unwrap();
    let id = child.id();
    let [pid, _, group, session] = stat(&good(child.wait_with_output().unwrap()));
    assert_eq!((pid, group, session), (id, id, id));
    // A group's leader can't have one: a child has.
    let mut leader = command(&place.wmexec(), &show);
    let child = leader.process_group(0).stdout(Stdio::piped()).spawn().unwrap();
    let id = child.id();
    let [pid, parent, group, session] = stat(&good(child.wait_with_output().unwrap()));
    assert_eq!((parent, group, session), (id, pid, pid));
}

/// wmexec as a group's leader, with a shell script as its program.
fn stand_in(place: &Place, script: &str) -> Command {
    let mut command = command(&place.wmexec(), &["-s", "sh", "-c", script]);
    command.process_group(0).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

#[test]
fn a_stand_in_passes_signals_and_status_on() {
    let place = Place::new();
    // In its directory: a core may be written.
    let ended = |script| stand_in(&place, script).current_dir(&place.0).output().unwrap();
    assert_eq!(ended("exit 7").status.code(), Some(7));
    assert_eq!(ended("kill -9 $$").status.signal(), Some(9));
    assert_eq!(ended("kill -TERM $$").status.signal(), Some(15));
    assert_eq!(ended("kill -PIPE $$").status.signal(), Some(13));
    let aborted = ended("ulimit -c unlimited; kill -ABRT $$").status;
    assert!(aborted.signal() == Some(6) && !aborted.core_dumped(), "{aborted}");
    let mut none = command(&place.wmexec(), &["-s", "/no/such"]);
    let none = none.process_group(0).output().unwrap();
    assert_eq!(
        (none.status.code(), error(&none).as_str()),
        (Some(127), "wmexec: cannot execute '/no/such': no such file or directory\n")
    );

    for (signal, number) in [("TERM", 15), ("HUP", 1), ("USR1", 10), ("WINCH", 28), ("INT", 2)] {
        let script = format!("trap 'echo got; exit 9' {signal}; echo ready; {BUSY}");
        let mut child = stand_in(&place, &script).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        assert_eq!(lines.next().unwrap().unwrap(), "ready");
        assert!(command("kill", &[&format!("-{number}"), &child.id().to_string()]).status().unwrap().success());
        assert_eq!(lines.next().unwrap().unwrap(), "got", "{signal}");
        assert_eq!(child.wait().unwrap().code(), Some(9));
    }
}

#[test]
fn mask_and_dispositions_pass_on() {
    let place = Place::new();
    let wmexec = place.wmexec();
    let show = ["grep", "-E", "^Sig(Blk|Ign)", "/proc/self/status"];
    for change in [
        [].as_slice(),
        &["--ignore-signal=PIPE"],
        &["--ignore-signal=HUP", "--ignore-signal=CHLD", "--block-signal=USR1", "--block-signal=CHLD"],
        &["--ignore-signal", "--block-signal"],
        &["--ignore-signal=TTOU", "--ignore-signal=PIPE", "--ignore-signal=SEGV", "--block-signal=TERM"],
    ] {
        // env resets nothing by itself, and --default-signal makes the start the same whoever runs the test.
        let base = [&["--default-signal"], change].concat();
        let expected = good(output(command("env", &[base.as_slice(), &show].concat())));
        let words = [base.as_slice(), &[&wmexec], &show].concat();
        assert_eq!(good(output(command("env", &words))), expected, "{change:?}");
        let words = [base.as_slice(), &[&wmexec, "--setsid"], &show].concat();
        let mut stand_in = command("env", &words);
        stand_in.process_group(0);
        assert_eq!(good(output(stand_in)), expected, "{change:?}, as a child");
    }
}

#[test]
fn descriptors_pass_on_and_none_is_added() {
    let place = Place::new();
    let wmexec = place.wmexec();
    let script = "exec 7</dev/null 9</dev/null; exec \"$@\"";
    let show = ["ls", "/proc/self/fd"];
    let plain = good(output(command("sh", &[&["-c", script, "sh"], show.as_slice()].concat())));
    assert!(plain.contains("\n7\n9\n"), "{plain}");
    for options in [[].as_slice(), &["--user", "root"]] {
        let words = [&["-c", script, "sh", &wmexec], options, &show].concat();
        if options.is_empty() || root("descriptors_pass_on_and_none_is_added, with a user") {
            assert_eq!(good(output(command("sh", &words))), plain);
        }
    }
}
