//! Who is adopted as a daemon, and why another isn't (spec/pidproxy.md): what a pid file says, judged by what the
//! process that it names is. `runtime::pidfile` gathers the facts, this decides, and the start timeout's message
//! says it.
//!
//! A pid file is a claim that anybody may have written, years ago or a moment ago: only a process that the program
//! itself has begun is taken, so that no signal of ours ever hits a stranger.

use crate::model::process::{Facts, StartTime};
use crate::model::unit::Pid;
use std::fmt;

/// Whose daemon is looked for.
#[derive(Clone, Copy, Debug)]
pub struct Claim<'a> {
    /// This process: the child subreaper, or init, below which the daemon is.
    pub reaper: Pid,
    /// When the starter began.
    pub since: StartTime,
    /// The reaper's children from before that: a start time is too coarse to tell those of the same moment.
    pub older: &'a [Pid],
    /// The processes of other units.
    pub others: &'a [Pid],
}

/// What stands where the daemon's pid should, and why that isn't one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// There is no file (yet).
    Missing,
    /// The file can't be read; the reason as the C library words it.
    Unreadable(String),
    /// A directory, fifo, socket or device.
    NotRegular(&'static str),
    /// Nothing, or blanks.
    Empty,
    /// Nothing, or blanks, in the first line; others are there.
    Blank,
    /// The first line is something else; cut short, and printable.
    NotPid(String),
    /// It names this one, which won't do.
    Unfit(Pid, Unfit),
}

/// Why a process isn't adopted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unfit {
    /// No process of that number is there.
    Gone,
    /// It would be fit, but has ended already.
    Dead,
    /// It is the process that asks.
    Ourselves,
    /// A thread has that number, whose process has another.
    Thread,
    /// The starter's children don't lead to it.
    Stranger,
    /// It, or the child of ours that it descends from, began before the starter.
    Older,
    /// It belongs to another unit.
    Taken,
    /// The file says what it said before the start, and nobody has written it since.
    Stale,
}

/// The longest part of a strange first line that a message repeats.
const QUOTED: usize = 40;

/// The pid in a pid file's content: the first line counts, blanks around it don't.
pub fn pid_in(content: &[u8]) -> Result<Pid, Refusal> {
    let line = content.split(|b| *b == b'\n').next().unwrap_or_default().trim_ascii();
    if line.is_empty() {
        return Err(if content.trim_ascii().is_empty() { Refusal::Empty } else { Refusal::Blank });
    }
    let digits = line.iter().all(u8::is_ascii_digit);
    let number = std::str::from_utf8(line).ok().filter(|_| digits).and_then(|text| text.parse().ok());
    number.and_then(Pid::from_raw).ok_or_else(|| Refusal::NotPid(quote(line)))
}

fn quote(line: &[u8]) -> String {
    let text = String::from_utf8_lossy(line);
    let printable = |c: char| if c.is_control() { '?' } else { c };
    let mut quoted: String = text.chars().take(QUOTED).map(printable).collect();
    if text.chars().nth(QUOTED).is_some() {
        quoted.push('…');
    }
    quoted
}

/// Judges `pid` by its lineage: itself, its parent, and so on, up to but without the reaper (or as far as the
/// chain goes, when it doesn't lead there).
pub fn judge(pid: Pid, lineage: &[Facts], claim: &Claim<'_>) -> Result<(), Unfit> {
    if pid == claim.reaper {
        return Err(Unfit::Ourselves);
    }
    let (Some(itself), Some(top)) = (lineage.first(), lineage.last()) else {
        return Err(Unfit::Gone);
    };
    if top.parent != Some(claim.reaper) {
        return Err(Unfit::Stranger);
    }
    if itself.start < claim.since || top.start < claim.since || claim.older.contains(&top.pid) {
        return Err(Unfit::Older);
    }
    let taken = |pid: Option<Pid>| pid.is_some_and(|pid| claim.others.contains(&pid));
    if taken(itself.group) || taken(itself.session) || lineage.iter().any(|facts| taken(Some(facts.pid))) {
        return Err(Unfit::Taken);
    }
    if itself.dead { Err(Unfit::Dead) } else { Ok(()) }
}

/// Of all that is below the reaper (parents before their children), what was begun by the starter or since: not
/// the children that a shell had before it became us, nor theirs.
pub fn begun_since(below: &[Facts], claim: &Claim<'_>) -> Vec<Facts> {
    let mut begun: Vec<Facts> = Vec::new();
    for facts in below {
        let own = facts.parent == Some(claim.reaper) && facts.start >= claim.since && !claim.older.contains(&facts.pid);
        if own || begun.iter().any(|parent| facts.parent == Some(parent.pid)) {
            begun.push(*facts);
        }
    }
    begun
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Refusal::Missing => f.write_str("it isn't there"),
            Refusal::Unreadable(reason) => write!(f, "it cannot be read: {reason}"),
            Refusal::NotRegular(kind) => write!(f, "it is {kind}, not a regular file"),
            Refusal::Empty => f.write_str("it is empty"),
            Refusal::Blank => f.write_str("its first line is empty"),
            Refusal::NotPid(line) => write!(f, "it says '{line}', which is no process id"),
            Refusal::Unfit(pid, why) => write!(f, "it says {pid}, {why}"),
        }
    }
}

