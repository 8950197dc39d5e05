//! Labs with values that nobody may see, planted in every disguise that a person or a program gives them: made from a
//! seed, so that the generator is kept and not the labs.

mod compose;
mod disguise;

use std::collections::BTreeMap;
use std::fmt::Write as _;

pub use self::compose::planted_into;
pub use self::disguise::disguises;

/// Numbers that look random and are the same for a seed (SplitMix64).
pub struct Dice(u64);

impl Dice {
    /// Returns the numbers of a seed.
    pub fn new(seed: u64) -> Self {
        Dice(
            seed.wrapping_mul(0x2545_f491_4f6c_dd1d)
                .wrapping_add(0x9e37_79b9_7f4a_7c15),
        )
    }

    /// Returns the next number below a limit that is not 0.
    pub fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        let limit = limit as u64;
        usize::try_from((mixed ^ (mixed >> 31)) % limit).unwrap_or_default()
    }

    /// Returns one of these.
    pub fn of<T: Copy>(&mut self, all: &[T]) -> T {
        all[self.below(all.len())]
    }

    /// Returns a word of these letters.
    pub fn letters(&mut self, letters: &[u8], length: usize) -> String {
        (0..length).map(|_| char::from(self.of(letters))).collect()
    }

    /// Returns a word that is none of any language and can be said.
    pub fn word(&mut self) -> String {
        let mut word = String::new();
        for _ in 0..3 {
            word.push(char::from(self.of(b"bdfgkmprvz")));
            word.push(char::from(self.of(b"aeou")));
        }
        word.push(char::from(self.of(b"xqzk")));
        word
    }
}

/// What a planted value is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// An address of the fourth version.
    Address,
    /// One of the sixth.
    AddressV6,
    /// The number of a network card.
    Card,
    /// A machine's name.
    Host,
    /// A domain.
    Domain,
    /// A tailnet's domain.
    Tailnet,
    /// A mail address.
    Login,
    /// A person's name.
    Person,
    /// A folder.
    Path,
    /// The number of a disk.
    Serial,
    /// Where somebody lives.
    Street,
    /// Where copies are kept.
    Repository,
    /// A password.
    Password,
    /// A long secret that a machine made.
    Token,
}

/// A value of a lab.
#[derive(Clone, Debug)]
pub struct Planted {
    /// What it is.
    pub kind: Kind,
    /// As the lab says it.
    pub value: String,
}

/// The private half of a lab, made from a seed.
pub struct Secrets {
    /// instance.toml.
    pub instance: String,
    /// A file of variables.
    pub environment: String,
    /// Every value that they say.
    pub values: Vec<Planted>,
}

impl Secrets {
    /// Returns the private half of the lab of a seed.
    pub fn new(seed: u64) -> Self {
        let mut dice = Dice::new(seed);
        let digits = b"0123456789";
        let hexadecimal = b"0123456789abcdef";
        let mixed = b"ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz23456789";
        let host = dice.word();
        let address = format!("192.168.{}.{}", dice.below(90) + 20, dice.below(150) + 20);
        let six = format!(
            "2a0{}:{:x}:{:x}::{:x}",
            dice.below(9),
            dice.below(0xdfff) + 0x1000,
            dice.below(0xdfff) + 0x1000,
            dice.below(0xdff) + 0x100
        );
        let card = format!(
            "3c:{}:{}:{}:{}:{}",
            dice.letters(hexadecimal, 2),
            dice.letters(hexadecimal, 2),
            dice.letters(hexadecimal, 2),
            dice.letters(hexadecimal, 2),
            dice.letters(b"123456789abcdef", 2)
        );
        let family = dice.word();
        let domain = format!("{}.{family}.family", dice.word());
        let tailnet = format!("tail{}.ts.net", dice.letters(hexadecimal, 6));
        let person = dice.word();
        let login = format!("{person}@{family}.family");
        let path = format!("/mnt/{}/{}/photos", dice.word(), dice.word());
        let serial = format!(
            "WD-WX{}{}",
            dice.letters(digits, 2),
            dice.letters(b"ABCDEFGHJKLMNPQRSTUVWXYZ0123456789", 8)
        );
        let street = format!("{} Lane {}", capital(&dice.word()), dice.below(90) + 10);
        let repository = format!(
            "sftp:copies@{}.{}.net:/srv/{}",
            dice.word(),
            dice.word(),
            dice.word()
        );
        let password = format!(
            "{}!{}{}",
            dice.letters(mixed, 6),
            dice.below(90) + 10,
            dice.letters(mixed, 4)
        );
        let token = dice.letters(mixed, 40);
        let instance = format!(
            "[hosts.{host}]\naddresses = ['{address}', '{six}']\n[tailnet]\nsuffix = '{tailnet}'\n[people.{person}]\nlogin = '{login}'\n[repositories.offsite]\nkind = 'restic'\nlocation = '{repository}'\n[private]\ncard = '{card}'\nserial = '{serial}'\nstreet = '{street}'\n"
        );
        let environment = format!(
            "APP_PASSWORD='{password}'\nAPI_TOKEN={token}\nDOMAIN={domain}\nLIBRARY={path}\nTZ=Etc/UTC\n"
        );
        let value = |kind, value| Planted { kind, value };
        let values = vec![
            value(Kind::Address, address),
            value(Kind::AddressV6, six),
            value(Kind::Card, card),
            value(Kind::Host, host),
            value(Kind::Domain, domain),
            value(Kind::Tailnet, tailnet),
            value(Kind::Login, login),
            value(Kind::Person, capital(&person)),
            value(Kind::Path, path),
            value(Kind::Serial, serial),
            value(Kind::Street, street),
            value(Kind::Repository, repository),
            value(Kind::Password, password),
            value(Kind::Token, token),
        ];
        Secrets {
            instance,
            environment,
            values,
        }
    }
}

