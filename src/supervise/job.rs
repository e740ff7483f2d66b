//! One cron job's machine: it decides on its runs under way (`run`), and on those that are to come sooner than its
//! schedule says. What it knows of them: `activity`.
//!
//! ```text
//!        ┌─▶ Put off (jitter) ──┐   ┌──────── retry's delay ◀───────┐
//! due ───┤                      ▼   ▼                               │ failed
//!        └──────────────────▶ To look at ──dependencies up──▶ run ──┴─▶ idle
//!                               │      ▲ └─ overlap: replace ─▶ Behind the one before ─▶ run
//!                               ▼      └─ at start: waits for them
//!                            skipped
//! ```
//!
//! - A run that is due while one is under way, or is to be tried again: `skip`, said and counted; `allow`, beside it;
//!   `replace`, after it has been stopped, its retries included.
//! - While a dependency isn't up, a run by the schedule is skipped; one at start, a made-up one or a retry waits.
//! - A run fails by its exit, its timeout or its launch. A launch for which there was nothing to start it with (processes,
//!   descriptors, memory) is no failure: it is tried again, and the next runs are skipped until it has come through. The
//!   shutdown, or the next run, fails nobody: what they stop is not tried again and decides nothing.
//! - It has failed for good when no retry is left.

use super::action::{Action, Due, Part};
use super::activity::{Activity, Coming, When};
use super::backoff;
use super::event::{Fault, FaultKind};
use super::run::{Errand, Origin, Outcome, Run, Why};
use super::standing::End;
use super::waiting::Unmet;
use crate::model::exit::Exit;
use crate::model::job::{JobSpec, Manner, Missed, Overlap};
use crate::model::moment::{Mono, Now, Spoken, Wall};
use crate::model::note::Note;
use crate::model::service::Backoff;
use crate::model::settings::Level;
use crate::model::unit::{Life, Pid, UnitId};
use crate::schedule::stamp::Stamp;
use crate::schedule::zone::Zone;
use crate::schedule::{Schedule, Timing};
use std::rc::Rc;
use std::time::Duration;

/// A job and where it stands. Small while it has never run: there may be ten thousand.
#[derive(Debug)]
pub struct Job {
    pub spec: JobSpec,
    /// In which its times are told.
    zone: Rc<Zone>,
    activity: Option<Box<Activity>>,
}

impl Job {
    /// A job that has never run.
    pub fn new(spec: JobSpec, zone: Rc<Zone>) -> Job {
        Job { spec, zone, activity: None }
    }

    /// It is asked to be this from its next run on.
    pub fn become_another(&mut self, spec: JobSpec, zone: Rc<Zone>) {
        (self.spec, self.zone) = (spec, zone);
    }

    /// When it runs. Its schedule is read anew each time: what it means takes four times the room of its text.
    pub fn timing(&self) -> Option<Timing> {
        let parsed = Schedule::parse(self.spec.schedule()).ok();
        debug_assert!(parsed.is_some(), "{:?} was read before", self.spec);
        Some(Timing { schedule: parsed?.schedule, zone: Rc::clone(&self.zone) })
    }

    /// Whether it is the same as one that is planned, but for the name.
    pub fn does_the_same(&self, spec: &JobSpec, zone: &Rc<Zone>) -> bool {
        self.spec.does_the_same(spec) && self.zone == *zone
    }

    /// It is asked to be no more: what runs ends by itself.
    pub fn retire(&mut self) {
        if let Some(activity) = &mut self.activity {
            activity.coming.clear();
            activity.held = true;
        }
    }

    /// A run is due for the moment `scheduled` that its schedule named (`None`: it is too late for one); `missed`
    /// more were lost because the clock was set, the machine slept or wingmate was late.
    pub fn fire(&mut self, unit: UnitId, scheduled: Option<Wall>, missed: u32, now: Now, actions: &mut Vec<Action>) {
        let activity = self.activity(unit);
        if missed > 0 {
            activity.counts.missed = activity.counts.missed.saturating_add(missed);
            let plural = if missed == 1 { "" } else { "s" };
            self.say(actions, Level::Warn, format!("missed {missed} run{plural}"), None, None);
        }
        self.remember(unit, scheduled.unwrap_or(now.wall), actions);
        if let Some(moment) = scheduled {
            self.activity(unit).last_moment = scheduled;
            self.due(unit, Errand { moment, origin: Origin::Clock, tries: 0 }, now.mono);
        }
    }

