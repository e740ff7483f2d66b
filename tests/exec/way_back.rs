//! From whatever state wmexec starts: it leaves what setpriv(1) leaves, and nothing by which the program gets back.
//! The attempts are real ones, by this very binary in the place of the program.
//!
//! Unsafe: the system calls that it tries, which libc has under their own names.
#![allow(unsafe_code)]

use crate::place::{NONE_INHERITED, Place, SHOW, command, error, good, output, root, untested};
use rustix::fs::{XattrFlags, setxattr};
use std::fs;
use std::io::Write;
use std::process::{Command, Output};
use std::ptr::null;

/// Those that may switch, and the words that lead there.
const STATES: [(&str, &str); 14] = [
    ("root with groups", "setpriv --groups=0,7,8"),
    ("root without", "setpriv --clear-groups"),
    ("root that lets inherit", "setpriv --groups=0,7,8 --inh-caps=+setuid,+setgid,+chown"),
    (
        "root with ambient capabilities",
        "setpriv --groups=7 --inh-caps=+setuid,+setgid,+kill --ambient-caps=+setuid,+setgid,+kill",
    ),
    ("root with few", "setpriv --groups=0,7 --bounding-set=-all,+setuid,+setgid"),
    ("root without new privileges", "setpriv --groups=0,7 --no-new-privs"),
    (
        "a user who may",
        "setpriv --reuid=1035 --regid=1036 --groups=0,7 --inh-caps=+setuid,+setgid --ambient-caps=+setuid,+setgid",
    ),
    (
        "a user who may everything",
        "setpriv --reuid=1035 --regid=1036 --groups=0,7 --inh-caps=+setuid,+setgid,+setpcap,+dac_override \
         --ambient-caps=+setuid,+setgid,+setpcap,+dac_override",
    ),
    (
        "a user who may, without new privileges",
        "setpriv --reuid=1035 --regid=1036 --groups=0 --no-new-privs --inh-caps=+setuid,+setgid \
         --ambient-caps=+setuid,+setgid",
    ),
    (
        "noroot",
        "setpriv --groups=7 --securebits=+noroot --inh-caps=+setuid,+setgid,+setpcap \
         --ambient-caps=+setuid,+setgid,+setpcap",
    ),
    ("no_setuid_fixup", "setpriv --groups=7 --securebits=+no_setuid_fixup"),
    (
        "no_setuid_fixup with ambient capabilities",
        "setpriv --groups=7 --securebits=+no_setuid_fixup --inh-caps=+setuid,+setgid --ambient-caps=+setuid,+setgid",
    ),
    ("a real user who isn't root", "setpriv --ruid=1035 --rgid=1036 --groups=7"),
    ("a saved group that is root's", "setpriv --rgid=1036 --egid=1036 --groups=7"),
];

/// Where setpriv itself can't switch.
const LOCKED: (&str, &str) = ("keep_caps_locked", "setpriv --groups=7 --securebits=+keep_caps_locked");

/// Requests, and setpriv's words for them.
const REQUESTS: [(&str, &str); 4] = [
    ("web", "--reuid=1033 --regid=1034 --groups=4,29,1034"),
    ("4242", "--reuid=4242 --regid=4242 --clear-groups"),
    ("web:audio", "--reuid=1033 --regid=29 --clear-groups"),
    ("1033:0", "--reuid=1033 --regid=0 --clear-groups"),
];

/// Leads to the attempts' program: the directory in which there are more of them.
const DIRECTORY: &str = "WINGMATE_WAY_BACK";
const MARK: &str = "got back by ";
const DONE: &str = "all tried";

/// Statuses of the commands, and what each has told, all of them in this state. (Without `-p` a shell gives up what
/// isn't its real ids'.)
fn told(place: &Place, state: &str, commands: &[String]) -> Vec<(String, String)> {
    let mut script: String = commands.iter().map(|command| format!("{command} 2>&1; echo =$?\n")).collect();
    script += "exit 0\n";
    let path = place.0.join("script");
    fs::write(&path, script).unwrap();
    let all = good(
        place.with_accounts(&["passwd", "group"], &[words(state), vec!["sh", "-p", path.to_str().unwrap()]].concat()),
    );
    let mut told: Vec<(String, String)> = Vec::new();
    let mut text = String::new();
    for line in all.lines() {
        match line.strip_prefix('=') {
            Some(status) => told.push((status.to_owned(), std::mem::take(&mut text))),
            None => text += &format!("{line}\n"),
        }
    }
    assert_eq!(told.len(), commands.len());
    told
}

