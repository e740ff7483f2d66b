//! Time zones: the offset at an instant, and the instants of a civil time. `tz-rs` reads zone files and POSIX
//! strings; what is kept of them is a table of changes and the rule behind it. `runtime::zones` finds the files.

use super::civil::{Civil, DAY, Date, days_in_month, is_leap, weekday};
use tz::TimeZone;
use tz::timezone::{AlternateTime, RuleDay, TransitionRule};

/// No zone is further from UTC (POSIX: 24:59:59 west, 25:59:59 east with a summer time).
const FURTHEST: i64 = 26 * 3_600;

/// The rule of a POSIX string that names a summer time but not its days: the United States', as in the C libraries.
const DEFAULT_RULE: &str = ",M3.2.0,M11.1.0";

/// A zone's offsets at all times.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Zone {
    /// The offset before the first change.
    before: i32,
    /// From when (Unix seconds) which offset (seconds east of UTC) holds; sorted.
    changes: Vec<(i64, i32)>,
    /// What comes after the last change, if not simply its offset.
    rule: Option<AlternateTime>,
}

/// A time during which the clocks weren't changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// Its first second, in Unix time.
    pub start: i64,
    /// The first second behind it.
    pub end: i64,
    /// Seconds east of UTC.
    pub offset: i32,
}

impl Span {
    /// What the clocks show.
    pub fn civil(self, instant: i64) -> Civil {
        Civil::from_seconds(instant.saturating_add(i64::from(self.offset)))
    }
}

/// When clocks show a civil time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shown {
    /// At this instant first (if the clocks are set back over it, they show it again later).
    At(i64),
    /// Never: the clocks were set forward over it, at this instant.
    Skipped(i64),
}

/// Text or bytes that describe no zone.
#[derive(Clone, Copy, Debug, thiserror::Error, PartialEq, Eq)]
pub enum ZoneError {
    #[error("not a time zone file")]
    File,
    #[error("not a POSIX time zone string")]
    Posix,
}

impl Zone {
    /// Coordinated universal time.
    pub const fn utc() -> Zone {
        Zone { before: 0, changes: Vec::new(), rule: None }
    }

    /// The zone of a TZif file (tzfile(5)), any version.
    pub fn from_tzif(bytes: &[u8]) -> Result<Zone, ZoneError> {
        let zone = TimeZone::from_tz_data(bytes).map_err(|_| ZoneError::File)?;
        let zone = zone.as_ref();
        let offset = |index: usize| zone.local_time_types().get(index).map_or(0, |kind| kind.ut_offset());
        // Files of the "right" kind count leap seconds; the system's clock doesn't.
        let unix = |leaping: i64| {
            let leap = zone.leap_seconds().iter().rev().find(|leap| leap.unix_leap_time() < leaping);
            leaping.saturating_sub(leap.map_or(0, |leap| i64::from(leap.correction())))
        };
        let changes: Vec<(i64, i32)> =
            zone.transitions().iter().map(|t| (unix(t.unix_leap_time()), offset(t.local_time_type_index()))).collect();
        let (before, rule) = match zone.extra_rule() {
            Some(TransitionRule::Alternate(rule)) => (offset(0), Some(*rule)),
            Some(TransitionRule::Fixed(kind)) if changes.is_empty() => (kind.ut_offset(), None),
            _ => (offset(0), None),
        };
        let sane = |offset: i32| i64::from(offset).abs() < FURTHEST;
        match sane(before) && changes.iter().all(|(_, offset)| sane(*offset)) {
            true => Ok(Zone { before, changes, rule }),
            false => Err(ZoneError::File),
        }
    }

    /// The zone of a POSIX string such as `AEST-10AEDT,M10.1.0,M4.1.0/3`, with the extensions of RFC 8536
    /// (hours from -167 to 167). Never a file's name.
    pub fn from_posix(text: &str) -> Result<Zone, ZoneError> {
        let in_name = |b: &u8| if text.starts_with('<') { *b != b'>' } else { b.is_ascii_alphabetic() };
        let letters = text.trim_start_matches('<').bytes().take_while(in_name).count();
        if letters < 3 || !text.bytes().all(|b| b.is_ascii_graphic()) {
            return Err(ZoneError::Posix);
        }
        let zone = Zone::from_tzif(&posix_file(text, ""));
        let zone =
            if text.contains(',') { zone } else { zone.or_else(|_| Zone::from_tzif(&posix_file(text, DEFAULT_RULE))) };
        zone.map_err(|_| ZoneError::Posix)
    }

