//! Credentials within texts that are no secrets as a whole: addresses, images, lists of options.

use crate::finding::secret_looking;

/// Returns a text without what in it is a secret by its shape: who an address is asked as (`https://user:token@host/x.git`,
/// `https://token@host/x.git`, `user:password@host/image`), known tokens, and options that are named after one
/// (`type=s3,secret_access_key=..`).
pub(super) fn without_credentials(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while !rest.is_empty() {
        let end = rest
            .find(|c: char| PARTS.contains(&c) || c.is_whitespace())
            .map_or(rest.len(), |at| at + 1);
        let (part, more) = rest.split_at(end);
        match part.rsplit_once('@') {
            Some((who, host)) if is_secret(who, host, out.ends_with("://")) => {
                out.push_str("***@");
                out.push_str(host);
            }
            _ => out.push_str(part),
        }
        rest = more;
    }
    let tokens = secret_looking::shapes(&out);
    hide(&mut out, tokens);
    let options = options(&out);
    hide(&mut out, options);
    out
}

/// What parts an address from its path, and one of a list from the next.
const PARTS: [char; 5] = ['/', '?', '#', ',', ';'];

/// Returns whether what stands before an `@` may be a secret: in an address all but the user that everybody is; elsewhere
/// a name with a password, which a tag before a digest is not.
fn is_secret(who: &str, host: &str, in_address: bool) -> bool {
    let is_digest = || {
        let digest = host.split_once(':').map(|(_, digest)| digest);
        digest.is_some_and(|digest| digest.len() >= 32 && digest.bytes().all(|byte| byte.is_ascii_hexdigit()))
    };
    !who.is_empty()
        && who != "***"
        && if in_address {
            who != "git"
        } else {
            who.contains(':') && !is_digest()
        }
}

/// Returns where the values of options stand that are named after secrets: `type=s3,secret_access_key=..`.
fn options(text: &str) -> Vec<std::ops::Range<usize>> {
    let mut from = 0;
    let mut found = Vec::new();
    for part in text.split(',') {
        if let Some((name, value)) = part.split_once('=')
            && !value.is_empty()
            && text.contains(',')
            && crate::system::names_secret(name.trim())
        {
            let begin = from + name.len() + 1;
            found.push(begin..begin + value.len());
        }
        from += part.len() + 1;
    }
    found
}

/// Puts `***` in the place of these stretches.
fn hide(text: &mut String, mut stretches: Vec<std::ops::Range<usize>>) {
    stretches.sort_by_key(|range| std::cmp::Reverse((range.start, range.end)));
    let mut from = text.len();
    for range in stretches {
        // Of two that overlap the one behind is hidden already, up to its end.
        let end = range.end.min(from).max(range.start);
        text.replace_range(range.start..end, "***");
        from = range.start;
    }
}

#[cfg(test)]
mod tests {
    use super::without_credentials;

    #[test]
    fn credentials_go_and_the_rest_stays() {
        for (text, shown) in [
            (
                "https://user:hunter2@github.com/a/b.git",
                "https://***@github.com/a/b.git",
            ),
            (
                "https://hunter2@github.com/a/b.git#main:sub",
                "https://***@github.com/a/b.git#main:sub",
            ),
            (
                "docker-image://u:hunter2@reg.io/x:1",
                "docker-image://***@reg.io/x:1",
            ),
            ("reg.io/u:hunter2@x/y:1", "reg.io/***@x/y:1"),
            ("u:hunter2@reg.io/x:1", "***@reg.io/x:1"),
            (
                "type=registry,ref=u:hunter2@reg.io/x",
                "type=registry,***@reg.io/x",
            ),
            (
                "type=s3,secret_access_key=hunter2,name=x",
                "type=s3,secret_access_key=***,name=x",
            ),
            ("https://x/?a=b ghp_hunter2hunter2", "https://x/?a=b ***"),
            ("git@github.com:a/b.git", "git@github.com:a/b.git"),
            ("ssh://git@github.com/a/b.git", "ssh://git@github.com/a/b.git"),
            ("ghcr.io/x/auth:1.2", "ghcr.io/x/auth:1.2"),
            ("me@example.com", "me@example.com"),
            ("", ""),
        ] {
            assert_eq!(without_credentials(text), shown);
        }
        let digest = format!("reg.io/x:1@sha256:{}", "0a".repeat(32));
        assert_eq!(without_credentials(&digest), digest);
    }
}
