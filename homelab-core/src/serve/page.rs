//! The portal as HTML: whole pages, without a script, that read as well by ear as by eye.

use std::fmt::Write as _;

use super::request::encoded;
use crate::access::portal::grouped;
use crate::view::{PortalServiceView, PortalView, Reach, ServiceExplanationView, TailnetRuleView};

/// The style of every page, which is asked for beside it.
pub(super) const STYLE: &str = include_str!("page.css");

/// Writing into a text cannot fail.
macro_rules! put {
    ($out:expr, $($text:tt)*) => {{
        let _ = write!($out, $($text)*);
    }};
}

/// Returns somebody's portal, of it the services that a search finds.
pub(super) fn portal(lab: &str, portal: &PortalView, search: &str) -> String {
    let who = portal.name.as_deref().unwrap_or(&portal.who);
    let mut page = head(&format!("{lab}, for {who}"));
    page.push_str("<a class=\"skip\" href=\"#services\">Skip to the services</a>\n<header>\n");
    put!(
        page,
        "<h1>{}</h1>\n<p class=\"soft\">For {}",
        text(lab),
        text(who)
    );
    if portal.name.is_some() {
        put!(page, " ({})", text(&portal.who));
    }
    page.push_str("</p>\n<search>\n<form action=\"/\" method=\"get\" role=\"search\">\n");
    put!(
        page,
        "<label for=\"q\">Search</label>\n<input id=\"q\" name=\"q\" type=\"search\" autocomplete=\"off\" value=\"{}\">\n\
         <button type=\"submit\">Find</button>\n",
        text(search)
    );
    page.push_str("</form>\n</search>\n</header>\n<main id=\"services\" tabindex=\"-1\">\n");
    let wanted: Vec<String> = search.split_whitespace().map(str::to_lowercase).collect();
    let (found, at_home): (Vec<_>, Vec<_>) = portal
        .services
        .iter()
        .filter(|service| is_found(service, &wanted))
        .partition(|service| service.by != Reach::Lan);
    if !wanted.is_empty() {
        put!(
            page,
            "<p role=\"status\">{} found for \u{201c}{}\u{201d}. <a href=\"/\">Show all</a></p>\n",
            counted(found.len() + at_home.len()),
            text(search.trim())
        );
    } else if found.is_empty() {
        page.push_str("<p role=\"status\">The tailnet's policy lets you reach no service of this lab.</p>\n");
    }
    for group in found.chunk_by(|one, other| one.category == other.category) {
        let category = group.first().map_or("", |service| service.category.as_str());
        section(
            &mut page,
            &format!("c-{category}"),
            &in_title(category),
            None,
            group,
        );
    }
    if !at_home.is_empty() {
        let note = "Whoever is on the local network reaches these, and nobody asks who they are. Away from it you do not.";
        section(
            &mut page,
            "at-home",
            "On the local network only",
            Some(note),
            &at_home,
        );
    }
    for condition in &portal.conditions {
        put!(page, "<p class=\"soft\">Note: {}.</p>\n", text(condition));
    }
    page.push_str("</main>\n<footer><p>The network's policy decides what is here. ");
    page.push_str("<a href=\"/portal.json\">The same as JSON</a></p></footer>\n</body>\n</html>\n");
    page
}

/// Returns why somebody can reach a service, or why not.
pub(super) fn why(lab: &str, why: &ServiceExplanationView) -> String {
    let verdict = match (why.allowed, why.by) {
        (None, _) => "Whether you reach it depends on what is not known.",
        (Some(true), Some(Reach::Lan)) => "You reach it on the local network only.",
        (Some(true), Some(Reach::Internet)) => "You reach it, as everybody does.",
        (Some(true), _) => "You reach it.",
        (Some(false), _) => "You do not reach it.",
    };
    let mut page = head(&format!("Why {}: {lab}", why.service));
    put!(
        page,
        "<header>\n<h1>{}</h1>\n<p>{verdict}</p>\n<nav aria-label=\"Back\"><p><a href=\"/\">All your services</a></p></nav>\n\
         </header>\n<main>\n<h2>Ways that lead to it</h2>\n",
        text(&why.service)
    );
    if why.ways.is_empty() {
        page.push_str("<p>Nothing leads to it.</p>\n");
    }
    for way in &why.ways {
        let (class, word) = match way.allowed {
            Some(true) => ("yes", "Yes"),
            Some(false) => ("no", "No"),
            None => ("lan", "Not known"),
        };
        put!(
            page,
            "<section class=\"way\">\n<h3>{}: <code>{}</code></h3>\n<p><strong class=\"{class}\">{word}</strong>: {}.</p>\n",
            text(&in_title(&way.kind)),
            text(&way.label),
            text(&way.reason)
        );
        for explanation in &grouped(&way.explanations) {
            put!(page, "<p>To <code>{}</code>:</p>\n<ul>\n", text(&explanation.to));
            for by in &explanation.by {
                if let Some(rule) = explanation.rules.get(by.rule as usize) {
                    put!(
                        page,
                        "<li>as {} by {}</li>\n",
                        text(&by.through),
                        text(&place(rule))
                    );
                }
            }
            for miss in &explanation.misses {
                put!(page, "<li>{}", text(&miss.message));
                if let Some(rule) = &miss.rule {
                    put!(page, " ({})", text(&place(rule)));
                }
                page.push_str("</li>\n");
            }
            for condition in &explanation.conditions {
                put!(page, "<li>{}</li>\n", text(condition));
            }
            page.push_str("</ul>\n");
        }
        page.push_str("</section>\n");
    }
    put!(
        page,
        "</main>\n<footer><p><a href=\"/why.json?service={}\">The same as JSON</a></p></footer>\n</body>\n</html>\n",
        text(&encoded(&why.service))
    );
    page
}