    /// A run is due.
    pub fn due(&mut self, unit: UnitId, errand: Errand, now: Mono) {
        let delay = self.spec.manner.delay(self.spec.name(), errand.moment.seconds());
        let when = if delay.is_zero() { When::ToLookAt } else { When::At(now + delay) };
        self.activity(unit).expect(errand, when);
    }

    /// When it was last due is kept, where that was asked for. Not while a made-up run is still to come: should that
    /// not come any more, it is made up for at the next start.
    pub fn remember(&self, unit: UnitId, at: Wall, actions: &mut Vec<Action>) {
        let is_made_up = |coming: &Coming| coming.errand.is_first_of(Origin::MadeUp);
        let owes = || self.shown().is_some_and(|activity| activity.coming.iter().any(is_made_up));
        if self.spec.manner.missed == Missed::Once && !owes() {
            actions.push(Action::Remember { unit, at });
        }
    }

    /// Whether a run waits for nothing but a look at its dependencies.
    pub fn is_due(&self) -> bool {
        self.shown().is_some_and(Activity::is_due)
    }

    /// Starts what is due, unless something is missing to it.
    pub fn look(&mut self, unmet: Option<&Unmet>, now: Mono, actions: &mut Vec<Action>) {
        let goes = |coming: &Coming| {
            coming.when == When::ToLookAt && (unmet.is_none() || coming.errand.is_first_of(Origin::Clock))
        };
        loop {
            let Some(activity) = &mut self.activity else { return };
            let Some(errand) = activity.take(goes) else { break };
            let (unit, last) = (activity.unit, activity.last_moment);
            if errand.is_first_of(Origin::MadeUp) {
                // Its schedule may have come meanwhile.
                self.remember(unit, last.map_or(errand.moment, |last| last.max(errand.moment)), actions);
            }
            match unmet {
                None => self.go(errand, now, actions),
                Some(unmet) => self.skip(format!("skipped: {}", unmet.reason()), actions),
            }
        }
        let waits = self.is_due();
        let Some(activity) = &mut self.activity else { return };
        let told = unmet.filter(|_| waits).map(Unmet::to_string);
        if activity.told != told {
            activity.told.clone_from(&told);
            if let Some(text) = told {
                self.say(actions, Level::Info, format!("waiting ({text})"), None, None);
            }
        }
    }

    /// A run is due and lacks nothing: does it start, and when?
    fn go(&mut self, errand: Errand, now: Mono, actions: &mut Vec<Action>) {
        let (overlap, is_retry) = (self.spec.manner.overlap, errand.tries > 0);
        let Some(activity) = &mut self.activity else { return };
        let is_late = |coming: &Coming| matches!(coming.when, When::At(_));
        if activity.starved_in_a_row > 0 && errand.origin == Origin::Clock && activity.coming.iter().any(is_late) {
            return self.skip("skipped: the run before could not be started yet".to_owned(), actions);
        }
        let retry_waits = activity.coming.iter().any(|coming| coming.errand.tries > 0);
        let busy = !activity.runs.is_empty() || retry_waits && !is_retry;
        match overlap {
            _ if !busy => self.launch(errand, actions),
            Overlap::Allow => self.launch(errand, actions),
            // What it tries again has left something that is still to go.
            Overlap::Skip | Overlap::Replace if is_retry => {
                activity.expect(errand, When::Behind);
            }
            Overlap::Skip => {
                let still = if activity.runs.is_empty() { "to be tried again" } else { "under way" };
                self.skip(format!("skipped: the run before is still {still}"), actions);
            }
            Overlap::Replace => self.replace(errand, now, actions),
        }
    }

