//! Time zones: the offset at an instant, and the instants of a civil time. `tz-rs` reads zone files and POSIX
//! strings; what is kept of them is a table of changes and the rule behind it. `runtime::zones` finds the files.

use super::civil::{Civil, DAY, date, day_number};
use time::util::is_leap_year;
use time::{Date, Month};
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

    /// This zone once these changes (Unix seconds, seconds east of UTC; sorted) are over, which `before` precedes.
    pub(super) fn after(self, before: i32, changes: Vec<(i64, i32)>) -> Zone {
        Zone { before, changes, ..self }
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
    let year = Civil::from_seconds(instant).date().year();
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
fn moment_of_rule(day: &RuleDay, year: i32, time: i32, offset: i32) -> i64 {
    let first = first_of(year, Month::January);
    let number = match day {
        // Days 1–365; the 29th of February has no number.
        RuleDay::Julian1WithoutLeap(day) => {
            let day = i64::from(day.get());
            first + day - 1 + i64::from(is_leap_year(year) && day > 59)
        }
        RuleDay::Julian0WithLeap(day) => first + i64::from(day.get()),
        RuleDay::MonthWeekDay(day) => {
            let month = Month::try_from(day.month()).unwrap_or(Month::January);
            let first = first_of(year, month);
            let weekday = date(first).weekday().number_days_from_sunday();
            let ahead = (i64::from(day.week_day()) - i64::from(weekday)).rem_euclid(7);
            let number = first + ahead + 7 * (i64::from(day.week()) - 1);
            // Week 5 is the last, which may be the fourth.
            let end = first + i64::from(month.length(year));
            if number >= end { number - 7 } else { number }
        }
    };
    number * DAY + i64::from(time) - i64::from(offset)
}

/// The number of a month's first day.
fn first_of(year: i32, month: Month) -> i64 {
    day_number(Date::from_calendar_date(year, month, 1).unwrap_or(if year < 0 { Date::MIN } else { Date::MAX }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn posix(text: &str) -> Zone {
        Zone::from_posix(text).unwrap_or_else(|_| panic!("{text} is a zone"))
    }

    /// Unix seconds of a time in UTC.
    fn utc(year: i32, month: u8, day: u8, hour: i64, minute: i64) -> i64 {
        let date = Date::from_calendar_date(year, month.try_into().unwrap(), day).unwrap();
        Civil::new(date, hour * 3_600 + minute * 60).seconds()
    }

    #[test]
    fn rules_of_all_kinds_are_read() {
        for (text, january, july) in [
            ("UTC0", 0, 0),
            ("<+0330>-3:30", 12_600, 12_600),
            ("EST5EDT", -18_000, -14_400),
            ("CET-1CEST,M3.5.0,M10.5.0/3", 3_600, 7_200),
            ("AEST-10AEDT,M10.1.0,M4.1.0/3", 39_600, 36_000),
            // Dublin: winter time is the "saving" one. Nuuk, Gaza, Jerusalem: hours below 0 and over 24.
            ("IST-1GMT0,M10.5.0,M3.5.0/1", 0, 3_600),
            ("<-02>2<-01>,M3.5.0/-1,M10.5.0/0", -7_200, -3_600),
            ("EET-2EEST,M3.4.4/50,M10.4.4/50", 7_200, 10_800),
            ("IST-2IDT,M3.4.4/26,M10.5.0", 7_200, 10_800),
            ("AAA-1BBB,J60/0,J300/0", 3_600, 7_200),
            ("AAA-1BBB,59,299", 3_600, 7_200),
            // Summer for ever.
            ("EST5EDT,0/0,J365/25", -14_400, -14_400),
        ] {
            let zone = posix(text);
            let offset = |month| zone.span(utc(2031, month, 15, 12, 0)).offset;
            assert_eq!((offset(1), offset(7)), (january, july), "{text}");
        }
    }

    #[test]
    fn what_is_no_rule_is_refused() {
        for text in [
            "",
            "Europe/Berlin",
            "/etc/passwd",
            ":UTC0",
            "UTC",
            "AB5",
            "A1B2",
            "CET-1CEST,M3.5.0",
            "CET-1CEST,M13.5.0,M10.5.0",
            "CET-1CEST,M3.5.0,M10.5.0/200",
            "CET-99",
            "CET-1\n",
            "CET-1 ",
            "<+0>-1",
            "<>-1",
            "CET-1,M3.5.0,M10.5.0",
            "\0",
        ] {
            assert_eq!(Zone::from_posix(text), Err(ZoneError::Posix), "{text}");
        }
        for bytes in [b"".as_slice(), b"TZif", b"TZif3", &[0; 1000]] {
            assert_eq!(Zone::from_tzif(bytes), Err(ZoneError::File));
        }
    }

    #[test]
    fn changes_of_a_rule_bound_its_spans() {
        let zone = posix("CET-1CEST,M3.5.0,M10.5.0/3");
        let (spring, autumn) = (utc(2027, 3, 28, 1, 0), utc(2027, 10, 31, 1, 0));
        let summer = Span { start: spring, end: autumn, offset: 7_200 };
        for instant in [spring, spring + 1, utc(2027, 7, 1, 0, 0), autumn - 1] {
            assert_eq!(zone.span(instant), summer);
        }
        assert_eq!(zone.span(spring - 1), Span { start: utc(2026, 10, 25, 1, 0), end: spring, offset: 3_600 });
        assert_eq!(zone.span(autumn), Span { start: autumn, end: utc(2028, 3, 26, 1, 0), offset: 3_600 });
        let eternal = posix("EST5EDT,0/0,J365/25");
        assert_eq!(eternal.span(utc(2028, 1, 1, 4, 0)).offset, -14_400, "no gap at the turn of the year");
        assert_eq!(Zone::utc().span(0), Span { start: i64::MIN, end: i64::MAX, offset: 0 });
    }

    #[test]
    fn civil_times_find_their_instant() {
        let zone = posix("CET-1CEST,M3.5.0,M10.5.0/3");
        let at = |month, day, hour, minute| zone.shown(Civil::from_seconds(utc(2027, month, day, hour, minute)));
        assert_eq!(at(7, 1, 12, 0), Shown::At(utc(2027, 7, 1, 10, 0)));
        assert_eq!(at(3, 28, 1, 59), Shown::At(utc(2027, 3, 28, 0, 59)));
        assert_eq!(at(3, 28, 2, 0), Shown::Skipped(utc(2027, 3, 28, 1, 0)));
        assert_eq!(at(3, 28, 2, 59), Shown::Skipped(utc(2027, 3, 28, 1, 0)));
        assert_eq!(at(3, 28, 3, 0), Shown::At(utc(2027, 3, 28, 1, 0)));
        assert_eq!(at(10, 31, 2, 0), Shown::At(utc(2027, 10, 31, 0, 0)), "the first of two");
        assert_eq!(at(10, 31, 2, 59), Shown::At(utc(2027, 10, 31, 0, 59)));
        assert_eq!(at(10, 31, 3, 0), Shown::At(utc(2027, 10, 31, 2, 0)));
        for seconds in [i64::MIN / 4, i64::MAX / 4] {
            assert_eq!(Zone::utc().shown(Civil::from_seconds(seconds)), Shown::At(seconds));
        }
    }

    #[test]
    fn a_rule_agrees_with_tz_rs_at_every_hour() {
        for text in [
            "CET-1CEST,M3.5.0,M10.5.0/3",
            "<+1030>-10:30<+11>-11,M10.1.0,M4.1.0",
            "EET-2EEST,M3.4.4/50,M10.4.4/50",
            "AAA1BBB,J1/0,364/23",
        ] {
            let (zone, theirs) = (posix(text), TimeZone::from_tz_data(&posix_file(text, "")).unwrap());
            for instant in (utc(1999, 12, 1, 0, 0)..utc(2005, 2, 1, 0, 0)).step_by(3_600) {
                let offset = theirs.find_local_time_type(instant).unwrap().ut_offset();
                let span = zone.span(instant);
                assert_eq!(span.offset, offset, "{text} at {instant}");
                assert!(span.start <= instant && instant < span.end);
            }
        }
    }
}
