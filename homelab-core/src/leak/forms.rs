//! The forms in which a value may stand in a text: as it is, encoded, in another notation.

use std::collections::HashSet;
use std::fmt::Write as _;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;

use super::common;
use super::telling::hardware;
use super::vocabulary::{Term, ValueKind};
use crate::service::rules::secrets::is_random;

/// How a value is disguised where it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Disguise {
    /// As it is, but for the case of its letters.
    Plain,
    /// Encoded or escaped, or split over lines.
    Escaped,
    /// In base64.
    Base64,
    /// In hexadecimal.
    Hexadecimal,
    /// Its parts in reversed order.
    Reversed,
    /// In another notation of the same.
    Notation,
}

impl Disguise {
    /// Returns the words that a message ends in.
    pub(crate) fn words(self) -> &'static str {
        match self {
            Disguise::Plain => "",
            Disguise::Escaped => ", encoded or escaped",
            Disguise::Base64 => ", in base64",
            Disguise::Hexadecimal => ", in hexadecimal",
            Disguise::Reversed => ", its parts reversed",
            Disguise::Notation => ", in another notation",
        }
    }
}

/// What may not stand before and after a form, so that it is a value of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Edge {
    /// Anything may.
    Any,
    /// No letter or digit.
    Word,
    /// No letter, digit or `-`: another name.
    Name,
    /// No digit, and no dot with a digit.
    Number,
    /// No digit of an address of the sixth version.
    Hexadecimal,
    /// A path that goes on with another name, or is the end of a longer one.
    Path,
    /// No letter, digit or `_`, unless the option of a program is before it: `-pVALUE`.
    Secret,
    /// It is the whole value of something by the name of a secret: a short one, or a word, is in many texts.
    Value,
}

/// A text to look for.
pub(super) struct Form {
    pub(super) text: String,
    pub(super) disguise: Disguise,
    pub(super) edge: Edge,
    /// Whether the case of its letters matters.
    pub(super) exact: bool,
}

/// From this many bytes an encoded value is looked for within others; a shorter one is in many.
const LEAST_ENCODED: usize = 5;
/// From this many bytes a secret is looked for wherever it is a word.
const LONG_SECRET: usize = 8;
/// From this many bytes it is so too when it is made of letters alone: words of the language are shorter.
const LONG_WORD: usize = 16;

/// Returns the forms of a term, each once.
pub(super) fn forms(term: &Term) -> Vec<Form> {
    let value = term.value();
    let mut forms = Forms::default();
    let edge = edge(term);
    if term.kind() == ValueKind::Person && common::is_name_and_word(value) {
        // `rose` is a flower, and `Rose` a person.
        let (first, rest) = value.split_at(1);
        forms.add(
            &format!("{}{}", first.to_ascii_uppercase(), rest.to_ascii_lowercase()),
            Disguise::Plain,
            edge,
            true,
        );
        return forms.all;
    }
    // A password in other letters is another one, and often the name of something: `chrome_token`, `CHROME_TOKEN`.
    let is_exact = matches!(edge, Edge::Secret);
    forms.add(value, Disguise::Plain, edge, is_exact);
    if !value.is_ascii() && !is_exact {
        forms.plain(&value.to_lowercase(), edge);
        forms.plain(&value.to_uppercase(), edge);
    }
    match term.kind() {
        ValueKind::Address => match value.parse() {
            Ok(IpAddr::V4(address)) => forms.v4(address),
            Ok(IpAddr::V6(address)) => forms.v6(address),
            Err(_) => {}
        },
        ValueKind::Network => {
            if let Ok(network) = value.parse() {
                forms.network(network);
            }
        }
        ValueKind::Hardware => forms.hardware(value),
        ValueKind::Domain => forms.domain(value),
        ValueKind::Secret | ValueKind::Other if value.contains('$') => {
            // What Compose takes for one dollar.
            forms.notation(&value.replace('$', "$$"), edge);
        }
        _ => {}
    }
    if value.contains('\'') {
        forms.notation(&value.replace('\'', "''"), edge);
        forms.notation(&value.replace('\'', r"'\''"), edge);
    }
    let least = if edge == Edge::Value {
        LONG_SECRET
    } else {
        LEAST_ENCODED
    };
    if value.len() >= least {
        forms.encoded(value);
        if term.kind() != ValueKind::Secret {
            forms.encoded(&value.to_lowercase());
            forms.encoded(&value.to_uppercase());
        }
    }
    forms.all
}

