//! Account files and requests: random ones, and those with much in them.

use crate::dice::Dice;
use std::collections::BTreeSet;
use std::fmt::Write;

/// What stands in the place of one of the two files.
#[derive(Clone)]
pub enum File {
    Text(Vec<u8>),
    Missing,
}

/// Both files, and what is asked of them.
pub struct World {
    pub passwd: File,
    pub group: File,
    /// `USER[:GROUP]`.
    pub requests: Vec<String>,
    /// Whoever may be asked for without a group.
    pub names: BTreeSet<String>,
    /// setpriv looks the user up itself: no user's uid is somebody else's too, and no name is a number.
    pub named: bool,
}

const NAMES: [&str; 14] =
    ["u1", "u2", "u3", "web", "a-b", "x.y", "web$", "Ü", "123", "0123", "4294967294", "u", "root", "toor"];
const IDS: [&str; 12] = ["0", "1", "2", "3", "33", "033", "123", "1000", "1001", "65534", "65535", "4294967294"];
/// Lines that nobody reads.
const NO_USERS: [&str; 19] = [
    "",
    "broken line",
    "# u1:x:1:1::/:/bin/sh",
    "+nis:x:12:12::/:/bin/sh",
    "-u2:x:2:2::/:/bin/sh",
    "+",
    "+::::::",
    "u1:x:abc:14::/:/bin/sh",
    "u2:x::14::/:/bin/sh",
    "u3:x:14::::/bin/sh",
    "web:x",
    "web:x:33 :33::/:/bin/sh",
    "web:x:0x21:33::/:/bin/sh",
    "u1:x:1.5:1::/:/bin/sh",
    "u2:x:-1:1::/:/bin/sh",
    "u3:x:1:-2::/:/bin/sh",
    "web:x:4294967296:1::/:/bin/sh",
    "u1:x:1:99999999999999999999::/:/bin/sh",
    ":",
];
const NO_GROUPS: [&str; 11] = [
    "",
    "broken",
    "#g1:x:3:",
    "g1:x:abc:u1,u2",
    "g2:x::u1,u2",
    "g3:x:4 :u1,u2,web",
    "g1:x:0x4:web",
    "g2:x:-5:web,u1,u2",
    "g3:x:4294967297:web,u1,u2",
    "g1",
    "g1:x",
];

fn user_line(dice: &mut Dice, names: &mut BTreeSet<String>) -> Vec<u8> {
    let name = dice.one_of(&NAMES);
    names.insert(name.to_owned());
    let comment = match dice.roll(12) {
        0 => b"\xff\xfe bytes".to_vec(),
        1 => vec![b'y'; 70_000],
        2 => b"with, commas and blanks".to_vec(),
        _ => Vec::new(),
    };
    let mut line = format!("{name}:x:{}:{}:", dice.one_of(&IDS), dice.one_of(&IDS)).into_bytes();
    line.extend(comment);
    line.extend(dice.one_of(&[":/:/bin/sh", "::", ":/srv/web:", ":/home/x:/bin/sh -l"]).as_bytes());
    line
}

fn group_line(dice: &mut Dice) -> Vec<u8> {
    let mut line = format!("{}:x:{}:", dice.one_of(&["g1", "g2", "g3", "adm", "root", "77", "g.4"]), dice.one_of(&IDS));
    for _ in 0..dice.roll(7) {
        let member =
            dice.one_of(&["u1", "u2", "web", "u1", "", "u1x", "xu1", "123", "0123", "root", "Ü", "toor", "nobody"]);
        line += &format!("{member},");
    }
    if dice.roll(4) > 0 {
        line = line.trim_end_matches(',').to_owned();
    }
    line.into_bytes()
}

