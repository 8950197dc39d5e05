//! A report as a compiler would show it: services first, then each finding with its lines, the sum at the end.

use std::fmt::{self, Write as _};

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use super::printable;
use super::snippet::{Line, snippet};
use super::{Evidence, Finding, Report, Severity, kind_words, paths_by_zone, service_title};
use crate::span::Span;
use crate::view::{Reach, ServiceView};

/// How many lines of evidence a person is shown for one finding; a list of fifty services hides the next finding.
const SHOWN_EVIDENCE: usize = 6;

/// How a text is laid out: its width, and whether it is coloured.
///
/// The library reads neither the environment nor the terminal: whoever prints knows whether the output is a
/// terminal and what `NO_COLOR` says.
///
/// ```
/// use homelab_core::finding::TextOptions;
///
/// let options = TextOptions::default().with_colour(true).with_width(80);
/// assert_eq!(options.width(), 80);
/// assert!(!TextOptions::default().colour());
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TextOptions {
    colour: bool,
    width: usize,
    whole: bool,
}

impl Default for TextOptions {
    /// No colours, 100 columns.
    fn default() -> Self {
        TextOptions {
            colour: false,
            width: 100,
            whole: false,
        }
    }
}

impl TextOptions {
    /// The least width that is kept to; a smaller one is read as this.
    pub const LEAST_WIDTH: usize = 40;

    /// Sets whether there are colours.
    #[must_use]
    pub fn with_colour(mut self, colour: bool) -> Self {
        self.colour = colour;
        self
    }

    /// Sets how many columns there are. Messages, names of files and values that cannot be cut may go beyond.
    #[must_use]
    pub fn with_width(mut self, width: usize) -> Self {
        self.width = width.max(Self::LEAST_WIDTH);
        self
    }

    /// Sets whether the table of services is as wide as it needs to be: for a file or a program, which have no edge
    /// that a line could run over.
    #[must_use]
    pub fn with_whole_table(mut self, whole: bool) -> Self {
        self.whole = whole;
        self
    }

    /// Returns whether the table of services is as wide as it needs to be.
    pub fn whole_table(&self) -> bool {
        self.whole
    }

    /// Returns whether there are colours.
    pub fn colour(&self) -> bool {
        self.colour
    }

    /// Returns how many columns there are.
    pub fn width(&self) -> usize {
        self.width
    }
}

impl Report {
    /// Returns the report as text for a terminal: who reaches which service, each finding with its lines, why and
    /// fix, and the sum.
    pub fn to_text(&self, options: &TextOptions) -> String {
        let mut text = Text {
            options,
            out: String::new(),
        };
        text.services(self);
        for finding in self.findings() {
            text.finding(finding);
        }
        text.sum(self);
        text.out
    }
}

/// The text without colours.
impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to_text(&TextOptions::default()))
    }
}

const BOLD: &str = "1";
const DIM: &str = "2";
const BLUE: &str = "1;34";

fn reach_colour(reach: Reach) -> &'static str {
    match reach {
        Reach::None => DIM,
        Reach::Host => "36",
        Reach::Tailnet => "32",
        Reach::Lan => "33",
        Reach::Internet => "1;31",
    }
}

fn severity_colour(severity: Severity) -> &'static str {
    match severity {
        Severity::Note => "1;36",
        Severity::Warning => "1;33",
        Severity::Error => "1;31",
    }
}

/// Text in a colour, by its number in the terminal's table.
struct Painted<'a>(&'a TextOptions, &'static str, &'a str);

impl fmt::Display for Painted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Painted(options, colour, text) = self;
        if options.colour {
            write!(f, "\u{1b}[{colour}m{text}\u{1b}[0m")
        } else {
            f.write_str(text)
        }
    }
}

struct Text<'a> {
    options: &'a TextOptions,
    out: String,
}

/// Writing to a string cannot fail.
macro_rules! put {
    ($text:expr, $($arg:tt)*) => {
        let _ = write!($text.out, $($arg)*);
    };
}

