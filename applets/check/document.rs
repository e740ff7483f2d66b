//! What `check --format json` prints: one document, for other programs.

use super::{lossy, probe, sign, zone_of};
use std::fmt::Write;
use std::time::Duration;
use wingmate::config::Loaded;
use wingmate::model::command::ProcessSpec;
use wingmate::model::job::{Manner, Retries};
use wingmate::model::service::Dependency;
use wingmate::text::diagnostic::{Problem, Severity};
use wingmate::text::json::push_string;

/// `{"v":1,"ok":…,"problems":[…],"units":[…]}`
pub fn of(loaded: &Loaded, ok: bool, nothing: bool) -> String {
    let mut json = format!("{{\"v\":1,\"ok\":{ok},\"problems\":[");
    for problem in &loaded.problems {
        push_problem(&mut json, problem);
    }
    if nothing {
        let path = loaded.looked_in.as_str();
        push_problem(&mut json, &Problem::of_file(Severity::Error, path, loaded.nothing_to_run()));
    }
    json.push_str("],\"units\":[");
    // What was read of a broken configuration isn't what it asks for.
    if ok {
        for (spec, _) in loaded.in_start_order() {
            push_unit(&mut json, "service", &spec.name, &spec.process);
            let _ = write!(
                json,
                ",\"restart\":\"{}\",\"oneshot\":{},\"autostart\":{},\"critical\":{},\"depends_on\":[",
                spec.restart.name(),
                spec.oneshot,
                spec.autostart,
                spec.critical
            );
            push_needs(&mut json, &spec.depends_on);
            let extras = spec.extras();
            let ready = extras.ready.as_ref().map(|ready| sign(&ready.kind));
            let health = extras.health.as_ref().map(|health| probe(&health.probe));
            push_text(&mut json, "],\"ready\":", ready.as_deref());
            push_text(&mut json, ",\"health\":", health.as_deref());
            json.push('}');
        }
        for ((spec, _), schedule) in loaded.jobs().zip(&loaded.schedules) {
            push_unit(&mut json, "job", spec.name(), &spec.process());
            push_text(&mut json, ",\"schedule\":", Some(spec.schedule()));
            push_text(&mut json, ",\"description\":", schedule.describe().as_deref());
            push_text(&mut json, ",\"timezone\":", zone_of(loaded, spec));
            push_manner(&mut json, &spec.manner);
            json.push('}');
        }
    }
    json.push_str("]}\n");
    json
}

fn push_needs(json: &mut String, needs: &[Dependency]) {
    for need in needs {
        separate(json);
        push_text(json, "{\"name\":", Some(&need.name));
        push_text(json, ",\"condition\":", Some(need.condition.name()));
        json.push('}');
    }
}

fn push_manner(json: &mut String, manner: &Manner) {
    let timeout = manner.timeout.map_or_else(|| "null".into(), seconds);
    let Retries { count, delay } = manner.retries;
    let _ = write!(
        json,
        ",\"overlap\":\"{}\",\"timeout\":{timeout},\"jitter\":{},\"retries\":{{\"count\":{count},\"delay\":{}}},\
         \"on_boot\":{},\"missed\":\"{}\",\"critical\":{},\"depends_on\":[",
        manner.overlap.name(),
        seconds(manner.jitter),
        seconds(delay),
        manner.on_boot,
        manner.missed.name(),
        manner.critical
    );
    push_needs(json, &manner.depends_on);
    json.push(']');
}

/// A duration in seconds, as a number. (The formatting of floats would be several kilobytes.)
fn seconds(duration: Duration) -> String {
    let text = format!("{}.{:09}", duration.as_secs(), duration.subsec_nanos());
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

fn push_problem(json: &mut String, problem: &Problem) {
    separate(json);
    push_text(json, "{\"file\":", Some(&problem.file));
    if let Some(span) = problem.span {
        let _ = write!(json, ",\"line\":{},\"column\":{}", span.at.line, span.at.column);
    } else {
        json.push_str(",\"line\":null,\"column\":null");
    }
    let _ = write!(json, ",\"severity\":\"{}\"", problem.severity.name());
    push_text(json, ",\"message\":", Some(&problem.message));
    json.push('}');
}

/// What services and jobs have in common; the object is left open.
fn push_unit(json: &mut String, kind: &str, name: &str, process: &ProcessSpec) {
    separate(json);
    let _ = write!(json, "{{\"kind\":\"{kind}\"");
    push_text(json, ",\"name\":", Some(name));
    json.push_str(",\"command\":[");
    for word in &process.command {
        separate(json);
        push_string(json, &lossy(word));
    }
    json.push(']');
    push_text(json, ",\"user\":", process.identity.user.as_deref());
    push_text(json, ",\"group\":", process.identity.group.as_deref());
    json.push_str(",\"secrets\":[");
    for secret in &process.extras().secrets {
        separate(json);
        push_text(json, "{\"name\":", Some(&secret.name));
        json.push_str(",\"value\":\"***\"}");
    }
    json.push(']');
}

fn push_text(json: &mut String, key: &str, text: Option<&str>) {
    json.push_str(key);
    match text {
        Some(text) => push_string(json, text),
        None => json.push_str("null"),
    }
}

/// A comma, unless this is a list's first.
fn separate(json: &mut String) {
    if !json.ends_with('[') {
        json.push(',');
    }
}
