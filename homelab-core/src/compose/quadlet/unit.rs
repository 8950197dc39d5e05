//! The syntax of systemd's unit files: sections, repeated keys, continued lines, quoted words.

use crate::span::{Source, Span};

/// A unit file with its drop-ins: every assignment in the order in which it counts.
pub(super) struct Unit {
    lines: Vec<Line>,
}

/// One assignment.
pub(super) struct Line {
    section: String,
    key: String,
    /// The value with continued lines joined, and without blanks around it.
    pub(super) value: String,
    /// Where the value stands.
    pub(super) span: Span,
}

impl Unit {
    /// Reads a unit and what is dropped into it, in this order; the second part is what means nothing.
    pub(super) fn read(sources: &[Source]) -> (Self, Vec<(Span, String)>) {
        let mut unit = Unit { lines: Vec::new() };
        let mut broken = Vec::new();
        for source in sources {
            unit.read_one(source, &mut broken);
        }
        (unit, broken)
    }

    fn read_one(&mut self, source: &Source, broken: &mut Vec<(Span, String)>) {
        let mut section: Option<String> = None;
        let mut lines = lines(source.text()).peekable();
        while let Some((start, line)) = lines.next() {
            let content = line.trim();
            if content.is_empty() || content.starts_with(['#', ';']) {
                continue;
            }
            let span = Span::new(
                source,
                start + line.len() - line.trim_start().len(),
                start + line.trim_end().len(),
            );
            if let Some(rest) = content.strip_prefix('[') {
                match rest.strip_suffix(']') {
                    Some(name) => section = Some(name.to_owned()),
                    None => broken.push((span, "a section's name does not end with `]`".to_owned())),
                }
                continue;
            }
            // The whole of a continued line, even where its beginning means nothing.
            let mut text = line.trim_end().to_owned();
            let mut end = start + line.trim_end().len();
            while text.ends_with('\\') {
                text.pop();
                text.push(' ');
                let Some((next_start, next)) = lines.next() else {
                    break;
                };
                if next.trim_start().starts_with(['#', ';']) {
                    // A comment in the middle of a continued line is left out, and the line goes on behind it.
                    text.push('\\');
                    continue;
                }
                text.push_str(next.trim_end());
                end = next_start + next.trim_end().len();
            }
            let Some((key, value)) = text.split_once('=') else {
                broken.push((span, "a line is neither a section nor `Key=Value`".to_owned()));
                continue;
            };
            let Some(section) = &section else {
                broken.push((span, "a line stands before the first section".to_owned()));
                continue;
            };
            let value_start = start + key.len() + 1;
            let blank = value.len() - value.trim_start().len();
            self.lines.push(Line {
                section: section.clone(),
                key: key.trim().to_owned(),
                value: value.trim().to_owned(),
                span: Span::new(source, (value_start + blank).min(end), end),
            });
        }
    }

    /// Returns the assignments of a key that count: an empty one takes back those before it.
    pub(super) fn all<'a>(&'a self, section: &'a str, key: &'a str) -> Vec<&'a Line> {
        let mut found = Vec::new();
        for line in self
            .lines
            .iter()
            .filter(|line| line.section == section && line.key == key)
        {
            if line.value.is_empty() {
                found.clear();
            } else {
                found.push(line);
            }
        }
        found
    }

    /// Returns the last assignment of a key.
    pub(super) fn last<'a>(&'a self, section: &'a str, key: &'a str) -> Option<&'a Line> {
        self.all(section, key).pop()
    }

    /// Returns the words of all assignments of a key.
    pub(super) fn words<'a>(&'a self, section: &'a str, key: &'a str) -> Vec<(String, &'a Span)> {
        self.all(section, key)
            .into_iter()
            .flat_map(|line| words(&line.value).into_iter().map(|word| (word, &line.span)))
            .collect()
    }

    /// Returns whether a key says yes, as systemd reads it.
    pub(super) fn flag<'a>(&'a self, section: &'a str, key: &'a str) -> Option<(bool, &'a Span)> {
        let line = self.last(section, key)?;
        match line.value.to_ascii_lowercase().as_str() {
            "1" | "yes" | "y" | "true" | "t" | "on" => Some((true, &line.span)),
            "0" | "no" | "n" | "false" | "f" | "off" => Some((false, &line.span)),
            _ => None,
        }
    }
}

/// Returns the lines with their offsets.
fn lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let text_start = text.as_ptr() as usize;
    text.trim_start_matches('\u{feff}').split('\n').map(move |line| {
        (
            line.as_ptr() as usize - text_start,
            line.strip_suffix('\r').unwrap_or(line),
        )
    })
}

