//! One name, one unit (spec/config.md): names of services and YAML jobs must not clash; a crontab entry is
//! named by its command and gives way.

use super::Place;
use super::problems::Problems;
use super::schema::Top;
use crate::model::job::JobSpec;
use crate::model::service::ServiceSpec;
use crate::model::unit::{MAIN, WINGMATE};
use crate::text::diagnostic::Severity;
use crate::text::index::Index;
use crate::text::source::Source;
use std::fmt::Write;

/// Settles the names of all units. The first `yaml_services` services and `yaml_jobs` jobs are from YAML.
pub fn settle(top: &mut Top, yaml_services: usize, yaml_jobs: usize, sources: &[Source], problems: &mut Problems) {
    // Where each name was first taken: its number in `places`.
    let (mut taken, mut places) = (Index::new(), Vec::new());
    let (in_yaml, in_directory) = top.services.split_at(yaml_services.min(top.services.len()));
    let yaml_jobs = yaml_jobs.min(top.jobs.len());
    let (jobs, entries) = top.jobs.split_at_mut(yaml_jobs);
    let services = in_yaml.iter().flat_map(|found| of_service(&found.spec).map(|name| (name.as_str(), found.name)));
    let jobs = jobs.iter().map(|found| (found.spec.spec.name(), found.name));
    let programs = in_directory.iter().map(|found| (found.spec.name.as_str(), found.name));
    for (name, place) in services.chain(jobs).chain(programs) {
        match taken.get(name).and_then(|first| places.get(*first)) {
            None => {
                taken.insert(name.into(), places.len());
                places.push(place);
            }
            Some(first) => clash(name, place, *first, sources, problems),
        }
    }
    give_way(entries.iter_mut().map(|found| &mut found.spec.spec), taken);
}

/// The name of a service; the first of several copies also takes the one that they have together.
fn of_service(spec: &ServiceSpec) -> impl Iterator<Item = &String> {
    let base = spec.extras().base.as_ref();
    let is_first = |base: &&String| spec.name.strip_prefix(base.as_str()) == Some(FIRST_COPY);
    base.filter(is_first).into_iter().chain([&spec.name])
}

/// What the first copy of a service has behind its name.
pub const FIRST_COPY: &str = "-1";

fn clash(name: &str, place: Place, first: Place, sources: &[Source], problems: &mut Problems) {
    let there = first.spoken(sources);
    let message =
        format!("the name '{name}' is taken already by {there}; names are unique over services and cron jobs");
    problems.at(sources, place, Severity::Error, message);
}

/// What the second entry of a name has behind it.
const SECOND: usize = 2;

/// Adds `-2`, `-3` … to names that are taken, in file order.
fn give_way<'a>(entries: impl Iterator<Item = &'a mut JobSpec>, taken: Index<'_>) {
    // Names with the number that an entry of that name gets next: all below it are taken, so that ten thousand
    // entries of one command aren't a search each, and the names that are made needn't be kept.
    let mut next = taken;
    next.values_mut().for_each(|number| *number = SECOND);
    next.extend([MAIN, WINGMATE].map(|own| (own.into(), SECOND)));
    let mut numbered = String::new();
    for spec in entries {
        let name = spec.name();
        let known = next.get(name).copied();
        if known.is_none() && !is_made(name, &next) {
            next.insert(name.to_owned().into(), SECOND);
            continue;
        }
        let mut number = known.unwrap_or(SECOND);
        loop {
            numbered.clear();
            numbered.push_str(name);
            let _ = write!(numbered, "-{number}");
            number = number.saturating_add(1);
            if !next.contains_key(numbered.as_str()) {
                break;
            }
        }
        match next.get_mut(name) {
            Some(next) => *next = number,
            None => drop(next.insert(name.to_owned().into(), number)),
        }
        *spec = spec.renamed(&numbered);
    }
}

/// Whether a name was made of another one and a number.
fn is_made(name: &str, next: &Index<'_>) -> bool {
    let Some((base, digits)) = name.rsplit_once('-') else { return false };
    let number = digits.parse().ok().filter(|number: &usize| *number >= SECOND && number.to_string() == digits);
    number.is_some_and(|number| next.get(base).is_some_and(|next| number < *next))
}

/// The name of an entry whose command's first word is this: its basename, with `_` for what names can't have.
pub fn of_command(word: &str) -> String {
    let word = word.trim_end_matches('/');
    let base = memchr::memrchr(b'/', word.as_bytes()).and_then(|at| word.get(at + 1..)).unwrap_or(word);
    // A name begins with a letter or digit.
    let first = base.bytes().position(|b| b.is_ascii_alphanumeric()).unwrap_or(base.len());
    let base = base.get(first..).filter(|base| !base.is_empty()).unwrap_or("job");
    if base.bytes().all(is_allowed) {
        return base.to_owned();
    }
    base.chars().map(|c| if u8::try_from(c).is_ok_and(is_allowed) { c } else { '_' }).collect()
}

fn is_allowed(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'@' | b'-')
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::rc::Rc;

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
        let entry = |name: &str| JobSpec::new(name, std::iter::empty(), Rc::default());
        let mut entries = ["a", "a", "a-2", "web", "a", "main", "wingmate", "a-2"].map(entry);
        give_way(entries.iter_mut(), Index::from([("web".into(), 0)]));
        let names: Vec<&str> = entries.iter().map(JobSpec::name).collect();
        assert_eq!(names, ["a", "a-2", "a-2-2", "web-2", "a-3", "main-2", "wingmate-2", "a-2-3"]);
    }
}