    fn replace(&mut self, errand: Errand, now: Mono, actions: &mut Vec<Action>) {
        let Some(activity) = &mut self.activity else { return };
        let superseded = |coming: &Coming| coming.when == When::Behind || coming.errand.tries > 0;
        let later = activity.coming.iter().filter(|coming| superseded(coming) && coming.errand.tries == 0).count();
        activity.coming.retain(|coming| !superseded(coming));
        for _ in 0..later {
            self.skip("skipped: the next run is due already".to_owned(), actions);
        }
        let Some(activity) = &mut self.activity else { return };
        if activity.runs.is_empty() {
            return self.launch(errand, actions);
        }
        activity.expect(errand, When::Behind);
        let mut stopped = Vec::new();
        for run in activity.runs.iter_mut().filter(|run| run.is_running()) {
            stopped.extend(run.process().map(|(pid, _)| pid));
            run.stop(activity.unit, Why::Replaced, Duration::MAX, now, actions);
        }
        for pid in stopped {
            let text = format!("stopping the run before (pid {pid}): the next is due");
            self.say(actions, Level::Info, text, Some(pid), None);
        }
    }

    fn skip(&mut self, text: String, actions: &mut Vec<Action>) {
        let Some(activity) = &mut self.activity else { return };
        activity.counts.skipped = activity.counts.skipped.saturating_add(1);
        let pid = self.pid();
        self.say(actions, Level::Warn, text, pid, None);
    }

    fn launch(&mut self, errand: Errand, actions: &mut Vec<Action>) {
        let manner = Rc::clone(&self.spec.manner);
        let due = Due { job: self.spec.name().to_owned(), time: self.stamp(errand.moment) };
        let Some(activity) = &mut self.activity else { return };
        activity.life = activity.life.next();
        let (unit, life) = (activity.unit, activity.life);
        activity.runs.reserve_exact(1);
        activity.runs.push(Run::new(life, errand, manner));
        actions.push(Action::Launch { unit, life, part: Part::Program, due: Some(due) });
    }

    /// The program runs.
    pub fn launched(&mut self, life: Life, pid: Pid, now: Now, actions: &mut Vec<Action>) {
        let Some(activity) = &mut self.activity else { return };
        let Some(run) = activity.runs.iter_mut().find(|run| run.life == life) else { return };
        if !run.launched(pid, now.mono) {
            return;
        }
        let (errand, retries) = (run.errand, run.manner.retries.count);
        activity.starved_in_a_row = 0;
        activity.counts.runs = activity.counts.runs.saturating_add(1);
        activity.last.start = Some(now.wall);
        let what = match errand {
            Errand { tries: 1.., .. } => format!(", retry {} of {retries}", errand.tries),
            Errand { origin: Origin::MadeUp, .. } => format!(", made up for {}", self.stamp(errand.moment)),
            Errand { origin: Origin::Clock | Origin::Start, .. } => String::new(),
        };
        self.say(actions, Level::Info, format!("started (pid {pid}){what}"), Some(pid), None);
    }

    /// The program could not be started.
    pub fn launch_failed(&mut self, life: Life, fault: &Fault, now: Mono, actions: &mut Vec<Action>) {
        let Some(activity) = &mut self.activity else { return };
        let Some(place) = activity.runs.iter().position(|run| run.life == life && run.is_starting()) else { return };
        let run = activity.runs.remove(place);
        if fault.kind == FaultKind::Exhausted && !activity.held {
            activity.starved_in_a_row = activity.starved_in_a_row.saturating_add(1);
            let delay = backoff::after(activity.starved_in_a_row, Backoff::default());
            activity.expect(run.errand, When::At(now + delay));
            let text = format!("{}; tried again in {}", fault.text, Spoken(delay));
            self.say(actions, Level::Warn, text, None, None);
            return self.go_on(actions);
        }
        activity.counts.runs = activity.counts.runs.saturating_add(1);
        (activity.last.exit, activity.last.took) = (Some(Exit::Code(fault.kind.status())), None);
        let retry = self.failed(run.errand, &run.manner, End::NeverStarted(fault.clone()), now);
        let text = format!("{}{retry}", fault.text);
        self.say(actions, Level::Error, text, None, Some(fault.kind.status()));
        self.go_on(actions);
    }

