//! Block scalars: texts over several lines, kept or folded.

use super::Reader;
use crate::compose::node::{Node, Value};

impl Reader<'_> {
    /// Reads the block scalar whose sign is here, and goes on to the next token.
    pub(super) fn block(&mut self, is_literal: bool, parent: isize) -> Option<Node> {
        let sign = self.byte(self.at + 1)?;
        let header = self.at + 1 + usize::from(matches!(sign, b'+' | b'-'));
        let line = self.skip_spaces(header);
        let mut at = match self.byte(line)? {
            b'\n' => line + 1,
            b'#' if line > header => self.line_end(line) + 1,
            _ => return None,
        };
        // The first line that is not empty says how far all are indented.
        let (mut breaks, mut deepest) = (0, 0);
        let indent = loop {
            let first = self.skip_spaces(at);
            let column = first - at;
            match self.byte(first)? {
                b'\t' => return None,
                b'\n' => {
                    breaks += 1;
                    deepest = deepest.max(column);
                    at = first + 1;
                }
                _ => break column,
            }
        };
        if deepest > indent || isize::try_from(indent).ok()? <= parent {
            return None;
        }
        let start = at + indent;
        let mut text = String::new();
        let (mut broken, mut was_blank) = (false, false);
        loop {
            let first = self.skip_spaces(at);
            match self.byte(first) {
                Some(b'\n') if first - at <= indent => {
                    breaks += 1;
                    at = first + 1;
                    continue;
                }
                None if first - at <= indent => {
                    at = first;
                    break;
                }
                Some(b'\t') if first - at < indent => return None,
                _ if first - at < indent => break,
                _ => {}
            }
            let content = at + indent;
            let is_blank = matches!(self.byte(content), Some(b' ' | b'\t'));
            if !is_literal && broken && !was_blank && !is_blank {
                if breaks == 0 {
                    text.push(' ');
                }
            } else if broken {
                text.push('\n');
            }
            text.extend(std::iter::repeat_n('\n', breaks));
            breaks = 0;
            was_blank = is_blank;
            let end = self.line_end(content);
            text.push_str(&self.text[content..end]);
            broken = end < self.bytes.len();
            at = end + usize::from(broken);
            if !broken {
                break;
            }
        }
        if sign != b'-' && broken {
            text.push('\n');
        }
        if sign == b'+' {
            text.extend(std::iter::repeat_n('\n', breaks));
        }
        let end = self.skip_spaces(at).min(at + indent);
        let node = Node::new(Value::Text(text.into()), self.span(start, end));
        self.line(at)?;
        (!self.is_marker() && self.column <= parent).then_some(node)
    }
}
