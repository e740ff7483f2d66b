//! One name, one unit (spec/config.md): names of services and YAML jobs must not clash; a crontab entry is
//! named by its command and gives way.

use super::Place;
use super::problems::Problems;
use super::schema::Top;
use crate::model::unit::{MAIN, WINGMATE};
use crate::text::diagnostic::{Problem, Severity};
use crate::text::source::Source;
use std::collections::{BTreeMap, BTreeSet};

/// Settles the names of all units. The first `yaml_services` services and `yaml_jobs` jobs are from YAML.
pub fn settle(top: &mut Top, yaml_services: usize, yaml_jobs: usize, sources: &[Source], problems: &mut Problems) {
    let mut taken: BTreeMap<String, Place> = BTreeMap::new();
    let (in_yaml, in_directory) = top.services.split_at(yaml_services.min(top.services.len()));
    let yaml_jobs = yaml_jobs.min(top.jobs.len());
    let (jobs, entries) = top.jobs.split_at_mut(yaml_jobs);
    let services = in_yaml.iter().map(|found| (&found.spec.name, found.name));
    let jobs = jobs.iter().map(|found| (&found.spec.name, found.name));
    let programs = in_directory.iter().map(|found| (&found.spec.name, found.name));
    for (name, place) in services.chain(jobs).chain(programs) {
        match taken.get(name) {
            None => drop(taken.insert(name.clone(), place)),
            Some(first) => clash(name, place, *first, sources, problems),
        }
    }
    give_way(entries.iter_mut().map(|found| &mut found.spec.name), taken);
}

fn clash(name: &str, place: Place, first: Place, sources: &[Source], problems: &mut Problems) {
    let source = |place: Place| sources.get(place.source as usize);
    let (Some(here), Some(there)) = (source(place), source(first)) else { return };
    let there = match first.span {
        Some(span) => format!("{}:{}", there.file, span.at),
        None => there.file.clone(),
    };
    let message =
        format!("the name '{name}' is taken already by {there}; names are unique over services and cron jobs");
    match place.span {
        Some(span) => problems.add(here, Severity::Error, span, message),
        None => problems.push(Problem::of_file(Severity::Error, here.file.clone(), message)),
    }
}

/// Adds `-2`, `-3` … to names that are taken, in file order.
fn give_way<'a>(names: impl Iterator<Item = &'a mut String>, taken: BTreeMap<String, Place>) {
    let mut taken: BTreeSet<String> = taken.into_keys().chain([MAIN.to_owned(), WINGMATE.to_owned()]).collect();
    // The number that a name comes to next, so that ten thousand entries of one command aren't a search each.
    let mut next: BTreeMap<String, u32> = BTreeMap::new();
    for name in names {
        if taken.contains(name) {
            let number = next.entry(name.clone()).or_insert(2);
            let mut free = format!("{name}-{number}");
            while taken.contains(&free) {
                *number = number.saturating_add(1);
                free = format!("{name}-{number}");
            }
            *number = number.saturating_add(1);
            free.shrink_to_fit();
            *name = free;
        }
        taken.insert(name.clone());
    }
}

/// The name of an entry whose command's first word is this: its basename, with `_` for what names can't have.
pub fn of_command(word: &str) -> String {
    let base = word.trim_end_matches('/').rsplit('/').next().unwrap_or_default();
    let allowed = |c: char| if c.is_ascii_alphanumeric() || "._@-".contains(c) { c } else { '_' };
    let name: String = base.chars().map(allowed).collect();
    // A name begins with a letter or digit.
    let name = name.trim_start_matches(|c: char| !c.is_ascii_alphanumeric());
    if name.is_empty() { "job".to_owned() } else { name.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_are_named_by_their_command() {
        for (word, name) in [
            ("/etc/wingmate/crontab.d/cron1.sh", "cron1.sh"),
            ("run-parts", "run-parts"),
            ("my job", "my_job"),
            ("/opt/é.sh", "sh"),
            ("a+b", "a_b"),
            (".hidden.sh", "hidden.sh"),
            ("(cd", "cd"),
            ("/", "job"),
            ("", "job"),
        ] {
            assert_eq!(of_command(word), name, "{word}");
            assert!(crate::model::unit::check_name(&of_command(word)).is_ok());
        }
    }

    #[test]
    fn taken_names_get_numbers() {
        let mut names: Vec<String> =
            ["a", "a", "a-2", "web", "a", "main", "wingmate", "a-2"].iter().map(|name| (*name).into()).collect();
        let place = Place { source: 0, span: None };
        give_way(names.iter_mut(), BTreeMap::from([("web".to_owned(), place)]));
        assert_eq!(names, ["a", "a-2", "a-2-2", "web-2", "a-3", "main-2", "wingmate-2", "a-2-3"]);
    }
}
