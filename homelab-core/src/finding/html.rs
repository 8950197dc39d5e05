//! A report as one HTML page that asks nothing of anybody: no script, no request, readable on a phone.
//!
//! Its content security policy allows the one style sheet it carries, by hash, and nothing else; so what stands in
//! the lab's files could not act even if it were not escaped. Filters are check boxes that the style sheet reads.

use std::collections::HashMap;
use std::fmt::{self, Write as _};

use sha2::{Digest, Sha256};

use super::printable::{self, Piece};
use super::snippet::{Line, snippet};
use super::{Evidence, Finding, Report, Severity, kind_words, map, paths_by_zone, plural, service_title};
use crate::span::Span;
use crate::view::{EvidenceView, PlaceView, Reach, ServiceView};

const STYLE: &str = include_str!("html/page.css");
/// A house in a circle, as a data address: browsers ask a server for an icon otherwise.
const ICON: &str = "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 32 32'%3E%3Crect \
    width='32' height='32' rx='8' fill='%234f46e5'/%3E%3Cpath d='M7 16l9-8 9 8v8a1 1 0 0 1-1 1H8a1 1 0 0 1-1-1z' \
    fill='white'/%3E%3C/svg%3E";
/// Up to this many findings are all shown open.
const OPEN: usize = 8;
/// Up to this many services stand in one table; more are folded by project, which a phone shows on one screen.
const UNFOLDED: usize = 12;

impl Report {
    /// Returns the report as one self-contained HTML page: the reach map, the findings, and every service with the
    /// paths to it.
    pub fn to_html(&self) -> String {
        let mut out = String::new();
        // Writing to a string cannot fail.
        let _ = page(&mut out, self);
        out
    }
}

/// Text within HTML, or within an attribute's double quotes.
pub(super) struct Escaped<'a>(pub(super) &'a str);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut rest = self.0;
        while let Some(at) = rest.find(['&', '<', '>', '"', '\'']) {
            f.write_str(&rest[..at])?;
            f.write_str(match rest.as_bytes()[at] {
                b'&' => "&amp;",
                b'<' => "&lt;",
                b'>' => "&gt;",
                b'"' => "&quot;",
                _ => "&#39;",
            })?;
            rest = &rest[at + 1..];
        }
        f.write_str(rest)
    }
}

/// Text of people and files: on one line, harmless, escaped.
struct Words<'a>(&'a str);

impl fmt::Display for Words<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Escaped(&printable::line(self.0)).fmt(f)
    }
}

/// A message, whose backticks become code.
struct Message<'a>(&'a str);

impl fmt::Display for Message<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for piece in printable::pieces(self.0) {
            match piece {
                Piece::Plain(words) => Words(words).fmt(f)?,
                Piece::Code(value) => write!(f, "<code>{}</code>", Words(value))?,
            }
        }
        Ok(())
    }
}

fn page(out: &mut String, report: &Report) -> fmt::Result {
    let headline = headline(report);
    let date = report.at().strftime("%Y-%m-%d %H:%M UTC");
    write!(
        out,
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'sha256-{}'; \
         img-src data:; base-uri 'none'; form-action 'none'\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n<meta name=\"referrer\" content=\"no-referrer\">\n\
         <title>{headline}</title>\n<link rel=\"icon\" href=\"{ICON}\">\n<style>{STYLE}</style>\n</head>\n<body>\n\
         <header>\n<p class=\"brand\">homelab <span>{date}</span></p>\n<h1>{headline}</h1>\n<p class=\"sum\">{}</p>\n",
        base64(&Sha256::digest(STYLE)),
        Escaped(&sum(report)),
    )?;
    tiles(out, report)?;
    out.write_str("</header>\n<main>\n")?;
    if !report.services().is_empty() {
        out.write_str(
            "<section aria-labelledby=\"who\"><h2 id=\"who\">Who reaches what</h2>\n\
             <p class=\"lead\">Each line begins where its farthest visitors are, and runs in to the service. Dashed: \
             not known for certain.</p>\n<div class=\"card map-card\">",
        )?;
        map::draw(out, report);
        out.write_str("</div></section>\n")?;
    }
    findings(out, report)?;
    services(out, report)?;
    accepted(out, report)?;
    writeln!(
        out,
        "</main>\n<footer>homelab {} · this page asks for nothing and holds what is private to this lab: share it with its people only</footer>\n</body>\n</html>",
        env!("CARGO_PKG_VERSION")
    )
}

