//! Which values tell something of one lab, judged by their own text.

use std::collections::HashSet;

use ipnet::IpNet;

use super::common;
use super::vocabulary::ValueKind;
use crate::compose;
use crate::lab::Lab;
use crate::service::rules::secrets::is_known_password;
use crate::system::is_known_word;

/// Returns whether a secret is one that tells something: not what everybody knows, and no switch.
pub(super) fn is_worth_hiding(name: &str, secret: &str, value: &str) -> bool {
    let is_switch = matches!(
        secret.to_ascii_lowercase().as_str(),
        "" | "true" | "false" | "yes" | "no" | "none" | "null"
    );
    // `MYSQL_ROOT_PASSWORD` in the place of its value stands for one.
    let is_name = secret.contains('_') && secret.chars().all(|c| c.is_ascii_uppercase() || c == '_');
    // `MYSQL_PASSWORD= # Use a strong one` has a comment for its value.
    let is_comment = secret.starts_with('#');
    // `0000-0000`: nobody's.
    let is_same = secret
        .chars()
        .filter(char::is_ascii_alphanumeric)
        .all(|c| secret.starts_with(c));
    let lower = secret.to_ascii_lowercase();
    let is_said = ["example", "user_provided", "user-provided", "placeholder"]
        .iter()
        .any(|word| lower.contains(word));
    secret.len() >= 4
        && !is_comment
        && !is_same
        && !is_said
        && !is_about(name)
        && !is_name
        && !is_switch
        && !secret.starts_with('/')
        && !is_known_word(secret)
        && !is_known_password(secret, name, value)
}

/// Returns whether a variable's value is something about a secret, in a unit of its own: `TOKEN_TTL_SECONDS`.
fn is_about(name: &str) -> bool {
    const UNITS: [&str; 10] = [
        "SECONDS",
        "SECS",
        "MS",
        "MILLISECONDS",
        "MINUTES",
        "HOURS",
        "DAYS",
        "BYTES",
        "COUNT",
        "LIMIT",
    ];
    let last = name.rsplit(['_', '-', '.']).next().unwrap_or_default();
    UNITS.iter().any(|unit| last.eq_ignore_ascii_case(unit))
}

/// Returns whether a secret is made of the names of applications and words that are common: `dify-sandbox`.
pub(super) fn is_of_names(secret: &str, names: &HashSet<String>) -> bool {
    secret.split(['-', '_', '.']).all(|part| {
        let part = part.to_ascii_lowercase();
        common::is_common_word(&part) || is_known_word(&part) || names.contains(&part)
    })
}

/// Returns whether a text that a declared slot has for its value can be told from other words.
pub(super) fn is_distinctive(value: &str) -> bool {
    value.len() >= 6
        && !common::is_common_word(value)
        && !is_known_word(value)
        && !is_time_zone(value)
        && !value.starts_with('/')
        && value.chars().any(|c| !c.is_ascii_digit() && c != '.')
        && (value.chars().any(|c| c.is_ascii_digit())
            || value.contains([' ', '-', '_', '@'])
            || value.len() >= 8)
}

