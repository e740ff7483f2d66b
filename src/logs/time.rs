//! RFC 3339, as stamps need it: written digit by digit, because every line of `json` has one.

use crate::model::moment::Wall;
use crate::schedule::civil::Civil;

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
    let civil = Civil::from_seconds(wall.seconds() + offset);
    // 64 bits of nanoseconds keep the year between 1677 and 2262.
    let (year, month, day) = civil.date().to_calendar_date();
    let (second, micros) = (civil.seconds_of_day() as u32, wall.nanos().rem_euclid(1_000_000_000) as u32 / 1000);
    for (number, width, end) in [
        (year.unsigned_abs(), 4, b'-'),
        (u8::from(month).into(), 2, b'-'),
        (day.into(), 2, b'T'),
        (second / 3600, 2, b':'),
        (second / 60 % 60, 2, b':'),
        (second % 60, 2, b'.'),
    ] {
        digits(out, number, width);
        out.push(end);
    }
    digits(out, micros, 6);
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
        for (nanos, stamp) in [
            (-1, "1969-12-31T23:59:59.999999Z"),
            (i64::MIN, "1677-09-21T00:12:43.145224Z"),
            (i64::MAX, "2262-04-11T23:47:16.854775Z"),
        ] {
            assert_eq!(text(|out| utc(out, Wall::from_nanos(nanos))), stamp);
        }
    }
}
