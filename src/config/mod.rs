//! Reading a configuration: the bytes of its files → what they ask for, and everything that is wrong with
//! them. Pure: `runtime::configuration` gathers the files and hands them in as [`Sources`].
//!
//! ```text
//! wingmate.yaml ─▶ yaml (nodes with places) ─▶ reading, keys, schema, verify ─┐
//! service/ ──────▶ service_dir ────────────────────────────────────────────────┼─▶ names, dependencies ─▶ Loaded
//! crontab ───────▶ crontab ────────────────────────────────────────────────────┘
//! ```

mod assignment;
mod crontab;
mod dependencies;
mod draft;
mod env_file;
mod habits;
pub mod keys;
mod names;
mod problems;
pub mod reading;
pub mod schema;
mod service_dir;
#[cfg(test)]
mod tests;
mod verify;
mod yaml;

use crate::model::Config;
use crate::model::job::JobSpec;
use crate::model::service::ServiceSpec;
use crate::schedule::Schedule;
use crate::text::diagnostic::{Problem, Severity, Span};
use crate::text::source::Source;
use draft::Marks;
use env_file::EnvFiles;
pub use env_file::{EnvFileError, Fetch, Fetched, Unread, read_env_file};
use problems::Problems;
pub use service_dir::{Program, ProgramKind};

/// The files of a configuration, as they were found.
#[derive(Debug, Default)]
pub struct Sources {
    /// Where they were looked for: for the message that there is nothing to run.
    pub looked_in: String,
    /// `wingmate.yaml` and those of `wingmate.d/`, or the one file of `-c FILE.yaml`.
    pub yaml: Vec<Source>,
    /// What stands in `service/`.
    pub programs: Vec<Program>,
    pub crontab: Option<Source>,
    /// What went wrong while they were gathered.
    pub problems: Vec<Problem>,
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
    /// The services by number, those first that others wait for; empty: as they stand.
    order: Vec<usize>,
    /// Where the first `stdin: inherit` stands.
    stdin: Option<Place>,
    /// Where `shutdown.delay` stands.
    delay: Option<Place>,
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

impl Place {
    /// As other messages name it.
    fn spoken(self, sources: &[Source]) -> String {
        let file = sources.get(self.source as usize).map_or("", |source| &source.file);
        match self.span {
            Some(span) => format!("{file}:{}", span.at),
            None => file.to_owned(),
        }
    }
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
    /// What is looked at when all are known.
    /// Boxed: ten thousand entries of a crontab have none.
    marks: Option<Box<Marks>>,
}

impl<T> Found<T> {
    fn marks(&self) -> &Marks {
        static NONE: Marks = Marks {
            needs: Vec::new(),
            autostart: None,
            restart: None,
            stdin: None,
            missed: None,
            pidfile: None,
            instances: None,
        };
        self.marks.as_deref().unwrap_or(&NONE)
    }
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

    /// The same in the order in which they start: those first that others wait for.
    pub fn in_start_order(&self) -> impl Iterator<Item = (&ServiceSpec, Place)> {
        let number = |place: usize| if self.order.is_empty() { Some(place) } else { self.order.get(place).copied() };
        (0..self.config.services.len()).filter_map(move |place| {
            let number = number(place)?;
            self.config.services.get(number).zip(self.service_places.get(number).copied())
        })
    }

    /// Where `shutdown.delay` is set.
    pub fn delay_place(&self) -> Option<Place> {
        self.delay
    }

    /// Refuses a unit that reads wingmate's own input: the main command has it.
    pub fn keep_stdin_for_main(&mut self) {
        let message = "'stdin: inherit' can't go with a main command, which has wingmate's own input";
        let place = self.stdin;
        self.add(Severity::Error, place.map(|place| (place, message.to_owned())));
    }

    /// The jobs with the places of their commands.
    pub fn jobs(&self) -> impl Iterator<Item = (&JobSpec, Place)> {
        self.config.jobs.iter().zip(self.job_places.iter().copied())
    }

