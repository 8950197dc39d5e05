//! What a plain scalar is, as compose-go's reader sees it.

use std::borrow::Cow;

use crate::compose::node::Value;

/// Returns the value of a plain scalar without a tag.
pub(super) fn plain(text: &str) -> Value {
    if begins_a_word(text) {
        return Value::Text(text.into());
    }
    tagged(text, false)
}

/// Returns whether a plain scalar is a text.
pub(super) fn is_text(text: &str) -> bool {
    begins_a_word(text) || matches!(tagged(text, false), Value::Text(_))
}

/// Returns whether a text begins as no number, date and none of the words for nothing, true and false does.
fn begins_a_word(text: &str) -> bool {
    text.bytes().next().is_some_and(|first| {
        (first.is_ascii_alphabetic() && !matches!(first, b'n' | b'N' | b't' | b'T' | b'f' | b'F'))
            || matches!(first, b'_' | b'/' | b'$')
    })
}

/// Returns the value of a plain scalar; `forced` where a tag asks for something else than a text.
pub(super) fn tagged(text: &str, forced: bool) -> Value {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Value::Null,
        "true" | "True" | "TRUE" => return Value::Bool(true),
        "false" | "False" | "FALSE" => return Value::Bool(false),
        ".nan" | ".NaN" | ".NAN" => return Value::Float(f64::NAN),
        ".inf" | ".Inf" | ".INF" | "+.inf" | "+.Inf" | "+.INF" => return Value::Float(f64::INFINITY),
        "-.inf" | "-.Inf" | "-.INF" => return Value::Float(f64::NEG_INFINITY),
        _ => {}
    }
    let first = text.as_bytes()[0];
    if forced || first.is_ascii_digit() || matches!(first, b'+' | b'-' | b'.') {
        if first != b'.' {
            if is_timestamp(text) {
                return Value::Time(text.into());
            }
            let digits: Cow<'_, str> = if text.contains('_') {
                text.replace('_', "").into()
            } else {
                text.into()
            };
            if let Some(value) = integer(&digits) {
                return value;
            }
            if let Some(value) = float(&digits) {
                return Value::Float(value);
            }
            if let Some(value) = signed(&digits) {
                return value;
            }
        } else if are_underscores_between_digits(text)
            && let Some(value) = float(&text.replace('_', ""))
        {
            return Value::Float(value);
        }
    }
    Value::Text(text.into())
}

/// An integer in Go's notation with base 0: `0x`, `0o`, `0b`, and octal after a leading zero.
fn integer(text: &str) -> Option<Value> {
    let (negative, digits) = match text.as_bytes().first()? {
        b'-' => (true, &text[1..]),
        b'+' => (false, &text[1..]),
        _ => (false, text),
    };
    let (base, digits) = match digits.get(..2) {
        Some("0x" | "0X") => (16, &digits[2..]),
        Some("0o" | "0O") => (8, &digits[2..]),
        Some("0b" | "0B") => (2, &digits[2..]),
        Some(two) if two.starts_with('0') => (8, &digits[1..]),
        _ => (10, digits),
    };
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        return None;
    }
    let size = u64::from_str_radix(digits, base).ok()?;
    if negative {
        return 0i64.checked_sub_unsigned(size).map(Value::Int);
    }
    Some(i64::try_from(size).map_or(Value::Uint(size), Value::Int))
}

/// A sign behind the base: the Go reader takes `0b` or `0o` away, and reads the rest as a number of its own.
fn signed(text: &str) -> Option<Value> {
    let (base, digits) = match text.get(..2)? {
        "0b" => (2, &text[2..]),
        "0o" => (8, &text[2..]),
        _ => return None,
    };
    i64::from_str_radix(digits, base).ok().map(Value::Int)
}

/// Behind a leading point Go wants each `_` between two digits.
fn are_underscores_between_digits(text: &str) -> bool {
    let bytes = text.as_bytes();
    let is_digit = |at: usize| bytes.get(at).is_some_and(u8::is_ascii_digit);
    (0..bytes.len()).all(|at| bytes[at] != b'_' || (at > 0 && is_digit(at - 1) && is_digit(at + 1)))
}

