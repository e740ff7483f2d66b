//! `wingmate next`: when an expression, or each configured job, fires next.

use crate::applet::{Applet, CONFIG, Line, Operands, Opt, fail, print, wrong_usage};
use std::ffi::OsString;
use std::fmt::Write;
use std::path::Path;
use std::rc::Rc;
use wingmate::model::moment::Wall;
use wingmate::model::table::Agenda;
use wingmate::model::unit::UnitId;
use wingmate::runtime::configuration;
use wingmate::runtime::zones::Zones;
use wingmate::schedule::next::next;
use wingmate::schedule::stamp::{self, Stamp};
use wingmate::schedule::zone::Zone;
use wingmate::schedule::{Parsed, Schedule};
use wingmate::sys::{clock, stdio};
use wingmate::text::diagnostic::Excerpt;

pub static APPLET: Applet = Applet {
    name: "next",
    alias: None,
    summary: "show when a cron expression or the configured jobs fire next",
    usage: "[--from TIME] [--tz ZONE] [-n COUNT] [EXPR]",
    about: "Prints the coming fire times of EXPR, five cron fields or a macro as in a crontab (quote it: it is one \
            operand), strictly after TIME: one RFC 3339 time with offset a line.\n\
            Without EXPR it prints those of every job of the configuration, each with the job's name behind it, in \
            order of time.\n\
            @every is counted from TIME on; @reboot has no times.",
    options: &[
        Opt {
            long: "from",
            value: Some("TIME"),
            default: Some("now"),
            help: "a time such as 2027-08-19T13:23:00+01:00; without an offset it is the zone's",
            ..Opt::PLAIN
        },
        Opt {
            long: "tz",
            value: Some("ZONE"),
            help: "zone of EXPR, or of the jobs that name none: Europe/Berlin or CET-1CEST,M3.5.0,M10.5.0/3; without \
                   it the configuration's (jobs only), TZ, /etc/localtime, UTC",
            ..Opt::PLAIN
        },
        Opt {
            short: Some('n'),
            long: "count",
            value: Some("COUNT"),
            default: Some("1"),
            help: "how many times, of each job if there is no EXPR",
            ..Opt::PLAIN
        },
        Opt { help: "configuration: a directory, or one .yaml file; read if there is no EXPR", ..CONFIG },
    ],
    operands: Operands::Any,
    statuses: &[("0", "done"), ("1", "the expression, the zone or the configuration is invalid"), ("2", "wrong usage")],
    run,
};

/// What the options ask for.
struct Wish {
    /// As written; what it means depends on the zone.
    from: Option<String>,
    zone: Option<String>,
    count: u32,
}

fn run(line: &Line) -> u8 {
    let wish = match wish(line) {
        Ok(wish) => wish,
        Err(text) => return wrong_usage(&APPLET, &text),
    };
    match line.operands() {
        [] => jobs(&line.config(), &wish),
        [text] => expression(&text.to_string_lossy(), &wish),
        words => wrong_usage(&APPLET, &unquoted(words)),
    }
}

/// What is said of several operands: most likely an expression that the shell has split.
fn unquoted(words: &[OsString]) -> String {
    let joined = words.iter().map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ");
    match Schedule::parse(&joined) {
        Ok(_) => format!("next takes one expression; quote it: wingmate next '{joined}'"),
        Err(_) => {
            "next takes one expression; quote it, or the shell makes file names of a *: wingmate next '*/5 * * * *'"
                .into()
        }
    }
}

fn wish(line: &Line) -> Result<Wish, String> {
    let from = line.text("from")?;
    if let Some(from) = &from {
        stamp::read(from, &Zone::utc()).map_err(|error| format!("--from: {error}"))?;
    }
    let number = |text: &str| text.parse::<u32>().ok().filter(|count| *count > 0).ok_or("a number from 1 on is needed");
    let count = line.parsed("count", number)?.unwrap_or(1);
    Ok(Wish { from, zone: line.text("tz")?, count })
}

impl Wish {
    /// The time after which the firings of that zone are shown.
    fn start(&self, zone: &Zone) -> Wall {
        let from = self.from.as_deref().and_then(|from| stamp::read(from, zone).ok());
        from.unwrap_or_else(|| clock::now().wall)
    }
}

