//! `depends_on`, as it is written. What the names mean is known when all units are: `config::dependencies`.

use super::super::draft::{Need, Unit};
use super::super::keys;
use super::super::reading::{Field, nowhere_else};
use super::super::yaml::Value;

/// A list of names, or a map of them to `{condition}`.
pub fn depends_on(field: &mut Field<'_, '_>, unit: &mut Unit) {
    let must = "a list of services, or a map of NAME: {condition}";
    match &field.node.value {
        Value::Map(entries) => {
            for entry in entries.iter() {
                let place = field.reading.place(entry.span);
                let mut need = Need { name: String::from(&*entry.key), condition: None, place };
                let mut value = Field { reading: field.reading, name: field.name, span: entry.span, node: &entry.node };
                match &entry.node.value {
                    Value::Null => {}
                    Value::Map(_) => drop(value.map_beside(keys::NEED, &nowhere_else, &mut need)),
                    _ => value.wrong_kind("a map of NAME: {condition: started, ready or completed}"),
                }
                unit.needs.push(need);
            }
        }
        _ => {
            field.items(must, |item| {
                let Some(name) = item.word("a service's name") else { return };
                if unit.needs.iter().any(|need| need.name == name) {
                    return item.error(format!("'{name}' is here twice"));
                }
                let place = item.reading.place(item.node.span);
                unit.needs.push(Need { name: name.to_owned(), condition: None, place });
            });
        }
    }
}
