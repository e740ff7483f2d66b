//! Asking cronsim, and where it is known to break the rules that it follows otherwise.

use crate::dice::Case;
use crate::rules::Rules;
use std::io::{Read, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;

const DAY: i64 = 86_400;
const HOUR: i64 = 3_600;

/// Where packaging/setup.sh puts it, below the repository.
const PYTHON: &str = "target/oracle/bin/python";
const SCRIPT: &str = include_str!("oracle.py");
const PROCESSES: usize = 2;

/// What it says of a case.
pub struct Answer {
    pub times: Vec<i64>,
    /// Whether each is a time that the zone's clocks show.
    pub shown: Vec<bool>,
    /// Why there are no more.
    pub reason: Option<String>,
}

/// All its answers.
pub fn ask(cases: &[Case], times: usize) -> Vec<Answer> {
    let python = Path::new(env!("CARGO_MANIFEST_DIR")).join(PYTHON);
    assert!(python.exists(), "the oracle is not installed ({PYTHON}): run packaging/setup.sh");
    let shares: Vec<String> = cases
        .chunks(cases.len().div_ceil(PROCESSES).max(1))
        .map(|share| share.iter().map(|case| format!("{}\t{}\t{}\n", case.text, case.zone.name, case.start)).collect())
        .collect();
    let answers: Vec<String> = thread::scope(|scope| {
        let asked: Vec<_> = shares.iter().map(|share| scope.spawn(|| ask_one(&python, share, times))).collect();
        asked.into_iter().map(|answers| answers.join().unwrap()).collect()
    });
    let answers: Vec<Answer> = answers.iter().flat_map(|text| text.lines()).map(read).collect();
    assert_eq!(answers.len(), cases.len(), "each case has an answer");
    answers
}

fn ask_one(python: &Path, cases: &str, times: usize) -> String {
    let mut command = Command::new(python);
    command.args(["-I", "-c", SCRIPT, &times.to_string()]).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command.spawn().expect("the oracle starts");
    let (mut stdin, mut stdout) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
    let mut answers = String::new();
    thread::scope(|scope| {
        // It ends early only by a failure, which its status tells.
        scope.spawn(move || drop(stdin.write_all(cases.as_bytes())));
        stdout.read_to_string(&mut answers).unwrap();
    });
    assert!(child.wait().unwrap().success(), "the oracle failed; if it is not installed whole, run packaging/setup.sh");
    answers
}

fn read(line: &str) -> Answer {
    let (words, reason) = match line.split_once("none: ") {
        Some((words, reason)) => (words, Some(reason.to_owned())),
        None => (line, None),
    };
    let time = |word: &str| word.trim_end_matches('!').parse().unwrap_or_else(|_| panic!("no answer: {line}"));
    let times = words.split_whitespace().map(time).collect();
    Answer { times, shown: words.split_whitespace().map(|word| !word.ends_with('!')).collect(), reason }
}

/// Why the oracle's answer is none: if ours is that of the rules in words, and the oracle's way can't lead to it.
pub fn excuse(case: &Case, ours: &[i64], theirs: &Answer) -> Option<&'static str> {
    let rules = Rules::of(&case.text);
    if rules.after(&case.zone, case.start, ours.len()) != ours {
        return None;
    }
    let first = (0..ours.len()).find(|n| theirs.times.get(*n) != ours.get(*n))?;
    let (right, wrong) = (ours[first], theirs.times.get(first).copied());
    if theirs.shown.get(first) == Some(&false) {
        return Some("it names a time that the clocks skip");
    }
    let before = first.checked_sub(1).map_or(case.start, |before| ours[before]);
    if wrong.is_some_and(|wrong| wrong <= before) {
        return Some("it goes back to the first of two equal times");
    }
    // It steps to midnights and on by whole hours, whether the clocks do or not; in that day it errs.
    let odd = |change: &&i64| {
        let (from, to) = (*change + case.zone.offset(*change - 1), *change + case.zone.offset(**change));
        // A midnight that is skipped, or comes twice.
        let midnight = (from.min(to) + DAY - 1).div_euclid(DAY) * DAY;
        from % HOUR != 0 || to % HOUR != 0 || midnight < from.max(to)
    };
    let near = |change: &&i64| match wrong {
        Some(wrong) => (right.min(wrong) - DAY..=right.max(wrong)).contains(*change),
        None => (before - DAY..=right).contains(*change),
    };
    let circles = || theirs.reason.as_deref() == Some("it goes round in circles");
    let errs =
        rules.wildcard && (wrong.is_some() || circles()) && case.zone.changes.iter().filter(near).any(|c| odd(&c));
    errs.then_some("it steps by whole hours and to midnights, and the clocks do not")
}
