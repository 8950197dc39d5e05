//! Tunnels among the words of a command: `ssh -R`, chisel, bore, inlets, localtunnel, expose, boringproxy.

use super::super::topology::Node;
use super::super::upstream::upstream;
use crate::finding::Evidence;
use crate::span::Span;

/// One call that opens a tunnel.
pub(super) struct Call {
    pub(super) product: &'static str,
    /// Where it leads; none where the call does not say, or not in a way that can be read.
    pub(super) targets: Option<Vec<(String, u16)>>,
    /// Whether its other end is known to be a public server's.
    pub(super) public: bool,
    pub(super) evidence: Evidence,
}

/// Servers that give their guests a public name or port.
const PUBLIC_SERVERS: [&str; 6] = [
    "serveo.net",
    "localhost.run",
    "pinggy.io",
    "srv.us",
    "tunnelto.dev",
    "bore.pub",
];

/// Returns the calls in a service's entry point and command, whether they are words of their own or a shell's.
pub(super) fn calls(node: &Node<'_>) -> Vec<Call> {
    // The words, and where each of them stands.
    let (mut words, mut places): (Vec<&str>, Vec<&Span>) = (Vec::new(), Vec::new());
    for (text, span) in node.words() {
        // What ends a command stands apart, however it is written.
        for piece in text.split_inclusive([';', '&', '|', '\n']) {
            let bare = piece.trim_end_matches([';', '&', '|', '\n']);
            let plain = bare
                .split_whitespace()
                .map(|word| word.trim_matches(['"', '\'', '(', ')']));
            words.extend(plain.filter(|word| !word.is_empty()));
            if bare.len() < piece.len() {
                words.push(";");
            }
            places.resize(words.len(), span);
        }
    }
    let mut starts: Vec<(&str, usize)> = Vec::new();
    // An image's own program stands before the words, unless they name one.
    let names = || {
        words
            .iter()
            .map(|word| &word[word.rfind('/').map_or(0, |at| at + 1)..])
    };
    if let Some(own) = program_of_image(node.image_base())
        && !names().any(|name| name == own)
    {
        starts.push((own, 0));
    }
    starts.extend(names().zip(1..));
    let mut found = Vec::new();
    for (program, at) in starts {
        let arguments = words[at..].split(|word| *word == ";").next().unwrap_or_default();
        let Some((product, targets, public)) = read(program, arguments) else {
            continue;
        };
        let evidence = match places.get(at.saturating_sub(1)) {
            Some(span) => Evidence::at(format!("`{program}` in the command"), span),
            None => super::image(node),
        };
        found.push(Call {
            product,
            targets,
            public,
            evidence,
        });
    }
    found
}

/// Returns the tunnel that an image of autossh opens as its environment says.
pub(super) fn by_environment(node: &Node<'_>) -> Option<Call> {
    if !node.image_base().contains("autossh") {
        return None;
    }
    let words: Vec<&str> = ["SSH_ARGS", "AUTOSSH_ARGS", "SSH_OPTIONS", "SSH_MODE"]
        .iter()
        .filter_map(|name| Some(node.environment(name)?.0))
        .flat_map(str::split_whitespace)
        .collect();
    let is_told = ssh(&words).is_some();
    let leads_out = ["-L", "-D"]
        .iter()
        .any(|option| words.iter().any(|word| word.starts_with(option)));
    if leads_out && !is_told {
        return None;
    }
    let target = node.environment("SSH_TARGET_HOST").map(|(host, evidence)| {
        let port = node.environment("SSH_TARGET_PORT").map_or("22", |(port, _)| port);
        (upstream(&format!("{host}:{port}")), evidence)
    });
    // Without any of these it is told by its command, which is read by itself.
    let (targets, evidence) = match target {
        Some((target, evidence)) => (target.map(|target| vec![target]), evidence),
        None if is_told => (ssh(&words)?, super::image(node)),
        None if node.words().next().is_none() => (None, super::image(node)),
        None => return None,
    };
    Some(Call {
        product: "SSH tunnel",
        targets,
        public: false,
        evidence,
    })
}

fn program_of_image(base: &str) -> Option<&'static str> {
    Some(match base {
        "bore" => "bore",
        "chisel" => "chisel",
        "inlets" => "inlets",
        "inlets-pro" => "inlets-pro",
        "localtunnel" => "localtunnel",
        "boringproxy" => "boringproxy",
        "autossh" => "autossh",
        _ => return None,
    })
}

type Targets = Option<Vec<(String, u16)>>;