/// A file of such lines, with some of those that nobody reads.
fn file(dice: &mut Dice, nothing: &[&str], mut line: impl FnMut(&mut Dice) -> Vec<u8>) -> File {
    if dice.roll(12) == 0 {
        return File::Missing;
    }
    let end: &[u8] = if dice.roll(8) == 0 { b"\r\n" } else { b"\n" };
    let mut text = Vec::new();
    for _ in 0..dice.roll(14) {
        let next = if dice.roll(4) == 0 { dice.one_of(nothing).as_bytes().to_vec() } else { line(dice) };
        text.extend(next);
        text.extend(end);
    }
    if dice.roll(4) == 0 {
        text.truncate(text.len().saturating_sub(end.len()));
    }
    File::Text(text)
}

fn request(dice: &mut Dice) -> String {
    let user = match dice.roll(16) {
        0 => "no-such",
        1 => {
            dice.one_of(&["-1", "-0", "+5", "4294967295", "4294967296", "99999999999999999999", "+", "#", " u1", "u1 "])
        }
        2..6 => dice.one_of(&IDS),
        6 => dice.one_of(&["4242", "00", "0001", "12", "14"]),
        _ => dice.one_of(&NAMES),
    };
    let group = match dice.roll(8) {
        0 => ":",
        1 => dice.one_of(&[":g1", ":adm", ":root", ":no-such", ":g1:", ":77"]),
        2 => dice.one_of(&[":0", ":5", ":033", ":4294967294", ":4294967295", ":-1", ":+5"]),
        _ => "",
    };
    format!("{user}{group}")
}

pub fn random(dice: &mut Dice) -> World {
    let mut names = BTreeSet::new();
    let passwd = file(dice, &NO_USERS, |dice| user_line(dice, &mut names));
    let group = file(dice, &NO_GROUPS, group_line);
    let requests = (0..8).map(|_| request(dice)).collect();
    World { passwd, group, requests, names, named: false }
}

/// Well-formed files, and users whom setpriv is to find itself.
pub fn plain(passwd: String, group: String, users: &[&str]) -> World {
    let requests = users.iter().map(|user| (*user).to_owned()).collect();
    let names = users.iter().map(|user| (*user).to_owned()).collect();
    World { passwd: File::Text(passwd.into()), group: File::Text(group.into()), requests, names, named: true }
}

/// Users in 0, 1, 3 and 70 groups, in one twice, and with primary groups of every kind.
pub fn counted() -> World {
    let mut passwd = "root:x:0:0::/root:/bin/sh\n".to_owned();
    for (uid, name) in ["none", "one", "three", "many", "again", "listed", "nowhere", "rootgroup"].iter().enumerate() {
        let gid = if *name == "rootgroup" { 0 } else { 2000 + uid };
        writeln!(passwd, "{name}:x:{}:{gid}::/:/bin/sh", 1000 + uid).unwrap();
    }
    let mut group = "root:x:0:\ng:x:50:one,three,again\nh:x:51:three\ni:x:52:three,again\nj:x:50:again\n".to_owned();
    group += "own:x:2005:listed\n";
    (0..70).for_each(|n| writeln!(group, "m{n}:x:{}:many", 3000 + n * 7).unwrap());
    let users = ["root", "none", "one", "three", "many", "again", "listed", "nowhere", "rootgroup"];
    plain(passwd, group, &users)
}

/// 64 k users and 64 k groups, one user in `many` of them, and a line of a megabyte.
pub fn large(many: usize) -> World {
    let (mut passwd, mut group) = (String::new(), "wide:x:70000:".to_owned());
    (0..100_000).for_each(|n| write!(group, "user-{n},").unwrap());
    group += "joiner\n";
    for n in 0..65_536 {
        writeln!(passwd, "user{n}:x:{}:{}:User {n}:/home/user{n}:/bin/sh", 100_000 + n, 100_000 + n).unwrap();
        let members = if n < many { "user1,joiner" } else { "user1" };
        writeln!(group, "group{n}:x:{}:{members}", 100_000 + n).unwrap();
    }
    passwd += "joiner:x:5:70000::/:/bin/sh\n";
    plain(passwd, group, &["joiner", "user65535"])
}
