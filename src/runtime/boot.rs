//! From a command line to the running loop: what has to be so before the first unit starts, in order.

use super::configuration::{self, Loaded};
use super::last_due::LastDue;
use super::launcher::Launcher;
use super::outputs::{self, Outputs};
use super::supervisor::Loop;
use super::zones::{Zones, ZonesError};
use crate::launch::environment::for_units;
use crate::launch::step::Limit;
use crate::model::Config;
use crate::model::command::{ProcessSpec, Session};
use crate::model::job::Missed;
use crate::model::moment::Wall;
use crate::model::note::Note;
use crate::model::service::{ReadyKind, ServiceSpec};
use crate::model::settings::{Level, LogFormat, LogSettings, Settings};
use crate::model::signal::{Rewrite, Signal};
use crate::schedule::zone::Zone;
use crate::schedule::{Schedule, Timing};
pub use crate::supervise::main_command::Treatment;
use crate::supervise::{Plan, PlannedJob, Supervisor};
use crate::sys::descriptors::Spare;
use crate::sys::files::reason;
use crate::sys::oom::OomKills;
use crate::sys::poll::Poller;
use crate::sys::signals::{self, Signals};
use crate::sys::{clock, descriptors, environment, identity, init, low, processes, stdio, terminal, termination};
use crate::text::diagnostic::{Problem, Severity};
use rustix::io::Errno;
use std::ffi::OsString;
use std::path::PathBuf;
use std::rc::Rc;
use std::time::Duration;

/// What the command line and the environment ask for; `None` leaves it to `wingmate.yaml`.
#[derive(Debug, Default)]
pub struct Options {
    /// `None`: no configuration is read.
    pub config: Option<PathBuf>,
    /// Somebody asked for `config`; otherwise it is where one usually is.
    pub config_named: bool,
    pub log_format: Option<LogFormat>,
    pub log_level: Option<Level>,
    pub shutdown_timeout: Option<Duration>,
    /// The main command.
    pub command: Option<Vec<OsString>>,
    pub treatment: Treatment,
    /// What becomes of signals that come.
    pub rewrites: Vec<Rewrite>,
    /// Each orphan that is reaped is told as a warning.
    pub warn_of_orphans: bool,
    /// What wingmate gets when its parent ends.
    pub parent_death: Option<Signal>,
    /// What is to be said at debug level once the log is there.
    pub notices: Vec<String>,
}

