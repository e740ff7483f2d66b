//! Settings that can't work together (spec/config.md): each an error, or a warning, that names both places.

use super::reading::{Reading, Seen};
use super::schema::Unit;
use crate::model::service::Restart;
use crate::text::diagnostic::Severity;

/// Looks at a service as a whole, and settles when it is restarted.
pub fn service(reading: &mut Reading<'_>, unit: &mut Unit, seen: &Seen) {
    restart(reading, unit, seen);
    daemon(reading, unit, seen);
    signs(reading, unit, seen);
    oneshot(reading, unit, seen);
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
    // One of its own beats both of `defaults`.
    match (seen.place("restart"), seen.place("autorestart")) {
        (Some(_), None) => unit.autorestart = None,
        (None, Some(_)) => unit.restart = None,
        (None, None) if unit.oneshot && seen.place("oneshot").is_some() => {
            (unit.restart, unit.autorestart) = (None, None);
        }
        _ => {}
    }
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
}

/// What shows that it is ready, or healthy: one thing.
pub fn signs(reading: &mut Reading<'_>, unit: &Unit, seen: &Seen) {
    for (key, sign) in [("ready", &unit.ready), ("health", &unit.health)] {
        let Some(span) = seen.place(key) else { continue };
        match sign.kinds.as_slice() {
            [(one, first, _), .., (other, last, _)] => {
                let place = reading.spoken(*first);
                reading
                    .error(*last, format!("'{key}' has '{one}' already ({place}), and now '{other}': one kind only"));
            }
            [_] => {}
            // How long the daemon may take.
            [] if key == "ready" && unit.pidfile.is_some() => {}
            // What there is may have been called wrong already.
            [] if reading.has_errors_at(span) => {}
            [] => reading.error(span, kinds_missing(key)),
        }
    }
}

fn kinds_missing(key: &str) -> String {
    match key {
        "ready" => {
            "'ready' says nothing of what shows it: one of tcp, unix, http, exec, file, log, notify, fd (with a \
                    'pidfile' timeout alone will do)"
                .to_owned()
        }
        _ => format!("'{key}' says nothing of what is tried: one of tcp, unix, http, exec"),
    }
}

/// What a oneshot can't have. Where `defaults` say it of all, it isn't said of this one.
fn oneshot(reading: &mut Reading<'_>, unit: &mut Unit, seen: &Seen) {
    if !unit.oneshot {
        return;
    }
    for key in ["watchdog", "health"] {
        let message = format!("'oneshot: true' can't go with '{key}': it is watched while a service is up");
        clash(reading, seen, ["oneshot", key], Severity::Error, &message);
    }
    if seen.place("oneshot").is_some() {
        if seen.place("watchdog").is_none() {
            unit.extras.watchdog = None;
        }
        if seen.place("health").is_none() {
            unit.health.kinds.clear();
        }
    }
}

/// Reports at the later of two keys, naming the place of the earlier.
fn clash(reading: &mut Reading<'_>, seen: &Seen, keys: [&str; 2], severity: Severity, message: &str) {
    let [Some(one), Some(other)] = keys.map(|key| seen.place(key)) else { return };
    let message = format!("{message} ({})", reading.spoken(one.min(other)));
    reading.problems.add(reading.source, severity, one.max(other), message);
}
