//! The reach map: who comes in, by which path, to which service, as inline SVG.
//!
//! The columns are the zones from the outside in. A service's line begins at the widest zone that reaches it and
//! runs inwards to the service; a dot is a zone that comes in, the words above the line are the kinds of paths, and
//! a dashed beginning is what could come in if what is not known turned out badly. Sorted by reach, the lines make
//! stairs: how far each one sticks out to the left is how far away its visitors can be.

use std::collections::HashMap;
use std::fmt::{self, Write as _};

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use super::html::Escaped;
use super::text::how;
use super::{Report, Severity, kind_words, paths_by_zone, printable, service_title};
use crate::view::{Reach, ServiceView};

/// Past this many services a map is no longer looked at; the table below it has them all.
const MOST: usize = 200;
/// How high the words above a list of closed services are, and each line of it.
const LIST_HEAD: usize = 38;
const PILL: usize = 36;
/// The zones, from the outside in.
const ZONES: [(Reach, &str, &str); 4] = [
    (Reach::Internet, "Internet", "anybody"),
    (Reach::Lan, "LAN", "the local network"),
    (Reach::Tailnet, "Tailnet", "your own devices"),
    (Reach::Host, "Host", "this machine"),
];

/// Where things stand: once for a desk, once for a phone.
struct Layout {
    class: &'static str,
    width: usize,
    /// Where each zone's band begins, and where the last one ends.
    bands: [usize; 5],
    head: usize,
    row: usize,
    node: usize,
    /// How many columns of text fit into a node.
    letters: usize,
    /// How many of those services stand side by side that nobody else reaches.
    beside: usize,
    /// Whether kinds of paths are written on the lines; else they are written into the nodes.
    on_lines: bool,
}

const DESK: Layout = Layout {
    class: "map desk",
    width: 1080,
    bands: [0, 190, 370, 550, 660],
    head: 64,
    row: 40,
    node: 28,
    letters: 46,
    beside: 3,
    on_lines: true,
};

const PHONE: Layout = Layout {
    class: "map phone",
    width: 336,
    bands: [0, 46, 78, 120, 152],
    head: 34,
    row: 52,
    node: 44,
    letters: 19,
    beside: 2,
    on_lines: false,
};

/// Writes the map in both layouts; the page's style shows one of them.
pub(super) fn draw(out: &mut String, report: &Report) {
    let services = report.services_by_reach();
    let troubles = troubles(report);
    for layout in [&DESK, &PHONE] {
        let _ = Map {
            layout,
            services: &services,
            troubles: &troubles,
        }
        .draw(out);
    }
}

/// Returns how many findings each service has, and the worst of them.
fn troubles(report: &Report) -> HashMap<String, (usize, Severity)> {
    let mut troubles = HashMap::new();
    for finding in report.findings() {
        if let Some(id) = finding.service() {
            let entry = troubles.entry(id.to_string()).or_insert((0, Severity::Note));
            entry.0 += 1;
            entry.1 = entry.1.max(finding.severity());
        }
    }
    troubles
}

struct Map<'a> {
    layout: &'a Layout,
    services: &'a [&'a ServiceView],
    troubles: &'a HashMap<String, (usize, Severity)>,
}

