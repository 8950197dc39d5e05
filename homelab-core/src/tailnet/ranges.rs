//! Sets of addresses as sorted ranges that do not touch: [`Ranges`], made of any number of [`Range`]s in one sort.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;

/// The addresses from a first to a last one, both included, of one family.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Range {
    /// IPv4.
    V4(u32, u32),
    /// IPv6.
    V6(u128, u128),
}

impl Range {
    /// Returns the range of one address.
    pub(crate) fn of(address: IpAddr) -> Range {
        match address {
            IpAddr::V4(address) => Range::V4(address.to_bits(), address.to_bits()),
            IpAddr::V6(address) => Range::V6(address.to_bits(), address.to_bits()),
        }
    }

    /// Returns the range of a prefix, whatever is written in its host bits.
    pub(crate) fn of_net(net: IpNet) -> Range {
        match net {
            IpNet::V4(net) => Range::V4(net.network().to_bits(), net.broadcast().to_bits()),
            IpNet::V6(net) => Range::V6(net.network().to_bits(), net.broadcast().to_bits()),
        }
    }

    /// Reads an address or a prefix; one whose length is past the family's is neither.
    pub(crate) fn parse(text: &str) -> Option<Range> {
        match text.contains('/') {
            true => text.parse().ok().map(Range::of_net),
            false => text.parse().ok().map(Range::of),
        }
    }

    /// Returns whether it is of one address only.
    pub(crate) fn is_single(self) -> bool {
        match self {
            Range::V4(first, last) => first == last,
            Range::V6(first, last) => first == last,
        }
    }

    /// Returns whether it is every address of its family.
    pub(crate) fn is_whole_family(self) -> bool {
        matches!(self, Range::V4(0, u32::MAX) | Range::V6(0, u128::MAX))
    }

    /// Returns how few addresses it has: of two prefixes of a family the longer one has more.
    pub(crate) fn length(self) -> u32 {
        match self {
            Range::V4(first, last) => (last - first).leading_zeros(),
            Range::V6(first, last) => (last - first).leading_zeros(),
        }
    }

    /// Returns its first address.
    pub(crate) fn first(self) -> IpAddr {
        match self {
            Range::V4(first, _) => Ipv4Addr::from_bits(first).into(),
            Range::V6(first, _) => Ipv6Addr::from_bits(first).into(),
        }
    }

    /// Returns whether it has this address.
    pub(crate) fn contains(self, address: IpAddr) -> bool {
        match (self, address) {
            (Range::V4(first, last), IpAddr::V4(address)) => (first..=last).contains(&address.to_bits()),
            (Range::V6(first, last), IpAddr::V6(address)) => (first..=last).contains(&address.to_bits()),
            _ => false,
        }
    }

    /// Returns whether any address is in both.
    pub(crate) fn overlaps(self, other: Range) -> bool {
        match (self, other) {
            (Range::V4(a, b), Range::V4(c, d)) => a <= d && c <= b,
            (Range::V6(a, b), Range::V6(c, d)) => a <= d && c <= b,
            _ => false,
        }
    }

    /// Returns the addresses that are in both.
    pub(crate) fn meet(self, other: Range) -> Option<Range> {
        match (self, other) {
            (Range::V4(a, b), Range::V4(c, d)) if a <= d && c <= b => Some(Range::V4(a.max(c), b.min(d))),
            (Range::V6(a, b), Range::V6(c, d)) if a <= d && c <= b => Some(Range::V6(a.max(c), b.min(d))),
            _ => None,
        }
    }

