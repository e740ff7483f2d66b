//! Settings that can't work together (spec/config.md): each an error, or a warning, that names both places.

use super::reading::{Reading, Seen};
use super::schema::Unit;
use crate::model::service::{PIDFILE_TIMEOUT, PidFile, Restart};
use crate::text::diagnostic::Severity;
use std::path::PathBuf;
use std::time::Duration;

/// Looks at a service as a whole, and settles when it is restarted.
pub fn service(reading: &mut Reading<'_>, unit: &mut Unit, seen: &Seen) {
    restart(reading, unit, seen);
    daemon(reading, unit, seen);
    if unit.critical && !unit.autostart {
        let message = "'critical: true' with 'autostart: false': it is critical only once it is started by hand";
        clash(reading, seen, ["critical", "autostart"], Severity::Warning, message);
    }
}

/// Settles the group: `user`'s own, or `group`.
pub fn identity(reading: &mut Reading<'_>, unit: &mut Unit, seen: &Seen) {
    if let Some(group) = unit.users_group.take() {
        clash(reading, seen, ["user", "group"], Severity::Error, "'user' names a group already, 'group' another");
        unit.process.identity.group.get_or_insert(group);
    }
}

fn restart(reading: &mut Reading<'_>, unit: &mut Unit, seen: &Seen) {
    let automatic = unit.autorestart.map(|again| if again { Restart::Always } else { Restart::Never });
    if let (Some(restart), Some(again)) = (unit.restart, unit.autorestart) {
        if Some(restart) != automatic {
            let message = format!("'autorestart: {again}' contradicts 'restart: {}'", restart.name());
            clash(reading, seen, ["restart", "autorestart"], Severity::Error, &message);
        }
    }
    let wanted = unit.restart.or(automatic);
    if unit.oneshot && wanted == Some(Restart::Always) {
        let (key, message) = match unit.restart {
            Some(_) => ("restart", "'oneshot: true' can't go with 'restart: always'"),
            None => ("autorestart", "'oneshot: true' can't go with 'autorestart: true'"),
        };
        clash(reading, seen, ["oneshot", key], Severity::Error, message);
    }
    unit.restart = wanted.or(unit.oneshot.then_some(Restart::Never));
}

fn daemon(reading: &mut Reading<'_>, unit: &Unit, seen: &Seen) {
    let pidfile = seen.place("pidfile").is_some();
    if unit.oneshot && pidfile {
        let message = "'oneshot: true' can't go with 'pidfile': a daemon doesn't run to completion";
        clash(reading, seen, ["oneshot", "pidfile"], Severity::Error, message);
    }
    match (unit.background, seen.place("background")) {
        (Some(true), Some(span)) if !pidfile => {
            let message = "'background: true' needs a 'pidfile', the file that the daemon writes its process id to";
            reading.error(span, message);
        }
        (Some(false), _) if pidfile => {
            let message =
                "'background: false' contradicts 'pidfile', which is for a command that forks into the background";
            clash(reading, seen, ["background", "pidfile"], Severity::Error, message);
        }
        _ => {}
    }
    if let (Some(span), false) = (seen.place("ready"), pidfile) {
        reading.error(span, "'ready' needs a 'pidfile': its timeout is how long the daemon may take to write it");
    }
}

/// Reports at the later of two keys, naming the place of the earlier.
fn clash(reading: &mut Reading<'_>, seen: &Seen, keys: [&str; 2], severity: Severity, message: &str) {
    let [Some(one), Some(other)] = keys.map(|key| seen.place(key)) else { return };
    let message = format!("{message} ({})", reading.spoken(one.min(other)));
    reading.problems.add(reading.source, severity, one.max(other), message);
}

/// The pidfile with the time that the daemon has for it.
pub fn pidfile(path: Option<PathBuf>, timeout: Option<Duration>) -> Option<Box<PidFile>> {
    path.map(|path| Box::new(PidFile { path, timeout: timeout.unwrap_or(PIDFILE_TIMEOUT) }))
}
