//! One name, one unit (spec/config.md): names of services and YAML jobs must not clash; a crontab entry is
//! named by its command and gives way.

use super::Place;
use super::problems::Problems;
use super::schema::Top;
use crate::model::service::ServiceSpec;
use crate::model::unit::{MAIN, WINGMATE};
use crate::text::diagnostic::Severity;
use crate::text::index::Index;
use crate::text::source::Source;
use std::borrow::Cow;
use std::fmt::Write;

/// Settles the names of all units but crontab entries, and gives what is left for those. The first `yaml_services`
/// services are from YAML.
pub fn settle(top: &Top, yaml_services: usize, sources: &[Source], problems: &mut Problems) -> Names {
    // Where each name was first taken: its number in `places`.
    let (mut taken, mut places) = (Index::new(), Vec::new());
    let (in_yaml, in_directory) = top.services.split_at(yaml_services.min(top.services.len()));
    let services = in_yaml.iter().flat_map(|found| of_service(&found.spec).map(|name| (name.as_str(), found.name)));
    let jobs = top.jobs.iter().map(|found| (found.spec.spec.name(), found.name));
    let programs = in_directory.iter().map(|found| (found.spec.name.as_str(), found.name));
    for (name, place) in services.chain(jobs).chain(programs) {
        match taken.get(name).and_then(|first| places.get(*first)) {
            None => {
                taken.insert(name.to_owned().into(), places.len());
                places.push(place);
            }
            Some(first) => clash(name, place, *first, sources, problems),
        }
    }
    Names::new(taken)
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

/// Names for the entries of a crontab: those that are taken get `-2`, `-3` … in file order.
pub struct Names {
    /// Names with the number that an entry of that name gets next: all below it are taken, so that ten thousand
    /// entries of one command aren't a search each, and the names that are made needn't be kept.
    next: Index<'static>,
    /// The name that was asked for last, and its number, which isn't in `next` yet: neighbours often have the same.
    last: (String, usize),
    made: String,
}

impl Names {
    fn new(taken: Index<'static>) -> Names {
        let mut next = taken;
        next.values_mut().for_each(|number| *number = SECOND);
        next.extend([MAIN, WINGMATE].map(|own| (own.into(), SECOND)));
        Names { next, last: (String::new(), SECOND), made: String::new() }
    }

    /// The name of the next entry, whose command would give it this one.
    pub fn give<'a>(&'a mut self, name: &'a str) -> &'a str {
        if self.last.0 != name {
            let (last, number) = std::mem::take(&mut self.last);
            if let Some(next) = self.next.get_mut(last.as_str()) {
                *next = number;
            }
            let known = self.next.get(name).copied();
            let is_new = known.is_none() && !is_made(name, &self.next);
            if known.is_none() {
                self.next.insert(name.to_owned().into(), SECOND);
            }
            self.last = (name.to_owned(), known.unwrap_or(SECOND));
            if is_new {
                return name;
            }
        }
        loop {
            let number = self.last.1;
            self.last.1 = number.saturating_add(1);
            self.made.clear();
            let _ = write!(self.made, "{name}-{number}");
            if !self.next.contains_key(self.made.as_str()) {
                return &self.made;
            }
        }
    }
}

/// Whether a name was made of another one and a number.
fn is_made(name: &str, next: &Index<'_>) -> bool {
    let Some((base, digits)) = name.rsplit_once('-') else { return false };
    let number = digits.parse().ok().filter(|number: &usize| *number >= SECOND && number.to_string() == digits);
    number.is_some_and(|number| next.get(base).is_some_and(|next| number < *next))
}

/// The name of an entry whose command's first word is this: its basename, with `_` for what names can't have.
pub fn of_command(word: &str) -> Cow<'_, str> {
    let word = word.trim_end_matches('/');
    let base = memchr::memrchr(b'/', word.as_bytes()).and_then(|at| word.get(at + 1..)).unwrap_or(word);
    // A name begins with a letter or digit.
    let first = base.bytes().position(|b| b.is_ascii_alphanumeric()).unwrap_or(base.len());
    let base = base.get(first..).filter(|base| !base.is_empty()).unwrap_or("job");
    if base.bytes().all(is_allowed) {
        return Cow::Borrowed(base);
    }
    base.chars().map(|c| if u8::try_from(c).is_ok_and(is_allowed) { c } else { '_' }).collect()
}

fn is_allowed(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'@' | b'-')
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
        let mut names = Names::new(Index::from([("web".into(), 0)]));
        let wanted = ["a", "a", "a-2", "web", "a", "main", "wingmate", "a-2", "a-2", "a"];
        let given = wanted.map(|name| names.give(name).to_owned());
        assert_eq!(given, ["a", "a-2", "a-2-2", "web-2", "a-3", "main-2", "wingmate-2", "a-2-3", "a-2-4", "a-4"]);
    }
}
