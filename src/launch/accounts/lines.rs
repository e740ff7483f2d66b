//! The lines of passwd(5) and group(5): what is looked for, found without a copy.
//!
//! There may be many of them, and one may be long: what can't be the line that is wanted is left as early as possible.

use crate::model::number::plain_id;
use memchr::{memchr, memchr_iter};

/// A line of passwd: name:password:uid:gid:comment:home:shell.
pub(super) struct User<'a> {
    pub name: &'a [u8],
    pub uid: u32,
    pub gid: u32,
    pub home: &'a [u8],
    pub shell: &'a [u8],
}

/// A line of group: name:password:gid:member,member.
struct Group<'a> {
    gid: u32,
    members: &'a [u8],
}

/// The first user of this name.
pub(super) fn user_named<'a>(text: &'a [u8], name: &[u8]) -> Option<User<'a>> {
    lines(text).filter(|line| is_of(line, name)).find_map(User::parse)
}

/// The first one of this number.
pub(super) fn user_numbered(text: &[u8], uid: u32) -> Option<User<'_>> {
    lines(text).filter_map(User::parse).find(|user| user.uid == uid)
}

/// The first group of this name.
pub(super) fn group_named(text: &[u8], name: &[u8]) -> Option<u32> {
    lines(text).filter(|line| is_of(line, name)).find_map(Group::parse).map(|group| group.gid)
}

/// All groups that list this user.
pub(super) fn groups_with<'a>(text: &'a [u8], user: &'a [u8]) -> impl Iterator<Item = u32> + 'a {
    // Most list nobody.
    let lists = |line: &&[u8]| line.last() != Some(&b':');
    lines(text).filter(lists).filter_map(Group::parse).filter(|group| group.has(user)).map(|group| group.gid)
}

impl<'a> User<'a> {
    fn parse(line: &'a [u8]) -> Option<User<'a>> {
        let mut rest = line;
        let (name, _) = (field(&mut rest)?, field(&mut rest)?);
        let (uid, gid) = (plain_id(field(&mut rest)?)?, plain_id(field(&mut rest)?)?);
        let (_, home) = (field(&mut rest)?, field(&mut rest)?);
        Some(User { name, uid, gid, home, shell: rest })
    }
}

impl<'a> Group<'a> {
    fn parse(line: &'a [u8]) -> Option<Group<'a>> {
        let mut rest = line;
        let _ = (field(&mut rest)?, field(&mut rest)?);
        Some(Group { gid: plain_id(field(&mut rest)?)?, members: rest })
    }

    fn has(&self, user: &[u8]) -> bool {
        self.members.len() >= user.len() && self.members.split(|b| *b == b',').any(|member| member == user)
    }
}

/// Lines that can be entries: a name is there and begins with neither a blank nor what marks comments and NIS. A NUL
/// can't be passed on in an environment.
fn lines(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut start = 0;
    let ends = memchr_iter(b'\n', text).chain([text.len()]);
    let lines = ends.filter_map(move |end| text.get(std::mem::replace(&mut start, end + 1)..end));
    lines.filter(|line| {
        let entry = !matches!(line.first(), None | Some(b'#' | b'+' | b'-' | b':' | b' ' | b'\t' | b'\r'));
        entry && memchr(0, line).is_none()
    })
}

fn is_of(line: &[u8], name: &[u8]) -> bool {
    line.starts_with(name) && memchr(b':', line) == Some(name.len())
}

/// What stands before the next colon, which is passed.
fn field<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let end = memchr(b':', rest)?;
    let field = rest.get(..end)?;
    *rest = rest.get(end + 1..)?;
    Some(field)
}