/// A decimal number as YAML writes one: `[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?`.
pub(super) fn float(text: &str) -> Option<f64> {
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    let (mantissa, exponent) = match unsigned.find(['e', 'E']) {
        Some(at) => (&unsigned[..at], Some(&unsigned[at + 1..])),
        None => (unsigned, None),
    };
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let mantissa_right = match mantissa.split_once('.') {
        Some(("", fraction)) => digits(fraction),
        Some((whole, fraction)) => digits(whole) && (fraction.is_empty() || digits(fraction)),
        None => digits(mantissa),
    };
    let exponent_right =
        exponent.is_none_or(|exponent| digits(exponent.strip_prefix(['-', '+']).unwrap_or(exponent)));
    if !(mantissa_right && exponent_right) {
        return None;
    }
    text.parse().ok().filter(|value: &f64| value.is_finite())
}

/// A date, or a date and time: what the Go reader takes for a timestamp.
///
/// Its layouts are `2006-1-2T15:4:5.999999999Z07:00`, the same with `t`, `2006-1-2 15:4:5.999999999` and `2006-1-2`;
/// Go's `time.Parse` takes one digit or two for everything but the year, and asks for a day that exists.
fn is_timestamp(text: &str) -> bool {
    is_time(text).is_some()
}

fn is_time(text: &str) -> Option<()> {
    let text = text.as_bytes();
    let year = text.get(..4).filter(|year| year.iter().all(u8::is_ascii_digit))?;
    let year = year
        .iter()
        .fold(0, |year, &digit| year * 10 + u16::from(digit - b'0'));
    let rest = text[4..].strip_prefix(b"-")?;
    let (month, rest) = number(rest)?;
    let (day, rest) = number(rest.strip_prefix(b"-")?)?;
    if !(1..=days(year, month)?).contains(&day) {
        return None;
    }
    let (time, is_zoned) = match rest {
        [] => return Some(()),
        [b'T' | b't', time @ ..] => (time, true),
        [b' ', time @ ..] => {
            let blanks = time.iter().take_while(|&&byte| byte == b' ').count();
            (&time[blanks..], false)
        }
        _ => return None,
    };
    let (hour, rest) = number(time)?;
    let (minute, rest) = number(rest.strip_prefix(b":")?)?;
    let (second, rest) = number(rest.strip_prefix(b":")?)?;
    if hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let rest = match rest {
        [b'.' | b',', fraction @ ..] if fraction.first().is_some_and(u8::is_ascii_digit) => {
            let digits = fraction.iter().take_while(|byte| byte.is_ascii_digit()).count();
            &fraction[digits..]
        }
        _ => rest,
    };
    let is_right = match rest {
        [] => !is_zoned,
        [b'Z'] => is_zoned,
        // Go lets an offset be 24 hours and 60 minutes.
        [b'+' | b'-', hours @ .., b':', tens, ones] if is_zoned && hours.len() == 2 => {
            matches!(number(hours), Some((0..=24, [])))
                && matches!(number(&[*tens, *ones]), Some((0..=60, [])))
        }
        _ => false,
    };
    is_right.then_some(())
}

/// Takes one digit or two.
fn number(text: &[u8]) -> Option<(u8, &[u8])> {
    let digit = |at: usize| {
        text.get(at)
            .filter(|byte| byte.is_ascii_digit())
            .map(|byte| byte - b'0')
    };
    let first = digit(0)?;
    Some(match digit(1) {
        Some(second) => (first * 10 + second, &text[2..]),
        None => (first, &text[1..]),
    })
}

/// How many days a month has.
fn days(year: u16, month: u8) -> Option<u8> {
    match month {
        4 | 6 | 9 | 11 => Some(30),
        2 if year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400)) => Some(29),
        2 => Some(28),
        1..=12 => Some(31),
        _ => None,
    }
}
