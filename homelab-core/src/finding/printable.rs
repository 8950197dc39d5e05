//! Text of files and people, made harmless to a terminal, and taken apart at its backticks.

use std::borrow::Cow;

/// Returns the text on one line, in which nothing acts on a terminal or turns the reading direction around.
pub(super) fn line(text: &str) -> Cow<'_, str> {
    if text.chars().all(|c| replacement(c).is_none()) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\n' | '\t' | '\u{2028}' | '\u{2029}' => out.push(' '),
            '\r' => {}
            _ => out.push(replacement(c).unwrap_or(c)),
        }
    }
    Cow::Owned(out)
}

/// Returns what is shown instead of a character that acts rather than shows: control pictures for the control
/// characters that have one, `�` for the rest and for what changes the reading direction or has no width.
pub(super) fn replacement(c: char) -> Option<char> {
    match c {
        '\0'..='\u{1f}' => char::from_u32(0x2400 + c as u32),
        '\u{7f}' => Some('␡'),
        '\u{80}'..='\u{9f}'
        | '\u{61c}'
        | '\u{200b}'
        | '\u{200e}'
        | '\u{200f}'
        | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}'
        | '\u{feff}'
        | '\u{fff9}'..='\u{fffb}'
        | '\u{e0000}'..='\u{e007f}' => Some(char::REPLACEMENT_CHARACTER),
        _ => None,
    }
}

/// A stretch of a message: what stands between backticks is code.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Piece<'a> {
    /// Words.
    Plain(&'a str),
    /// A value, a name, a path: what stood between two backticks.
    Code(&'a str),
}

/// Takes a message apart at its backticks; one without a partner is a backtick.
pub(super) fn pieces(text: &str) -> Vec<Piece<'_>> {
    let mut pieces = Vec::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('`') {
        let Some((code, after)) = after.split_once('`') else {
            break;
        };
        if !before.is_empty() {
            pieces.push(Piece::Plain(before));
        }
        if code.is_empty() {
            pieces.push(Piece::Plain("``"));
        } else {
            pieces.push(Piece::Code(code));
        }
        rest = after;
    }
    if !rest.is_empty() {
        pieces.push(Piece::Plain(rest));
    }
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_acts_is_left() {
        assert_eq!(line("a\u{1b}[31mb\u{7}\r\nc\td"), "a␛[31mb␇ c d");
        assert_eq!(line("x\u{202e}y\u{2066}z\u{9b}1m"), "x�y�z�1m");
        assert_eq!(line("\u{2028}\u{feff}\u{e0041}"), " ��");
        assert!(matches!(line("Grüße, 日本 🏠"), Cow::Borrowed("Grüße, 日本 🏠")));
    }

    #[test]
    fn backticks_come_in_pairs() {
        use Piece::{Code, Plain};
        assert_eq!(
            pieces("port `80` is `open`"),
            [Plain("port "), Code("80"), Plain(" is "), Code("open")]
        );
        assert_eq!(pieces("a ` b"), [Plain("a ` b")]);
        assert_eq!(pieces("`x` and `y"), [Code("x"), Plain(" and `y")]);
        assert_eq!(pieces("``"), [Plain("``")]);
        assert!(pieces("").is_empty());
    }
}
