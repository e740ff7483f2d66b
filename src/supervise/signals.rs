//! What signals to wingmate mean: to the main command if there is one, else to wingmate itself.

use super::action::Action;
use super::unit::Unit;
use super::verdict::Reason;
use super::{Supervisor, number};
use crate::model::moment::{Mono, Now};
use crate::model::settings::Level;
use crate::model::signal::{Signal, rewritten};

/// Signals that ask wingmate to stop.
const STOPS: [Signal; 4] = [Signal::TERM, Signal::INT, Signal::QUIT, Signal::RTMIN_3];

impl Supervisor {
    /// Whether this signal asks once more to stop, and isn't the first one repeated.
    pub fn is_asked_again(&self, signal: Signal, now: Mono) -> bool {
        let asks = rewritten(signal, &self.rewrites).is_some_and(|signal| STOPS.contains(&signal));
        asks && self.shutdown.as_ref().is_some_and(|shutdown| shutdown.is_second(now))
    }

    /// A signal came.
    pub(super) fn signalled(&mut self, signal: Signal, now: Now) {
        let Some(signal) = rewritten(signal, &self.rewrites) else {
            return self.say(Level::Debug, format!("{signal}: dropped"));
        };
        if STOPS.contains(&signal) {
            return match self.shutdown {
                Some(_) => self.stop_again(signal, now.mono),
                None => self.stop_everything(Reason::Asked(signal), signal, now),
            };
        }
        match self.main().map(|(unit, _)| unit) {
            Some(main) => self.with(main, |machine, actions| {
                if let Unit::Main(main) = machine {
                    main.pass(signal, actions);
                }
            }),
            None => match signal {
                Signal::HUP => {
                    self.say(Level::Info, "SIGHUP: reading the configuration again".into());
                    self.ask_for_reload();
                }
                Signal::USR1 => self.log_status(now),
                Signal::USR2 => self.say(Level::Info, "SIGUSR2: no log files to reopen".into()),
                other => self.say(Level::Debug, format!("{other}: ignored")),
            },
        }
    }

    fn log_status(&mut self, now: Now) {
        for line in self.status(now) {
            self.say(Level::Info, line);
        }
    }

    /// An orphan was reaped.
    pub(super) fn orphan_reaped(&mut self) {
        self.orphans += 1;
        self.look_again = true;
        // It may have been the last of a group that is awaited.
        for (unit, machine) in (0..).map(number).zip(&self.units) {
            for (life, group) in machine.awaited_groups() {
                self.actions.push(Action::CheckGroup { unit, life, group });
            }
        }
    }
}
