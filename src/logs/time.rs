//! RFC 3339, as stamps need it: written digit by digit, because every line of `json` has one.

use crate::model::moment::Wall;

/// `2026-11-23T18:00:00.123456Z`
pub fn utc(out: &mut Vec<u8>, wall: Wall) {
    civil(out, wall, 0);
    out.push(b'Z');
}

/// `2026-11-23T19:00:00.123456+01:00`, `offset` seconds east of UTC. RFC 3339 knows whole minutes only.
pub fn local(out: &mut Vec<u8>, wall: Wall, offset: i32) {
    let minutes = offset / 60;
    civil(out, wall, i64::from(minutes) * 60);
    out.push(if minutes < 0 { b'-' } else { b'+' });
    let minutes = minutes.unsigned_abs();
    digits(out, minutes / 60, 2);
    out.push(b':');
    digits(out, minutes % 60, 2);
}

fn civil(out: &mut Vec<u8>, wall: Wall, offset: i64) {
    let seconds = wall.seconds() + offset;
    let micros = wall.nanos().rem_euclid(1_000_000_000) as u32 / 1000;
    let (year, month, day) = date(seconds.div_euclid(86_400));
    let second = seconds.rem_euclid(86_400) as u32;
    for (number, width, end) in [
        (year, 4, b'-'),
        (month, 2, b'-'),
        (day, 2, b'T'),
        (second / 3600, 2, b':'),
        (second / 60 % 60, 2, b':'),
        (second % 60, 2, b'.'),
    ] {
        digits(out, number, width);
        out.push(end);
    }
    digits(out, micros, 6);
}

/// Year, month and day of a day counted from 1970-01-01 (Howard Hinnant's `civil_from_days`). The 64-bit
/// nanoseconds of [`Wall`] keep the year between 1677 and 2262.
fn date(day: i64) -> (u32, u32, u32) {
    let day = day + 719_468;
    let era = day.div_euclid(146_097);
    let day = day.rem_euclid(146_097);
    let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
    let in_year = day - (365 * year + year / 4 - year / 100);
    let march = (5 * in_year + 2) / 153;
    let month = if march < 10 { march + 3 } else { march - 9 };
    let year = year + era * 400 + i64::from(month <= 2);
    (year as u32, month as u32, (in_year - (153 * march + 2) / 5 + 1) as u32)
}

fn digits(out: &mut Vec<u8>, number: u32, width: u32) {
    for place in (0..width).rev() {
        out.push(b'0' + (number / 10u32.pow(place) % 10) as u8);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(write: impl FnOnce(&mut Vec<u8>)) -> String {
        let mut out = Vec::new();
        write(&mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn known_moments() {
        let wall = Wall::from_nanos(1_795_456_800_123_456_789);
        assert_eq!(text(|out| utc(out, wall)), "2026-11-23T18:00:00.123456Z");
        assert_eq!(text(|out| local(out, wall, 3600)), "2026-11-23T19:00:00.123456+01:00");
        assert_eq!(text(|out| local(out, wall, -12_600)), "2026-11-23T14:30:00.123456-03:30");
        assert_eq!(text(|out| local(out, wall, 6 * 3600 + 59)), "2026-11-24T00:00:00.123456+06:00");
        assert_eq!(text(|out| utc(out, Wall::from_nanos(-1))), "1969-12-31T23:59:59.999999Z");
    }

    #[test]
    fn every_day_agrees_with_the_time_crate() {
        for day in -100_000..100_000 {
            let theirs = ::time::OffsetDateTime::from_unix_timestamp(day * 86_400).unwrap().date();
            assert_eq!(
                date(day),
                (theirs.year() as u32, u8::from(theirs.month()).into(), theirs.day().into()),
                "{day}"
            );
        }
    }
}