/// Returns what a call opens; nothing where it opens no tunnel.
fn read(program: &str, arguments: &[&str]) -> Option<(&'static str, Targets, bool)> {
    let one = |target: Option<(String, u16)>| target.map(|target| vec![target]);
    match program {
        "ssh" | "autossh" => ssh(arguments).map(|targets| {
            let public = PUBLIC_SERVERS.iter().any(|server| {
                arguments
                    .iter()
                    .any(|word| word.rsplit('@').next().is_some_and(|host| is_of(host, server)))
            });
            ("SSH tunnel", targets, public)
        }),
        "chisel" => {
            if !arguments.contains(&"client") {
                return None;
            }
            let mut targets = Some(Vec::new());
            let mut any = false;
            for route in arguments.iter().filter_map(|word| word.strip_prefix("R:")) {
                any = true;
                let route = route.split('/').next().unwrap_or_default();
                match (forwarded(route), &mut targets) {
                    (Some(target), Some(all)) => all.push(target),
                    _ => targets = None,
                }
            }
            // Words with a variable may be any of them.
            let unread = arguments.iter().any(|word| word.contains('$'));
            (any || unread).then_some(("chisel tunnel", targets.filter(|_| !unread), false))
        }
        "bore" => {
            if arguments.first() != Some(&"local") {
                return None;
            }
            let mut host = flag(arguments, &["--local-host", "-l"]).unwrap_or("localhost");
            let mut port = None;
            let mut after_flag = false;
            for word in &arguments[1..] {
                if std::mem::take(&mut after_flag) {
                    continue;
                }
                if word.starts_with('-') {
                    after_flag = !word.contains('=');
                } else if let Ok(number) = word.parse::<u16>() {
                    port = Some(number);
                } else if !word.contains('$') {
                    host = word;
                }
            }
            let public = flag(arguments, &["--to", "-t"]).is_some_and(|server| is_of(server, "bore.pub"));
            Some((
                "bore tunnel",
                one(port
                    .filter(|_| !host.contains('$'))
                    .map(|port| (host.to_owned(), port))),
                public,
            ))
        }
        "lt" | "localtunnel" => {
            let port = flag(arguments, &["--port", "-p"])?;
            let host = flag(arguments, &["--local-host", "-l"]).unwrap_or("localhost");
            let target = port
                .parse()
                .ok()
                .filter(|_| !host.contains('$'))
                .map(|port| (host.to_owned(), port));
            // Another server than its own may be anywhere.
            let public = flag(arguments, &["--host", "-h"]).is_none();
            Some(("localtunnel", one(target), public))
        }
        "inlets" | "inlets-pro" => {
            if !arguments.contains(&"client") {
                return None;
            }
            let targets = flag(arguments, &["--upstream"]).and_then(|upstreams| {
                upstreams
                    .split(',')
                    .map(|route| upstream(route.split_once('=').map_or(route, |(_, target)| target)))
                    .collect()
            });
            Some(("inlets tunnel", targets, false))
        }
        "expose" => {
            if arguments.first() != Some(&"share") {
                return None;
            }
            let target = arguments.get(1).and_then(|word| upstream(word));
            Some(("Expose tunnel", one(target), false))
        }
        // What these open is asked for by words that need not be here.
        "pagekite" | "pagekite.py" => Some(("PageKite tunnel", None, false)),
        "jprq" | "loclx" | "pktriot" | "tunnelmole" | "tmole" | "holesail" => {
            (!arguments.is_empty()).then_some(("tunnel", None, false))
        }
        "frpc" => Some(("frp tunnel", None, false)),
        "cloudflared" if arguments.contains(&"tunnel") => {
            let target = flag(arguments, &["--url"]).and_then(upstream);
            Some(("Cloudflare Tunnel", one(target), true))
        }
        "ngrok" if matches!(arguments.first(), Some(&("http" | "tcp" | "tls" | "start"))) => {
            let mut addresses = arguments[1..].iter().filter(|word| !word.starts_with('-'));
            let target = addresses.next().and_then(|word| upstream(word));
            Some(("ngrok tunnel", one(target), true))
        }
        "zrok" if arguments.first() == Some(&"share") => {
            let mut addresses = arguments[1..].iter().rev();
            let target = addresses.find_map(|word| upstream(word));
            Some(("zrok tunnel", one(target), arguments.contains(&"public")))
        }
        "wstunnel" if arguments.first() == Some(&"client") => {
            let is_reverse = ["-R", "--remote-to-local"]
                .iter()
                .any(|flag| arguments.contains(flag));
            is_reverse.then_some(("wstunnel", None, false))
        }
        "boringproxy" => (arguments.first() != Some(&"server")).then_some(("boringproxy", None, false)),
        _ => None,
    }
}

fn is_of(host: &str, domain: &str) -> bool {
    host == domain || host.strip_suffix(domain).is_some_and(|rest| rest.ends_with('.'))
}

/// Returns the value of the first of these options.
fn flag<'a>(arguments: &[&'a str], names: &[&str]) -> Option<&'a str> {
    arguments.iter().enumerate().find_map(|(at, word)| {
        names.iter().find_map(|name| {
            let rest = word.strip_prefix(name)?;
            match rest.strip_prefix('=') {
                Some(value) => Some(value.trim_matches(['"', '\''])),
                None if rest.is_empty() => arguments.get(at + 1).copied(),
                None => None,
            }
        })
    })
}

