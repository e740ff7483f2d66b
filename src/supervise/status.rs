//! What is shown of the units' states: the table that SIGUSR1 puts into the log.

use super::activity::Activity;
use super::job::Job;
use super::service::Service;
use super::standing::{End, Standing};
use super::{Supervisor, Unit};
use crate::model::moment::{Now, Spoken, Wall};
use crate::model::table::Table;
use crate::model::unit::{MAIN, Pid, UnitId};

impl Supervisor {
    /// The status table, a line a unit below its header.
    pub fn status(&self, now: Now) -> Vec<String> {
        let mut rows = vec![["UNIT", "STATE", "PID", "UP", "RESTARTS", "LAST EXIT", "NOTE"].map(str::to_owned)];
        let coming: Table<UnitId, Wall> = Table::from_rows(self.queue.coming(now).collect());
        for (unit, machine) in self.table() {
            rows.push(match machine {
                Unit::Service(service) => self.service_row(service, now),
                Unit::Gone => continue,
                Unit::Job(job) => job_row(job, coming.get(&unit).copied(), now),
                Unit::Main(main) => {
                    let (state, pid) = main.shown();
                    let exit = main.end().map_or_else(dash, |end| end.status().to_string());
                    [MAIN.to_owned(), state.to_owned(), number(pid), dash(), dash(), exit, String::new()]
                }
            });
        }
        aligned(&rows)
    }

    fn service_row(&self, service: &Service, now: Now) -> [String; 7] {
        let standing = service.standing();
        let (pid, up, note) = match standing {
            Standing::Running { pid, since } => {
                let after = service.ready_after().map(|took| format!("ready after {}", Spoken(took)));
                (Some(pid), Spoken(now.mono.since(since)).to_string(), after.unwrap_or_default())
            }
            Standing::Starting { pid } | Standing::Stopping { pid } => (pid, dash(), String::new()),
            Standing::Backoff { until } => (None, dash(), format!("restart in {}", Spoken(until.since(now.mono)))),
            Standing::Waiting => (None, dash(), self.waits_for(service.unit()).unwrap_or_default()),
            Standing::Stopped | Standing::Done | Standing::Failed => (None, dash(), String::new()),
        };
        let said = service.status.as_deref().map(str::to_owned);
        [
            service.spec.name.clone(),
            standing.name().to_owned(),
            number(pid),
            up,
            service.record.restarts.to_string(),
            service.last_end.as_ref().map_or_else(dash, |end: &End| end.status().to_string()),
            said.unwrap_or(note),
        ]
    }
}

/// A run that is under way shows for how long; else the note tells of the last one and the next.
fn job_row(job: &Job, next: Option<Wall>, now: Now) -> [String; 7] {
    let shown = job.shown();
    let (counts, last) = shown.map_or_else(Default::default, |activity| (activity.counts, activity.last));
    let (pid, since) = shown.and_then(Activity::latest).unzip();
    let stamp = |at| job.stamp(at);
    let parts = [
        shown.and_then(|activity| activity.told.clone()),
        (counts.failures > 0).then(|| format!("{} failed", counts.failures)),
        (counts.skipped > 0).then(|| format!("{} skipped", counts.skipped)),
        (counts.missed > 0).then(|| format!("{} missed", counts.missed)),
        last.start.map(|at| format!("last {}", stamp(at))),
        last.took.map(|took| format!("took {}", Spoken(took))),
        next.map(|at| format!("next {}", stamp(at))),
    ];
    [
        job.spec.name().to_owned(),
        job.state_name().to_owned(),
        number(pid),
        since.map_or_else(dash, |since| Spoken(now.mono.since(since)).to_string()),
        format!("{} run{}", counts.runs, if counts.runs == 1 { "" } else { "s" }),
        last.exit.map_or_else(dash, |exit| exit.status().to_string()),
        parts.into_iter().flatten().collect::<Vec<_>>().join(", "),
    ]
}

fn dash() -> String {
    "-".to_owned()
}

fn number(pid: Option<Pid>) -> String {
    pid.map_or_else(dash, |pid| pid.to_string())
}

/// Columns as wide as their widest cell.
fn aligned(rows: &[[String; 7]]) -> Vec<String> {
    let mut widths = [0; 7];
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    rows.iter()
        .map(|row| {
            let cells: Vec<String> = row.iter().zip(widths).map(|(cell, width)| format!("{cell:<width$}")).collect();
            cells.join("  ").trim_end().to_owned()
        })
        .collect()
}
