//! Words, blocks and ends: what the configurations of nginx and Caddy are made of.

use crate::access::container::Text;
use crate::span::Span;

/// One directive: its words, and what stands in its braces.
#[derive(Clone)]
pub(super) struct Directive {
    pub(super) words: Vec<String>,
    pub(super) block: Option<Vec<Directive>>,
    pub(super) place: Span,
}

impl Directive {
    pub(super) fn name(&self) -> &str {
        self.words.first().map_or("", String::as_str)
    }

    pub(super) fn arguments(&self) -> &[String] {
        self.words.get(1..).unwrap_or_default()
    }

    pub(super) fn inner(&self) -> &[Directive] {
        self.block.as_deref().unwrap_or_default()
    }
}

/// A file, as directives.
pub(super) struct Tree {
    pub(super) directives: Vec<Directive>,
    /// Whether its braces and quotes do not fit: what it says is not known then.
    pub(super) broken: bool,
}

/// What stands between words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Style {
    /// `;` ends a directive.
    Nginx,
    /// The line ends a directive.
    Caddy,
}

/// Blocks within blocks past this are nobody's.
const MAX_DEPTH: usize = 40;

enum Token {
    Word(String, usize, usize),
    Open,
    Close,
    End,
}

/// Reads a text.
pub(super) fn read(text: &Text, style: Style) -> Tree {
    let (tokens, mut broken) = tokens(text.source().text(), style);
    // One list of directives for each open block, each with the directive that opened it.
    let mut open: Vec<(Option<Directive>, Vec<Directive>)> = vec![(None, Vec::new())];
    let mut words: Vec<String> = Vec::new();
    let mut place = (0, 0);
    let directive = |words: &mut Vec<String>, place: (usize, usize)| Directive {
        words: std::mem::take(words),
        block: None,
        place: text.span(place.0, place.1),
    };
    for token in tokens {
        match token {
            Token::Word(word, start, end) => {
                if words.is_empty() {
                    place.0 = start;
                }
                place.1 = end;
                words.push(word);
            }
            Token::End | Token::Close if !words.is_empty() => {
                let done = directive(&mut words, place);
                if let Some((_, list)) = open.last_mut() {
                    list.push(done);
                }
                if matches!(token, Token::Close) {
                    broken |= !close(&mut open);
                }
            }
            Token::End => {}
            Token::Open => {
                broken |= open.len() > MAX_DEPTH;
                if open.len() <= MAX_DEPTH {
                    open.push((Some(directive(&mut words, place)), Vec::new()));
                } else {
                    words.clear();
                }
            }
            Token::Close => broken |= !close(&mut open),
        }
    }
    if !words.is_empty() {
        let done = directive(&mut words, place);
        if let Some((_, list)) = open.last_mut() {
            list.push(done);
        }
    }
    broken |= open.len() > 1;
    while close(&mut open) {}
    let directives = open.pop().map(|(_, list)| list).unwrap_or_default();
    Tree { directives, broken }
}

/// Closes the innermost block; returns whether there is one.
fn close(open: &mut Vec<(Option<Directive>, Vec<Directive>)>) -> bool {
    if open.len() < 2 {
        return false;
    }
    if let Some((Some(mut opener), list)) = open.pop()
        && let Some((_, outer)) = open.last_mut()
    {
        opener.block = Some(list);
        outer.push(opener);
    }
    true
}

/// Splits a text into words; the flag says that a quote is not closed.
fn tokens(text: &str, style: Style) -> (Vec<Token>, bool) {
    let mut tokens = Vec::new();
    let mut broken = false;
    let bytes = text.as_bytes();
    let mut at = if text.starts_with('\u{feff}') { 3 } else { 0 };
    while at < bytes.len() {
        match bytes[at] {
            b'\n' => {
                if style == Style::Caddy {
                    tokens.push(Token::End);
                }
                at += 1;
            }
            // A line of Caddy's goes on behind this.
            b'\\' if style == Style::Caddy && text[at + 1..].trim_start_matches('\r').starts_with('\n') => {
                at += text[at..].find('\n').map_or(1, |end| end + 1);
            }
            b if b.is_ascii_whitespace() => at += 1,
            b'#' => at += memchr::memchr(b'\n', &bytes[at..]).unwrap_or(bytes.len() - at),
            b';' if style == Style::Nginx => {
                tokens.push(Token::End);
                at += 1;
            }
            b'{' if style == Style::Nginx || is_alone(bytes, at) => {
                tokens.push(Token::Open);
                at += 1;
            }
            b'}' if style == Style::Nginx || is_alone(bytes, at) => {
                tokens.push(Token::Close);
                at += 1;
            }
            _ => {
                let start = at;
                let (word, end, closed) = match style {
                    Style::Caddy => caddy_word(text, at),
                    Style::Nginx => nginx_word(text, at),
                };
                broken |= !closed;
                at = end.max(start + 1);
                tokens.push(Token::Word(word, start, at.min(text.len())));
            }
        }
    }
    (tokens, broken)
}

/// Whether a brace of Caddy's is a word of its own: else it is part of a placeholder.
fn is_alone(bytes: &[u8], at: usize) -> bool {
    bytes.get(at + 1).is_none_or(u8::is_ascii_whitespace)
}

