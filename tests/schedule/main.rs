//! Schedules fire when they should: by an independent oracle (Python's cronsim, which packaging/setup.sh installs), and
//! by the rules themselves, minute by minute. Cases are random and the same at each run; `WINGMATE_ORACLE_SEED` and
//! `WINGMATE_ORACLE_CASES` ask for others.

mod dice;
mod oracle;
mod rules;
mod zones;

use dice::{Case, Dialect, Dice};
use rules::Rules;
use std::collections::BTreeMap;
use std::io::Write;
use std::process::Command;
use wingmate::model::moment::Wall;
use wingmate::schedule::next::{count, next};
use wingmate::schedule::{Expression, Schedule};
use zones::{Atlas, BUILT_IN, FILES, Source};

/// How many times in a row are compared.
const TIMES: usize = 5;

const SEED: u64 = 2_027;
const CASES: u64 = 24_000;

/// As many cases also go through the binary.
const BY_BINARY: usize = 300;

fn number_of(variable: &str, otherwise: u64) -> u64 {
    match std::env::var(variable) {
        Ok(text) => text.parse().unwrap_or_else(|_| panic!("{variable} is no number: {text}")),
        Err(_) => otherwise,
    }
}

/// Past the harness, which keeps what passing tests print to itself.
fn tell(text: &str) {
    std::io::stderr().write_all(format!("{text}\n").as_bytes()).unwrap();
}

fn expression(text: &str) -> Option<Expression> {
    match Schedule::parse(text).map(|parsed| parsed.schedule) {
        Ok(Schedule::Cron(expression)) => Some(expression),
        Ok(other) => panic!("'{text}' is {other:?}"),
        Err(errors) => {
            let [error] = &errors[..] else { panic!("'{text}' is valid: {errors:?}") };
            assert!(error.to_string().contains("never fires"), "'{text}' is valid: {error}");
            None
        }
    }
}

/// The next times by the library; none for an expression that it refuses because it never fires.
fn times(case: &Case, count: usize) -> Vec<i64> {
    let Some(expression) = expression(&case.text) else { return Vec::new() };
    let next = |after: &Wall| next(&expression, &case.zone.zone, *after);
    std::iter::successors(next(&Wall::from_seconds(case.start)), next).take(count).map(Wall::seconds).collect()
}

#[test]
fn the_oracle_agrees_with_zone_files() {
    the_oracle_agrees(&FILES);
}

#[test]
fn the_oracle_agrees_with_built_in_zones() {
    the_oracle_agrees(&BUILT_IN);
}

#[test]
fn the_next_times_are_those_of_the_rules_with_zone_files() {
    the_next_times_are_those_of_the_rules(&FILES);
}

#[test]
fn the_next_times_are_those_of_the_rules_with_built_in_zones() {
    the_next_times_are_those_of_the_rules(&BUILT_IN);
}

fn the_oracle_agrees(source: &'static Source) {
    let (seed, wanted) = (number_of("WINGMATE_ORACLE_SEED", SEED), number_of("WINGMATE_ORACLE_CASES", CASES));
    let (mut dice, mut atlas) = (Dice::new(seed), Atlas::new(source));
    let cases: Vec<Case> = (0..wanted).map(|_| dice.case(&mut atlas, Dialect::Oracle)).collect();
    let answers = oracle::ask(&cases, TIMES);
    let (mut excused, mut wrong, mut compared) = (BTreeMap::new(), Vec::new(), 0);
    for (case, answer) in cases.iter().zip(&answers) {
        let ours = times(case, TIMES);
        compared += ours.len();
        if ours == answer.times {
            continue;
        }
        match oracle::excuse(case, &ours, answer) {
            Some(excuse) => *excused.entry(excuse).or_insert(0u64) += 1,
            None => wrong.push(format!(
                "{}\n  is    {}\n  oracle {}\n  rules {}",
                case.command(TIMES),
                case.stamps(&ours),
                case.stamps(&answer.times) + answer.reason.as_deref().unwrap_or_default(),
                case.stamps(&Rules::of(&case.text).after(&case.zone, case.start, TIMES))
            )),
        }
    }
    tell(&format!("{wanted} cases of seed {seed}, {compared} times; the oracle is wrong in: {excused:?}"));
    assert!(wrong.is_empty(), "{} of seed {seed}, first:\n{}", wrong.len(), wrong[..wrong.len().min(20)].join("\n"));
    assert!(excused.values().sum::<u64>() * 100 <= wanted + 100, "too much is excused: {excused:?}");
    for (case, answer) in cases.iter().zip(&answers).step_by(cases.len() / BY_BINARY + 1) {
        if times(case, TIMES) == answer.times {
            the_binary_says(case, &answer.times, source);
        }
    }
}

fn the_binary_says(case: &Case, expected: &[i64], source: &Source) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_wingmate"));
    command.args(["next", "--tz", &case.zone.name, "--from", &case.stamps(&[case.start])]);
    command.envs(source.directory.map(|directory| ("TZDIR", directory)));
    let output = command.args(["-n", &TIMES.to_string(), &case.text]).output().expect("it starts");
    let lines: Vec<String> = String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect();
    assert_eq!(lines.join(" "), case.stamps(expected), "{}", case.command(TIMES));
    assert_eq!(output.status.code(), Some(i32::from(expected.is_empty())), "{}", case.command(TIMES));
}

/// The next time is after the start, it matches, and nothing between them does.
fn the_next_times_are_those_of_the_rules(source: &'static Source) {
    const CASES: usize = 20_000;
    let (mut dice, mut atlas) = (Dice::new(number_of("WINGMATE_ORACLE_SEED", SEED) + 1), Atlas::new(source));
    let mut refused = 0;
    for _ in 0..CASES {
        let case = dice.case(&mut atlas, Dialect::Whole);
        let rules = Rules::of(&case.text);
        let ours = times(&case, 3);
        let Some(last) = ours.last() else {
            assert!(!rules.ever_fires(), "'{}' fires", case.text);
            refused += 1;
            continue;
        };
        let expected = rules.after(&case.zone, case.start, 3);
        let shown =
            || format!("{}\n  is    {}\n  rules {}", case.command(3), case.stamps(&ours), case.stamps(&expected));
        assert!(ours == expected, "{}", shown());
        let (expression, zone) = (expression(&case.text).unwrap(), &case.zone.zone);
        assert_eq!(expression.is_wildcard(), rules.wildcard);
        // Runs that were missed are counted by another way than they are found.
        let counted = count(&expression, zone, Wall::from_seconds(case.start), Wall::from_seconds(*last));
        assert_eq!(counted, 3, "counted from the start to the third\n{}", shown());
    }
    assert!(refused < CASES / 50, "{refused} that never fire leave little to test");
}
