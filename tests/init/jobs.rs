//! What a cron job's keys promise, kind by kind. Schedules here are `@every 400ms`, `@reboot` and starts: no minute is
//! waited for.

mod example;
mod failing;
mod missed;
mod needs;
mod overlap;
mod reload;
mod shutdown;
mod starts;

/// How many lines have this in them.
fn count(lines: &[String], part: &str) -> usize {
    lines.iter().filter(|line| line.contains(part)).count()
}

/// Asserts that lines with these parts came one after the other, others between them.
fn assert_in_order(lines: &[String], parts: &[&str]) {
    let mut rest = lines.iter();
    for part in parts {
        assert!(rest.any(|line| line.contains(part)), "no '{part}' behind those before it: {lines:#?}");
    }
}

/// The rest of each line that begins with this: what a unit said.
fn said<'a>(lines: &'a [String], begins: &str) -> Vec<&'a str> {
    lines.iter().filter_map(|line| line.strip_prefix(begins)).collect()
}
