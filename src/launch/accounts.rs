//! Who a name or a number is: passwd(5) and group(5) text to ids. Used by the plan of every launch with a user.
//!
//! The text is read directly, without NSS: wingmate is static, and an image may hold neither file. Numbers then
//! still work. A line that isn't well-formed is passed over, as is one that begins with `#`, `+` or `-`.

mod lines;

use crate::model::command::{Identity, ProcessSpec};
use crate::model::number::{self, NoId};
use lines::User;
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;

/// A user's number. Never `u32::MAX`, which means "leave as is" to the kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(transparent)]
pub struct Uid(u32);

/// A group's number. Never `u32::MAX`, as [`Uid`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(transparent)]
pub struct Gid(u32);

macro_rules! id {
    ($name:ident) => {
        impl $name {
            /// What the kernel shows for an id that this user namespace doesn't map (`/proc/sys/kernel/overflowuid`).
            pub const UNMAPPED: $name = $name(65534);

            /// The id of this number, if it can be one.
            pub fn from_raw(raw: u32) -> Option<$name> {
                (raw != u32::MAX).then_some($name(raw))
            }

            /// Its number.
            pub fn raw(self) -> u32 {
                self.0
            }
        }
    };
}
id!(Uid);
id!(Gid);

/// One of the two files, as far as it could be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Table {
    Text(Vec<u8>),
    /// There is no such file: numbers work, names don't.
    Missing,
    /// It is there and can't be read, for this reason: nothing that would need it is guessed.
    Unreadable(String),
}

/// Both files, read anew for each launch with a user: an earlier unit may have added one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Accounts {
    pub passwd: Table,
    pub group: Table,
}

/// Where the users are.
pub const PASSWD: &str = "/etc/passwd";
/// Where the groups are.
pub const GROUP: &str = "/etc/group";

/// The kernel's NGROUPS_MAX.
const MOST_GROUPS: usize = 65_536;

/// Why an identity has no numbers.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
pub enum AccountError {
    #[error("unknown user '{0}' in {PASSWD}")]
    UnknownUser(String),
    #[error("unknown group '{0}' in {GROUP}")]
    UnknownGroup(String),
    #[error("'{file}' not found, so the name '{name}' can't be looked up (a number works)")]
    NoFile { file: &'static str, name: String },
    #[error("cannot read '{file}': {reason}")]
    Unreadable { file: &'static str, reason: String },
    #[error(transparent)]
    NoId(#[from] NoId),
    #[error("'{0}' names no user")]
    NoUser(String),
    #[error("'{user}' is in {count} groups of {GROUP}, and a process can be in {MOST_GROUPS}")]
    TooManyGroups { user: String, count: usize },
    #[error("'{user}' and '{group}' name a group twice")]
    TwoGroups { user: String, group: String },
}

/// An identity in numbers. `None`: stays as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Target {
    pub uid: Option<Uid>,
    pub gid: Option<Gid>,
    /// The supplementary groups, sorted, each once.
    pub groups: Option<Vec<Gid>>,
    /// Whom the environment is to speak of; with a user only.
    pub person: Option<Person>,
}

/// What the environment tells about a user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Person {
    /// `None` for a number without an entry.
    pub name: Option<OsString>,
    pub home: OsString,
    pub shell: OsString,
}

/// passwd(5): an empty shell means this one.
const SHELL: &str = "/bin/sh";

impl Accounts {
    /// No files at all, for launches that don't need them ([`Accounts::needed`]).
    pub const NONE: Accounts = Accounts { passwd: Table::Missing, group: Table::Missing };

    /// Whether something that this process is to be is looked up in the files.
    pub fn needed(spec: &ProcessSpec) -> bool {
        spec.identity.user.is_some() || spec.identity.group.is_some() || spec.extras().groups.is_some()
    }

    /// The numbers of an identity (rules: `wmexec --user`). `user` may be `USER:GROUP` or `USER:`.
    pub fn resolve(&self, identity: &Identity) -> Result<Target, AccountError> {
        let (user, group) = split(identity)?;
        let gid = group.map(|group| self.gid(group)).transpose()?;
        let Some(user) = user else {
            return Ok(Target { gid, groups: gid.map(|_| Vec::new()), ..Target::default() });
        };
        match self.entry(user)? {
            Found::Entry(entry) => {
                let (gid, groups) = match gid {
                    Some(gid) => (gid, Vec::new()),
                    None => (Gid(entry.gid), self.groups_of(entry.name, Gid(entry.gid))?),
                };
                Ok(Target {
                    uid: Some(Uid(entry.uid)),
                    gid: Some(gid),
                    groups: Some(groups),
                    person: Some(entry.person()),
                })
            }
            Found::Number(uid) => {
                let person = Person { name: None, home: "/".into(), shell: SHELL.into() };
                let gid = gid.unwrap_or(Gid(uid.0));
                Ok(Target { uid: Some(uid), gid: Some(gid), groups: Some(Vec::new()), person: Some(person) })
            }
        }
    }

