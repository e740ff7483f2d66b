//! What services tell by themselves: messages on their notify sockets (sd_notify(3)), a newline on the descriptor of
//! `ready.fd`. And what wingmate tells its own manager, if it was given a socket too.
//!
//! Each unit that notifies has a socket of its own, for all its lives, so that the socket says whose message it is.
//! What an earlier life left in it is dropped before the next begins.

use crate::model::moment::LONGEST;
use crate::model::table::Table;
use crate::model::unit::{Life, Pid, UnitId};
use crate::supervise::event::Message;
use crate::sys::datagrams::{Datagrams, Sender};
use crate::sys::poll::{Interest, Poller, Token};
use crate::sys::sockets;
use crate::sys::{identity, pipes};
use crate::wire::notice;
use rustix::io::{Errno, Result};
use std::ffi::{OsStr, OsString};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd, RawFd};
use std::path::PathBuf;

/// Messages of one unit that are taken before others have their turn.
const TURN: u32 = 16;
/// More than a socket's queue holds (net.unix.max_dgram_qlen).
const ALL: u32 = 1024;

/// What was told.
#[derive(Debug, PartialEq, Eq)]
pub enum Said {
    Message(Message),
    /// `MAINPID=`, to be judged.
    MainPid(Pid),
    /// A message that doesn't count, and why.
    Dropped(String),
}

/// Every unit's notify socket and readiness pipe.
#[derive(Debug)]
pub struct Notices {
    /// The upper halves of their tokens.
    sockets: Token,
    pipes: Token,
    ears: Table<UnitId, Ear>,
    lines: Table<UnitId, Line>,
    /// Wingmate's own manager.
    manager: Option<OsString>,
}

#[derive(Debug)]
struct Ear {
    life: Life,
    socket: Datagrams,
    /// Besides root's, this user's messages count.
    user: u32,
    /// Which process it last said is the main one.
    main: Option<Pid>,
}

/// The pipe on which a newline is awaited.
#[derive(Debug)]
struct Line {
    life: Life,
    read: OwnedFd,
    /// Until the program has it.
    write: Option<OwnedFd>,
    number: RawFd,
}

fn token(kind: Token, unit: UnitId) -> Token {
    Token(kind.0 | u64::from(unit.0))
}

impl Notices {
    /// None yet; `manager`: wingmate's own `NOTIFY_SOCKET`.
    pub fn new(sockets: Token, pipes: Token, manager: Option<OsString>) -> Notices {
        let manager = manager.filter(|name| !name.is_empty());
        Notices { sockets, pipes, ears: Table::new(), lines: Table::new(), manager }
    }

    /// Before a life begins: it has a socket with nothing in it, whose name this is. `other`: it may become another
    /// user's.
    pub fn listen(&mut self, unit: UnitId, life: Life, other: bool, poller: &Poller) -> Result<&OsStr> {
        if !self.ears.get(&unit).is_some_and(|ear| ear.socket.is_there()) {
            let socket = bind(other)?;
            poller.add(&socket, token(self.sockets, unit), Interest::IN)?;
            self.ears.insert(unit, Ear { life, socket, user: identity::user(), main: None });
        }
        let ear = self.ears.get_mut(&unit).ok_or(Errno::NOENT)?;
        (ear.life, ear.user, ear.main) = (life, identity::user(), None);
        let mut old = [0; 1];
        // Bounded: somebody may write as fast as this reads.
        let _ = (0..ALL).find(|_| ear.socket.next(&mut old).is_err());
        Ok(ear.socket.name())
    }

    /// The unit's life will be this user's.
    pub fn give(&mut self, unit: UnitId, user: u32, group: u32) -> Result<()> {
        let Some(ear) = self.ears.get_mut(&unit) else { return Ok(()) };
        ear.user = user;
        ear.socket.give(user, group)
    }

    /// Makes a pipe for a life, whose program gets it as descriptor `number`.
    pub fn await_line(&mut self, unit: UnitId, life: Life, number: RawFd, poller: &Poller) -> Result<()> {
        let (read, write) = pipes::one_way()?;
        poller.add(&read, token(self.pipes, unit), Interest::IN)?;
        self.lines.insert(unit, Line { life, read, write: Some(write), number });
        Ok(())
    }

