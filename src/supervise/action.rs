//! What the supervisor wants done. `runtime::perform` does it; what goes wrong comes back as an event.

use crate::model::moment::Wall;
use crate::model::note::Note;
use crate::model::signal::Signal;
use crate::model::unit::{Life, Pid, UnitId};
use std::time::Duration;

/// One thing to do, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Start the unit's program, or a command beside it; answered by `Launched` or `LaunchFailed`. `due`: when a
    /// job's run was due.
    Launch { unit: UnitId, life: Life, part: Part, due: Option<Due> },
    /// Send a signal; a process that has gone is no failure.
    Signal { unit: UnitId, target: Target, signal: Signal },
    /// Look whether the group still has members; answered by `GroupGone` if not.
    CheckGroup { unit: UnitId, life: Life, group: Pid },
    /// Watch the unit's pid file; answered by `Adopted` and `Refused`.
    WatchPidFile { unit: UnitId, life: Life, starter: Option<Pid> },
    /// Stop watching it.
    ForgetPidFile { unit: UnitId, life: Life },
    /// Look for what this life has begun that has left its process group, and send this to whoever hasn't had it;
    /// answered by `Swept`.
    Sweep { unit: UnitId, life: Life, signal: Option<Signal> },
    /// Try the unit's probe once; answered by one `Probed` or `Untried` within `timeout`, unless it is forgotten before.
    Probe { unit: UnitId, life: Life, purpose: Purpose, timeout: Duration },
    /// A probe of this life that is under way is ended; its answer isn't wanted any more.
    ForgetProbes { unit: UnitId, life: Life },
    /// Tell wingmate's own manager, if it has one (sd_notify(3)).
    Notify(&'static str),
    /// Read the configuration again; what it says comes back by [`Supervisor::reload`](super::Supervisor::reload).
    Reload,
    /// Keep that the job was due then.
    Remember { unit: UnitId, at: Wall },
    /// The unit is no more.
    Forget { unit: UnitId },
    /// The unit has another name now.
    Rename { unit: UnitId },
    /// Say this in the log.
    Say(Note),
    /// The last act: this signal to every process that is left (as PID 1: of the namespace; else: to own children);
    /// answered by `Rest`.
    SignalRest(Signal),
    /// Look how many of them there are; who has come since then gets TERM. Answered by `Rest`.
    CountRest,
    /// Leave with this status; `words` are the very last line of the log. `asked`: somebody wanted it so.
    Leave { status: u8, words: Note, asked: bool },
}

/// Which of a unit's commands is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// Its own.
    Program,
    PreStart,
    /// `main`: the process to be stopped, told as `$MAINPID`.
    StopCommand {
        main: Pid,
    },
    PostStop,
}

/// What a probe is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    Ready,
    Health,
}

/// What a job's run is told: its job, and the moment that its schedule named (RFC 3339).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Due {
    pub job: String,
    pub time: String,
}

/// Whom a signal is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    Process(Pid),
    Group(Pid),
}
