//! A text as those read it who take off its outer form: URLs, escapes of JSON, YAML and shells, references of HTML, lines
//! that go on in the next.

/// A text with some forms taken off, and where in the original each byte came from.
pub(super) struct Decoded {
    pub(super) bytes: Vec<u8>,
    /// The original's offset of each byte, and of the end.
    from: Vec<u32>,
}

impl Decoded {
    /// Returns the stretch of the original that a stretch of this was made of.
    pub(super) fn original(&self, start: usize, end: usize) -> std::ops::Range<usize> {
        let from = self.from.get(start).copied().unwrap_or_default() as usize;
        // What the next byte was made of does not belong to it, but what the last one was made of does: `\x30`.
        let to = self.from.get(end).copied().unwrap_or_default() as usize;
        from..to.max(from)
    }
}

/// How often forms are taken off one after the other: `%252e`, JSON within JSON.
const ROUNDS: usize = 3;

/// Returns the text with its forms taken off, once for each round that changed something.
pub(super) fn decoded(text: &str) -> Vec<Decoded> {
    let mut rounds: Vec<Decoded> = Vec::new();
    for _ in 0..ROUNDS {
        let next = match rounds.last() {
            None => round(text.as_bytes(), None),
            Some(last) => round(&last.bytes, Some(&last.from)),
        };
        match next {
            Some(next) => rounds.push(next),
            None => break,
        }
    }
    rounds
}

/// Takes one layer off; nothing when there is none.
fn round(bytes: &[u8], map: Option<&[u32]>) -> Option<Decoded> {
    let broken = breaks_in_runs(bytes);
    if broken.is_empty() && memchr::memchr3(b'%', b'\\', b'&', bytes).is_none() {
        return None;
    }
    let mut out = Decoded {
        bytes: Vec::with_capacity(bytes.len()),
        from: Vec::with_capacity(bytes.len() + 1),
    };
    let place = |at: usize| match map {
        Some(map) => map.get(at).copied().unwrap_or(u32::MAX),
        None => u32::try_from(at).unwrap_or(u32::MAX),
    };
    let (mut at, mut changed) = (0, false);
    let mut broken = broken.into_iter().peekable();
    while let Some(&byte) = bytes.get(at) {
        if let Some((_, end)) = broken.next_if(|(start, _)| *start == at) {
            (at, changed) = (end, true);
            continue;
        }
        let taken = match byte {
            b'%' => percent(&bytes[at..]),
            b'\\' => escape(&bytes[at..]),
            b'&' => reference(&bytes[at..]),
            _ => None,
        };
        match taken {
            Some((length, character)) => {
                changed = true;
                let mut buffer = [0; 4];
                let made: &[u8] = match &character {
                    Made::Nothing => &[],
                    Made::Byte(byte) => std::slice::from_ref(byte),
                    Made::Char(character) => character.encode_utf8(&mut buffer).as_bytes(),
                };
                out.bytes.extend_from_slice(made);
                out.from.extend(made.iter().map(|_| place(at)));
                at += length;
            }
            None => {
                out.bytes.push(byte);
                out.from.push(place(at));
                at += 1;
            }
        }
    }
    out.from.push(place(bytes.len()));
    changed.then_some(out)
}

/// What a form stands for.
enum Made {
    Nothing,
    Byte(u8),
    Char(char),
}

fn number(bytes: &[u8], radix: u32) -> Option<u32> {
    u32::from_str_radix(std::str::from_utf8(bytes).ok()?, radix).ok()
}

fn hexadecimal(bytes: &[u8], length: usize) -> Option<u32> {
    let digits = bytes.get(..length)?;
    digits
        .iter()
        .all(u8::is_ascii_hexdigit)
        .then(|| number(digits, 16))?
}

fn percent(bytes: &[u8]) -> Option<(usize, Made)> {
    let byte = hexadecimal(bytes.get(1..)?, 2)?;
    Some((3, Made::Byte(u8::try_from(byte).ok()?)))
}

