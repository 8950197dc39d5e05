use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::error::ErrorKind;

fn lab() -> Lab {
    Lab::from_texts(
        "home",
        [
            (
                "services/immich/compose.yaml",
                "services: { server: { image: 'ghcr.io/immich-app/immich-server:v1', ports: ['2283:2283'], privileged: true } }",
            ),
            (
                "services/web/compose.yaml",
                "services: { web: { image: 'nginx:1.29', privileged: true, imag: x }, cache: { image: 'redis:7' } }",
            ),
            ("services/web/.env", "A=1"),
            ("lab.toml", "[tiers]\nproduction = ['immich']"),
            (
                "instance.toml",
                "[hosts.nas]\naddresses = ['192.0.2.10']\n[people.ann]\nlogin = 'ann@example.org'\n\
                [[tailnet.devices]]\nname = 'phone'\naddresses = ['100.64.0.1']\nuser = 'ann@example.org'",
            ),
            ("policy.hujson", "{\"acls\": []}"),
        ],
    )
}

fn seen() -> Observed {
    Observed::none("2026-12-01T00:00:00Z".parse().expect("a time"))
}

fn ask(text: &str) -> Result<serde_json::Value> {
    let answer = text.parse::<Query>()?.answer(&lab(), &seen())?;
    Ok(serde_json::to_value(answer).expect("JSON"))
}

fn answer(text: &str) -> serde_json::Value {
    ask(text).unwrap_or_else(|error| panic!("{text}: {error}"))
}

/// Returns each finding's rule and service.
fn findings(text: &str) -> Vec<(String, String)> {
    let answer = answer(text);
    let word = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
    let list = answer.as_array().expect("a list");
    list.iter()
        .map(|one| (word(&one["rule"]), word(&one["service"])))
        .collect()
}

#[test]
fn every_word_asks_a_question_that_is_answered_by_its_record() {
    for word in Query::WORDS {
        let text = match *word {
            "exposure" => "exposure service=immich".to_owned(),
            "portal" => "portal who=ann".to_owned(),
            "explain" => "explain service=immich who=ann".to_owned(),
            word => word.to_owned(),
        };
        let query: Query = text.parse().expect("a question");
        assert_eq!(query.to_string(), text);
        let json = serde_json::to_value(&query).expect("JSON");
        assert_eq!(json["question"], *word);
        query.answer(&lab(), &seen()).expect("an answer");
    }
    // The words are those of the enum, all of them: the schema lists what serde reads.
    let schema = serde_json::to_value(query_schema()).expect("JSON");
    let variants = schema["oneOf"].as_array().expect("variants");
    let words: Vec<_> = variants
        .iter()
        .map(|one| &one["properties"]["question"]["const"])
        .collect();
    assert_eq!(json!(words), json!(Query::WORDS));
}

#[test]
fn the_answers_are_what_the_lab_says() {
    assert_eq!(answer("posture"), json!(lab().posture(&seen()).view()));
    assert_eq!(answer("report"), json!(lab().audit(&seen()).view()));
    assert_eq!(answer("exposure service=immich")["at_most"], "internet");
    assert_eq!(answer("services").as_array().map(Vec::len), Some(3));
    assert_eq!(answer("diagnostics")[0]["rule"], "compose.unknown-key");
    let systems = answer("systems");
    let immich = systems
        .as_array()
        .and_then(|all| all.iter().find(|one| one["id"] == "immich"));
    assert_eq!(
        immich.expect("it is there")["services"],
        json!(["nas:immich/server"])
    );
    assert_eq!(
        answer("projects")[0],
        json!({
            "name": "immich", "folder": "services/immich", "files": ["services/immich/compose.yaml"],
            "hosts": ["nas"], "tier": "production", "services": ["server"],
        })
    );
    let files = answer("files");
    let environment = files
        .as_array()
        .and_then(|all| all.iter().find(|one| one["path"] == "services/web/.env"));
    assert_eq!(
        environment,
        Some(
            &json!({"path": "services/web/.env", "size": 3, "kind": "environment", "stratum": 5, "kept": true})
        )
    );
}

