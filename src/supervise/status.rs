//! What is shown of the units' states: the table that SIGUSR1 puts into the log.

use super::service::Service;
use super::standing::{End, Standing};
use super::{Supervisor, Unit};
use crate::model::moment::{Now, Spoken};
use crate::model::unit::{MAIN, Pid};

impl Supervisor {
    /// The status table, a line a unit below its header.
    pub fn status(&self, now: Now) -> Vec<String> {
        let mut rows = vec![["UNIT", "STATE", "PID", "UP", "RESTARTS", "LAST EXIT", "NOTE"].map(str::to_owned)];
        for unit in &self.units {
            rows.push(match unit {
                Unit::Service(service) => self.service_row(service, now),
                Unit::Gone => continue,
                Unit::Job(job) => [
                    job.spec.name.clone(),
                    job.state_name().to_owned(),
                    number(job.pid()),
                    dash(),
                    format!("{} runs", job.counts.runs),
                    job.last_exit.map_or_else(dash, |exit| exit.status().to_string()),
                    String::new(),
                ],
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
