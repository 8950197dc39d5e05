//! Services of Tor: whoever has their address reaches them, from anywhere.

use super::command::Call;
use crate::access::container::Container;
use crate::access::files::Files;
use crate::access::topology::Node;
use crate::access::upstream::upstream;
use crate::finding::Evidence;

const TOR: &str = "Tor service";

/// Returns what a Tor in a container offers: by the environment of its image, or by its own file.
pub(super) fn calls(node: &Node<'_>, files: &Files<'_>) -> Vec<Call> {
    let mut found = Vec::new();
    let call = |targets, evidence| Call {
        product: TOR,
        targets,
        public: true,
        evidence,
    };
    for (name, field) in &node.service.environment {
        if !name.ends_with("SERVICE_HOSTS") || !node.image.contains("tor") {
            continue;
        }
        // `80:web:8080,443:web:8443`: the public port, then where it leads.
        let value = field.value.as_deref().unwrap_or_default();
        let targets = value.split(',').map(str::trim).filter(|one| !one.is_empty());
        let targets: Option<Vec<_>> = targets
            .map(|one| upstream(one.split_once(':').map_or(one, |(_, target)| target)))
            .collect();
        let evidence = Evidence::at(format!("environment `{name}`"), &field.span);
        found.push(call(targets.filter(|targets| !targets.is_empty()), evidence));
    }
    let base = node.image_base();
    if found.is_empty() && base.contains("hidden-service") {
        found.push(call(None, super::image(node)));
    }
    let container = Container::new(node, files);
    let is_own = |target: &str| target.ends_with("/torrc") || target.starts_with("/etc/tor");
    for mounted in container.mounted(is_own) {
        let Some(texts) = mounted.texts else {
            let text = format!("`{}` is not in the lab", mounted.target);
            found.push(call(None, Evidence::at(text, mounted.place)));
            continue;
        };
        for text in texts {
            let mut offset = 0;
            for whole in text.source().text().split_inclusive('\n') {
                let start = offset;
                offset += whole.len();
                let line = whole.split('#').next().unwrap_or_default().trim();
                let mut words = line.split_whitespace();
                if !words
                    .next()
                    .is_some_and(|word| word.eq_ignore_ascii_case("HiddenServicePort"))
                {
                    continue;
                }
                // Without a target it is the same port of the machine that Tor runs on.
                let port = words.next().unwrap_or_default();
                let target = words.next().unwrap_or(port);
                let evidence = Evidence::at(
                    format!("`{line}`"),
                    &text.span(start, start + whole.trim_end().len()),
                );
                found.push(call(upstream(target).map(|target| vec![target]), evidence));
            }
        }
    }
    found
}
