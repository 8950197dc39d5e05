//! What other files of the lab say: the address that a proxy or tunnel passes requests to, and values by their paths.

use crate::compose;
use crate::span::{Source, Span};

/// Reads where requests go: `http://app:8080/path`, `app:8080`, `tcp://db:5432`, `3000`.
pub(super) fn upstream(text: &str) -> Option<(String, u16)> {
    let text = text.trim().trim_matches(['"', '\'', ';']);
    if let Ok(port) = text.parse::<u16>() {
        return Some(("localhost".to_owned(), port));
    }
    let (scheme, rest) = text.split_once("://").unwrap_or(("", text));
    let default = match scheme {
        "http" | "h2c" | "ws" => Some(80),
        "https" | "https+insecure" | "wss" => Some(443),
        "ssh" => Some(22),
        "rdp" => Some(3389),
        "" | "tcp" | "udp" | "tls-terminated-tcp" | "fastcgi" | "uwsgi" => None,
        _ => return None,
    };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let authority = authority.rsplit('@').next().unwrap_or_default();
    let (host, port) = match authority.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((host, rest)) => (host, rest.strip_prefix(':')),
        None => match authority.rsplit_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (authority, None),
        },
    };
    let port = match port {
        Some(port) => port.parse().ok()?,
        None => default?,
    };
    let is_name = |c: char| c.is_ascii_alphanumeric() || "._-:".contains(c);
    // cloudflared answers by itself with this one.
    (!host.is_empty() && host != "http_status" && host.chars().all(is_name)).then(|| (host.to_owned(), port))
}

/// One value of a settings file, by its dotted path in lower case.
pub(super) struct Setting {
    pub(super) key: String,
    pub(super) value: String,
    pub(super) place: Span,
}

/// Reads a file of settings, TOML or YAML by its name; nothing where it is neither, so that what it says is not known.
pub(super) fn settings(source: &Source) -> Option<Vec<Setting>> {
    if source.name().ends_with(".toml") {
        return toml_settings(source);
    }
    let found = compose::settings::settings(source)?.into_iter();
    Some(
        found
            .map(|(key, value, place)| Setting { key, value, place })
            .collect(),
    )
}

fn toml_settings(source: &Source) -> Option<Vec<Setting>> {
    fn walk(value: &toml::Value, key: &str, source: &Source, found: &mut Vec<Setting>) {
        match value {
            toml::Value::Table(table) => {
                if table.is_empty() {
                    found.push(Setting {
                        key: key.to_owned(),
                        value: String::new(),
                        place: Span::file(source),
                    });
                }
                for (name, value) in table {
                    let name = name.to_ascii_lowercase();
                    let key = if key.is_empty() {
                        name
                    } else {
                        format!("{key}.{name}")
                    };
                    walk(value, &key, source, found);
                }
            }
            toml::Value::Array(items) => items.iter().for_each(|item| walk(item, key, source, found)),
            toml::Value::String(text) => found.push(Setting {
                key: key.to_owned(),
                value: text.clone(),
                place: Span::file(source),
            }),
            other => found.push(Setting {
                key: key.to_owned(),
                value: other.to_string(),
                place: Span::file(source),
            }),
        }
    }
    let table = source.text().parse::<toml::Table>().ok()?;
    let mut found = Vec::new();
    walk(&toml::Value::Table(table), "", source, &mut found);
    Some(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_upstream_is_a_host_and_a_port() {
        let read = |text| upstream(text).map(|(host, port)| format!("{host} {port}"));
        for (text, expected) in [
            ("http://app:8080/x?y", Some("app 8080")),
            ("http://app", Some("app 80")),
            ("https+insecure://127.0.0.1:9443", Some("127.0.0.1 9443")),
            ("http://[::1]:3000", Some("::1 3000")),
            ("3000", Some("localhost 3000")),
            ("app:9000;", Some("app 9000")),
            ("tcp://db:5432", Some("db 5432")),
            ("ssh://git", Some("git 22")),
            ("http://user:word@app:1", Some("app 1")),
            ("app", None),
            ("http_status:404", None),
            ("unix:/run/app.sock", None),
            ("http://$host:80", None),
            ("", None),
        ] {
            assert_eq!(read(text).as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn settings_are_found_by_their_dotted_path() {
        let text = "# top\nentryPoints:\n  web:\n    address: \":80\"\n  websecure:\n    address: ':443' # tls\n    http:\n      middlewares:\n        - auth@file\napi: {}\n";
        let source = Source::new("traefik.yml", text);
        let found: Vec<(String, String)> = settings(&source)
            .expect("settings")
            .into_iter()
            .map(|one| (one.key, one.value))
            .collect();
        let has = |key: &str, value: &str| found.contains(&(key.to_owned(), value.to_owned()));
        assert!(has("entrypoints.web.address", ":80"), "{found:?}");
        assert!(has("entrypoints.websecure.address", ":443"));
        assert!(has("entrypoints.websecure.http.middlewares", "auth@file"));
        let source = Source::new(
            "traefik.toml",
            "[entryPoints.web]\naddress = ':80'\n[providers.file]\n",
        );
        let found: Vec<(String, String)> = settings(&source)
            .expect("settings")
            .into_iter()
            .map(|one| (one.key, one.value))
            .collect();
        assert_eq!(
            found,
            [
                ("entrypoints.web.address".to_owned(), ":80".to_owned()),
                ("providers.file".to_owned(), String::new())
            ]
        );
        assert!(settings(&Source::new("traefik.toml", "[entryPoints")).is_none());
    }
}
