//! Civil time: what a wall clock and a calendar show, without a zone. The expression, the zone's rules and
//! the stamps reckon in it. The calendar itself is the `time` crate's.

use time::Date;

/// Seconds in a day; civil days have no leap seconds.
pub const DAY: i64 = 86_400;

/// `time` counts days as astronomers do; this is its number of 1970-01-01.
const EPOCH: i64 = 2_440_588;

/// A wall clock's reading: seconds since it showed 1970-01-01 00:00. No instant: that takes a zone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Civil(i64);

impl Civil {
    /// That many seconds after 1970-01-01 00:00 on the clock's face.
    pub const fn from_seconds(seconds: i64) -> Civil {
        Civil(seconds)
    }

    /// The reading at this time of this day.
    pub const fn new(date: Date, seconds_of_day: i64) -> Civil {
        Civil(day_number(date).saturating_mul(DAY).saturating_add(seconds_of_day))
    }

    /// Seconds since 1970-01-01 00:00 on the clock's face.
    pub const fn seconds(self) -> i64 {
        self.0
    }

    /// The number of its day: days since 1970-01-01.
    pub const fn day_number(self) -> i64 {
        self.0.div_euclid(DAY)
    }

    /// Its date.
    pub fn date(self) -> Date {
        date(self.day_number())
    }

    /// Seconds since midnight, 0–86399.
    pub const fn seconds_of_day(self) -> i64 {
        self.0.rem_euclid(DAY)
    }
}

/// The date of that day after 1970-01-01. What lies beyond the years -9999 to 9999 shows their first or last day:
/// no instant does ([`Wall`](crate::model::moment::Wall) ends in 2262), only a broken zone file can ask for it.
pub fn date(number: i64) -> Date {
    let beyond = if number < 0 { Date::MIN } else { Date::MAX };
    let julian = i32::try_from(number.saturating_add(EPOCH));
    julian.ok().and_then(|julian| Date::from_julian_day(julian).ok()).unwrap_or(beyond)
}

/// Days since 1970-01-01.
pub const fn day_number(date: Date) -> i64 {
    date.to_julian_day() as i64 - EPOCH
}

#[cfg(test)]
mod tests {
    use super::*;
    use time::Month::{December, January};

    #[test]
    fn days_are_counted_from_1970() {
        let first = Date::from_calendar_date(1970, January, 1).unwrap();
        assert_eq!((day_number(first), date(0)), (0, first));
        for number in [-100_000, -1, 1, 100_000] {
            assert_eq!(day_number(date(number)), number);
        }
        assert_eq!((date(i64::MIN), date(i64::MAX)), (Date::MIN, Date::MAX));
    }

    #[test]
    fn a_reading_is_taken_apart() {
        let last = Date::from_calendar_date(1969, December, 31).unwrap();
        let civil = Civil::new(last, 86_399);
        assert_eq!((civil.seconds(), civil.day_number(), civil.seconds_of_day()), (-1, -1, 86_399));
        assert_eq!(civil.date(), last);
    }
}
