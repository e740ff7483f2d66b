//! What people write where a schedule is wanted, and what they should write instead. Asked only when there is a
//! fault already, so that a good schedule pays nothing.

use super::field::{DAY, Field, HOUR, MONTH, MONTHS, WEEKDAY, WEEKDAYS};
use super::pieces::{Piece, words};
use crate::text::words::{CURLY, is_no_blank};

/// A text that misses the form of a schedule as a whole: told once, in place of what each field makes of it.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
pub enum Slip {
    #[error("a schedule has no quotes of its own: leave out the {0}")]
    Quote(char),
    #[error("this U+{:04X} only looks like a blank: write a space", u32::from(*.0))]
    Blank(char),
    #[error("this '{found}' (U+{:04X}) only looks like the '{meant}' that is meant", u32::from(*.found))]
    Alike { found: char, meant: char },
    #[error("there are no blanks within a field: write {0}")]
    Apart(String),
    #[error("'{text}' is no field: a time of day takes two, the minute first: {minute} {hour}")]
    Clock { text: String, minute: u32, hour: u32 },
    #[error("'{0}' is a date: a schedule has five fields instead (minute, hour, day of month, month, day of week)")]
    Date(String),
    #[error("an interval is written @every {0}")]
    Interval(String),
    #[error("'{0}' is known to Jenkins only: write a value")]
    Jenkins(String),
    #[error("expected five fields (minute, hour, day of month, month, day of week) before '{word}', found {found}")]
    Short { word: String, found: usize },
    #[error(
        "expected five fields (minute, hour, day of month, month, day of week), found {0}: leave out the seconds in front, or a year behind"
    )]
    Seconds(usize),
    #[error("'{0}' is no part of a schedule, which ends with its fifth field")]
    Behind(String),
}

/// Characters that a word processor or a web page makes of others.
const ALIKE: [(char, &str); 4] = [
    ('-', "\u{2010}\u{2011}\u{2012}\u{2013}\u{2014}\u{2212}"),
    ('*', "\u{2217}\u{ff0a}\u{2731}\u{d7}"),
    (',', "\u{ff0c}\u{3001}\u{201a}"),
    ('/', "\u{2044}\u{2215}\u{ff0f}"),
];

/// What is wrong with the text as a whole, if it is that.
pub(super) fn of_whole(text: &str) -> Option<(Piece<'_>, Slip)> {
    of_characters(text).or_else(|| if text.trim_start().starts_with('@') { None } else { of_words(text) })
}

fn of_characters(text: &str) -> Option<(Piece<'_>, Slip)> {
    for (at, c) in text.char_indices() {
        let slip = if matches!(c, '"' | '\'' | '`') || CURLY.contains(&c) {
            let (before, behind) =
                (text.get(..at).unwrap_or_default(), text.get(at + c.len_utf8()..).unwrap_or_default());
            // The quote of a command in a field's place is none too many.
            if before.ends_with([' ', '\t']) && !before.trim_start().is_empty() && is_command(behind) {
                return None;
            }
            Slip::Quote(c)
        } else if is_no_blank(c) {
            Slip::Blank(c)
        } else if let Some((meant, _)) = ALIKE.iter().find(|(_, alike)| alike.contains(c)) {
            Slip::Alike { found: c, meant: *meant }
        } else {
            continue;
        };
        return Some((Piece { text: text.get(at..at + c.len_utf8()).unwrap_or_default(), at }, slip));
    }
    None
}

fn of_words(text: &str) -> Option<(Piece<'_>, Slip)> {
    let found: Vec<Piece> = words(text).collect();
    let first = *found.first()?;
    let word = |number: usize| found.get(number).map(|word| word.text);
    if let Some(written) = interval(first.text, word(1), word(2)) {
        return Some((first, Slip::Interval(written)));
    }
    let year = first.text.split_once('-').map_or("", |(year, _)| year);
    if first.text.contains("*-*") || year.len() == 4 && year.bytes().all(|b| b.is_ascii_digit()) {
        return Some((first, Slip::Date(first.text.to_owned())));
    }
    if let Some((from, to)) = (0..6).find_map(|number| apart(&found, number)) {
        let all = Piece { text: text.get(from.at..to.end()).unwrap_or_default(), at: from.at };
        return Some((all, Slip::Apart(all.text.split_ascii_whitespace().collect())));
    }
    for (number, word) in found.iter().enumerate().take(5) {
        if let Some((hour, minute)) = clock(*word) {
            return Some((*word, Slip::Clock { text: word.text.to_owned(), minute, hour }));
        }
        if word.text.strip_prefix('H').is_some_and(|rest| rest.is_empty() || rest.starts_with(['/', '('])) {
            return Some((*word, Slip::Jenkins(word.text.to_owned())));
        }
        if number > 0 && begins_command(*word, found.get(number + 1)) {
            return Some((*word, Slip::Short { word: word.text.to_owned(), found: number }));
        }
    }
    match found.get(5..)? {
        [] => None,
        behind if behind.len() < 3 && behind.iter().all(|word| is_field(word.text)) => {
            Some((Piece { text: text.trim(), at: first.at }, Slip::Seconds(found.len())))
        }
        [behind, ..] => Some((*behind, Slip::Behind(behind.text.to_owned()))),
    }
}