impl Text<'_> {
    fn paint<'b>(&'b self, colour: &'static str, text: &'b str) -> Painted<'b> {
        Painted(self.options, colour, text)
    }

    /// Writes a line for each service that somebody off its machine reaches or may reach, and one for the rest.
    fn services(&mut self, report: &Report) {
        if report.services().is_empty() {
            return;
        }
        let (open, closed): (Vec<_>, Vec<_>) = report
            .services_by_reach()
            .into_iter()
            .partition(|service| service.at_most > Reach::Host);
        self.table(&open);
        for (reach, words) in [
            (Reach::Host, "their own machine only: "),
            (Reach::None, "nobody: "),
        ] {
            self.list(&closed, reach, words);
        }
        self.out.push('\n');
    }

    fn table(&mut self, services: &[&ServiceView]) {
        if services.is_empty() {
            return;
        }
        let rows: Vec<[String; 5]> = services.iter().map(|service| row(service)).collect();
        let widths = widths(&rows, (!self.options.whole).then_some(self.options.width));
        self.cells(HEAD.map(|head| (head, DIM)), widths);
        for (service, row) in services.iter().zip(&rows) {
            let [name, application, reach, at_most, how] = row.each_ref().map(String::as_str);
            let cells = [
                (name, BOLD),
                (application, ""),
                (reach, reach_colour(service.reach)),
                (at_most, reach_colour(service.at_most)),
                (how, ""),
            ];
            self.cells(cells, widths);
        }
    }

    /// Writes a line of the table; a column without a width is left out.
    fn cells(&mut self, cells: [(&str, &'static str); 5], widths: [usize; 5]) {
        let last = cells.iter().rposition(|(text, _)| !text.is_empty()).unwrap_or(0);
        let shown = cells
            .into_iter()
            .zip(widths)
            .take(last + 1)
            .filter(|&(_, width)| width > 0);
        for (index, ((text, colour), width)) in shown.enumerate() {
            let gap = if index > 0 { "  " } else { "" };
            let text = fit(text, width);
            let text = if colour.is_empty() {
                text
            } else {
                self.paint(colour, &text).to_string()
            };
            put!(self, "{gap}{text}");
        }
        while self.out.ends_with(' ') {
            self.out.pop();
        }
        self.out.push('\n');
    }

    fn list(&mut self, closed: &[&ServiceView], reach: Reach, words: &str) {
        let names: Vec<String> = closed
            .iter()
            .filter(|service| service.reach == reach)
            .map(|service| {
                let title = printable::line(&service_title(service)).into_owned();
                match &service.application {
                    Some(application) if *application != service.name && *application != service.project => {
                        format!("{title} ({})", printable::line(application))
                    }
                    _ => title,
                }
            })
            .collect();
        if !names.is_empty() {
            let lead = format!("{} reached by {words}", names.len());
            self.wrapped("", &lead, reach_colour(reach), &names.join(", "), "  ");
        }
    }

    fn finding(&mut self, finding: &Finding) {
        let severity = finding.severity();
        let head = format!("{severity}[{}]", finding.rule().id);
        let head = self.paint(severity_colour(severity), &head).to_string();
        let message = format!(": {}", printable::line(finding.message()));
        let message = self.paint(BOLD, &message).to_string();
        put!(self, "{head}{message}\n");

        let room = self.options.width.saturating_sub(10);
        let lines = match finding.place() {
            Some(place) if finding.shows_snippet() => snippet(place, room),
            _ => Vec::new(),
        };
        let gutter = lines.last().map_or(1, |line| line.number.to_string().len());
        if let Some(place) = finding.place() {
            self.place(place, gutter);
        }
        self.lines(&lines, gutter, severity_colour(severity));

        let indent = " ".repeat(gutter + 1);
        for evidence in finding.evidence().iter().take(SHOWN_EVIDENCE) {
            self.remark(&indent, "seen", &seen(evidence, finding.place()));
        }
        if let Some(more) = finding
            .evidence()
            .len()
            .checked_sub(SHOWN_EVIDENCE)
            .filter(|more| *more > 0)
        {
            self.remark(
                &indent,
                "seen",
                &format!("and {more} more, which the other forms list"),
            );
        }
        if let Some(id) = finding.service()
            && !finding.message().contains(id.service().as_str())
        {
            self.remark(&indent, "service", &id.to_string());
        }
        self.remark(&indent, "why", finding.why());
        self.remark(&indent, "fix", finding.fix());
        self.out.push('\n');
    }

    fn place(&mut self, place: &Span, gutter: usize) {
        let arrow = self.paint(BLUE, "-->").to_string();
        let place = place.to_string();
        put!(self, "{:gutter$}{arrow} {}\n", "", printable::line(&place));
    }

    fn lines(&mut self, lines: &[Line], gutter: usize, colour: &'static str) {
        let Some(first) = lines.first() else { return };
        let bar = self.paint(BLUE, "|").to_string();
        put!(self, "{:gutter$} {bar}\n", "");
        let mut expected = first.number;
        for line in lines {
            if line.number != expected {
                let dots = self.paint(BLUE, "...").to_string();
                put!(self, "{dots}\n");
            }
            expected = line.number + 1;
            let number = format!("{:>gutter$}", line.number);
            let number = self.paint(BLUE, &number).to_string();
            let shown = format!("{number} {bar} {}", line.text);
            put!(self, "{}\n", shown.trim_end());
            let (before, marked) = line.columns();
            let carets = "^".repeat(marked);
            let carets = self.paint(colour, &carets).to_string();
            put!(self, "{:gutter$} {bar} {:before$}{carets}\n", "", "");
        }
        put!(self, "{:gutter$} {bar}\n", "");
    }

    /// Writes `= why: ...`, wrapped below its first word.
    fn remark(&mut self, indent: &str, name: &str, text: &str) {
        let lead = format!("= {name}: ");
        let hanging = " ".repeat(indent.len() + lead.len());
        self.wrapped(indent, &lead, BLUE, text, &hanging);
    }

    fn wrapped(&mut self, indent: &str, lead: &str, colour: &'static str, text: &str, hanging: &str) {
        let text = printable::line(text);
        let painted = self.paint(colour, lead).to_string();
        put!(self, "{indent}{painted}");
        let mut column = indent.width() + lead.width();
        let mut first = true;
        for word in text.split(' ').filter(|word| !word.is_empty()) {
            let width = word.width();
            if !first && column + 1 + width > self.options.width {
                put!(self, "\n{hanging}{word}");
                column = hanging.width() + width;
            } else {
                let blank = if first { "" } else { " " };
                put!(self, "{blank}{word}");
                column += blank.len() + width;
            }
            first = false;
        }
        self.out.push('\n');
    }

    fn sum(&mut self, report: &Report) {
        let summary = report.summary();
        let colour = report.worst().map_or("1;32", severity_colour);
        let (found, services) = summary.split_once("; ").unzip();
        let found = self.paint(colour, found.unwrap_or(&summary)).to_string();
        let services = services
            .map(|services| format!("; {services}"))
            .unwrap_or_default();
        put!(self, "{found}{services}\n");
    }
}

/// Returns the evidence and its place, unless that is where the finding is anyway.
fn seen(evidence: &Evidence, shown: Option<&Span>) -> String {
    match evidence.place() {
        Some(place) if Some(place) != shown => format!("{} ({place})", evidence.text()),
        _ => evidence.text().to_owned(),
    }
}

const HEAD: [&str; 5] = ["SERVICE", "APPLICATION", "REACH", "AT MOST", "HOW"];

/// Returns the columns' widths, 0 for those that are left out: what nothing stands in, and the application where
/// little room would be left for the way. Without a width of the whole nothing is cut.
fn widths(rows: &[[String; 5]], width: Option<usize>) -> [usize; 5] {
    let mut widths = [0; 5];
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.width());
        }
    }
    for (width, head) in widths.iter_mut().zip(HEAD) {
        if *width > 0 {
            *width = (*width).max(head.width());
        }
    }
    let Some(width) = width else { return widths };
    widths[0] = widths[0].min(width * 2 / 5);
    widths[1] = widths[1].min(width / 5);
    let left = |widths: &[usize; 5]| {
        let others = widths[..4].iter().filter(|&&width| width > 0);
        width.saturating_sub(others.map(|width| width + 2).sum())
    };
    if left(&widths) < 28 {
        widths[1] = 0;
    }
    if left(&widths) < 12 {
        widths[0] = widths[0].min(width / 3);
    }
    widths[4] = widths[4].min(left(&widths).max(8));
    widths
}

