//! Fire times agree with an independent oracle: 441 rows made with Python's cronsim over Debian's zone files.

use std::rc::Rc;
use wingmate::model::moment::Wall;
use wingmate::runtime::zones::Zones;
use wingmate::schedule::stamp::{Stamp, read};
use wingmate::schedule::zone::Zone;
use wingmate::schedule::{Expression, Schedule, next::next};

const CASES: &str = include_str!("data/next.tsv");

fn expression(text: &str) -> Expression {
    match Schedule::parse(text) {
        Ok(parsed) => match parsed.schedule {
            Schedule::Cron(expression) => expression,
            _ => panic!("{text} is no cron expression"),
        },
        Err(errors) => panic!("{text}: {errors:?}"),
    }
}

fn times(expression: &Expression, zone: &Zone, mut after: Wall, count: usize) -> Vec<String> {
    let mut times = Vec::new();
    while times.len() < count {
        let Some(at) = next(expression, zone, after) else { break };
        assert!(at > after, "time goes on");
        times.push(Stamp { at, zone }.to_string());
        after = at;
    }
    times
}

#[test]
fn every_case_of_the_oracle_agrees() {
    let mut zones = Zones::from_environment();
    let mut rows = 0;
    for row in CASES.lines() {
        let fields: Vec<&str> = row.split('\t').collect();
        let [text, zone, start, expected] = fields[..] else { panic!("a row has four fields: {row}") };
        let zone: Rc<Zone> = zones.named(zone).unwrap_or_else(|error| panic!("{error}"));
        let expected: Vec<&str> = expected.split(',').collect();
        let start = read(start, &zone).unwrap();
        assert_eq!(times(&expression(text), &zone, start, expected.len()), expected, "{row}");
        rows += 1;
    }
    assert_eq!(rows, 441);
}
