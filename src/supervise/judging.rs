//! What a service's machine (`service`) makes of the end of a life: what is left of it, `post_stop`, and the verdict.

use super::action::{Action, Part, Target};
use super::backoff::SPACING;
use super::ending::{Ending, Living};
use super::halt::{Halt, Remains, Why};
use super::service::Service;
use super::standing::End;
use super::state::{Death, State, Wanted};
use super::task::{Outcome, Task};
use crate::model::exit::Exit;
use crate::model::moment::{Mono, Spoken};
use crate::model::service::{Restart, StopGroup};
use crate::model::settings::Level;
use crate::model::unit::Pid;
use std::time::Duration;

/// How long leftovers of an unexpected death may delay the next start (spec/supervision.md).
pub(super) const LEFTOVERS: Duration = Duration::from_secs(1);

/// How a life came to its end.
#[derive(Clone, Debug)]
pub(super) enum Over {
    /// By itself, or because it was unfit. `ran`: how long it was up; `None`: it never was.
    ByItself { ran: Option<Duration>, success: bool, text: String },
    /// It was told to stop.
    Ordered { exit: Option<Exit>, killed: bool },
}

impl Service {
    /// The main process died by itself.
    pub(super) fn died(&mut self, death: Death, ran: Option<Duration>, now: Mono, actions: &mut Vec<Action>) {
        self.forget_probes(actions);
        let (end, text) = match (death.exit, ran) {
            (Some(exit), Some(ran)) => (End::Exited(exit), format!("{exit} after {}", Spoken(ran))),
            (Some(exit), None) => {
                let after = Spoken(self.launched.map_or(Duration::ZERO, |launched| now.since(launched)));
                (End::Exited(exit), format!("{exit} after {after}, before it was ready"))
            }
            // Somebody else has its status.
            (None, _) => {
                let text = "ended, nobody can tell how".to_owned();
                (End::Lost(text.clone()), text)
            }
        };
        self.last_end = Some(end);
        let success = death.exit.is_some_and(|exit| self.succeeded(exit));
        let group = self.group_of(death.pid).unwrap_or(death.pid);
        let left = death.group_lives && self.spec.stop.group != StopGroup::Main;
        if let (true, None, Some(signal)) = (left, death.exit, self.spec.stop.signal) {
            // It wasn't ours to reap: its group hasn't had the signal.
            actions.push(Action::Signal { unit: self.unit, target: Target::Group(group), signal });
        }
        match self.former {
            // In a group of its own. The dead one is perhaps for it to reap, and empties its group only then.
            Some(former) if !left || former != group => {
                self.say(actions, Level::Warn, format!("{text}; ending what is left of it"), "stopping", Some(former));
                let limit = self.spec.stop.timeout;
                self.halt_process(Why::Left { ran, success }, Remains::led_by(former), limit, now, actions);
            }
            _ if left => self.clear_up(group, death.exit, &text, ran, now, actions),
            _ => self.over(Over::ByItself { ran, success, text }, now, actions),
        }
    }

    /// Waits until nothing is left of a dead leader's group, which has had its stop signal.
    pub(super) fn clear_up(
        &mut self,
        leader: Pid,
        exit: Option<Exit>,
        text: &str,
        ran: Option<Duration>,
        now: Mono,
        actions: &mut Vec<Action>,
    ) {
        let living = Living { unit: self.unit, life: self.life, pid: leader, group: Some(leader) };
        let limit = self.spec.stop.timeout.min(LEFTOVERS);
        let ending = Ending::leftovers(living, exit, self.spec.stop, limit, now);
        self.state = State::Stopping(Box::new(Halt::after_death(ending, Why::Died { ran })));
        self.say(actions, Level::Warn, format!("{text}; ending what it left behind"), "stopping", Some(leader));
    }

    /// A command beside the program is over.
    pub(super) fn task_is_over(&mut self, outcome: Outcome, now: Mono, actions: &mut Vec<Action>) {
        match std::mem::replace(&mut self.state, State::Stopped) {
            State::Preparing(_) => match outcome {
                _ if self.wanted == Wanted::Down => {
                    self.say(actions, Level::Info, "stopped before it was started".into(), "stopped", None);
                }
                Ok(()) => self.launch(actions),
                Err(text) => {
                    self.last_end = Some(End::Lost(text.clone()));
                    self.ended(None, false, &text, now, actions);
                }
            },
            State::Clearing(clearing) => {
                self.grumble(outcome, actions);
                self.conclude(clearing.1, now, actions);
            }
            State::Stopping(mut halt) => {
                halt.command = None;
                halt.expire(now, actions);
                self.state = State::Stopping(halt);
                self.grumble(outcome, actions);
                self.when_gone(now, actions);
            }
            other @ (State::Stopped
            | State::Waiting { .. }
            | State::Starting
            | State::Adopting(_)
            | State::Running { .. }
            | State::Backoff { .. }
            | State::Done
            | State::Failed) => self.state = other,
        }
    }