    /// A list of groups by name or number, sorted, each once.
    pub fn gids<'a>(&self, groups: impl IntoIterator<Item = &'a str>) -> Result<Vec<Gid>, AccountError> {
        groups.into_iter().map(|group| self.gid(group)).collect::<Result<_, _>>().map(single)
    }

    fn entry(&self, user: &str) -> Result<Found<'_>, AccountError> {
        let number = number::id(user)?;
        let text = match (&self.passwd, number) {
            (Table::Text(text), _) => text,
            (Table::Unreadable(reason), _) => return Err(unreadable(PASSWD, reason)),
            (Table::Missing, Some(number)) => return Ok(Found::Number(Uid(number))),
            (Table::Missing, None) => return Err(AccountError::NoFile { file: PASSWD, name: user.to_owned() }),
        };
        let found = match number {
            Some(number) => lines::user_numbered(text, number),
            None => lines::user_named(text, user.as_bytes()),
        };
        match (found, number) {
            (Some(entry), _) => Ok(Found::Entry(entry)),
            (None, Some(number)) => Ok(Found::Number(Uid(number))),
            (None, None) => Err(AccountError::UnknownUser(user.to_owned())),
        }
    }

    fn gid(&self, group: &str) -> Result<Gid, AccountError> {
        if let Some(number) = number::id(group)? {
            return Ok(Gid(number));
        }
        match &self.group {
            Table::Text(text) => lines::group_named(text, group.as_bytes())
                .map(Gid)
                .ok_or_else(|| AccountError::UnknownGroup(group.to_owned())),
            Table::Missing => Err(AccountError::NoFile { file: GROUP, name: group.to_owned() }),
            Table::Unreadable(reason) => Err(unreadable(GROUP, reason)),
        }
    }

    /// The primary group and every one that lists the user, as initgroups(3) has it.
    fn groups_of(&self, user: &[u8], primary: Gid) -> Result<Vec<Gid>, AccountError> {
        let mut gids = vec![primary];
        match &self.group {
            Table::Text(text) => gids.extend(lines::groups_with(text, user).map(Gid)),
            Table::Missing => {}
            Table::Unreadable(reason) => return Err(unreadable(GROUP, reason)),
        }
        match single(gids) {
            gids if gids.len() > MOST_GROUPS => {
                Err(AccountError::TooManyGroups { user: String::from_utf8_lossy(user).into_owned(), count: gids.len() })
            }
            gids => Ok(gids),
        }
    }
}

/// What a user's name or number leads to.
enum Found<'a> {
    Entry(User<'a>),
    /// A number without an entry.
    Number(Uid),
}

impl User<'_> {
    fn person(&self) -> Person {
        let or = |value: &[u8], empty: &str| {
            OsStr::from_bytes(if value.is_empty() { empty.as_bytes() } else { value }).to_owned()
        };
        Person {
            name: Some(OsStr::from_bytes(self.name).to_owned()),
            home: or(self.home, "/"),
            shell: or(self.shell, SHELL),
        }
    }
}

/// Sorted, each once.
fn single(mut gids: Vec<Gid>) -> Vec<Gid> {
    gids.sort_unstable();
    gids.dedup();
    gids
}

fn split(identity: &Identity) -> Result<(Option<&str>, Option<&str>), AccountError> {
    let group = identity.group.as_deref();
    let Some(text) = identity.user.as_deref() else { return Ok((None, group)) };
    let (user, own) = match text.split_once(':') {
        Some((user, "")) => (user, None),
        Some((user, own)) => (user, Some(own)),
        None => (text, None),
    };
    match (own, group) {
        _ if user.is_empty() => Err(AccountError::NoUser(text.to_owned())),
        (Some(_), Some(group)) => Err(AccountError::TwoGroups { user: text.to_owned(), group: group.to_owned() }),
        (own, group) => Ok((Some(user), own.or(group))),
    }
}

fn unreadable(file: &'static str, reason: &str) -> AccountError {
    AccountError::Unreadable { file, reason: reason.to_owned() }
}

#[cfg(test)]
mod tests;
