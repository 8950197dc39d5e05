//! Tar archives of a few files: how engines hand files in and out.

use crate::error::{Error, ErrorKind, Result};

const BLOCK: usize = 512;

/// What an entry of an archive is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Content {
    File(Vec<u8>),
    Folder,
    /// Something that is no file of its own: a link, a device.
    Other,
}

/// Returns an archive of one file, readable by its owner and whoever else the mode says.
pub(super) fn of_file(name: &str, mode: u32, content: &[u8]) -> Vec<u8> {
    let mut archive = Vec::with_capacity(content.len() + 4 * BLOCK);
    let longer = name.len() > 100;
    if longer || !name.is_ascii() {
        let record = extended("path", name);
        push(&mut archive, "name", 0o644, b'x', record.as_bytes());
    }
    // Who reads the extended header takes the name from there.
    let short = if longer { "name" } else { name };
    push(&mut archive, short, mode, b'0', content);
    archive.resize(archive.len() + 2 * BLOCK, 0);
    archive
}

/// Returns one record of an extended header: its own length, which counts itself, then key and value.
fn extended(key: &str, value: &str) -> String {
    let rest = key.len() + value.len() + 3;
    let mut length = rest;
    loop {
        let whole = rest + length.to_string().len();
        if whole == length {
            return format!("{length} {key}={value}\n");
        }
        length = whole;
    }
}

fn push(archive: &mut Vec<u8>, name: &str, mode: u32, kind: u8, content: &[u8]) {
    let mut header = [0u8; BLOCK];
    header[..name.len()].copy_from_slice(name.as_bytes());
    header[100..108].copy_from_slice(format!("{:07o}\0", mode & 0o7777).as_bytes());
    header[108..116].copy_from_slice(b"0000000\0");
    header[116..124].copy_from_slice(b"0000000\0");
    match content.len() {
        // Eleven octal digits end at 8 GiB; what is longer is told in binary, as GNU tar does.
        length if length < 1 << 33 => {
            header[124..136].copy_from_slice(format!("{length:011o}\0").as_bytes());
        }
        length => {
            header[124] = 0x80;
            header[128..136].copy_from_slice(&(length as u64).to_be_bytes());
        }
    }
    header[136..148].copy_from_slice(b"00000000000\0");
    header[148..156].copy_from_slice(b"        ");
    header[156] = kind;
    header[257..265].copy_from_slice(b"ustar\x0000");
    let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
    header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    archive.extend_from_slice(&header);
    archive.extend_from_slice(content);
    archive.resize(archive.len().next_multiple_of(BLOCK), 0);
}

/// Returns the entries of an archive by their names, without the slash at a folder's end.
///
/// # Errors
/// [`ErrorKind::Damaged`] where it is cut, or is no archive.
pub(super) fn entries(archive: &[u8]) -> Result<Vec<(String, Content)>> {
    let damaged = |why: &str| Error::new(ErrorKind::Damaged, format!("read an archive: {why}"));
    let mut all = Vec::new();
    let (mut at, mut name, mut size) = (0, None, None);
    loop {
        let header = archive
            .get(at..at + BLOCK)
            .ok_or_else(|| damaged("it is cut off"))?;
        if header.iter().all(|byte| *byte == 0) {
            return Ok(all);
        }
        let sum: u32 = header
            .iter()
            .enumerate()
            .map(|(at, byte)| u32::from(if (148..156).contains(&at) { b' ' } else { *byte }))
            .sum();
        if number(&header[148..156]) != Some(u64::from(sum)) {
            return Err(damaged("a header does not add up"));
        }
        let declared = number(&header[124..136]).ok_or_else(|| damaged("a size is no number"))?;
        let kind = header[156];
        let length = match kind {
            b'x' | b'g' | b'L' | b'K' => declared,
            _ => size.take().unwrap_or(declared),
        };
        let begin = at + BLOCK;
        let content = usize::try_from(length)
            .ok()
            .and_then(|length| begin.checked_add(length))
            .and_then(|end| archive.get(begin..end))
            .ok_or_else(|| damaged("it is cut off"))?;
        at = begin + content.len().next_multiple_of(BLOCK);
        match kind {
            b'x' => {
                for (key, value) in records(content) {
                    match key {
                        "path" => name = Some(value.to_owned()),
                        "size" => size = value.parse().ok(),
                        _ => {}
                    }
                }
                continue;
            }
            b'L' => {
                name = Some(text(content));
                continue;
            }
            b'g' | b'K' => continue,
            _ => {}
        }
        let full = name.take().unwrap_or_else(|| {
            let (short, prefix) = (text(&header[..100]), text(&header[345..500]));
            match has_prefix(header) && !prefix.is_empty() {
                true => format!("{prefix}/{short}"),
                false => short,
            }
        });
        let content = match kind {
            b'0' | b'\0' | b'7' if !full.ends_with('/') => Content::File(content.to_vec()),
            b'5' | b'0' | b'\0' => Content::Folder,
            _ => Content::Other,
        };
        all.push((full.trim_end_matches('/').to_owned(), content));
    }
}

