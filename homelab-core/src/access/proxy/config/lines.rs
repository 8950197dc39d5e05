//! Configurations that are read by their lines: HAProxy's and Varnish's; and Caddy's own JSON.

use super::Reader;
use crate::access::container::Text;
use crate::finding::Evidence;
use crate::span::Span;

/// Calls with every line, without its comment, and its place.
pub(super) fn each(text: &Text, comment: &str, mut line: impl FnMut(&str, Span)) {
    let mut offset = 0;
    for whole in text.source().text().split_inclusive('\n') {
        let bare = whole.split(comment).next().unwrap_or_default().trim();
        let start = offset + whole.find(bare).unwrap_or_default();
        offset += whole.len();
        if !bare.is_empty() {
            line(bare, text.span(start, start + bare.len()));
        }
    }
}

/// Leads to where HAProxy's `server`, `server-template` and `dispatch` say.
pub(super) fn haproxy(reader: &mut Reader<'_>, text: &Text) {
    each(text, "#", |line, place| {
        let words: Vec<&str> = line.split_whitespace().collect();
        let address = match words.as_slice() {
            ["server", _, address, ..]
            | ["server-template", _, _, address, ..]
            | ["dispatch", address, ..] => *address,
            _ => return,
        };
        let address = value(reader, address.trim_matches('"'));
        if ["/", "unix@", "abns@"]
            .iter()
            .any(|start| address.starts_with(start))
        {
            return reader.hide(Evidence::at("it leads to a socket in a file", &place));
        }
        let address = ["ipv4@", "ipv6@", "tcp4@", "tcp6@", "tcp@"]
            .iter()
            .find_map(|start| address.strip_prefix(start))
            .unwrap_or(&address);
        reader.lead(address, &place, &[]);
    });
}

/// Returns a word with the values of its variables, `${NAME}`, as far as they are known.
pub(super) fn value(reader: &Reader<'_>, word: &str) -> String {
    let mut text = String::new();
    let mut rest = word;
    while let Some((before, behind)) = rest.split_once("${") {
        let Some((name, behind)) = behind.split_once('}') else {
            break;
        };
        text.push_str(before);
        match reader.node().environment(name.trim_matches('"')) {
            Some((value, _)) => text.push_str(value),
            None => text.push_str(&format!("${{{name}}}")),
        }
        rest = behind;
    }
    text.push_str(rest);
    text
}

/// Leads to the backends of Varnish: `.host = "app";` and `.port = "80";`.
pub(super) fn vcl(reader: &mut Reader<'_>, text: &Text) {
    let mut host: Option<(String, Span)> = None;
    let mut hosts: Vec<(String, Option<String>, Span)> = Vec::new();
    let quoted = |line: &str, key: &str| {
        let rest = line.split_once(key)?.1.trim_start().strip_prefix('=')?;
        Some(rest.split('"').nth(1)?.to_owned())
    };
    let mut includes = None;
    each(text, "#", |line, place| {
        if line.starts_with("//") {
            return;
        }
        if line.starts_with("include") || line.contains("directors.") || line.starts_with("import") {
            includes.get_or_insert_with(|| place.clone());
        }
        if let Some(found) = quoted(line, ".host") {
            if let Some((host, place)) = host.take() {
                hosts.push((host, None, place));
            }
            host = Some((found, place));
        }
        if let Some(port) = quoted(line, ".port")
            && let Some((host, place)) = host.take()
        {
            hosts.push((host, Some(port), place));
        }
    });
    hosts.extend(host.map(|(host, place)| (host, None, place)));
    for (host, port, place) in hosts {
        let port = port.unwrap_or_else(|| "80".to_owned());
        reader.lead(&format!("{host}:{port}"), &place, &[]);
    }
    if let Some(place) = includes {
        reader.hide(Evidence::at("what this brings is not read", &place));
    }
}

/// Leads to every `dial` of Caddy's own JSON.
pub(super) fn caddy_json(reader: &mut Reader<'_>, text: &Text) {
    let place = text.shown(&Span::file(text.source()));
    let Some(settings) = crate::compose::settings::settings(text.source()) else {
        return reader.hide(Evidence::at("this is not read", &place));
    };
    for (key, value, found) in settings {
        let last = key.rsplit('.').next().unwrap_or_default();
        let place = text.shown(&found);
        match last {
            "dial" => reader.lead(&value, &place, &[]),
            "dynamic_upstreams" | "config_loader" => {
                reader.hide(Evidence::at("where this leads is decided while it runs", &place));
            }
            _ => {}
        }
    }
}