fn edge(term: &Term) -> Edge {
    let value = term.value();
    match term.kind() {
        ValueKind::Address | ValueKind::Network if value.contains(':') => Edge::Hexadecimal,
        ValueKind::Address | ValueKind::Network => Edge::Number,
        ValueKind::Hardware => Edge::Hexadecimal,
        ValueKind::HostName | ValueKind::Person | ValueKind::Storage | ValueKind::Other => Edge::Word,
        ValueKind::Domain | ValueKind::Login | ValueKind::Repository => Edge::Name,
        ValueKind::Path => Edge::Path,
        ValueKind::Secret if is_random(value) => Edge::Any,
        ValueKind::Secret if value.len() >= LONG_SECRET && is_mixed(value) || is_long(value) => Edge::Secret,
        ValueKind::Secret => Edge::Value,
    }
}

/// Returns whether a text is of letters alone, and longer than words are.
fn is_long(value: &str) -> bool {
    value.len() >= LONG_WORD && value.chars().all(char::is_alphabetic)
}

/// Returns whether a text is more than the name of something: it has a digit, a mark, or capitals inside. What has only
/// `_`, `-` and `.` between its words is a name like others.
fn is_mixed(value: &str) -> bool {
    let inside = value.chars().skip(1);
    value
        .chars()
        .any(|c| !c.is_alphabetic() && !matches!(c, '_' | '-' | '.'))
        || inside.clone().any(char::is_uppercase) && inside.clone().any(char::is_lowercase)
}

#[derive(Default)]
struct Forms {
    all: Vec<Form>,
    seen: HashSet<String>,
}

impl Forms {
    fn add(&mut self, text: &str, disguise: Disguise, edge: Edge, exact: bool) {
        let key = if exact {
            text.to_owned()
        } else {
            text.to_ascii_lowercase()
        };
        if !text.is_empty() && self.seen.insert(key) {
            self.all.push(Form {
                text: text.to_owned(),
                disguise,
                edge,
                exact,
            });
        }
    }

    fn plain(&mut self, text: &str, edge: Edge) {
        self.add(text, Disguise::Plain, edge, false);
    }

    fn notation(&mut self, text: &str, edge: Edge) {
        self.add(text, Disguise::Notation, edge, false);
    }

    fn encoded(&mut self, value: &str) {
        let mut hexadecimal = String::with_capacity(value.len() * 2);
        for byte in value.bytes() {
            let _ = write!(hexadecimal, "{byte:02x}");
        }
        self.add(&hexadecimal, Disguise::Hexadecimal, Edge::Any, false);
        for shift in 0..3 {
            let text = base64(value.as_bytes(), shift);
            self.add(
                &text.replace('+', "-").replace('/', "_"),
                Disguise::Base64,
                Edge::Any,
                true,
            );
            self.add(&text, Disguise::Base64, Edge::Any, true);
        }
    }

    fn v4(&mut self, address: Ipv4Addr) {
        let [a, b, c, d] = address.octets();
        self.notation(&format!("{a}-{b}-{c}-{d}"), Edge::Number);
        self.notation(&format!("{a}_{b}_{c}_{d}"), Edge::Number);
        self.notation(&format!("{a:03}.{b:03}.{c:03}.{d:03}"), Edge::Number);
        self.notation(&format!("0{a:o}.0{b:o}.0{c:o}.0{d:o}"), Edge::Number);
        self.notation(&format!("{a:04o}.{b:04o}.{c:04o}.{d:04o}"), Edge::Number);
        self.notation(&format!("0x{a:x}.0x{b:x}.0x{c:x}.0x{d:x}"), Edge::Word);
        self.notation(&format!("0x{a:02x}.0x{b:02x}.0x{c:02x}.0x{d:02x}"), Edge::Word);
        self.notation(&format!("{}", u32::from(address)), Edge::Word);
        self.notation(&format!("0{:o}", u32::from(address)), Edge::Word);
        self.notation(&format!("0x{:08x}", u32::from(address)), Edge::Word);
        self.notation(&format!("{:08x}", u32::from(address)), Edge::Word);
        self.notation(&format!("{a:02x}:{b:02x}:{c:02x}:{d:02x}"), Edge::Hexadecimal);
        self.notation(&format!("::ffff:{a:x}{b:02x}:{c:x}{d:02x}"), Edge::Hexadecimal);
        self.notation(&format!("2002:{a:x}{b:02x}:{c:x}{d:02x}"), Edge::Any);
        self.add(
            &format!("{d}.{c}.{b}.{a}.in-addr"),
            Disguise::Reversed,
            Edge::Number,
            false,
        );
    }

