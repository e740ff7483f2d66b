//! What can be seen of a process from outside: one line of `/proc/PID/stat` (proc(5)).

use super::unit::Pid;

/// When a process began: clock ticks since boot. With the pid it names one process for ever.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct StartTime(pub u64);

/// One process at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Facts {
    pub pid: Pid,
    /// `None`: its parent is outside of our pid namespace, or the kernel.
    pub parent: Option<Pid>,
    pub group: Option<Pid>,
    pub session: Option<Pid>,
    pub start: StartTime,
    /// It has ended and waits to be reaped.
    pub dead: bool,
}

impl Facts {
    /// Reads the file's content. The second field, the program's name, may hold anything, blanks and brackets
    /// included: the fields that count begin behind the last `)`.
    pub fn parse(stat: &[u8]) -> Option<Facts> {
        let name_ends = stat.iter().rposition(|b| *b == b')')?;
        let (head, tail) = stat.split_at(name_ends);
        let pid = Pid::from_raw(number(head.split(|b| *b == b' ').next()?)?)?;
        let mut fields = tail.split(|b| b.is_ascii_whitespace()).skip(1);
        let state = fields.next()?;
        let parent = Pid::from_raw(number(fields.next()?)?);
        let group = Pid::from_raw(number(fields.next()?)?);
        let session = Pid::from_raw(number(fields.next()?)?);
        // Fields 20 and 22; the session was the sixth.
        let threads: i32 = number(fields.nth(13)?)?;
        let start = StartTime(number(fields.nth(1)?)?);
        // A process whose first thread alone has ended shows as a zombie too, and lives.
        let dead = matches!(state, [b'Z' | b'X' | b'x']) && threads <= 1;
        Some(Facts { pid, parent, group, session, start, dead })
    }
}

fn number<T: std::str::FromStr>(field: &[u8]) -> Option<T> {
    std::str::from_utf8(field).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stat(name: &str, state: char, threads: u32) -> String {
        format!(
            "70 ({name}) {state} 7 69 68 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 {threads} 0 123456 8192 9 18446744073709551615 1 1 0\n"
        )
    }

    #[test]
    fn fields_are_found_whatever_the_name_is() {
        for name in ["sshd", "a b", "x) R 1 1 1", ") (", ""] {
            let facts = Facts::parse(stat(name, 'S', 1).as_bytes()).unwrap();
            assert_eq!(facts.pid, Pid::from_raw(70).unwrap(), "{name}");
            assert_eq!(facts.parent, Pid::from_raw(7));
            assert_eq!(facts.group, Pid::from_raw(69));
            assert_eq!(facts.session, Pid::from_raw(68));
            assert_eq!(facts.start, StartTime(123_456));
            assert!(!facts.dead);
        }
    }

    #[test]
    fn a_zombie_with_living_threads_lives() {
        assert!(Facts::parse(stat("d", 'Z', 1).as_bytes()).unwrap().dead);
        assert!(!Facts::parse(stat("d", 'Z', 3).as_bytes()).unwrap().dead);
    }

    #[test]
    fn what_is_cut_short_tells_nothing() {
        let whole = stat("d", 'S', 1);
        let needed = whole.find("123456").unwrap();
        for end in 0..needed {
            assert_eq!(Facts::parse(&whole.as_bytes()[..end]), None, "{end}");
        }
    }
}