/// Reads a word of nginx's: it ends at what ends a directive, but for what is in quotes or `${}`.
fn nginx_word(text: &str, start: usize) -> (String, usize, bool) {
    let rest = &text[start..];
    if let Some(quote) = rest.chars().next().filter(|c| matches!(c, '"' | '\'')) {
        return quoted(text, start, quote);
    }
    let mut variable = false;
    let mut end = rest.len();
    let mut before = ' ';
    for (at, c) in rest.char_indices() {
        match c {
            '{' if before == '$' => variable = true,
            '}' if variable => variable = false,
            _ if c.is_ascii_whitespace() || matches!(c, ';' | '{' | '}') => {
                end = at;
                break;
            }
            _ => {}
        }
        before = c;
    }
    (rest[..end].to_owned(), start + end, true)
}

fn caddy_word(text: &str, start: usize) -> (String, usize, bool) {
    let rest = &text[start..];
    if let Some(quote) = rest.chars().next().filter(|c| matches!(c, '"' | '`')) {
        return quoted(text, start, quote);
    }
    if let Some(here) = rest.strip_prefix("<<")
        && let Some(line) = here.find('\n')
        && here[..line]
            .trim_end()
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "_-".contains(c))
        && !here[..line].trim_end().is_empty()
    {
        return heredoc(text, start, here[..line].trim_end());
    }
    let end = rest.find(|c: char| c.is_ascii_whitespace()).unwrap_or(rest.len());
    // What makes a line go on is no part of its last word.
    let end = match rest[..end].strip_suffix('\\') {
        Some(word) if !word.is_empty() && rest[end..].trim_start_matches('\r').starts_with('\n') => {
            word.len()
        }
        _ => end,
    };
    (rest[..end].to_owned(), start + end, true)
}

/// Reads what stands in quotes; the flag says whether they are closed.
fn quoted(text: &str, start: usize, quote: char) -> (String, usize, bool) {
    let mut word = String::new();
    let mut escaped = false;
    for (at, c) in text[start + 1..].char_indices() {
        match c {
            _ if escaped => {
                escaped = false;
                if c != quote {
                    word.push('\\');
                }
                word.push(c);
            }
            '\\' if quote != '`' => escaped = true,
            _ if c == quote => return (word, start + 1 + at + c.len_utf8(), true),
            _ => word.push(c),
        }
    }
    (word, text.len(), false)
}

/// Reads a text of many lines, up to the line that has its mark.
fn heredoc(text: &str, start: usize, mark: &str) -> (String, usize, bool) {
    let mut at = start + text[start..].find('\n').map_or(0, |end| end + 1);
    let first = at;
    while at < text.len() {
        let end = text[at..].find('\n').map_or(text.len(), |end| at + end);
        let line = &text[at..end];
        if let Some(rest) = line.trim_start().strip_prefix(mark)
            && (rest.is_empty() || rest.starts_with(|c: char| c.is_ascii_whitespace()))
        {
            return (text[first..at].to_owned(), end - rest.len(), true);
        }
        at = end + 1;
    }
    (text[first.min(text.len())..].to_owned(), text.len(), false)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::span::Source;

    fn shown(directives: &[Directive]) -> String {
        let one = |directive: &Directive| {
            let words = directive.words.join(" ");
            match &directive.block {
                Some(block) => format!("{words}{{{}}}", shown(block)),
                None => words,
            }
        };
        directives.iter().map(one).collect::<Vec<_>>().join("; ")
    }

    fn tree(text: &str, style: Style) -> (String, bool) {
        let tree = read(&Text::from(Source::new("f", text)), style);
        (shown(&tree.directives), tree.broken)
    }

    #[test]
    fn a_caddyfile_is_lines_and_blocks() {
        for (text, expected) in [
            ("a.b {\n  reverse_proxy x:80 # c\n}\n", "a.b{reverse_proxy x:80}"),
            ("a.b { reverse_proxy x:80 }", "a.b{reverse_proxy x:80}"),
            ("a.b,\\\n c.d {\r\n}\r\n", "a.b, c.d{}"),
            (
                "(s) {\n respond \"a { b\" `c\n}` {$X:y}\n}\n",
                "(s){respond a { b c\n} {$X:y}}",
            ),
            ("respond <<END\n a }\n END 200\nx\n", "respond  a }\n 200; x"),
            ("a#b c", "a#b c"),
            ("\u{feff}a\n\nb", "a; b"),
        ] {
            assert_eq!(tree(text, Style::Caddy), (expected.to_owned(), false), "{text}");
        }
        for text in ["a {", "}", "a \"b", "respond <<END\n a"] {
            assert!(tree(text, Style::Caddy).1, "{text}");
        }
    }

    #[test]
    fn nginxs_directives_end_where_they_say() {
        for (text, expected) in [
            (
                "server { listen 80; location / { proxy_pass http://${u}:80; } }",
                "server{listen 80; location /{proxy_pass http://${u}:80}}",
            ),
            ("set $a 'b; {'; # c ;\nx y", "set $a b; {; x y"),
            ("a\n b\n c;", "a b c"),
        ] {
            assert_eq!(tree(text, Style::Nginx), (expected.to_owned(), false), "{text}");
        }
        assert!(tree("server {", Style::Nginx).1);
        let (_, broken) = tree(&"a {".repeat(100_000), Style::Nginx);
        assert!(broken, "and nothing overflows");
    }
}
