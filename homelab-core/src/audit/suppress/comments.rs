//! Where the comments of a file begin: not within its texts, however they are written.

/// How a file is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Syntax {
    Yaml,
    Toml,
    /// A unit of systemd's form, which has no texts of many lines.
    Unit,
    /// Prose, in which only `<!-- -->` is a comment.
    Markdown,
    /// Any other text.
    Text,
}

impl Syntax {
    /// Returns what a comment begins with.
    pub(super) fn marks(self) -> &'static [&'static str] {
        match self {
            Syntax::Yaml | Syntax::Toml | Syntax::Unit => &["#"],
            Syntax::Markdown => &["<!--"],
            Syntax::Text => &["#", "//", "<!--"],
        }
    }
}

/// Returns for each line where its comment begins, if it has one.
pub(super) fn starts(lines: &[&str], syntax: Syntax) -> Vec<Option<usize>> {
    match syntax {
        Syntax::Unit => lines.iter().map(|line| line.find('#')).collect(),
        Syntax::Markdown | Syntax::Text => lines.iter().map(|_| Some(0)).collect(),
        Syntax::Toml => toml(lines),
        Syntax::Yaml => yaml(lines),
    }
}

/// Leaves out what is in quotes, of one line or three times of many.
fn toml(lines: &[&str]) -> Vec<Option<usize>> {
    let mut open: Option<&str> = None;
    let mut found = Vec::with_capacity(lines.len());
    for line in lines {
        let mut start = None;
        let mut at = 0;
        while at < line.len() {
            let rest = &line[at..];
            let mut step = rest.chars().next().map_or(1, char::len_utf8);
            match open {
                Some(end) if rest.starts_with(end) => {
                    open = None;
                    step = end.len();
                }
                Some(end) if rest.starts_with('\\') && end.starts_with('"') => {
                    step = 1 + rest[1..].chars().next().map_or(0, char::len_utf8);
                }
                Some(_) => {}
                None if rest.starts_with('#') => {
                    start = Some(at);
                    break;
                }
                None => {
                    open = ["\"\"\"", "'''", "\"", "'"]
                        .into_iter()
                        .find(|mark| rest.starts_with(mark));
                    step = open.map_or(step, str::len);
                }
            }
            at += step;
        }
        // A text in single quotes of either kind ends with its line.
        open = open.filter(|mark| mark.len() == 3);
        found.push(start);
    }
    found
}

/// Leaves out block scalars, what follows `key: |` or `- >` and is indented deeper, and what is in quotes.
///
/// A comment that ends a scalar but is indented like a part of it counts as a part: a finding is rather seen.
fn yaml(lines: &[&str]) -> Vec<Option<usize>> {
    let mut open: Option<usize> = None;
    let mut state = State::default();
    let mut found = Vec::with_capacity(lines.len());
    for line in lines {
        let indent = line.len() - line.trim_start_matches(' ').len();
        let is_part = open.is_some_and(|parent| line.trim().is_empty() || indent > parent);
        if is_part {
            found.push(None);
            continue;
        }
        let was_outside = state.quote.is_none();
        found.push(state.comment(line));
        open = match was_outside && state.quote.is_none() && state.depth == 0 {
            true => opens_scalar(line),
            false => None,
        };
    }
    found
}

/// What a line of YAML leaves open for the next one.
#[derive(Default)]
struct State {
    /// The quote that is not closed yet.
    quote: Option<char>,
    /// How many brackets and braces are.
    depth: usize,
}

