//! Globs over paths: `*` and `?` within a name, `**` across folders.

/// Returns whether a path matches a glob. Each part is written as it is: there are no classes, and no escapes.
pub(crate) fn matches(glob: &str, path: &str) -> bool {
    let globs: Vec<&str> = glob.split('/').collect();
    let parts: Vec<&str> = path.split('/').collect();
    // One row for each part of the glob: which prefixes of the path it can have eaten. No backtracking, so no glob
    // takes long.
    let mut row = vec![false; parts.len() + 1];
    row[0] = true;
    for glob in globs {
        let mut next = vec![false; parts.len() + 1];
        if glob == "**" {
            let mut any = false;
            for (at, reached) in row.iter().enumerate() {
                any |= reached;
                next[at] = any;
            }
        } else {
            for (at, part) in parts.iter().enumerate() {
                next[at + 1] = row[at] && matches_name(glob, part);
            }
        }
        row = next;
    }
    row[parts.len()]
}

fn matches_name(glob: &str, name: &str) -> bool {
    let name: Vec<char> = name.chars().collect();
    let mut row = vec![false; name.len() + 1];
    row[0] = true;
    for c in glob.chars() {
        let mut next = vec![false; name.len() + 1];
        if c == '*' {
            let mut any = false;
            for (at, reached) in row.iter().enumerate() {
                any |= reached;
                next[at] = any;
            }
        } else {
            for (at, own) in name.iter().enumerate() {
                next[at + 1] = row[at] && (c == '?' || c == *own);
            }
        }
        row = next;
    }
    row[name.len()]
}

#[cfg(test)]
mod tests {
    use super::matches;

    #[test]
    fn stars_stay_within_a_name_and_double_stars_do_not() {
        for (glob, path) in [
            ("a/*.md", "a/b.md"),
            ("**/*.md", "b.md"),
            ("**/*.md", "a/b/c.md"),
            ("docs/**", "docs/a/b"),
            ("docs/**/x", "docs/x"),
            ("?.env", "a.env"),
            ("*", ".gitignore"),
        ] {
            assert!(matches(glob, path), "{glob} {path}");
        }
        for (glob, path) in [
            ("*.md", "a/b.md"),
            ("docs/*", "docs/a/b"),
            ("docs/**", "other/a"),
            ("?.env", ".env"),
            ("", "a"),
        ] {
            assert!(!matches(glob, path), "{glob} {path}");
        }
    }
}