    /// What the program gets of it.
    pub fn child_end(&self, unit: UnitId) -> Option<(BorrowedFd<'_>, RawFd)> {
        let line = self.lines.get(&unit)?;
        Some((line.write.as_ref()?.as_fd(), line.number))
    }

    /// The unit's program has started, or it hasn't: in both cases it has what it needs.
    pub fn started(&mut self, unit: UnitId, pid: Option<Pid>) {
        match (self.lines.get_mut(&unit), pid) {
            (Some(line), Some(_)) => line.write = None,
            (Some(_), None) => drop(self.lines.remove(&unit)),
            (None, _) => {}
        }
        if let Some(ear) = self.ears.get_mut(&unit) {
            ear.main = pid;
        }
    }

    /// Takes what the unit's life has said; `last`: all of it, since it has ended.
    pub fn hear(&mut self, unit: UnitId, last: bool) -> Option<(Life, Vec<Said>)> {
        let ear = self.ears.get(&unit)?;
        let mut said = Vec::new();
        let mut buffer = [0; notice::LONGEST];
        for _ in 0..if last { ALL } else { TURN } {
            match ear.socket.next(&mut buffer) {
                Ok(datagram) => match refusal(ear.user, datagram.sender, datagram.cut) {
                    None => said.extend(notice::assignments(datagram.bytes).filter_map(meaning)),
                    Some(why) => said.push(Said::Dropped(why)),
                },
                Err(Errno::INTR) => {}
                Err(_) => break,
            }
        }
        Some((ear.life, said))
    }

    /// Whether this process is another than the unit's last one by its own word.
    pub fn is_news(&mut self, unit: UnitId, main: Pid) -> bool {
        self.ears.get_mut(&unit).is_some_and(|ear| ear.main.replace(main) != Some(main))
    }

    /// Reads the unit's readiness pipe: the life that is ready now, if it is.
    pub fn read_line(&mut self, unit: UnitId) -> Option<Life> {
        let line = self.lines.get(&unit)?;
        let mut buffer = [0; 512];
        let (life, ready) = match pipes::read_into(&line.read, &mut buffer) {
            Ok(count @ 1..) => (line.life, buffer.get(..count).unwrap_or_default().contains(&b'\n')),
            Err(Errno::AGAIN | Errno::INTR) => return None,
            // All its writers have gone.
            Ok(0) | Err(_) => {
                self.lines.remove(&unit);
                return None;
            }
        };
        if ready {
            self.lines.remove(&unit);
        }
        ready.then_some(life)
    }

    /// The unit is no more.
    pub fn forget(&mut self, unit: UnitId) {
        self.ears.remove(&unit);
        self.lines.remove(&unit);
    }

    /// Tells wingmate's own manager.
    pub fn tell(&self, text: &str) -> Result<()> {
        match &self.manager {
            Some(name) => sockets::tell(&sockets::named(name)?, text),
            None => Ok(()),
        }
    }
}

/// At the first place that works.
fn bind(other: bool) -> Result<Datagrams> {
    let runtime = std::env::var_os("XDG_RUNTIME_DIR").filter(|path| path.as_encoded_bytes().starts_with(b"/"));
    let places = [
        Some(PathBuf::from("/run/wingmate")),
        runtime.map(|path| PathBuf::from(path).join("wingmate")),
        Some(PathBuf::from(format!("/tmp/wingmate-{}", identity::user()))),
    ];
    let made = places.iter().flatten().find_map(|place| Datagrams::within(place, other).ok());
    made.map_or_else(Datagrams::hidden, Ok)
}

/// Why a message doesn't count.
fn refusal(user: u32, sender: Option<Sender>, cut: bool) -> Option<String> {
    match sender {
        Some(Sender { pid: 0, .. }) => Some("its sender is outside of the pid namespace".to_owned()),
        Some(sender) if sender.user != 0 && sender.user != user => {
            Some(format!("its sender is user {} (pid {})", sender.user, sender.pid))
        }
        Some(_) if cut => Some(format!("it is longer than {} bytes", notice::LONGEST)),
        Some(_) => None,
        None => Some("its sender is unknown".to_owned()),
    }
}