fn words(text: &str) -> Vec<&str> {
    text.split_whitespace().collect()
}

/// Copies of setpriv: a plain one, and one with a capability for whoever may inherit it.
fn programs(place: &Place) -> bool {
    let (plain, inherits) = (place.0.join("setpriv"), place.0.join("inherits"));
    for copy in [&plain, &inherits] {
        // Not by us: what another test forks meanwhile would have the file open for writing.
        assert!(Command::new("cp").arg("/usr/bin/setpriv").arg(copy).status().unwrap().success());
    }
    fs::create_dir(place.0.join("own")).unwrap();
    // Revision 2 with the effective bit, nothing permitted, CAP_SETGID and CAP_SETUID inheritable (capabilities(7)).
    let value: Vec<u8> = [0x0200_0001_u32, 0, 0xc0, 0, 0].iter().flat_map(|word| word.to_le_bytes()).collect();
    setxattr(&inherits, "security.capability", &value, XattrFlags::empty()).is_ok()
}

/// One that root has made set-uid (only without new privileges it won't do), where nobody else can find it: it goes with
/// its mount namespace, however this test ends.
const SET_UID: &str = "mount -t tmpfs -o mode=755 none \"$0/own\" && cp \"$0/setpriv\" \"$0/own/set-uid\" && \
                       chmod 4755 \"$0/own/set-uid\" && exec \"$@\"";

/// This test binary, as the program whose only work is to try.
fn tries(prefix: &[&str], place: &Place) -> Output {
    let binary = std::env::current_exe().unwrap();
    let program = [binary.to_str().unwrap(), "--exact", "way_back::tries_to_get_back", "--nocapture"];
    let within = ["--mount", "sh", "-c", SET_UID, place.0.to_str().unwrap()];
    let mut tried = command("unshare", &[&within, prefix, &program].concat());
    tried.env(DIRECTORY, &place.0);
    output(tried)
}

/// By what it got back.
fn ways(tried: &Output) -> Vec<String> {
    let told = String::from_utf8_lossy(&tried.stdout).into_owned();
    assert!(told.contains(DONE), "{told}{}", error(tried));
    told.lines().filter_map(|line| Some(line.split_once(MARK)?.1.to_owned())).collect()
}

#[test]
fn from_every_state_it_leaves_what_setpriv_leaves() {
    if !root("from_every_state_it_leaves_what_setpriv_leaves") {
        return;
    }
    let place = Place::new();
    let ours = |user: &str| format!("{} -u {user} {SHOW}", place.wmexec());
    for (name, state) in STATES {
        // To root, where one is root, isn't to another user: what is inherited stays.
        let still = if state.contains("--reuid") || state.contains("--ruid") { NONE_INHERITED } else { "" };
        let mut commands = Vec::new();
        for (user, theirs) in REQUESTS {
            commands.extend([ours(user), format!("setpriv {theirs} {NONE_INHERITED} {SHOW}")]);
        }
        commands.extend([ours("root"), format!("setpriv --reuid=0 --regid=0 --groups=0,44 {still} {SHOW}")]);
        for (pair, command) in told(&place, state, &commands).chunks(2).zip(commands.chunks(2)) {
            let [ours, theirs] = pair else { panic!("two commands, two answers") };
            assert_eq!(ours, theirs, "{name}: {}", command[0]);
            assert_eq!(theirs.0, "0", "{name}: {}", theirs.1);
            assert!(command[0].contains("root") || theirs.1.contains("CapPrm:\t0000000000000000\n"), "{}", theirs.1);
        }
    }
    // Those who may not: nothing is done.
    for state in [
        "setpriv --reuid=1035 --regid=1036 --groups=4,29",
        "setpriv --reuid=1035 --regid=1036 --groups=4,29 --inh-caps=+setuid,+setgid",
        "setpriv --groups=0 --securebits=+noroot",
        "setpriv --groups=7 --bounding-set=-all,+chown",
        "unshare --user --map-root-user",
    ] {
        let mut commands = Vec::new();
        for (user, theirs) in REQUESTS {
            commands.extend([ours(user), format!("setpriv {theirs} true")]);
        }
        for pair in told(&place, state, &commands).chunks(2) {
            let [(status, complaint), (theirs, _)] = pair else { panic!("two commands, two answers") };
            assert_eq!((status.as_str(), theirs == "0"), ("125", false), "{state}: {complaint}");
            assert!(
                complaint.starts_with("wmexec: setting ") && complaint.lines().count() == 1,
                "{state}: {complaint}"
            );
        }
    }
}

