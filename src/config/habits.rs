//! What people bring along from other crons: lines that a crontab of ours doesn't know, words and values that mean
//! something else here. Each is told with what to write instead; nothing is refused that would hold.

use super::assignment::BLANKS;
use crate::schedule::slips::{duration, further_fields};
use crate::text::diagnostic::Severity;

/// Users that are hardly ever programs.
const USERS: [&str; 8] = ["root", "www-data", "nobody", "apache", "ubuntu", "ec2-user", "user", "username"];

/// What a line is that has no schedule, by its first word.
pub fn no_entry(line: &str) -> Option<String> {
    let (first, rest) = line.split_once(BLANKS).unwrap_or((line, ""));
    let key = first.strip_suffix(':').is_some_and(|key| key.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_'));
    Some(match first {
        "export" | "set" | "setenv" | "declare" if !rest.trim_start().is_empty() => {
            format!("'{first}' is a shell's: a variable is set by NAME=value alone")
        }
        "include" | ".include" | "source" | "." => "a crontab reads no other file".into(),
        "-" | "---" => yaml(),
        _ if key => yaml(),
        _ if first.starts_with(';') || first.starts_with("//") => "a comment begins with #".into(),
        _ => return None,
    })
}

fn yaml() -> String {
    "this is YAML, and goes into wingmate.yaml: here an entry is five fields or a macro, and the command".into()
}

/// What the beginning of a command was meant as: its first word, and why that is hardly a program.
pub fn no_program<'a>(schedule: &str, command: &'a str) -> Option<(&'a str, String)> {
    // By bytes: ten thousand entries are read at each start.
    let end = command.bytes().position(|b| matches!(b, b' ' | b'\t'))?;
    let (first, rest) = (command.get(..end)?, command.get(end..)?);
    let plain = matches!(first.as_bytes().first(), None | Some(b'/' | b'.'));
    if plain || rest.bytes().all(|b| matches!(b, b' ' | b'\t')) {
        return None;
    }
    let advice = if USERS.contains(&first) {
        format!("there is no field for a user here: leave it out, or write wmexec --user {first} …")
    } else if let Some((_, number)) = schedule.split_once(BLANKS).filter(|_| schedule.starts_with('@')) {
        format!("an interval is written @every {}", duration(number.trim(), first)?)
    } else if !schedule.starts_with('@') && further_fields(first) > 0 {
        "a schedule has five fields, no seconds in front and no year behind".into()
    } else {
        return None;
    };
    Some((first, format!("'{first}' is taken as the program: {advice}")))
}

/// What is worth knowing of a variable.
pub struct Habit {
    pub severity: Severity,
    pub about: About,
    pub text: String,
}

/// Which part of `NAME=value`.
pub enum About {
    Name,
    Value,
}

/// What is worth knowing of this one. `zone`: CRON_TZ is set above it.
pub fn variable(name: &str, written: &str, value: &str, zone: bool) -> Option<Habit> {
    const CAPITALS: [&str; 4] = ["SHELL", "CRON_TZ", "PATH", "TZ"];
    if let Some(meant) = CAPITALS.iter().find(|meant| name.eq_ignore_ascii_case(meant) && name != **meant) {
        let text = format!("this is only a variable for the jobs (did you mean '{meant}'?)");
        return Some(Habit { severity: Severity::Warning, about: About::Name, text });
    }
    let notice = match name {
        _ if value.is_empty() => return None,
        "MAILTO" | "MAILFROM" => "nothing is mailed, what a job says goes to the log",
        "RANDOM_DELAY" | "START_HOURS_RANGE" => "it changes no times",
        "TZ" if !zone => "the zone of the schedules is CRON_TZ",
        "SHELL" if value.contains(BLANKS) => {
            let text = "this is taken as one program's path: it can have no options".into();
            return Some(Habit { severity: Severity::Warning, about: About::Value, text });
        }
        _ => {
            let text = expanded(written)?;
            return Some(Habit { severity: Severity::Warning, about: About::Value, text });
        }
    };
    let text = format!("this is only a variable for the jobs: {notice}");
    Some(Habit { severity: Severity::Notice, about: About::Name, text })
}

/// What a shell would expand in a value.
fn expanded(written: &str) -> Option<String> {
    if written.starts_with('\'') {
        return None;
    }
    let name = |c: char| c.is_ascii_alphanumeric() || "_{(".contains(c);
    let at = written.match_indices('$').map(|(at, _)| at).find(|at| {
        written.get(at + 1..).is_some_and(|rest| rest.starts_with(|c: char| name(c) && !c.is_ascii_digit()))
    });
    let what = match at {
        Some(at) => {
            let rest = written.get(at + 1..).unwrap_or_default();
            let end = rest.find(|c: char| !name(c)).unwrap_or(rest.len());
            let end = end + usize::from(rest.get(end..).is_some_and(|rest| rest.starts_with(['}', ')'])));
            format!("${}", rest.get(..end).unwrap_or_default())
        }
        None if written.starts_with("~/") || written.contains(":~/") => "~".to_owned(),
        None => return None,
    };
    Some(format!("'{what}' stays as it is, nothing is expanded in a value: write it out (or '…' if it is meant so)"))
}
