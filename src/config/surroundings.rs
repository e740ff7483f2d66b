//! Values of the keys that say what surrounds a process: environment files, secrets, limits, capabilities and the like.

use super::env_file;
use super::keys;
use super::reading::Field;
use super::schema::Unit;
use super::yaml::Value;
use crate::model::capability::{Capabilities, NAMES};
use crate::model::command::{InheritEnv, Resource, Rlimit, Secret, Stdin};
use crate::model::size::parse_size;
use crate::text::near::nearest;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::rc::Rc;

/// What came of opening an `env_file`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EnvFile {
    Text(Vec<u8>),
    Missing,
    /// For this reason.
    Unreadable(String),
}

/// Opens an `env_file`: who reads a configuration says how.
pub type Open = fn(&Path) -> EnvFile;

/// Environment files, each read once however many units name it.
pub struct EnvFiles {
    open: Open,
    known: Vec<(PathBuf, Rc<Read>)>,
}

type Variables = Vec<(OsString, OsString)>;

enum Read {
    Variables(Variables),
    Missing,
    Errors(Vec<String>),
}

impl EnvFiles {
    /// Files that `open` opens.
    pub fn new(open: Open) -> EnvFiles {
        EnvFiles { open, known: Vec::new() }
    }

    fn read(&mut self, path: &Path) -> Rc<Read> {
        if let Some((_, read)) = self.known.iter().find(|(known, _)| known == path) {
            return Rc::clone(read);
        }
        let read = match (self.open)(path) {
            EnvFile::Missing => Read::Missing,
            EnvFile::Unreadable(reason) => Read::Errors(vec![reason]),
            EnvFile::Text(text) => match env_file::parse(&text) {
                Ok(variables) => Read::Variables(variables),
                Err(errors) => Read::Errors(errors.iter().map(ToString::to_string).collect()),
            },
        };
        let read = Rc::new(read);
        self.known.push((path.to_owned(), Rc::clone(&read)));
        read
    }
}

/// A path or a list of paths; a leading `-` means that the file may be missing.
pub fn env_files(field: &mut Field<'_, '_>, unit: &mut Unit) {
    let mut add = |item: &mut Field<'_, '_>| {
        let Some(written) = item.word("a path, or a list of paths") else { return };
        let (path, optional) = match written.strip_prefix('-') {
            Some(path) => (path, true),
            None => (written, false),
        };
        match &*item.reading.env_files.read(Path::new(path)) {
            Read::Variables(variables) => unit.from_files.extend_from_slice(variables),
            Read::Missing if optional => {}
            Read::Missing => {
                item.error(format!("the env_file '{path}' isn't there; a leading '-' would let it be missing"));
            }
            Read::Errors(errors) => {
                for error in errors {
                    item.error(format!("the env_file '{path}': {error}"));
                }
            }
        }
    };
    match &field.node.value {
        Value::Text(_) => add(field),
        _ => drop(field.items("a path, or a list of paths", add)),
    }
}

/// An entry of `secrets:` before it is whole.
#[derive(Default)]
pub struct SecretDraft {
    pub file: Option<PathBuf>,
    pub as_file: bool,
}

/// A map of names to files.
pub fn secrets(field: &mut Field<'_, '_>, unit: &mut Unit) {
    let Value::Map(entries) = &field.node.value else {
        return field.wrong_kind("a map of names to files");
    };
    for entry in entries.iter() {
        if entry.key.is_empty() || entry.key.contains(['=', '\0']) {
            field.reading.error(entry.span, "this can't be a variable's name");
            continue;
        }
        let mut draft = SecretDraft::default();
        let mut value = Field { reading: field.reading, name: "secrets", span: entry.span, node: &entry.node };
        let missing = match &entry.node.value {
            Value::Map(_) => value.map(keys::SECRET, &mut draft).lacks("file"),
            _ => {
                draft.file = value.word("a path, or {file, as}").map(PathBuf::from);
                false
            }
        };
        if missing {
            field.reading.error(entry.span, format!("the secret '{}' has no file", entry.key));
        }
        let Some(file) = draft.file else { continue };
        let secrets = &mut unit.process.extras_mut().secrets;
        secrets.retain(|secret| *secret.name != *entry.key);
        secrets.push(Secret { name: entry.key.to_string(), file, as_file: draft.as_file });
    }
}

/// `true`, `false`, or a list of names.
pub fn inherit_env(field: &mut Field<'_, '_>, unit: &mut Unit) {
    let inherited = match &field.node.value {
        Value::List(_) => {
            let mut names = Vec::new();
            field.items("a list of names", |item| {
                let Some(name) = item.word("a name, or the beginning of one and '*'") else { return };
                let bare = name.strip_suffix('*').unwrap_or(name);
                if bare.contains(['*', '=']) {
                    item.error(format!("'{name}' is not a name; a '*' may end one (AWS_*)"));
                }
                names.push(name.to_owned());
            });
            Some(InheritEnv::Only(names))
        }
        Value::Text(_) => field.flag().map(|all| if all { InheritEnv::All } else { InheritEnv::Nothing }),
        _ => return field.wrong_kind("true, false, or a list of names"),
    };
    if let Some(inherited) = inherited {
        unit.process.extras_mut().inherit_env = inherited;
    }
}

/// A list of groups.
pub fn groups(field: &mut Field<'_, '_>, unit: &mut Unit) {
    let mut groups = Vec::new();
    let is_list = field.items("a list of groups' names or numbers", |item| {
        if let Some(group) = item.word("a group's name or number") {
            if let Some(problem) = id_problem(group) {
                item.error(problem);
            }
            groups.push(group.to_owned());
        }
    });
    if is_list {
        unit.process.extras_mut().groups = Some(groups);
    }
}