/// What an assignment means; `None`: nothing here. (`BARRIER=1` is answered by its descriptor being closed.)
fn meaning((name, value): (&[u8], &[u8])) -> Option<Said> {
    let message = match (name, value) {
        (b"READY", b"1") => Message::Ready,
        (b"RELOADING", b"1") => Message::Reloading,
        (b"STOPPING", b"1") => Message::Stopping,
        (b"WATCHDOG", b"1") => Message::Watchdog,
        (b"WATCHDOG", b"trigger") => Message::WatchdogTrigger,
        (b"STATUS", text) => Message::Status(notice::status(text)),
        (b"EXTEND_TIMEOUT_USEC", number) => Message::ExtendTimeout(notice::micros(number)?.min(LONGEST)),
        (b"MAINPID", number) => return notice::number(number).and_then(Pid::from_raw).map(Said::MainPid),
        _ => return None,
    };
    Some(Said::Message(message))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::clock;
    use rustix::io::write;
    use std::time::Duration;

    const SOCKETS: Token = Token(1 << 32);
    const PIPES: Token = Token(2 << 32);
    const UNIT: UnitId = UnitId(5);

    fn notices() -> (Notices, Poller) {
        (Notices::new(SOCKETS, PIPES, None), Poller::new().unwrap())
    }

    fn tell(name: &OsStr, text: &str) -> Result<()> {
        sockets::tell(&sockets::named(name)?, text)
    }

    fn ready(poller: &Poller) -> Vec<Token> {
        let mut ready = Vec::new();
        poller.wait(Some(Duration::ZERO), &mut ready).unwrap();
        ready.iter().map(|one| one.token).collect()
    }

    #[test]
    fn a_life_is_heard_and_an_earlier_one_is_not() {
        let (mut notices, poller) = notices();
        let name = notices.listen(UNIT, Life(1), false, &poller).unwrap().to_owned();
        tell(&name, "READY=1\nSTATUS=fine\nFDSTORE=1\nMAINPID=17\nWATCHDOG=1").unwrap();
        assert_eq!(ready(&poller), [token(SOCKETS, UNIT)]);
        let said = [
            Said::Message(Message::Ready),
            Said::Message(Message::Status("fine".into())),
            Said::MainPid(Pid::from_raw(17).unwrap()),
            Said::Message(Message::Watchdog),
        ];
        assert_eq!(notices.hear(UNIT, false), Some((Life(1), said.into())));
        assert_eq!(ready(&poller), []);
        tell(&name, "READY=1").unwrap();
        assert_eq!(notices.listen(UNIT, Life(2), false, &poller).unwrap(), name);
        assert_eq!(notices.hear(UNIT, true), Some((Life(2), vec![])));
        notices.forget(UNIT);
        assert!(tell(&name, "READY=1").is_err());
        assert_eq!(notices.hear(UNIT, true), None);
    }

    #[test]
    fn a_removed_path_is_made_anew() {
        let (mut notices, poller) = notices();
        let name = notices.listen(UNIT, Life(1), false, &poller).unwrap().to_owned();
        if name.as_encoded_bytes().starts_with(b"/") {
            std::fs::remove_file(&name).unwrap();
            let next = notices.listen(UNIT, Life(2), false, &poller).unwrap().to_owned();
            assert_ne!(next, name);
            tell(&next, "STOPPING=1").unwrap();
            assert_eq!(notices.hear(UNIT, false), Some((Life(2), vec![Said::Message(Message::Stopping)])));
        }
    }

    #[test]
    fn a_flood_is_taken_bit_by_bit() {
        let (mut notices, poller) = notices();
        let name = notices.listen(UNIT, Life(1), false, &poller).unwrap().to_owned();
        let mut sent: usize = 0;
        while tell(&name, "WATCHDOG=1").is_ok() && sent < 2000 {
            sent += 1;
        }
        let (mut turns, mut heard) = (0, 0);
        while !ready(&poller).is_empty() {
            let (_, said) = notices.hear(UNIT, false).unwrap();
            assert!(said.len() <= TURN as usize);
            (turns, heard) = (turns + 1, heard + said.len());
        }
        assert_eq!((heard, turns), (sent, sent.div_ceil(TURN as usize)));
    }

    #[test]
    fn who_may_speak() {
        let of = |user, pid| Some(Sender { user, pid });
        assert_eq!(refusal(33, of(33, 9), false), None);
        assert_eq!(refusal(33, of(0, 9), false), None);
        assert_eq!(refusal(33, of(34, 9), false), Some("its sender is user 34 (pid 9)".into()));
        assert_eq!(refusal(33, of(33, 0), false), Some("its sender is outside of the pid namespace".into()));
        assert_eq!(refusal(33, None, false), Some("its sender is unknown".into()));
        assert_eq!(refusal(33, of(33, 9), true), Some("it is longer than 4096 bytes".into()));
    }

    #[test]
    fn meanings_are_exact() {
        let rows: [(&str, &str, Option<Said>); 9] = [
            ("READY", "0", None),
            ("ready", "1", None),
            ("RELOADING", "1", Some(Said::Message(Message::Reloading))),
            ("WATCHDOG", "trigger", Some(Said::Message(Message::WatchdogTrigger))),
            ("WATCHDOG_USEC", "5", None),
            ("EXTEND_TIMEOUT_USEC", "2000000", Some(Said::Message(Message::ExtendTimeout(Duration::from_secs(2))))),
            ("EXTEND_TIMEOUT_USEC", "18446744073709551615", Some(Said::Message(Message::ExtendTimeout(LONGEST)))),
            ("MAINPID", "-1", None),
            ("MAINPID", "0", None),
        ];
        for (name, value, expected) in rows {
            assert_eq!(meaning((name.as_bytes(), value.as_bytes())), expected, "{name}={value}");
        }
    }

    #[test]
    fn a_newline_is_readiness_and_an_end_is_not() {
        let (mut notices, poller) = notices();
        notices.await_line(UNIT, Life(1), 3, &poller).unwrap();
        let give = |notices: &Notices| {
            let (fd, number) = notices.child_end(UNIT).unwrap();
            assert_eq!(number, 3);
            fd.try_clone_to_owned().unwrap()
        };
        let child = give(&notices);
        notices.started(UNIT, Pid::from_raw(9));
        assert!(notices.child_end(UNIT).is_none());
        assert_eq!(ready(&poller), []);
        write(&child, b"not yet").unwrap();
        assert_eq!((ready(&poller), notices.read_line(UNIT)), (vec![token(PIPES, UNIT)], None));
        write(&child, b"now\nand more").unwrap();
        assert_eq!(notices.read_line(UNIT), Some(Life(1)));
        assert_eq!((ready(&poller), notices.read_line(UNIT)), (vec![], None));

        notices.await_line(UNIT, Life(2), 3, &poller).unwrap();
        let child = give(&notices);
        notices.started(UNIT, Pid::from_raw(10));
        drop(child);
        assert_eq!((ready(&poller), notices.read_line(UNIT)), (vec![token(PIPES, UNIT)], None));
        assert_eq!(ready(&poller), [], "the end is told once");
        notices.await_line(UNIT, Life(3), 3, &poller).unwrap();
        notices.started(UNIT, None);
        assert_eq!(ready(&poller), []);
    }

    #[test]
    fn the_manager_is_told_without_waiting() {
        let socket = Datagrams::hidden().unwrap();
        let notices = Notices::new(SOCKETS, PIPES, Some(socket.name().to_owned()));
        notices.tell("READY=1").unwrap();
        let mut buffer = [0; 64];
        assert_eq!(socket.next(&mut buffer).unwrap().bytes, b"READY=1");
        let begun = clock::mono();
        let full = (0..100_000).find_map(|_| notices.tell("STOPPING=1").err());
        assert_eq!(full, Some(Errno::AGAIN));
        assert!(clock::mono().since(begun) < Duration::from_secs(30));
        assert_eq!(Notices::new(SOCKETS, PIPES, Some("".into())).tell("READY=1"), Ok(()));
        assert_eq!(Notices::new(SOCKETS, PIPES, Some("x".into())).tell("READY=1"), Err(Errno::AFNOSUPPORT));
    }
}
