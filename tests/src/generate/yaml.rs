//! The YAML of generated files: a tree that keeps how each value is written, and can lose its parts one by one.

/// A value, and how it is written.
#[derive(Clone, Debug, PartialEq)]
pub enum Node {
    /// A scalar, as it stands in the file.
    Raw(String),
    /// A block of text, `|` or `>`.
    Block {
        /// The indicator: `|`, `|-`, `>`, `>-`.
        indicator: &'static str,
        /// The lines.
        lines: Vec<String>,
    },
    /// A mapping.
    Map {
        /// Keys, as they stand in the file, and values.
        members: Vec<(String, Node)>,
        /// Whether it is written in braces.
        flow: bool,
    },
    /// A sequence.
    List {
        /// The elements.
        members: Vec<Node>,
        /// Whether it is written in brackets.
        flow: bool,
    },
    /// A value behind a tag or an anchor: `!reset`, `&name`.
    Marked {
        /// The tag or anchor.
        mark: String,
        /// The value.
        node: Box<Node>,
    },
}

/// How a string is written.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Style {
    /// Without quotes, where that is possible.
    Plain,
    /// In single quotes.
    Single,
    /// In double quotes.
    Double,
    /// As a literal block.
    Literal,
}

impl Node {
    /// Returns a scalar that stands in the file as given.
    pub fn raw(text: &str) -> Node {
        Node::Raw(text.to_owned())
    }

    /// Returns a string in a style; in quotes where it would mean something else without.
    pub fn text(value: &str, style: Style) -> Node {
        match style {
            Style::Literal if !value.is_empty() && !value.starts_with(' ') && !value.ends_with('\n') => {
                Node::Block {
                    indicator: "|-",
                    lines: value.lines().map(str::to_owned).collect(),
                }
            }
            Style::Plain if plain(value) => Node::raw(value),
            Style::Single if !value.contains('\n') => Node::Raw(format!("'{}'", value.replace('\'', "''"))),
            _ => Node::Raw(format!(
                "\"{}\"",
                value
                    .replace('\\', "\\\\")
                    .replace('"', "\\\"")
                    .replace('\n', "\\n")
                    .replace('\t', "\\t")
            )),
        }
    }

    /// Returns a block mapping.
    pub fn map(members: Vec<(&str, Node)>) -> Node {
        let members = members
            .into_iter()
            .map(|(key, node)| (key.to_owned(), node))
            .collect();
        Node::Map { members, flow: false }
    }

    /// Returns this value behind a tag or an anchor.
    pub fn marked(self, mark: &str) -> Node {
        Node::Marked {
            mark: mark.to_owned(),
            node: Box::new(self),
        }
    }

    /// Returns the value as a whole document.
    pub fn document(&self) -> String {
        let mut text = String::new();
        self.write(0, &mut text);
        if !text.ends_with('\n') {
            text.push('\n');
        }
        text.trim_start_matches('\n').to_owned()
    }

    /// Returns every value that is this one with one part taken away, or written more simply.
    pub fn smaller(&self) -> Vec<Node> {
        let mut all = Vec::new();
        match self {
            Node::Raw(_) => {}
            Node::Block { lines, indicator } => {
                for index in 0..lines.len() {
                    if lines.len() > 1 {
                        let mut lines = lines.clone();
                        lines.remove(index);
                        all.push(Node::Block { indicator, lines });
                    }
                }
            }
            Node::Map { members, flow } => {
                for (index, (key, node)) in members.iter().enumerate() {
                    let mut less = members.clone();
                    less.remove(index);
                    all.push(Node::Map {
                        members: less,
                        flow: *flow,
                    });
                    for node in node.smaller() {
                        let mut less = members.clone();
                        less[index] = (key.clone(), node);
                        all.push(Node::Map {
                            members: less,
                            flow: *flow,
                        });
                    }
                }
            }
            Node::List { members, flow } => {
                for (index, node) in members.iter().enumerate() {
                    let mut less = members.clone();
                    less.remove(index);
                    all.push(Node::List {
                        members: less,
                        flow: *flow,
                    });
                    for node in node.smaller() {
                        let mut less = members.clone();
                        less[index] = node;
                        all.push(Node::List {
                            members: less,
                            flow: *flow,
                        });
                    }
                }
            }
            Node::Marked { mark, node } => {
                all.push((**node).clone());
                all.extend(node.smaller().into_iter().map(|node| node.marked(mark)));
            }
        }
        all
    }

