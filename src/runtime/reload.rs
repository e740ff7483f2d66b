//! A reload: the configuration is read and checked again as a whole, and accepted or refused as a whole. What differs
//! is the supervisor's to find out and to change.

use super::boot::{self, lay_over, note_of};
use super::configuration;
use super::last_due::LastDue;
use super::supervisor::Loop;
use super::zones::Zones;
use crate::model::moment::Now;
use crate::model::note::Note;
use crate::model::settings::Level;
use crate::model::unit::UnitId;
use crate::sys::fault::reason;
use crate::sys::init;
use crate::text::diagnostic::Severity;

impl Loop {
    /// Reads the configuration again; with any error nothing changes.
    pub(super) fn reload(&mut self, now: Now) {
        let Some(path) = &self.options.config else {
            return self.complain("not reloaded: no configuration is read");
        };
        // Files of zones may have changed too.
        let mut zones = Zones::from_environment();
        let mut loaded = configuration::load(path, &mut zones);
        lay_over(&mut loaded.config.settings, &self.options);
        if self.supervisor.has_main() {
            loaded.keep_stdin_for_main();
        }
        configuration::warn_of_shutdown(&mut loaded);
        for problem in &loaded.problems {
            self.say(&note_of(problem));
        }
        let errors = loaded.problems.iter().filter(|problem| problem.severity == Severity::Error).count();
        if errors > 0 {
            let plural = if errors == 1 { "" } else { "s" };
            return self.complain(&format!("not reloaded, nothing is changed: {errors} error{plural}"));
        }
        if loaded.is_empty() && !self.supervisor.has_main() {
            let nothing = loaded.nothing_to_run();
            return self.complain(&format!("not reloaded, nothing is changed: {nothing}"));
        }
        let config = loaded.config;
        let (log, timezone) = (config.settings.log, config.settings.timezone.clone());
        let state = config.settings.state.clone();
        let planned = boot::check_files(&config, init::open_files()).and_then(|()| {
            Ok((boot::plan(config, loaded.schedules, None, &mut zones)?, zones.of_job(None, timezone.as_deref())?))
        });
        match planned {
            Ok((plan, local)) => {
                let elsewhere = !self.last_due.is_in(state.as_deref());
                self.last_due = LastDue::new(state);
                self.supervisor.reload(plan, now);
                if elsewhere {
                    self.supervisor.remember_all(now);
                }
                self.outputs.set_settings(log);
                self.outputs.set_zone(boot::offset(local));
                self.name_units(now);
            }
            Err(error) => self.complain(&format!("not reloaded, nothing is changed: {error}")),
        }
    }

    /// Every service has its pipes, and the column of names the right width.
    pub(super) fn name_units(&mut self, now: Now) {
        self.outputs.set_names(self.supervisor.names().map(|(_, name)| name));
        for (unit, name) in self.supervisor.names() {
            if self.supervisor.spec(unit).is_none() {
                continue;
            }
            if let Err(errno) = self.outputs.open(unit, name, &self.poller) {
                let text = format!("cannot make the output pipes of '{name}': {}", reason(errno));
                self.outputs.say(&Note::new(Level::Error, text), &self.poller, now);
            }
        }
    }

    /// The unit is no more: what it wrote is still printed.
    pub(super) fn forget(&mut self, unit: UnitId, now: Now) {
        self.adoptions.remove(&unit);
        self.notices.forget(unit);
        self.forget_main(unit);
        self.outputs.remove(unit, &self.poller, now);
        self.names_changed = true;
    }

    /// The unit has another name.
    pub(super) fn rename(&mut self, unit: UnitId) {
        self.outputs.rename(unit, self.supervisor.name(unit));
        self.names_changed = true;
    }
}
