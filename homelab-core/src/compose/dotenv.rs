//! Files of variables: `.env`, `env_file` and `label_file`, read as Compose reads them.

use indexmap::IndexMap;

use super::interpolate::{Fault, Lookup, substitute};
use super::yaml::MAX_BYTES;
use crate::span::{Source, Span};

/// A variable of such a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) value: String,
    pub(super) span: Span,
}

/// The variables of a file, in its order; a name written twice has its last value.
pub(super) type Entries = IndexMap<String, Entry>;

/// What breaks a file: the place and the reason. The value is not repeated, since it may be a secret.
#[derive(Debug)]
pub(super) struct Broken {
    pub(super) span: Span,
    pub(super) message: String,
}

/// Reads `format: raw`: each line as it stands, without quotes or variables.
pub(super) fn read_raw(source: &Source, lookup: &dyn Lookup) -> (Entries, Option<Broken>) {
    let mut entries = Entries::new();
    let mut start = 0;
    for line in source.text().split_inclusive('\n') {
        let at = start;
        start += line.len();
        let line = line.strip_suffix('\n').unwrap_or(line);
        let line = line
            .strip_suffix('\r')
            .unwrap_or(line)
            .trim_start_matches('\u{feff}');
        let trimmed = line.trim_start();
        if trimmed.is_empty() || trimmed.starts_with('#') {
            continue;
        }
        let span = Span::new(source, at, at + line.len());
        let (name, value) = match trimmed.split_once('=') {
            Some((name, value)) => (name, Some(value)),
            None => (trimmed, None),
        };
        if name.is_empty() || name.contains([' ', '\t']) {
            let message = "the name of a variable cannot be empty or hold a blank".to_owned();
            return (entries, Some(Broken { span, message }));
        }
        let value = value
            .map(str::to_owned)
            .or_else(|| lookup.lookup(name).map(|value| value.into_owned()));
        if let Some(value) = value {
            entries.insert(name.to_owned(), Entry { value, span });
        }
    }
    (entries, None)
}

/// Reads a file with quotes, comments, `export` and variables.
///
/// A variable in a value is looked up outside first, then among `before` and the entries above it. What could be read
/// before the file broke is returned beside the reason.
pub(super) fn read(source: &Source, lookup: &dyn Lookup, before: &Entries) -> (Entries, Option<Broken>) {
    let mut reader = Reader {
        source,
        at: 0,
        entries: Entries::new(),
        lookup,
        before,
        expanded: 0,
    };
    if source.text().starts_with('\u{feff}') {
        reader.at = '\u{feff}'.len_utf8();
    }
    let broken = reader.read().err();
    (reader.entries, broken)
}

/// Returns the variables of a file with their values and places, as far as it can be read, where nothing outside gives a
/// variable.
pub(crate) fn variables_of(source: &Source) -> Vec<(String, String, Span)> {
    let (entries, _) = read(source, &|_: &str| None, &Entries::new());
    let entries = entries.into_iter();
    entries
        .map(|(name, entry)| (name, entry.value, entry.span))
        .collect()
}

struct Reader<'a> {
    source: &'a Source,
    at: usize,
    entries: Entries,
    lookup: &'a dyn Lookup,
    before: &'a Entries,
    /// How many bytes the values with variables have so far.
    expanded: usize,
}

