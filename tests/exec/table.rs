//! A generated table of account files and requests: what wmexec becomes is what setpriv(1) makes of the same request.
//!
//! The request in setpriv's words comes from getent(1), so that the C library has read the same files; where it reads
//! a line otherwise than spec/exec.md, [`DIFFERENCES`] says so. `WINGMATE_TABLE_SEED=N cargo test table` replays.

mod worlds;

use crate::dice::Dice;
use crate::place::{NONE_INHERITED, Place, SHOW, command, error, output, root};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::fs;
use worlds::{File, World, counted, large, random};

/// What a request comes to.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Becomes {
    /// setpriv's words.
    Words(String),
    Refused,
}

/// What the C library has found.
#[derive(Default)]
struct Told {
    /// Name, uid and gid behind a name or number.
    users: BTreeMap<String, (String, u32, u32)>,
    groups: BTreeMap<String, u32>,
    /// The groups that list a user.
    listed: BTreeMap<String, BTreeSet<u32>>,
}

const MOST: u32 = u32::MAX - 1;

/// What the C library and we read otherwise: kind, passwd, group, request, its words, ours, and why ours.
type Difference = (&'static str, &'static [u8], &'static [u8], &'static str, &'static str, &'static str);

const DIFFERENCES: [Difference; 11] = [
    // passwd(5) has seven fields and group(5) four: a line that was cut short isn't somebody.
    ("users with too few fields", b"u:x:13:14\n", b"", "u", "13:14:14", "refused"),
    ("groups with too few fields", b"u:x:13:14:::\n", b"g:x:9\n", "u:g", "13:9:", "refused"),
    // To the kernel it means "no change": whoever has it would be nobody else than before.
    ("4294967295", b"u:x:13:4294967295:::\n", b"", "u", "13:4294967295:4294967295", "refused"),
    // An id is digits.
    ("signs before ids", b"u:x:+13:14:::\n", b"", "u", "13:14:14", "refused"),
    ("blanks before ids", b"u:x: 13:14:::\n", b"", "u", "13:14:14", "refused"),
    // Names have no blanks: neither is one found without, nor does an entry of root's hide behind one.
    ("blanks before names", b"  u:x:13:14:::\n", b"", "u", "13:14:14", "refused"),
    ("blanks before members", b"u:x:13:14:::\n", b"g:x:9:v, u\n", "u", "13:14:9,14", "13:14:14"),
    // What NIS takes away stays away.
    ("NIS lines", b"u:x:13:14:::\n", b"-g:x:9:u\n+h:x:10:u\n", "u", "13:14:9,10,14", "13:14:14"),
    // What is commented out is away. (initgroups(3) alone takes the mark for part of a name.)
    ("comments", b"u:x:13:14:::\n", b"#g:x:9:u\n", "u", "13:14:9,14", "13:14:14"),
    ("empty names", b":x:13:14:::\n", b"", "13", "13:14:14", "13:13:"),
    // It ends a string of C: the rest of the line isn't seen.
    ("NUL", b"u:x:13:14::/\0:/bin/sh\n", b"", "u", "13:14:14", "refused"),
];

/// A script that puts a world's files into /etc.
fn install(place: &Place, number: usize, world: &World) -> String {
    let mut script = "rm -f /etc/passwd /etc/group\n".to_owned();
    for (name, file) in [("passwd", &world.passwd), ("group", &world.group)] {
        if let File::Text(text) = file {
            let path = place.0.join(format!("{name}.{number}"));
            fs::write(&path, text).unwrap();
            writeln!(script, "cat {} > /etc/{name}", path.display()).unwrap();
        }
    }
    script
}

/// Runs a script where /etc is ours, from root with groups of its own: its output, cut at the lines of `=`.
fn run(place: &Place, script: &str) -> Vec<String> {
    let path = place.0.join("script");
    fs::write(&path, script).unwrap();
    let words = ["--mount", "sh", "-c", "mount -t tmpfs none /etc && exec \"$@\"", "sh"];
    let from = ["setpriv", "--groups", "0,7,8", "sh", path.to_str().unwrap()];
    let mut sh = command("unshare", &[words, from].concat());
    sh.env("W", place.wmexec());
    let told = output(sh);
    assert!(told.status.success(), "{}: {}", told.status, error(&told));
    let text = String::from_utf8_lossy(&told.stdout).into_owned();
    let mut parts: Vec<String> = text.split("=\n").map(str::to_owned).collect();
    assert_eq!(parts.pop().as_deref(), Some(""));
    parts
}

fn split(request: &str) -> (&str, Option<&str>) {
    match request.split_once(':') {
        Some((user, group)) => (user, Some(group).filter(|group| !group.is_empty())),
        None => (request, None),
    }
}

fn digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit())
}

fn number(text: &str) -> Option<u32> {
    text.parse().ok().filter(|number| digits(text) && *number <= MOST)
}

