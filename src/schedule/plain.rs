//! Five numbers and stars with a blank between them: what most schedules are. Read at once, for ten thousand are at
//! start; whatever else a schedule may be, `fields` reads.

use super::expression::{ALL_DAYS, ALL_WEEKDAYS, Expression, STAR_DAY, STAR_HOUR, STAR_MINUTE, STAR_WEEKDAY};
use super::field::FIELDS;

const ALL_MINUTES: u64 = (1 << 60) - 1;
const ALL_HOURS: u32 = (1 << 24) - 1;
const ALL_MONTHS: u16 = 0b1_1111_1111_1110;

/// Every month has it, so that a schedule for it does fire.
const SAFE_DAY: u8 = 28;

/// The expression, if the text is such a one and there is nothing to be said of it.
pub(super) fn read(text: &str) -> Option<Expression> {
    let mut pieces = text.as_bytes().split(|byte| *byte == b' ');
    let mut values = [None; FIELDS.len()];
    for (value, field) in values.iter_mut().zip(&FIELDS) {
        let digit = |byte: u8| byte.is_ascii_digit().then(|| byte - b'0');
        *value = match *pieces.next()? {
            [b'*'] => None,
            [ones] => Some(digit(ones)?),
            [tens, ones] => Some(digit(tens)? * 10 + digit(ones)?),
            _ => return None,
        };
        if value.is_some_and(|value| value < field.first || value > field.last) {
            return None;
        }
    }
    let [minute, hour, day, month, weekday] = values;
    if pieces.next().is_some() || day.is_some_and(|day| day > SAFE_DAY) {
        return None;
    }
    let star = |value: Option<u8>, mark: u8| if value.is_none() { mark } else { 0 };
    Some(Expression {
        minutes: minute.map_or(ALL_MINUTES, |minute| 1 << minute),
        hours: hour.map_or(ALL_HOURS, |hour| 1 << hour),
        days: day.map_or(ALL_DAYS, |day| 1 << day),
        months: month.map_or(ALL_MONTHS, |month| 1 << month),
        weekdays: weekday.map_or(ALL_WEEKDAYS, |weekday| 1 << (weekday % 7)),
        marks: star(minute, STAR_MINUTE) | star(hour, STAR_HOUR) | star(day, STAR_DAY) | star(weekday, STAR_WEEKDAY),
        ..Expression::default()
    })
}
