//! Reading a configuration: the bytes of its files → what they ask for, and everything that is wrong with
//! them. Pure: `runtime::configuration` gathers the files and hands them in as [`Sources`].
//!
//! ```text
//! wingmate.yaml ─▶ yaml (nodes with places) ─▶ reading, keys, schema, verify ─┐
//! service/ ──────▶ service_dir ────────────────────────────────────────────────┼─▶ names ─▶ Loaded
//! crontab ───────▶ crontab ────────────────────────────────────────────────────┘
//! ```

mod conditions;
mod crontab;
mod dependencies;
mod env_file;
mod hooks;
mod instances;
pub mod keys;
mod names;
mod problems;
pub mod reading;
pub mod schema;
mod service_dir;
mod surroundings;
#[cfg(test)]
mod tests;
mod verify;
mod yaml;

use crate::model::Config;
use crate::model::command::Stdin;
use crate::model::job::JobSpec;
use crate::model::service::ServiceSpec;
use crate::schedule::Schedule;
use crate::text::diagnostic::{Problem, Severity, Span};
use crate::text::index::Index;
use crate::text::source::Source;
use problems::Problems;
pub use service_dir::{Program, ProgramKind};
use std::time::Duration;
pub use surroundings::{EnvFile, Open};

/// The files of a configuration, as they were found.
#[derive(Debug, Default)]
pub struct Sources {
    /// Where they were looked for: for the message that there is nothing to run.
    pub looked_in: String,
    /// `wingmate.yaml` and what stands in `wingmate.d/`, or the one file of `-c FILE.yaml`.
    pub yaml: Vec<Source>,
    /// What stands in `service/`.
    pub programs: Vec<Program>,
    pub crontab: Option<Source>,
    /// What went wrong while they were gathered.
    pub problems: Vec<Problem>,
    /// How an `env_file` is opened; without it none is there.
    pub open: Option<Open>,
}

/// A configuration that was read.
#[derive(Debug, Default)]
pub struct Loaded {
    /// Only to be used unless it [`Loaded::failed`].
    pub config: Config,
    /// The schedules of `config.jobs`, in the same order: read once, here.
    pub schedules: Vec<Schedule>,
    /// In the order of files and lines.
    pub problems: Vec<Problem>,
    /// Every zone that is named, once for each place: whether it exists is for the caller to find out.
    pub zones: Vec<NamedZone>,
    pub looked_in: String,
    /// Where the command of each service of `config` stands, in the same order.
    service_places: Vec<Place>,
    job_places: Vec<Place>,
    sources: Vec<Source>,
}

/// A zone by name, and where it was named.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamedZone {
    pub name: String,
    pub place: Place,
}

/// A place in one of the sources.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    source: u32,
    span: Option<Span>,
}

/// A job with its schedule, as far as that could be read.
pub struct Job {
    pub spec: JobSpec,
    pub schedule: Option<Schedule>,
}

/// A specification and where it came from.
pub struct Found<T> {
    pub spec: T,
    /// Where its name stands.
    pub name: Place,
    /// Where its command stands.
    pub command: Place,
}

impl Loaded {
    /// Whether it can't be run: some problem is an error.
    pub fn failed(&self) -> bool {
        self.problems.iter().any(|problem| problem.severity == Severity::Error)
    }

    /// Whether it asks for nothing.
    pub fn is_empty(&self) -> bool {
        self.config.services.is_empty() && self.config.jobs.is_empty()
    }

    /// What is to be said when it asks for nothing and there is no main command.
    pub fn nothing_to_run(&self) -> String {
        format!("nothing to run: no services, cron jobs or command (looked in {})", self.looked_in)
    }

    /// The services with the places of their commands.
    pub fn services(&self) -> impl Iterator<Item = (&ServiceSpec, Place)> {
        self.config.services.iter().zip(self.service_places.iter().copied())
    }

    /// The jobs with the places of their commands.
    pub fn jobs(&self) -> impl Iterator<Item = (&JobSpec, Place)> {
        self.config.jobs.iter().zip(self.job_places.iter().copied())
    }

    /// The chain of services that stop one after the other and may take longest at it, in words, with its time and
    /// the place of its last.
    pub fn longest_stop(&self) -> Option<(String, Duration, Place)> {
        let services = &self.config.services;
        if services.iter().all(|spec| spec.depends_on.is_empty()) {
            return None;
        }
        let numbers: Index<'_> =
            (0..).zip(services).map(|(number, spec)| (spec.name.as_str().into(), number)).collect();
        // For each service the longest time until it has stopped, and who stops right before it. Each pass settles one
        // more link; there are no circles.
        let mut times: Vec<(Duration, Option<usize>)> = services.iter().map(|spec| (spec.stop.timeout, None)).collect();
        loop {
            let mut settled = true;
            for (number, spec) in services.iter().enumerate() {
                let before = times.get(number).map(|(time, _)| *time).unwrap_or_default();
                for needed in spec.depends_on.iter().filter_map(|needed| numbers.get(needed.name.as_str())) {
                    let Some((own, slot)) = services.get(*needed).zip(times.get_mut(*needed)) else { continue };
                    let time = before.saturating_add(own.stop.timeout);
                    if slot.0 < time {
                        *slot = (time, Some(number));
                        settled = false;
                    }
                }
            }
            if settled {
                break;
            }
        }
        let (last, (time, _)) = times.iter().enumerate().max_by_key(|(_, (time, _))| *time)?;
        let mut chain = vec![services.get(last)?.name.as_str()];
        let mut at = last;
        while let Some(before) = times.get(at).and_then(|(_, before)| *before) {
            chain.push(services.get(before)?.name.as_str());
            at = before;
        }
        chain.reverse();
        (chain.len() > 1).then(|| Some((chain.join(", "), *time, *self.service_places.get(last)?)))?
    }