/// Returns how much was found; the tiles below it say the rest.
fn sum(report: &Report) -> String {
    let summary = report.summary();
    let found = summary.split(';').next().unwrap_or_default();
    format!("{found} in {}", plural(report.services().len(), "service"))
}

/// Returns what a person wants to know first.
fn headline(report: &Report) -> String {
    let total = report.services().len();
    let open = report.reached(Reach::Internet);
    let maybe = report
        .services()
        .iter()
        .filter(|service| service.at_most == Reach::Internet && service.reach < Reach::Internet)
        .count();
    let services = |count| plural(count, "service");
    match (total, open, maybe) {
        (0, ..) => "No services found".to_owned(),
        (_, 0, 0) => "Nothing is open to the internet".to_owned(),
        (_, 0, maybe) => {
            format!(
                "Nothing is known to be open to the internet, but {} may be",
                services(maybe)
            )
        }
        (total, open, _) => {
            let verb = if open == 1 { "is" } else { "are" };
            format!("{open} of {} {verb} open to the internet", services(total))
        }
    }
}

fn tiles(out: &mut String, report: &Report) -> fmt::Result {
    let total = report.services().len();
    if total == 0 {
        return Ok(());
    }
    out.write_str(
        "<svg class=\"bar\" viewBox=\"0 0 1000 10\" preserveAspectRatio=\"none\" aria-hidden=\"true\">",
    )?;
    let mut x = 0;
    let mut before = 0;
    for reach in Reach::ALL.into_iter().rev() {
        before += report.reached(reach);
        let end = before * 1000 / total;
        if end > x {
            let width = (end - x)
                .saturating_sub(if before < total { 4 } else { 0 })
                .max(1);
            write!(
                out,
                "<rect class=\"fill {reach}\" x=\"{x}\" y=\"0\" width=\"{width}\" height=\"10\"/>"
            )?;
        }
        x = end;
    }
    out.write_str("</svg>\n<ul class=\"tiles\">")?;
    for reach in Reach::ALL.into_iter().rev() {
        let count = report.reached(reach);
        let quiet = if count == 0 { " quiet" } else { "" };
        write!(
            out,
            "<li class=\"tile {reach}{quiet}\"><b>{count}</b><span class=\"reach {reach}\">{}</span><small>{}</small></li>",
            title(reach),
            people(reach)
        )?;
    }
    out.write_str("</ul>\n")
}

fn title(reach: Reach) -> &'static str {
    match reach {
        Reach::None => "None",
        Reach::Host => "Host",
        Reach::Tailnet => "Tailnet",
        Reach::Lan => "LAN",
        Reach::Internet => "Internet",
    }
}

fn people(reach: Reach) -> &'static str {
    match reach {
        Reach::None => "nobody",
        Reach::Host => "their machine only",
        Reach::Tailnet => "your own devices",
        Reach::Lan => "the local network",
        Reach::Internet => "anybody",
    }
}

fn findings(out: &mut String, report: &Report) -> fmt::Result {
    out.write_str("<section aria-labelledby=\"findings\"><h2 id=\"findings\">Findings</h2>\n")?;
    if report.findings().is_empty() {
        return out
            .write_str("<p class=\"card good\">Nothing to say: every rule is content.</p></section>\n");
    }
    out.write_str("<fieldset class=\"filters\"><legend>Show</legend>")?;
    for severity in [Severity::Error, Severity::Warning, Severity::Note] {
        let count = report.count(severity);
        if count > 0 {
            write!(
                out,
                "<label class=\"chip {severity}\"><input type=\"checkbox\" id=\"show-{severity}\" checked> {}</label>",
                plural(count, severity.as_str())
            )?;
        }
    }
    out.write_str("</fieldset>\n<div class=\"findings\">\n")?;
    let few = report.findings().len() <= OPEN;
    let worst = report.worst();
    let services = report.services_by_reach();
    let rows = services.iter().enumerate();
    let rows: HashMap<String, usize> = rows.map(|(row, service)| (service_title(service), row)).collect();
    for (index, finding) in report.findings().iter().enumerate() {
        let open = few || (index < OPEN && Some(finding.severity()) == worst);
        let row = finding.service().and_then(|id| rows.get(&id.to_string()));
        one_finding(out, finding, open, row.copied())?;
    }
    out.write_str("</div></section>\n")
}

