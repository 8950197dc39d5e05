//! The lines that two texts differ by, as a unified diff.

use std::fmt::Write as _;

/// Past this many pairs of differing lines, the middle is shown as wholly replaced: time and memory stay bounded.
const PAIRS: usize = 4_000_000;
const CONTEXT: usize = 3;

#[derive(Clone, Copy, PartialEq)]
enum Line<'a> {
    Same(&'a str),
    Old(&'a str),
    New(&'a str),
}

/// Returns the hunks of a unified diff, without the file header; nothing when the texts are equal.
pub(super) fn unified(old: &str, new: &str) -> String {
    let lines = compare(old, new);
    let mut out = String::new();
    let mut at = 0;
    while let Some(change) = (at..lines.len()).find(|&index| !matches!(lines[index], Line::Same(_))) {
        let start = change.saturating_sub(CONTEXT).max(at);
        let mut end = change;
        // A hunk goes on while the next change is within twice the context.
        while let Some(next) = (end..lines.len().min(end + 2 * CONTEXT + 1))
            .find(|&index| !matches!(lines[index], Line::Same(_)))
        {
            end = next + 1;
        }
        let end = (end + CONTEXT).min(lines.len());
        hunk(&mut out, &lines, start, end);
        at = end;
    }
    out
}

fn hunk(out: &mut String, lines: &[Line<'_>], start: usize, end: usize) {
    let count = |range: &[Line<'_>]| {
        let old = range.iter().filter(|line| !matches!(line, Line::New(_))).count();
        let new = range.iter().filter(|line| !matches!(line, Line::Old(_))).count();
        (old, new)
    };
    let (old_before, new_before) = count(&lines[..start]);
    let (old_count, new_count) = count(&lines[start..end]);
    // An empty side is numbered by the line before it, as diff and patch do.
    let first = |before: usize, count: usize| if count == 0 { before } else { before + 1 };
    let _ = writeln!(
        out,
        "@@ -{},{old_count} +{},{new_count} @@",
        first(old_before, old_count),
        first(new_before, new_count)
    );
    for line in &lines[start..end] {
        let (sign, text) = match line {
            Line::Same(text) => (' ', text),
            Line::Old(text) => ('-', text),
            Line::New(text) => ('+', text),
        };
        out.push(sign);
        out.push_str(text.trim_end_matches('\n'));
        out.push('\n');
        if !text.ends_with('\n') {
            out.push_str("\\ No newline at end of file\n");
        }
    }
}

fn compare<'a>(old: &'a str, new: &'a str) -> Vec<Line<'a>> {
    let old: Vec<&str> = old.split_inclusive('\n').collect();
    let new: Vec<&str> = new.split_inclusive('\n').collect();
    let head = old.iter().zip(&new).take_while(|(a, b)| a == b).count();
    let tail = old[head..]
        .iter()
        .rev()
        .zip(new[head..].iter().rev())
        .take_while(|(a, b)| a == b)
        .count();
    let mut lines: Vec<Line<'a>> = old[..head].iter().copied().map(Line::Same).collect();
    middle(
        &mut lines,
        &old[head..old.len() - tail],
        &new[head..new.len() - tail],
    );
    lines.extend(old[old.len() - tail..].iter().copied().map(Line::Same));
    lines
}

fn middle<'a>(lines: &mut Vec<Line<'a>>, old: &[&'a str], new: &[&'a str]) {
    if old.len().saturating_mul(new.len()) > PAIRS {
        lines.extend(old.iter().copied().map(Line::Old));
        lines.extend(new.iter().copied().map(Line::New));
        return;
    }
    // Longest common subsequence of the suffixes: `common[i][j]` for `old[i..]` and `new[j..]`, in one row after another.
    let width = new.len() + 1;
    let mut common = vec![0u32; (old.len() + 1) * width];
    for i in (0..old.len()).rev() {
        for j in (0..new.len()).rev() {
            common[i * width + j] = if old[i] == new[j] {
                common[(i + 1) * width + j + 1] + 1
            } else {
                common[(i + 1) * width + j].max(common[i * width + j + 1])
            };
        }
    }
    let (mut i, mut j) = (0, 0);
    while i < old.len() || j < new.len() {
        if i < old.len() && j < new.len() && old[i] == new[j] {
            lines.push(Line::Same(old[i]));
            (i, j) = (i + 1, j + 1);
        } else if j == new.len()
            || (i < old.len() && common[(i + 1) * width + j] >= common[i * width + j + 1])
        {
            lines.push(Line::Old(old[i]));
            i += 1;
        } else {
            lines.push(Line::New(new[j]));
            j += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_change_is_shown_with_three_lines_around_it() {
        let old = "1\n2\n3\n4\n5\n6\n7\n8\n9\n";
        let new = "1\n2\n3\n4\nfive\n6\n7\n8\n9\n";
        assert_eq!(
            unified(old, new),
            "@@ -2,7 +2,7 @@\n 2\n 3\n 4\n-5\n+five\n 6\n 7\n 8\n"
        );
        assert_eq!(unified(old, old), "");
    }

    #[test]
    fn a_new_text_and_a_lost_line_break_are_shown_as_diff_shows_them() {
        assert_eq!(
            unified("", "a\nb"),
            "@@ -0,0 +1,2 @@\n+a\n+b\n\\ No newline at end of file\n"
        );
        assert_eq!(unified("a\n", ""), "@@ -1,1 +0,0 @@\n-a\n");
    }

    /// Applies a diff of ours to the old text: what it yields must be the new one.
    fn patch(old: &str, diff: &str) -> String {
        let old: Vec<&str> = old.split_inclusive('\n').collect();
        let (mut at, mut out) = (0, String::new());
        let lines: Vec<&str> = diff.split_inclusive('\n').collect();
        for (index, line) in lines.iter().enumerate() {
            let whole = lines.get(index + 1).is_some_and(|next| next.starts_with('\\'));
            let text = if whole {
                line[1..].trim_end_matches('\n')
            } else {
                &line[1..]
            };
            match line.as_bytes()[0] {
                b'@' => {
                    let mut numbers = line[4..].split([',', ' ']).map(|n| n.parse::<usize>());
                    let first = numbers.next().expect("a start").expect("a number");
                    let count = numbers.next().expect("a count").expect("a number");
                    let until = if count == 0 { first } else { first - 1 };
                    out.extend(old[at..until].iter().copied());
                    at = until;
                }
                b' ' => {
                    assert_eq!(old[at], text);
                    out.push_str(text);
                    at += 1;
                }
                b'-' => {
                    assert_eq!(old[at], text);
                    at += 1;
                }
                b'+' => out.push_str(text),
                _ => {}
            }
        }
        out.extend(old[at..].iter().copied());
        out
    }

    proptest! {
        #[test]
        fn the_diff_makes_the_new_text_of_the_old_one(old in "([ab]?\n?){0,30}", new in "([abc]?\n?){0,30}") {
            prop_assert_eq!(patch(&old, &unified(&old, &new)), new);
        }
    }
}