#[test]
fn findings_are_filtered_by_each_word() {
    let all = findings("findings");
    let privileged = findings("findings rules=service.privileged");
    assert_eq!(privileged.len(), 2);
    assert!(all.len() > privileged.len());
    assert_eq!(
        findings("findings rules=service.privileged project=web"),
        [("service.privileged".to_owned(), "web".to_owned())]
    );
    assert_eq!(
        findings("findings rules=service.privileged service=immich"),
        [("service.privileged".to_owned(), "server".to_owned())]
    );
    let errors = findings("findings severity=error");
    let weights = answer("findings severity=error");
    assert!(
        weights
            .as_array()
            .expect("a list")
            .iter()
            .all(|one| one["severity"] == "error")
    );
    assert!(!errors.is_empty() && errors.len() < all.len());
    assert_eq!(findings("findings severity=note"), all);
}

#[test]
fn what_is_not_there_is_an_error_and_not_an_empty_answer() {
    for (text, kind) in [
        ("exposure service=immitch", ErrorKind::NotFound),
        ("findings service=nothing", ErrorKind::NotFound),
        ("findings project=immitch", ErrorKind::NotFound),
        ("findings rules=service.unknown", ErrorKind::Invalid),
        ("findings severity=bad", ErrorKind::Invalid),
        ("findings severty=error", ErrorKind::Invalid),
        ("posture service=immich", ErrorKind::Invalid),
        ("exposure", ErrorKind::Invalid),
        ("exposure immich", ErrorKind::Invalid),
        ("exposure service=immich service=web", ErrorKind::Invalid),
        ("exposure question=posture", ErrorKind::Invalid),
        ("exposure service=\"immich", ErrorKind::Invalid),
        ("exposure service=\"immich\"x", ErrorKind::Invalid),
        ("exposures", ErrorKind::Invalid),
        ("", ErrorKind::Invalid),
    ] {
        assert_eq!(ask(text).map_err(|error| error.kind()), Err(kind), "{text}");
    }
    let error = ask("exposures").expect_err("no such question");
    assert_eq!(error.hint(), Some("did you mean `exposure`?"));
}

fn any_query() -> impl Strategy<Value = Query> {
    let text = || proptest::option::of(".*");
    let severity = proptest::option::of(prop_oneof![Just(Severity::Note), Just(Severity::Error)]);
    prop_oneof![
        Just(Query::Posture {}),
        ".*".prop_map(|service| Query::Exposure { service }),
        text().prop_map(|rules| Query::Report { rules }),
        (text(), text(), text(), severity).prop_map(|(project, rules, service, severity)| Query::Findings {
            project,
            rules,
            service,
            severity,
        }),
    ]
}

proptest! {
    #[test]
    fn a_query_is_read_back_from_both_its_forms(query in any_query()) {
        prop_assert_eq!(&query.to_string().parse::<Query>().expect("its own text"), &query);
        let json = serde_json::to_string(&query).expect("JSON");
        prop_assert_eq!(&serde_json::from_str::<Query>(&json).expect("its own JSON"), &query);
    }

    #[test]
    fn no_text_makes_reading_panic(text in ".*") {
        let _ = text.parse::<Query>();
        let _ = format!("findings {text}").parse::<Query>();
    }
}

#[test]
fn the_schema_is_current() {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../schemas/query.schema.json");
    let text = serde_json::to_string_pretty(&query_schema()).expect("JSON") + "\n";
    if std::env::var_os("HOMELAB_UPDATE").is_some() {
        std::fs::write(&path, &text).expect("a folder to write to");
    }
    let written = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        text == written,
        "schemas/query.schema.json is old: set HOMELAB_UPDATE=1 and run this test again"
    );
}