/// The first and the last word of a list, a range or a step that has blanks before or behind its sign.
fn apart<'a>(found: &[Piece<'a>], number: usize) -> Option<(Piece<'a>, Piece<'a>)> {
    let word = *found.get(number)?;
    let before = || number.checked_sub(1).and_then(|before| found.get(before).copied());
    let behind = || found.get(number + 1).filter(|next| is_field(next.text) && !next.text.starts_with('*')).copied();
    // Of five words each may be a field of its own.
    let spare = found.len() > 5;
    let text = word.text;
    let opens = text.starts_with(',') || is_step(text) || text == "-" || spare && text.starts_with('-');
    let ends = text.ends_with(',') || text == "-" || spare && text.ends_with('-');
    let from = if opens { before()? } else { word };
    let to = if ends { behind()? } else { word };
    (opens || ends).then_some((from, to))
}

/// Whether a word in a field's place is a program or a path, judged by the next too: `sh -c`.
fn begins_command(word: Piece<'_>, next: Option<&Piece<'_>>) -> bool {
    let option = next
        .and_then(|next| next.text.strip_prefix('-'))
        .is_some_and(|letter| letter.starts_with(|c: char| c.is_ascii_alphabetic()));
    is_command(word.text.trim_start_matches(['"', '\''])) || option && word.text.bytes().all(|b| b.is_ascii_lowercase())
}

/// How many words in front of `text`, at most two, look like further fields of a schedule.
pub fn further_fields(text: &str) -> usize {
    words(text).take(2).take_while(|word| is_field(word.text)).count()
}

/// Whether a word looks like a field: nothing that could be a program's name.
fn is_field(word: &str) -> bool {
    let name = word.get(..3).is_some_and(|name| MONTHS.contains(&name) || WEEKDAYS.contains(&name));
    let sign = |c: char| c.is_ascii_digit() || "*?,-/#LW".contains(c);
    word.starts_with(|c: char| c.is_ascii_digit() || c == '*' || c == '?') && word.chars().all(sign)
        || name && matches!(word.as_bytes().get(3), None | Some(b',' | b'-' | b'#' | b'L'))
}

/// `/5`, which belongs to what is before it.
fn is_step(word: &str) -> bool {
    word.strip_prefix('/').is_some_and(|step| !step.is_empty() && step.bytes().all(|b| b.is_ascii_digit()))
}

/// Whether a word is a path rather than a field.
fn is_command(word: &str) -> bool {
    ["/", "./", "../", "~/", "$"].iter().any(|start| word.starts_with(start))
}

/// `9:30` or `09:30:00` as hour and minute.
fn clock(word: Piece<'_>) -> Option<(u32, u32)> {
    let (hour, rest) = word.split_once(b':')?;
    let minute = rest.split_once(b':').map_or(rest, |(minute, _)| minute);
    Some((hour.number()?, minute.number()?))
}

/// `every 5 minutes` and `5 minutes` as a duration.
fn interval(first: &str, second: Option<&str>, third: Option<&str>) -> Option<String> {
    match first.eq_ignore_ascii_case("every") {
        true => match second? {
            number if number.bytes().all(|b| b.is_ascii_digit()) => duration(number, third?),
            unit => duration("1", unit),
        },
        false => duration(first, second?),
    }
}

/// A number and a unit in words as `@every` takes it: `5m` for 5 and `minutes`.
pub fn duration(number: &str, unit: &str) -> Option<String> {
    const UNITS: [(&str, &[&str]); 4] = [
        ("s", &["s", "sec", "secs", "second", "seconds"]),
        ("m", &["m", "mn", "min", "mins", "minute", "minutes"]),
        ("h", &["h", "hr", "hrs", "hour", "hours"]),
        ("d", &["d", "day", "days"]),
    ];
    if number.is_empty() || !number.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let is = |word: &&&str| unit.eq_ignore_ascii_case(word);
    UNITS.iter().find(|(_, words)| words.iter().any(|word| is(&word))).map(|(unit, _)| format!("{number}{unit}"))
}

