//! Words that everybody tries first as a password, and those that stand where one is to be written.

/// What people, examples and images set as a password.
const KNOWN: [&str; 34] = [
    "password",
    "passwd",
    "pass",
    "pass123",
    "password1",
    "password123",
    "passw0rd",
    "p@ssw0rd",
    "secret",
    "admin",
    "admin123",
    "administrator",
    "root",
    "toor",
    "user",
    "guest",
    "demo",
    "test",
    "test123",
    "default",
    "qwerty",
    "letmein",
    "welcome",
    "postgres",
    "mysql",
    "mariadb",
    "mongo",
    "redis",
    "minioadmin",
    "supersecret",
    "mypassword",
    "my_password",
    "some_password",
    "insecure",
];

/// What says of itself that it is none yet.
const PLACEHOLDERS: [&str; 10] = [
    "changeme",
    "change_me",
    "change-me",
    "changethis",
    "change_this",
    "change-this",
    "replaceme",
    "replace_me",
    "replace-me",
    "placeholder",
];

/// Returns whether a text is one of the passwords that everybody knows, in whole: nobody learns anything by reading it.
pub(crate) fn is_known_word(text: &str) -> bool {
    let lower = text.to_ascii_lowercase();
    KNOWN.contains(&lower.as_str())
        || PLACEHOLDERS.contains(&lower.as_str())
        || lower.len() >= 3 && "1234567890".starts_with(&lower)
}

/// Returns whether a text says somewhere that a password is to be written there.
pub(crate) fn holds_placeholder(text: &str) -> bool {
    let lower = text.to_ascii_lowercase();
    PLACEHOLDERS.iter().any(|mark| lower.contains(mark))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_known_word_is_known_in_whole() {
        for word in [
            "postgres",
            "Password",
            "changeme",
            "CHANGE_ME",
            "123",
            "1234567890",
        ] {
            assert!(is_known_word(word), "{word}");
        }
        for word in ["", "1", "12", "234", "postgres7", "changeme-9f3k2", "hqd82nfkw"] {
            assert!(!is_known_word(word), "{word}");
        }
    }

    #[test]
    fn a_placeholder_may_be_part_of_a_text() {
        assert!(holds_placeholder("please-ChangeMe-now"));
        assert!(!holds_placeholder("postgres"));
    }
}
