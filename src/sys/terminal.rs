//! The terminal on stdin, as far as job control goes (tcsetpgrp(3)).

use crate::model::unit::Pid;
use rustix::process::{self, getpgrp};
use rustix::stdio::stdin;
use rustix::termios::{isatty, tcgetpgrp, tcsetpgrp};

/// Whether stdin is a terminal.
pub fn is_there() -> bool {
    isatty(stdin())
}

/// Whether stdin is our terminal and our process group its foreground one.
pub fn is_ours() -> bool {
    tcgetpgrp(stdin()).is_ok_and(|foreground| foreground == getpgrp())
}

/// Makes our process group the foreground one again, if this one is. SIGTTOU must be blocked.
pub fn take_back(from: Pid) {
    if tcgetpgrp(stdin()).ok() == process::Pid::from_raw(from.raw()) {
        // Refused: the terminal has gone, and with it the question.
        let _ = tcsetpgrp(stdin(), getpgrp());
    }
}
