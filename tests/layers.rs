//! The house rules that a reader relies on (see `src/lib.rs`), kept by reading the sources themselves.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// Each room's layer: an arrow may point down, or to a neighbour as long as that makes no circle.
const LAYERS: [(&str, u32); 11] = [
    ("runtime", 4),
    ("sys", 3),
    ("supervise", 2),
    ("launch", 2),
    ("logs", 2),
    ("config", 1),
    ("schedule", 1),
    ("control", 1),
    ("wire", 1),
    ("model", 0),
    ("text", 0),
];

/// What the pure rooms must not know.
const IMPURE: [&str; 12] = [
    "std::fs",
    "std::process",
    "std::net",
    "std::thread",
    "std::env",
    "std::os::fd",
    "std::os::unix::net",
    "Instant",
    "SystemTime",
    "rustix::",
    "libc::",
    "std::io::std",
];

/// The sys files that may hold unsafe code. Each says at its top why it has to.
const UNSAFE: [&str; 17] = [
    "datagrams.rs",
    "descriptors.rs",
    "environment.rs",
    "exec.rs",
    "heap.rs",
    "identity.rs",
    "init.rs",
    "low.rs",
    "mask.rs",
    "processes.rs",
    "reap.rs",
    "session.rs",
    "signals.rs",
    "spawn.rs",
    "start.rs",
    "steps.rs",
    "writer.rs",
];

fn sources(directory: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(directory).unwrap().map(Result::unwrap) {
        let path = entry.path();
        if path.is_dir() {
            found.extend(sources(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
    found.sort();
    found
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// A file's code: without comments, and without the tests that end it.
fn code(text: &str) -> String {
    let code = text.split("\n#[cfg(test)]\nmod tests {").next().unwrap_or_default();
    let without = code.lines().map(|line| line.split("//").next().unwrap_or_default());
    without.collect::<Vec<_>>().join("\n")
}

fn room(path: &Path) -> String {
    let inside = path.strip_prefix(root().join("src")).unwrap();
    inside.components().next().unwrap().as_os_str().to_string_lossy().trim_end_matches(".rs").to_owned()
}

fn layer(room: &str) -> Option<u32> {
    LAYERS.iter().find(|(name, _)| *name == room).map(|(_, layer)| *layer)
}

/// A module that exists for tests only.
fn is_test(path: &Path) -> bool {
    path.ends_with("tests.rs") || ["scenarios.rs", "walk.rs", "world.rs"].iter().any(|name| path.ends_with(name))
}

/// The rooms that a file's code names as `crate::room`, in a `use` tree or in place.
fn named_rooms(code: &str) -> BTreeSet<String> {
    let mut rooms = BTreeSet::new();
    for part in code.split("crate::").skip(1) {
        let word = |text: &str| text.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect::<String>();
        match part.strip_prefix('{') {
            Some(tree) => {
                let end = tree.find(';').unwrap_or(tree.len());
                let mut depth = 0;
                let mut start = true;
                for (at, c) in tree[..end].char_indices() {
                    match c {
                        '{' => depth += 1,
                        '}' => depth -= 1,
                        ',' if depth == 0 => start = true,
                        c if start && c.is_alphabetic() => {
                            rooms.insert(word(&tree[at..]));
                            start = false;
                        }
                        _ => {}
                    }
                }
            }
            None => {
                rooms.insert(word(part));
            }
        }
    }
    rooms
}

#[test]
fn arrows_point_down_and_make_no_circle() {
    let mut arrows: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let mut wrong = Vec::new();
    for path in sources(&root().join("src")) {
        let (from, text) = (room(&path), fs::read_to_string(&path).unwrap());
        if from == "lib" || is_test(&path) {
            continue;
        }
        let from_layer = layer(&from).unwrap_or_else(|| panic!("{}: no layer has this room", path.display()));
        for to in named_rooms(&code(&text)) {
            match layer(&to) {
                Some(to_layer) if to_layer > from_layer => wrong.push(format!("{} → {to}", path.display())),
                Some(_) if to != from => {
                    arrows.entry(from.clone()).or_default().insert(to);
                }
                Some(_) => {}
                None => wrong.push(format!("{} → {to}: no room of the map", path.display())),
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert!(arrows.len() >= 6, "the reader of `use` lines sees hardly anything: {arrows:?}");
    for start in arrows.keys() {
        let (mut seen, mut next) = (BTreeSet::new(), vec![start]);
        while let Some(room) = next.pop() {
            for to in arrows.get(room).into_iter().flatten() {
                assert_ne!(to, start, "a circle through {start}: {arrows:?}");
                if seen.insert(to) {
                    next.push(to);
                }
            }
        }
    }
}

#[test]
fn below_the_line_nobody_knows_the_world() {
    let mut wrong = Vec::new();
    for path in sources(&root().join("src")) {
        if layer(&room(&path)).is_none_or(|layer| layer > 2) || is_test(&path) {
            continue;
        }
        let code = code(&fs::read_to_string(&path).unwrap());
        for name in IMPURE {
            if code.contains(name) {
                wrong.push(format!("{} knows {name}", path.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn only_sys_calls_the_system_by_more_than_std() {
    let mut wrong = Vec::new();
    for path in sources(&root().join("src")).into_iter().chain(sources(&root().join("applets"))) {
        if path.starts_with(root().join("src/sys")) || is_test(&path) {
            continue;
        }
        let code = code(&fs::read_to_string(&path).unwrap());
        // What went wrong is for everybody: rustix::io::Errno.
        let names = code.split("rustix::").skip(1).filter(|name| !name.starts_with("io::"));
        wrong.extend(names.map(|name| format!("{}: rustix::{}", path.display(), name.lines().next().unwrap_or(name))));
        if code.contains("libc::") {
            wrong.push(format!("{}: libc", path.display()));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn unsafe_code_is_where_it_is_named() {
    for path in sources(&root().join("src")).into_iter().chain(sources(&root().join("applets"))) {
        let text = fs::read_to_string(&path).unwrap();
        let named = path.parent().is_some_and(|parent| parent.ends_with("sys"))
            && UNSAFE.iter().any(|name| path.ends_with(name));
        assert_eq!(text.contains("allow(unsafe_code)"), named, "{}", path.display());
        if named {
            assert!(text.contains("//! Unsafe: "), "{} doesn't say why", path.display());
        }
    }
}

#[test]
fn every_file_says_what_it_is() {
    for folder in ["src", "applets", "tests", "benches"] {
        for path in sources(&root().join(folder)) {
            let text = fs::read_to_string(&path).unwrap();
            assert!(text.starts_with("//! "), "{} opens with no `//!`", path.display());
        }
    }
}