    /// Returns the pieces of it that come of cutting it wherever one of these begins or ends.
    pub(crate) fn cut<'a>(self, others: impl IntoIterator<Item = &'a Range>) -> Vec<Range> {
        let mut pieces = vec![self];
        for other in others {
            let mut next = Vec::with_capacity(pieces.len());
            for piece in pieces {
                let Some(inside) = piece.meet(*other) else {
                    next.push(piece);
                    continue;
                };
                let whole: Ranges = [piece].into_iter().collect();
                next.push(inside);
                next.extend(whole.without(&[inside].into_iter().collect()).iter());
            }
            pieces = next;
        }
        pieces
    }

    /// Returns whether every address of the other is in it.
    pub(crate) fn covers(self, other: Range) -> bool {
        match (self, other) {
            (Range::V4(a, b), Range::V4(c, d)) => a <= c && d <= b,
            (Range::V6(a, b), Range::V6(c, d)) => a <= c && d <= b,
            _ => false,
        }
    }

    /// Returns the fewest prefixes that make it up, in order.
    pub(crate) fn prefixes(self) -> Vec<Prefix> {
        let (mut first, last, bits) = match self {
            Range::V4(first, last) => (u128::from(first), u128::from(last), 32u32),
            Range::V6(first, last) => (first, last, 128),
        };
        let address = |value: u128| match self {
            Range::V4(..) => IpAddr::V4(Ipv4Addr::from_bits(value as u32)),
            Range::V6(..) => IpAddr::V6(Ipv6Addr::from_bits(value)),
        };
        let mut prefixes = Vec::new();
        loop {
            // The largest block that begins here and does not go past the end.
            let aligned = first.trailing_zeros().min(bits);
            let rest = last - first;
            let fits = match rest.checked_add(1) {
                Some(count) => 127 - count.leading_zeros(),
                None => 128,
            };
            let size = aligned.min(fits);
            prefixes.push(Prefix(address(first), (bits - size) as u8));
            let step = match size {
                128 => return prefixes,
                size => 1u128 << size,
            };
            match first.checked_add(step) {
                Some(next) if next <= last => first = next,
                _ => return prefixes,
            }
        }
    }
}

/// As the service writes it: `100.64.0.1`, `10.0.0.0/8`, or `100.64.0.1-100.64.0.3`.
impl fmt::Display for Range {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_single() {
            return write!(f, "{}", self.first());
        }
        let last: IpAddr = match *self {
            Range::V4(_, last) => Ipv4Addr::from_bits(last).into(),
            Range::V6(_, last) => Ipv6Addr::from_bits(last).into(),
        };
        match self.prefixes().as_slice() {
            [prefix] => write!(f, "{prefix}"),
            _ => write!(f, "{}-{last}", self.first()),
        }
    }
}

/// An address and how many of its bits count; displays as `10.0.0.0/8`, single addresses too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Prefix(IpAddr, u8);

impl fmt::Display for Prefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.0, self.1)
    }
}

/// A set of addresses of both families.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Ranges {
    v4: Vec<(u32, u32)>,
    v6: Vec<(u128, u128)>,
}

impl Ranges {
    /// Returns whether it has no address.
    pub(crate) fn is_empty(&self) -> bool {
        self.v4.is_empty() && self.v6.is_empty()
    }

    /// Returns whether it has this address.
    pub(crate) fn contains(&self, address: IpAddr) -> bool {
        match address {
            IpAddr::V4(address) => has(&self.v4, address.to_bits()),
            IpAddr::V6(address) => has(&self.v6, address.to_bits()),
        }
    }

    /// Returns whether any address of the range is in it.
    pub(crate) fn overlaps(&self, range: Range) -> bool {
        match range {
            Range::V4(first, last) => meets(&self.v4, first, last),
            Range::V6(first, last) => meets(&self.v6, first, last),
        }
    }

    /// Returns its ranges in order, IPv4 first.
    pub(crate) fn iter(&self) -> impl Iterator<Item = Range> + '_ {
        let v4 = self.v4.iter().map(|&(first, last)| Range::V4(first, last));
        v4.chain(self.v6.iter().map(|&(first, last)| Range::V6(first, last)))
    }

    /// Returns what is in this set and not in the other.
    pub(crate) fn without(&self, other: &Ranges) -> Ranges {
        Ranges {
            v4: subtract(
                &self.v4,
                &other.v4,
                |value| value.checked_sub(1),
                |value| value.checked_add(1),
            ),
            v6: subtract(
                &self.v6,
                &other.v6,
                |value| value.checked_sub(1),
                |value| value.checked_add(1),
            ),
        }
    }
}

impl FromIterator<Range> for Ranges {
    fn from_iter<I: IntoIterator<Item = Range>>(ranges: I) -> Self {
        let mut all = Ranges::default();
        for range in ranges {
            match range {
                Range::V4(first, last) => all.v4.push((first, last)),
                Range::V6(first, last) => all.v6.push((first, last)),
            }
        }
        all.v4 = merge(all.v4, |value| value.checked_add(1));
        all.v6 = merge(all.v6, |value| value.checked_add(1));
        all
    }
}

