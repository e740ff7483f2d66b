//! Who a name or a number is: passwd(5) and group(5) text to ids. Used by the plan of every launch with a user.
//!
//! The text is read directly, without NSS: wingmate is static, and an image may hold neither file. Numbers then
//! still work. A line that isn't well-formed is passed over, as is one that begins with `#`, `+` or `-`.

use crate::model::command::{Identity, ProcessSpec};
use crate::model::number::{self, NoId};
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
                    None => (entry.gid, self.groups_of(entry.name, entry.gid)?),
                };
                Ok(Target { uid: Some(entry.uid), gid: Some(gid), groups: Some(groups), person: Some(entry.person()) })
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
        let mut gids = groups.into_iter().map(|group| self.gid(group)).collect::<Result<Vec<Gid>, _>>()?;
        gids.sort_unstable();
        gids.dedup();
        Ok(gids)
    }

    fn entry(&self, user: &str) -> Result<Found<'_>, AccountError> {
        let number = number::id(user)?;
        let text = match (&self.passwd, number) {
            (Table::Text(text), _) => text,
            (Table::Unreadable(reason), _) => return Err(unreadable(PASSWD, reason)),
            (Table::Missing, Some(number)) => return Ok(Found::Number(Uid(number))),
            (Table::Missing, None) => return Err(AccountError::NoFile { file: PASSWD, name: user.to_owned() }),
        };
        let mut entries = lines(text).filter_map(Entry::parse);
        let found = match number {
            Some(number) => entries.find(|entry| entry.uid.0 == number),
            None => entries.find(|entry| entry.name == user.as_bytes()),
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
            Table::Text(text) => lines(text)
                .filter_map(Group::parse)
                .find(|entry| entry.name == group.as_bytes())
                .map(|entry| entry.gid)
                .ok_or_else(|| AccountError::UnknownGroup(group.to_owned())),
            Table::Missing => Err(AccountError::NoFile { file: GROUP, name: group.to_owned() }),
            Table::Unreadable(reason) => Err(unreadable(GROUP, reason)),
        }
    }

    /// The primary group and every one that lists the user, as initgroups(3) has it.
    fn groups_of(&self, user: &[u8], primary: Gid) -> Result<Vec<Gid>, AccountError> {
        let mut gids = vec![primary];
        match &self.group {
            Table::Text(text) => {
                let entries = lines(text).filter_map(Group::parse).filter(|entry| entry.has(user));
                gids.extend(entries.map(|entry| entry.gid));
            }
            Table::Missing => {}
            Table::Unreadable(reason) => return Err(unreadable(GROUP, reason)),
        }
        gids.sort_unstable();
        gids.dedup();
        Ok(gids)
    }
}

/// What a user's name or number leads to.
enum Found<'a> {
    Entry(Entry<'a>),
    /// A number without an entry.
    Number(Uid),
}

/// A line of passwd: name:password:uid:gid:comment:home:shell.
struct Entry<'a> {
    name: &'a [u8],
    uid: Uid,
    gid: Gid,
    home: &'a [u8],
    shell: &'a [u8],
}

