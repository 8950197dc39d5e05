//! The forms in which a value may stand in a file, written by other means than those that look for them.

use std::fmt::Write as _;
use std::net::{Ipv4Addr, Ipv6Addr};

use super::{Dice, Kind, Planted};

/// Returns a value in every disguise that somebody could give it, each with its name.
pub fn disguises(planted: &Planted, dice: &mut Dice) -> Vec<(&'static str, String)> {
    let value = planted.value.as_str();
    let mut all = vec![("plain", value.to_owned())];
    let is_secret = matches!(planted.kind, Kind::Password | Kind::Token);
    if !is_secret {
        all.push(("other case", value.chars().map(swapped).collect()));
    }
    all.push(("percent, every byte", each(value, |byte| format!("%{byte:02X}"))));
    all.push(("percent, twice", each(value, |byte| format!("%25{byte:02x}"))));
    let is_mark = |c: char| !c.is_ascii_alphanumeric();
    if value.contains(is_mark) {
        all.push(("percent, marks", some(value, |c| format!("%{:02x}", c as u32))));
        all.push(("backslash", some(value, |c| format!("\\{c}"))));
    }
    all.push(("JSON", each(value, |byte| format!("\\u{byte:04x}"))));
    all.push(("YAML", each(value, |byte| format!("\\x{byte:02x}"))));
    all.push(("octal", each(value, |byte| format!("\\{byte:03o}"))));
    all.push(("HTML", each(value, |byte| format!("&#{byte};"))));
    all.push(("HTML, hexadecimal", each(value, |byte| format!("&#x{byte:x};"))));
    all.push(("hexadecimal", each(value, |byte| format!("{byte:02x}"))));
    all.push(("HEXADECIMAL", each(value, |byte| format!("{byte:02X}"))));
    for (name, before) in [
        ("base64", ""),
        ("base64, 1 before", "u"),
        ("base64, 2 before", "me"),
    ] {
        let after = dice.letters(b"abcdefgh", before.len());
        all.push((name, base64(&format!("{before}{value}{after}"))));
    }
    // What goes on in the next line begins there with what is no blank: those are taken off.
    let is_break = |at: &usize| value.is_char_boundary(*at) && !value[*at..].starts_with(' ');
    let middle = (1..value.len() / 2 + 1).rev().find(is_break);
    if let Some(middle) = middle {
        all.push((
            "split over lines",
            format!("{}\\\n    {}", &value[..middle], &value[middle..]),
        ));
    }
    match planted.kind {
        Kind::Address => notations(value, &mut all),
        Kind::AddressV6 => notations_v6(value, &mut all),
        Kind::Card => {
            let digits = value.replace(':', "");
            all.push(("dashes", value.replace(':', "-")));
            all.push((
                "dotted",
                format!("{}.{}.{}", &digits[..4], &digits[4..8], &digits[8..]),
            ));
            all.push(("bare", digits));
        }
        Kind::Domain | Kind::Tailnet => {
            let reversed: Vec<&str> = value.split('.').rev().collect();
            all.push(("reversed", reversed.join(".")));
            all.push(("below it", format!("www.{value}:8443/x")));
        }
        Kind::Password => {
            all.push(("in a URL", format!("postgres://app:{value}@db:5432/app")));
            all.push((
                "Basic",
                format!("Authorization: Basic {}", base64(&format!("me:{value}"))),
            ));
        }
        _ => {}
    }
    all
}

fn swapped(c: char) -> char {
    match c.is_ascii_lowercase() {
        true => c.to_ascii_uppercase(),
        false => c.to_ascii_lowercase(),
    }
}

fn each(value: &str, form: impl Fn(u8) -> String) -> String {
    value.bytes().map(form).collect()
}

/// Only what is neither letter nor digit.
fn some(value: &str, form: impl Fn(char) -> String) -> String {
    let one = |c: char| match c.is_ascii_alphanumeric() {
        true => c.to_string(),
        false => form(c),
    };
    value.chars().map(one).collect()
}

fn notations(value: &str, all: &mut Vec<(&'static str, String)>) {
    let Ok(address) = value.parse::<Ipv4Addr>() else {
        return;
    };
    let [a, b, c, d] = address.octets();
    let number = u32::from(address);
    all.push(("with a port", format!("http://{value}:8080/")));
    all.push(("in-addr.arpa", format!("{d}.{c}.{b}.{a}.in-addr.arpa")));
    all.push(("decimal", number.to_string()));
    all.push(("hexadecimal number", format!("0x{number:08x}")));
    all.push(("octal numbers", format!("0{a:o}.0{b:o}.0{c:o}.0{d:o}")));
    all.push(("padded", format!("{a:03}.{b:03}.{c:03}.{d:03}")));
    all.push(("dashes", format!("ip-{a}-{b}-{c}-{d}")));
    all.push(("mapped", format!("::ffff:{value}")));
}

fn notations_v6(value: &str, all: &mut Vec<(&'static str, String)>) {
    let Ok(address) = value.parse::<Ipv6Addr>() else {
        return;
    };
    let whole = address.segments().map(|part| format!("{part:04x}"));
    let short = address.segments().map(|part| format!("{part:x}"));
    all.push(("with a port", format!("http://[{value}]:8080/")));
    all.push(("whole", whole.join(":")));
    all.push(("half shortened", short.join(":")));
    let mut reversed = String::new();
    for digit in whole.concat().chars().rev() {
        let _ = write!(reversed, "{digit}.");
    }
    all.push(("ip6.arpa", format!("{reversed}ip6.arpa")));
}

/// Base64 with padding (RFC 4648), a group of three bytes at a time.
fn base64(text: &str) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::new();
    for group in text.as_bytes().chunks(3) {
        let number = group
            .iter()
            .fold(0_usize, |number, byte| number << 8 | usize::from(*byte))
            << (8 * (3 - group.len()));
        for at in 0..4 {
            out.push(match at > group.len() {
                true => '=',
                false => char::from(DIGITS[number >> (18 - 6 * at) & 63]),
            });
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_forms_are_those_of_their_makers() {
        assert_eq!(base64("Man"), "TWFu");
        assert_eq!(base64("Ma"), "TWE=");
        assert_eq!(base64("M"), "TQ==");
        let planted = Planted {
            kind: Kind::Address,
            value: "192.168.7.10".to_owned(),
        };
        let all = disguises(&planted, &mut Dice::new(1));
        for form in [
            "3232237322",
            "10.7.168.192.in-addr.arpa",
            "192%2e168%2e7%2e10",
            "0300.0250.07.012",
        ] {
            assert!(all.iter().any(|(_, text)| text == form), "{form}");
        }
    }
}
