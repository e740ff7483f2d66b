//! An adopted daemon: held on to, watched for its end, signalled. At rest it costs a descriptor and no wake-up.

use crate::model::moment::Mono;
use crate::model::signal::Signal;
use crate::model::unit::Pid;
use crate::sys::poll::{Interest, Poller, Token};
use crate::sys::processes::{Held, facts};
use rustix::io::Result;
use std::time::Duration;

/// Between two looks at a daemon of which nothing else tells the end: not our child, and pidfds are refused.
const LOOK: Duration = Duration::from_secs(1);

/// One adopted daemon.
#[derive(Debug)]
pub struct Daemon {
    held: Held,
    /// When to look whether it is still there; `None`: its end is told, by its pidfd or SIGCHLD.
    next_look: Option<Mono>,
}

impl Daemon {
    /// Watches for its end: as our `child` by SIGCHLD, else by its pidfd, which goes into `poller` under `token`.
    pub fn watch(held: Held, child: bool, poller: &Poller, token: Token, now: Mono) -> Daemon {
        let told = child || held.pidfd().is_some_and(|pidfd| poller.add(pidfd, token, Interest::IN).is_ok());
        Daemon { held, next_look: (!told).then_some(now + LOOK) }
    }

    /// Its number.
    pub fn pid(&self) -> Pid {
        self.held.pid()
    }

    /// When [`Daemon::has_ended`] is to be asked, besides when its token is ready.
    pub fn deadline(&self) -> Option<Mono> {
        self.next_look
    }

    /// Whether it has ended. If it is our child by now it still waits to be reaped: its status is there.
    pub fn has_ended(&mut self, now: Mono) -> bool {
        self.next_look = self.next_look.map(|_| now + LOOK);
        self.held.has_ended()
    }

    /// Whether it has ended and nobody has its status yet: its parent may take it, or leave it to us.
    pub fn is_unreaped(&self) -> bool {
        facts(self.held.pid()).is_some_and(|facts| facts.start == self.held.start() && facts.dead)
    }

    /// The process group that it is in, dead or alive: it itself, and nobody who has its number by now.
    pub fn group(&self) -> Option<Pid> {
        facts(self.held.pid()).filter(|facts| facts.start == self.held.start())?.group
    }

    /// Sends it a signal: to it and nobody else, whatever became of its number.
    pub fn signal(&self, signal: Signal) -> Result<()> {
        self.held.signal(signal)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::clock::mono;
    use crate::sys::processes;
    use std::process::{Command, Stdio};

    #[test]
    fn the_end_is_told_or_looked_for() {
        for (child, refused, looks) in [(true, true, false), (false, false, false), (false, true, true)] {
            let mut process = Command::new("cat").stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
            let facts = processes::facts(Pid::from_raw(process.id() as i32).unwrap()).unwrap();
            let mut held = Held::hold(&facts).unwrap();
            if refused {
                held = held.without_pidfd();
            }
            let (poller, now) = (Poller::new().unwrap(), mono());
            let mut daemon = Daemon::watch(held, child, &poller, Token(7), now);
            assert_eq!(daemon.deadline(), looks.then_some(now + LOOK));
            assert!(!daemon.has_ended(now + LOOK));
            assert_eq!(daemon.deadline(), looks.then_some(now + LOOK + LOOK));
            daemon.signal(Signal::KILL).unwrap();
            if !child && !refused {
                let mut ready = Vec::new();
                poller.wait(None, &mut ready).unwrap();
                assert_eq!(ready.first().map(|ready| ready.token), Some(Token(7)));
            }
            process.wait().unwrap();
            assert!(daemon.has_ended(now));
        }
    }
}
