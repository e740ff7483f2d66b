//! The terminal on stdin, as far as job control goes (tcsetpgrp(3)).

use super::session::group;
use crate::model::unit::Pid;
use rustix::process;
use rustix::stdio::stdin;
use rustix::termios::{isatty, tcgetpgrp, tcsetpgrp};

/// Whether stdin is a terminal.
pub fn is_there() -> bool {
    isatty(stdin())
}

/// Whether stdin is our terminal and our process group its foreground one.
pub fn is_ours() -> bool {
    own().is_some_and(|group| tcgetpgrp(stdin()).ok() == Some(group))
}

/// The process group in the foreground, if stdin is our terminal.
pub fn foreground() -> Option<Pid> {
    Pid::from_raw(tcgetpgrp(stdin()).ok()?.as_raw_nonzero().get())
}

/// Makes this process group the foreground one, if ours is.
pub fn give(to: Pid) {
    if let (true, Some(to)) = (is_ours(), process::Pid::from_raw(to.raw())) {
        // Refused: the terminal or the group has gone.
        let _ = tcsetpgrp(stdin(), to);
    }
}

/// Makes our process group the foreground one again, if this one is. SIGTTOU must be blocked.
pub fn take_back(from: Pid) {
    let Some(group) = own() else { return };
    if tcgetpgrp(stdin()).ok() == process::Pid::from_raw(from.raw()) {
        // Refused: the terminal has gone, and with it the question.
        let _ = tcsetpgrp(stdin(), group);
    }
}

fn own() -> Option<process::Pid> {
    process::Pid::from_raw(group()?.raw())
}
