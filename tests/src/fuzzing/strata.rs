//! Labs of any text: what is found in them, parted and joined.

use homelab_core::{Lab, Observed};

const INSTANCE: &str = "[hosts.zephyr]\naddresses = ['192.168.7.10', 'fd12:3456:789a::10']\n[people.beatrix]\nlogin = 'beatrix@smith.family'\n[private]\nstreet = 'Windy Lane 7'\n";

/// Parts a lab of any bytes, with values of the lab among them, and joins it again; parts between NUL bytes are the Compose
/// file, a script and `.env`. Returns whether the template can be shared.
///
/// # Panics
/// When joining does not give the lab back, or a report of leaks holds a value.
pub fn strata(data: &[u8]) -> bool {
    let mut parts = data.splitn(3, |byte| *byte == 0).map(|part| {
        let text = String::from_utf8_lossy(part);
        text.replace("data", "zephyr")
            .replace(":80", ":192.168.7.10")
            .replace('~', "%5aephyr")
    });
    let mut next = || parts.next().unwrap_or_default();
    let files = [
        ("web/compose.yaml", next()),
        ("bin/run.sh", next()),
        ("web/.env", next()),
        ("instance.toml", INSTANCE.to_owned()),
    ];
    let lab = Lab::from_texts("fuzz", files);
    let seen = Observed::none("2026-12-01T00:00:00Z".parse().expect("a time"));
    let report = lab.leaks(&seen).expect("the vocabulary is small");
    assert!(
        !report.to_json().contains("192.168.7.10"),
        "a report holds a value"
    );
    let Ok(split) = lab.split(&seen) else { return false };
    let joined = split
        .values()
        .value()
        .join(split.template())
        .expect("the template was not changed");
    for file in lab.manifest().files() {
        assert_eq!(
            joined.get(file.path()).map(Vec::as_slice),
            file.bytes(),
            "{}",
            file.path()
        );
    }
    split.prove().is_ok()
}
