//! Where a value was written: a [`Source`] is a file as it was read, a [`Span`] is a stretch of it.
//!
//! ```
//! use homelab_core::{Source, Span};
//!
//! let source = Source::new("services/immich/compose.yaml", "services:\n  web: {}\n");
//! let span = Span::new(&source, 12, 15);
//! assert_eq!(span.text(), "web");
//! assert_eq!(span.to_string(), "services/immich/compose.yaml:2:3");
//! ```

use std::fmt;
use std::sync::{Arc, OnceLock};

use crate::view::PlaceView;

/// A text file as it was read: its name, relative to the lab's folder where it lies inside, and its text.
///
/// Cheap to clone. Two sources are equal when they have the same name and the same text.
#[derive(Clone)]
pub struct Source(Arc<SourceInner>);

struct SourceInner {
    name: String,
    text: Arc<str>,
    /// Byte offset of each line's first byte; made when first asked for.
    lines: OnceLock<Vec<u32>>,
}

impl Source {
    /// Returns a source of this name and text. A text past 4 GiB has no places beyond that.
    pub fn new(name: impl Into<String>, text: impl Into<Arc<str>>) -> Self {
        Source(Arc::new(SourceInner {
            name: name.into(),
            text: text.into(),
            lines: OnceLock::new(),
        }))
    }

    /// Returns the file's name, with `/` between folders.
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// Returns the text.
    pub fn text(&self) -> &str {
        &self.0.text
    }

    /// Returns the line and column of a byte offset, both from 1; the column counts characters.
    ///
    /// An offset past the end is the end.
    pub fn line_column(&self, offset: usize) -> (u32, u32) {
        let text = self.text();
        let offset = floor_char_boundary(text, offset);
        let lines = self.lines();
        let line = lines.partition_point(|&start| start as usize <= offset).max(1);
        let start = lines[line - 1] as usize;
        let column = text[start..offset].chars().count() + 1;
        (line as u32, column as u32)
    }

    /// Returns the text of a line (from 1) without its line break, or nothing past the end.
    pub fn line(&self, number: u32) -> Option<&str> {
        let lines = self.lines();
        let index = (number as usize).checked_sub(1)?;
        let start = *lines.get(index)? as usize;
        let end = lines
            .get(index + 1)
            .map_or(self.text().len(), |&next| next as usize);
        Some(self.text()[start..end].trim_end_matches(['\n', '\r']))
    }

    /// Returns the byte offset at which a line (from 1) begins, or nothing past the end.
    pub(crate) fn line_start(&self, number: u32) -> Option<usize> {
        let index = (number as usize).checked_sub(1)?;
        self.lines().get(index).map(|&start| start as usize)
    }

    fn lines(&self) -> &[u32] {
        self.0.lines.get_or_init(|| {
            let text = self.text().as_bytes();
            // Most lines are about as long as these.
            let mut lines = Vec::with_capacity(text.len() / 24 + 1);
            lines.push(0);
            lines.extend(memchr::memchr_iter(b'\n', text).map(|at| (at + 1).min(u32::MAX as usize) as u32));
            lines
        })
    }
}

fn floor_char_boundary(text: &str, offset: usize) -> usize {
    let mut at = offset.min(text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}

impl PartialEq for Source {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0) || (self.0.name == other.0.name && self.0.text == other.0.text)
    }
}

impl Eq for Source {}

/// Shows the name only: the text may hold what is private.
impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Source").field(&self.name()).finish()
    }
}

/// A stretch of a [`Source`]: bytes from `start` up to, not including, `end`.
///
/// Displays as `file:line:column`.
#[derive(Clone, PartialEq, Eq)]
pub struct Span {
    source: Source,
    start: u32,
    end: u32,
}

impl Span {
    /// Returns the span of these byte offsets; an `end` before `start` is read as `start`.
    pub fn new(source: &Source, start: usize, end: usize) -> Self {
        let start = start.min(u32::MAX as usize) as u32;
        let end = (end.min(u32::MAX as usize) as u32).max(start);
        Span {
            source: source.clone(),
            start,
            end,
        }
    }

    /// Returns the span of a whole file, which points at its first character.
    pub fn file(source: &Source) -> Self {
        Span::new(source, 0, 0)
    }

    /// Returns the file that this is a stretch of.
    pub fn source(&self) -> &Source {
        &self.source
    }

    /// Returns the first byte's offset.
    pub fn start(&self) -> usize {
        self.start as usize
    }

    /// Returns the offset after the last byte.
    pub fn end(&self) -> usize {
        self.end as usize
    }

    /// Returns the line of the first character, from 1.
    pub fn line(&self) -> u32 {
        self.source.line_column(self.start()).0
    }

    /// Returns the column of the first character, from 1, counted in characters.
    pub fn column(&self) -> u32 {
        self.source.line_column(self.start()).1
    }

    /// Returns the place as a record, as in JSON.
    pub fn view(&self) -> PlaceView {
        let (line, column) = self.source.line_column(self.start());
        PlaceView {
            file: self.source.name().to_owned(),
            line,
            column,
        }
    }

    /// Returns the stretch as it was written.
    pub fn text(&self) -> &str {
        let text = self.source.text();
        let start = floor_char_boundary(text, self.start());
        let end = floor_char_boundary(text, self.end());
        &text[start..end]
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (line, column) = self.source.line_column(self.start());
        write!(f, "{}:{line}:{column}", self.source.name())
    }
}

impl fmt::Debug for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Span({self})")
    }
}

/// A value and where it was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spanned<T> {
    value: T,
    span: Span,
}

impl<T> Spanned<T> {
    /// Returns this value as written at this place.
    pub fn new(value: T, span: Span) -> Self {
        Spanned { value, span }
    }

    /// Returns the value.
    pub fn value(&self) -> &T {
        &self.value
    }

    /// Returns where it was written.
    pub fn span(&self) -> &Span {
        &self.span
    }

    /// Returns the value alone.
    pub fn into_value(self) -> T {
        self.value
    }

    /// Returns another value made of this one, written at the same place.
    pub fn map<U>(self, f: impl FnOnce(T) -> U) -> Spanned<U> {
        Spanned {
            value: f(self.value),
            span: self.span,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_and_columns_count_from_one_in_characters() {
        let source = Source::new("f", "a\nüb\r\n\nlast");
        assert_eq!(source.line_column(0), (1, 1));
        assert_eq!(source.line_column(2), (2, 1));
        assert_eq!(
            source.line_column(4),
            (2, 2),
            "a two-byte character is one column"
        );
        assert_eq!(source.line_column(3), (2, 1), "inside a character is its start");
        assert_eq!(source.line_column(7), (3, 1));
        assert_eq!(source.line_column(999), (4, 5));
        assert_eq!(source.line(2), Some("üb"));
        assert_eq!(source.line(4), Some("last"));
        assert_eq!(source.line(5), None);
        assert_eq!(source.line(0), None);
    }

    #[test]
    fn an_empty_file_has_a_first_line() {
        let source = Source::new("f", "");
        assert_eq!(Span::file(&source).to_string(), "f:1:1");
        assert_eq!(source.line(1), Some(""));
    }
}