    /// The time without change that the instant is in.
    pub fn span(&self, instant: i64) -> Span {
        let next = self.changes.partition_point(|(at, _)| *at <= instant);
        let (start, offset) = match next.checked_sub(1).and_then(|last| self.changes.get(last)) {
            Some(change) => *change,
            None => (i64::MIN, self.before),
        };
        match (self.changes.get(next), &self.rule) {
            (Some((end, _)), _) => Span { start, end: *end, offset },
            (None, Some(rule)) => span_of_rule(rule, instant, start),
            (None, None) => Span { start, end: i64::MAX, offset },
        }
    }

    /// What the clocks show.
    pub fn civil(&self, instant: i64) -> Civil {
        self.span(instant).civil(instant)
    }

    /// When they show it.
    pub fn shown(&self, civil: Civil) -> Shown {
        let mut span = self.span(civil.seconds().saturating_sub(FURTHEST));
        loop {
            let instant = civil.seconds().saturating_sub(i64::from(span.offset));
            if instant < span.start {
                return Shown::Skipped(span.start);
            }
            // Behind the last span there is nothing to walk on to.
            if instant < span.end || span.end == i64::MAX {
                return Shown::At(instant);
            }
            span = self.span(span.end);
        }
    }
}

/// A version 3 file (RFC 8536) that has no changes, and the string as its footer: tz-rs's own way to read such
/// strings refuses hours over 24 or below 0, and opens files.
fn posix_file(text: &str, rule: &str) -> Vec<u8> {
    // One type (offset 0, no summer time, name 0) and one byte of names; nothing else is counted.
    const HEADER: &[&[u8]] = &[b"TZif3", &[0; 15], &[0; 16], &[0, 0, 0, 1], &[0, 0, 0, 1], &[0; 6], &[0; 1]];
    let header = HEADER.concat();
    [&header, &header, b"\n".as_slice(), text.as_bytes(), rule.as_bytes(), b"\n"].concat()
}

/// The span of the rule around the instant, not beginning before `earliest`.
fn span_of_rule(rule: &AlternateTime, instant: i64, earliest: i64) -> Span {
    let (winter, summer) = (rule.std().ut_offset(), rule.dst().ut_offset());
    let year = Civil::from_seconds(instant).date().year;
    let mut span = Span { start: i64::MIN, end: i64::MAX, offset: winter };
    // Of two changes at one instant (a summer time that never ends) the beginning decides: it comes last here.
    for year in year - 1..=year + 1 {
        let end = moment_of_rule(rule.dst_end(), year, rule.dst_end_time(), summer);
        let start = moment_of_rule(rule.dst_start(), year, rule.dst_start_time(), winter);
        for (at, offset) in [(end, winter), (start, summer)] {
            if at <= instant && at >= span.start {
                span.start = at;
                span.offset = offset;
            } else if at > instant && at < span.end {
                span.end = at;
            }
        }
    }
    span.start = span.start.max(earliest);
    span
}

/// When the rule's day is in this year, at `time` (seconds) by clocks at `offset`.
fn moment_of_rule(day: &RuleDay, year: i64, time: i32, offset: i32) -> i64 {
    let first = Date { year, month: 1, day: 1 }.number();
    let number = match day {
        // Days 1–365; the 29th of February has no number.
        RuleDay::Julian1WithoutLeap(day) => {
            let day = i64::from(day.get());
            first + day - 1 + i64::from(is_leap(year) && day > 59)
        }
        RuleDay::Julian0WithLeap(day) => first + i64::from(day.get()),
        RuleDay::MonthWeekDay(day) => {
            let first = Date { year, month: day.month(), day: 1 }.number();
            let ahead = (i64::from(day.week_day()) - i64::from(weekday(first))).rem_euclid(7);
            let number = first + ahead + 7 * (i64::from(day.week()) - 1);
            // Week 5 is the last, which may be the fourth.
            let last = first + i64::from(days_in_month(day.month(), is_leap(year)));
            if number >= last { number - 7 } else { number }
        }
    };
    number * DAY + i64::from(time) - i64::from(offset)
}
