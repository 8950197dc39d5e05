//! Sets of addresses as captures write them, brought to one form. It shares nothing with the library's own.

use std::fmt;
use std::net::IpAddr;

/// Addresses, prefixes, `first-last` and `*`, joined where they touch.
pub(super) struct Addresses(Vec<(u8, u128, u128)>);

impl Addresses {
    pub(super) fn of<'a>(texts: impl Iterator<Item = &'a String>) -> Self {
        let mut all: Vec<(u8, u128, u128)> = texts.flat_map(|text| range(text)).collect();
        all.sort_unstable();
        let mut joined: Vec<(u8, u128, u128)> = Vec::new();
        for (family, first, last) in all {
            match joined.last_mut() {
                Some(before)
                    if before.0 == family && before.2.checked_add(1).is_none_or(|next| first <= next) =>
                {
                    before.2 = before.2.max(last);
                }
                _ => joined.push((family, first, last)),
            }
        }
        Addresses(joined)
    }
}

fn range(text: &str) -> Vec<(u8, u128, u128)> {
    if text == "*" {
        return vec![(4, 0, u128::from(u32::MAX)), (6, 0, u128::MAX)];
    }
    let number = |text: &str| match text
        .parse::<IpAddr>()
        .unwrap_or_else(|_| panic!("`{text}` is no address"))
    {
        IpAddr::V4(address) => (4, u128::from(address.to_bits()), 32),
        IpAddr::V6(address) => (6, address.to_bits(), 128),
    };
    if let Some((first, last)) = text.split_once('-') {
        return vec![(number(first).0, number(first).1, number(last).1)];
    }
    let (address, length) = text.split_once('/').unwrap_or((text, ""));
    let (family, first, bits) = number(address);
    let length: u32 = if length.is_empty() {
        bits
    } else {
        length.parse().unwrap_or(bits)
    };
    let size = (bits - length).min(127);
    let more = if bits - length == 128 {
        u128::MAX
    } else {
        (1u128 << size) - 1
    };
    vec![(family, first & !more, first | more)]
}

impl fmt::Display for Addresses {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list()
            .entries(
                self.0
                    .iter()
                    .map(|(family, first, last)| format!("{family}:{first:x}-{last:x}")),
            )
            .finish()
    }
}
