//! The rules of all IANA time zones, built in for images that have no zone files: right from the start of 2024 on.
//! `runtime::zones` uses them where it finds no file. `packaging/zones.py` makes the text from a release that it names,
//! and tells how it is laid out; `tests/zones.rs` compares it with the system's files.

use super::zone::Zone;

const TEXT: &str = include_str!("iana.txt");

/// The release that the rules are from, such as `2025b`.
pub fn release() -> &'static str {
    let first = TEXT.lines().next().unwrap_or_default();
    first.rsplit(' ').next().unwrap_or_default()
}

/// The zone of this name, in its exact spelling, if there is one.
pub fn zone(name: &str) -> Option<Zone> {
    let (area, city) = split(name);
    let named = |group: &str| {
        let (found, cities) = split(group);
        found == area && cities.split(',').any(|found| found == city)
    };
    let line = lines().find(|line| line.groups().any(named))?;
    let zone = Zone::from_posix(line.rule).ok()?;
    match line.changes {
        "-" => Some(zone),
        changes => timed(zone, changes),
    }
}

/// The names of all zones, in no order; for suggestions.
pub fn names() -> Vec<String> {
    let mut names = Vec::new();
    for group in lines().flat_map(Line::groups) {
        let (area, cities) = split(group);
        names.extend(cities.split(',').map(|city| [area, city].concat()));
    }
    names
}

/// The zones that keep the same time.
#[derive(Clone, Copy)]
struct Line {
    rule: &'static str,
    changes: &'static str,
    groups: &'static str,
}

impl Line {
    fn groups(self) -> impl Iterator<Item = &'static str> {
        self.groups.split(' ')
    }
}

fn lines() -> impl Iterator<Item = Line> {
    TEXT.lines().skip(1).filter_map(|line| {
        let (rule, rest) = line.split_once(' ')?;
        let (changes, groups) = rest.split_once(' ')?;
        Some(Line { rule, changes, groups })
    })
}

/// What a name, or a group of names, has up to its last slash, and what behind it.
fn split(name: &str) -> (&str, &str) {
    name.split_at(name.rfind('/').map_or(0, |slash| slash + 1))
}

/// The zone after its listed changes, of minutes: `BEFORE,AFTER=OFFSET,…`.
fn timed(zone: Zone, changes: &str) -> Option<Zone> {
    let offset = |minutes: &str| Some(minutes.parse::<i32>().ok()?.saturating_mul(60));
    let (before, changes) = changes.split_once(',')?;
    let mut last = 0i64;
    let changes = changes.split(',').map(|change| {
        let (after, minutes) = change.split_once('=')?;
        last = last.saturating_add(after.parse::<i64>().ok()?.saturating_mul(60));
        Some((last, offset(minutes)?))
    });
    Some(zone.after(offset(before)?, changes.collect::<Option<_>>()?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_name_has_a_zone() {
        let all = names();
        assert!(all.len() > 590, "{}", all.len());
        assert_eq!(all.len(), all.iter().collect::<BTreeSet<_>>().len(), "each once");
        for name in &all {
            assert!(zone(name).is_some(), "{name}");
        }
        for name in ["UTC", "CET", "Europe/Berlin", "America/Argentina/Ushuaia", "America/Nuuk", "Etc/GMT+12"] {
            assert!(all.iter().any(|found| found == name), "{name}");
        }
        for name in
            ["", "/", "Europe", "Europe/", "/UTC", "Berlin", "europe/berlin", "Europe/Berlin,Paris", "-", "UTC0"]
        {
            assert_eq!(zone(name), None, "{name}");
        }
    }

    #[test]
    fn every_line_is_read_whole() {
        // The release's line aside, no line is passed over, and none has a change that is.
        assert_eq!(lines().count(), TEXT.lines().count() - 1);
        assert!(release().len() == 5 && release().starts_with("20"), "{}", release());
        let changes: Vec<_> = lines().filter(|line| line.changes != "-").collect();
        assert!(!changes.is_empty());
        for line in changes {
            let zone = timed(Zone::utc(), line.changes).unwrap();
            let listed = line.changes.split(',').count() - 1;
            let mut span = zone.span(0);
            for _ in 0..listed {
                let next = zone.span(span.end);
                assert!(next.offset != span.offset, "{}", line.changes);
                span = next;
            }
            assert_eq!(span.end, i64::MAX);
        }
        assert!(["", "60", "60,", "60,1", "60,x=0", "60,1=x", "x,1=0"].iter().all(|b| timed(Zone::utc(), b).is_none()));
    }
}
