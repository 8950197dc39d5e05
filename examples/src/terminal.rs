//! What a command asks of its surroundings before it prints: the core reads neither environment nor terminal.

use std::env;
use std::io::{self, IsTerminal};

use homelab_core::finding::TextOptions;
use homelab_core::{Error, ErrorKind, Report, Result};

/// Returns how to lay out text on standard output: coloured on a terminal unless `NO_COLOR` is set to anything, and
/// as wide as `COLUMNS` says. Where neither says how wide it is, no name of a service is cut.
pub fn text_options() -> TextOptions {
    let unwanted = env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    let dumb = env::var_os("TERM").is_some_and(|terminal| terminal == "dumb");
    let terminal = io::stdout().is_terminal();
    let options = TextOptions::default().with_colour(terminal && !unwanted && !dumb);
    match env::var("COLUMNS").ok().and_then(|columns| columns.parse().ok()) {
        Some(columns) => options.with_width(columns),
        None => options.with_whole_table(!terminal),
    }
}

/// Returns a report in the format of this name.
///
/// # Errors
/// When there is no such format.
pub fn rendered(report: &Report, format: &str) -> Result<String> {
    Ok(match format {
        "text" => report.to_text(&text_options()),
        "json" => report.to_json(),
        "sarif" => report.to_sarif(),
        "markdown" => report.to_markdown(),
        "html" => report.to_html(),
        _ => {
            let error = Error::new(ErrorKind::Invalid, format!("write the format `{format}`"));
            return Err(error.with_hint("text, json, sarif, markdown or html"));
        }
    })
}