/// The times of one expression, each on its line.
fn expression(text: &str, wish: &Wish) -> u8 {
    let parsed = match Schedule::parse(text) {
        Ok(parsed) => parsed,
        Err(errors) => {
            errors.iter().for_each(|error| point(text, &error.at, &error.to_string()));
            return 1;
        }
    };
    let Parsed { schedule, remarks } = parsed;
    remarks.iter().for_each(|remark| point(text, &remark.at, &format!("warning: {}", remark.text)));
    if schedule == Schedule::Reboot {
        fail(&APPLET, "@reboot has no times: it runs once, when wingmate starts");
        return 0;
    }
    let zone = match Zones::from_environment().of_job(wish.zone.as_deref(), None) {
        Ok(zone) => zone,
        Err(error) => return failed(&error.to_string()),
    };
    show(&mut [Row::new(schedule, zone, None, wish)], wish)
}

/// Says what is wrong with a part of the expression, and shows it.
fn point(text: &str, at: &std::ops::Range<usize>, message: &str) {
    fail(&APPLET, message);
    stdio::err(&format!("{}\n", Excerpt::new(text, at.start + 1, at.len())));
}

fn failed(text: &str) -> u8 {
    fail(&APPLET, text);
    1
}

/// A schedule whose times are shown.
struct Row<'a> {
    schedule: Schedule,
    zone: Rc<Zone>,
    /// The job's.
    name: Option<&'a str>,
    /// How many times are still to be shown.
    left: u32,
}

impl<'a> Row<'a> {
    fn new(schedule: Schedule, zone: Rc<Zone>, name: Option<&'a str>, wish: &Wish) -> Row<'a> {
        Row { schedule, zone, name, left: wish.count }
    }

    /// Its first firing after `at`, unless all that are wanted were shown.
    fn after(&self, at: Wall) -> Option<Wall> {
        match &self.schedule {
            _ if self.left == 0 => None,
            Schedule::Cron(expression) => next(expression, &self.zone, at),
            Schedule::Every(every) => {
                let every = i64::try_from(every.as_nanos()).ok()?;
                at.nanos().checked_add(every).map(Wall::from_nanos)
            }
            Schedule::Reboot => None,
        }
    }
}

/// How much is collected before it is printed: any count is answered in bounded memory.
const PAGE: usize = 64 * 1024;

/// Prints the times of all rows, in order; of two at the same time that of the upper row first.
fn show(rows: &mut [Row<'_>], wish: &Wish) -> u8 {
    let mut coming = Agenda::default();
    let first = |(number, row): (UnitId, &Row<'_>)| row.after(wish.start(&row.zone)).map(|at| (at, number));
    coming.insert_all((0..).map(UnitId).zip(&*rows).filter_map(first).collect());
    let mut page = String::new();
    while let Some(at) = coming.first() {
        for (at, number) in coming.take_due(at) {
            let Some(row) = rows.get_mut(number.0 as usize) else { continue };
            let (blank, name) = row.name.map_or(("", ""), |name| (" ", name));
            let _ = writeln!(page, "{}{blank}{name}", Stamp { at, zone: &row.zone });
            row.left -= 1;
            row.after(at).into_iter().for_each(|at| coming.insert(at, number));
        }
        if page.len() > PAGE {
            match stdio::out(&page) {
                Ok(()) => page.clear(),
                // A reader that has gone ends it.
                Err(_) => break,
            }
        }
    }
    print(&APPLET, &page)
}

/// The times of all jobs, in order, each with its job's name.
fn jobs(config: &Path, wish: &Wish) -> u8 {
    let mut zones = Zones::from_environment();
    let loaded = configuration::load(config, &mut zones);
    for problem in &loaded.problems {
        stdio::err(&format!("{problem}\n"));
    }
    if loaded.failed() {
        return 1;
    }
    let default = wish.zone.as_deref().or(loaded.config.settings.timezone.as_deref());
    if loaded.config.jobs.is_empty() {
        fail(&APPLET, &format!("there are no cron jobs (looked in {})", loaded.looked_in));
    }
    let mut rows = Vec::with_capacity(loaded.config.jobs.len());
    for (job, schedule) in loaded.config.jobs.iter().zip(&loaded.schedules) {
        let zone = match zones.of_job(job.manner.timezone.as_deref(), default) {
            Ok(zone) => zone,
            Err(error) => return failed(&error.to_string()),
        };
        if *schedule == Schedule::Reboot {
            fail(&APPLET, &format!("{} has no times: it runs once, when wingmate starts", job.name()));
        }
        rows.push(Row::new(*schedule, zone, Some(job.name()), wish));
    }
    show(&mut rows, wish)
}
