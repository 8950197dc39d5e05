//! Which names of environment variables promise a secret.

/// Words that make a variable's name that of a secret.
const SECRET_WORDS: [&str; 21] = [
    "password",
    "passwd",
    "passwort",
    "passphrase",
    "pass",
    "pwd",
    "pw",
    "secret",
    "secrets",
    "token",
    "apikey",
    "authkey",
    "credential",
    "credentials",
    "htpasswd",
    "salt",
    "pepper",
    "pin",
    "webhook",
    "privkey",
    "bearer",
];

/// Words before `key` that make it a secret one; a key alone says too little.
const SECRET_KEYS: [&str; 25] = [
    "access",
    "account",
    "admin",
    "agent",
    "api",
    "app",
    "application",
    "auth",
    "cookie",
    "decryption",
    "deploy",
    "encryption",
    "enc",
    "hash",
    "hmac",
    "jwt",
    "license",
    "master",
    "private",
    "session",
    "shared",
    "signing",
    "storage",
    "secret",
    "preshared",
];

/// Last words that say that the value is about a secret, and is none: where it lies, how long it lives.
const ABOUT: [&str; 37] = [
    "file",
    "path",
    "dir",
    "length",
    "len",
    "expiry",
    "expiration",
    "expire",
    "expires",
    "lifetime",
    "ttl",
    "timeout",
    "age",
    "days",
    "hours",
    "minutes",
    "enabled",
    "enable",
    "disabled",
    "disable",
    "required",
    "allowed",
    "policy",
    "type",
    "algorithm",
    "method",
    "header",
    "headers",
    "name",
    "url",
    "uri",
    "endpoint",
    "issuer",
    "min",
    "max",
    "count",
    "validity",
];

/// First words of switches: `ENABLE_PASSWORD_RESET`.
const SWITCHES: [&str; 13] = [
    "enable", "enabled", "disable", "disabled", "allow", "allowed", "require", "required", "use", "is",
    "has", "show", "no",
];

/// Returns whether a variable of this name holds a secret, as far as a name can tell.
///
/// Names that end in `_FILE` hold a path, and are none.
///
/// ```
/// use homelab_core::system::names_secret;
///
/// assert!(names_secret("POSTGRES_PASSWORD"));
/// assert!(names_secret("TS_AUTHKEY"));
/// assert!(!names_secret("POSTGRES_PASSWORD_FILE"));
/// assert!(!names_secret("TOKEN_EXPIRY_HOURS"));
/// assert!(!names_secret("KEYBOARD"));
/// ```
pub fn names_secret(variable: &str) -> bool {
    if !may_name_secret(variable) {
        return false;
    }
    let words = words(variable);
    let (Some(first), Some(last)) = (words.first(), words.last()) else {
        return false;
    };
    // A webhook's address is itself the key to it.
    let webhook = matches!(last.as_str(), "url" | "uri") && words.iter().any(|word| word == "webhook");
    if (ABOUT.contains(&last.as_str()) && !webhook)
        || (SWITCHES.contains(&first.as_str()) && words.len() > 1)
        || words.iter().any(|word| word == "public")
    {
        return false;
    }
    // `AWS_SECRET_ACCESS_KEY` is one, `AWS_ACCESS_KEY_ID` is a name for one.
    if *last == "id" {
        return matches!(words.as_slice(), [.., before, _] if before == "secret") && words.len() > 2;
    }
    let secret_word = |word: &String| {
        SECRET_WORDS.contains(&word.as_str())
            || ["password", "passwd", "secret", "passphrase"]
                .iter()
                .any(|end| word.ends_with(end))
    };
    let secret_key = words
        .windows(2)
        .any(|pair| matches!(pair[1].as_str(), "key" | "keys") && SECRET_KEYS.contains(&pair[0].as_str()));
    words.iter().any(secret_word) || secret_key || webhook
}

/// Returns whether a name may be that of a secret: whether one of the words for it may be in it. Most names have none,
/// and need not be taken apart.
fn may_name_secret(variable: &str) -> bool {
    let mut rest = variable.as_bytes();
    // Elsewhere a letter's small form may be one of ours: the Kelvin sign is a `k`.
    if !rest.is_ascii() {
        return true;
    }
    while let [first, tail @ ..] = rest {
        let parts: &[&str] = match first.to_ascii_lowercase() {
            b'b' => &["earer"],
            b'c' => &["redential"],
            b'k' => &["ey"],
            b'p' => &["ass", "w", "epper", "in"],
            b's' => &["ecret", "alt"],
            b't' => &["oken"],
            b'w' => &["ebhook"],
            _ => &[],
        };
        let follows = |part: &&str| {
            tail.get(..part.len())
                .is_some_and(|tail| tail.eq_ignore_ascii_case(part.as_bytes()))
        };
        if parts.iter().any(follows) {
            return true;
        }
        rest = tail;
    }
    false
}