impl<'a> Entry<'a> {
    fn parse(line: &'a [u8]) -> Option<Entry<'a>> {
        let mut fields = line.splitn(7, |b| *b == b':');
        let name = fields.next().filter(|name| !name.is_empty())?;
        let (uid, gid) = (id(fields.nth(1)?)?, id(fields.next()?)?);
        let (home, shell) = (fields.nth(1)?, fields.next()?);
        Some(Entry { name, uid: Uid(uid), gid: Gid(gid), home, shell })
    }

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

/// A line of group: name:password:gid:member,member.
struct Group<'a> {
    name: &'a [u8],
    gid: Gid,
    members: &'a [u8],
}

impl<'a> Group<'a> {
    fn parse(line: &'a [u8]) -> Option<Group<'a>> {
        let mut fields = line.splitn(4, |b| *b == b':');
        let name = fields.next().filter(|name| !name.is_empty())?;
        let gid = id(fields.nth(1)?)?;
        Some(Group { name, gid: Gid(gid), members: fields.next()? })
    }

    fn has(&self, user: &[u8]) -> bool {
        self.members.split(|b| *b == b',').any(|member| member == user)
    }
}

/// Lines that can be entries. A NUL can't be passed on in an environment.
fn lines(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    text.split(|b| *b == b'\n')
        .filter(|line| !matches!(line.first(), None | Some(b'#' | b'+' | b'-')) && !line.contains(&0))
}

/// An id field: digits, in range.
fn id(field: &[u8]) -> Option<u32> {
    std::str::from_utf8(field).ok().and_then(|text| number::id(text).ok().flatten())
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
mod tests {
    use super::*;

    const USERS: &str = "\
root:x:0:0:root:/root:/bin/bash
# dropped:x:11:11::/:/bin/sh
+nis:x:12:12::/:/bin/sh

short:x:13:13
letters:x:abc:14::/:/bin/sh
minus:x:-1:15::/:/bin/sh
last:x:4294967295:16::/:/bin/sh
huge:x:99999999999999999999:17::/:/bin/sh
:x:18:18::/:/bin/sh
www:x:33:33:www data:/var/www:/usr/sbin/nologin
alias:x:33:99::/elsewhere:
bare:x:40:41:::
deep:x:50:50:x:/home/deep:/bin/sh:with:colons
123:x:60:61::/digits:/bin/sh
twice:x:70:70::/first:/bin/sh
twice:x:71:71::/second:/bin/sh
top:x:4294967294:4294967294::/top:/bin/sh
cut:x:80:80::/cut:/bin/sh";

    const GROUPS: &str = "\
root:x:0:
broken
half:x:
adm:x:4:www,deep
www:x:33:
audio:x:29:deep,www
again:x:29:www
other:x:90:wwwx,xwww,www-data
primary:x:33:www
99999:x:91:
odd:x:92:bare,
staff:x:50:rooty,www";

    fn accounts() -> Accounts {
        Accounts { passwd: Table::Text(USERS.into()), group: Table::Text(GROUPS.into()) }
    }

    fn identity(user: &str, group: &str) -> Identity {
        let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        Identity { user: some(user), group: some(group) }
    }

    fn told(accounts: &Accounts, user: &str, group: &str) -> String {
        let target = match accounts.resolve(&identity(user, group)) {
            Ok(target) => target,
            Err(error) => return error.to_string(),
        };
        let id = |id: Option<u32>| id.map_or("-".to_owned(), |id| id.to_string());
        let groups = target.groups.map_or("-".to_owned(), |groups| {
            groups.iter().map(|gid| gid.raw().to_string()).collect::<Vec<_>>().join(",")
        });
        let person = target.person.map_or("-".to_owned(), |person| {
            let name = person.name.map_or("-".into(), |name| name.into_string().unwrap());
            format!("{name} {} {}", person.home.to_str().unwrap(), person.shell.to_str().unwrap())
        });
        format!("{} {} [{groups}] {person}", id(target.uid.map(Uid::raw)), id(target.gid.map(Gid::raw)))
    }

    #[test]
    fn users_and_groups_by_name_and_number() {
        let rows = [
            // user, group: uid gid [supplementary] name home shell
            ("", "", "- - [-] -"),
            ("root", "", "0 0 [0] root /root /bin/bash"),
            ("0", "", "0 0 [0] root /root /bin/bash"),
            ("www", "", "33 33 [4,29,33,50] www /var/www /usr/sbin/nologin"),
            ("www:", "", "33 33 [4,29,33,50] www /var/www /usr/sbin/nologin"),
            ("33", "", "33 33 [4,29,33,50] www /var/www /usr/sbin/nologin"),
            ("033", "", "33 33 [4,29,33,50] www /var/www /usr/sbin/nologin"),
            ("alias", "", "33 99 [99] alias /elsewhere /bin/sh"),
            ("bare", "", "40 41 [41,92] bare / /bin/sh"),
            ("deep", "", "50 50 [4,29,50] deep /home/deep /bin/sh:with:colons"),
            ("twice", "", "70 70 [70] twice /first /bin/sh"),
            ("71", "", "71 71 [71] twice /second /bin/sh"),
            ("cut", "", "80 80 [80] cut /cut /bin/sh"),
            // With a group: that one, no supplementary ones.
            ("www:adm", "", "33 4 [] www /var/www /usr/sbin/nologin"),
            ("www", "adm", "33 4 [] www /var/www /usr/sbin/nologin"),
            ("www:www", "", "33 33 [] www /var/www /usr/sbin/nologin"),
            ("www:7", "", "33 7 [] www /var/www /usr/sbin/nologin"),
            ("www", "0", "33 0 [] www /var/www /usr/sbin/nologin"),
            ("", "adm", "- 4 [] -"),
            ("", "5", "- 5 [] -"),
            // A number without an entry: the group of that number, never root's.
            ("4242", "", "4242 4242 [] - / /bin/sh"),
            ("4242:adm", "", "4242 4 [] - / /bin/sh"),
            ("4242:0", "", "4242 0 [] - / /bin/sh"),
            ("13", "", "13 13 [] - / /bin/sh"),
            ("11", "", "11 11 [] - / /bin/sh"),
            ("12", "", "12 12 [] - / /bin/sh"),
            // A name made of digits is a number, whatever the files say.
            ("123", "", "123 123 [] - / /bin/sh"),
            ("60", "", "60 61 [61] 123 /digits /bin/sh"),
            ("www:99999", "", "33 99999 [] www /var/www /usr/sbin/nologin"),
            ("4294967294", "", "4294967294 4294967294 [4294967294] top /top /bin/sh"),
            // Refused.
            ("nosuch", "", "unknown user 'nosuch' in /etc/passwd"),
            ("short", "", "unknown user 'short' in /etc/passwd"),
            ("letters", "", "unknown user 'letters' in /etc/passwd"),
            ("minus", "", "unknown user 'minus' in /etc/passwd"),
            ("last", "", "unknown user 'last' in /etc/passwd"),
            ("huge", "", "unknown user 'huge' in /etc/passwd"),
            ("+nis", "", "unknown user '+nis' in /etc/passwd"),
            ("# dropped", "", "unknown user '# dropped' in /etc/passwd"),
            ("+33", "", "unknown user '+33' in /etc/passwd"),
            (" 33", "", "unknown user ' 33' in /etc/passwd"),
            ("www:nosuch", "", "unknown group 'nosuch' in /etc/group"),
            ("www:broken", "", "unknown group 'broken' in /etc/group"),
            ("www:half", "", "unknown group 'half' in /etc/group"),
            ("www:adm:4", "", "unknown group 'adm:4' in /etc/group"),
            ("-1", "", "'-1' is no possible id (0 to 4294967294)"),
            ("4294967295", "", "'4294967295' is no possible id (0 to 4294967294)"),
            ("4294967296", "", "'4294967296' is no possible id (0 to 4294967294)"),
            ("99999999999999999999999", "", "'99999999999999999999999' is no possible id (0 to 4294967294)"),
            ("www:-1", "", "'-1' is no possible id (0 to 4294967294)"),
            ("www", "4294967295", "'4294967295' is no possible id (0 to 4294967294)"),
            (":adm", "", "':adm' names no user"),
            (":", "", "':' names no user"),
            ("www:adm", "audio", "'www:adm' and 'audio' name a group twice"),
        ];
        for (user, group, expected) in rows {
            assert_eq!(told(&accounts(), user, group), expected, "{user} {group}");
        }
    }

    #[test]
    fn numbers_work_without_files() {
        let none = Accounts::NONE;
        for (user, expected) in [
            ("33", "33 33 [] - / /bin/sh"),
            ("33:44", "33 44 [] - / /bin/sh"),
            ("www", "'/etc/passwd' not found, so the name 'www' can't be looked up (a number works)"),
            ("33:adm", "'/etc/group' not found, so the name 'adm' can't be looked up (a number works)"),
        ] {
            assert_eq!(told(&none, user, ""), expected);
        }
        let only_users = Accounts { group: Table::Missing, ..accounts() };
        assert_eq!(told(&only_users, "www", ""), "33 33 [33] www /var/www /usr/sbin/nologin");
    }

    #[test]
    fn nothing_is_guessed_about_a_file_that_cannot_be_read() {
        let denied = || Table::Unreadable("Permission denied".into());
        let neither = Accounts { passwd: denied(), group: denied() };
        for user in ["33", "www"] {
            assert_eq!(told(&neither, user, ""), "cannot read '/etc/passwd': Permission denied");
        }
        let only_users = Accounts { group: denied(), ..accounts() };
        assert_eq!(told(&only_users, "www", ""), "cannot read '/etc/group': Permission denied");
        assert_eq!(told(&only_users, "www:4", ""), "33 4 [] www /var/www /usr/sbin/nologin");
    }

    #[test]
    fn long_and_binary_lines_are_passed_over() {
        let mut text = vec![b'x'; 1 << 20];
        text.extend_from_slice(b"\nnul:x:34:34::/\0:/bin/sh\n\xff\xfe:x:35:35::/bytes:/bin/sh\nlong:x:36:36:");
        text.extend(std::iter::repeat_n(b'y', 1 << 20));
        text.extend_from_slice(b":/long:/bin/sh\nend:x:37:37::/end:/bin/sh\n");
        let mut groups = b"wide:x:5:".to_vec();
        (0..200_000).for_each(|n| groups.extend_from_slice(format!("user{n},").as_bytes()));
        groups.extend_from_slice(b"end\n");
        let accounts = Accounts { passwd: Table::Text(text), group: Table::Text(groups) };
        assert_eq!(told(&accounts, "nul", ""), "unknown user 'nul' in /etc/passwd");
        assert_eq!(told(&accounts, "long", ""), "36 36 [36] long /long /bin/sh");
        assert_eq!(told(&accounts, "end", ""), "37 37 [5,37] end /end /bin/sh");
        let person = accounts.resolve(&identity("35", "")).unwrap().person.unwrap();
        assert_eq!(person.name.unwrap().as_bytes(), b"\xff\xfe");
    }

    #[test]
    fn lists_of_groups_are_sorted_and_single() {
        let raw = |groups: Result<Vec<Gid>, AccountError>| groups.map(|gids| gids.into_iter().map(Gid::raw).collect());
        assert_eq!(raw(accounts().gids(["audio", "4", "29", "adm"])), Ok(vec![4, 29]));
        let unknown: Result<Vec<u32>, _> = raw(accounts().gids(["nosuch"]));
        assert_eq!(unknown, Err(AccountError::UnknownGroup("nosuch".into())));
    }
}