/// What is written for a macro of other crons, or of hope.
pub(super) fn of_macro(name: &str) -> Option<String> {
    const OTHERS: [(&str, &str); 14] = [
        ("@secondly", "@every 1s"),
        ("@minutely", "* * * * *"),
        ("@every_minute", "* * * * *"),
        ("@every_second", "@every 1s"),
        ("@fortnightly", "@every 14d"),
        ("@biweekly", "@every 14d"),
        ("@quarterly", "0 0 1 */3 *"),
        ("@weekdays", "0 0 * * MON-FRI"),
        ("@weekends", "0 0 * * SAT,SUN"),
        ("@noon", "0 12 * * *"),
        ("@boot", "@reboot"),
        ("@start", "@reboot"),
        ("@startup", "@reboot"),
        ("@once", "@reboot"),
    ];
    if let Some((_, meant)) = OTHERS.iter().find(|(other, _)| name.eq_ignore_ascii_case(other)) {
        return Some((*meant).to_owned());
    }
    let rest = name.get("@every".len()..).filter(|_| name.to_ascii_lowercase().starts_with("@every"))?;
    let rest = rest.trim_start_matches(|c: char| !c.is_ascii_digit());
    (!rest.is_empty()).then(|| format!("@every {rest}"))
}

/// `22-6` as it is meant: `22-23,0-6`.
pub(super) fn over_the_end(index: usize, field: &Field, (low, high): (&str, &str)) -> String {
    let names = low.starts_with(|c: char| c.is_ascii_alphabetic());
    let (first, last) = match index {
        WEEKDAY if names => ("MON", "SUN"),
        WEEKDAY => ("1", "7"),
        MONTH if names => ("JAN", "DEC"),
        MONTH => ("1", "12"),
        DAY => ("1", "31"),
        HOUR => ("0", "23"),
        _ => ("0", "59"),
    };
    let same = field.value_of(high) == field.value_of(first);
    let rest = if same { high.to_owned() } else { format!("{first}-{high}") };
    match field.value_of(low) == field.value_of(last) {
        true => format!("{low},{rest}"),
        false => format!("{low}-{last},{rest}"),
    }
}

/// What is to be written in place of a value that isn't understood.
pub(super) fn of_value(index: usize, field: &Field, text: &str) -> Option<String> {
    let digit = |c: char| c.is_ascii_digit();
    let known = |names: &[&str]| names.iter().any(|name| text.eq_ignore_ascii_case(name));
    Some(match text {
        "?" => "write *".into(),
        _ if text.contains('~') => "nothing is chosen at random, write a value".into(),
        _ if text.starts_with('\\') => "it needs no backslash".into(),
        _ if text.contains([';', '|', '&']) => "places of a list are separated by commas".into(),
        _ if text.contains('/') => "a step is a whole number".into(),
        _ if text.contains('*') => "* stands alone, or with a step: */n".into(),
        _ if text.contains('.') && text.starts_with(digit) => "only whole numbers are known".into(),
        _ if index == DAY && text.starts_with(['L', 'l']) => "the days from the end that are known are L and LW".into(),
        _ if index == DAY && known(&["W"]) => {
            "write LW for the last weekday, 15W for the one nearest to the 15th".into()
        }
        _ if index == DAY && (text.contains('#') || text.ends_with(['L', 'l'])) => {
            "that goes into the fifth field, the day of week".into()
        }
        _ if index == WEEKDAY && text.starts_with(digit) && text.ends_with(['W', 'w']) => {
            "that goes into the third field, the day of month".into()
        }
        _ if text.contains('-') => "a range has two ends: a-b".into(),
        _ if index == HOUR && text.starts_with(digit) && text.ends_with(['m', 'M']) => {
            "write 13 for 1pm, 0 for 12am".into()
        }
        _ if known(MONTHS) => "that goes into the fourth field, the month".into(),
        _ if known(WEEKDAYS) => "that goes into the fifth field, the day of week".into(),
        _ => return of_name(index, field, text),
    })
}

/// `monday`, `Sept`, `Mo`: the name that is meant, or which there are.
fn of_name(index: usize, field: &Field, text: &str) -> Option<String> {
    if field.names.is_empty() || text.len() < 2 || !text.bytes().all(|b| b.is_ascii_alphabetic()) {
        return None;
    }
    let text = text.to_ascii_uppercase();
    let mut near = field.names.iter().filter(|name| text.starts_with(**name) || name.starts_with(&text));
    match (near.next(), near.next()) {
        (Some(name), None) => Some(format!("write {name}")),
        _ if index == WEEKDAY => Some("it names no day, or one of the five fields is missing".into()),
        _ => None,
    }
}