fn one_finding(out: &mut String, finding: &Finding, open: bool, row: Option<usize>) -> fmt::Result {
    let severity = finding.severity();
    write!(
        out,
        "<details class=\"card finding {severity}\"{}><summary><span class=\"severity {severity}\">{severity}</span>\
         <span class=\"message\">{}</span><span class=\"where\">",
        if open { " open" } else { "" },
        Message(finding.message()),
    )?;
    if let Some(id) = finding.service() {
        let id = id.to_string();
        match row {
            Some(row) => write!(out, "<a href=\"#s{row}\">{}</a> ", Words(&id))?,
            None => write!(out, "<b>{}</b> ", Words(&id))?,
        }
    } else if let Some(project) = finding.project() {
        write!(out, "<b>{}</b> ", Words(project.as_str()))?;
    }
    if let Some(place) = finding.place() {
        write!(out, "<span class=\"path\">{}</span>", Path(&place.view()))?;
    }
    out.write_str("</span></summary>\n<div class=\"body\">")?;
    if finding.shows_snippet()
        && let Some(place) = finding.place()
    {
        lines(out, place)?;
    }
    write!(
        out,
        "<dl><dt>Fix</dt><dd>{}</dd><dt>Why</dt><dd>{}</dd>",
        Message(finding.fix()),
        Message(finding.why())
    )?;
    if !finding.evidence().is_empty() {
        out.write_str("<dt>Seen</dt><dd><ul>")?;
        for evidence in finding.evidence().iter().map(Evidence::view) {
            one_evidence(out, &evidence, finding.place())?;
        }
        out.write_str("</ul></dd>")?;
    }
    writeln!(
        out,
        "<dt>Rule</dt><dd><code>{}</code> <span class=\"principle\">{}</span></dd></dl></div></details>",
        finding.rule().id,
        finding.rule().principle.as_str().replace('-', " ")
    )
}

/// What a path is called: code, unless it says itself which part of it is.
struct Label<'a>(&'a str);

impl fmt::Display for Label<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.contains('`') {
            Message(self.0).fmt(f)
        } else {
            write!(f, "<code>{}</code>", Words(self.0))
        }
    }
}

/// A place, which may be broken after each folder.
struct Path<'a>(&'a PlaceView);

impl fmt::Display for Path<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut parts = self.0.file.split('/');
        if let Some(first) = parts.next() {
            Words(first).fmt(f)?;
        }
        for part in parts {
            write!(f, "/<wbr>{}", Words(part))?;
        }
        write!(f, ":{}:{}", self.0.line, self.0.column)
    }
}

fn one_evidence(out: &mut String, evidence: &EvidenceView, shown: Option<&Span>) -> fmt::Result {
    write!(out, "<li>{}", Message(&evidence.text))?;
    match &evidence.place {
        Some(place) if shown.is_none_or(|shown| shown.view() != *place) => {
            write!(out, " <span class=\"path\">{}</span>", Path(place))?;
        }
        _ => {}
    }
    out.write_str("</li>")
}

