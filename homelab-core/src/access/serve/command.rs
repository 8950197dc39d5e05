//! `tailscale serve` and `tailscale funnel` among the words of a command.

use crate::access::path::Page;
use crate::access::topology::Node;
use crate::access::upstream::upstream;
use crate::finding::Evidence;

/// One call that opens something.
pub(super) struct Call {
    pub(super) funnel: bool,
    /// The host and port that requests go to; none where the call does not say, or not in a way that can be read.
    pub(super) target: Option<(String, u16)>,
    /// The port of the device.
    pub(super) port: u16,
    /// What a browser finds there; nothing where connections are passed on.
    pub(super) page: Option<Page>,
    pub(super) evidence: Evidence,
}

/// Returns the calls in a service's entry point and command, whether they are words of their own or a shell's.
pub(super) fn calls(node: &Node<'_>) -> Vec<Call> {
    let mut words: Vec<(&str, &crate::span::Span)> = Vec::new();
    for (text, span) in node.words() {
        // What ends a command stands apart, however it is written.
        for piece in text.split_inclusive([';', '&', '|', '\n']) {
            let bare = piece.trim_end_matches([';', '&', '|', '\n']);
            words.extend(bare.split_whitespace().map(|word| (word, span)));
            if bare.len() < piece.len() {
                words.push((";", span));
            }
        }
    }
    let mut found = Vec::new();
    for (at, (word, span)) in words.iter().enumerate() {
        let is_program = word.trim_matches(['"', '\'', '(']).rsplit('/').next() == Some("tailscale");
        if !is_program {
            continue;
        }
        let call: Vec<&str> = words[at + 1..]
            .iter()
            .map(|(word, _)| word.trim_matches(['"', '\'', ')']))
            .take_while(|word| *word != ";")
            .collect();
        let mut arguments = call.iter().copied().filter(|word| !word.starts_with('-'));
        let funnel = match arguments.next() {
            Some("funnel") => true,
            Some("serve") => false,
            _ => continue,
        };
        if let Some(target) = target(&arguments.collect::<Vec<_>>()) {
            let name = if funnel { "funnel" } else { "serve" };
            let (port, page) = begins(&call);
            found.push(Call {
                funnel,
                target,
                port,
                page,
                evidence: Evidence::at(format!("`tailscale {name}` in the command"), span),
            });
        }
    }
    found
}

/// Returns the port of the device on which a call listens, and what a browser finds there: `--https=8443`, `--tcp 22`, the
/// older `https:443 /mount`, else HTTPS on 443.
fn begins(call: &[&str]) -> (u16, Option<Page>) {
    let mut mount = "/".to_owned();
    let mut found = ("https", 443);
    for (at, word) in call.iter().enumerate() {
        let flag = word.trim_start_matches('-');
        let (name, value) = match (flag.split_once('='), word.starts_with('-')) {
            (Some((name, value)), true) => (name, Some(value)),
            (None, true) => (flag, call.get(at + 1).copied()),
            // The older form has no dashes, and a scheme without slashes.
            (_, false) => match word.split_once(':') {
                Some((name, port)) => (name, Some(port)),
                None => continue,
            },
        };
        let kinds = ["https", "http", "tcp", "tls-terminated-tcp"];
        if let Some(kind) = kinds.iter().find(|kind| **kind == name)
            && let Some(port) = value.and_then(|value| value.parse().ok())
        {
            found = (*kind, port);
        } else if let (Some(path), true) = (value, name == "set-path" && word.starts_with('-')) {
            mount = format!("/{}", path.trim_start_matches('/'));
        }
    }
    let (kind, port) = found;
    let page = kind.starts_with("http").then(|| Page {
        tls: kind == "https",
        mount,
    });
    (port, page)
}

/// Returns where a call leads, `Some(None)` where that cannot be read, and nothing where it opens nothing.
#[expect(
    clippy::option_option,
    reason = "to open nothing is not to open something unseen"
)]
fn target(arguments: &[&str]) -> Option<Option<(String, u16)>> {
    match arguments {
        ["status" | "reset" | "get-config" | "help" | "drain" | "clear", ..] | [.., "off"] => None,
        // `funnel 443 on` opens what is served elsewhere on that port.
        [] | [.., "on"] => Some(None),
        [.., last] if last.starts_with("text:") || last.starts_with('/') => None,
        [.., last] => Some(upstream(last)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_leads_to_its_last_argument() {
        for (text, expected) in [
            ("80", Some(Some("localhost 80"))),
            ("http://app:3000", Some(Some("app 3000"))),
            ("https / http://127.0.0.1:3000", Some(Some("127.0.0.1 3000"))),
            ("localhost:3000", Some(Some("localhost 3000"))),
            ("443 on", Some(None)),
            ("$PORT", Some(None)),
            ("", Some(None)),
            ("status", None),
            ("3000 off", None),
            ("/srv/files", None),
        ] {
            let words: Vec<&str> = text.split_whitespace().collect();
            let found = target(&words).map(|one| one.map(|(host, port)| format!("{host} {port}")));
            assert_eq!(found.as_ref().map(Option::as_deref), expected, "{text}");
        }
    }

    #[test]
    fn a_call_listens_where_its_flags_say() {
        let page = |tls, mount: &str| {
            Some(Page {
                tls,
                mount: mount.to_owned(),
            })
        };
        for (text, expected) in [
            ("serve --bg 3000", (443, page(true, "/"))),
            ("serve --https=8443 3000", (8443, page(true, "/"))),
            ("serve --http 80 localhost:3000", (80, page(false, "/"))),
            ("serve --tcp=2222 tcp://localhost:22", (2222, None)),
            ("serve --set-path=/notes 3000", (443, page(true, "/notes"))),
            (
                "serve https:8443 / http://127.0.0.1:3000",
                (8443, page(true, "/")),
            ),
            (
                "funnel --tls-terminated-tcp=10000 tcp://localhost:9",
                (10000, None),
            ),
            ("serve http://app:3000", (443, page(true, "/"))),
        ] {
            let words: Vec<&str> = text.split_whitespace().collect();
            assert_eq!(begins(&words), expected, "{text}");
        }
    }
}
