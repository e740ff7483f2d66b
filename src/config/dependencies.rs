//! Who waits for whom, when all units are known: names to services, conditions that can hold, no circles, and the
//! order in which services start. And what only one unit can have: wingmate's own input.
//!
//! Copies of a service (`instances`) have the same dependencies, so circles are looked for among groups: all copies
//! are one.

use super::draft::Need;
use super::problems::Problems;
use super::schema::Top;
use super::{Found, Place};
use crate::model::service::{Condition, Dependency, Restart, ServiceSpec};
use crate::text::diagnostic::Severity;
use crate::text::index::Index;
use crate::text::near::nearest;
use crate::text::source::Source;
use crate::text::words::row;
use std::ops::Range;
use std::rc::Rc;

type Services = Vec<Found<ServiceSpec>>;

/// Settles `depends_on` of all units; gives the services' order of starting, those first that others wait for. It is
/// empty where nobody waits: the files' order.
pub fn settle(top: &mut Top, sources: &[Source], problems: &mut Problems) -> Vec<usize> {
    let mut marks = top.services.iter().map(|found| found.marks()).chain(top.jobs.iter().map(|found| found.marks()));
    if marks.all(|marks| marks.needs.is_empty()) {
        return Vec::new();
    }
    let jobs: Vec<&str> = top.jobs.iter().map(|found| found.spec.spec.name()).collect();
    let (services, names) = (&top.services, Names::new(&top.services));
    let mut edges: Vec<Vec<Edge>> = names.groups.iter().map(|_| Vec::new()).collect();
    let mut resolving = Resolving { services, names: &names, jobs, hints: MOST_HINTS, sources, problems };
    let (mut of_services, mut of_jobs) = (Vec::new(), Vec::new());
    for (number, found) in services.iter().enumerate() {
        let group = names.group_of.get(number).copied().unwrap_or_default();
        // What is wrong is so for all copies, and told of the first.
        let first = names.groups.get(group).is_some_and(|members| members.start == number);
        for need in &found.marks().needs {
            let Some((target, dependencies)) = resolving.resolve(need, first) else { continue };
            if let Some(edges) = edges.get_mut(group).filter(|_| first) {
                edges.push(Edge { target, place: need.place });
            }
            of_services.extend(dependencies.into_iter().map(|dependency| (number, dependency)));
        }
    }
    for (number, found) in top.jobs.iter().enumerate() {
        for need in &found.marks().needs {
            let dependencies = resolving.resolve(need, true).map_or_else(Vec::new, |(_, dependencies)| dependencies);
            of_jobs.extend(dependencies.into_iter().map(|dependency| (number, dependency)));
        }
    }
    let order = Walk::new(&names, &edges).over_all(sources, problems, services);
    for (number, dependency) in of_services {
        if let Some(found) = top.services.get_mut(number) {
            found.spec.depends_on.push(dependency);
        }
    }
    top.services.iter_mut().for_each(|found| found.spec.depends_on.shrink_to_fit());
    for (number, dependency) in of_jobs {
        if let Some(found) = top.jobs.get_mut(number) {
            Rc::make_mut(&mut found.spec.spec.manner).depends_on.push(dependency);
        }
    }
    order
}

/// Needs become dependencies.
struct Resolving<'a> {
    services: &'a Services,
    names: &'a Names,
    /// The names of all cron jobs.
    jobs: Vec<&'a str>,
    hints: usize,
    sources: &'a [Source],
    problems: &'a mut Problems,
}

impl Resolving<'_> {
    /// The group of services that is meant, and what has to be so of each of them. `told`: what is wrong is told.
    fn resolve(&mut self, need: &Need, told: bool) -> Option<(usize, Vec<Dependency>)> {
        let Some(members) = self.names.meant(&need.name) else {
            if told {
                let message = unknown(need, &self.jobs, self.names, self.hints > 0);
                self.problems.at(self.sources, need.place, Severity::Error, message);
                self.hints = self.hints.saturating_sub(1);
            }
            return None;
        };
        let group = self.names.group_of.get(members.start).copied().unwrap_or_default();
        let needed = self.services.get(members).unwrap_or_default().iter();
        let dependency = |needed: &Found<ServiceSpec>| {
            let condition = condition(need, &needed.spec);
            if told {
                judge(need, condition, needed, self.sources, self.problems);
            }
            Dependency { name: needed.spec.name.clone(), condition }
        };
        Some((group, needed.map(dependency).collect()))
    }
}

/// A group of services waits for another.
struct Edge {
    target: usize,
    /// Where it says so.
    place: Place,
}

/// Services by name: one, or all copies of one.
struct Names {
    by_name: Index<'static>,
    by_base: Index<'static>,
    /// The services of each group, which stand side by side.
    groups: Vec<Range<usize>>,
    group_of: Vec<usize>,
}

impl Names {
    fn new(services: &Services) -> Names {
        let (mut by_name, mut by_base) = (Index::new(), Index::new());
        let mut groups: Vec<Range<usize>> = Vec::new();
        let mut group_of = Vec::with_capacity(services.len());
        for (number, found) in services.iter().enumerate() {
            by_name.entry(found.spec.name.clone().into()).or_insert(number);
            let group = match &found.spec.extras().base {
                Some(base) => *by_base.entry(base.clone().into()).or_insert(groups.len()),
                None => groups.len(),
            };
            match groups.get_mut(group) {
                Some(members) => members.end = number + 1,
                None => groups.push(number..number + 1),
            }
            group_of.push(group);
        }
        Names { by_name, by_base, groups, group_of }
    }

    /// The services that a name means.
    fn meant(&self, name: &str) -> Option<Range<usize>> {
        let all = || self.groups.get(*self.by_base.get(name)?).cloned();
        self.by_name.get(name).map(|number| *number..number + 1).or_else(all)
    }
}