/// What is wrong with a user's or group's number; a name is looked up when it is needed.
pub fn id_problem(text: &str) -> Option<String> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let is_number = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
    // (uid_t)-1 means "leave it" to the kernel.
    let fits = text.parse::<u32>().is_ok_and(|id| id < u32::MAX);
    (is_number && !fits).then(|| format!("the id {text} is out of range (0 to {})", u32::MAX - 1))
}

/// Permissions in octal.
pub fn umask(field: &mut Field<'_, '_>, unit: &mut Unit) {
    let Some(text) = field.word("an octal number such as \"027\"") else { return };
    match u32::from_str_radix(text.strip_prefix("0o").unwrap_or(text), 8) {
        Ok(mask) if mask <= 0o777 && !text.starts_with('+') => unit.process.extras_mut().umask = Some(mask),
        _ => field.error(format!("'umask' must be an octal number from 000 to 777, not '{text}'")),
    }
}

/// Limits whose value is a number of bytes.
const IN_BYTES: [Resource; 8] = [
    Resource::As,
    Resource::Core,
    Resource::Data,
    Resource::Fsize,
    Resource::Memlock,
    Resource::Msgqueue,
    Resource::Rss,
    Resource::Stack,
];

/// A map of limits.
pub fn rlimits(field: &mut Field<'_, '_>, unit: &mut Unit) {
    let Value::Map(entries) = &field.node.value else {
        return field.wrong_kind("a map of limits (nofile: 65536)");
    };
    for entry in entries.iter() {
        let names = Resource::NAMES.map(|(_, name)| name);
        let Some((resource, name)) = Resource::NAMES.iter().find(|(_, name)| *name == &*entry.key).copied() else {
            let hint = match nearest(&entry.key, names) {
                Some(near) => format!("did you mean '{near}'?"),
                None => format!("allowed: {}", names.join(", ")),
            };
            field.reading.error(entry.span, format!("unknown limit '{}' in 'rlimits' ({hint})", entry.key));
            continue;
        };
        let mut value = Field { reading: field.reading, name, span: entry.span, node: &entry.node };
        let Some(text) = value.word("a number, unlimited, or soft:hard") else { continue };
        let (soft, hard) = text.split_once(':').unwrap_or((text, text));
        let limits = [soft, hard].map(|text| limit(resource, text.trim()));
        match limits {
            [Some(soft), Some(hard)] if soft > hard => {
                value.error(format!("the soft limit of '{name}' is higher than the hard one"));
            }
            [Some(soft), Some(hard)] => {
                let rlimits = &mut unit.process.extras_mut().rlimits;
                rlimits.retain(|rlimit| rlimit.resource != resource);
                rlimits.push(Rlimit { resource, soft, hard });
            }
            _ => {
                let size = if IN_BYTES.contains(&resource) { ", a size such as 64MiB" } else { "" };
                value.error(format!("'{name}' must be a whole number{size}, unlimited, or soft:hard, not '{text}'"));
            }
        }
    }
}

fn limit(resource: Resource, text: &str) -> Option<u64> {
    match text {
        "unlimited" | "infinity" => Some(u64::MAX),
        _ if IN_BYTES.contains(&resource) => parse_size(text).ok(),
        _ => text.parse().ok().filter(|_| !text.starts_with('+')),
    }
}

/// `nice`.
pub fn nice(field: &mut Field<'_, '_>, unit: &mut Unit) {
    if let Some(nice) = integer(field, -20, 19) {
        unit.process.extras_mut().nice = Some(nice);
    }
}

/// `oom_score_adj`.
pub fn oom_score_adj(field: &mut Field<'_, '_>, unit: &mut Unit) {
    if let Some(score) = integer(field, -1000, 1000) {
        unit.process.extras_mut().oom_score_adj = Some(score);
    }
}

fn integer(field: &mut Field<'_, '_>, least: i32, most: i32) -> Option<i32> {
    let must = format!("a whole number from {least} to {most}");
    let text = field.word(&must)?;
    let number = text.parse().ok().filter(|number| (least..=most).contains(number));
    if number.is_none() {
        field.error(format!("'{}' must be {must}, not '{text}'", field.name));
    }
    number
}

/// `no_new_privs`.
pub fn no_new_privs(field: &mut Field<'_, '_>, unit: &mut Unit) {
    if let Some(flag) = field.flag() {
        if flag || unit.process.extras.is_some() {
            unit.process.extras_mut().no_new_privs = flag;
        }
    }
}

/// A list of capabilities.
pub fn capabilities(field: &mut Field<'_, '_>, unit: &mut Unit) {
    let mut kept = 0;
    let is_list = field.items("a list of capabilities, [] for none", |item| {
        let Some(name) = item.word("a capability such as net_bind_service") else { return };
        match Capabilities::named(name) {
            Some(Capabilities(bit)) => kept |= bit,
            None => {
                let bare = name.to_ascii_lowercase();
                let near = nearest(bare.strip_prefix("cap_").unwrap_or(&bare), NAMES);
                let hint = near.map(|near| format!(" (did you mean '{near}'?)")).unwrap_or_default();
                item.error(format!("unknown capability '{name}'{hint}; capabilities(7) has their names"));
            }
        }
    });
    if is_list {
        unit.process.extras_mut().capabilities = Some(kept);
    }
}

/// `null` (YAML's own too) or `inherit`.
pub fn stdin(field: &mut Field<'_, '_>) -> Option<Stdin> {
    match &field.node.value {
        Value::Null => Some(Stdin::Null),
        _ => field.one_of(&[("null", Stdin::Null), ("inherit", Stdin::Inherit)]),
    }
}
