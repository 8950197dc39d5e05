//! A lab's values planted into Compose files that other people wrote.

use super::{Dice, Kind, Secrets};

/// Returns a Compose file with some of a lab's values in it, where they may stand: in values, in keys that have a list form,
/// in comments. Which places these are, only the seed decides; whether Compose takes the outcome is for the caller to see.
pub fn planted_into(text: &str, secrets: &Secrets, seed: u64) -> String {
    let mut dice = Dice::new(seed);
    let mut out = String::with_capacity(text.len() + 256);
    let mut block = None;
    for line in text.split_inclusive('\n') {
        let bare = line.trim_end_matches(['\n', '\r']);
        let ending = &line[bare.len()..];
        let indent = bare.len() - bare.trim_start().len();
        let own = bare.trim_start();
        if block.is_some_and(|above| own.is_empty() || indent > above) {
            out.push_str(line);
            continue;
        }
        block = own
            .trim_end()
            .ends_with(['|', '>', '-', '+'])
            .then_some(indent)
            .filter(|_| own.contains([':', '-']) && own.contains(['|', '>']));
        let (new, comment) = (value_in(own, secrets, &mut dice), dice.below(9) == 0);
        out.push_str(&bare[..indent]);
        out.push_str(new.as_deref().unwrap_or(own));
        let is_whole =
            !own.is_empty() && block.is_none() && !own.contains(['\'', '"', '#']) && !own.ends_with('\\');
        if comment && is_whole && own.ends_with(|c: char| c.is_ascii_alphanumeric() || c == ':') {
            let value = &secrets.values[dice.below(secrets.values.len())].value;
            out.push_str(&format!("  # was {value}"));
        }
        out.push_str(ending);
    }
    out
}

/// Returns a line with a value in it, if this is a line that can have one and the dice say so.
fn value_in(own: &str, secrets: &Secrets, dice: &mut Dice) -> Option<String> {
    let value = |kind: Kind| {
        let mut all = secrets.values.iter().filter(|planted| planted.kind == kind);
        all.next().map(|planted| planted.value.as_str())
    };
    if dice.below(3) > 0 {
        return None;
    }
    let kind = dice.of(&[
        Kind::Address,
        Kind::Host,
        Kind::Domain,
        Kind::Tailnet,
        Kind::Login,
        Kind::Path,
        Kind::Serial,
        Kind::Token,
    ]);
    let planted = value(kind)?;
    let plain = |c: char| c.is_ascii_alphanumeric() || "._/-".contains(c);
    // `NAME: value` and `- NAME=value` of an environment, and what has a machine's name or folder.
    let is_variable = |name: &str| {
        name.len() > 2
            && name
                .chars()
                .all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_')
    };
    if let Some((name, rest)) = own.split_once(": ") {
        let rest = rest.trim();
        let simple = !rest.is_empty() && rest.chars().all(plain);
        return match name {
            "hostname" if simple => Some(format!("hostname: {}", value(Kind::Host)?)),
            "domainname" if simple => Some(format!("domainname: {}", value(Kind::Domain)?)),
            _ if is_variable(name) && simple => Some(match dice.below(3) {
                0 => format!("{name}: '{planted}'"),
                1 => format!("{name}: \"x {planted} y\""),
                _ => format!("{name}: {planted}"),
            }),
            // A label, of which a value is in the key.
            _ if simple && name.matches('.').count() > 1 && !name.contains([' ', '"', '\'', '[', '{']) => {
                Some(format!("{name}.{}: {rest}", value(Kind::Host)?))
            }
            _ => None,
        };
    }
    let item = own.strip_prefix("- ")?;
    if let Some((name, rest)) = item.split_once('=')
        && is_variable(name)
        && rest.chars().all(plain)
    {
        return Some(format!("- {name}={planted}"));
    }
    let (from, to) = item.split_once(":/")?;
    let is_folder =
        from.starts_with(['/', '.']) && from.chars().all(plain) && to.chars().all(|c| plain(c) || c == ':');
    is_folder.then(|| value(Kind::Path).map(|path| format!("- {path}:/{to}")))?
}