/// What getent is asked: it takes `+5` and ` 5` for numbers.
fn key(text: &str) -> Option<String> {
    if digits(text) {
        number(text).map(|number| number.to_string())
    } else {
        text.starts_with(|c: char| c.is_alphabetic()).then(|| text.to_owned())
    }
}

fn ask(place: &Place, worlds: &[World]) -> Vec<Told> {
    let mut script = String::new();
    let mut asked = Vec::new();
    for (at, world) in worlds.iter().enumerate() {
        script += &install(place, at, world);
        let users: BTreeSet<_> = world.requests.iter().filter_map(|request| key(split(request).0)).collect();
        let groups: BTreeSet<_> = world
            .requests
            .iter()
            .filter_map(|request| split(request).1.filter(|group| !digits(group))?.into())
            .collect();
        let groups: BTreeSet<_> = groups.into_iter().filter_map(key).collect();
        for (database, keys) in [("passwd", &users), ("group", &groups), ("initgroups", &world.names)] {
            if !keys.is_empty() {
                let keys: Vec<_> = keys.iter().map(|key| format!("'{key}'")).collect();
                writeln!(script, "getent {database} -- {}", keys.join(" ")).unwrap();
            }
            script += "echo =\n";
        }
        asked.push((users, groups));
    }
    let answers = run(place, &script);
    let mut parts = answers.chunks(3);
    let told = asked.iter().zip(worlds).map(|((users, groups), world)| {
        let [found_users, found_groups, listed] = parts.next().unwrap() else { panic!("three answers") };
        let mut told = Told::default();
        // Those that aren't there are left out; the others keep the order in which they were asked for.
        let mut lines = found_users.lines().peekable();
        for key in users {
            let fields: Vec<_> = lines.peek().copied().unwrap_or_default().split(':').collect();
            if fields.len() > 3 && fields[if digits(key) { 2 } else { 0 }] == key {
                told.users
                    .insert(key.clone(), (fields[0].into(), fields[2].parse().unwrap(), fields[3].parse().unwrap()));
                lines.next();
            }
        }
        assert_eq!(lines.next(), None);
        let mut lines = found_groups.lines().peekable();
        for key in groups {
            let fields: Vec<_> = lines.peek().copied().unwrap_or_default().split(':').collect();
            if fields.len() > 2 && fields[0] == key {
                told.groups.insert(key.clone(), fields[2].parse().unwrap());
                lines.next();
            }
        }
        assert_eq!(lines.next(), None);
        for (name, line) in world.names.iter().zip(listed.lines()) {
            let gids = line.strip_prefix(name.as_str()).unwrap().split_whitespace().map(|gid| gid.parse().unwrap());
            told.listed.insert(name.clone(), gids.collect());
        }
        told
    });
    told.collect()
}

impl Told {
    /// `uid:gid:groups`, by the rules of spec/exec.md and what the C library has found.
    fn ids(&self, request: &str) -> Option<(u32, u32, BTreeSet<u32>)> {
        let (user, group) = split(request);
        let group = match group {
            Some(group) if digits(group) => Some(number(group)?),
            Some(group) => Some(*self.groups.get(group)?),
            None => None,
        };
        match (self.users.get(&key(user)?), group) {
            (Some((_, uid, _)), Some(group)) => Some((*uid, group, BTreeSet::new())),
            (Some((name, uid, gid)), None) => {
                let mut groups = self.listed.get(name).cloned().unwrap_or_default();
                groups.insert(*gid);
                Some((*uid, *gid, groups))
            }
            (None, group) => number(user).map(|uid| (uid, group.unwrap_or(uid), BTreeSet::new())),
        }
    }

    fn becomes(&self, request: &str, named: bool) -> Becomes {
        let Some((uid, gid, groups)) = self.ids(request) else { return Becomes::Refused };
        if named {
            return Becomes::Words(format!("--reuid={request} --regid={gid} --init-groups"));
        }
        let groups = match comma(&groups) {
            none if none.is_empty() => "--clear-groups".to_owned(),
            some => format!("--groups={some}"),
        };
        Becomes::Words(format!("--reuid={uid} --regid={gid} {groups}"))
    }
}

/// The kernel keeps a group as often as it is given, and initgroups(3) gives one that two lines name twice.
fn once(status: &str) -> String {
    let mut lines = String::new();
    for line in status.lines() {
        let (name, value) = line.split_once('\t').unwrap_or((line, ""));
        let mut words: Vec<&str> = value.split(' ').filter(|word| !word.is_empty()).collect();
        words.dedup();
        writeln!(lines, "{name}\t{}", words.join(" ")).unwrap();
    }
    lines
}

fn comma(groups: &BTreeSet<u32>) -> String {
    groups.iter().map(u32::to_string).collect::<Vec<_>>().join(",")
}

