//! The zones under test, and when their clocks are changed.

use std::collections::BTreeMap;
use std::rc::Rc;
use wingmate::runtime::zones::Zones;
use wingmate::schedule::civil::date;
use wingmate::schedule::iana;
use wingmate::schedule::zone::{Span, Zone};

const DAY: i64 = 86_400;
/// The first instant after the years of the tests.
const END: i64 = instant_of_year(2061);
/// Three times in a row that fire once in four decades each are over by then.
const CHARTED: i64 = instant_of_year(2190);

/// Where zones come from.
pub struct Source {
    /// From this year on it must be right.
    pub first_year: i32,
    /// Where the binary is to look for files, if not where it does.
    pub directory: Option<&'static str>,
    pub zone: fn(&str) -> Option<Zone>,
}

/// Zone files, with all that they know of the past.
pub const FILES: Source = Source {
    first_year: 1990,
    directory: None,
    zone: |name| {
        Some(Rc::unwrap_or_clone(Zones::from_environment().named(name).unwrap_or_else(|error| panic!("{error}"))))
    },
};

/// What stands in for them in an image that has none.
pub const BUILT_IN: Source = Source {
    first_year: 2025,
    directory: Some("/proc/none"),
    zone: |name| match iana::zone(name) {
        // Another release than the system's may say something else; `tests/zones.rs` keeps an eye on that.
        Some(zone) => Some(zone).filter(|zone| {
            let from = instant_of_year(2024);
            chart(zone, from) == chart(&(FILES.zone)(name).expect("all names have files"), from)
        }),
        None => Zone::from_posix(name).ok(),
    },
};

/// From when on which offset holds.
fn chart(zone: &Zone, first: i64) -> Vec<(i64, i64)> {
    let behind = |span: &Span| (span.end < CHARTED).then(|| zone.span(span.end));
    let spans = std::iter::successors(Some(zone.span(first)), behind);
    let mut offsets: Vec<(i64, i64)> = spans.map(|span| (span.start.max(first), i64::from(span.offset))).collect();
    // Files also have changes of the name alone.
    offsets.dedup_by_key(|(_, offset)| *offset);
    offsets
}

/// Clocks that are changed in ways of all kinds: by half an hour and by two, at midnight, by a day, in winter instead
/// of summer, with the moon, by decree.
const ODD: [&str; 42] = [
    "UTC",
    "Europe/Berlin",
    "Europe/London",
    "Europe/Dublin",
    "Europe/Lisbon",
    "Europe/Moscow",
    "Europe/Istanbul",
    "America/New_York",
    "America/St_Johns",
    "America/Sao_Paulo",
    "America/Santiago",
    "America/Havana",
    "America/Asuncion",
    "America/Nuuk",
    "America/Scoresbysund",
    "America/Caracas",
    "Africa/Casablanca",
    "Africa/El_Aaiun",
    "Africa/Cairo",
    "Africa/Windhoek",
    "Asia/Gaza",
    "Asia/Jerusalem",
    "Asia/Tehran",
    "Asia/Beirut",
    "Asia/Amman",
    "Asia/Pyongyang",
    "Asia/Kathmandu",
    "Asia/Kolkata",
    "Asia/Tokyo",
    "Australia/Lord_Howe",
    "Australia/Adelaide",
    "Australia/Sydney",
    "Australia/Eucla",
    "Pacific/Apia",
    "Pacific/Kiritimati",
    "Pacific/Kwajalein",
    "Pacific/Norfolk",
    "Pacific/Chatham",
    "Pacific/Fakaofo",
    "Antarctica/Troll",
    "Antarctica/Casey",
    "Antarctica/Macquarie",
];

const POSIX: [&str; 12] = [
    "EST5",
    "<+0330>-3:30",
    "CET-1CEST,M3.5.0,M10.5.0/3",
    "EST5EDT,M3.2.0,M11.1.0",
    "AEST-10AEDT,M10.1.0,M4.1.0/3",
    "<+1030>-10:30<+11>-11,M10.1.0,M4.1.0",
    "<+00>0<+02>-2,M3.5.0/1,M10.5.0/3",
    "<-03>3<-02>,M10.3.0/0,M2.3.0/0",
    "<-02>2<-01>,M3.5.0/-1,M10.5.0/0",
    "IST-1GMT0,M10.5.0,M3.5.0/1",
    "IST-2IDT,M3.4.4/26,M10.5.0",
    "AAA-1BBB,J60/0,J300/0",
];

