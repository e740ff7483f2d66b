//! What a process may have and do: limits, priorities, the umask, capabilities.

use super::super::draft::Unit;
use super::super::reading::Field;
use super::super::yaml::Value;
use crate::model::capability::Capabilities;
use crate::model::limits;

/// An octal number.
pub fn umask(field: &mut Field<'_, '_>, unit: &mut Unit) {
    let Some(text) = field.word(limits::UMASK) else { return };
    match limits::umask(text) {
        Ok(mask) => unit.process.extras_mut().umask = Some(mask),
        Err(error) => field.error(format!("'umask' {error}")),
    }
}

/// A map of names to limits.
pub fn rlimits(field: &mut Field<'_, '_>, unit: &mut Unit) {
    let must = "a map of NAME: N, unlimited, or \"SOFT:HARD\"";
    let Value::Map(entries) = &field.node.value else { return field.wrong_kind(must) };
    for entry in entries.iter() {
        let resource = match limits::resource(&entry.key) {
            Ok(resource) => resource,
            Err(error) => {
                field.reading.error(entry.span, error.to_string());
                continue;
            }
        };
        let mut value = Field { reading: field.reading, name: resource.name(), span: entry.span, node: &entry.node };
        let Some(text) = value.word("a number, unlimited, or \"SOFT:HARD\"") else { continue };
        if let Some(limit) = value.parsed(limits::rlimit(resource, text)) {
            limits::add(&mut unit.process.extras_mut().rlimits, limit);
        }
    }
}

/// A number of setpriority(2).
pub fn nice(field: &mut Field<'_, '_>, unit: &mut Unit) {
    let [least, most] = limits::NICE;
    if let Some(nice) = field.integer(least, most) {
        unit.process.extras_mut().nice = Some(nice);
    }
}

/// A number of proc(5).
pub fn oom_score_adj(field: &mut Field<'_, '_>, unit: &mut Unit) {
    let [least, most] = limits::OOM_SCORE_ADJ;
    if let Some(score) = field.integer(least, most) {
        unit.process.extras_mut().oom_score_adj = Some(score);
    }
}

/// A list of names.
pub fn capabilities(field: &mut Field<'_, '_>, unit: &mut Unit) {
    let mut kept = Capabilities(0);
    let is_list = field.items("a list of capabilities ([] for none)", |item| {
        let Some(name) = item.word("a capability's name") else { return };
        match Capabilities::parse(name) {
            Ok(capability) => kept.0 |= capability.0,
            Err(error) => item.error(error.to_string()),
        }
    });
    if is_list {
        unit.process.extras_mut().capabilities = Some(kept.0);
    }
}
