//! Declared paths: `${NAME}` and `${NAME:-default}` in them, filled as a project fills them.

use crate::compose::Project;
use crate::lab::Lab;
use crate::system::names_secret;

pub(super) fn value(project: &Project, name: &str) -> Option<String> {
    let found = project.values().find(|(own, _)| *own == name);
    found.map(|(_, value)| value.expose().to_owned())
}

/// Returns the variables of a path, each with its default: `${NAME}` and `${NAME:-default}`.
pub(super) fn slots_of(text: &str) -> Result<Vec<(String, Option<String>)>, String> {
    let mut slots = Vec::new();
    split(text, |name, default| {
        slots.push((name.to_owned(), default.map(str::to_owned)));
        Ok(String::new())
    })?;
    Ok(slots)
}

pub(super) fn fill(text: &str, value: impl Fn(&str) -> Option<String>, lab: &Lab) -> Result<String, String> {
    let is_secret = |name: &str| {
        let slot = lab.pattern().slots().iter().find(|(own, _)| own.as_str() == name);
        names_secret(name) || slot.is_some_and(|(_, slot)| slot.is_secret())
    };
    let path = split(text, |name, default| {
        if is_secret(name) {
            return Err(format!("path `{text}` has the secret `{name}` in it"));
        }
        let slot = lab.pattern().slots().iter().find(|(own, _)| own.as_str() == name);
        let usual = slot.and_then(|(_, slot)| slot.default()).or(default);
        let filled = value(name)
            .filter(|value| !value.is_empty())
            .or_else(|| usual.map(str::to_owned));
        filled.ok_or_else(|| format!("path `{text}`: nothing gives `{name}` a value"))
    })?;
    if path.starts_with('/') {
        Ok(path)
    } else if let Some(inner) = path.strip_prefix("./").filter(|inner| !inner.contains("..")) {
        Ok(lab.root().join(inner).display().to_string())
    } else {
        Err(format!("path `{text}` is not absolute"))
    }
}

/// Replaces each `${NAME}` and `${NAME:-default}` of a text.
fn split(
    text: &str,
    mut replace: impl FnMut(&str, Option<&str>) -> Result<String, String>,
) -> Result<String, String> {
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find("${") {
        out.push_str(&rest[..at]);
        let inner = &rest[at + 2..];
        let end = inner
            .find('}')
            .ok_or_else(|| format!("path `{text}` has a `${{` without its `}}`"))?;
        let (name, default) = match inner[..end].split_once(":-") {
            Some((name, default)) => (name, Some(default)),
            None => (&inner[..end], None),
        };
        out.push_str(&replace(name, default)?);
        rest = &inner[end + 1..];
    }
    out.push_str(rest);
    Ok(out)
}