fn row(service: &ServiceView) -> [String; 5] {
    let at_most = match service.at_most {
        at_most if at_most > service.reach => at_most.as_str(),
        _ => "",
    };
    [
        printable::line(&service_title(service)).into_owned(),
        printable::line(service.application.as_deref().unwrap_or("")).into_owned(),
        service.reach.to_string(),
        at_most.to_owned(),
        printable::line(&how(service)).into_owned(),
    ]
}

/// Returns the widest way to a service in words, and how many more there are.
pub(super) fn how(service: &ServiceView) -> String {
    let paths = paths_by_zone(service);
    let Some(path) = paths.first() else {
        return service.unknowns.first().cloned().unwrap_or_default();
    };
    let kind = kind_words(&path.kind);
    let mut how = if path.label.starts_with(&kind) {
        path.label.clone()
    } else {
        format!("{kind} {}", path.label)
    };
    if !path.guards.is_empty() {
        how.push_str(&format!(", guarded by {}", path.guards.join(", ")));
    }
    if paths.len() > 1 {
        how.push_str(&format!("; {} more", paths.len() - 1));
    }
    how
}

/// Returns the text in exactly so many columns: cut with an ellipsis, or filled with blanks.
fn fit(text: &str, width: usize) -> String {
    let mut out = String::new();
    let mut used = 0;
    if text.width() <= width {
        out.push_str(text);
        used = text.width();
    } else {
        for c in text.chars() {
            let wide = c.width().unwrap_or(0);
            if used + wide + 1 > width {
                break;
            }
            out.push(c);
            used += wide;
        }
        out.push('…');
        used += 1;
    }
    out.extend(std::iter::repeat_n(' ', width.saturating_sub(used)));
    out
}