impl<'a> Reader<'a> {
    fn rest(&self) -> &'a str {
        &self.source.text()[self.at..]
    }

    fn broken(&self, start: usize, message: impl Into<String>) -> Broken {
        let end = self.source.text()[start..]
            .find('\n')
            .map_or(self.source.text().len(), |length| start + length);
        Broken {
            span: Span::new(self.source, start, end),
            message: message.into(),
        }
    }

    fn read(&mut self) -> Result<(), Broken> {
        loop {
            let rest = self.rest();
            let trimmed = rest.trim_start();
            self.at += rest.len() - trimmed.len();
            if trimmed.is_empty() {
                return Ok(());
            }
            if trimmed.starts_with('#') {
                match trimmed.find('\n') {
                    Some(length) => self.at += length,
                    None => return Ok(()),
                }
                continue;
            }
            self.statement()?;
        }
    }

    fn statement(&mut self) -> Result<(), Broken> {
        let mut start = self.at;
        let rest = self.rest();
        if let Some(after) = rest.strip_prefix("export")
            && after.starts_with(char::is_whitespace)
        {
            let after = after.trim_start_matches(is_blank);
            start = self.source.text().len() - after.len();
        }
        let text = &self.source.text()[start..];
        let mut found = None;
        for (index, character) in text.char_indices() {
            match character {
                '=' | ':' | '\n' => {
                    found = Some((index, character));
                    break;
                }
                '_' | '.' | '-' | '[' | ']' => {}
                _ if is_blank(character) || character.is_alphanumeric() => {}
                _ => {
                    let message = format!(
                        "the name of a variable cannot hold `{}`",
                        character.escape_default()
                    );
                    return Err(self.broken(start, message));
                }
            }
        }
        let Some((length, end)) = found else {
            // The Go reader takes a last line without a line break for an empty name: nothing is set.
            self.at = self.source.text().len();
            return Ok(());
        };
        let name = text[..length].trim_end();
        if name.contains(' ') {
            return Err(self.broken(start, "the name of a variable cannot hold a blank"));
        }
        let after = text[length + 1..].trim_start_matches(is_blank);
        self.at = self.source.text().len() - after.len();
        if end == '\n' {
            if let Some(value) = self.lookup.lookup(name) {
                let span = Span::new(self.source, start, start + length);
                let entry = Entry {
                    value: value.into_owned(),
                    span,
                };
                self.entries.insert(name.to_owned(), entry);
            }
            return Ok(());
        }
        let value = self.value()?;
        let span = Span::new(self.source, start, self.at);
        self.entries.insert(name.to_owned(), Entry { value, span });
        Ok(())
    }

    fn value(&mut self) -> Result<String, Broken> {
        let start = self.at;
        let rest = self.rest();
        let quote = match rest.as_bytes().first() {
            Some(b'"') => '"',
            Some(b'\'') => '\'',
            _ => {
                let line = rest.split('\n').next().unwrap_or("");
                self.at += line.len();
                let value = line.split(" #").next().unwrap_or("").trim_end();
                return self.expand(value, start);
            }
        };
        let mut value = String::new();
        let mut escaped = false;
        for (index, character) in rest.char_indices().skip(1) {
            if escaped {
                escaped = false;
                if character != quote {
                    value.push('\\');
                }
                value.push(character);
            } else if character == '\\' {
                escaped = true;
            } else if character == quote {
                self.at = start + index + 1;
                return if quote == '"' {
                    self.expand(&unescape(&value), start)
                } else {
                    Ok(value)
                };
            } else {
                value.push(character);
            }
        }
        Err(self.broken(start, "a quote is opened and not closed"))
    }

    fn expand(&mut self, value: &str, start: usize) -> Result<String, Broken> {
        let lookup = |name: &str| {
            self.lookup
                .lookup(name)
                .map(|value| value.into_owned())
                .or_else(|| {
                    self.entries
                        .get(name)
                        .or_else(|| self.before.get(name))
                        .map(|entry| entry.value.clone())
                })
        };
        let Some(done) = substitute(value, &lookup) else {
            return Ok(value.to_owned());
        };
        self.expanded += done.text.len();
        match done.faults.first() {
            None if self.expanded > 2 * MAX_BYTES => {
                Err(self.broken(start, "the values of its variables make the file too long"))
            }
            None => Ok(done.text),
            Some(Fault::Required { name, message }) => {
                let message = if message.is_empty() {
                    "it has no value"
                } else {
                    message
                };
                Err(self.broken(start, format!("the variable `{name}` is required: {message}")))
            }
            Some(Fault::Long) => Err(self.broken(start, "the values of its variables make it too long")),
            Some(Fault::Invalid(_)) => {
                Err(self.broken(start, "a `${` is no variable; write `$$` for a dollar"))
            }
        }
    }
}

fn is_blank(character: char) -> bool {
    matches!(
        character,
        '\t' | '\u{b}' | '\u{c}' | '\r' | ' ' | '\u{85}' | '\u{a0}'
    )
}