impl Map<'_> {
    fn draw(&self, out: &mut String) -> fmt::Result {
        let layout = self.layout;
        let shown = &self.services[..self.services.len().min(MOST)];
        let (open, closed): (Vec<_>, Vec<_>) = shown
            .iter()
            .enumerate()
            .partition(|(_, service)| service.at_most > Reach::Host);
        let (host, nobody): (Vec<_>, Vec<_>) = closed
            .into_iter()
            .partition(|(_, service)| service.reach == Reach::Host);
        let bands = layout.head + open.len().max(1) * layout.row + 12;
        let lists = [
            (host, "Only their own machine reaches these"),
            (nobody, "Nobody reaches these"),
        ];
        let listed = |list: &Vec<_>| match list.len() {
            0 => 0,
            count => LIST_HEAD + count.div_ceil(layout.beside) * PILL,
        };
        let height = bands + lists.iter().map(|(list, _)| listed(list)).sum::<usize>();
        let phone = if layout.on_lines { "" } else { "-phone" };
        write!(
            out,
            "<svg class=\"{}\" viewBox=\"0 0 {} {height}\" role=\"group\" \
             aria-labelledby=\"map-title{phone} map-text{phone}\">\
             <title id=\"map-title{phone}\">Reach map</title><desc id=\"map-text{phone}\">Who comes in, by which path, to \
             which service. The table of services below says the same in words.</desc>",
            layout.class, layout.width
        )?;
        self.bands(out, bands)?;
        if open.is_empty() {
            let y = layout.head + layout.row / 2 + 4;
            let x = layout.bands[4] + 8;
            write!(
                out,
                "<text class=\"quiet\" x=\"{x}\" y=\"{y}\">None from outside</text>"
            )?;
        }
        for (nth, (index, service)) in open.into_iter().enumerate() {
            self.row(out, index, service, layout.head + nth * layout.row)?;
        }
        let mut top = bands;
        for (list, words) in &lists {
            if !list.is_empty() {
                let (y, count) = (top + 26, list.len());
                write!(
                    out,
                    "<text class=\"quiet\" x=\"4\" y=\"{y}\">{words} ({count})</text>"
                )?;
            }
            for (nth, (index, service)) in list.iter().enumerate() {
                self.pill(out, *index, service, nth, top + LIST_HEAD)?;
            }
            top += listed(list);
        }
        out.write_str("</svg>")
    }

    fn bands(&self, out: &mut String, height: usize) -> fmt::Result {
        let layout = self.layout;
        for (index, (zone, title, people)) in ZONES.iter().enumerate() {
            let (from, to) = (layout.bands[index], layout.bands[index + 1]);
            let (x, width, middle) = (from + 2, to - from - 4, (from + to) / 2);
            write!(
                out,
                "<rect class=\"band {zone}\" x=\"{x}\" y=\"0\" width=\"{width}\" height=\"{height}\" rx=\"{}\"/>",
                if layout.on_lines { 14 } else { 8 }
            )?;
            if layout.on_lines {
                write!(
                    out,
                    "<text class=\"zone {zone}\" x=\"{middle}\" y=\"28\">{title}</text>\
                     <text class=\"people\" x=\"{middle}\" y=\"45\">{people}</text>"
                )?;
            } else {
                write!(
                    out,
                    "<text class=\"zone {zone}\" x=\"{middle}\" y=\"20\">{title}</text>"
                )?;
            }
        }
        Ok(())
    }

    /// Returns the middle of a zone's band, slightly to its left where words follow.
    fn stop(&self, zone: Reach) -> usize {
        let index = ZONES
            .iter()
            .position(|(reach, ..)| *reach == zone)
            .unwrap_or(ZONES.len() - 1);
        let (from, to) = (self.layout.bands[index], self.layout.bands[index + 1]);
        if self.layout.on_lines {
            from + 22
        } else {
            (from + to) / 2
        }
    }

    fn row(&self, out: &mut String, index: usize, service: &ServiceView, top: usize) -> fmt::Result {
        let layout = self.layout;
        let middle = top + layout.row / 2 + if layout.on_lines { 3 } else { 0 };
        let (reach, at_most) = (service.reach, service.at_most);
        self.open(out, index, service)?;
        let node = layout.bands[4] + if layout.on_lines { 10 } else { 4 };
        if reach > Reach::None {
            let from = self.stop(reach);
            write!(
                out,
                "<path class=\"line {reach}\" d=\"M{from} {middle}H{node}\"/>"
            )?;
        }
        if at_most > reach {
            let to = if reach > Reach::None {
                self.stop(reach)
            } else {
                node
            };
            let from = self.stop(at_most);
            write!(
                out,
                "<path class=\"line maybe {at_most}\" d=\"M{from} {middle}H{to}\"/>\
                 <circle class=\"maybe {at_most}\" cx=\"{from}\" cy=\"{middle}\" r=\"6\"/>"
            )?;
            if layout.on_lines {
                self.words(out, from, middle, "maybe")?;
            }
        }
        for (zone, ..) in ZONES {
            if zone != reach && !service.zones.contains(&zone) {
                continue;
            }
            let x = self.stop(zone);
            write!(
                out,
                "<circle class=\"dot {zone}\" cx=\"{x}\" cy=\"{middle}\" r=\"5\"/>"
            )?;
            if layout.on_lines && zone > Reach::Host {
                self.words(out, x, middle, &kinds(service, Some(zone), true))?;
            }
        }
        let x = node;
        let width = layout.width - x - 2;
        let y = middle - layout.node / 2;
        let room = layout.letters;
        write!(
            out,
            "<rect class=\"node {reach}\" x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{}\" rx=\"9\"/>",
            layout.node
        )?;
        let title = name(service);
        let application = application(service);
        let trouble = self.trouble(service);
        let room = if trouble.is_some() { room - 3 } else { room };
        let below = if layout.on_lines {
            String::new()
        } else {
            below(service, room + 6)
        };
        let text_y = if layout.on_lines || below.is_empty() {
            middle + 5
        } else {
            middle - 3
        };
        let text_x = x + 11;
        let short = shortened(&title, room);
        write!(
            out,
            "<text class=\"name\" x=\"{text_x}\" y=\"{text_y}\">{}",
            Escaped(&short)
        )?;
        if layout.on_lines {
            let left = room.saturating_sub(short.width() + 2);
            if let Some(application) = application.filter(|_| left > 6) {
                let application = shortened(application, left);
                write!(
                    out,
                    "<tspan class=\"application\" dx=\"8\">{}</tspan>",
                    Escaped(&application)
                )?;
            }
        }
        out.write_str("</text>")?;
        if !below.is_empty() {
            let y = middle + 14;
            write!(
                out,
                "<text class=\"kinds\" x=\"{text_x}\" y=\"{y}\">{}</text>",
                Escaped(&below)
            )?;
        }
        if let Some((count, severity)) = trouble {
            let (x, y) = (layout.width - 18, middle + 4);
            write!(
                out,
                "<circle class=\"trouble {severity}\" cx=\"{x}\" cy=\"{middle}\" r=\"9\"/>\
                 <text class=\"count\" x=\"{x}\" y=\"{y}\">{}</text>",
                if count > 9 {
                    "9+".to_owned()
                } else {
                    count.to_string()
                }
            )?;
        }
        out.write_str("</a>")
    }

    /// Writes a service that nobody off its machine reaches.
    fn pill(
        &self,
        out: &mut String,
        index: usize,
        service: &ServiceView,
        nth: usize,
        top: usize,
    ) -> fmt::Result {
        let layout = self.layout;
        let step = (layout.width + 4) / layout.beside;
        let x = 2 + nth % layout.beside * step;
        let y = top + nth / layout.beside * PILL;
        let (text_x, text_y, width) = (x + 11, y + 18, step - 8);
        let title = name(service);
        let title = shortened(&title, (width - 18) / 8);
        self.open(out, index, service)?;
        write!(
            out,
            "<rect class=\"node {}\" x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"28\" rx=\"9\"/>\
             <text class=\"name small\" x=\"{text_x}\" y=\"{text_y}\">{}</text></a>",
            service.reach,
            Escaped(&title)
        )
    }

    fn open(&self, out: &mut String, index: usize, service: &ServiceView) -> fmt::Result {
        let title = service_title(service);
        let mut words = format!("{}: reach {}", printable::line(&title), service.reach);
        if service.at_most > service.reach {
            let _ = write!(words, ", at most {}", service.at_most);
        }
        let how = how(service);
        if !how.is_empty() {
            let _ = write!(words, "; {}", printable::line(&how));
        }
        write!(
            out,
            "<a class=\"row\" href=\"#s{index}\"><title>{}</title>",
            Escaped(&words)
        )
    }

    fn words(&self, out: &mut String, x: usize, middle: usize, words: &str) -> fmt::Result {
        let words = shortened(words, 24);
        let (x, y) = (x + 10, middle - 7);
        write!(
            out,
            "<text class=\"kinds\" x=\"{x}\" y=\"{y}\">{}</text>",
            Escaped(&words)
        )
    }

    fn trouble(&self, service: &ServiceView) -> Option<(usize, Severity)> {
        self.troubles.get(&service_title(service)).copied()
    }
}

