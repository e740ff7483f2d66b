//! Copies of a service (`instances`): its keys are read anew for each of them, with `{instance}` replaced.

use super::super::yaml::{Entry, Node, Text, Value};
use std::rc::Rc;

/// What stands for a copy's number.
const MARK: &str = "{instance}";
/// The keys in which it is replaced (spec/config.md).
const KEYS: [&str; 5] = ["command", "environ", "pidfile", "ready", "health"];

/// The numbers of the copies, as far as they are worth reading.
pub struct Numbers {
    next: u32,
    count: u32,
}

/// The copies of a service; `None`: it is one by its own name.
pub fn of(node: &Node) -> Option<Numbers> {
    let Value::Map(entries) = &node.value else { return None };
    entries.iter().any(|entry| &*entry.key == "instances").then_some(Numbers { next: 1, count: 1 })
}

impl Numbers {
    /// The next copy's number; after an error none, since the others would have it too.
    pub fn next(&mut self, failed: bool) -> Option<u32> {
        let number = self.next;
        self.next = number.saturating_add(1);
        (number <= self.count && !failed).then_some(number)
    }

    /// How many there are, which the first one's keys tell.
    pub fn set_count(&mut self, count: Option<u32>) {
        self.count = count.unwrap_or(self.count);
    }
}

/// The service's keys as the copy of this number has them.
pub fn replaced(node: &Node, number: u32) -> Node {
    let Value::Map(entries) = &node.value else { return node.clone() };
    let number = number.to_string();
    let entry = |entry: &Entry| match KEYS.contains(&&*entry.key) {
        true => Entry { node: inside(&entry.node, &number), ..entry.clone() },
        false => entry.clone(),
    };
    Node { value: Value::Map(Rc::new(entries.iter().map(entry).collect())), span: node.span }
}

fn inside(node: &Node, number: &str) -> Node {
    let value = match &node.value {
        Value::Text(Text { text, plain }) if text.contains(MARK) => {
            Value::Text(Text { text: text.replace(MARK, number).into(), plain: *plain })
        }
        Value::List(nodes) => Value::List(Rc::new(nodes.iter().map(|node| inside(node, number)).collect())),
        Value::Map(entries) => {
            let entry = |entry: &Entry| Entry { node: inside(&entry.node, number), ..entry.clone() };
            Value::Map(Rc::new(entries.iter().map(entry).collect()))
        }
        Value::Text(_) | Value::Null => node.value.clone(),
    };
    Node { value, span: node.span }
}