fn escape(bytes: &[u8]) -> Option<(usize, Made)> {
    let char_of = |code: u32| Made::Char(char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER));
    let rest = bytes.get(1..)?;
    Some(match *rest.first()? {
        b'\r' | b'\n' => {
            let breaks = rest
                .iter()
                .take_while(|byte| matches!(byte, b'\r' | b'\n'))
                .count()
                .min(2);
            let line = &rest[breaks..];
            let blanks = line
                .iter()
                .take_while(|byte| matches!(byte, b' ' | b'\t'))
                .count();
            (1 + breaks + blanks, Made::Nothing)
        }
        b'x' => (4, Made::Byte(u8::try_from(hexadecimal(&rest[1..], 2)?).ok()?)),
        b'u' if rest.get(1) == Some(&b'{') => {
            let digits = rest[2..]
                .iter()
                .take(7)
                .take_while(|byte| byte.is_ascii_hexdigit())
                .count();
            (rest.get(2 + digits) == Some(&b'}')).then_some(())?;
            (4 + digits, char_of(hexadecimal(&rest[2..], digits)?))
        }
        b'u' => (6, char_of(hexadecimal(&rest[1..], 4)?)),
        b'U' => (10, char_of(hexadecimal(&rest[1..], 8)?)),
        b'0'..=b'7' => {
            let digits = rest
                .iter()
                .take(4)
                .take_while(|byte| (b'0'..=b'7').contains(byte))
                .count();
            // `\056`, and `\0056` as echo writes it.
            let digits = if rest[0] == b'0' { digits } else { digits.min(3) };
            (digits >= 3).then_some(())?;
            (
                1 + digits,
                Made::Byte(u8::try_from(number(&rest[..digits], 8)? & 0xff).ok()?),
            )
        }
        b'n' => (2, Made::Byte(b'\n')),
        b't' => (2, Made::Byte(b'\t')),
        b'r' => (2, Made::Byte(b'\r')),
        byte if byte.is_ascii_punctuation() || byte == b' ' => (2, Made::Byte(byte)),
        _ => return None,
    })
}

fn reference(bytes: &[u8]) -> Option<(usize, Made)> {
    let end = bytes.iter().take(12).position(|byte| *byte == b';')?;
    let name = &bytes[1..end];
    let code = match name {
        [b'#', b'x' | b'X', digits @ ..] => number(digits, 16)?,
        [b'#', digits @ ..] => number(digits, 10)?,
        b"amp" => u32::from(b'&'),
        b"lt" => u32::from(b'<'),
        b"gt" => u32::from(b'>'),
        b"quot" => u32::from(b'"'),
        b"apos" => u32::from(b'\''),
        b"period" => u32::from(b'.'),
        b"colon" => u32::from(b':'),
        b"commat" => u32::from(b'@'),
        _ => return None,
    };
    Some((end + 1, Made::Char(char::from_u32(code)?)))
}

/// From this length a line of base64 or hexadecimal is one that was broken because it became too long.
const LONG_LINE: usize = 48;

/// Returns the line breaks, with the blanks after them, inside of what was written over several lines as base64.
fn breaks_in_runs(bytes: &[u8]) -> Vec<(usize, usize)> {
    let is_digit = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'-' | b'_');
    let mut breaks = Vec::new();
    for at in memchr::memchr_iter(b'\n', bytes) {
        let line_end = at - usize::from(at > 0 && bytes[at - 1] == b'\r');
        let run = bytes[..line_end]
            .iter()
            .rev()
            .take(LONG_LINE)
            .take_while(|byte| is_digit(byte))
            .count();
        if run < LONG_LINE {
            continue;
        }
        let blanks = bytes[at + 1..]
            .iter()
            .take_while(|byte| matches!(byte, b' ' | b'\t'))
            .count();
        let next = at + 1 + blanks;
        if bytes.get(next).is_some_and(is_digit) {
            breaks.push((line_end, next));
        }
    }
    breaks
}

#[cfg(test)]
mod tests {
    use super::*;

    fn last(text: &str) -> String {
        let rounds = decoded(text);
        rounds.last().map_or_else(
            || text.to_owned(),
            |last| String::from_utf8_lossy(&last.bytes).into_owned(),
        )
    }

    #[test]
    fn forms_are_taken_off() {
        for (text, expected) in [
            ("nas%2Elan", "nas.lan"),
            ("nas%252elan", "nas.lan"),
            (r"nas\x2elan", "nas.lan"),
            (r"nas\u002elan", "nas.lan"),
            (r"nas\u{2e}lan", "nas.lan"),
            (r"nas\U0000002elan", "nas.lan"),
            (r"nas\056lan", "nas.lan"),
            (r"nas\.lan", "nas.lan"),
            (r"nas\\u002elan", "nas.lan"),
            ("nas&#46;lan", "nas.lan"),
            ("nas&#x2e;lan", "nas.lan"),
            ("a&amp;b", "a&b"),
            ("nas\\\n   .lan", "nas.lan"),
            ("nas\\\r\n.lan", "nas.lan"),
            (r"\/mnt\/tank", "/mnt/tank"),
            ("100 %, \\", "100 %, \\"),
            ("%zz \\q &no;", "%zz \\q &no;"),
            (r"caf\u00e9", "café"),
        ] {
            assert_eq!(last(text), expected, "{text}");
        }
    }

    #[test]
    fn a_stretch_leads_back_to_what_it_was_made_of() {
        let text = "x nas%2Elan y";
        let rounds = decoded(text);
        let at = 2;
        assert_eq!(&text[rounds[0].original(at, at + 7)], "nas%2Elan");
    }

    #[test]
    fn lines_of_base64_are_joined() {
        let text = format!("{}\n  {}=\nnext", "A".repeat(64), "B".repeat(12));
        assert!(last(&text).contains(&format!("{}{}=\nnext", "A".repeat(64), "B".repeat(12))));
        assert!(decoded("short\nlines\n").is_empty());
    }
}