/// For as many unknown names the nearest one is looked for, among ten thousand maybe.
const MOST_HINTS: usize = 20;

fn unknown(need: &Need, jobs: &[&str], names: &Names, hint: bool) -> String {
    let name = &need.name;
    if jobs.contains(&name.as_str()) {
        return format!("'{name}' is a cron job; only services can be depended on");
    }
    let mut known: Vec<&str> = Vec::new();
    if hint {
        known.extend(names.by_base.keys().chain(names.by_name.keys()).map(|name| &**name));
        known.sort_unstable();
    }
    match nearest(name, known) {
        Some(near) => format!("there is no service '{name}' to depend on (did you mean '{near}'?)"),
        None => format!("there is no service '{name}' to depend on"),
    }
}

fn condition(need: &Need, needed: &ServiceSpec) -> Condition {
    need.condition.unwrap_or(if needed.oneshot { Condition::Completed } else { Condition::Ready })
}

/// What can never come about, or not by itself.
fn judge(need: &Need, condition: Condition, needed: &Found<ServiceSpec>, sources: &[Source], problems: &mut Problems) {
    let (name, spec) = (&needed.spec.name, &needed.spec);
    if condition == Condition::Completed && !spec.oneshot && spec.restart == Restart::Always {
        let place = needed.marks().restart.unwrap_or(needed.name).spoken(sources);
        let message = format!(
            "'condition: completed' never comes about: '{name}' is no oneshot, and started again whenever it ends \
             ({place})"
        );
        problems.at(sources, need.place, Severity::Error, message);
    }
    if !spec.autostart {
        let place = needed.marks().autostart.unwrap_or(needed.name).spoken(sources);
        let message = format!("'{name}' has 'autostart: false' ({place}): this waits until it is started by hand");
        problems.at(sources, need.place, Severity::Warning, message);
    }
}

/// As many of a circle's places are told.
const MOST_PLACES: usize = 8;

/// A walk along the dependencies, to the end of each chain first.
struct Walk<'a> {
    names: &'a Names,
    edges: &'a [Vec<Edge>],
    state: Vec<State>,
    /// The groups on the way here, and the number of the edge of each that is next.
    path: Vec<(usize, usize)>,
    order: Vec<usize>,
}

#[derive(Clone, Copy, PartialEq)]
enum State {
    New,
    OnPath,
    Done,
}

impl<'a> Walk<'a> {
    fn new(names: &'a Names, edges: &'a [Vec<Edge>]) -> Walk<'a> {
        Walk { names, edges, state: vec![State::New; edges.len()], path: Vec::new(), order: Vec::new() }
    }

    /// Reports each circle; gives the services in their order. (No recursion: a chain may be as long as the file.)
    fn over_all(mut self, sources: &[Source], problems: &mut Problems, services: &Services) -> Vec<usize> {
        for start in 0..self.edges.len() {
            self.enter(start);
            while let Some((group, next)) = self.path.last_mut() {
                let (group, edge) = (*group, self.edges.get(*group).and_then(|edges| edges.get(*next)));
                *next += 1;
                let Some(edge) = edge else {
                    self.leave(group);
                    continue;
                };
                if self.state.get(edge.target) == Some(&State::OnPath) {
                    let message = self.circle(edge, sources, services);
                    problems.at(sources, edge.place, Severity::Error, message);
                }
                self.enter(edge.target);
            }
        }
        self.order
    }

    fn enter(&mut self, group: usize) {
        if let Some(state) = self.state.get_mut(group).filter(|state| **state == State::New) {
            *state = State::OnPath;
            self.path.push((group, 0));
        }
    }

    fn leave(&mut self, group: usize) {
        if let Some(state) = self.state.get_mut(group) {
            *state = State::Done;
        }
        self.path.pop();
        self.order.extend(self.names.groups.get(group).cloned().into_iter().flatten());
    }

    /// `a → b → a (FILE:LINE:COL, …)`: the way back to where the last edge leads, and where the others stand.
    fn circle(&self, last: &Edge, sources: &[Source], services: &Services) -> String {
        let from = self.path.iter().position(|(group, _)| *group == last.target).unwrap_or_default();
        let round = self.path.get(from..).unwrap_or_default();
        let name = |group: usize| {
            let first = self.names.groups.get(group).and_then(|members| services.get(members.start));
            first.map_or("", |found| found.spec.extras().base.as_ref().unwrap_or(&found.spec.name))
        };
        let names: Vec<&str> = round.iter().map(|(group, _)| name(*group)).chain([name(last.target)]).collect();
        let edge = |(group, next): &(usize, usize)| self.edges.get(*group)?.get(next.checked_sub(1)?);
        let mut places: Vec<String> = round.iter().filter_map(edge).map(|edge| edge.place.spoken(sources)).collect();
        // The last one is where this is told.
        places.pop();
        places.truncate(MOST_PLACES);
        let message = format!("a circle of dependencies: {}", row(&names));
        if places.is_empty() { message } else { format!("{message} ({})", places.join(", ")) }
    }
}

/// Wingmate's own input can be read by one unit: reports every further one, and gives the first.
pub fn one_stdin(top: &Top, sources: &[Source], problems: &mut Problems) -> Option<Place> {
    let services = top.services.iter().filter_map(|found| found.marks().stdin);
    let mut places = services.chain(top.jobs.iter().filter_map(|found| found.marks().stdin));
    let first = places.next()?;
    // Copies of one service stand at one place.
    for other in places {
        let there = if other == first { String::new() } else { format!(" ({})", first.spoken(sources)) };
        let message = format!("'stdin: inherit' is for one unit; another has wingmate's input already{there}");
        problems.at(sources, other, Severity::Error, message);
    }
    Some(first)
}
