//! Amounts as Compose writes them: bytes and lengths of time.

/// Reads an amount of bytes: `64m`, `1.5g`, `1024`, `2GiB`; units are powers of 1024. `-1` is no limit.
pub(super) fn bytes(text: &str) -> Option<i64> {
    let (negative, text) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    let split = text.rfind(|c: char| c.is_ascii_digit() || c == '.')? + 1;
    let (number, unit) = text.split_at(split);
    let unit = unit.strip_prefix(' ').unwrap_or(unit).to_ascii_lowercase();
    let unit = match unit.as_str() {
        "" | "b" => 0,
        unit => {
            let power = "kmgtp".find(unit.chars().next()?)? + 1;
            if !matches!(&unit[1..], "" | "b" | "ib") {
                return None;
            }
            power
        }
    };
    if !number.starts_with(|c: char| c.is_ascii_digit() || c == '.') {
        return None;
    }
    let number: f64 = number.parse().ok()?;
    #[expect(clippy::cast_possible_truncation, reason = "past the bounds it saturates")]
    let amount = (number * 1024f64.powi(i32::try_from(unit).ok()?)) as i64;
    Some(if negative { -amount } else { amount })
}

/// Reads a length of time, in nanoseconds: `1m30s`, `1.5h`, `2d`, `1w`; a bare number is none but `0`.
pub(super) fn duration(text: &str) -> Option<i64> {
    let (negative, rest) = match text.strip_prefix(['-', '+']) {
        Some(rest) => (text.starts_with('-'), rest),
        None => (false, text),
    };
    if rest == "0" {
        return Some(0);
    }
    if rest.is_empty() {
        return None;
    }
    let mut rest = rest;
    let mut total: f64 = 0.0;
    let mut whole: i64 = 0;
    while !rest.is_empty() {
        let length = rest
            .bytes()
            .take_while(|byte| byte.is_ascii_digit() || *byte == b'.')
            .count();
        let (number, after) = rest.split_at(length);
        let unit_length = after
            .bytes()
            .take_while(|byte| !byte.is_ascii_digit() && *byte != b'.')
            .count();
        let (unit, after) = after.split_at(unit_length);
        let scale: i64 = match unit {
            "ns" => 1,
            "us" | "\u{b5}s" | "\u{3bc}s" => 1_000,
            "ms" => 1_000_000,
            "s" => 1_000_000_000,
            "m" => 60_000_000_000,
            "h" => 3_600_000_000_000,
            "d" => 86_400_000_000_000,
            "w" => 604_800_000_000_000,
            _ => return None,
        };
        match number.parse::<i64>() {
            Ok(number) => whole = whole.checked_add(number.checked_mul(scale)?)?,
            #[expect(clippy::cast_precision_loss, reason = "a fraction of a unit")]
            Err(_) => total += number.parse::<f64>().ok()? * scale as f64,
        }
        rest = after;
    }
    #[expect(clippy::cast_possible_truncation, reason = "past the bounds it saturates")]
    let total = whole.checked_add(total.round() as i64)?;
    Some(if negative { -total } else { total })
}

/// Writes a length of time as Go does: `1h0m0s`, `1m30.5s`, `250ms`.
pub(super) fn duration_text(nanoseconds: i64) -> String {
    let size = nanoseconds.unsigned_abs();
    let sign = if nanoseconds < 0 { "-" } else { "" };
    let fraction = |value: u64, unit: u64| {
        let (whole, rest) = (value / unit, value % unit);
        if rest == 0 {
            return whole.to_string();
        }
        let width = unit.ilog10() as usize;
        let digits = format!("{rest:0width$}");
        format!("{whole}.{}", digits.trim_end_matches('0'))
    };
    let text = match size {
        0 => return "0s".to_owned(),
        1..1_000 => format!("{size}ns"),
        1_000..1_000_000 => format!("{}\u{b5}s", fraction(size, 1_000)),
        1_000_000..1_000_000_000 => format!("{}ms", fraction(size, 1_000_000)),
        _ => {
            let minutes = size / 60_000_000_000;
            let seconds = fraction(size % 60_000_000_000, 1_000_000_000);
            match (minutes / 60, minutes % 60) {
                (0, 0) => format!("{seconds}s"),
                (0, minutes) => format!("{minutes}m{seconds}s"),
                (hours, minutes) => format!("{hours}h{minutes}m{seconds}s"),
            }
        }
    };
    format!("{sign}{text}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_with_units() {
        for (text, expected) in [
            ("1024", Some(1024)),
            ("64m", Some(64 << 20)),
            ("1.5g", Some(1_610_612_736)),
            ("2GiB", Some(2 << 30)),
            ("50 MB", Some(50 << 20)),
            ("10b", Some(10)),
            ("-1", Some(-1)),
            ("", None),
            ("x", None),
            ("5x", None),
            ("5mm", None),
        ] {
            assert_eq!(bytes(text), expected, "{text}");
        }
    }

    #[test]
    fn durations_are_read_and_written() {
        for (text, written) in [
            ("90s", Some("1m30s")),
            ("1d2h3m", Some("26h3m0s")),
            ("1m30s5ms", Some("1m30.005s")),
            ("1.5h", Some("1h30m0s")),
            ("250ms", Some("250ms")),
            ("1500us", Some("1.5ms")),
            ("0", Some("0s")),
            ("0s", Some("0s")),
            ("10", None),
            ("", None),
            ("5y", None),
        ] {
            assert_eq!(duration(text).map(duration_text).as_deref(), written, "{text}");
        }
    }
}
