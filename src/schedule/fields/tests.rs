//! Schedules as text: what each means, and what is said of those that are wrong.

use super::super::fault::MACRO_LIST;
use super::*;
use std::time::Duration;

fn cron(text: &str) -> Expression {
    match parse(text) {
        Ok(Parsed { schedule: Schedule::Cron(expression), .. }) => expression,
        other => panic!("{text}: {other:?}"),
    }
}

/// Errors as `start-end message`.
fn errors(text: &str) -> Vec<String> {
    match parse(text) {
        Ok(parsed) => panic!("'{text}' holds: {parsed:?}"),
        Err(errors) => errors.iter().map(|e| format!("{}-{} {e}", e.at.start, e.at.end)).collect(),
    }
}

#[test]
fn plain_ones_are_read_as_all_others_are() {
    let mut seed = 2027u64;
    let mut value = |most: u64| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        let number = (seed >> 33) % (most + 12);
        if number > most + 3 { "*".to_owned() } else { number.to_string() }
    };
    let mut plain = 0;
    for _ in 0..20_000 {
        let text = [60, 24, 31, 12, 7].map(&mut value).join(" ");
        plain += u32::from(plain::read(&text).is_some());
        assert_eq!(parse(&text), parse_any(&text), "{text}");
    }
    assert!(plain > 5_000, "{plain}");
    for text in
        ["", " ", "* * * *", "* * * * * *", "* * * * *  ", "1  * * * *", "+1 * * * *", "é * * * *", "001 * * * *"]
    {
        assert_eq!((plain::read(text), parse(text)), (None, parse_any(text)), "{text}");
    }
}

#[test]
fn nothing_is_due_every_moment() {
    for text in ["1ns", "1us", "9.999ms"] {
        let parsed = parse(&format!("@every {text}")).unwrap();
        assert_eq!(parsed.schedule, Schedule::Every(Duration::from_millis(10)), "{text}");
        let [Remark { at, text: said }] = &parsed.remarks[..] else { panic!("{:?}", parsed.remarks) };
        assert_eq!(*said, format!("{text} is shorter than a start takes: it runs each 10ms"));
        assert_eq!(*at, 7..7 + text.len());
    }
    let parsed = parse("@every 10ms").unwrap();
    assert_eq!((parsed.schedule, parsed.remarks), (Schedule::Every(Duration::from_millis(10)), Vec::new()));
}

#[test]
fn the_same_is_written_in_many_ways() {
    for (one, other) in [
        ("@hourly", "0 * * * *"),
        ("@DAILY", "0 0 * * *"),
        ("@midnight", "00 00 * * *"),
        ("@Weekly", "0 0 * * SUN"),
        ("@monthly", "0 0 1 * *"),
        ("@yearly", " 0\t0 1 jan * "),
        ("@annually", "0 0 1 1 *"),
        ("*/15 9-17 * * mon-Fri", "0,15,30,45 9,10-16,17 * * 1-5"),
        // `a/n` goes to the field's end, which for weekdays is Sunday as 7.
        ("50/5 20/2 28/2 9/3 3/2", "50,55 20,22 28,30 9,12 3,5,0"),
        ("5-5/2 1-10/3 * * *", "5 1,4,7,10 * * *"),
        ("0 0 1,1,1-2 * 0,7", "0 0 1-2 * SUN"),
        ("0 0 5 * SAT-SUN", "0 0 5 * 6-7"),
        ("0 0 5 * 6-0", "0 0 5 * 6,0"),
        ("0 0 5 * sun-sun", "0 0 5 * 7-0"),
        ("0 0 5 * 1-SUN", "0 0 5 * 0-6"),
        ("0 0 l,lW,15w * *", "0 0 15W,LW,L * *"),
        ("0 0 * * friL,mon#2", "0 0 * * 5l,1#2"),
        ("0 0 * * 7L,7#5", "0 0 * * 0L,sun#5"),
    ] {
        let (one, mut other) = (cron(one), cron(other));
        other.marks = one.marks;
        assert_eq!(one, other);
    }
}

#[test]
fn a_star_at_the_beginning_is_remembered() {
    for (text, marks) in [
        ("* 1 1 1 1", STAR_MINUTE),
        ("1 */2 1 1 1", STAR_HOUR),
        ("1 1 *,5 1 1", STAR_DAY),
        ("1 1 1 * */2", STAR_WEEKDAY),
        ("1,* 1,* 1,* * 1,*", 0),
    ] {
        assert_eq!(cron(text).marks, marks, "{text}");
    }
}

#[test]
fn every_and_reboot_are_schedules_too() {
    let schedule = |text| parse(text).map(|parsed| parsed.schedule);
    assert_eq!(schedule("@Every 1m30s"), Ok(Schedule::Every(Duration::from_secs(90))));
    assert_eq!(schedule(" @reboot "), Ok(Schedule::Reboot));
    assert_eq!(errors("@every"), ["0-6 @every needs a duration, such as @every 90s"]);
    assert_eq!(errors("@every 0s"), ["7-9 @every needs a duration above 0"]);
    assert_eq!(errors("@every 1m 30s"), ["10-13 '@every 1m' stands alone: nothing may follow it in a schedule"]);
    assert!(errors("@every soon")[0].starts_with("7-11 @every: 'soon' is not a duration"));
    assert_eq!(errors("@daily 5"), ["7-8 '@daily' stands alone: nothing may follow it in a schedule"]);
    assert_eq!(
        errors("@dayly"),
        [format!("0-6 unknown macro '@dayly' (did you mean '@daily'?); known are {MACRO_LIST}")]
    );
    assert_eq!(errors("@"), [format!("0-1 unknown macro '@'; known are {MACRO_LIST}")]);
}

