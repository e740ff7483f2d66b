//! Account files that are there and can't be read, and users that nobody can be: refused in words, before anything is
//! done, and without waiting.

use crate::place::{Place, command, error, output, root, text};
use std::fmt::Write;
use std::fs;

/// Runs wmexec where this script has changed /etc, in which our two files are.
fn run(place: &Place, change: &str, through: &str, args: &[&str]) -> (Option<i32>, String, String) {
    let dir = place.0.display();
    let script =
        format!("mount -t tmpfs none /etc && cp {dir}/passwd {dir}/group /etc/ && {change} && exec {through} \"$@\"");
    let wmexec = place.wmexec();
    let ended = output(command("unshare", &[&["--mount", "sh", "-c", &script, "sh", &wmexec], args].concat()));
    (ended.status.code(), text(&ended), error(&ended))
}

const PASSWD: &str = "rm /etc/passwd && ";
const GROUP: &str = "rm /etc/group && ";
const AS_PLAIN: &str = "setpriv --reuid=1035 --regid=1036 --clear-groups";

#[test]
fn what_cannot_be_read_is_not_guessed() {
    if !root("what_cannot_be_read_is_not_guessed") {
        return;
    }
    let place = Place::new();
    for (change, through, user, complaint) in [
        (format!("{PASSWD} mkdir /etc/passwd"), "", "web", "cannot read '/etc/passwd': is a directory"),
        (format!("{PASSWD} mkdir /etc/passwd"), "", "1033", "cannot read '/etc/passwd': is a directory"),
        (format!("{PASSWD} mkfifo /etc/passwd"), "", "4242", "cannot read '/etc/passwd': is a FIFO"),
        (
            format!("{PASSWD} ln -s passwd /etc/passwd"),
            "",
            "web",
            "cannot read '/etc/passwd': too many levels of symbolic links",
        ),
        (
            format!("{PASSWD} truncate -s 17M /etc/passwd"),
            "",
            "web",
            "cannot read '/etc/passwd': larger than 16777216 bytes",
        ),
        ("chmod 0 /etc/passwd".to_owned(), AS_PLAIN, "plain", "cannot read '/etc/passwd': permission denied"),
        (format!("{GROUP} mkdir /etc/group"), "", "web", "cannot read '/etc/group': is a directory"),
        (format!("{GROUP} mkfifo /etc/group"), "", "web", "cannot read '/etc/group': is a FIFO"),
        ("chmod 0 /etc/group".to_owned(), AS_PLAIN, "plain", "cannot read '/etc/group': permission denied"),
        (format!("{GROUP} mkdir /etc/group"), "", "web:adm", "cannot read '/etc/group': is a directory"),
        // There, and empty.
        (format!("{PASSWD} ln -s /dev/null /etc/passwd"), "", "web", "unknown user 'web' in /etc/passwd"),
        (format!("{GROUP} ln -s /dev/null /etc/group"), "", "web:adm", "unknown group 'adm' in /etc/group"),
        // It leads nowhere.
        (
            format!("{PASSWD} ln -s none /etc/passwd"),
            "",
            "web",
            "'/etc/passwd' not found, so the name 'web' can't be looked up (a number works)",
        ),
    ] {
        let refused = run(&place, &change, through, &["-u", user, "echo", "done"]);
        assert_eq!(refused, (Some(125), String::new(), format!("wmexec: {complaint}\n")), "{change}: {user}");
    }
    // What isn't needed may be as it is.
    for (change, user) in [
        (format!("{GROUP} mkdir /etc/group"), "web:5"),
        (format!("{GROUP} mkfifo /etc/group"), "4242"),
        (format!("{PASSWD} ln -s /dev/null /etc/passwd"), "4242"),
        ("rm /etc/passwd /etc/group".to_owned(), "4242:5"),
    ] {
        let done = run(&place, &change, "", &["-u", user, "echo", "done"]);
        assert_eq!(done, (Some(0), "done\n".into(), String::new()), "{change}: {user}");
    }
}

#[test]
fn nobody_is_in_more_groups_than_the_kernel_takes() {
    if !root("nobody_is_in_more_groups_than_the_kernel_takes") {
        return;
    }
    let place = Place::new();
    let mut groups = String::new();
    for n in 0..65_536 {
        let web = if n > 0 { ",web" } else { "" };
        writeln!(groups, "g{n}:x:{}:plain{web}", 100_000 + n).unwrap();
    }
    fs::write(place.0.join("group"), groups).unwrap();
    let count = ["sh", "-c", "grep ^Groups /proc/self/status | wc -w"];
    let count = |user| run(&place, ":", "", &[&["-u", user], count.as_slice()].concat());
    // The primary one is among them; `Groups:` is a word.
    assert_eq!(count("web"), (Some(0), "65537\n".into(), String::new()));
    let complaint = "wmexec: 'plain' is in 65537 groups of /etc/group, and a process can be in 65536\n";
    assert_eq!(count("plain"), (Some(125), String::new(), complaint.into()));
    assert_eq!(count("plain:7"), (Some(0), "1\n".into(), String::new()));
}
