//! What can happen to the supervisor. Every event fits every state: what it doesn't concern, it doesn't change.

use super::action::Purpose;
use crate::model::exit::Exit;
use crate::model::signal::Signal;
use crate::model::unit::{Life, Pid, UnitId};
use std::time::Duration;

/// Something happened outside. It is taken together with the moment of the loop's turn.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// The loop is ready: what is to run by itself starts.
    Begin,
    /// [`Action::Launch`](super::action::Action) succeeded: the program runs.
    Launched { unit: UnitId, life: Life, pid: Pid },
    /// It didn't; nothing runs.
    LaunchFailed { unit: UnitId, life: Life, fault: Fault },
    /// A process of this life has ended. `exit`: unknown if somebody else reaped it. `group_lives`: the group that
    /// it led still has members. `lingering`: a process that it may have left behind lives (forking daemons only).
    Exited { unit: UnitId, life: Life, pid: Pid, exit: Option<Exit>, group_lives: bool, lingering: bool },
    /// The process group of this life was seen empty: nobody may signal it any more.
    GroupGone { unit: UnitId, life: Life },
    /// The pid file of this life names this process, which was judged fit. `group`: the one that it leads,
    /// or was left by the daemon that it succeeds.
    Adopted { unit: UnitId, life: Life, pid: Pid, group: Option<Pid> },
    /// The daemon of this life was seen in this group, perhaps not the one of its adoption. `None`: it isn't the unit's.
    Grouped { unit: UnitId, life: Life, daemon: Pid, group: Option<Pid> },
    /// The answer to [`Action::Sweep`](super::action::Action): so many are left. `unseen`: there may be others, who
    /// can't be told from strangers.
    Swept { unit: UnitId, life: Life, left: usize, unseen: bool },
    /// What the pid file of this life names was refused, in words; it is waited over.
    Refused { unit: UnitId, life: Life, reason: String },
    /// The answer to [`Action::Probe`](super::action::Action): it held, or why it didn't.
    Probed { unit: UnitId, life: Life, purpose: Purpose, result: Result<(), String> },
    /// The other answer: there was nothing to try it with (descriptors, processes, memory).
    Untried { unit: UnitId, life: Life, purpose: Purpose, reason: String },
    /// The sign of readiness that this life was to give by itself has come: a line, a newline on its descriptor.
    Ready { unit: UnitId, life: Life },
    /// This life said something on its notify socket.
    Notified { unit: UnitId, life: Life, message: Message },
    /// A signal came to wingmate.
    Signalled(Signal),
    /// An orphan was reaped.
    OrphanReaped,
    /// There is no child left.
    Childless,
    /// The answer to `SignalRest` and `CountRest`.
    Rest(Rest),
    /// CLOCK_REALTIME was set.
    ClockSet,
}

/// One assignment of an sd_notify(3) message. What isn't listed is passed over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Message {
    /// `READY=1`
    Ready,
    /// `RELOADING=1`
    Reloading,
    /// `STOPPING=1`
    Stopping,
    /// `STATUS=…`
    Status(String),
    /// `WATCHDOG=1`
    Watchdog,
    /// `WATCHDOG=trigger`
    WatchdogTrigger,
    /// `EXTEND_TIMEOUT_USEC=…`
    ExtendTimeout(Duration),
    /// `MAINPID=…`, of a process that was judged fit: a live descendant and no other unit's. `group`: the one that
    /// it leads.
    MainPid { pid: Pid, group: Option<Pid> },
}

/// What is left when every unit is down: as PID 1 the namespace's other processes, else wingmate's own children.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rest {
    /// Those that can be signalled, as far as they were counted (as PID 1: 1 for any number).
    pub within_reach: usize,
    /// Those that can't, by name and pid.
    pub beyond: Vec<String>,
}

/// Why a launch failed: what it means for exit statuses, and in words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    pub kind: FaultKind,
    /// `cannot execute '/x/y': no such file or directory`.
    pub text: String,
}

/// What kind of a failed start it was; three of them have statuses of their own (POSIX, sh: 127 not found, 126 found
/// but not executable).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FaultKind {
    NotFound,
    NotExecutable,
    /// There was nothing to start it with: processes, memory, descriptors. That says nothing of the unit.
    Exhausted,
    Other,
}

impl FaultKind {
    /// Wingmate's own exit status where the launch decides it.
    pub fn status(self) -> u8 {
        match self {
            FaultKind::NotFound => 127,
            FaultKind::NotExecutable => 126,
            FaultKind::Exhausted | FaultKind::Other => 1,
        }
    }
}