fn capital(word: &str) -> String {
    let mut chars = word.chars();
    chars
        .next()
        .map_or_else(String::new, |first| first.to_uppercase().chain(chars).collect())
}

/// One place in a file where a value is.
#[derive(Clone, Debug)]
pub struct Plant {
    /// The file.
    pub path: String,
    /// The line on which it begins, from 1.
    pub line: usize,
    /// What it is.
    pub kind: Kind,
    /// How it is disguised.
    pub disguise: &'static str,
}

/// A lab with plants, and what nobody has to hide between them.
pub struct Garden {
    /// Every file.
    pub files: BTreeMap<String, String>,
    /// Every plant.
    pub plants: Vec<Plant>,
}

/// What is in many files and tells nothing of a lab: between the plants, so that what is found there is wrong.
const HARMLESS: [&str; 24] = [
    "listen on 0.0.0.0:8080 and [::]:8080",
    "resolver 127.0.0.11 valid=30s",
    "see https://docs.example.com/setup?x=1#top",
    "mail you@example.com",
    "range 192.0.2.0/24 and 2001:db8::/32",
    "commit 3f786850e387550fdab836ed7e6dc881de23001b",
    "image: ghcr.io/example/app:1.29.4@sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    "uuid 123e4567-e89b-12d3-a456-426614174000",
    "version 10.4.2.1-rc3",
    "PASSWORD=${PASSWORD:?set it}",
    "token: changeme",
    "docker network of 172.17.0.1/16",
    "the quick brown fox jumps over the lazy dog",
    "a photo of the sea in windy weather",
    "01:00:5e:00:00:fb is a group's",
    "dns 1.1.1.1 8.8.8.8",
    "pool.ntp.org",
    "TZ=Europe/Vienna",
    "base64 aGVsbG8gd29ybGQgYW5kIG1vcmU=",
    "deadbeefcafebabe0123456789abcdef",
    "/usr/local/share/ca-certificates",
    "SGVsbG8sIHRoaXMgaXMgb25seSBhIHRleHQ=",
    "%20%2F%3A",
    "\\u0041\\x42",
];

impl Garden {
    /// Returns the lab of a seed: every value in every disguise, once in each kind of file, each on lines of its own.
    pub fn new(seed: u64) -> Self {
        let secrets = Secrets::new(seed);
        let mut dice = Dice::new(seed ^ 0x5eed);
        let mut plants = Vec::new();
        let mut files = BTreeMap::new();
        for (path, comment) in [
            ("bin/setup.sh", "# "),
            ("docs/notes.md", "- "),
            ("conf/app.conf", "; "),
        ] {
            let mut text = match path {
                "docs/notes.md" => "---\nstratum: 2\n---\n".to_owned(),
                _ => "# stratum: 3\n".to_owned(),
            };
            for planted in &secrets.values {
                for (disguise, written) in disguises(planted, &mut dice) {
                    let _ = writeln!(text, "{comment}{}", dice.of(&HARMLESS));
                    plants.push(Plant {
                        path: path.to_owned(),
                        line: text.matches('\n').count() + 1,
                        kind: planted.kind,
                        disguise,
                    });
                    let lead = dice.of(&["at ", "x = ", "use: ", "(", "\"", "see <"]);
                    let end = dice.of(&["", " now", ")", "\"", ", then", ">"]);
                    let _ = writeln!(text, "{comment}{lead}{written}{end}");
                }
            }
            files.insert(path.to_owned(), text);
        }
        files.insert(
            "app/compose.yaml".to_owned(),
            "services:\n  app:\n    image: ghcr.io/example/app:1.29\n".to_owned(),
        );
        files.insert("instance.toml".to_owned(), secrets.instance);
        files.insert("app/.env".to_owned(), secrets.environment);
        Garden { files, plants }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_makes_one_lab() {
        let (one, same, other) = (Garden::new(1), Garden::new(1), Garden::new(2));
        assert_eq!(one.files, same.files);
        assert_ne!(one.files, other.files);
        assert!(one.plants.len() > 400, "{}", one.plants.len());
        for plant in &one.plants {
            assert!(one.files[&plant.path].lines().count() >= plant.line);
        }
    }
}