/// The escapes of a text in double quotes; others stay as they are.
fn unescape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('\\') {
        out.push_str(&rest[..at]);
        let after = &rest[at + 1..];
        let mut length = 1;
        match after.as_bytes().first() {
            Some(b'a') => out.push('\u{7}'),
            Some(b'b') => out.push('\u{8}'),
            Some(b'c') => out.push_str("\\c"),
            Some(b'f') => out.push('\u{c}'),
            Some(b'n') => out.push('\n'),
            Some(b'r') => out.push('\r'),
            Some(b't') => out.push('\t'),
            Some(b'v') => out.push('\u{b}'),
            Some(b'\\') => out.push('\\'),
            Some(b'"') => out.push('"'),
            Some(b'$') => out.push_str("$$"),
            Some(b'0') => {
                let digits: String = after[1..]
                    .chars()
                    .take(3)
                    .take_while(|digit| digit.is_digit(8))
                    .collect();
                length += digits.len();
                match u32::from_str_radix(&digits, 8)
                    .ok()
                    .and_then(char::from_u32)
                    .filter(|_| digits.len() == 3)
                {
                    Some(character) => out.push(character),
                    None => {
                        out.push('\\');
                        out.push_str(&digits);
                    }
                }
            }
            _ => {
                out.push('\\');
                length = 0;
            }
        }
        rest = &after[length..];
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lookup(name: &str) -> Option<String> {
        (name == "OUTSIDE").then(|| "out".to_owned())
    }

    fn value(line: &str) -> String {
        let source = Source::new(".env", format!("FIRST=one\n{line}\n"));
        let (entries, broken) = read(&source, &lookup, &Entries::new());
        assert!(broken.is_none(), "{line}: {broken:?}");
        entries.get("X").unwrap_or_else(|| panic!("{line}")).value.clone()
    }

    #[test]
    fn values_with_quotes_comments_and_variables() {
        for (line, expected) in [
            ("X=1", "1"),
            ("export X=two words # c", "two words"),
            ("X=no#comment", "no#comment"),
            ("X=", ""),
            ("X: colon", "colon"),
            ("X = spaced", "spaced"),
            ("X=1\r", "1"),
            ("X=$FIRST-${OUTSIDE}-${NO:-d}", "one-out-d"),
            ("X='single $FIRST \\n'", "single $FIRST \\n"),
            ("X=\"a\\nb ${FIRST}\"", "a\nb one"),
            ("X=\"multi\nline\"", "multi\nline"),
            ("X=\"q \\\"x\\\" \\q\"", "q \"x\" \\q"),
            ("X='a' # c", "a"),
            ("X=$$FIRST", "$FIRST"),
            ("X=$1", "$1"),
            ("OUTSIDE\nX=1", "1"),
        ] {
            assert_eq!(value(line), expected, "{line}");
        }
    }

    #[test]
    fn what_breaks_a_file_is_named_with_its_line_and_without_its_value() {
        for line in [
            "A B=hunter2",
            "X=\"hunter2",
            "X='hunter2",
            "a/b=hunter2",
            "X=hunter2${}",
        ] {
            let source = Source::new(".env", format!("FIRST=one\n{line}\n"));
            let (entries, broken) = read(&source, &lookup, &Entries::new());
            let broken = broken.unwrap_or_else(|| panic!("{line}"));
            assert_eq!(broken.span.line(), 2, "{line}");
            assert!(!broken.message.contains("hunter2"), "{}", broken.message);
            assert_eq!(entries.len(), 1, "what stood before is kept");
        }
    }

    #[test]
    fn raw_files_are_taken_as_they_stand() {
        let source = Source::new("e", "A=\"x\" # y\n# c\nB=${A}\nOUTSIDE\nNO\n");
        let (entries, broken) = read_raw(&source, &lookup);
        assert!(broken.is_none());
        let values: Vec<_> = entries
            .iter()
            .map(|(name, entry)| (name.as_str(), entry.value.as_str()))
            .collect();
        assert_eq!(values, [("A", "\"x\" # y"), ("B", "${A}"), ("OUTSIDE", "out")]);
    }
}
