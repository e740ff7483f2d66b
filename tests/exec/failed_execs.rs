//! What is said when the program can't be executed, or a user namespace doesn't let wmexec become somebody: the cause,
//! by the name that was given.

use crate::place::{AS_NOBODY, Place, command, error, good, output, root, untested};
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::PermissionsExt;
use std::process::{Output, Stdio};

fn told(ended: &Output) -> (Option<i32>, String) {
    (ended.status.code(), error(ended))
}

#[test]
fn a_limit_on_processes_is_told_of_by_the_programs_name() {
    if !root("a_limit_on_processes_is_told_of_by_the_programs_name") {
        return;
    }
    let place = Place::new();
    // Nobody else's number: the limit counts all processes of a user, and this one is the first.
    let mut cat = command(&place.wmexec(), &["--user", "61234", "sh", "-c", "echo; cat"]);
    let mut cat = cat.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    BufReader::new(cat.stdout.take().unwrap()).read_line(&mut String::new()).unwrap();
    let limited = |program| {
        let path = "PATH=/nowhere:/usr/bin:/bin";
        place.run(&["--user", "61234", "--rlimit", "nproc=0", "--env", path, "--argv0", "other", program])
    };
    for program in ["true", "/bin/true"] {
        let complaint = format!(
            "wmexec: cannot execute '{program}': resource temporarily unavailable (the user's limit on processes, nproc, \
             is reached)\n"
        );
        assert_eq!(told(&limited(program)), (Some(126), complaint));
    }
    drop(cat.stdin.take());
    cat.wait().unwrap();
}

#[test]
fn a_directory_that_may_not_be_entered_is_told_of() {
    let place = Place::new();
    let (closed, open) = (place.0.join("closed"), place.0.join("open"));
    for dir in [&closed, &open] {
        fs::create_dir_all(dir).unwrap();
        fs::write(dir.join("tool"), "#!/bin/sh\necho ran\n").unwrap();
        fs::set_permissions(dir.join("tool"), fs::Permissions::from_mode(0o755)).unwrap();
    }
    fs::set_permissions(&closed, fs::Permissions::from_mode(0o000)).unwrap();
    let wmexec = place.wmexec();
    let search = |path: &str| {
        let path = path.replace("CLOSED", closed.to_str().unwrap()).replace("OPEN", open.to_str().unwrap());
        let through =
            if root("a directory that may not be entered, by root") { AS_NOBODY.as_slice() } else { &["env"] };
        let path = format!("PATH={path}");
        let words = [through, &[&wmexec, "--env", &path, "tool"]].concat();
        output(command(words[0], &words[1..]))
    };
    assert_eq!(good(search("CLOSED:OPEN")), "ran\n");
    let missing = "wmexec: cannot execute 'tool': no such file or directory (searched in PATH";
    assert_eq!(told(&search("/nowhere")), (Some(127), format!("{missing})\n")));
    for path in ["CLOSED", "/nowhere:CLOSED", "CLOSED:/nowhere"] {
        let complaint = format!("{missing}, where not every directory may be entered)\n");
        assert_eq!(told(&search(path)), (Some(127), complaint), "{path}");
    }
    // Nor does an entry that is too long end the search.
    for long in ["x".repeat(300), format!("/{}", "x/".repeat(2500))] {
        assert_eq!(good(search(&format!("{long}:OPEN"))), "ran\n");
        assert_eq!(told(&search(&long)), (Some(127), format!("{missing})\n")));
    }
    fs::set_permissions(&closed, fs::Permissions::from_mode(0o755)).unwrap();
}

#[test]
fn groups_that_a_namespace_forbids_are_told_of() {
    let place = Place::new();
    let within = |words: &[&str]| output(command("unshare", &[&["--user", "--map-root-user"], words].concat()));
    if !within(&["true"]).status.success() {
        return untested("groups_that_a_namespace_forbids_are_told_of", "user namespaces");
    }
    let refused = within(&[&place.wmexec(), "--groups", "7", "true"]);
    let complaint = "wmexec: setting supplementary groups: operation not permitted (this user namespace forbids it: \
                     /proc/self/setgroups says deny)\n";
    assert_eq!(told(&refused), (Some(125), complaint.into()));
}

#[test]
fn ids_that_a_namespace_does_not_have_are_told_of() {
    if !root("ids_that_a_namespace_does_not_have_are_told_of") {
        return;
    }
    let place = Place::new();
    for (args, step) in [
        (["--user", "0:5"], Some("setting the group id to 5")),
        (["--user", "5:7"], Some("setting the user id to 5")),
        (["--groups", "7,5"], Some("setting supplementary groups")),
        (["--user", "7:7"], None),
    ] {
        let words = [&["--user", "sh", "-c", "echo; read mapped; exec \"$@\"", "sh", &place.wmexec()], args.as_slice()];
        let mut unshare = command("unshare", &[words.concat().as_slice(), &["echo", "ran"]].concat());
        let mut child = unshare.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut said = BufReader::new(child.stdout.take().unwrap());
        said.read_line(&mut String::new()).unwrap();
        for map in ["uid_map", "gid_map"] {
            fs::write(format!("/proc/{}/{map}", child.id()), "0 0 1\n7 7 1\n").unwrap();
        }
        writeln!(child.stdin.take().unwrap()).unwrap();
        let mut line = String::new();
        said.read_line(&mut line).unwrap();
        let ended = child.wait_with_output().unwrap();
        let expected = match step {
            Some(step) => {
                let complaint = format!("wmexec: {step}: invalid argument (this user namespace has no such id)\n");
                (Some(125), complaint, "")
            }
            None => (Some(0), String::new(), "ran\n"),
        };
        let (status, complaint) = told(&ended);
        assert_eq!((status, complaint, line.as_str()), expected, "{args:?}");
    }
}
