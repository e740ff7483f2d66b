//! Settings that can't work together (spec/config.md): each an error, or a warning, that names both places.

use super::draft::Unit;
use super::problems::Problems;
use super::reading::{Reading, Seen};
use super::schema::Top;
use crate::model::job::Missed;
use crate::model::service::Restart;
use crate::schedule::Schedule;
use crate::text::diagnostic::Severity;
use crate::text::index::Index;
use crate::text::source::Source;
use std::path::{Component, Path, PathBuf};

/// Looks at a service as a whole, and settles when it is restarted.
pub fn service(reading: &mut Reading<'_>, unit: &mut Unit, seen: &Seen) {
    restart(reading, unit, seen);
    oneshot(reading, unit, seen);
    daemon(reading, unit, seen);
    if unit.critical && !unit.autostart {
        let message = "'critical: true' with 'autostart: false': it is critical only once it is started by hand";
        clash(reading, seen, ["critical", "autostart"], Severity::Warning, message);
    }
}

/// Looks at a job as a whole.
pub fn job(reading: &mut Reading<'_>, unit: &Unit, seen: &Seen) {
    let by_the_clock = matches!(unit.schedule, Some((_, Schedule::Cron(_))) | None);
    if unit.manner.missed == Missed::Once && !by_the_clock {
        let message =
            "'missed: once' is for schedules by the clock; '@every' and '@reboot' count from wingmate's start";
        clash(reading, seen, ["schedule", "missed"], Severity::Error, message);
    }
    if unit.manner.on_boot && matches!(unit.schedule, Some((_, Schedule::Reboot))) {
        let message = "'on_boot: true' says nothing new: '@reboot' is the run at start already";
        clash(reading, seen, ["schedule", "on_boot"], Severity::Warning, message);
    }
}

/// Settles the group: `user`'s own, or `group`.
pub fn identity(reading: &mut Reading<'_>, unit: &mut Unit, seen: &Seen) {
    let Some(group) = unit.users_group.take() else { return };
    match seen.place("group") {
        None => unit.process.identity.group = Some(group),
        Some(_) => {
            clash(reading, seen, ["user", "group"], Severity::Error, "'user' names a group already, 'group' another");
        }
    }
}

/// Settles when it is restarted.
pub fn restart(reading: &mut Reading<'_>, unit: &mut Unit, seen: &Seen) {
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
    unit.autorestart = None;
}

fn oneshot(reading: &mut Reading<'_>, unit: &Unit, seen: &Seen) {
    if !unit.oneshot {
        return;
    }
    for (key, why) in [
        ("pidfile", "a daemon doesn't run to completion"),
        ("watchdog", "it is for what runs on"),
        ("health", "it is for what runs on"),
    ] {
        if seen.place(key).is_some() {
            let message = format!("'oneshot: true' can't go with '{key}': {why}");
            clash(reading, seen, ["oneshot", key], Severity::Error, &message);
        }
    }
}

fn daemon(reading: &mut Reading<'_>, unit: &Unit, seen: &Seen) {
    let pidfile = seen.place("pidfile").is_some();
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
    let Some(span) = seen.place("ready").filter(|_| unit.ready.bare) else { return };
    if !pidfile {
        let message = "'ready' names no sign (tcp, unix, http, exec, file, log, notify or fd); 'timeout' alone goes with a \
                       'pidfile': how long the daemon may take to write it";
        reading.error(span, message);
    } else if let Some(span) = unit.ready.interval_place {
        reading.error(span, "'interval' is the time between two probes, and there is none");
    }
}

/// Two daemons can't write one pid file: each would be taken for the other.
pub fn pidfiles(top: &Top, sources: &[Source], problems: &mut Problems) {
    // Where each was first named: its number in `places`.
    let (mut taken, mut places) = (Index::new(), Vec::new());
    let mut told = None;
    for found in &top.services {
        let (Some(pidfile), Some(place)) = (&found.spec.pidfile, found.marks().pidfile) else { continue };
        let name = plain(&pidfile.path);
        match taken.get(&*name).and_then(|first| places.get(*first)) {
            None => {
                taken.insert(name.into(), places.len());
                places.push(place);
            }
            // Once for all copies.
            Some(_) if told == Some(place) => {}
            Some(first) => {
                let instances = found.marks().instances.filter(|_| *first == place);
                let there = instances.unwrap_or(*first).spoken(sources);
                let message = match instances {
                    Some(_) => {
                        format!("all instances would write this 'pidfile': it needs an '{{instance}}' ({there})")
                    }
                    None => format!("this 'pidfile' is another service's already ({there})"),
                };
                problems.at(sources, place, Severity::Error, message);
                told = Some(place);
            }
        }
    }
}

/// Without what says nothing: `./`, `//`.
fn plain(path: &Path) -> String {
    let parts: PathBuf = path.components().filter(|part| *part != Component::CurDir).collect();
    parts.to_string_lossy().into_owned()
}

/// Reports at the later of two keys, naming the place of the earlier; one that isn't there is the defaults'.
fn clash(reading: &mut Reading<'_>, seen: &Seen, keys: [&str; 2], severity: Severity, message: &str) {
    let (span, there) = match keys.map(|key| seen.place(key)) {
        [Some(one), Some(other)] => (one.max(other), reading.spoken(one.min(other))),
        [Some(span), None] | [None, Some(span)] => (span, "by the defaults".to_owned()),
        [None, None] => return,
    };
    reading.problems.add(reading.source, severity, span, format!("{message} ({there})"));
}