/// Returns whether a variable of this name holds an address that may carry a password inside:
/// `postgres://user:password@db/app`.
pub(crate) fn names_connection(variable: &str) -> bool {
    // Most names end in no such word, and need not be taken apart.
    let name = variable
        .trim_end_matches(|c: char| !c.is_alphanumeric())
        .as_bytes();
    let ends_in = |word: &str| {
        let end = name.len().checked_sub(word.len()).map(|at| &name[at..]);
        end.is_some_and(|end| end.eq_ignore_ascii_case(word.as_bytes()))
    };
    if !["dsn", "url", "uri", "string"].into_iter().any(ends_in) {
        return false;
    }
    let words = words(variable);
    let [rest @ .., last] = words.as_slice() else {
        return false;
    };
    let stores = [
        "database",
        "db",
        "postgres",
        "postgresql",
        "pg",
        "mysql",
        "mariadb",
        "mongo",
        "mongodb",
        "redis",
        "valkey",
        "amqp",
        "rabbitmq",
        "broker",
        "smtp",
        "mail",
        "mailer",
        "elasticsearch",
        "clickhouse",
        "ldap",
        "cache",
        "queue",
        "celery",
        "nats",
        "influxdb",
        "couchdb",
        "dsn",
        "connection",
    ];
    match last.as_str() {
        "dsn" => true,
        "url" | "uri" | "string" => rest.iter().any(|word| stores.contains(&word.as_str())),
        _ => false,
    }
}

/// Returns the words of a name, in lower case: parted by what is no letter, and where a capital begins a word.
fn words(name: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    let mut current = String::new();
    let mut previous_lower = false;
    for c in name.chars() {
        let parts = !c.is_alphanumeric() || (c.is_uppercase() && previous_lower);
        if parts && !current.is_empty() {
            words.push(std::mem::take(&mut current));
        }
        if c.is_ascii_alphanumeric() {
            current.push(c.to_ascii_lowercase());
        } else if c.is_alphanumeric() {
            current.extend(c.to_lowercase());
        }
        previous_lower = c.is_lowercase();
    }
    if !current.is_empty() {
        words.push(current);
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_secrets_are_told_from_names_about_secrets() {
        for name in [
            "POSTGRES_PASSWORD",
            "MYSQL_ROOT_PASSWORD",
            "JWT_SECRET",
            "SECRET_KEY_BASE",
            "ADMIN_TOKEN",
            "API_KEY",
            "AWS_SECRET_ACCESS_KEY",
            "TS_AUTHKEY",
            "TS_AUTH_KEY",
            "CF_API_TOKEN",
            "SMTP_PASS",
            "DB_PASSWD",
            "APP_KEY",
            "ENCRYPTION_KEY",
            "NEXTAUTH_SECRET",
            "jwtSecret",
            "dbPassword",
            "WIREGUARD_PRIVATE_KEY",
            "SLACK_WEBHOOK_URL",
            "AUTHELIA_STORAGE_ENCRYPTION_KEY",
            "RESTIC_PASSWORD",
            "PGPASSWORD",
            "OPENAI_API_KEY",
            "PASSWORD_SALT",
            "OIDC_CLIENT_SECRET",
            "WG_EASY_PASSWORD_HASH",
            "N8N_ENCRYPTION_KEY",
            "MEILI_MASTER_KEY",
            "AUTH_TOKEN",
        ] {
            assert!(names_secret(name), "{name}");
        }
        for name in [
            "",
            "TZ",
            "PUID",
            "POSTGRES_PASSWORD_FILE",
            "TOKEN_EXPIRY",
            "PASSWORD_MIN_LENGTH",
            "JWT_EXPIRATION",
            "ENABLE_PASSWORD_RESET",
            "DISABLE_TOKEN",
            "PUBLIC_KEY",
            "VAPID_PUBLIC_KEY",
            "KEYBOARD_LAYOUT",
            "PASSTHROUGH",
            "AWS_ACCESS_KEY_ID",
            "OIDC_CLIENT_ID",
            "COMPASS",
            "SPIN",
            "KEY",
            "REDIS_HOST",
            "TOKEN_HEADER",
            "MONKEY",
            "PASSWORD_POLICY",
            "API_URL",
        ] {
            assert!(!names_secret(name), "{name}");
        }
    }

    #[test]
    fn addresses_of_databases_may_carry_a_password() {
        for name in [
            "DATABASE_URL",
            "SENTRY_DSN",
            "MONGO_URI",
            "REDIS_URL",
            "CELERY_BROKER_URL",
            "DB_CONNECTION_STRING",
        ] {
            assert!(names_connection(name), "{name}");
        }
        for name in ["URL", "BASE_URL", "DATABASE_HOST", "STRING", "", "dsn_length"] {
            assert!(!names_connection(name), "{name}");
        }
    }

    #[test]
    fn every_word_of_a_secret_may_name_one() {
        for word in SECRET_WORDS.into_iter().chain(["keys"]) {
            assert!(may_name_secret(word), "{word}");
            assert!(may_name_secret(&format!("MY_{}", word.to_uppercase())), "{word}");
        }
        assert!(names_secret("API_\u{212A}EY"), "its small form is a `k`");
        assert!(!may_name_secret("PUID"));
    }

    #[test]
    fn words_part_at_marks_and_capitals() {
        assert_eq!(words("POSTGRES__DB-password"), ["postgres", "db", "password"]);
        assert_eq!(words("jwtSecretKey"), ["jwt", "secret", "key"]);
        assert_eq!(words("_"), Vec::<String>::new());
    }
}
