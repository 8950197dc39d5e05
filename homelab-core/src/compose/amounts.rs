//! Checks what the table of attributes leaves as texts: amounts of bytes, lengths of time, commands, permissions.

use super::amount;
use super::check::Problem;
use super::json::words;
use super::node::{Map, Node, Value};
use super::rules;
use super::schema::{Object, SERVICE, Shape};

/// Checks a service in long form; what does not fit is taken out.
pub(super) fn check(service: &mut Map, problems: &mut Vec<Problem>) {
    object(service, &SERVICE, problems);
}

fn object(map: &mut Map, object: &'static Object, problems: &mut Vec<Problem>) {
    map.retain(|key, node| {
        object
            .field(key)
            .is_none_or(|shape| value(node, shape, key, problems))
    });
}

fn value(node: &mut Node, shape: &'static Shape, name: &str, problems: &mut Vec<Problem>) -> bool {
    let wrong = |node: &Node, wanted: &str, problems: &mut Vec<Problem>| {
        let shown = node.written();
        let message = format!("`{name}` must be {wanted}, and is `{shown}`");
        problems.push(Problem::new(&rules::INVALID_VALUE, &node.span, message));
        false
    };
    match shape {
        Shape::Bytes | Shape::BytesText => match node.as_text() {
            Some(text) if amount::bytes(text).is_none() => {
                wrong(node, "an amount of bytes such as `512m`", problems)
            }
            _ => true,
        },
        Shape::Duration => match node.as_text() {
            Some(text) if amount::duration(text).is_none() => {
                wrong(node, "a length of time such as `1m30s`", problems)
            }
            _ => true,
        },
        Shape::FileMode => match node.as_text() {
            Some(text) if i64::from_str_radix(text, 8).is_err() => {
                wrong(node, "permissions such as `0440`", problems)
            }
            _ => true,
        },
        Shape::DeviceCount => match node.as_text() {
            Some(text) if text != "all" && text.parse::<i64>().is_err() => {
                wrong(node, "an integer or `all`", problems)
            }
            _ => true,
        },
        Shape::Command => match node.as_text() {
            // The text is not repeated: commands hold passwords.
            Some(text) if words(text).is_none() => {
                let message = format!("the quotes of `{name}` do not close");
                problems.push(Problem::new(&rules::INVALID_VALUE, &node.span, message));
                false
            }
            _ => true,
        },
        Shape::ExtraHosts => {
            let Some(items) = node.as_list() else { return true };
            for item in items {
                if item.as_text().is_some_and(|text| !text.contains(['=', ':'])) {
                    return wrong(item, "`HOST=ADDRESS`", problems);
                }
            }
            true
        }
        Shape::List(shape) | Shape::UniqueList(shape) => {
            if let Some(items) = node.as_list_mut() {
                items.retain_mut(|item| value(item, shape, name, problems));
            }
            true
        }
        Shape::Dict(_, shape) => {
            if let Some(map) = node.as_map_mut() {
                map.retain(|key, inner| value(inner, shape, key, problems));
            }
            true
        }
        Shape::Object(inner) | Shape::ObjectOrNull(inner) => {
            if let Some(map) = node.as_map_mut() {
                object(map, inner, problems);
            }
            true
        }
        Shape::Either(shapes) => {
            let fitting = shapes.iter().find(|shape| {
                matches!(
                    (&node.value, shape),
                    (
                        Value::Map(_),
                        Shape::Object(_) | Shape::ObjectOrNull(_) | Shape::Dict(..)
                    ) | (Value::List(_), Shape::List(_))
                )
            });
            fitting.is_none_or(|shape| value(node, shape, name, problems))
        }
        _ => true,
    }
}