    fn v6(&mut self, address: Ipv6Addr) {
        let segments = address.segments();
        let joined = |separator: &str, form: fn(u16) -> String| segments.map(form).join(separator);
        self.notation(&joined(":", |part| format!("{part:04x}")), Edge::Hexadecimal);
        self.notation(&joined(":", |part| format!("{part:x}")), Edge::Hexadecimal);
        self.notation(&joined("-", |part| format!("{part:x}")), Edge::Hexadecimal);
        self.notation(&address.to_string().replace(':', "-"), Edge::Hexadecimal);
        self.notation(&joined("", |part| format!("{part:04x}")), Edge::Word);
        let digits = joined("", |part| format!("{part:04x}"));
        let reversed: Vec<String> = digits.chars().rev().map(String::from).collect();
        self.add(
            &format!("{}.ip6", reversed.join(".")),
            Disguise::Reversed,
            Edge::Word,
            false,
        );
    }

    /// The zone of DNS in which the names of a network's addresses are, where it ends between two labels.
    fn network(&mut self, network: IpNet) {
        let length = usize::from(network.prefix_len());
        let (labels, bits, zone): (Vec<String>, usize, &str) = match network.network() {
            IpAddr::V4(address) => (address.octets().iter().map(u8::to_string).collect(), 8, "in-addr"),
            IpAddr::V6(address) => (
                format!("{:032x}", u128::from(address))
                    .chars()
                    .map(String::from)
                    .collect(),
                4,
                "ip6",
            ),
        };
        if length == 0 || !length.is_multiple_of(bits) {
            return;
        }
        let reversed: Vec<&str> = labels[..length / bits].iter().rev().map(String::as_str).collect();
        let text = format!("{}.{zone}", reversed.join("."));
        self.add(&text, Disguise::Reversed, Edge::Word, false);
    }

    fn hardware(&mut self, value: &str) {
        let Some(numbers) = hardware(value) else { return };
        let [a, b, c, d, e, f] = numbers;
        let joined = |separator: &str| numbers.map(|number| format!("{number:02x}")).join(separator);
        for separator in [":", "-", " ", ""] {
            self.notation(&joined(separator), Edge::Hexadecimal);
        }
        self.notation(
            &format!("{a:02x}{b:02x}.{c:02x}{d:02x}.{e:02x}{f:02x}"),
            Edge::Hexadecimal,
        );
        self.notation(
            &format!("{a:02x}{b:02x}{c:02x}-{d:02x}{e:02x}{f:02x}"),
            Edge::Hexadecimal,
        );
        // The end of the address of the sixth version that the card gives itself.
        let own = u16::from_be_bytes([a ^ 2, b]);
        let last = u16::from_be_bytes([e, f]);
        self.notation(&format!("{own:x}:{c:x}ff:fe{d:02x}:{last:x}"), Edge::Any);
        self.notation(&format!("{own:x}:{c:02x}ff:fe{d:02x}:{last:04x}"), Edge::Any);
    }

    fn domain(&mut self, value: &str) {
        let labels: Vec<&str> = value.split('.').collect();
        let reversed: Vec<&str> = labels.iter().rev().copied().collect();
        self.add(&reversed.join("."), Disguise::Reversed, Edge::Name, false);
        if value.len() >= 8 {
            self.notation(&labels.join("-"), Edge::Word);
            self.notation(&labels.join("_"), Edge::Word);
        }
    }
}