impl State {
    /// Returns where the line's comment begins.
    fn comment(&mut self, line: &str) -> Option<usize> {
        // Whether a value may begin here: only there is a quote one, and not an apostrophe.
        let mut fresh = true;
        let mut before = ' ';
        let mut chars = line.char_indices().peekable();
        while let Some((at, c)) = chars.next() {
            if let Some(quote) = self.quote {
                match c {
                    '\\' if quote == '"' => {
                        chars.next();
                    }
                    _ if c == quote => {
                        // A single quote stands for itself twice.
                        let is_twice = quote == '\'' && chars.peek().is_some_and(|(_, next)| *next == quote);
                        if is_twice {
                            chars.next();
                        } else {
                            self.quote = None;
                            fresh = false;
                        }
                    }
                    _ => {}
                }
                before = c;
                continue;
            }
            let ends = chars.peek().is_none_or(|(_, next)| next.is_whitespace());
            match c {
                '#' if before.is_whitespace() => return Some(at),
                '"' | '\'' if fresh => self.quote = Some(c),
                '[' | '{' if fresh => self.depth += 1,
                ']' | '}' if self.depth > 0 => {
                    self.depth -= 1;
                    fresh = false;
                }
                ',' if self.depth > 0 => fresh = true,
                ':' if ends || self.depth > 0 => fresh = true,
                '-' | '?' if fresh && ends => {}
                // A tag or an anchor may stand before a value.
                '!' | '&' if fresh => {
                    while let Some((_, next)) = chars.peek() {
                        if next.is_whitespace() {
                            break;
                        }
                        chars.next();
                    }
                }
                _ if c.is_whitespace() => {}
                _ => fresh = false,
            }
            before = c;
        }
        None
    }
}

/// Returns the indentation of the entry that a block scalar is the value of, where this line opens one.
fn opens_scalar(line: &str) -> Option<usize> {
    let line = line.trim_end();
    if line.trim_start().starts_with('#') {
        return None;
    }
    let code = line.split(" #").next().unwrap_or_default().trim_end();
    let (mut before, header) = code.rsplit_once(' ')?;
    let is_header = header.starts_with(['|', '>'])
        && header[1..].chars().all(|c| matches!(c, '+' | '-' | '1'..='9'))
        && header.len() <= 3;
    if !is_header {
        return None;
    }
    // A tag or an anchor may stand before it.
    while let Some((rest, word)) = before.trim_end().rsplit_once(' ')
        && word.starts_with(['!', '&'])
    {
        before = rest;
    }
    let before = before.trim_end();
    let indent = |text: &str| text.len() - text.trim_start_matches(' ').len();
    if before.ends_with(':') {
        // The key of an item's first entry is indented by the item's dashes too.
        let mut column = indent(before);
        while let Some(rest) = before[column..].strip_prefix("- ") {
            column += 2 + indent(rest);
        }
        return Some(column);
    }
    let dash = before.len().checked_sub(1)?;
    let only_dashes = before.ends_with('-') && before.chars().all(|c| c == ' ' || c == '-');
    only_dashes.then_some(dash)
}

#[cfg(test)]
mod tests {
    use super::{Syntax, starts};

    fn lines_with_comments(text: &str, syntax: Syntax) -> Vec<usize> {
        let lines: Vec<&str> = text.split_inclusive('\n').collect();
        let starts = starts(&lines, syntax).into_iter().enumerate();
        starts
            .filter_map(|(line, start)| Some(line + 1).filter(|_| start.is_some()))
            .collect()
    }

    #[test]
    fn a_comment_in_a_text_is_none() {
        for (text, expected) in [
            ("a: b # c\n# d\n", vec![1, 2]),
            ("a: \"\n # c\n\"\nb: c # d\n", vec![4]),
            ("a: 'it''s\n # c\n' # d\n", vec![3]),
            ("a: it's # c\nb: 'x\n # d'\n", vec![1]),
            ("- \"a\\\" # b\n # c\" # d\n# e\n", vec![2, 3]),
            ("a: [x, 'y\n # c\n', {b: \"z\n # d\"}] # e\n", vec![4]),
            ("a: x, 'tis # c\nb: c # d\n", vec![1, 2]),
            ("a: !t &b \"x\n # c\"\n", vec![]),
            ("a: |\n  # c\n  \"\nb: c # d\n", vec![4]),
            ("a: x#y\n", vec![]),
        ] {
            assert_eq!(lines_with_comments(text, Syntax::Yaml), expected, "{text}");
        }
        let toml = "a = \"\"\"\n# b\n\"\"\" # c\nd = '#' # e\nf = \"\\\"#\" # g\nh = 'it\n# i\n";
        assert_eq!(lines_with_comments(toml, Syntax::Toml), [3, 4, 5, 7]);
        assert_eq!(lines_with_comments("Image=a # b\n# c\n", Syntax::Unit), [1, 2]);
    }
}