/// Whether the header is of the format in which a name may go on in another field: GNU's own has times there.
fn has_prefix(header: &[u8]) -> bool {
    header.get(257..263) == Some(b"ustar\0")
}

/// Returns the records of an extended header; what is none ends them.
fn records(content: &[u8]) -> Vec<(&str, &str)> {
    let mut all = Vec::new();
    let mut rest = content;
    while let Some(blank) = rest.iter().position(|byte| *byte == b' ') {
        let length: Option<usize> = std::str::from_utf8(&rest[..blank])
            .ok()
            .and_then(|text| text.parse().ok());
        let Some(record) = length.and_then(|length| rest.get(blank + 1..length)) else {
            break;
        };
        if let Some((key, value)) = std::str::from_utf8(record)
            .ok()
            .and_then(|record| record.trim_end_matches('\n').split_once('='))
        {
            all.push((key, value));
        }
        rest = &rest[length.unwrap_or(rest.len())..];
    }
    all
}

fn text(field: &[u8]) -> String {
    let end = field.iter().position(|byte| *byte == 0).unwrap_or(field.len());
    String::from_utf8_lossy(&field[..end]).into_owned()
}

/// Returns an octal number, or one that GNU tar wrote in binary.
fn number(field: &[u8]) -> Option<u64> {
    if field.first().is_some_and(|byte| byte & 0x80 != 0) {
        let (high, low) = field.split_at(field.len().checked_sub(8)?);
        let small = high.iter().skip(1).all(|byte| *byte == 0) && high.first() == Some(&0x80);
        return small.then(|| low.iter().fold(0, |sum, byte| sum << 8 | u64::from(*byte)));
    }
    let digits = text(field);
    let digits = digits.trim_matches(' ');
    match digits.is_empty() {
        true => Some(0),
        false => u64::from_str_radix(digits, 8).ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_survives_being_packed_and_unpacked() {
        let long = "a".repeat(200);
        for name in ["x", "settings.json", long.as_str(), "schön.txt"] {
            for content in [&b""[..], b"x", &[0; 512], &[7; 5000]] {
                let read = entries(&of_file(name, 0o600, content)).expect("an archive");
                assert_eq!(read, [(name.to_owned(), Content::File(content.to_vec()))]);
            }
        }
    }

    #[test]
    fn a_cut_or_damaged_archive_is_an_error() {
        let whole = of_file("x", 0o600, &[1; 1000]);
        for length in [0, 100, 512, 1000, 1535, 1600] {
            assert_eq!(
                entries(&whole[..length]).expect_err("cut").kind(),
                ErrorKind::Damaged
            );
        }
        let mut damaged = whole.clone();
        damaged[3] ^= 1;
        assert_eq!(entries(&damaged).expect_err("damaged").kind(), ErrorKind::Damaged);
        let mut huge = whole;
        huge[124] = 0xff;
        assert!(entries(&huge).is_err());
    }

    #[test]
    fn an_archive_of_gnu_tar_is_read() {
        let folder = tempfile::tempdir().expect("a folder");
        let long = format!("{}/{}", "d".repeat(120), "f".repeat(120));
        std::fs::create_dir_all(folder.path().join("d".repeat(120))).expect("a folder");
        std::fs::write(folder.path().join(&long), "long").expect("a file");
        std::fs::write(folder.path().join("short"), "short").expect("a file");
        for format in ["gnu", "posix"] {
            let output = std::process::Command::new("tar")
                .args(["--format", format, "-cf", "-", "."])
                .current_dir(folder.path())
                .output()
                .expect("tar is everywhere");
            let read = entries(&output.stdout).expect("an archive");
            let content = |name: &str| {
                let name = format!("./{name}");
                read.iter()
                    .find(|entry| entry.0 == name)
                    .map(|entry| entry.1.clone())
            };
            assert_eq!(content(&long), Some(Content::File(b"long".to_vec())), "{format}");
            assert_eq!(
                content("short"),
                Some(Content::File(b"short".to_vec())),
                "{format}"
            );
            assert_eq!(content(&"d".repeat(120)), Some(Content::Folder), "{format}");
        }
    }
}