    /// Writes the value behind its key or dash: scalars and flow on that line, blocks below it.
    fn write(&self, indent: usize, out: &mut String) {
        let room = " ".repeat(indent);
        match self {
            Node::Raw(text) => {
                if !text.is_empty() {
                    out.push(' ');
                    out.push_str(text);
                }
                out.push('\n');
            }
            Node::Block { indicator, lines } => {
                out.push(' ');
                out.push_str(indicator);
                out.push('\n');
                for line in lines {
                    out.push_str(&room);
                    out.push_str(line);
                    out.push('\n');
                }
            }
            Node::Map { members, flow: false } if !members.is_empty() => {
                out.push('\n');
                for (key, node) in members {
                    out.push_str(&room);
                    out.push_str(key);
                    out.push(':');
                    node.write(indent + 2, out);
                }
            }
            Node::List { members, flow: false } if !members.is_empty() => {
                out.push('\n');
                for node in members {
                    out.push_str(&room);
                    out.push('-');
                    match node {
                        // The first key stands behind the dash, as people write it.
                        Node::Map { members, flow: false } if !members.is_empty() => {
                            let mut below = String::new();
                            node.write(indent + 2, &mut below);
                            out.push(' ');
                            out.push_str(below.trim_start_matches(['\n', ' ']));
                        }
                        _ => node.write(indent + 2, out),
                    }
                }
            }
            Node::Marked { mark, node } => {
                out.push(' ');
                out.push_str(mark);
                node.write(indent, out);
            }
            Node::Map { .. } | Node::List { .. } => {
                out.push(' ');
                self.write_flow(out);
                out.push('\n');
            }
        }
    }

    fn write_flow(&self, out: &mut String) {
        match self {
            // What is plain in a block may end a flow.
            Node::Raw(text)
                if text.contains([',', '[', ']', '{', '}', '#', ':']) && !text.starts_with(['"', '\'']) =>
            {
                out.push('"');
                out.push_str(&text.replace('\\', "\\\\").replace('"', "\\\""));
                out.push('"');
            }
            Node::Raw(text) => out.push_str(if text.is_empty() { "null" } else { text }),
            Node::Block { lines, .. } => {
                match Node::text(&lines.join("\n"), Style::Double) {
                    Node::Raw(text) => out.push_str(&text),
                    other => other.write_flow(out),
                };
            }
            Node::Map { members, .. } => {
                out.push('{');
                for (index, (key, node)) in members.iter().enumerate() {
                    if index > 0 {
                        out.push_str(", ");
                    }
                    out.push_str(key);
                    out.push_str(": ");
                    node.write_flow(out);
                }
                out.push('}');
            }
            Node::List { members, .. } => {
                out.push('[');
                for (index, node) in members.iter().enumerate() {
                    if index > 0 {
                        out.push_str(", ");
                    }
                    node.write_flow(out);
                }
                out.push(']');
            }
            Node::Marked { mark, node } => {
                out.push_str(mark);
                out.push(' ');
                node.write_flow(out);
            }
        }
    }
}

/// Whether a string means itself without quotes.
fn plain(value: &str) -> bool {
    let looks_like_another_type = value.parse::<f64>().is_ok()
        || [
            "", "null", "~", "true", "false", "yes", "no", "on", "off", "y", "n",
        ]
        .contains(&value.to_lowercase().as_str())
        || value.starts_with(|first: char| first.is_ascii_digit());
    let leads_to_something_else = value.starts_with([
        '-', '?', ':', ',', '[', ']', '{', '}', '#', '&', '*', '!', '|', '>', '\'', '"', '%', '@', '`', ' ',
        '.', '=', '<', '~',
    ]);
    !looks_like_another_type
        && !leads_to_something_else
        && !value.contains(": ")
        && !value.contains(" #")
        && !value.contains(['\n', '\t', '"', '\''])
        && !value.ends_with([':', ' '])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tree_is_written_as_people_write_it() {
        let node = Node::map(vec![
            ("a", Node::raw("1")),
            (
                "b",
                Node::List {
                    members: vec![Node::map(vec![("c", Node::raw("x")), ("d", Node::raw("y"))])],
                    flow: false,
                },
            ),
            (
                "e",
                Node::Map {
                    members: vec![("f".to_owned(), Node::text("g: h", Style::Plain))],
                    flow: true,
                },
            ),
            ("i", Node::text("two\nlines", Style::Literal)),
            ("j", Node::map(vec![("k", Node::raw("l"))]).marked("&m")),
        ]);
        assert_eq!(
            node.document(),
            "a: 1\nb:\n  - c: x\n    d: y\ne: {f: \"g: h\"}\ni: |-\n  two\n  lines\nj: &m\n  k: l\n"
        );
    }
}
