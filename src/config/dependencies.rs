//! What services depend on: names become units (a base name all of its copies), conditions that aren't written are
//! settled, and what can't come true is told.

use super::Place;
use super::conditions::Need;
use super::problems::Problems;
use super::schema::Top;
use crate::model::service::{Condition, Dependency, Restart, ServiceSpec};
use crate::text::diagnostic::{Problem, Severity};
use crate::text::index::Index;
use crate::text::near::nearest;
use crate::text::source::Source;

/// A dependency of one of the services, by its place in [`Top::services`].
pub struct Asked {
    pub service: usize,
    pub need: Need,
    /// The number of its source.
    pub source: u32,
}

/// Settles them all.
pub fn settle(top: &mut Top, sources: &[Source], problems: &mut Problems) {
    if top.needs.is_empty() {
        return;
    }
    let mut units: Index<'_> = Index::new();
    let mut copies: Vec<(String, Vec<usize>)> = Vec::new();
    for (number, found) in top.services.iter().enumerate() {
        units.insert(found.spec.name.clone().into(), number);
        if let Some(base) = &found.spec.extras().base {
            match copies.iter_mut().find(|(name, _)| name == base) {
                Some((_, numbers)) => numbers.push(number),
                None => copies.push((base.clone(), vec![number])),
            }
        }
    }
    let mut edges: Vec<Vec<(usize, Place)>> = vec![Vec::new(); top.services.len()];
    let mut settled: Vec<(usize, Dependency)> = Vec::new();
    for Asked { service, need, source } in &top.needs {
        let place = Place { source: *source, span: Some(need.span) };
        let mut tell = |severity, message: String| tell(problems, sources, severity, place, message);
        let copies = copies.iter().find(|(name, _)| *name == need.name).map(|(_, numbers)| numbers.as_slice());
        let one = units.get(need.name.as_str()).copied();
        let targets = copies.or(one.as_ref().map(std::slice::from_ref)).unwrap_or_default();
        if targets.is_empty() {
            tell(Severity::Error, unknown(&need.name, top));
            continue;
        }
        for target in targets {
            let Some(found) = top.services.get(*target) else { continue };
            let condition = need.condition.unwrap_or_else(|| natural(&found.spec));
            for (severity, message) in doubts(&found.spec, condition) {
                tell(severity, message);
            }
            if let Some(edges) = edges.get_mut(*service) {
                edges.push((*target, place));
            }
            settled.push((*service, Dependency { name: found.spec.name.clone(), condition }));
        }
    }
    if let Some(cycle) = cycle(&edges) {
        tell_cycle(&cycle, top, sources, problems);
        return;
    }
    for (service, dependency) in settled {
        if let Some(found) = top.services.get_mut(service) {
            found.spec.depends_on.push(dependency);
        }
    }
    top.services.iter_mut().for_each(|found| found.spec.depends_on.shrink_to_fit());
}

/// What a dependency without a condition waits for.
fn natural(spec: &ServiceSpec) -> Condition {
    if spec.oneshot { Condition::Completed } else { Condition::Ready }
}

fn doubts(needed: &ServiceSpec, condition: Condition) -> Vec<(Severity, String)> {
    let name = &needed.name;
    let mut doubts = Vec::new();
    if condition == Condition::Completed && !needed.oneshot && needed.restart == Restart::Always {
        let advice = "make it a oneshot, or give it 'restart: on-failure' or 'never'";
        doubts
            .push((Severity::Error, format!("'condition: completed' waits for ever: '{name}' never ends ({advice})")));
    }
    if condition == Condition::Ready && needed.oneshot {
        let advice = "'condition: completed' waits for its end";
        doubts.push((Severity::Warning, format!("'{name}' is a oneshot, which is ready only while it runs; {advice}")));
    }
    if !needed.autostart {
        doubts.push((
            Severity::Warning,
            format!("'{name}' has 'autostart: false': this waits until it is started by hand"),
        ));
    }
    doubts
}

fn unknown(name: &str, top: &Top) -> String {
    if top.jobs.iter().any(|found| found.spec.spec.name == name) {
        return format!("'{name}' is a cron job: services can depend on services only");
    }
    let bases = top.services.iter().filter_map(|found| found.spec.extras().base.as_deref());
    let names: Vec<&str> = top.services.iter().map(|found| found.spec.name.as_str()).chain(bases).collect();
    let hint = nearest(name, &names).map(|near| format!(" (did you mean '{near}'?)")).unwrap_or_default();
    format!("depends on '{name}', but there is no such service{hint}")
}

/// A circle of services, each with the place where it says that it needs the next one.
fn cycle(edges: &[Vec<(usize, Place)>]) -> Option<Vec<(usize, Place)>> {
    // 0: not seen, 1: on the path, 2: leads into no circle. The path is kept by hand: it may be as long as the file.
    let mut seen = vec![0u8; edges.len()];
    for start in 0..edges.len() {
        let mut path: Vec<(usize, usize)> = Vec::new();
        if seen.get(start) == Some(&0) {
            path.push((start, 0));
        }
        while let Some((unit, next)) = path.last_mut() {
            let unit = *unit;
            if let Some(mark) = seen.get_mut(unit) {
                *mark = 1;
            }
            let Some((target, _)) = edges.get(unit).and_then(|edges| edges.get(*next)).copied() else {
                if let Some(mark) = seen.get_mut(unit) {
                    *mark = 2;
                }
                path.pop();
                continue;
            };
            *next += 1;
            match seen.get(target) {
                Some(0) => path.push((target, 0)),
                Some(1) => {
                    let first = path.iter().position(|(unit, _)| *unit == target)?;
                    let circle = path.get(first..)?;
                    return circle
                        .iter()
                        .map(|(unit, next)| Some((*unit, edges.get(*unit)?.get(next - 1)?.1)))
                        .collect();
                }
                _ => {}
            }
        }
    }
    None
}

fn tell_cycle(cycle: &[(usize, Place)], top: &Top, sources: &[Source], problems: &mut Problems) {
    let name = |unit: usize| top.services.get(unit).map_or("", |found| found.spec.name.as_str());
    let Some((first, place)) = cycle.first().copied() else { return };
    let names: Vec<&str> = cycle.iter().map(|(unit, _)| name(*unit)).chain([name(first)]).collect();
    let places: Vec<String> = cycle.iter().skip(1).filter_map(|(_, place)| spoken(*place, sources)).collect();
    let others = if places.is_empty() { String::new() } else { format!(" (also {})", places.join(", ")) };
    let message = format!("services depend on each other in a circle: {}{others}", names.join(" → "));
    tell(problems, sources, Severity::Error, place, message);
}

fn spoken(place: Place, sources: &[Source]) -> Option<String> {
    let source = sources.get(place.source as usize)?;
    place.span.map(|span| format!("{}:{}", source.file, span.at))
}

fn tell(problems: &mut Problems, sources: &[Source], severity: Severity, place: Place, message: String) {
    let Some(source) = sources.get(place.source as usize) else { return };
    match place.span {
        Some(span) => problems.add(source, severity, span, message),
        None => problems.push(Problem::of_file(severity, source.file.clone(), message)),
    }
}
