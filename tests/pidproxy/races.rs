//! A thousand starts of daemons that write their pid files in every way that there is, at once and in any order with
//! the proxy's looks: nothing in a story waits for anything but what it says. In each the right process is adopted
//! (the USR1 that the proxy passes on makes it say who it is), and nobody else ever gets a signal.

use crate::world::World;
use crate::world::dice::Dice;
use rustix::process::Signal;
use std::fs;
use std::io::{Read, Write};
use std::os::unix::fs::symlink;
use std::process::{Child, Command, Stdio};
use std::thread;

const STARTS: u64 = 1000;
/// More than there are processors: who is interrupted where is part of the story.
const AT_ONCE: u64 = 6;
/// Another seed tells other stories.
const SEED: u64 = 0x9e37_79b9_7f4a_7c15;

/// A process that has nothing to do with it, and says so when it gets a signal.
struct Stranger(Child);

impl Stranger {
    fn new() -> Stranger {
        let script = "for s in 1 2 3 4 5 6 7 8 10 11 12 14 15 16 18 20 21 22 23 24 25 26 27 28 29 30 31 34 64; do \
                      trap \"echo hit by $s\" $s; done; echo here; read word; echo $word";
        let mut child =
            Command::new("sh").args(["-c", script]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut here = [0; 5];
        child.stdout.as_mut().unwrap().read_exact(&mut here).unwrap();
        Stranger(child)
    }

    fn pid(&self) -> String {
        self.0.id().to_string()
    }

    fn was_left_alone(mut self) {
        self.0.stdin.take().unwrap().write_all(b"fine\n").unwrap();
        let output = self.0.wait_with_output().unwrap();
        assert_eq!(String::from_utf8_lossy(&output.stdout), "fine\n");
        assert!(output.status.success());
    }
}

/// A number that nobody has, for the time being.
fn dead() -> String {
    let mut child = Command::new("true").spawn().unwrap();
    child.wait().unwrap();
    child.id().to_string()
}

/// How a number comes into the file.
const WRITES: [&str; 11] = [
    "echo $1 > $P",
    ": > $P; echo $1 > $P",
    "printf %s ${1%?} > $P; printf %s ${1#${1%?}} >> $P",
    "echo $1 > $P.new; mv $P.new $P",
    "echo $STRANGER > $P.new; mv $P.new $P; echo $1 > $P.new; mv $P.new $P",
    "rm -f $P; echo $1 > $P",
    "echo $STRANGER > $P; echo $1 > $P",
    "echo $DEAD > $P; echo $1 > $P",
    "echo $PPID > $P; echo $1 > $P",
    "echo starting > $P; echo $1 > $P",
    "printf '  %s  \\n/var/lib\\n5432\\n' $1 > $P",
];

/// A subshell: the number that it has is in /proc only. Its fd 6 ends when the starter, and whoever stands between
/// them, has gone: nobody is left then who could reap it and keep its status. The decoy ends with it, by fd 9.
const DAEMON: &str = r#"
write() { mkdir -p ${P%/*}; WRITE; }
daemon() {
    exec 3<>$D/late 6<$D/go
    exec 5>&-
    read -r me _ < /proc/self/stat
    trap 'echo usr1 $me; LAST
    exit CODE' USR1
    echo ready $me
    BEFORE
    while :; do read x <&3; done
}
decoy() {
    exec 4<$D/end
    exec 5>&- 9>&-
    read -r me _ < /proc/self/stat
    trap 'echo decoy' HUP USR1 TERM
    read x <&4
}
echo begun
exec 5<>$D/go 9<>$D/end
"#;
const GONE: &str = "read x <&6";

/// (what the daemon does before it sleeps, before it ends, the starter's way)
const WAYS: [(&str, &str, &str); 9] = [
    // The starter goes, whenever.
    ("write $me", GONE, "daemon & DECOY"),
    ("write $me", GONE, "DECOY ( daemon & )"),
    // It has gone when the number is written.
    ("read x <&6; write $me", GONE, "daemon & exit 0"),
    // It goes when the number is written.
    ("write $me; echo on >&4", "echo on >&4; read x <&6", "exec 4<>$D/begin; daemon & DECOY read x <&4"),
    // It stays, and reaps the daemon.
    ("write $me", "", "DECOY daemon & wait $!"),
    // It writes the number.
    ("", GONE, "daemon & write $!; DECOY"),
    ("", GONE, "DECOY ( daemon & write $! )"),
    ("", "", "daemon & n=$!; write $n; wait $n"),
    // Somebody in between does, when the starter has gone.
    (
        "",
        GONE,
        "exec 8<>$D/begin; ( exec 7<$D/begin; ( exec 8>&-; daemon ) & exec 8>&-; read x <&7; write $! ) & exit 0",
    ),
];

fn story(world: &World, dice: &mut Dice, stranger: &str, dead: &str) -> String {
    let (before, last, way) = WAYS[dice.roll(WAYS.len())];
    let by_itself = !before.is_empty();
    let (write, code) = (dice.one_of(&WRITES), dice.one_of(&["0", "0", "3", "7", "120"]));
    let decoy = dice.one_of(&["", "", "decoy &"]);
    let file = world.path(dice.one_of(&["a.pid", "a.pid", "link.pid", "run/deep/a.pid"]));
    let definitions =
        DAEMON.replace("WRITE", write).replace("CODE", code).replace("BEFORE", before).replace("LAST", last);
    let script = format!("{definitions}\n{}", way.replace("DECOY", decoy));
    // What an earlier start has left stays there now and then.
    let us = std::process::id().to_string();
    match dice.roll(8) {
        0..4 => drop(fs::remove_file(&file)),
        4 => drop(fs::write(&file, stranger)),
        5 => drop(fs::write(&file, format!("{dead}\n"))),
        6 => drop(fs::write(&file, dice.one_of(&["", "1\n", "2", "-1\n", "\0\0\0\0", &us]))),
        _ => {}
    }
    let told = format!("{file}, exit {code}:\n{script}");
    let early = by_itself && dice.roll(2) == 0;
    let mut command = world.command(&file, &[], &script);
    let mut proxy = world.launch(command.env("STRANGER", stranger).env("DEAD", dead));
    proxy.expect("begun");
    if early {
        proxy.signal(Signal::USR1);
    }
    let ready = proxy.line("ready");
    if !early {
        proxy.signal(Signal::USR1);
    }
    let number = ready.strip_prefix("ready ").unwrap_or_else(|| panic!("'{ready}' of {told}"));
    assert_eq!(proxy.line("usr1"), format!("usr1 {number}"), "{told}");
    assert_eq!(proxy.wait().to_string(), code, "{told}\n{}", proxy.messages());
    proxy.expect_end();
    number.to_owned()
}

#[test]
fn a_thousand_racy_starts_adopt_the_right_process() {
    let tell = |thread: u64| {
        let mut dice = Dice(SEED.wrapping_mul(thread + 1));
        let stranger = Stranger::new();
        let mut last = dead();
        let mut left = STARTS.div_ceil(AT_ONCE);
        while left > 0 {
            let world = World::new();
            fs::create_dir(world.path("far")).unwrap();
            symlink("far/b.pid", world.path("link.pid")).unwrap();
            for _ in 0..left.min(10) {
                last = story(&world, &mut dice, &stranger.pid(), &last);
                left -= 1;
            }
        }
        stranger.was_left_alone();
    };
    thread::scope(|scope| {
        (0..AT_ONCE).for_each(|thread| drop(scope.spawn(move || tell(thread))));
    });
}
