//! Apache's configuration: `ProxyPass` and what else makes a proxy of it.

use super::Reader;
use super::lines::{each, value};
use crate::access::container::Text;
use crate::finding::Evidence;
use crate::span::Span;

/// Includes within includes past this are nobody's.
const MAX_DEPTH: usize = 12;

pub(super) fn read(reader: &mut Reader<'_>, texts: &[&Text]) {
    for text in texts {
        read_one(reader, text, 0);
    }
}

fn read_one(reader: &mut Reader<'_>, text: &Text, depth: usize) {
    let mut lines: Vec<(String, Span)> = Vec::new();
    each(text, "\n", |line, place| {
        if !line.starts_with('#') {
            lines.push((line.to_owned(), place));
        }
    });
    for (line, place) in lines {
        if !reader.step(&place) {
            return;
        }
        let mut words = line
            .split_whitespace()
            .map(|word| word.trim_matches(['"', '\'', '>']));
        let name = words
            .next()
            .unwrap_or_default()
            .trim_start_matches('<')
            .to_ascii_lowercase();
        let words: Vec<&str> = words.collect();
        match name.as_str() {
            "include" | "includeoptional" => include(reader, words.first(), &place, depth),
            "proxypass" | "proxypassmatch" | "balancermember" => {
                // `ProxyPass /x !` leaves a path out.
                let mut addresses = words.iter().rev().filter(|word| word.contains("://"));
                let address = addresses.next().copied().or_else(|| {
                    let is_variable = words.iter().any(|word| word.contains(['$', '%']));
                    is_variable.then_some("$")
                });
                if let Some(address) = address {
                    lead(reader, address, &place);
                }
            }
            // Only with this mark is it a proxy's.
            "rewriterule" => {
                let flags = words.last().copied().unwrap_or_default().trim_matches(['[', ']']);
                let is_proxy = flags.split(',').any(|flag| matches!(flag, "P" | "proxy"));
                if is_proxy && let Some(address) = words.get(1) {
                    lead(reader, address, &place);
                }
            }
            "sethandler" | "addhandler" => {
                if let Some(address) = words.first().and_then(|word| word.strip_prefix("proxy:")) {
                    lead(reader, address, &place);
                }
            }
            _ => {}
        }
    }
}

fn include(reader: &mut Reader<'_>, path: Option<&&str>, place: &Span, depth: usize) {
    let Some(path) = path else { return };
    if depth > MAX_DEPTH || path.contains('$') {
        return reader.hide(Evidence::at("what this includes is not read", place));
    }
    let base = reader.node().image_base();
    let root = match base {
        "httpd" => "/usr/local/apache2",
        _ => "/etc/apache2",
    };
    let path = match path.starts_with('/') {
        true => (*path).to_owned(),
        false => format!("{root}/{path}"),
    };
    // What every image brings leads nowhere.
    if path.contains("/extra/") || path.contains("mods-enabled") {
        return;
    }
    for text in reader.included(&path, place) {
        read_one(reader, &text, depth + 1);
    }
}

fn lead(reader: &mut Reader<'_>, address: &str, place: &Span) {
    let address = value(reader, address);
    // A balancer's members are named by themselves.
    if address.starts_with("balancer:") {
        return;
    }
    let Some((scheme, rest)) = address.split_once("://") else {
        return reader.hide(Evidence::at("where this leads is decided while it runs", place));
    };
    // `unix:/run/app.sock|http://localhost/` leads to a socket.
    if address.starts_with("unix:") {
        return reader.hide(Evidence::at("it leads to a socket in a file", place));
    }
    let authority = rest.split(['/', '?']).next().unwrap_or_default();
    let authority = authority.split('$').next().unwrap_or_default();
    let (scheme, port) = match scheme {
        "https" | "wss" | "h2" => ("https", ""),
        "fcgi" if !authority.contains(':') => ("http", ":8000"),
        "ajp" if !authority.contains(':') => ("http", ":8009"),
        _ => ("http", ""),
    };
    reader.lead(&format!("{scheme}://{authority}{port}"), place, &[]);
}
