//! Why wingmate ends, and the exit status that follows (spec/cli.md). The first reason decides.

use super::service::End;
use crate::model::moment::Spoken;
use crate::model::signal::Signal;
use std::fmt;
use std::time::Duration;

/// Why everything is being stopped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reason {
    /// Somebody asked for it.
    Asked(Signal),
    /// The main command ended by itself, or could not be started.
    Main(End),
    /// A critical unit ended for good.
    Critical { name: String, end: End, done: bool, restarts: u32, since: Duration },
    /// The main command can't be started, because what it waits for has failed.
    MainWaitsFor { name: String },
    /// Nothing is left that can run by itself; `failed` names what didn't end well.
    NothingLeft { failed: Vec<String> },
}

impl Reason {
    /// The exit status; `main`: how the main command ended, which counts when somebody asked.
    pub fn status(&self, main: Option<&End>) -> u8 {
        match self {
            Reason::Asked(_) => main.map_or(0, End::status),
            Reason::Main(end) => end.status(),
            Reason::Critical { done: true, .. } => 0,
            Reason::Critical { end, .. } => end.status(),
            Reason::MainWaitsFor { .. } => 1,
            Reason::NothingLeft { failed } => u8::from(!failed.is_empty()),
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Reason::Asked(signal) => write!(f, "{signal} received"),
            Reason::Main(End::Exited(exit)) => write!(f, "main command {exit}"),
            Reason::Main(end) => write!(f, "main command: {end}"),
            Reason::Critical { name, end, restarts: 0, .. } => write!(f, "critical service {name}: {end}"),
            Reason::Critical { name, end, restarts, since, .. } => {
                let plural = if *restarts == 1 { "" } else { "s" };
                write!(f, "critical service {name} {end} after {restarts} restart{plural} in {}", Spoken(*since))
            }
            Reason::MainWaitsFor { name } => write!(f, "main command not started: {name} failed"),
            Reason::NothingLeft { failed } if failed.is_empty() => f.write_str("nothing is left to run: all is done"),
            Reason::NothingLeft { failed } => write!(f, "nothing is left to run: failed: {}", failed.join(", ")),
        }
    }
}
