//! Whom a process becomes. Names are looked up when it starts; numbers that can't be ids are refused here.

use super::super::draft::Unit;
use super::super::reading::Field;
use crate::model::command::Identity;
use crate::model::number::id;

const USER: &str = "a user's name or number";
const GROUP: &str = "a group's name or number";

/// `user`, or `user:group`.
pub fn user(field: &mut Field<'_, '_>, unit: &mut Unit) {
    if let Some((user, group)) = user_and_group(field) {
        unit.process.identity.user = Some(user.to_owned());
        unit.users_group = group.map(str::to_owned);
    }
}

/// The same of a hook.
pub fn of_hook(field: &mut Field<'_, '_>) -> Option<Identity> {
    let (user, group) = user_and_group(field)?;
    Some(Identity { user: Some(user.to_owned()), group: group.map(str::to_owned) })
}

fn user_and_group<'r>(field: &mut Field<'r, '_>) -> Option<(&'r str, Option<&'r str>)> {
    let text = field.word(USER)?;
    let (user, group) = match text.split_once(':') {
        Some((user, group)) => (user, Some(group)),
        None => (text, None),
    };
    if user.is_empty() || group.is_some_and(|group| group.is_empty() || group.contains(':')) {
        field.error(format!("'{text}' is not a user, nor user:group"));
        return None;
    }
    let possible = [Some(user), group].into_iter().flatten().all(|id| is_possible(field, id));
    possible.then_some((user, group))
}

/// `group`.
pub fn group(field: &mut Field<'_, '_>, unit: &mut Unit) {
    unit.process.identity.group = one_group(field);
}

/// `groups`.
pub fn groups(field: &mut Field<'_, '_>, unit: &mut Unit) {
    let mut groups = Vec::new();
    if field.items("a list of groups", |item| groups.extend(one_group(item))) {
        groups.shrink_to_fit();
        unit.process.extras_mut().groups = Some(groups);
    }
}

fn one_group(field: &mut Field<'_, '_>) -> Option<String> {
    let group = field.word(GROUP)?;
    if group.contains(':') {
        field.error(format!("'{group}' is not a group"));
        return None;
    }
    is_possible(field, group).then(|| group.to_owned())
}

fn is_possible(field: &mut Field<'_, '_>, name: &str) -> bool {
    id(name).map_err(|error| field.error(error.to_string())).is_ok()
}