/// Returns the service's name: `vaultwarden` where it is its project's own, `immich/server` else.
fn name(service: &ServiceView) -> String {
    let title = service_title(service);
    let name = match title.rsplit_once('/') {
        Some((before, _)) if service.name == service.project => before,
        _ => &title,
    };
    printable::line(name).into_owned()
}

/// Returns the kinds of all paths for below the name: with their guards where there is room for these.
fn below(service: &ServiceView, columns: usize) -> String {
    let whole = kinds(service, None, true);
    if whole.width() <= columns {
        return whole;
    }
    let kinds = kinds(service, None, false);
    if kinds.width() <= columns {
        kinds
    } else {
        format!("{}…", taken(kinds.chars(), columns - 1))
    }
}

/// Returns the application, unless the service's name says it already.
fn application(service: &ServiceView) -> Option<&str> {
    let application = service.application.as_deref()?;
    (application != service.name && application != service.project).then_some(application)
}

/// Returns the kinds of the paths from a zone, or of all of them, with what guards them.
fn kinds(service: &ServiceView, zone: Option<Reach>, guards: bool) -> String {
    let mut kinds: Vec<String> = Vec::new();
    for path in paths_by_zone(service) {
        if zone.is_some_and(|zone| zone != path.zone) {
            continue;
        }
        let kind = match path.guards.first().filter(|_| guards) {
            Some(guard) => format!("{} + {guard}", kind_words(&path.kind)),
            None => kind_words(&path.kind),
        };
        if !kinds.contains(&kind) {
            kinds.push(kind);
        }
    }
    printable::line(&kinds.join(", ")).into_owned()
}

/// Returns the text in at most so many columns, cut in the middle: both its ends tell services apart.
fn shortened(text: &str, columns: usize) -> String {
    if text.width() <= columns {
        return text.to_owned();
    }
    let room = columns.saturating_sub(1);
    let head = taken(text.chars(), room.div_ceil(2));
    let tail = taken(text.chars().rev(), room / 2);
    let tail: String = tail.chars().rev().collect();
    format!("{head}…{tail}")
}

fn taken(chars: impl Iterator<Item = char>, columns: usize) -> String {
    let mut used = 0;
    chars
        .take_while(|c| {
            used += c.width().unwrap_or(0);
            used <= columns
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_names_keep_both_ends() {
        assert_eq!(shortened("immich/server", 20), "immich/server");
        assert_eq!(shortened("home-assistant/zigbee2mqtt", 11), "home-…2mqtt");
        assert!(shortened("日本日本日本日本", 7).width() <= 7);
    }
}
