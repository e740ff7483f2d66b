//! What is read, and what is said of mistakes, file kind by file kind. Everything goes through [`read`].

mod crontab;
mod defaults;
mod dependencies;
#[path = "../../../tests/world/dice.rs"]
mod dice;
mod jobs;
mod manual;
mod mistakes;
mod mutations;
mod process;
mod service_dir;
mod services;
mod units;
mod yaml;

use super::*;
use std::path::Path;

/// The files that `env_file` may name.
pub fn fetch(path: &Path) -> Result<Fetched, Unread> {
    let unread = |missing, reason: &str| Err(Unread { missing, reason: reason.into() });
    let (text, remark) = match path.to_str().unwrap_or_default() {
        "/env/a" => ("# a\nA=1\n\n export B = 'x y'\nC=\"q\\\"\" # why\nD=a#b  # why\nE=\n", None),
        "/env/b" => ("A=2\r\nF=é", None),
        "/env/bad" => ("A=1\nB\n=C\nD='x\nE=\"a\" b\n9=\0\n  F G=1\n", None),
        "/env/open" => ("A=1\n", Some("others may write to it".to_owned())),
        "/env/denied" => return unread(false, "Permission denied"),
        _ => return unread(true, "No such file or directory"),
    };
    Ok(Fetched { bytes: text.into(), remark })
}

/// What these files say together.
pub fn of(sources: Sources) -> Loaded {
    read(sources, fetch)
}

/// A configuration of one `wingmate.yaml`.
pub fn of_yaml(text: impl AsRef<[u8]>) -> Loaded {
    of(Sources { yaml: vec![Source::new("w.yaml", text.as_ref())], ..Sources::default() })
}

/// A configuration of one crontab.
pub fn of_crontab(text: impl AsRef<[u8]>) -> Loaded {
    of(Sources { crontab: Some(Source::new("crontab", text.as_ref())), ..Sources::default() })
}

/// The problems without their excerpts.
pub fn told(loaded: &Loaded) -> Vec<String> {
    loaded.problems.iter().map(|problem| problem.to_string().lines().next().unwrap_or_default().to_owned()).collect()
}

/// One service with these keys; `{}` holds their lines, indented by four.
pub fn service(keys: &str) -> Loaded {
    of_yaml(format!("service:\n  web:\n    command: [ x ]\n{keys}"))
}

/// One job with these keys.
pub fn job(keys: &str) -> Loaded {
    of_yaml(format!("cron:\n  tidy:\n    command: [ x ]\n{keys}"))
}

/// Asserts what is told of each text, all of it.
pub fn assert_told(make: impl Fn(&str) -> Loaded, table: &[(&str, &[&str])]) {
    for (text, expected) in table {
        assert_eq!(told(&make(text)), *expected, "of {text:?}");
    }
}

/// Asserts that a text holds, and gives what it asks for.
pub fn good(loaded: Loaded) -> Loaded {
    assert_eq!(told(&loaded), Vec::<String>::new());
    assert_eq!(loaded.schedules.len(), loaded.config.jobs.len());
    loaded
}