    /// Whether something was said of what stands in this place.
    pub fn is_told(&self, place: Place) -> bool {
        let file = self.sources.get(place.source as usize).map(|source| &*source.file);
        let at = |span: Option<Span>| span.map(|span| span.at);
        let here = |problem: &Problem| at(problem.span) == at(place.span) && Some(&*problem.file) == file;
        place.span.is_some() && self.problems.iter().any(here)
    }

    /// Adds problems that were found later, where they belong.
    pub fn add(&mut self, severity: Severity, found: impl IntoIterator<Item = (Place, String)>) {
        let mut problems = Problems::default();
        for (place, message) in found {
            problems.at(&self.sources, place, severity, message);
        }
        self.problems = problems.joined(std::mem::take(&mut self.problems), &self.sources);
    }
}

/// Reads all of it. Files that `env_file` names are fetched on the way.
pub fn read(given: Sources, fetch: Fetch) -> Loaded {
    let mut problems = Problems::default();
    given.problems.into_iter().for_each(|problem| problems.push(problem));
    let mut sources = given.yaml;
    let (mut zones, mut env) = (Vec::new(), EnvFiles::new(fetch));
    let mut top = schema::Top::default();
    let mut nodes = Vec::new();
    for (number, source) in (0..).zip(&sources) {
        nodes.extend(yaml::read(source, &mut problems).map(|node| (number, source, node)));
    }
    for part in [schema::defaults, schema::top] {
        for (number, source, node) in &nodes {
            let what = String::new();
            let (number, problems, zones) = (*number, &mut problems, &mut zones);
            let mut reading = reading::Reading { source, number, problems, zones, env: &mut env, what };
            part(&mut reading, node, &mut top);
        }
        top.defaults.settle_as_ground();
    }
    drop(nodes);
    let yaml_services = top.services.len();
    for program in given.programs {
        let number = u32::try_from(sources.len()).unwrap_or(u32::MAX);
        let place = Place { source: number, span: None };
        sources.push(Source::new(program.path.to_string_lossy(), []));
        top.services.extend(service_dir::read(&program, place, &top.defaults, &mut problems));
    }
    let mut names = names::settle(&top, yaml_services, &sources, &mut problems);
    if let Some(source) = given.crontab {
        let number = u32::try_from(sources.len()).unwrap_or(u32::MAX);
        crontab::read(&source, number, &mut names, &mut problems, &mut zones, &mut top);
        sources.push(source);
    }
    sources.extend(env.into_sources());
    let order = dependencies::settle(&mut top, &sources, &mut problems);
    verify::pidfiles(&top, &sources, &mut problems);
    state_is_named(&top, &sources, &mut problems);
    let stdin = dependencies::one_stdin(&top, &sources, &mut problems);
    let problems = problems.sorted(&sources);
    let looked_in = given.looked_in;
    loaded(top, Loaded { problems, zones, sources, looked_in, order, stdin, ..Loaded::default() })
}

/// What is to be remembered needs a place.
fn state_is_named(top: &schema::Top, sources: &[Source], problems: &mut Problems) {
    if top.settings.state.is_some() {
        return;
    }
    for place in top.jobs.iter().filter_map(|found| found.marks().missed) {
        let message = "'missed: once' needs the setting 'state', a directory that outlives the container (a volume)";
        problems.at(sources, place, Severity::Error, message);
    }
}

fn loaded(mut top: schema::Top, mut loaded: Loaded) -> Loaded {
    loaded.config.settings = top.settings;
    loaded.delay = top.delay;
    loaded.service_places = top.services.iter().map(|found| found.command).collect();
    loaded.config.services = top.services.into_iter().map(|found| found.spec).collect();
    loaded.config.services.shrink_to_fit();
    // A job without schedule is an error that has been told.
    top.jobs.retain(|found| found.spec.schedule.is_some());
    loaded.job_places = top.jobs.iter().map(|found| found.command).collect();
    loaded.schedules = top.jobs.iter().filter_map(|found| found.spec.schedule).collect();
    loaded.config.jobs = top.jobs.into_iter().map(|found| found.spec.spec).collect();
    loaded.config.jobs.shrink_to_fit();
    loaded
}