impl fmt::Display for Unfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Unfit::Gone => "but there is no such process",
            Unfit::Dead => "a process that has already ended",
            Unfit::Ourselves => "which is the process that waits for it",
            Unfit::Thread => "which is a thread of a process, and no process",
            Unfit::Stranger => "which is no descendant of the program (one that another manager starts never is)",
            Unfit::Older => "a process that began before the program was started",
            Unfit::Taken => "a process of another unit",
            Unfit::Stale => "as it did before the program was started",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pid(raw: i32) -> Pid {
        Pid::from_raw(raw).unwrap()
    }

    fn process(raw: i32, parent: i32, start: u64) -> Facts {
        Facts {
            pid: pid(raw),
            parent: Pid::from_raw(parent),
            group: Some(pid(raw)),
            session: Some(pid(raw)),
            start: StartTime(start),
            dead: false,
        }
    }

    const NOBODY: &[Pid] = &[];

    fn verdict(lineage: &[Facts]) -> Result<(), Unfit> {
        let named = lineage.first().map_or(pid(70), |facts| facts.pid);
        judge(named, lineage, &Claim { reaper: pid(7), since: StartTime(500), older: NOBODY, others: NOBODY })
    }

    #[test]
    fn a_pid_is_the_first_line() {
        for content in ["123", "123\n", " 123 \n", "\t123\r\n", "123\n/var/lib/postgresql\n5432\n", "0123\n"] {
            assert_eq!(pid_in(content.as_bytes()), Ok(pid(123)), "{content:?}");
        }
        for content in ["", "\n", "  ", " \n\t\n"] {
            assert_eq!(pid_in(content.as_bytes()), Err(Refusal::Empty), "{content:?}");
        }
        assert_eq!(pid_in(b" \n123\n"), Err(Refusal::Blank));
        for content in ["-1", "0", "+5", "12x", "1 2", "99999999999", "0x10", "1.5", "١"] {
            assert_eq!(pid_in(content.as_bytes()), Err(Refusal::NotPid(content.into())), "{content:?}");
        }
    }

    #[test]
    fn a_strange_line_is_quoted_short_and_printable() {
        let line = format!("\x1b[31m{}", "x".repeat(100));
        let Err(Refusal::NotPid(quoted)) = pid_in(line.as_bytes()) else { panic!("taken for a pid") };
        assert_eq!(quoted, format!("?[31m{}…", "x".repeat(35)));
        assert_eq!(pid_in(b"\xff\xfe"), Err(Refusal::NotPid("\u{fffd}\u{fffd}".into())));
    }

    #[test]
    fn descendants_that_began_with_the_starter_or_later_are_fit() {
        assert_eq!(verdict(&[process(70, 7, 500)]), Ok(()));
        assert_eq!(verdict(&[process(71, 70, 510), process(70, 7, 500)]), Ok(()));
    }

    #[test]
    fn nobody_else_is() {
        assert_eq!(verdict(&[]), Err(Unfit::Gone));
        assert_eq!(verdict(&[process(7, 1, 900)]), Err(Unfit::Ourselves));
        assert_eq!(verdict(&[process(1, 0, 0)]), Err(Unfit::Stranger));
        assert_eq!(verdict(&[process(70, 1, 600), process(1, 0, 0)]), Err(Unfit::Stranger));
        assert_eq!(verdict(&[process(70, 0, 600)]), Err(Unfit::Stranger));
        assert_eq!(verdict(&[process(70, 7, 499)]), Err(Unfit::Older));
        assert_eq!(verdict(&[process(71, 70, 600), process(70, 7, 499)]), Err(Unfit::Older));
        assert_eq!(verdict(&[Facts { dead: true, ..process(70, 7, 600) }]), Err(Unfit::Dead));
        assert_eq!(verdict(&[Facts { dead: true, ..process(70, 7, 400) }]), Err(Unfit::Older), "dead or alive");
    }

    #[test]
    fn what_was_there_before_the_starter_is_left_out_with_its_children() {
        let (starter, child, old) = (process(70, 7, 500), process(71, 70, 510), process(60, 7, 300));
        let same_moment = process(61, 7, 500);
        let claim = Claim { reaper: pid(7), since: StartTime(500), older: &[same_moment.pid], others: NOBODY };
        let below = [old, same_moment, starter, process(72, 60, 900), process(73, 61, 900), child];
        assert_eq!(begun_since(&below, &claim), [starter, child]);
        assert_eq!(judge(same_moment.pid, &[same_moment], &claim), Err(Unfit::Older));
        let child = process(73, 61, 900);
        assert_eq!(judge(child.pid, &[child, same_moment], &claim), Err(Unfit::Older));
    }

    #[test]
    fn another_units_process_is_known_by_itself_its_parents_group_or_session() {
        let others = [pid(50)];
        let claim = Claim { reaper: pid(7), since: StartTime(500), older: NOBODY, others: &others };
        let free = process(70, 7, 600);
        assert_eq!(judge(free.pid, &[free], &claim), Ok(()));
        for lineage in [
            vec![process(50, 7, 600)],
            vec![process(70, 50, 600), process(50, 7, 600)],
            vec![Facts { group: Some(pid(50)), ..free }],
            vec![Facts { session: Some(pid(50)), ..free }],
        ] {
            assert_eq!(judge(lineage[0].pid, &lineage, &claim), Err(Unfit::Taken));
        }
    }
}