    /// A command that changes nothing by failing has failed.
    fn grumble(&self, outcome: Outcome, actions: &mut Vec<Action>) {
        if let Err(text) = outcome {
            self.say(actions, Level::Warn, text, "stopping", None);
        }
    }

    /// Nothing is left of a life whose program ran: `post_stop`, then the verdict.
    pub(super) fn over(&mut self, over: Over, now: Mono, actions: &mut Vec<Action>) {
        let Some(hook) = &self.spec.extras().post_stop else { return self.conclude(over, now, actions) };
        let time = (hook.timeout, self.limit);
        let life = self.next_life();
        let task = Task::order((self.unit, life), Part::PostStop, self.spec.stop, time, now, actions);
        let text = match &over {
            Over::ByItself { text, .. } => format!("{text}; running post_stop"),
            Over::Ordered { .. } => "stopping (post_stop)".to_owned(),
        };
        self.state = State::Clearing(Box::new((task, over)));
        self.say(actions, Level::Info, text, "stopping", None);
    }

    fn conclude(&mut self, over: Over, now: Mono, actions: &mut Vec<Action>) {
        match over {
            Over::ByItself { ran, success, text } => self.ended(ran, success, &text, now, actions),
            Over::Ordered { exit, killed } => {
                self.state = State::Stopped;
                let exit = exit.map(|exit| format!(": {exit}")).unwrap_or_default();
                let over = if killed { " (its time was over)" } else { "" };
                let level = if killed { Level::Warn } else { Level::Info };
                self.say(actions, level, format!("stopped{exit}{over}"), "stopped", None);
                if self.wanted == Wanted::Up {
                    self.start(now, actions);
                }
            }
        }
    }

    /// The verdict on a run that ended by itself: restart now or later, or never again. `ran`: how long it was up;
    /// `None`: it never was.
    pub(super) fn ended(
        &mut self,
        ran: Option<Duration>,
        success: bool,
        text: &str,
        now: Mono,
        actions: &mut Vec<Action>,
    ) {
        self.record.ended(ran.is_some_and(|ran| ran >= self.spec.startsecs));
        if self.wanted == Wanted::Down {
            self.state = State::Stopped;
            return self.say(actions, Level::Info, format!("{text}; stopped"), "stopped", None);
        }
        let again = match self.spec.restart {
            Restart::Always => true,
            Restart::OnFailure => !success,
            Restart::Never => false,
        };
        if !again || self.is_final() {
            let (state, level, name) =
                if success { (State::Done, Level::Info, "done") } else { (State::Failed, Level::Error, "failed") };
            self.state = state;
            return self.say(actions, level, format!("{text}; {name}, not to be restarted"), name, None);
        }
        if self.record.exhausted(self.spec.max_restarts, now) {
            self.state = State::Failed;
            return self.say(actions, Level::Error, format!("{text}; failed: max_restarts reached"), "failed", None);
        }
        self.record.restarted(self.spec.max_restarts, now);
        let earliest = self.launched.map_or(now, |launched| launched + SPACING);
        let until = (now + self.record.delay(self.spec.backoff)).max(earliest);
        let level = if success { Level::Info } else { Level::Warn };
        match self.record.short_in_a_row {
            0 => self.say(actions, level, format!("{text}; restart at once"), "backoff", None),
            count => {
                let delay = Spoken(until.since(now));
                self.say(actions, level, format!("{text}; restart in {delay} ({count} in a row)"), "backoff", None);
            }
        }
        if until <= now {
            self.begin_life(now, actions);
        } else {
            self.state = State::Backoff { until };
        }
    }

    /// There was nothing to start it with, which is not its fault and may pass: it is tried again, whatever `restart`
    /// and `max_restarts` say.
    pub(super) fn starved(&mut self, text: &str, now: Mono, actions: &mut Vec<Action>) {
        if self.wanted == Wanted::Down {
            self.state = State::Stopped;
            return self.say(actions, Level::Info, format!("{text}; stopped"), "stopped", None);
        }
        self.record.starved();
        let earliest = self.launched.map_or(now, |launched| launched + SPACING);
        let until = (now + self.record.delay_of_starved(self.spec.backoff)).max(earliest);
        let (delay, count) = (Spoken(until.since(now)), self.record.starved_in_a_row);
        self.state = State::Backoff { until };
        self.say(actions, Level::Warn, format!("{text}; tried again in {delay} ({count} in a row)"), "backoff", None);
    }

    pub(super) fn succeeded(&self, exit: Exit) -> bool {
        matches!(exit, Exit::Code(code) if self.spec.success_codes().contains(&code))
    }

    /// Whether the last end is one after which it isn't restarted, whatever `restart` says.
    fn is_final(&self) -> bool {
        matches!(&self.last_end, Some(End::Exited(Exit::Code(code))) if self.spec.extras().no_restart_codes.contains(code))
    }
}