/// Returns where the `-R` of a call lead, `Some(None)` where one of them cannot be read.
fn ssh(arguments: &[&str]) -> Option<Targets> {
    let mut targets = Some(Vec::new());
    let mut any = false;
    let mut words = arguments.iter();
    while let Some(word) = words.next() {
        if word.contains("RemoteForward") {
            (any, targets) = (true, None);
            continue;
        }
        // Options without a value may stand before it in the same word: `-NTR`, `-R80:app:80`.
        let Some((before, rest)) = word
            .strip_prefix('-')
            .filter(|word| !word.starts_with('-'))
            .and_then(|word| word.split_once('R'))
        else {
            continue;
        };
        if !before.chars().all(|c| "46AaCfGgKkMNnqsTtVvXxYy".contains(c)) {
            continue;
        }
        any = true;
        let route = if rest.is_empty() {
            words.next().copied()
        } else {
            Some(rest)
        };
        match (route.and_then(forwarded), &mut targets) {
            (Some(target), Some(all)) => all.push(target),
            _ => targets = None,
        }
    }
    any.then_some(targets)
}

/// Reads the local end of `80:app:8080`, `address:80:app:8080` or, for chisel, `3000` and `app:80`.
fn forwarded(route: &str) -> Option<(String, u16)> {
    let (rest, port) = route.rsplit_once(':').unwrap_or(("localhost", route));
    let port = port.parse().ok()?;
    let host = match rest.strip_suffix(']').and_then(|rest| rest.rsplit_once('[')) {
        Some((_, host)) => host,
        None => rest.rsplit(':').next().unwrap_or(rest),
    };
    let is_name = |c: char| c.is_ascii_alphanumeric() || "._-:".contains(c);
    (!host.is_empty() && host.chars().all(is_name)).then(|| (host.to_owned(), port))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_says_where_it_leads() {
        for (text, expected) in [
            ("ssh -R 80:web:8080 serveo.net", Some((Some("web 8080"), true))),
            ("ssh -NTR 0.0.0.0:80:web:81 me@vps", Some((Some("web 81"), false))),
            (
                "ssh -N -R9000:[::1]:82 nokey@localhost.run",
                Some((Some("::1 82"), true)),
            ),
            ("autossh -M 0 -o RemoteForward=80 vps", Some((None, false))),
            ("ssh -R 80:$APP:80 vps", Some((None, false))),
            ("ssh -R 1080 vps", Some((Some("localhost 1080"), false))),
            ("ssh -L 80:web:80 vps", None),
            ("ssh -oStrictHostKeyChecking=no -i /root/R vps", None),
            (
                "bore local 80 --local-host web --to bore.pub",
                Some((Some("web 80"), true)),
            ),
            (
                "bore local web 80 --to bore.pub --secret x",
                Some((Some("web 80"), true)),
            ),
            (
                "bore local 80 --to vps.example.org",
                Some((Some("localhost 80"), false)),
            ),
            ("bore server", None),
            (
                "chisel client https://vps R:80:web:8080",
                Some((Some("web 8080"), false)),
            ),
            (
                "chisel client vps R:0.0.0.0:80:web:81/tcp",
                Some((Some("web 81"), false)),
            ),
            ("chisel client vps R:socks", Some((None, false))),
            ("chisel client vps 80:web:80", None),
            ("chisel server --reverse", None),
            ("lt --port 80 --local-host web", Some((Some("web 80"), true))),
            (
                "localtunnel -p 80 -l web -h https://mine.example",
                Some((Some("web 80"), false)),
            ),
            (
                "inlets client --upstream=http://web:80 --url=wss://x",
                Some((Some("web 80"), false)),
            ),
            (
                "inlets-pro http client --upstream a=http://web:80",
                Some((Some("web 80"), false)),
            ),
            ("inlets client --url=wss://x", Some((None, false))),
            ("inlets server", None),
            ("expose share http://web:80", Some((Some("web 80"), false))),
            ("boringproxy client -server x", Some((None, false))),
            ("boringproxy server", None),
            ("sleep 80", None),
        ] {
            let words: Vec<&str> = text.split_whitespace().collect();
            let found = read(words[0], &words[1..]).map(|(_, targets, public)| {
                let texts = targets.map(|targets| {
                    let all: Vec<_> = targets
                        .iter()
                        .map(|(host, port)| format!("{host} {port}"))
                        .collect();
                    all.join(",")
                });
                (texts, public)
            });
            let found = found
                .as_ref()
                .map(|(target, public)| (target.as_deref(), *public));
            assert_eq!(found, expected, "{text}");
        }
    }
}
