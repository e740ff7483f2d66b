//! What is read, and what is said of mistakes, file kind by file kind. Everything goes through [`read`].

mod crontab;
mod mutations;
mod service_dir;
mod units;
mod yaml;

use super::*;

/// A configuration of one `wingmate.yaml`.
pub fn of_yaml(text: impl AsRef<[u8]>) -> Loaded {
    read(Sources { yaml: vec![Source::new("w.yaml", text.as_ref())], ..Sources::default() })
}

/// A configuration of one crontab.
pub fn of_crontab(text: impl AsRef<[u8]>) -> Loaded {
    read(Sources { crontab: Some(Source::new("crontab", text.as_ref())), ..Sources::default() })
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