/// Splits a value into words at blanks: quotes hold a word together, and a backslash begins an escape as in C.
pub(super) fn words(text: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quote: Option<char> = None;
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match (c, quote) {
            ('\\', _) => {
                let word = word.get_or_insert_default();
                match chars.next() {
                    Some(escaped) => escape(escaped, &mut chars, word),
                    None => word.push('\\'),
                }
            }
            (c, Some(open)) if c == open => quote = None,
            ('"' | '\'', None) => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            (c, None) if c.is_whitespace() => words.extend(word.take()),
            (c, _) => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    words
}

fn escape(c: char, rest: &mut std::iter::Peekable<std::str::Chars<'_>>, word: &mut String) {
    let plain = match c {
        'a' => '\u{7}',
        'b' => '\u{8}',
        'f' => '\u{c}',
        'n' => '\n',
        'r' => '\r',
        't' => '\t',
        'v' => '\u{b}',
        's' => ' ',
        '\\' | '"' | '\'' => c,
        'x' => return number(16, 2, 'x', rest, word),
        'u' => return number(16, 4, 'u', rest, word),
        'U' => return number(16, 8, 'U', rest, word),
        // Unknown escapes are kept as they are written, as systemd does when it is told to relax.
        other => {
            word.push('\\');
            other
        }
    };
    word.push(plain);
}

fn number(
    radix: u32,
    length: usize,
    letter: char,
    rest: &mut std::iter::Peekable<std::str::Chars<'_>>,
    word: &mut String,
) {
    let mut digits = String::new();
    while digits.len() < length {
        let Some(digit) = rest.next_if(|c| c.is_digit(radix)) else {
            break;
        };
        digits.push(digit);
    }
    let value = u32::from_str_radix(&digits, radix).ok().and_then(char::from_u32);
    match value.filter(|_| digits.len() == length) {
        Some(c) => word.push(c),
        None => {
            word.push('\\');
            word.push(letter);
            word.push_str(&digits);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> (Unit, Vec<(Span, String)>) {
        Unit::read(&[Source::new("x.container", text)])
    }

    #[test]
    fn continued_lines_are_one_value_and_comments_between_them_are_none() {
        let (unit, broken) = read("[Container]\nExec=one \\\n# not this\n  two \\\n\tthree\nImage=i\n");
        assert!(broken.is_empty());
        assert_eq!(
            words(&unit.last("Container", "Exec").expect("Exec").value),
            ["one", "two", "three"]
        );
        let image = unit.last("Container", "Image").expect("Image");
        assert_eq!(
            (image.value.as_str(), image.span.text(), image.span.line()),
            ("i", "i", 6)
        );
    }

    #[test]
    fn an_empty_assignment_takes_back_what_was_before() {
        let (unit, _) = read("[Container]\nPublishPort=1\nPublishPort=\nPublishPort = 2\n");
        let ports: Vec<_> = unit
            .all("Container", "PublishPort")
            .iter()
            .map(|line| line.value.as_str())
            .collect();
        assert_eq!(ports, ["2"]);
    }

    #[test]
    fn words_are_split_as_systemd_splits_them() {
        assert_eq!(
            words(r#"A=1 "B=two words" 'C=it''s' D=\x41\t"#),
            ["A=1", "B=two words", "C=its", "D=A\t"]
        );
        assert_eq!(
            words(r#""" a\ b \q"#),
            ["", "a\\ b", "\\q"].map(str::to_owned).to_vec()
        );
        assert_eq!(words("unfinished \"quote here"), ["unfinished", "quote here"]);
        assert_eq!(words("trailing\\"), ["trailing\\"]);
        assert_eq!(words(r"\xZZ \u12"), ["\\xZZ", "\\u12"]);
    }

    #[test]
    fn what_means_nothing_is_said_with_its_place() {
        let (unit, broken) = read("Early=1\n[Container\n[Container]\nnonsense\nImage=x\n");
        assert_eq!(unit.all("Container", "Image").len(), 1);
        let lines: Vec<_> = broken.iter().map(|(span, _)| span.line()).collect();
        assert_eq!(lines, [1, 2, 4]);
    }

    #[test]
    fn drop_ins_come_after_their_unit() {
        let sources = [
            Source::new("a", "[Container]\nImage=old\n"),
            Source::new("b", "[Container]\nImage=new\n"),
        ];
        let (unit, _) = Unit::read(&sources);
        assert_eq!(unit.last("Container", "Image").expect("Image").value, "new");
    }
}