    /// Adds problems that were found later, where they belong.
    pub fn add(&mut self, severity: Severity, found: impl IntoIterator<Item = (Place, String)>) {
        let mut problems = Problems::default();
        for (place, message) in found {
            let Some(source) = self.sources.get(place.source as usize) else { continue };
            match place.span {
                Some(span) => problems.add(source, severity, span, message),
                None => problems.push(Problem::of_file(severity, source.file.clone(), message)),
            }
        }
        self.problems = problems.joined(std::mem::take(&mut self.problems), &self.sources);
    }
}

/// Reads all of it.
pub fn read(given: Sources) -> Loaded {
    let mut problems = Problems::default();
    given.problems.into_iter().for_each(|problem| problems.push(problem));
    let mut sources = given.yaml;
    let mut zones = Vec::new();
    let mut top = schema::Top::default();
    let mut env_files = surroundings::EnvFiles::new(given.open.unwrap_or(|_| EnvFile::Missing));
    let nodes: Vec<Option<yaml::Node>> = sources.iter().map(|source| yaml::read(source, &mut problems)).collect();
    for pass in [schema::defaults, schema::top] {
        for ((number, source), node) in (0..).zip(&sources).zip(&nodes) {
            let Some(node) = node else { continue };
            let (problems, zones, env_files) = (&mut problems, &mut zones, &mut env_files);
            let mut reading = reading::Reading { source, number, problems, zones, env_files, what: String::new() };
            pass(&mut reading, node, &mut top);
        }
    }
    drop(nodes);
    let yaml_services = top.services.len();
    for program in given.programs {
        let number = u32::try_from(sources.len()).unwrap_or(u32::MAX);
        let place = Place { source: number, span: None };
        sources.push(Source::new(program.path.to_string_lossy(), []));
        top.services.extend(service_dir::read(&program, place, &top.defaults, &mut problems));
    }
    let (yaml_jobs, crontab) = (top.jobs.len(), given.crontab);
    if let Some(source) = crontab {
        let number = u32::try_from(sources.len()).unwrap_or(u32::MAX);
        let defaults = &top.defaults;
        crontab::read(&source, number, &mut problems, &mut zones, defaults, &mut top.jobs);
        sources.push(source);
    }
    names::settle(&mut top, yaml_services, yaml_jobs, &sources, &mut problems);
    dependencies::settle(&mut top, &sources, &mut problems);
    stdin_once(&top, &sources, &mut problems);
    loaded(top, problems, zones, sources, given.looked_in)
}

/// Two units can't read one standard input.
fn stdin_once(top: &schema::Top, sources: &[Source], problems: &mut Problems) {
    let services = top.services.iter().map(|found| (&found.spec.name, &found.spec.process, found.name));
    let jobs = top.jobs.iter().map(|found| (&found.spec.spec.name, &found.spec.spec.process, found.name));
    let mut readers = services.chain(jobs).filter(|(_, process, _)| process.extras().stdin == Stdin::Inherit);
    let Some((first, _, at)) = readers.next() else { return };
    let spoken = |place: Place| {
        let file = sources.get(place.source as usize).map(|source| source.file.as_str()).unwrap_or_default();
        place.span.map_or_else(|| file.to_owned(), |span| format!("{file}:{}", span.at))
    };
    for (name, _, place) in readers {
        let (Some(source), Some(span)) = (sources.get(place.source as usize), place.span) else { continue };
        let message =
            format!("'{name}' has 'stdin: inherit', as '{first}' ({}): only one unit can read it", spoken(at));
        problems.add(source, Severity::Error, span, message);
    }
}

fn loaded(
    mut top: schema::Top,
    problems: Problems,
    zones: Vec<NamedZone>,
    sources: Vec<Source>,
    looked_in: String,
) -> Loaded {
    let mut loaded = Loaded { problems: problems.sorted(&sources), zones, looked_in, sources, ..Loaded::default() };
    loaded.config.settings = top.settings;
    loaded.service_places = top.services.iter().map(|found| found.command).collect();
    loaded.config.services = top.services.into_iter().map(|found| found.spec).collect();
    // A job without schedule is an error that has been told.
    top.jobs.retain(|found| found.spec.schedule.is_some());
    loaded.job_places = top.jobs.iter().map(|found| found.command).collect();
    loaded.schedules = top.jobs.iter().filter_map(|found| found.spec.schedule).collect();
    loaded.config.jobs = top.jobs.into_iter().map(|found| found.spec.spec).collect();
    loaded.config.jobs.shrink_to_fit();
    loaded
}