/// Sorts, and joins what overlaps or touches.
fn merge<T: Copy + Ord>(mut ranges: Vec<(T, T)>, next: impl Fn(T) -> Option<T>) -> Vec<(T, T)> {
    ranges.sort_unstable();
    let mut merged: Vec<(T, T)> = Vec::with_capacity(ranges.len());
    for (first, last) in ranges {
        match merged.last_mut() {
            Some(before) if next(before.1).is_none_or(|after| first <= after) => {
                before.1 = before.1.max(last)
            }
            _ => merged.push((first, last)),
        }
    }
    merged.shrink_to_fit();
    merged
}

fn has<T: Copy + Ord>(ranges: &[(T, T)], value: T) -> bool {
    meets(ranges, value, value)
}

fn meets<T: Copy + Ord>(ranges: &[(T, T)], first: T, last: T) -> bool {
    let at = ranges.partition_point(|range| range.1 < first);
    ranges.get(at).is_some_and(|range| range.0 <= last)
}

fn subtract<T: Copy + Ord>(
    from: &[(T, T)],
    minus: &[(T, T)],
    before: impl Fn(T) -> Option<T>,
    after: impl Fn(T) -> Option<T>,
) -> Vec<(T, T)> {
    let mut left = Vec::new();
    for &(first, last) in from {
        let mut rest = Some(first);
        for &(cut, end) in &minus[minus.partition_point(|range| range.1 < first)..] {
            let Some(start) = rest else { break };
            if cut > last {
                break;
            }
            if let Some(until) = before(cut).filter(|&until| cut > start && until >= start) {
                left.push((start, until));
            }
            rest = after(end).map(|next| next.max(start));
        }
        if let Some(start) = rest.filter(|&start| start <= last) {
            left.push((start, last));
        }
    }
    left
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn set(texts: &[&str]) -> Ranges {
        texts
            .iter()
            .map(|text| Range::parse(text).expect("a range"))
            .collect()
    }

    fn shown(ranges: &Ranges) -> Vec<String> {
        ranges.iter().map(|range| range.to_string()).collect()
    }

    #[test]
    fn a_set_joins_what_touches_and_keeps_the_families_apart() {
        let all = set(&[
            "10.0.0.2",
            "10.0.0.1",
            "::1",
            "10.0.0.3",
            "0.0.0.1",
            "10.0.0.0/30",
        ]);
        assert_eq!(shown(&all), ["0.0.0.1", "10.0.0.0/30", "::1"]);
        assert_eq!(shown(&set(&["::/0", "0.0.0.0/0"])), ["0.0.0.0/0", "::/0"]);
        assert!(!set(&["::/0"]).contains("10.0.0.1".parse().expect("an address")));
    }

    #[test]
    fn what_is_no_prefix_is_written_from_first_to_last() {
        let all = set(&["100.64.0.0/10"]).without(&set(&["100.115.92.0/23"]));
        assert_eq!(
            shown(&all),
            ["100.64.0.0-100.115.91.255", "100.115.94.0-100.127.255.255"]
        );
        let prefixes: Vec<String> = Range::V4(1, 6).prefixes().iter().map(Prefix::to_string).collect();
        assert_eq!(prefixes, ["0.0.0.1/32", "0.0.0.2/31", "0.0.0.4/31", "0.0.0.6/32"]);
        assert_eq!(Range::V6(0, u128::MAX).prefixes().len(), 1);
    }

    proptest! {
        #[test]
        fn subtraction_and_membership_agree(
            from in prop::collection::vec((0u32..64, 0u32..16), 0..6),
            minus in prop::collection::vec((0u32..64, 0u32..16), 0..6),
        ) {
            let make = |pairs: &[(u32, u32)]| -> Ranges {
                pairs.iter().map(|&(first, more)| Range::V4(first, first + more)).collect()
            };
            let left = make(&from).without(&make(&minus));
            for value in 0..96u32 {
                let inside = |pairs: &[(u32, u32)]| pairs.iter().any(|&(first, more)| (first..=first + more).contains(&value));
                prop_assert_eq!(left.contains(Ipv4Addr::from_bits(value).into()), inside(&from) && !inside(&minus));
            }
        }

        #[test]
        fn prefixes_make_up_their_range(first in 0u32..5000, more in 0u32..5000) {
            let range = Range::V4(first, first + more);
            let again: Ranges = range.prefixes().iter().map(|prefix| Range::parse(&prefix.to_string()).expect("a prefix")).collect();
            prop_assert_eq!(again.iter().collect::<Vec<_>>(), vec![range]);
        }
    }
}
