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
        } else if let Some(value) = float(text) {
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
fn is_timestamp(text: &str) -> bool {
    let bytes = text.as_bytes();
    let digits = |from: usize, to: usize| {
        bytes
            .get(from..to)
            .is_some_and(|part| part.iter().all(u8::is_ascii_digit))
    };
    if bytes.len() < 8 || !digits(0, 4) || bytes[4] != b'-' {
        return false;
    }
    let mut parts = text[5..].splitn(2, '-');
    let (Some(month), Some(rest)) = (parts.next(), parts.next()) else {
        return false;
    };
    let day_length = rest.bytes().take_while(u8::is_ascii_digit).count();
    let number = |text: &str| text.parse::<u8>().ok().filter(|_| matches!(text.len(), 1 | 2));
    let (Some(month), Some(day)) = (number(month), number(&rest[..day_length])) else {
        return false;
    };
    if !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return false;
    }
    let rest = &rest[day_length..];
    // A date alone is written with two digits each.
    if rest.is_empty() {
        return bytes.len() == 10;
    }
    let time = rest.trim_start_matches(['T', 't', ' ', '\t']);
    time.len() < rest.len()
        && time.bytes().filter(|&byte| byte == b':').count() >= 2
        && time.starts_with(|c: char| c.is_ascii_digit())
}