/// Returns what a plain value identifies, by the name of the variable that has it: a person, a place, a machine. None where
/// it is a word that many labs have there.
pub(super) fn identified_by(name: &str, value: &str) -> Option<ValueKind> {
    let lower = name.to_ascii_lowercase();
    let words: Vec<&str> = lower.split(['_', '-', '.']).collect();
    let is_last = |list: &[&str]| words.last().is_some_and(|last| list.contains(last));
    let is_place = is_last(&["latitude", "longitude", "lat", "lon", "lng", "coordinates"]);
    if is_place {
        // As exact as a town, at least.
        let digits = value.split('.').nth(1).map_or(0, str::len);
        return (digits >= 2 && value.parse::<f64>().is_ok()).then_some(ValueKind::Other);
    }
    let kind = if is_last(&["user", "username", "login", "nickname"]) {
        ValueKind::Login
    } else if is_last(&["owner", "firstname", "lastname", "surname", "fullname"]) {
        ValueKind::Person
    } else if is_last(&["hostname", "servername", "nodename"]) {
        ValueKind::HostName
    } else if is_last(&[
        "street", "city", "town", "postcode", "zipcode", "phone", "ssid", "serial",
    ]) {
        ValueKind::Other
    } else {
        return None;
    };
    // `dbuser` and `app_admin` are of an application.
    let generic = [
        "user", "admin", "root", "test", "guest", "demo", "name", "owner", "host", "server",
    ];
    let low = value.to_ascii_lowercase();
    let is_generic = generic.iter().any(|word| low.contains(word));
    let is_word = common::is_common_word(value) || common::is_common_login(value) || is_known_word(value);
    let is_name = value.chars().any(char::is_alphabetic) || kind == ValueKind::Other && value.len() >= 5;
    let is_plain = value.chars().all(|c| c.is_alphanumeric() || " -_.+'".contains(c));
    (value.len() >= 4 && is_plain && is_name && !is_word && !is_generic).then_some(kind)
}

/// Returns whether a text is a name of the time zone database: it says where a lab is only as a clock does.
fn is_time_zone(value: &str) -> bool {
    const AREAS: [&str; 11] = [
        "Africa",
        "America",
        "Antarctica",
        "Arctic",
        "Asia",
        "Atlantic",
        "Australia",
        "Etc",
        "Europe",
        "Indian",
        "Pacific",
    ];
    value
        .split_once('/')
        .is_some_and(|(area, _)| AREAS.contains(&area))
}

/// Returns whether an absolute path tells something of one machine: a person's home, or three folders and more that no
/// system has by itself.
pub(super) fn is_identifying_path(value: &str) -> bool {
    const SYSTEMS: [&str; 18] = [
        "/opt/",
        "/app/",
        "/config/",
        "/data/",
        "/var/lib/docker",
        "/var/run/",
        "/run/",
        "/etc/",
        "/usr/",
        "/dev/",
        "/proc",
        "/sys",
        "/tmp",
        "/bin/",
        "/lib/",
        "/var/log",
        "/var/www",
        "/var/lib/",
    ];
    let plain =
        value.starts_with('/') && !value.contains(char::is_whitespace) && !value.contains(['$', ':', '*']);
    let parts = value.split('/').filter(|part| !part.is_empty()).count();
    let of_person = ["/home/", "/Users/", "/volume"]
        .iter()
        .any(|root| value.starts_with(root))
        && parts >= 2;
    plain && (parts >= 3 || of_person) && !SYSTEMS.iter().any(|root| value.starts_with(root))
}

/// Returns the six numbers of a network card, however they are parted.
pub(super) fn hardware(text: &str) -> Option<[u8; 6]> {
    let parted = |mark: char, size: usize| {
        let parts: Vec<&str> = text.split(mark).collect();
        (parts.len() == 12 / size && parts.iter().all(|part| part.len() == size)).then(|| parts.concat())
    };
    let digits = parted(':', 2)
        .or_else(|| parted('-', 2))
        .or_else(|| parted('.', 4))?;
    let mut numbers = [0; 6];
    for (index, number) in numbers.iter_mut().enumerate() {
        *number = u8::from_str_radix(digits.get(index * 2..index * 2 + 2)?, 16).ok()?;
    }
    Some(numbers)
}

/// Returns the networks that the lab's own Compose files give their containers: their addresses are inside of one engine,
/// and the file that they stand in is what makes them.
pub(super) fn container_networks(lab: &Lab) -> Vec<IpNet> {
    let networks = lab.projects().flat_map(|project| project.networks().values());
    let outward = |network: &&compose::Network| {
        let driver = network.driver.as_ref().map(|driver| driver.value.as_str());
        !matches!(driver, Some("macvlan" | "ipvlan" | "host"))
    };
    networks
        .filter(outward)
        .flat_map(|network| &network.subnets)
        .filter_map(|subnet| subnet.value.parse().ok())
        .collect()
}
