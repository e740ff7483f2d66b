//! Closed standard streams: wmexec starts all the same, also where there is no /dev/null, and leaves them closed to
//! the program.

use crate::place::{Place, command, error, good, output, root};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::process::Command;

const SETS: [&[u8]; 7] = [&[0], &[1], &[2], &[0, 1], &[0, 2], &[1, 2], &[0, 1, 2]];

/// Writes the numbers of those that are open into the file $1. (The list is made before that opens anything.)
const OPEN: &str = "o=; for n in 0 1 2; do [ -e /proc/$$/fd/$n ] && o=$o$n; done; echo ${o:-none} > $1";

/// Closes these, then becomes the words behind.
fn closing(closed: &[u8]) -> String {
    let closings: String = closed.iter().map(|fd| format!(" {fd}>&-")).collect();
    format!("exec \"$@\"{closings}")
}

fn open_without(closed: &[u8]) -> String {
    let open: String = ["0", "1", "2"].into_iter().filter(|fd| !closed.contains(&fd.parse().unwrap())).collect();
    if open.is_empty() { "none\n".into() } else { format!("{open}\n") }
}

#[test]
fn what_was_found_closed_the_program_finds_closed() {
    let place = Place::new();
    let (wmexec, report) = (place.wmexec(), place.0.join("report"));
    let to = report.to_str().unwrap();
    for closed in SETS {
        let script = closing(closed);
        for (through, leads) in [
            (vec![], false),
            (vec![wmexec.as_str()], false),
            (vec![&wmexec, "--umask", "022"], false),
            (vec![&wmexec, "--setsid"], false),
            (vec![&wmexec, "--setsid"], true),
        ] {
            let words = [&["-c", script.as_str(), "sh"], through.as_slice(), &["sh", "-c", OPEN, "sh", to]].concat();
            let mut started = command("sh", &words);
            if leads {
                started.process_group(0);
            }
            good(output(started));
            assert_eq!(fs::read_to_string(&report).unwrap(), open_without(closed), "{through:?} {leads}");
        }
    }
}

#[test]
fn a_message_goes_where_it_can() {
    let place = Place::new();
    let ended =
        |closed: &[u8], program| output(command("sh", &["-c", &closing(closed), "sh", &place.wmexec(), program]));
    let refused = ended(&[0, 1], "/no/such");
    let complaint = "wmexec: cannot execute '/no/such': no such file or directory\n";
    assert_eq!((refused.status.code(), error(&refused).as_str()), (Some(127), complaint));
    let refused = ended(&[0, 1, 2], "/no/such");
    assert_eq!((refused.status.code(), error(&refused).as_str()), (Some(127), ""));
}

/// A root directory with everything that a dynamic program needs, and no /dev. What it is made of is mounted within
/// a namespace that ends with the command.
fn in_a_bare_root(place: &Place, user: &str, script: &str) -> Command {
    let base = place.0.join("root");
    let enter = "cd \"$1\" && for d in usr lib lib64 bin proc; do if [ -d /$d ]; then mkdir -p $d && \
                 mount --rbind /$d $d; fi; done; mkdir -p bare && : > bare/wingmate && \
                 mount --bind \"$2\" bare/wingmate && exec chroot --userspec=$3 . /bin/sh -c \"$4\"";
    fs::create_dir_all(base.join("told")).unwrap();
    let program = env!("CARGO_BIN_EXE_wingmate");
    command("unshare", &["--mount", "sh", "-c", enter, "sh", base.to_str().unwrap(), program, user, script])
}

#[test]
fn without_dev_null_it_starts_all_the_same() {
    if !root("without_dev_null_it_starts_all_the_same") {
        return;
    }
    let place = Place::new();
    let base = place.0.join("root");
    fs::create_dir_all(base.join("told")).unwrap();
    fs::set_permissions(base.join("told"), fs::Permissions::from_mode(0o777)).unwrap();
    // And who may not read the root directory either.
    for (user, mode) in [("0:0", 0o755), ("1234:1234", 0o711)] {
        fs::set_permissions(&base, fs::Permissions::from_mode(mode)).unwrap();
        for closed in SETS {
            let closings: String = closed.iter().map(|fd| format!(" {fd}>&-")).collect();
            let program = format!("sh -c '{OPEN}' sh /told/{user}{closings}");
            // Every applet begins alike; what can't be written is no reason to abort.
            let script = format!(
                "[ -e /dev/null ] && exit 99; /bare/wingmate exec {program} || exit 98; \
                 for words in 'exec /no/such' 'next @daily' --version 'init --help' pidproxy; do \
                 /bare/wingmate $words{closings}; [ $? -lt 128 ] || exit 97; done"
            );
            let ended = output(in_a_bare_root(&place, user, &script));
            assert!(ended.status.success(), "{user} {closed:?}: {}: {}", ended.status, error(&ended));
            assert_eq!(fs::read_to_string(base.join("told").join(user)).unwrap(), open_without(closed), "{user}");
        }
    }
}