    /// A run's process was reaped.
    pub fn exited(
        &mut self,
        life: Life,
        dead: Pid,
        exit: Option<Exit>,
        group_lives: bool,
        now: Mono,
        actions: &mut Vec<Action>,
    ) {
        let Some(activity) = &mut self.activity else { return };
        let Some(run) = activity.runs.iter_mut().find(|run| run.life == life) else { return };
        let outcome = run.exited(dead, exit, group_lives, now, actions);
        let (errand, manner) = (run.errand, Rc::clone(&run.manner));
        activity.runs.retain(|run| !run.is_gone());
        if let Some(outcome) = outcome {
            self.ended(outcome, errand, &manner, now, actions);
        }
        self.go_on(actions);
    }

    fn ended(&mut self, outcome: Outcome, errand: Errand, manner: &Manner, now: Mono, actions: &mut Vec<Action>) {
        let Some(activity) = &mut self.activity else { return };
        (activity.last.exit, activity.last.took) = (outcome.exit, Some(outcome.ran));
        let how = outcome.exit.map_or_else(|| "ended".to_owned(), |exit| exit.to_string());
        let after = Spoken(outcome.ran);
        let succeeded = matches!(outcome.exit, Some(Exit::Code(code)) if manner.is_success(code));
        let (text, failed) = match outcome.why {
            // Somebody else reaped it: nobody knows.
            None if succeeded || outcome.exit.is_none() => (format!("{how} after {after}"), None),
            None => (format!("{how} after {after}"), outcome.exit.map(End::Exited)),
            Some(Why::TimedOut(time)) => {
                let end = End::Lost(format!("timed out after {}", Spoken(time)));
                (format!("{how} after {after}, timed out"), Some(end))
            }
            Some(Why::Replaced) => (format!("{how} after {after}, replaced"), None),
            Some(Why::Shutdown) => (format!("{how} after {after}"), None),
        };
        let expected = succeeded || outcome.why == Some(Why::Replaced);
        let level = if failed.is_none() && expected { Level::Info } else { Level::Warn };
        let retry = failed.map_or_else(String::new, |end| self.failed(errand, manner, end, now));
        self.say(actions, level, format!("{text}{retry}"), None, outcome.exit.map(Exit::status));
    }

    /// A run has failed: is it tried again? What is said of that.
    fn failed(&mut self, errand: Errand, manner: &Manner, end: End, now: Mono) -> String {
        let Some(activity) = &mut self.activity else { return String::new() };
        activity.counts.failures = activity.counts.failures.saturating_add(1);
        if activity.held {
            return String::new();
        }
        let retries = manner.retries;
        if errand.tries < retries.count {
            // It was over its time when the next was due, which takes the place of its retries too.
            if activity.coming.iter().any(|coming| coming.when == When::Behind && coming.errand.tries == 0) {
                return "; not tried again, the next is due".to_owned();
            }
            let errand = Errand { tries: errand.tries + 1, ..errand };
            let delay = retries.delay.max(backoff::SPACING);
            activity.expect(errand, When::At(now + delay));
            return format!("; retry {} of {} in {}", errand.tries, retries.count, Spoken(delay));
        }
        if manner.critical {
            activity.end.get_or_insert(end);
        }
        String::new()
    }

    /// A run is gone: the one behind it starts.
    fn go_on(&mut self, actions: &mut Vec<Action>) {
        let Some(activity) = &mut self.activity else { return };
        if !activity.runs.is_empty() {
            return;
        }
        match activity.take(|coming| coming.when == When::Behind) {
            Some(errand) => self.launch(errand, actions),
            None => activity.rest(),
        }
    }

    /// The group of a run was seen empty.
    pub fn group_gone(&mut self, life: Life, actions: &mut Vec<Action>) {
        let Some(activity) = &mut self.activity else { return };
        activity.runs.iter_mut().filter(|run| run.life == life).for_each(Run::group_gone);
        activity.runs.retain(|run| !run.is_gone());
        self.go_on(actions);
    }

