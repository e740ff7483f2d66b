//! What a process may have and do: limits, priorities, the umask, capabilities.

use super::super::draft::Unit;
use super::super::reading::Field;
use super::super::yaml::Value;
use crate::model::capability::{self, Capabilities};
use crate::model::command::{Resource, Rlimit};
use crate::model::size::parse_size;
use crate::text::near::nearest;

/// An octal number.
pub fn umask(field: &mut Field<'_, '_>, unit: &mut Unit) {
    let must = "an octal number from 000 to 777, such as \"027\"";
    let Some(text) = field.word(must) else { return };
    let digits = text.len() <= 4 && text.bytes().all(|b| matches!(b, b'0'..=b'7'));
    match u32::from_str_radix(text, 8).ok().filter(|mask| digits && *mask <= 0o777) {
        Some(mask) => unit.process.extras_mut().umask = Some(mask),
        None => field.error(format!("'umask' must be {must}, not '{text}'")),
    }
}

/// A map of names to limits.
pub fn rlimits(field: &mut Field<'_, '_>, unit: &mut Unit) {
    let must = "a map of NAME: N, unlimited, or \"SOFT:HARD\"";
    let Value::Map(entries) = &field.node.value else { return field.wrong_kind(must) };
    for entry in entries.iter() {
        let Some((resource, name)) = Resource::NAMES.iter().find(|(_, name)| *name == &*entry.key) else {
            let names = Resource::NAMES.map(|(_, name)| name);
            let hint = match nearest(&entry.key, names) {
                Some(near) => format!("did you mean '{near}'?"),
                None => format!("allowed: {}", names.join(", ")),
            };
            field.reading.error(entry.span, format!("unknown limit '{}' ({hint})", entry.key));
            continue;
        };
        let mut value = Field { reading: field.reading, name, span: entry.span, node: &entry.node };
        if let Some(limit) = rlimit(&mut value, *resource) {
            let limits = &mut unit.process.extras_mut().rlimits;
            limits.retain(|other| other.resource != limit.resource);
            limits.push(limit);
            limits.shrink_to_fit();
        }
    }
}

fn rlimit(field: &mut Field<'_, '_>, resource: Resource) -> Option<Rlimit> {
    let text = field.word("a number, unlimited, or \"SOFT:HARD\"")?;
    let (soft, hard) = text.split_once(':').unwrap_or((text, text));
    let [soft, hard] = [soft, hard].map(|text| match text {
        "unlimited" => Ok(u64::MAX),
        text if in_bytes(resource) => parse_size(text).map_err(|error| error.to_string()),
        text => number(text).ok_or_else(|| format!("'{text}' is neither a whole number nor 'unlimited'")),
    });
    let soft = field.parsed(soft)?;
    let hard = field.parsed(hard)?;
    if soft > hard {
        field.error(format!("'{}': the soft limit is higher than the hard one, '{text}'", field.name));
        return None;
    }
    Some(Rlimit { resource, soft, hard })
}

fn number(text: &str) -> Option<u64> {
    // parse would take a sign; the highest number means "unlimited".
    text.parse().ok().filter(|number| text.bytes().all(|b| b.is_ascii_digit()) && *number < u64::MAX)
}

/// What setrlimit(2) counts in bytes.
fn in_bytes(resource: Resource) -> bool {
    use Resource::{As, Core, Cpu, Data, Fsize, Locks, Memlock, Msgqueue, Nice, Nofile};
    use Resource::{Nproc, Rss, Rtprio, Rttime, Sigpending, Stack};
    match resource {
        As | Core | Data | Fsize | Memlock | Msgqueue | Rss | Stack => true,
        Cpu | Locks | Nice | Nofile | Nproc | Rtprio | Rttime | Sigpending => false,
    }
}

/// setpriority(2)'s range.
pub fn nice(field: &mut Field<'_, '_>, unit: &mut Unit) {
    if let Some(nice) = field.integer(-20, 19) {
        unit.process.extras_mut().nice = Some(nice);
    }
}

/// proc(5)'s range.
pub fn oom_score_adj(field: &mut Field<'_, '_>, unit: &mut Unit) {
    if let Some(score) = field.integer(-1000, 1000) {
        unit.process.extras_mut().oom_score_adj = Some(score);
    }
}

/// A list of names.
pub fn capabilities(field: &mut Field<'_, '_>, unit: &mut Unit) {
    let mut kept = Capabilities(0);
    let is_list = field.items("a list of capabilities ([] for none)", |item| {
        let Some(name) = item.word("a capability's name") else { return };
        match Capabilities::named(name) {
            Some(capability) => kept.0 |= capability.0,
            None => {
                let lower = name.to_ascii_lowercase();
                let near = nearest(lower.strip_prefix("cap_").unwrap_or(&lower), capability::NAMES);
                let hint = near.map(|near| format!(" (did you mean '{near}'?)")).unwrap_or_default();
                item.error(format!("unknown capability '{name}'{hint}"));
            }
        }
    });
    if is_list {
        unit.process.extras_mut().capabilities = Some(kept.0);
    }
}
