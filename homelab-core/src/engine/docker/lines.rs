//! Log lines out of the pieces in which engines hand them out.

use jiff::Timestamp;

use crate::engine::{LogLine, Output};

/// How long a line gets before it is handed out as two.
const LONGEST: usize = 1 << 20;

/// Puts the pieces of one container's logs together. Each piece begins with its moment; a line of more than 16 KiB comes
/// in several, of which only the last ends with a line break.
#[derive(Debug, Default)]
pub(super) struct Lines {
    stdout: Line,
    stderr: Line,
}

#[derive(Debug, Default)]
struct Line {
    at: Option<Timestamp>,
    text: Vec<u8>,
}

impl Lines {
    /// Takes in a piece, and returns the lines that it completes.
    pub(super) fn take(&mut self, output: Output, piece: &[u8]) -> Vec<LogLine> {
        let line = match output {
            Output::Stdout => &mut self.stdout,
            Output::Stderr => &mut self.stderr,
        };
        let (at, mut rest) = stamp(piece);
        let mut done = Vec::new();
        // A line that goes on was begun at its first piece's moment.
        if line.text.is_empty() {
            line.at = at;
        }
        while let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
            line.text.extend_from_slice(&rest[..end]);
            done.push(line.finish(output, false));
            line.at = at;
            rest = &rest[end + 1..];
        }
        line.text.extend_from_slice(rest);
        if line.text.len() >= LONGEST {
            done.push(line.finish(output, true));
            line.at = at;
        }
        done
    }

    /// Returns what was left without a line break at the end.
    pub(super) fn rest(mut self) -> Vec<LogLine> {
        let both = [
            (Output::Stdout, &mut self.stdout),
            (Output::Stderr, &mut self.stderr),
        ];
        let left = both.into_iter().filter(|(_, line)| !line.text.is_empty());
        left.map(|(output, line)| line.finish(output, false)).collect()
    }
}

impl Line {
    fn finish(&mut self, output: Output, continues: bool) -> LogLine {
        let mut text = std::mem::take(&mut self.text);
        if text.last() == Some(&b'\r') && !continues {
            text.pop();
        }
        LogLine {
            at: self.at,
            output,
            text: String::from_utf8(text)
                .unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned()),
            continues,
        }
    }
}

/// Returns the moment that a piece begins with, and what is behind it; a piece without one is all text.
fn stamp(piece: &[u8]) -> (Option<Timestamp>, &[u8]) {
    let end = piece.iter().take(64).position(|byte| *byte == b' ');
    let moment = end.and_then(|end| std::str::from_utf8(&piece[..end]).ok()?.parse().ok());
    match (moment, end) {
        (Some(moment), Some(end)) => (Some(moment), &piece[end + 1..]),
        _ => (None, piece),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const AT: &str = "2026-11-01T10:00:00.000000001Z ";

    fn take(lines: &mut Lines, output: Output, text: &str) -> Vec<(String, bool)> {
        let taken = lines.take(output, format!("{AT}{text}").as_bytes());
        assert!(
            taken
                .iter()
                .all(|line| line.at.is_some() && line.output == output)
        );
        taken
            .into_iter()
            .map(|line| (line.text, line.continues))
            .collect()
    }

    #[test]
    fn a_line_in_pieces_is_one_and_the_outputs_do_not_mix() {
        let mut lines = Lines::default();
        assert!(take(&mut lines, Output::Stdout, "a").is_empty());
        assert_eq!(take(&mut lines, Output::Stderr, "x\n"), [("x".into(), false)]);
        assert_eq!(take(&mut lines, Output::Stdout, "b\r\n"), [("ab".into(), false)]);
        assert_eq!(take(&mut lines, Output::Stdout, "\n"), [(String::new(), false)]);
        assert!(take(&mut lines, Output::Stdout, "end").is_empty());
        let rest: Vec<_> = lines.rest().into_iter().map(|line| line.text).collect();
        assert_eq!(rest, ["end"]);
    }

    #[test]
    fn what_is_no_moment_is_text() {
        let mut lines = Lines::default();
        let line = lines.take(Output::Stdout, b"hello world\n").remove(0);
        assert_eq!((line.at, line.text.as_str()), (None, "hello world"));
        let line = lines.take(Output::Stdout, b"\xff\n").remove(0);
        assert_eq!(line.text, "\u{fffd}");
    }

    #[test]
    fn a_line_without_end_is_cut_and_nothing_of_it_is_lost() {
        let mut lines = Lines::default();
        let piece = "x".repeat(300_000);
        let mut all = Vec::new();
        for _ in 0..10 {
            all.extend(take(&mut lines, Output::Stdout, &piece));
        }
        assert!(all.iter().all(|(_, continues)| *continues));
        all.extend(take(&mut lines, Output::Stdout, "\n"));
        let length: usize = all.iter().map(|(text, _)| text.len()).sum();
        assert_eq!((length, all.last().map(|last| last.1)), (3_000_000, Some(false)));
    }
}
