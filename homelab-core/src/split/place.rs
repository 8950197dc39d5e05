//! Where in a YAML text a value stands: in a comment, in quotes, or bare within brackets.

use std::ops::Range;

/// The stretches of a YAML text in which a slot is written in another way than elsewhere. Each list is in order.
///
/// It is a reader of a few dozen lines, for files that were read already; where it is wrong, the proof fails.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Places {
    comments: Vec<Range<usize>>,
    /// With their quotes.
    quoted: Vec<Range<usize>>,
    /// Scalars without quotes inside of `[..]` and `{..}`, where a brace would end them.
    bare: Vec<Range<usize>>,
}

impl Places {
    pub(super) fn of(text: &str) -> Places {
        let mut reader = Reader {
            bytes: text.as_bytes(),
            at: 0,
            depth: 0,
            places: Places::default(),
        };
        reader.read();
        reader.places
    }

    /// Returns whether a place is in a comment.
    pub(super) fn is_comment(&self, at: usize) -> bool {
        holding(&self.comments, at).is_some()
    }

    /// Returns the quote that a place is in.
    pub(super) fn quote(&self, text: &str, at: usize) -> Option<u8> {
        holding(&self.quoted, at).map(|range| text.as_bytes()[range.start])
    }

    /// Returns the bare scalar within brackets that a place is in.
    pub(super) fn bare(&self, at: usize) -> Option<Range<usize>> {
        holding(&self.bare, at).cloned()
    }
}

fn holding(ranges: &[Range<usize>], at: usize) -> Option<&Range<usize>> {
    let index = ranges.partition_point(|range| range.end <= at);
    ranges.get(index).filter(|range| range.contains(&at))
}

struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
    depth: usize,
    places: Places,
}

impl Reader<'_> {
    fn peek(&self, ahead: usize) -> Option<u8> {
        self.bytes.get(self.at + ahead).copied()
    }

    fn is_blank(byte: Option<u8>) -> bool {
        byte.is_none_or(|byte| byte.is_ascii_whitespace())
    }

    fn line_end(&self, from: usize) -> usize {
        memchr::memchr(b'\n', &self.bytes[from..]).map_or(self.bytes.len(), |at| from + at)
    }

    fn read(&mut self) {
        // The column of the entry that a block of text would be the value of.
        let mut line_start = 0;
        let mut entry = 0;
        while let Some(byte) = self.peek(0) {
            let is_flow = self.depth > 0;
            match byte {
                b'\n' => {
                    self.at += 1;
                    line_start = self.at;
                }
                b' ' | b'\t' | b'\r' => self.at += 1,
                b'#' if Self::is_blank(self.at.checked_sub(1).map(|at| self.bytes[at])) => {
                    let end = self.line_end(self.at);
                    self.places.comments.push(self.at..end);
                    self.at = end;
                }
                b'"' | b'\'' => self.quoted(byte),
                b'[' | b'{' => {
                    self.depth += 1;
                    self.at += 1;
                }
                b']' | b'}' if is_flow => {
                    self.depth -= 1;
                    self.at += 1;
                }
                b',' if is_flow => self.at += 1,
                b':' | b'?' if is_flow || Self::is_blank(self.peek(1)) => self.at += 1,
                b'-' if !is_flow && Self::is_blank(self.peek(1)) => {
                    entry = self.at - line_start;
                    self.at += 1;
                }
                b'&' | b'!' => {
                    while !Self::is_blank(self.peek(0)) {
                        self.at += 1;
                    }
                }
                b'|' | b'>' if !is_flow => {
                    self.block(entry);
                    line_start = self.at;
                }
                _ => {
                    let start = self.at;
                    let end = self.plain();
                    if is_flow {
                        self.places.bare.push(start..end);
                    } else if self.peek(0) == Some(b':') {
                        entry = start - line_start;
                    }
                }
            }
        }
    }

    fn quoted(&mut self, quote: u8) {
        let start = self.at;
        self.at += 1;
        while let Some(byte) = self.peek(0) {
            self.at += 1;
            if byte == b'\\' && quote == b'"' {
                self.at += 1;
            } else if byte == quote {
                if quote == b'\'' && self.peek(0) == Some(b'\'') {
                    self.at += 1;
                } else {
                    break;
                }
            }
        }
        self.at = self.at.min(self.bytes.len());
        self.places.quoted.push(start..self.at);
    }

    /// Passes a block of text, which is indented deeper than its entry.
    fn block(&mut self, entry: usize) {
        self.at = self.line_end(self.at);
        while self.at < self.bytes.len() {
            let start = self.at + 1;
            let end = if start < self.bytes.len() {
                self.line_end(start)
            } else {
                self.bytes.len()
            };
            let line = self.bytes.get(start..end).unwrap_or_default();
            let indent = line.iter().take_while(|byte| **byte == b' ').count();
            if line.iter().any(|byte| !byte.is_ascii_whitespace()) && indent <= entry {
                break;
            }
            self.at = end;
        }
        self.at = (self.at + 1).min(self.bytes.len());
    }

    /// Passes a scalar without quotes; returns where it ends, blanks behind it not included.
    fn plain(&mut self) -> usize {
        let mut end = self.at;
        while let Some(byte) = self.peek(0) {
            let is_mark = self.depth > 0 && matches!(byte, b',' | b'[' | b']' | b'{' | b'}');
            let behind = self.peek(1);
            let is_key = byte == b':'
                && (Self::is_blank(behind)
                    || self.depth > 0 && matches!(behind, Some(b',' | b']' | b'}' | b'[' | b'{')));
            let is_comment = byte == b'#' && self.at > 0 && Self::is_blank(Some(self.bytes[self.at - 1]));
            if byte == b'\n' || is_mark || is_key || is_comment {
                break;
            }
            self.at += 1;
            if !byte.is_ascii_whitespace() {
                end = self.at;
            }
        }
        end
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stretches<'a>(text: &'a str, ranges: &[Range<usize>]) -> Vec<&'a str> {
        ranges.iter().map(|range| &text[range.clone()]).collect()
    }

    #[test]
    fn places_are_told_apart() {
        let text = "# first\na: {b: c d, 'e': \"f \\\" g\", h: [i:1, j] } # last\nk: it's # no quote\nl: x#y\nm: |\n  # not a comment\n  \"open\nn: &o [p]\n- q: >-\n    ' [\n  r: 's # t'\n";
        let places = Places::of(text);
        assert_eq!(
            stretches(text, &places.comments),
            ["# first", "# last", "# no quote"]
        );
        assert_eq!(
            stretches(text, &places.quoted),
            ["'e'", "\"f \\\" g\"", "'s # t'"]
        );
        assert_eq!(stretches(text, &places.bare), ["b", "c d", "h", "i:1", "j", "p"]);
        let at = text.find("c d").expect("there") + 2;
        assert_eq!(places.bare(at).map(|range| &text[range]), Some("c d"));
        assert_eq!(
            places.quote(text, text.find("s # t").expect("there")),
            Some(b'\'')
        );
        assert!(places.is_comment(text.find("last").expect("there")));
    }

    #[test]
    fn broken_texts_end() {
        for text in [
            "",
            "'",
            "\"\\",
            "[",
            "]",
            "|",
            "a: |",
            "a: |\n",
            ">\n\n",
            "# ",
            "- -",
            "{a: 'b",
            "\u{fc}: [\u{fc}",
        ] {
            let _ = Places::of(text);
        }
    }
}
