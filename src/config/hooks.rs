//! Commands beside a service's own: `pre_start`, `post_stop`.

use super::keys;
use super::reading::Field;
use super::schema;
use super::yaml::Value;
use crate::model::command::Identity;
use crate::model::service::{HOOK_TIMEOUT, Hook};
use std::ffi::OsString;
use std::time::Duration;

/// One of them before it is whole.
pub struct Draft {
    pub command: Vec<OsString>,
    pub identity: Option<Identity>,
    pub timeout: Duration,
}

/// A command, or `{command, user, timeout}`.
pub fn hook(field: &mut Field<'_, '_>) -> Option<Hook> {
    let mut draft = Draft { command: Vec::new(), identity: None, timeout: HOOK_TIMEOUT };
    match &field.node.value {
        Value::Map(_) => {
            if field.map(keys::HOOK, &mut draft).lacks("command") {
                field.reading.error(field.span, format!("'{}' has no command", field.name));
            }
        }
        Value::Text(_) | Value::List(_) => draft.command = schema::command(field),
        Value::Null => field.wrong_kind("a command, or {command, user, timeout}"),
    }
    let Draft { command, identity, timeout } = draft;
    (!command.is_empty()).then_some(Hook { command, identity, timeout })
}

/// `user`, or `user:group`.
pub fn identity(field: &mut Field<'_, '_>) -> Option<Identity> {
    schema::user_and_group(field).map(|(user, group)| Identity { user: Some(user), group })
}