#[test]
fn kept_capabilities_are_those_that_setpriv_keeps() {
    if !root("kept_capabilities_are_those_that_setpriv_keeps") {
        return;
    }
    let place = Place::new();
    let lists = [("none", 0), ("net_bind_service", 1 << 10), ("setuid,CAP_SETGID", 0xc0), ("kill", 1 << 5)];
    let mut kept = 0;
    for (name, state) in STATES {
        let (mut commands, mut wanted) = (Vec::new(), Vec::new());
        for (list, mask) in lists {
            let bare = list.to_lowercase().replace("cap_", "").replace(',', ",+");
            let set = if list == "none" { "-all".to_owned() } else { format!("-all,+{bare}") };
            let sets = format!("--bounding-set={set} --inh-caps={set} --ambient-caps={set}");
            for (user, theirs) in [("root", "--reuid=0 --regid=0 --groups=0,44"), REQUESTS[0], REQUESTS[1]] {
                commands.push(format!("{} -u {user} --caps {list} {SHOW}", place.wmexec()));
                commands.push(format!("setpriv {theirs} {sets} {SHOW}"));
                wanted.push(format!("\nCapBnd:\t{mask:016x}\nCapAmb:\t{mask:016x}\n"));
            }
        }
        let told = told(&place, state, &commands);
        for ((pair, wanted), command) in told.chunks(2).zip(wanted).zip(commands.chunks(2)) {
            let [ours, theirs] = pair else { panic!("two commands, two answers") };
            // It says nothing when it can't take anything from the bounding set, or hasn't got what is to be kept.
            if theirs.0 == "0" && theirs.1.contains(&wanted) {
                assert_eq!(ours, theirs, "{name}: {}", command[0]);
                kept += 1;
            } else {
                assert!(ours.0 == "125" && ours.1.contains("CAP_"), "{name}: {}: {}", command[0], ours.1);
            }
        }
    }
    assert!(kept > 80, "{kept}");
}

#[test]
fn nothing_gets_back() {
    if !root("nothing_gets_back") {
        return;
    }
    let place = Place::new();
    let wmexec = place.wmexec();
    let inheritance = programs(&place);
    for (name, state) in STATES.into_iter().chain([LOCKED]) {
        for user in ["4242", "4242:7", "4242 --groups 8", "4242 --caps kill", "0:0 --caps none", "4242 --caps none"] {
            if user.contains("--caps") && (!name.starts_with("root ") || name == "root with few") {
                continue;
            }
            let mut prefix = [words(state), vec![&wmexec, "-u"], words(user)].concat();
            if name.contains("new privileges") {
                prefix.extend(["env", "SET_UID=1"]);
            }
            let ways = ways(&tries(&prefix, &place));
            assert!(ways.is_empty(), "{name}: {user}: {ways:?}");
        }
    }
    // Where something is left, they do get back.
    for (left, by) in [
        ("setpriv --euid=4242 --clear-groups", ["setuid", "a former group"].as_slice()),
        (
            "setpriv --reuid=4242 --regid=4242 --groups=7 --ambient-caps=+setgid --inh-caps=+setgid",
            &["setgid", "no groups"],
        ),
        ("setpriv --reuid=4242 --regid=4242 --clear-groups --inh-caps=+setuid --ambient-caps=+setuid", &["setuid"]),
        ("setpriv --reuid=4242 --regid=4242 --clear-groups env SET_UID=1", &["a set-uid program"]),
        ("setpriv --reuid=4242 --regid=4242 --clear-groups --inh-caps=+setuid", &["a program that may inherit"]),
    ] {
        if left.ends_with("--inh-caps=+setuid") && !inheritance {
            untested("nothing_gets_back, by a program that may inherit", "capabilities of files");
            continue;
        }
        let ways = ways(&tries(&words(left), &place));
        assert!(by.iter().all(|way| ways.iter().any(|found| found == way)), "{left}: {ways:?}");
    }
}