fn lines(out: &mut String, place: &Span) -> fmt::Result {
    let lines = snippet(place, 160);
    let Some(first) = lines.first() else {
        return Ok(());
    };
    let gutter = lines.last().map_or(1, |line| line.number.to_string().len());
    // A phone has no room for the blanks that all lines begin with.
    let blanks = |line: &Line| line.text.find(|c| c != ' ').unwrap_or(0).min(line.mark.start);
    let indent = lines.iter().map(blanks).min().unwrap_or(0);
    out.write_str("<pre tabindex=\"0\">")?;
    let mut expected = first.number;
    for line in &lines {
        if line.number != expected {
            writeln!(out, "<i>{:>gutter$}</i>", "⋮")?;
        }
        expected = line.number + 1;
        let (before, rest) = line.text.split_at(line.mark.start);
        let (marked, after) = rest.split_at(line.mark.len());
        write!(
            out,
            "<i>{:>gutter$}</i>  {}",
            line.number,
            Escaped(&before[indent..])
        )?;
        if !marked.is_empty() {
            write!(out, "<mark>{}</mark>", Escaped(marked))?;
        }
        writeln!(out, "{}", Escaped(after))?;
    }
    out.write_str("</pre>")
}

fn services(out: &mut String, report: &Report) -> fmt::Result {
    if report.services().is_empty() {
        return Ok(());
    }
    out.write_str(
        "<section aria-labelledby=\"services\"><h2 id=\"services\">Services</h2>\n\
         <fieldset class=\"filters\"><legend>Show</legend>",
    )?;
    for reach in Reach::ALL.into_iter().rev() {
        let count = report.reached(reach);
        if count > 0 {
            write!(
                out,
                "<label class=\"chip {reach}\"><input type=\"checkbox\" id=\"show-{reach}\" checked> {} {count}</label>",
                title(reach)
            )?;
        }
    }
    out.write_str("</fieldset>\n")?;
    let services: Vec<(usize, &ServiceView)> = report.services_by_reach().into_iter().enumerate().collect();
    if services.len() <= UNFOLDED {
        out.write_str("<div class=\"card\">")?;
        table(out, &services)?;
        return out.write_str("</div></section>\n");
    }
    // Many services are folded by project, those first that most people reach.
    let mut groups: Vec<Vec<(usize, &ServiceView)>> = Vec::new();
    let mut places = HashMap::new();
    for (index, service) in services {
        let place = *places
            .entry((&service.host, &service.project))
            .or_insert_with(|| {
                groups.push(Vec::new());
                groups.len() - 1
            });
        groups[place].push((index, service));
    }
    for group in groups {
        folded(out, &group)?;
    }
    out.write_str("</section>\n")
}

/// The services of one project, open where one of them is open to the internet.
fn folded(out: &mut String, group: &[(usize, &ServiceView)]) -> fmt::Result {
    let (_, widest) = group[0];
    let host = widest
        .host
        .as_ref()
        .map_or_else(String::new, |host| format!("{host}:"));
    let open = if widest.reach == Reach::Internet {
        " open"
    } else {
        ""
    };
    write!(
        out,
        "<details class=\"card group\"{open}><summary><b>{}{}</b> <small>{}</small> <span class=\"reach {}\">{}</span>",
        Words(&host),
        Words(&widest.project),
        plural(group.len(), "service"),
        widest.reach,
        title(widest.reach)
    )?;
    let maybe = group.iter().map(|(_, service)| service.at_most).max();
    if let Some(maybe) = maybe.filter(|maybe| *maybe > widest.reach) {
        write!(
            out,
            " <span class=\"reach unsure {maybe}\">{}</span>",
            title(maybe)
        )?;
    }
    out.write_str("</summary>")?;
    table(out, group)?;
    out.write_str("</details>\n")
}

fn table(out: &mut String, services: &[(usize, &ServiceView)]) -> fmt::Result {
    out.write_str(
        "<table class=\"services\" role=\"table\"><thead><tr><th scope=\"col\">Service</th>\
         <th scope=\"col\">Reach</th><th scope=\"col\">At most</th><th scope=\"col\">How</th></tr></thead>\n<tbody>\n",
    )?;
    for (index, service) in services {
        one_service(out, *index, service)?;
    }
    out.write_str("</tbody></table>")
}