    /// The groups that are awaited, when they may have been emptied by an orphan's end.
    pub fn awaited_groups(&self) -> impl Iterator<Item = (Life, Pid)> {
        self.shown().into_iter().flat_map(Activity::awaited_groups)
    }

    /// Its runs are to stop within `limit`.
    pub fn stop(&mut self, limit: Duration, now: Mono, actions: &mut Vec<Action>) {
        let Some(activity) = &mut self.activity else { return };
        for run in &mut activity.runs {
            run.stop(activity.unit, Why::Shutdown, limit, now, actions);
        }
    }

    /// Everything is about to be stopped: nothing is started any more, and an order to launch that wasn't carried out
    /// yet is taken back.
    pub fn hold(&mut self) {
        let Some(activity) = &mut self.activity else { return };
        activity.held = true;
        activity.coming.clear();
        activity.runs.retain(|run| !run.is_starting());
    }

    /// SIGKILL to whatever is left of it, now.
    pub fn kill(&mut self, now: Mono, actions: &mut Vec<Action>) {
        let Some(activity) = &mut self.activity else { return };
        for run in &mut activity.runs {
            run.kill(now, actions);
            activity.overran |= run.overran();
        }
    }

    /// Whether wingmate itself sent SIGKILL to what runs of it.
    pub fn sent_kill(&self) -> bool {
        self.shown().is_some_and(|activity| activity.runs.iter().any(Run::was_killed))
    }

    /// Whether the shutdown had to kill a run because its time was over.
    pub fn overran(&self) -> bool {
        self.shown().is_some_and(|activity| activity.overran)
    }

    /// How it failed for good, where everything stops for that.
    pub fn end(&self) -> Option<&End> {
        self.shown()?.end.as_ref()
    }

    /// The last time of its schedule that it was due for.
    pub fn last_moment(&self) -> Option<Wall> {
        self.shown()?.last_moment
    }

    /// When it has something to do (its schedule aside).
    pub fn deadline(&self) -> Option<Mono> {
        self.shown()?.deadline()
    }

    /// Does what is due.
    pub fn expire(&mut self, now: Mono, actions: &mut Vec<Action>) {
        let Some(activity) = &mut self.activity else { return };
        for coming in &mut activity.coming {
            if matches!(coming.when, When::At(at) if at <= now) {
                coming.when = When::ToLookAt;
            }
        }
        let mut overdue = Vec::new();
        for run in &mut activity.runs {
            run.expire(now, actions);
            activity.overran |= run.overran();
            if let Some((pid, time)) = run.timed_out(now) {
                run.stop(activity.unit, Why::TimedOut(time), Duration::MAX, now, actions);
                overdue.push((pid, time));
            }
        }
        for (pid, time) in overdue {
            let text = format!("stopping (pid {pid}): its timeout, {}, is over", Spoken(time));
            self.say(actions, Level::Warn, text, Some(pid), None);
        }
    }

    /// Whether no run is under way and none is to come sooner than the schedule says.
    pub fn is_down(&self) -> bool {
        self.shown().is_none_or(Activity::is_down)
    }

    /// The state's name, as the log and the status table have it.
    pub fn state_name(&self) -> &'static str {
        self.shown().map_or("idle", Activity::state_name)
    }

    /// What it does and has done, if it was ever due.
    pub fn shown(&self) -> Option<&Activity> {
        self.activity.as_deref()
    }

    /// The process of the latest run, if one is under way.
    pub fn pid(&self) -> Option<Pid> {
        self.shown()?.latest().map(|(pid, _)| pid)
    }

    fn activity(&mut self, unit: UnitId) -> &mut Activity {
        self.activity.get_or_insert_with(|| Box::new(Activity::new(unit)))
    }

    /// A moment in its zone.
    pub fn stamp(&self, at: Wall) -> String {
        Stamp { at, zone: &self.zone }.to_string()
    }

    fn say(&self, actions: &mut Vec<Action>, level: Level, text: String, pid: Option<Pid>, status: Option<u8>) {
        let (unit, state) = (Some(self.spec.name().to_owned()), Some(self.state_name()));
        actions.push(Action::Say(Note { level, unit, text, pid, status, state }));
    }
}