/// Returns a page that says what is wrong.
pub(super) fn problem(message: &str) -> String {
    let mut page = head("Not here");
    let mut letters = message.chars();
    let first = letters.next().map(|letter| letter.to_uppercase().to_string());
    put!(
        page,
        "<header>\n<h1>Not here</h1>\n</header>\n<main>\n<p>{}{}.</p>\n</main>\n</body>\n</html>\n",
        text(&first.unwrap_or_default()),
        text(letters.as_str())
    );
    page
}

fn head(title: &str) -> String {
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n<title>{}</title>\n<link rel=\"icon\" href=\"data:,\">\n\
         <link rel=\"stylesheet\" href=\"/portal.css?{}\">\n</head>\n<body>\n",
        text(title),
        env!("CARGO_PKG_VERSION")
    )
}

fn section(page: &mut String, id: &str, title: &str, note: Option<&str>, services: &[&PortalServiceView]) {
    put!(
        page,
        "<section aria-labelledby=\"{id}\">\n<h2 id=\"{id}\">{}</h2>\n",
        text(title)
    );
    if let Some(note) = note {
        put!(page, "<p class=\"soft\">{note}</p>\n");
    }
    page.push_str("<ul class=\"services\">\n");
    for service in services {
        entry(page, service);
    }
    page.push_str("</ul>\n</section>\n");
}

fn entry(page: &mut String, service: &PortalServiceView) {
    page.push_str("<li>\n");
    match &service.url {
        Some(url) => put!(
            page,
            "<h3><a href=\"{0}\">{1}</a></h3>\n<p class=\"address soft\">{0}</p>\n",
            text(url),
            text(&service.name)
        ),
        None => {
            put!(page, "<h3>{}</h3>\n", text(&service.name));
            let way = service.ways.first();
            if let Some(address) = way.map(|way| way.target.as_ref().unwrap_or(&way.label)) {
                put!(page, "<p class=\"address soft\">{}</p>\n", text(address));
            }
        }
    }
    match (service.by, service.sure) {
        (Reach::Internet, _) => page.push_str("<p class=\"internet\">Public: everybody reaches it.</p>\n"),
        (Reach::Lan, _) | (_, true) => {}
        (_, false) => {
            let conditions = service.ways.first().map_or(&[][..], |way| &way.conditions);
            put!(
                page,
                "<p class=\"lan\">Perhaps: {}.</p>\n",
                text(&conditions.join("; "))
            );
        }
    }
    if let Some(health) = &service.health {
        let class = match health.as_str() {
            "healthy" | "running" => "yes",
            "starting" => "lan",
            _ => "no",
        };
        put!(page, "<p class=\"{class}\">{}</p>\n", text(&in_title(health)));
    }
    put!(
        page,
        "<p><a href=\"/why?service={}\" aria-label=\"Why you reach {}\">Why</a></p>\n</li>\n",
        text(&encoded(&service.service)),
        text(&service.name)
    );
}

/// Whether a service has every word of a search in its name, category, address or identity.
fn is_found(service: &PortalServiceView, wanted: &[String]) -> bool {
    let url = service.url.as_deref().unwrap_or_default();
    let all = format!(
        "{} {} {} {url}",
        service.name,
        service.category.replace('_', " "),
        service.service
    );
    let all = all.to_lowercase();
    wanted.iter().all(|word| all.contains(word))
}

fn counted(count: usize) -> String {
    match count {
        0 => "No service".to_owned(),
        1 => "1 service".to_owned(),
        many => format!("{many} services"),
    }
}

/// `database_admin` as a heading.
fn in_title(word: &str) -> String {
    let mut letters = word.chars();
    let first = letters.next().into_iter().flat_map(char::to_uppercase);
    first.chain(letters).collect::<String>().replace('_', " ")
}

fn place(rule: &TailnetRuleView) -> String {
    match &rule.place {
        Some(place) => format!("{}, line {}", place.file, place.line),
        None => "the default, which lets all in".to_owned(),
    }
}

/// Returns a text so that it is nothing but text, between tags and in attributes.
fn text(raw: &str) -> String {
    let mut out = String::with_capacity(raw.len());
    for letter in raw.chars() {
        match letter {
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            // What turns the direction of writing makes one name look like another.
            '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => {
                out.push('\u{fffd}')
            }
            letter if letter.is_control() => out.push(' '),
            letter => out.push(letter),
        }
    }
    out
}
