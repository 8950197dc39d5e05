//! Durations as Go reads and writes them, which is how a policy has them: `12h`, `1h30m`, `-1m0s`.

/// Reads a duration in nanoseconds.
///
/// # Errors
/// Go's words, which are the service's.
pub(super) fn parse(text: &str) -> Result<i64, String> {
    let invalid = || format!("time: invalid duration \"{text}\"");
    let (negative, mut rest) = match text.as_bytes().first() {
        Some(b'-') => (true, &text[1..]),
        Some(b'+') => (false, &text[1..]),
        _ => (false, text),
    };
    if rest == "0" {
        return Ok(0);
    }
    if rest.is_empty() {
        return Err(invalid());
    }
    let mut total: f64 = 0.0;
    while !rest.is_empty() {
        let length = rest
            .find(|c: char| !c.is_ascii_digit() && c != '.')
            .unwrap_or(rest.len());
        let amount: f64 = match &rest[..length] {
            digits if digits.bytes().any(|byte| byte.is_ascii_digit()) => {
                digits.parse().map_err(|_| invalid())?
            }
            _ => return Err(invalid()),
        };
        rest = &rest[length..];
        let length = rest
            .find(|c: char| c.is_ascii_digit() || c == '.')
            .unwrap_or(rest.len());
        let unit = match &rest[..length] {
            "" => return Err(format!("time: missing unit in duration \"{text}\"")),
            "ns" => 1.0,
            "us" | "\u{b5}s" | "\u{3bc}s" => 1e3,
            "ms" => 1e6,
            "s" => 1e9,
            "m" => 60e9,
            "h" => 3600e9,
            other => return Err(format!("time: unknown unit \"{other}\" in duration \"{text}\"")),
        };
        rest = &rest[length..];
        total += amount * unit;
    }
    if total > i64::MAX as f64 {
        return Err(invalid());
    }
    let total = total.round() as i64;
    Ok(if negative { -total } else { total })
}

/// Writes a duration as Go does.
pub(super) fn show(nanoseconds: i64) -> String {
    let sign = if nanoseconds < 0 { "-" } else { "" };
    let all = nanoseconds.unsigned_abs();
    if all == 0 {
        return "0s".to_owned();
    }
    let small = |unit: u64, name: &str| format!("{sign}{}{name}", decimal(all, unit));
    match all {
        0..1_000 => small(1, "ns"),
        1_000..1_000_000 => small(1_000, "\u{b5}s"),
        1_000_000..1_000_000_000 => small(1_000_000, "ms"),
        _ => {
            let minutes = all / 60_000_000_000;
            let seconds = decimal(all % 60_000_000_000, 1_000_000_000);
            match (minutes / 60, minutes % 60) {
                (0, 0) => format!("{sign}{seconds}s"),
                (0, minutes) => format!("{sign}{minutes}m{seconds}s"),
                (hours, minutes) => format!("{sign}{hours}h{minutes}m{seconds}s"),
            }
        }
    }
}

/// Writes `all / unit` exactly, without zeros at the end.
fn decimal(all: u64, unit: u64) -> String {
    let width = unit.ilog10() as usize;
    let fraction = format!("{:0width$}", all % unit);
    match fraction.trim_end_matches('0') {
        "" => (all / unit).to_string(),
        digits if width > 0 => format!("{}.{digits}", all / unit),
        _ => (all / unit).to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_is_written_as_go_does() {
        let shown = [
            ("200h", "200h0m0s"),
            ("-1m", "-1m0s"),
            ("168h0m1s", "168h0m1s"),
            ("1.5h", "1h30m0s"),
            ("90s", "1m30s"),
            ("1500ms", "1.5s"),
            ("0", "0s"),
            ("0s", "0s"),
            ("2us", "2µs"),
            ("7ns", "7ns"),
        ];
        for (text, expected) in shown {
            assert_eq!(parse(text).map(show).as_deref(), Ok(expected));
        }
    }

    #[test]
    fn what_is_no_duration_is_refused_in_go_s_words() {
        assert_eq!(parse("abc"), Err("time: invalid duration \"abc\"".to_owned()));
        assert_eq!(
            parse("30"),
            Err("time: missing unit in duration \"30\"".to_owned())
        );
        assert_eq!(
            parse("7d"),
            Err("time: unknown unit \"d\" in duration \"7d\"".to_owned())
        );
        for text in ["", "-", "h", "1.1.1h", "999999999h"] {
            assert!(parse(text).is_err(), "`{text}` is accepted");
        }
    }
}