const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// Returns the digits that a value has in base64 whatever stands before and after it, where `shift` bytes of the group of
/// three stand before.
pub(super) fn base64(value: &[u8], shift: usize) -> String {
    let bit = |at: usize| {
        let byte = value.get(at / 8).copied().unwrap_or_default();
        byte >> (7 - at % 8) & 1
    };
    // The first digit that is made of the value's bits alone.
    let mut at = (6 - shift * 8 % 6) % 6;
    let mut text = String::with_capacity(value.len() * 4 / 3);
    while at + 6 <= value.len() * 8 {
        let digit = (0..6).fold(0, |digit, index| digit << 1 | bit(at + index));
        text.push(char::from(DIGITS[usize::from(digit)]));
        at += 6;
    }
    text
}

#[cfg(test)]
mod tests {
    use super::super::vocabulary::Vocabulary;
    use super::*;

    fn texts(kind: ValueKind, value: &str) -> Vec<String> {
        let mut vocabulary = Vocabulary::default();
        vocabulary.insert(kind, value, "X", "a test", None);
        forms(&vocabulary.terms()[0])
            .into_iter()
            .map(|form| form.text)
            .collect()
    }

    /// Base64 as everybody writes it, to hold ours against.
    fn whole(bytes: &[u8]) -> String {
        bytes
            .chunks(3)
            .flat_map(|chunk| {
                let number = (0..3).fold(0_u32, |number, at| {
                    number << 8 | u32::from(chunk.get(at).copied().unwrap_or(0))
                });
                (0..4).map(move |at| match at > chunk.len() {
                    true => '=',
                    false => char::from(DIGITS[(number >> (18 - 6 * at) & 63) as usize]),
                })
            })
            .collect()
    }

    #[test]
    fn the_digits_of_base64_do_not_depend_on_what_is_around() {
        for value in ["192.168.7.10", "zephyr", "hqd82nfkw", "smith.family"] {
            for (before, after) in [("", ""), ("a", "b"), ("ab", "\n"), ("abc", "xyz"), ("user:", "@")] {
                let text = whole(format!("{before}{value}{after}").as_bytes());
                let part = base64(value.as_bytes(), before.len() % 3);
                assert!(text.contains(&part), "{before}{value}{after}: {part} in {text}");
                assert!(part.len() >= value.len() * 4 / 3 - 2);
            }
        }
        assert_eq!(whole(b"zephyr"), "emVwaHly");
    }

    #[test]
    fn addresses_have_many_notations() {
        let four = texts(ValueKind::Address, "192.168.7.10");
        for form in [
            "192-168-7-10",
            "192.168.007.010",
            "0300.0250.07.012",
            "0xc0.0xa8.0x7.0xa",
            "3232237322",
            "c0a8070a",
            "::ffff:c0a8:70a",
            "10.7.168.192.in-addr",
        ] {
            assert!(four.iter().any(|text| text == form), "{form} in {four:?}");
        }
        let six = texts(ValueKind::Address, "fd12:3456::9");
        for form in [
            "fd12:3456:0000:0000:0000:0000:0000:0009",
            "fd12:3456:0:0:0:0:0:9",
            "fd12-3456--9",
            "9.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.6.5.4.3.2.1.d.f.ip6",
        ] {
            assert!(six.iter().any(|text| text == form), "{form} in {six:?}");
        }
        let card = texts(ValueKind::Hardware, "02:11:22:33:44:55");
        for form in [
            "02-11-22-33-44-55",
            "021122334455",
            "0211.2233.4455",
            "11:22ff:fe33:4455",
        ] {
            assert!(card.iter().any(|text| text == form), "{form} in {card:?}");
        }
        let name = texts(ValueKind::Domain, "nas.smith.family");
        assert!(name.iter().any(|text| text == "family.smith.nas"));
        assert!(
            texts(ValueKind::Secret, "a$b$c-123")
                .iter()
                .any(|text| text == "a$$b$$c-123")
        );
    }

    #[test]
    fn short_values_are_looked_for_as_they_are() {
        assert_eq!(texts(ValueKind::HostName, "zeus"), ["zeus"]);
        assert_eq!(texts(ValueKind::Secret, "4711"), ["4711"]);
    }
}