/// Why there is nothing to run.
#[derive(Debug, thiserror::Error)]
pub(super) enum BootError {
    #[error("{0}")]
    Nothing(String),
    #[error("the configuration needs {needed} open files, the limit is {limit} (docker run --ulimit nofile={needed})")]
    Files { needed: u64, limit: u64 },
    #[error("cannot {verb}: {}", reason(&(*errno).into()))]
    Call { verb: &'static str, errno: Errno },
    #[error(transparent)]
    Zone(#[from] ZonesError),
}

/// Descriptors that wingmate itself needs at most, besides the units': 12 at rest, 4 more where its streams can only
/// be spliced to, and what a start or a look at an account or a process opens for a moment.
const OWN_FILES: u64 = 20;
/// Both ends of a service's two log pipes. A daemon besides has its pid file or itself watched.
const FILES_PER_SERVICE: u64 = 4;
/// What a job's log pipes take while it runs; at its start twice as much.
const FILES_PER_RUN: u64 = 2;
/// So many runs at a time there has to be room for. Where more are due and there are no descriptors left, they fail.
const RUNS_AT_A_TIME: u64 = 16;

/// What `memory.oom.group` means here.
const ALL_AT_ONCE: &str =
    "memory.oom.group is 1: out of memory, the kernel kills the whole container, wingmate included";

/// Supervises until everything is down; gives the exit status.
pub fn run(options: Options) -> u8 {
    // First of all: from here on no signal is lost.
    if let Err(errno) = signals::block_all() {
        let error = BootError::Call { verb: "block signals", errno };
        return refuse(&[], Some(&error), options.shutdown_timeout.unwrap_or_default());
    }
    descriptors::mark_inherited();
    let mut zones = Zones::from_environment();
    let mut loaded =
        options.config.as_deref().map_or_else(Loaded::default, |path| configuration::load(path, &mut zones));
    lay_over(&mut loaded.config.settings, &options);
    configuration::warn_of_shutdown(&mut loaded);
    if options.command.is_some() {
        loaded.keep_stdin_for_main();
    }
    let budget = loaded.config.settings.shutdown_timeout;
    let failed = loaded.failed();
    let problems = std::mem::take(&mut loaded.problems);
    if failed {
        return refuse(&problems, None, budget);
    }
    match prepare(options, loaded, &mut zones) {
        Ok(mut prepared) => {
            problems.iter().for_each(|problem| prepared.say(&note_of(problem)));
            prepared.run()
        }
        Err(error) => refuse(&problems, Some(&error), budget),
    }
}

/// A problem that doesn't keep anything from running is a message like all others: the log never waits for a reader.
pub(super) fn note_of(problem: &Problem) -> Note {
    let level = match problem.severity {
        Severity::Error => Level::Error,
        Severity::Warning => Level::Warn,
        Severity::Notice => Level::Info,
    };
    Note::new(level, problem.line())
}

/// Says why nothing is started. A reader that doesn't read isn't waited for longer than at a shutdown: no signal
/// would end that.
fn refuse(problems: &[Problem], error: Option<&BootError>, budget: Duration) -> u8 {
    let mut why: String = problems.iter().map(|problem| format!("{problem}\n")).collect();
    why.extend(error.map(|error| format!("wingmate: {error}\n")));
    termination::tell(&refusal(problems, error));
    stdio::err_within(&why, budget);
    1
}

/// The same in one line: the first of several problems, and how many there are besides.
fn refusal(problems: &[Problem], error: Option<&BootError>) -> String {
    let mut errors = problems.iter().filter(|problem| problem.severity == Severity::Error).map(Problem::line);
    let first = error.map(ToString::to_string).or_else(|| errors.next()).unwrap_or_default();
    let more = match errors.count() {
        0 => String::new(),
        more => format!("; {more} more"),
    };
    format!("{first}{more}; exit status 1")
}

/// The command line and the environment beat `wingmate.yaml`.
pub(super) fn lay_over(settings: &mut Settings, options: &Options) {
    settings.log.format = options.log_format.unwrap_or(settings.log.format);
    settings.log.level = options.log_level.unwrap_or(settings.log.level);
    settings.shutdown_timeout = options.shutdown_timeout.unwrap_or(settings.shutdown_timeout);
}

fn prepare(mut options: Options, loaded: Loaded, zones: &mut Zones) -> Result<Box<Loop>, BootError> {
    if loaded.is_empty() && options.command.is_none() {
        return Err(BootError::Nothing(loaded.nothing_to_run()));
    }
    // A main command needs no configuration, but one that was asked for is missed.
    let missed = (loaded.is_empty() && options.config_named)
        .then(|| format!("no services and no cron jobs (looked in {})", loaded.looked_in));
    let config = loaded.config;
    let log = config.settings.log;
    let call = |verb| move |errno| BootError::Call { verb, errno };
    let found = init::raise_open_files();
    check_files(&config, init::open_files())?;
    if !config.services.is_empty() || !config.jobs.is_empty() {
        low::keep();
    }
    if let Some(signal) = options.parent_death {
        processes::when_the_parent_ends(signal).map_err(call("ask for a signal at the parent's end"))?;
    }
    if !init::is_pid_1() {
        // Refused by very old kernels only; orphans then go to somebody else, and everything else works.
        let _ = init::become_subreaper();
    }
    let local = zones.of_job(None, config.settings.timezone.as_deref())?;
    let now = clock::now();
    let command = options.command.take();
    let last_due = LastDue::new(config.settings.state.clone());
    let mut plan = Plan {
        treatment: std::mem::take(&mut options.treatment),
        rewrites: std::mem::take(&mut options.rewrites),
        ..plan(config, loaded.schedules, command, zones)?
    };
    let forgotten = recall(&mut plan.jobs, &last_due);
    let supervisor = Supervisor::new(plan, now);
    let poller = Poller::new().map_err(call("make an epoll instance"))?;
    let outputs = outputs(log, local, supervisor.has_main());
    let launcher = Launcher {
        environment: for_units(environment::found()),
        ids: identity::ids(),
        open_files: Some(Limit { soft: found.current.unwrap_or(u64::MAX), hard: found.maximum.unwrap_or(u64::MAX) }),
        null: descriptors::null().map_err(call("open '/dev/null'"))?,
        terminal: terminal::is_there(),
        spare: Spare::new().map_err(call("keep a descriptor in reserve"))?,
    };
    let signals = Signals::new().map_err(call("make a descriptor for signals"))?;
    let notices = std::mem::take(&mut options.notices);
    let mut prepared =
        Loop::new(poller, signals, supervisor, outputs, launcher, options).map_err(call("wait for descriptors"))?;
    prepared.last_due = last_due;
    prepared.name_units(now);
    prepared.oom_kills = OomKills::find();
    if prepared.oom_kills.as_ref().is_some_and(|kills| kills.all_at_once) {
        prepared.say(&Note::new(Level::Info, ALL_AT_ONCE));
    }
    for notice in notices {
        prepared.say(&Note::new(Level::Debug, notice));
    }
    for note in forgotten {
        prepared.say(&note);
    }
    if let Some(missed) = missed {
        prepared.say(&Note::new(Level::Warn, missed));
    }
    Ok(prepared)
}

/// Told before anything starts, not when some later start fails. What a plain init lacks shows at once.
pub(super) fn check_files(config: &Config, limit: Option<u64>) -> Result<(), BootError> {
    let (services, jobs) = (config.services.len() as u64, config.jobs.len() as u64);
    let runs = if jobs == 0 { 0 } else { FILES_PER_RUN * (jobs.min(RUNS_AT_A_TIME) + 1) };
    let besides: u64 = config.services.iter().map(files_besides).sum();
    let needed = OWN_FILES + FILES_PER_SERVICE * services + runs + besides;
    match limit {
        Some(limit) if services + jobs > 0 && limit < needed => Err(BootError::Files { needed, limit }),
        Some(_) | None => Ok(()),
    }
}

/// What a service needs besides its log pipes: a daemon has its pid file or itself watched, who notifies a socket, who
/// says that it is ready on a descriptor a pipe, who is probed a connection.
fn files_besides(service: &ServiceSpec) -> u64 {
    let extras = service.extras();
    let ready = match extras.ready.as_ref().map(|ready| &ready.kind) {
        Some(ReadyKind::Fd(_)) => 2,
        Some(ReadyKind::Probe(_)) => 1,
        Some(ReadyKind::Notify | ReadyKind::Log(_)) | None => 0,
    };
    let parts = [service.pidfile.is_some(), service.notifies(), extras.health.is_some()];
    ready + parts.into_iter().map(u64::from).sum::<u64>()
}

/// What the supervisor is to do: zones found, the main command in its place. `schedules` are the jobs', in order.
pub(super) fn plan(
    config: Config,
    schedules: Vec<Schedule>,
    command: Option<Vec<OsString>>,
    zones: &mut Zones,
) -> Result<Plan, BootError> {
    let default = config.settings.timezone.as_deref();
    let mut jobs = Vec::with_capacity(config.jobs.len());
    for (spec, schedule) in config.jobs.into_iter().zip(schedules) {
        let zone = zones.of_job(spec.manner.timezone.as_deref(), default)?;
        jobs.push(PlannedJob { spec, timing: Timing { schedule, zone }, last_due: None });
    }
    let main = command.map(|command| ProcessSpec { command, session: Session::Group, ..ProcessSpec::default() });
    let (shutdown_timeout, shutdown_delay) = (config.settings.shutdown_timeout, config.settings.shutdown_delay);
    Ok(Plan { services: config.services, jobs, main, shutdown_timeout, shutdown_delay, ..Plan::default() })
}

/// When jobs were last due that keep it; what is to be said of it.
fn recall(jobs: &mut [PlannedJob], last_due: &LastDue) -> Vec<Note> {
    let mut notes = Vec::new();
    for job in jobs.iter_mut().filter(|job| job.spec.manner.missed == Missed::Once) {
        match last_due.of(job.spec.name()) {
            Ok(known) => job.last_due = known,
            Err(why) => {
                notes.push(
                    Note::new(Level::Warn, format!("it isn't known when it was last due: {why}"))
                        .about(job.spec.name()),
                );
            }
        }
    }
    notes
}

/// The local time's offset from UTC in seconds, for stamps.
pub(super) fn offset(local: Rc<Zone>) -> outputs::Zone {
    Box::new(move |wall: Wall| local.span(wall.seconds()).offset)
}

/// Wingmate's own streams, which a main command has too.
fn outputs(log: LogSettings, local: Rc<Zone>, shared: bool) -> Outputs {
    let colour = std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
    let mut outputs = Outputs::new(log, offset(local), colour);
    outputs.share(shared);
    outputs
}