#[test]
fn ids_groups_and_capabilities_are_those_of_setpriv() {
    if !root("ids_groups_and_capabilities_are_those_of_setpriv") {
        return;
    }
    let place = Place::new();
    let seed = std::env::var("WINGMATE_TABLE_SEED").map_or(1, |seed| seed.parse().unwrap());
    let mut dice = Dice(u64::wrapping_mul(seed, 0x9e37_79b9_7f4a_7c15) | 1);
    let mut worlds: Vec<World> = (0..40).map(|_| random(&mut dice)).collect();
    worlds.extend([counted(), large(3), large(65_000)]);
    let told = ask(&place, &worlds);
    // setpriv takes a name of digits for a name: numbers are asked for where there are no files, and once.
    let mut theirs = BTreeMap::new();
    let (mut without, mut within) = (String::new(), String::new());
    let (mut asked, mut asked_by_name) = (Vec::new(), Vec::new());
    for (at, (world, told)) in worlds.iter().zip(&told).enumerate() {
        within += &install(&place, at, world);
        for request in &world.requests {
            let became = told.becomes(request, world.named);
            if let Becomes::Words(words) = &became {
                let line = format!("setpriv {words} {NONE_INHERITED} {SHOW} 2>&1; echo =\n");
                if world.named {
                    within += &line;
                    asked_by_name.push((at, became));
                } else if theirs.insert((0, became.clone()), String::new()).is_none() {
                    without += &line;
                    asked.push((0, became));
                }
            }
        }
    }
    let answers = run(&place, &(without + &within));
    theirs.extend(asked.into_iter().chain(asked_by_name).zip(answers));
    let mut script = String::new();
    for (at, world) in worlds.iter().enumerate() {
        script += &install(&place, at, world);
        for request in &world.requests {
            writeln!(script, "\"$W\" -u '{request}' -- {SHOW} 2>&1; echo $?; echo =").unwrap();
        }
    }
    let mut ours = run(&place, &script).into_iter();
    let (mut wrong, mut became, mut refused) = (Vec::new(), 0, 0);
    for (at, (world, told)) in worlds.iter().zip(&told).enumerate() {
        for request in &world.requests {
            let seen = ours.next().unwrap();
            let becomes = told.becomes(request, world.named);
            let right = match &becomes {
                Becomes::Words(_) => {
                    became += 1;
                    let theirs = &theirs[&(if world.named { at } else { 0 }, becomes.clone())];
                    theirs.starts_with("Uid:") && seen.replace(" \n", "\n") == format!("{}0\n", once(theirs))
                }
                Becomes::Refused => {
                    refused += 1;
                    seen.starts_with("wmexec: ") && seen.ends_with("\n125\n") && seen.lines().count() == 2
                }
            };
            if !right {
                let words = if let Becomes::Words(words) = &becomes { words } else { "refused" };
                wrong.push(format!("world {at}, '{request}': {words:.300}, and not\n{seen:.600}"));
            }
        }
    }
    assert!(
        wrong.is_empty(),
        "WINGMATE_TABLE_SEED={seed}: {}\n{}",
        wrong.len(),
        wrong[..wrong.len().min(20)].join("\n")
    );
    assert!(became > 100 && refused > 50, "{became} {refused}");
}

#[test]
fn lines_that_the_c_library_reads_otherwise() {
    if !root("lines_that_the_c_library_reads_otherwise") {
        return;
    }
    let place = Place::new();
    let worlds = DIFFERENCES.map(|(_, passwd, group, request, _, _)| World {
        passwd: File::Text(passwd.to_vec()),
        group: File::Text(group.to_vec()),
        requests: vec![request.to_owned()],
        names: BTreeSet::from(["u".to_owned(), String::new()]),
        named: false,
    });
    let told = ask(&place, &worlds);
    let mut script = String::new();
    for (at, world) in worlds.iter().enumerate() {
        script += &install(&place, at, world);
        let request = &world.requests[0];
        writeln!(script, "\"$W\" -u '{request}' -- sed -nE 's/^(Uid|Gid|Groups):.//p' /proc/self/status 2>&1; echo =")
            .unwrap();
    }
    for ((row, told), seen) in DIFFERENCES.iter().zip(&told).zip(run(&place, &script)) {
        let (kind, _, _, request, theirs, ours) = row;
        let (uid, gid, groups) = told.ids(request).unwrap_or_else(|| panic!("{kind}: the C library refuses it too"));
        assert_eq!(format!("{uid}:{gid}:{}", comma(&groups)), *theirs, "{kind}");
        // Three lines, of Uid, Gid and Groups.
        let lines: Vec<Vec<_>> = seen.lines().map(|line| line.split_whitespace().collect()).collect();
        let seen = match lines.as_slice() {
            [uid, gid, groups] => format!("{}:{}:{}", uid[0], gid[0], groups.join(",")),
            _ => "refused".to_owned(),
        };
        assert_eq!(seen, *ours, "{kind}");
    }
}
