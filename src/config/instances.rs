//! Copies of one service: `instances: N` makes `name-1` to `name-N`. A copy is read from the same nodes, with
//! `{instance}` in them replaced by its number.

use super::reading::Field;
use super::yaml::{Entry, Node, Text, Value};
use std::rc::Rc;

/// More copies of one service than this are a slip of the finger.
const MOST: u32 = 10_000;
/// What stands for a copy's number.
const NUMBER: &str = "{instance}";
/// The variable that tells a copy its number.
pub const VARIABLE: &str = "WINGMATE_INSTANCE";
/// The keys that it is replaced in.
const KEYS: [&str; 9] = ["command", "environ", "log", "pidfile", "ready", "health", "pre_start", "post_stop", "stop"];

/// How many.
pub fn count(field: &mut Field<'_, '_>) -> Option<u32> {
    let count = field.number(MOST)?;
    if count == 0 {
        field.error("'instances' must be at least 1; 'autostart: false' keeps a service from starting");
        return None;
    }
    Some(count)
}

/// How many copies these entries of a service ask for, if they do so and can be read.
pub fn wanted(entries: &[Entry]) -> Option<u32> {
    let Value::Text(text) = &entries.iter().find(|entry| &*entry.key == "instances")?.node.value else { return None };
    text.text.parse().ok().filter(|count| (1..=MOST).contains(count))
}

/// The entries of the copy of this number.
pub fn of_copy(entries: &[Entry], number: u32) -> Vec<Entry> {
    let fill = |entry: &Entry| match KEYS.contains(&&*entry.key) {
        true => Entry { node: filled(&entry.node, number), ..entry.clone() },
        false => entry.clone(),
    };
    entries.iter().map(fill).collect()
}

/// Nodes nest as deep as `yaml` lets them.
fn filled(node: &Node, number: u32) -> Node {
    let value = match &node.value {
        Value::Null => Value::Null,
        Value::Text(text) if text.text.contains(NUMBER) => {
            Value::Text(Text { text: text.text.replace(NUMBER, &number.to_string()).into(), plain: text.plain })
        }
        Value::Text(text) => Value::Text(text.clone()),
        Value::List(items) => Value::List(Rc::new(items.iter().map(|item| filled(item, number)).collect())),
        Value::Map(entries) => Value::Map(Rc::new(
            entries.iter().map(|entry| Entry { node: filled(&entry.node, number), ..entry.clone() }).collect(),
        )),
    };
    Node { value, span: node.span }
}
