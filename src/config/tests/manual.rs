//! The manual page of `wingmate.yaml` (packaging/man/), written from the table of keys and, for what it says besides, from
//! `applets/manual/wingmate.yaml.txt`; compared, or written, as those of the applets are (applets/manual.rs).

#[path = "../../../applets/manual/page.rs"]
mod page;

use super::*;
use crate::config::reading::{Key, Manual};
use page::{Block, Page, capital, literal, sections};

const PROSE: &str = include_str!("../../../applets/manual/wingmate.yaml.txt");

/// Keys as the page has them.
type Rows = Vec<(&'static str, &'static Manual)>;

fn rows<D>(keys: &'static [Key<D>]) -> Rows {
    keys.iter().map(|key| (key.name, &key.manual)).collect()
}

/// Every table, under what it is called in the page and, where it is a map within, whose.
fn tables() -> Vec<(&'static str, &'static str, Rows)> {
    vec![
        ("TOP LEVEL", "", rows(keys::TOP)),
        ("KEYS OF SERVICES AND JOBS", "", rows(keys::PROCESS)),
        ("", "stop", rows(keys::STOP)),
        ("", "an entry of secrets", rows(keys::SECRET)),
        ("KEYS OF SERVICES", "", rows(keys::SERVICE)),
        ("", "an entry of depends_on", rows(keys::NEED)),
        ("", "ready", rows(keys::READY)),
        ("", "health", rows(keys::HEALTH)),
        ("", "backoff", rows(keys::BACKOFF)),
        ("", "max_restarts", rows(keys::MAX_RESTARTS)),
        ("", "pre_start and post_stop", rows(keys::HOOK)),
        ("KEYS OF JOBS", "", rows(keys::JOB)),
        ("", "retries", rows(keys::RETRIES)),
        ("SETTINGS", "log", rows(keys::LOG)),
        ("", "shutdown", rows(keys::SHUTDOWN)),
    ]
}

#[test]
fn the_manual_says_what_the_table_of_keys_says() {
    let mut prose = sections(PROSE);
    let mut page = Page::new("wingmate.yaml", 5, "configuration of wingmate's services and cron jobs");
    page.section("SYNOPSIS");
    page.call("/etc/wingmate/wingmate.yaml", "");
    for heading in ["DESCRIPTION", "FORMAT"] {
        part(&mut page, &mut prose, heading);
    }
    for (heading, within, rows) in tables() {
        if !heading.is_empty() {
            page.section(heading);
        }
        if !within.is_empty() {
            page.blocks(&[Block::Heading(format!("In {within}"))]);
        }
        let is_probe = ["ready", "health"].contains(&within);
        for (name, manual) in rows {
            page.term(&[format!("\\fB{}\\fR: {}", literal(name), literal(manual.kind))]);
            page.said(&[Block::Paragraph(said(manual, is_probe))]);
        }
    }
    for heading in ["ENVIRONMENT", "FILES", "EXAMPLES", "SEE ALSO"] {
        part(&mut page, &mut prose, heading);
    }
    assert!(prose.is_empty(), "no place is known for {prose:?}");
    page.settle();
}

fn part(page: &mut Page, prose: &mut Vec<(String, Vec<Block>)>, heading: &str) {
    let place = prose.iter().position(|(name, _)| name == heading).unwrap_or_else(|| panic!("there is no {heading}"));
    page.section(heading);
    page.blocks(&prose.remove(place).1);
}

fn said(manual: &Manual, is_probe: bool) -> String {
    let default = match manual.default {
        "required" => " Required.".to_owned(),
        // One of several that exclude each other.
        "none" if is_probe => String::new(),
        default => format!(" Default: {default}."),
    };
    format!("{}.{default}", capital(manual.meaning))
}

#[test]
fn the_manual_has_every_table_of_keys() {
    let files = [
        include_str!("../keys.rs"),
        include_str!("../keys/job.rs"),
        include_str!("../keys/probes.rs"),
        include_str!("../keys/process.rs"),
        include_str!("../keys/service.rs"),
    ];
    let there: usize = files
        .iter()
        .flat_map(|file| file.lines())
        .filter(|line| line.starts_with("pub const ") && line.contains("[Key<"))
        .count();
    assert_eq!(tables().len(), there, "tables of keys that the manual has, and that there are");
}

#[test]
fn the_manuals_examples_of_wingmate_yaml_hold() {
    let sections = sections(PROSE);
    let (_, blocks) = sections.iter().find(|(heading, _)| heading == "EXAMPLES").expect("there are examples");
    let mut seen = 0;
    for block in blocks {
        if let Block::Code(lines) = block {
            good(of_yaml(lines.join("\n")));
            seen += 1;
        }
    }
    assert!(seen > 1, "{blocks:?}");
}