/// The program that the others execute.
#[test]
fn tries_to_get_back() {
    let Some(directory) = std::env::var_os(DIRECTORY) else { return };
    let mut told = std::io::stdout();
    // First: the other attempts may take away what these need.
    let set_uid = std::env::var_os("SET_UID").map(|_| ("own/set-uid", "a set-uid program"));
    for (program, name) in [Some(("inherits", "a program that may inherit")), Some(("setpriv", "a program")), set_uid]
        .into_iter()
        .flatten()
    {
        for option in ["--reuid=1", "--groups=5"] {
            let mut tried = Command::new(std::path::Path::new(&directory).join(program));
            if tried.args([option, "true"]).output().unwrap().status.success() {
                writeln!(told, "\n{MARK}{name}").unwrap();
            }
        }
    }
    for (name, attempt) in ATTEMPTS {
        let before = state();
        attempt();
        if gained(&before, &state()) {
            writeln!(told, "\n{MARK}{name}").unwrap();
        }
    }
    writeln!(told, "\n{DONE}").unwrap();
}

/// What the kernel tells of this thread.
fn state() -> String {
    fs::read_to_string("/proc/thread-self/status").unwrap()
}

/// Whether there are other ids or groups, or more capabilities.
fn gained(before: &str, after: &str) -> bool {
    let mask = |text: &str| u64::from_str_radix(text.trim(), 16).unwrap();
    before.lines().zip(after.lines()).any(|(before, after)| {
        let ((name, before), (_, after)) = (before.split_once(':').unwrap(), after.split_once(':').unwrap());
        match name {
            "Uid" | "Gid" | "Groups" => before != after,
            _ if name.starts_with("Cap") => mask(after) & !mask(before) != 0,
            _ => false,
        }
    })
}

type Attempt = (&'static str, fn());

const SAME: u32 = u32::MAX;

// SAFETY, of all of them: numbers, or memory that lives as long as the call; this process does nothing else.
const ATTEMPTS: [Attempt; 20] = [
    ("setuid", || unsafe {
        let _ = libc::setuid(0);
    }),
    ("seteuid", || unsafe {
        let _ = libc::seteuid(0);
    }),
    ("setreuid", || unsafe {
        let _ = libc::setreuid(0, 0);
    }),
    ("setreuid of one", || unsafe {
        let _ = libc::setreuid(0, SAME);
    }),
    ("setresuid", || unsafe {
        let _ = libc::setresuid(0, 0, 0);
    }),
    ("setresuid of the effective one", || unsafe {
        let _ = libc::setresuid(SAME, 0, SAME);
    }),
    ("setresuid of the saved one", || unsafe {
        let _ = libc::setresuid(SAME, SAME, 0);
    }),
    ("setfsuid", || unsafe {
        let _ = libc::setfsuid(0);
    }),
    ("setgid", || unsafe {
        let _ = libc::setgid(0);
    }),
    ("setegid", || unsafe {
        let _ = libc::setegid(0);
    }),
    ("setregid", || unsafe {
        let _ = libc::setregid(0, 0);
    }),
    ("setresgid", || unsafe {
        let _ = libc::setresgid(0, 0, 0);
    }),
    ("setresgid of the saved one", || unsafe {
        let _ = libc::setresgid(SAME, SAME, 0);
    }),
    ("setfsgid", || unsafe {
        let _ = libc::setfsgid(0);
    }),
    ("root's group", || unsafe {
        let _ = libc::setgroups(1, &0);
    }),
    ("a former group", || unsafe {
        let _ = libc::setgroups(1, &7);
    }),
    ("no groups", || unsafe {
        let _ = libc::setgroups(0, null());
    }),
    ("the ambient set", || {
        for capability in 0..64 {
            unsafe { libc::prctl(libc::PR_CAP_AMBIENT, libc::PR_CAP_AMBIENT_RAISE, capability, 0, 0) };
        }
    }),
    ("capset of the inheritable ones", || capset(false)),
    ("capset", || capset(true)),
];

/// Each capability alone, as one may be had and not all.
fn capset(permitted: bool) {
    for capability in 0..64_u32 {
        let one = |half: u32| if capability / 32 == half { 1_u32 << (capability % 32) } else { 0 };
        let gained = |half| if permitted { one(half) } else { 0 };
        // Version 3, this thread; effective, permitted and inheritable, the lower halves first.
        let header = [0x2008_0522_u32, 0];
        let sets = [gained(0), gained(0), one(0), gained(1), gained(1), one(1)];
        // SAFETY: both are as long as capset(2) reads.
        unsafe { libc::syscall(libc::SYS_capset, header.as_ptr(), sets.as_ptr()) };
    }
}