#[test]
fn all_errors_are_told_with_their_places() {
    assert_eq!(
        errors("60 24 0,32 13 8"),
        [
            "0-2 minute 60 is out of range 0–59",
            "3-5 hour 24 is out of range 0–23",
            "6-7 day of month 0 is out of range 1–31",
            "8-10 day of month 32 is out of range 1–31",
            "11-13 month 13 is out of range 1–12",
            "14-15 day of week 8 is out of range 0–7",
        ]
    );
    assert_eq!(
        errors("99999999999999999999 22-6 0W,32W foo 1#6,x#1,1#"),
        [
            "0-20 minute 99999999999999999999 is out of range 0–59",
            "21-25 hour range 22-6 runs backwards (allowed is 0–23, the lower first; over the end: 22-23,0-6)",
            "26-27 day of month 0 is out of range 1–31",
            "29-31 day of month 32 is out of range 1–31",
            "33-36 month 'foo' is not understood (allowed: 1–12, JAN–DEC; *, a-b, lists by commas, steps by /n)",
            "37-40 day of week '1#6' is out of range: the number behind # is 1–5",
            "41-42 day of week 'x' is not understood (allowed: 0–7, SUN–SAT, 5L, 5#2; *, a-b, lists by commas, \
             steps by /n)",
            "45-47 day of week '1#' is out of range: the number behind # is 1–5",
        ]
    );
    assert_eq!(
        errors("*/0 é, L/2 1-L L"),
        [
            "2-3 minute step 0 is out of range: a step is 1 or more",
            "4-5 hour 'é' is not understood (allowed: 0–23; *, a-b, lists by commas, steps by /n)",
            "6-6 hour has an empty place in its list: leave out the comma (allowed: 0–23)",
            "7-10 day of month 'L/2' can't have a step: that goes with *, a value or a range (allowed: 1–31, L, LW, \
             15W)",
            "13-14 month 'L' is not allowed: L stands alone in the day of month only (day of week: 5L is the last \
             Friday)",
            "15-16 day of week 'L' is not allowed: L stands alone in the day of month only (day of week: 5L is the \
             last Friday)",
        ]
    );
    for text in ["-1", "+1", "1-", "-", "**", "/5", "*/", "*/x", "1/2/3", "5-*", "*-5", "1-2-3", "0x1", "mon", "?"] {
        let errors = errors(&format!("{text} * * * *"));
        assert!(errors.len() == 1 && errors[0].contains(" minute '"), "{errors:?}");
    }
}

#[test]
fn the_number_of_fields_is_checked() {
    let expected = "expected five fields (minute, hour, day of month, month, day of week) or a macro such as @daily";
    for (text, place, count) in [("", "0-0", 0), (" \t", "2-2", 0), (" * * * *", "1-8", 4)] {
        assert_eq!(errors(text), [format!("{place} {expected}, found {count}")]);
    }
    assert!(errors("* * * * * *")[0].contains("found 6: leave out the seconds in front"));
}

#[test]
fn what_never_fires_is_refused() {
    for text in [
        "0 0 31 2 *",
        "0 0 30,31 2 *",
        "0 0 31 4,6,9,11 *",
        "0 0 30W 2 *",
        "0 0 31W 9 *",
        // Both must match: the days 1, 4 … 28, 31, and a fifth weekday of February.
        "0 0 */3 2 1#5",
        "0 0 30 2 */2",
    ] {
        assert_eq!(
            errors(text),
            [format!(
                "0-{} this schedule never fires: no month that it names has such a day (a month's last day is L)",
                text.len()
            )]
        );
    }
    for text in ["0 0 29 2 *", "0 0 29W 2 *", "0 0 31 2 1", "0 0 29 2 */6", "0 0 * 2 6#5", "0 0 31 1-12/2 *"] {
        cron(text);
    }
}

#[test]
fn a_step_beyond_its_range_is_remarked() {
    let parsed = parse("*/60 5-9/5 31/9 * *").unwrap();
    let remarks: Vec<_> = parsed.remarks.iter().map(|r| format!("{}-{} {}", r.at.start, r.at.end, r.text)).collect();
    assert_eq!(
        remarks,
        [
            "0-4 minute step 60 is beyond the range 0–59: only 0 is left (an interval: @every 60m)",
            "5-10 hour step 5 is beyond the range 5–9: only 5 is left",
            "11-15 day of month step 9 is beyond the range 31–31: only 31 is left",
        ]
    );
    assert_eq!(parse("*/59 */23 */30 */11 */7").unwrap().remarks, []);
    assert_eq!(cron("*/99999999999 0 1 1 *").minutes, 1);
}