/// Clocks that are off by seconds, as they were in old times. Not the oracle's business.
const UNEVEN: [&str; 3] = [
    "AAA-1:00:30BBB-2:00:10,M3.5.0,M10.5.0/3",
    "AAA3:30:15BBB,M10.1.0/2:00:40,M4.1.0/3:00:50",
    "AAA-5:59:59BBB-6:00:01,M4.1.0/0,M9.1.0/0",
];

/// A zone, and its changes in the years of the tests.
pub struct Charted {
    pub name: String,
    pub zone: Zone,
    pub changes: Vec<i64>,
    /// From when on which offset holds: asking the zone millions of times takes too long in a debug build.
    offsets: Vec<(i64, i64)>,
}

pub struct Atlas {
    source: &'static Source,
    names: Vec<String>,
    /// `None`: the system's files say something else.
    charted: BTreeMap<String, Option<Rc<Charted>>>,
}

impl Atlas {
    pub fn new(source: &'static Source) -> Atlas {
        let directory = std::env::var("TZDIR").unwrap_or("/usr/share/zoneinfo".into());
        let table = std::fs::read_to_string(format!("{directory}/zone1970.tab")).expect("the system has zone files");
        let rows = table.lines().filter(|row| !row.starts_with('#'));
        let names: Vec<String> = rows.filter_map(|row| Some(row.split('\t').nth(2)?.to_owned())).collect();
        assert!(names.len() > 300, "{names:?}");
        Atlas { source, names, charted: BTreeMap::new() }
    }

    /// The years of the tests: their first instant, and the first behind them.
    pub fn years(&self) -> (i64, i64) {
        (instant_of_year(self.source.first_year), END)
    }

    /// Any zone; the odd ones more often, those that are off by seconds if `uneven` ones will do. `roll` gives a number below its argument.
    pub fn any(&mut self, uneven: bool, mut roll: impl FnMut(u64) -> u64) -> Rc<Charted> {
        let mut one_of = |count: usize| roll(count as u64) as usize;
        let (first, _) = self.years();
        loop {
            let name = match one_of(20) {
                0..11 => ODD[one_of(ODD.len())].to_owned(),
                11..18 => self.names[one_of(self.names.len())].clone(),
                18 if uneven => UNEVEN[one_of(UNEVEN.len())].to_owned(),
                _ => POSIX[one_of(POSIX.len())].to_owned(),
            };
            let charted = self.charted.entry(name).or_insert_with_key(|name| {
                let zone = (self.source.zone)(name)?;
                let offsets = chart(&zone, first - 60 * DAY);
                let changes = offsets.iter().map(|(start, _)| *start).filter(|at| (first..END).contains(at)).collect();
                Some(Rc::new(Charted { name: name.clone(), zone, changes, offsets }))
            });
            if let Some(charted) = charted {
                return Rc::clone(charted);
            }
            let missing = self.charted.values().filter(|charted| charted.is_none()).count();
            assert!(missing < 10, "{missing} zones are not what the files say");
        }
    }
}

impl Charted {
    /// Seconds east of UTC at that instant.
    pub fn offset(&self, instant: i64) -> i64 {
        self.held(instant).0
    }

    /// The same, and the first instant behind it at which it may be another.
    pub fn held(&self, instant: i64) -> (i64, i64) {
        let number = self.offsets.partition_point(|(start, _)| *start <= instant);
        (self.offsets[number - 1].1, self.offsets.get(number).map_or(i64::MAX, |next| next.0))
    }
}

/// Its first instant, in UTC.
const fn instant_of_year(year: i32) -> i64 {
    let before = (year - 1) as i64;
    let leap_days = before / 4 - before / 100 + before / 400 - 477;
    ((before - 1969) * 365 + leap_days) * DAY
}

#[test]
fn years_begin_when_they_do() {
    for year in [1970, 1990, 2000, 2001, 2060, 2061, 2101] {
        let first = date(instant_of_year(year) / DAY);
        assert_eq!((first.year(), first.ordinal()), (year, 1));
    }
}