fn one_service(out: &mut String, index: usize, service: &ServiceView) -> fmt::Result {
    let reach = service.reach;
    write!(
        out,
        "<tr id=\"s{index}\" class=\"service {reach}\" role=\"row\"><th scope=\"row\" role=\"rowheader\">{}",
        Words(&service_title(service))
    )?;
    if let Some(application) = &service.application {
        write!(out, " <span class=\"application\">{}</span>", Words(application))?;
    }
    if let Some(image) = &service.image {
        write!(out, "<small>{}</small>", Words(image))?;
    }
    if let Some(place) = &service.place {
        write!(out, "<small class=\"path\">{}</small>", Path(place))?;
    }
    write!(
        out,
        "</th><td role=\"cell\" data-name=\"Reach\"><span class=\"reach {reach}\">{}</span></td>",
        title(reach)
    )?;
    if service.at_most > reach {
        write!(
            out,
            "<td role=\"cell\" data-name=\"At most\"><span class=\"reach unsure {}\">{}</span></td>",
            service.at_most,
            title(service.at_most)
        )?;
    } else {
        out.write_str("<td role=\"cell\" class=\"same\">same</td>")?;
    }
    out.write_str("<td role=\"cell\" data-name=\"How\">")?;
    if service.paths.is_empty() && service.unknowns.is_empty() {
        out.write_str("<span class=\"quiet\">no path from outside</span>")?;
    }
    out.write_str("<ul class=\"paths\">")?;
    for path in paths_by_zone(service) {
        write!(
            out,
            "<li><span class=\"reach {}\">{}</span> {} {}",
            path.zone,
            title(path.zone),
            Words(&kind_words(&path.kind)),
            Label(&path.label)
        )?;
        for guard in &path.guards {
            write!(out, " <span class=\"guard\">{}</span>", Words(guard))?;
        }
        if !path.evidence.is_empty() {
            out.write_str("<details><summary>evidence</summary><ul>")?;
            for evidence in &path.evidence {
                one_evidence(out, evidence, None)?;
            }
            out.write_str("</ul></details>")?;
        }
        out.write_str("</li>")?;
    }
    for unknown in &service.unknowns {
        write!(
            out,
            "<li class=\"unknown\"><span class=\"reach unsure\">?</span> {}</li>",
            Message(unknown)
        )?;
    }
    out.write_str("</ul></td></tr>\n")
}

fn accepted(out: &mut String, report: &Report) -> fmt::Result {
    if report.suppressed().is_empty() {
        return Ok(());
    }
    out.write_str(
        "<section aria-labelledby=\"accepted\"><h2 id=\"accepted\">Accepted</h2>\n<div class=\"card\"><ul class=\"accepted\">",
    )?;
    for accepted in report.suppressed() {
        let finding = &accepted.finding;
        write!(
            out,
            "<li>{} <code>{}</code><small>until {}, because {}</small></li>",
            Message(finding.message()),
            finding.rule().id,
            accepted.until.strftime("%Y-%m-%d"),
            Message(&accepted.reason)
        )?;
    }
    out.write_str("</ul></div></section>\n")
}

/// Returns bytes as base64, the form in which a content security policy names a hash.
fn base64(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::new();
    for chunk in bytes.chunks(3) {
        let word =
            chunk.iter().fold(0, |word, &byte| word << 8 | usize::from(byte)) << (8 * (3 - chunk.len()));
        for place in 0..4 {
            if place <= chunk.len() {
                out.push(char::from(ALPHABET[word >> (18 - 6 * place) & 63]));
            } else {
                out.push('=');
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_is_as_everybody_writes_it() {
        for (bytes, text) in [
            ("", ""),
            ("f", "Zg=="),
            ("fo", "Zm8="),
            ("foo", "Zm9v"),
            ("foob", "Zm9vYg=="),
        ] {
            assert_eq!(base64(bytes.as_bytes()), text);
        }
        assert_eq!(base64(&[0xff, 0xfe, 0xfd]), "//79");
    }

    #[test]
    fn nothing_leaves_its_place() {
        assert_eq!(
            Escaped("<a b=\"c\" d='e'>&").to_string(),
            "&lt;a b=&quot;c&quot; d=&#39;e&#39;&gt;&amp;"
        );
        assert_eq!(
            Message("is `<b>`\nopen").to_string(),
            "is <code>&lt;b&gt;</code> open"
        );
    }
}
