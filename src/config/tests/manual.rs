//! The manual page of `wingmate.yaml` (packaging/man/), written from the table of keys and, for what it says besides, from
//! `applets/manual/wingmate.yaml.txt`, and that of the crontab; compared, or written, as those of the applets are (applets/manual.rs).

#[path = "../../../applets/manual/page.rs"]
mod page;

use super::*;
use crate::config::reading::{Key, Manual};
use page::{Block, Page, capital, literal, sections};

const CRONTAB: &str = include_str!("../../../applets/manual/wingmate-crontab.txt");
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
fn the_manual_has_a_page_of_the_crontab() {
    let mut page = Page::new("wingmate-crontab", 5, "cron jobs of wingmate, in the form of a crontab");
    page.section("SYNOPSIS");
    page.call("/etc/wingmate/crontab", "");
    for (heading, blocks) in sections(CRONTAB) {
        page.section(&heading);
        page.blocks(&blocks);
    }
    page.settle();
}

/// The texts among the examples of a piece of prose.
fn examples(prose: &str) -> Vec<String> {
    let sections = sections(prose);
    let (_, blocks) = sections.iter().find(|(heading, _)| heading == "EXAMPLES").expect("there are examples");
    let code = blocks.iter().filter_map(|block| match block {
        Block::Code(lines) => Some(lines.join("\n")),
        _ => None,
    });
    code.collect()
}

#[test]
fn the_manuals_examples_hold() {
    let (yaml, crontab) = (examples(PROSE), examples(CRONTAB));
    assert_eq!((yaml.len(), crontab.len()), (2, 1));
    assert!(yaml.into_iter().all(|text| !good(of_yaml(text)).config.services.is_empty()));
    for text in crontab {
        assert_eq!(good(of_crontab(text)).config.jobs.len(), 5);
    }
}

#[test]
fn the_manuals_macros_are_what_it_says() {
    let sections = sections(CRONTAB);
    let (_, blocks) = sections.iter().find(|(heading, _)| heading == "FIELDS").expect("there are fields");
    let mut seen = 0;
    for block in blocks {
        let Block::Term(names, said) = block else { continue };
        let (Some(name), [Block::Paragraph(fields)]) = (names.first(), said.as_slice()) else { continue };
        if let Some(fields) = fields.strip_prefix('`').and_then(|fields| fields.strip_suffix('`')) {
            let fields = Schedule::parse(fields).expect("the fields hold").schedule;
            for name in name.split(", ") {
                let name = name.trim_matches('`');
                assert_eq!(Schedule::parse(name).expect("the macro is known").schedule, fields, "{name}");
                seen += 1;
            }
        }
    }
    assert_eq!(seen, 7);
}
