//! wmexec's options for the environment: what is cleared, kept and set, in which order, and where the program is
//! searched then. By env(1).

use crate::place::{NOBODY, Place, command, error, good, output, root, text};
use std::ffi::OsStr;
use std::fs::{self, Permissions};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::process::Output;

/// wmexec with these variables and no others around it.
fn within(place: &Place, variables: &[(&str, &str)], args: &[&str]) -> Output {
    let mut wmexec = command(&place.wmexec(), args);
    wmexec.env_clear().envs(variables.iter().copied());
    output(wmexec)
}

#[test]
fn the_environment_is_cleared_before_anything_is_set() {
    let place = Place::new();
    let found = [("PATH", "/usr/bin:/bin"), ("AWS_KEY", "1"), ("AWS", "2"), ("HOME", "/home"), ("TZ", "UTC")];
    let told = |args: &[&str]| {
        let told = good(within(&place, &found, &[args, &["env"]].concat()));
        let mut lines: Vec<&str> = told.lines().collect();
        lines.sort_unstable();
        lines.join(" ")
    };
    assert_eq!(told(&["--env", "A=1", "--clear-env", "--env=B=", "--env", "A=2=3"]), "A=2=3 B=");
    assert_eq!(told(&["--keep-env", "AWS_*,TZ"]), "AWS_KEY=1 TZ=UTC");
    assert_eq!(told(&["--keep-env", "TZ", "--clear-env", "--keep-env", "HOME"]), "HOME=/home TZ=UTC");
    assert_eq!(told(&["--keep-env", ""]), "");
    assert_eq!(told(&["--keep-env", "*"]), "AWS=2 AWS_KEY=1 HOME=/home PATH=/usr/bin:/bin TZ=UTC");
    assert_eq!(told(&["--env", "AWS=9"]), "AWS=9 AWS_KEY=1 HOME=/home PATH=/usr/bin:/bin TZ=UTC");
    let bytes = output({
        let mut wmexec = command(&place.wmexec(), &["--clear-env", "--env"]);
        wmexec.arg(OsStr::from_bytes(b"B=\xff\n")).arg("env");
        wmexec
    });
    assert_eq!(bytes.stdout, b"B=\xff\n\n");
    for text in ["", "A", "=1"] {
        assert_eq!(place.refused(&["--env", text]), format!("--env: '{text}' is not NAME=value"));
    }
    for (names, name) in [("A=1", "A=1"), ("A,*B", "*B"), ("**", "**")] {
        let expected = format!("--keep-env: '{name}' is no variable's name, nor its beginning and a '*'");
        assert_eq!(place.refused(&["--keep-env", names]), expected);
    }
    assert_eq!(place.refused(&["--keep-env", ","]), "--keep-env: there is an empty name in ','");
    if root("the switch's variables") {
        // Cleared, then the user's, then what is set one by one.
        let user = ["--user", NOBODY, "--clear-env"];
        assert_eq!(told(&user), "HOME=/ SHELL=/bin/sh");
        assert_eq!(told(&[user.as_slice(), &["--env", "HOME=/mine"]].concat()), "HOME=/mine SHELL=/bin/sh");
        assert_eq!(told(&[user.as_slice(), &["--keep-home"]].concat()), "");
        assert_eq!(told(&["--user", NOBODY, "--keep-home", "--keep-env", "HOME"]), "HOME=/home");
    }
}

#[test]
fn files_of_variables_come_before_single_ones() {
    let place = Place::new();
    let write = |name: &str, content: &str| {
        let path = place.0.join(name);
        fs::write(&path, content).unwrap();
        fs::set_permissions(&path, Permissions::from_mode(0o644)).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let one = write("one", "# a comment\nexport A=1\nB='two words' # behind it\n\nC=3\n");
    let two = write("two", "B=4\n");
    let missing = format!("-{}", place.0.join("missing").display());
    let files = ["--env", "C=5", "--env-file", &one, "--env-file", &missing, "--env-file", &two];
    let told = place.same(&[files.as_slice(), &["--clear-env", "--keep-home", "env"]].concat());
    assert_eq!(told, "A=1\nB=4\nC=5\n");
    let said = place.refused(&["--env-file", &missing[1..]]);
    let hint = "no such file or directory (a '-' before the path says that it may be missing)";
    assert_eq!(said.to_lowercase(), format!("--env-file: cannot read '{}': {hint}", &missing[1..]).to_lowercase());
    assert_eq!(place.refused(&["--env-file", "-"]), "--env-file: there is no path behind the '-'");
    assert_eq!(place.refused(&["--env-file="]), "--env-file: the path is empty");
    assert_eq!(place.refused(&["--env-file=/"]), "--env-file: cannot read '/': Is a directory");
    let bad = write("bad", "A=1\nB\nC=\"open\n");
    assert_eq!(place.refused(&["--env-file", &bad]), format!("--env-file: {bad}:2:1: this is not NAME=value"));
    let nul = write("nul", "A=\0\n");
    assert_eq!(place.refused(&["--env-file", &nul]), format!("--env-file: {nul}:1:3: a NUL character is not allowed"));
    // A `#` begins a comment behind a blank only.
    let marked = write("marked", "A=#fff\nB= # nothing\nC=x#y # z\n");
    assert_eq!(place.same(&["--clear-env", "--keep-home", "--env-file", &marked, "env"]), "A=#fff\nB=\nC=x#y\n");
    // What never was a file: a secret comes through a pipe.
    let script = format!("printf 'S=hush\n' | {} --clear-env --env-file /dev/stdin env", place.wmexec());
    assert_eq!(good(output(command("sh", &["-c", &script]))), "S=hush\n");
    assert_eq!(good(place.run(&["--clear-env", "--env-file", "/dev/null", "env"])), "");
    if root("a file that others may write to") {
        fs::set_permissions(&two, Permissions::from_mode(0o646)).unwrap();
        let told = within(&place, &[], &["--env-file", &two, "env"]);
        let warning = "warning: others may write to it (mode 0646), and wingmate runs as root";
        assert_eq!((text(&told).as_str(), error(&told)), ("B=4\n", format!("wmexec: {two}: {warning}\n")));
        let quiet = within(&place, &[("WINGMATE_LOG_LEVEL", "error")], &["--env-file", &two, "true"]);
        assert_eq!(error(&quiet), "");
    }
}

#[test]
fn the_program_is_searched_in_the_path_that_results() {
    let place = Place::new();
    let mine = place.0.join("mine");
    fs::write(&mine, "#!/bin/sh\necho mine\n").unwrap();
    fs::set_permissions(&mine, Permissions::from_mode(0o755)).unwrap();
    let here = format!("PATH={}", place.0.display());
    assert_eq!(good(place.run(&["--env", &here, "mine"])), "mine\n");
    assert_eq!(place.run(&["--env", &here, "true"]).status.code(), Some(127));
    // Without one, where a login would look.
    let nowhere = [("PATH", "/no/such")];
    assert_eq!(within(&place, &nowhere, &["true"]).status.code(), Some(127));
    assert_eq!(good(within(&place, &nowhere, &["--clear-env", "true"])), "");
    assert_eq!(good(within(&place, &nowhere, &["--keep-env", "TZ", "true"])), "");
}
