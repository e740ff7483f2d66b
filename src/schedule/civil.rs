//! Civil time: what a wall clock and a calendar show, without a zone. The expression, the zone's rules and
//! the stamps reckon in it.

/// Seconds in a day; civil days have no leap seconds.
pub const DAY: i64 = 86_400;

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
        Civil(date.number().saturating_mul(DAY).saturating_add(seconds_of_day))
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
    pub const fn date(self) -> Date {
        Date::from_number(self.day_number())
    }

    /// Seconds since midnight, 0–86399.
    pub const fn seconds_of_day(self) -> i64 {
        self.0.rem_euclid(DAY)
    }

    /// The whole minute that it is in.
    pub const fn minute(self) -> Civil {
        Civil(self.0 - self.0.rem_euclid(60))
    }
}

/// A day of the proleptic Gregorian calendar.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Date {
    pub year: i64,
    /// 1–12.
    pub month: u8,
    /// 1–31.
    pub day: u8,
}

impl Date {
    /// The date of that day after 1970-01-01. (Years are counted from March, so that the leap day comes last.)
    pub const fn from_number(number: i64) -> Date {
        let shifted = number.saturating_add(719_468); // 0000-03-01
        let era = shifted.div_euclid(146_097);
        let of_era = shifted.rem_euclid(146_097);
        let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
        let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let from_march = (5 * of_year + 2) / 153;
        let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
        let day = of_year - (153 * from_march + 2) / 5 + 1;
        Date { year: year_of_era + era * 400 + (month <= 2) as i64, month: month as u8, day: day as u8 }
    }

    /// Days since 1970-01-01. A day beyond the month's end counts on into the next.
    pub const fn number(self) -> i64 {
        let year = if self.month <= 2 { self.year.saturating_sub(1) } else { self.year };
        let era = year.div_euclid(400);
        let of_era = year.rem_euclid(400);
        let from_march = (self.month as i64 + 9) % 12;
        let of_year = (153 * from_march + 2) / 5 + self.day as i64 - 1;
        let days = of_era * 365 + of_era / 4 - of_era / 100 + of_year;
        era.saturating_mul(146_097).saturating_add(days - 719_468)
    }
}

/// The day of the week of a day number, 0–6 from Sunday.
pub const fn weekday(number: i64) -> u8 {
    (number.rem_euclid(7) + 4).rem_euclid(7) as u8
}

/// Whether the year has a 29th of February.
pub const fn is_leap(year: i64) -> bool {
    year.rem_euclid(4) == 0 && (year.rem_euclid(100) != 0 || year.rem_euclid(400) == 0)
}

/// 28–31.
pub const fn days_in_month(month: u8, leap: bool) -> u8 {
    match month {
        2 if leap => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_day_of_nine_centuries_has_its_number() {
        let mut number = Date { year: 1600, month: 1, day: 1 }.number();
        assert_eq!(weekday(number), 6, "a Saturday");
        for year in 1600..2500 {
            for month in 1..=12 {
                for day in 1..=days_in_month(month, is_leap(year)) {
                    let date = Date { year, month, day };
                    assert_eq!((date.number(), Date::from_number(number)), (number, date));
                    number += 1;
                }
            }
        }
        assert_eq!(Date { year: 1970, month: 1, day: 1 }.number(), 0);
        assert_eq!(weekday(0), 4, "a Thursday");
    }

    #[test]
    fn a_reading_is_taken_apart() {
        let civil = Civil::new(Date { year: 1969, month: 12, day: 31 }, 86_399);
        assert_eq!((civil.seconds(), civil.day_number(), civil.seconds_of_day()), (-1, -1, 86_399));
        assert_eq!(civil.minute().seconds(), -60);
        assert_eq!(civil.date(), Date { year: 1969, month: 12, day: 31 });
    }
}
