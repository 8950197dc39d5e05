use proptest::prelude::*;

use super::*;

fn root(text: &str) -> Node {
    let source = Source::new("f", text);
    let mut reading = read(&source);
    assert!(reading.broken.is_none(), "{text}");
    reading.documents.remove(0).root
}

fn value(text: &str) -> String {
    match root(&format!("a: {text}")).as_map().expect("a mapping")["a"].value {
        Value::Text(ref text) => format!("{text:?}"),
        Value::Time(ref text) => format!("time {text}"),
        ref other => format!("{other:?}"),
    }
}

#[test]
fn scalars_are_what_the_go_reader_makes_of_them() {
    for (text, expected) in [
        ("0644", "Int(420)"),
        ("1_000", "Int(1000)"),
        ("0x1F", "Int(31)"),
        ("0o17", "Int(15)"),
        ("0b11", "Int(3)"),
        ("08", "Float(8.0)"),
        ("-0", "Int(0)"),
        ("+5", "Int(5)"),
        ("12345678901234567890", "Uint(12345678901234567890)"),
        ("1.10", "Float(1.1)"),
        ("1e3", "Float(1000.0)"),
        (".5", "Float(0.5)"),
        ("1.2.3", "\"1.2.3\""),
        ("yes", "\"yes\""),
        ("on", "\"on\""),
        ("True", "Bool(true)"),
        ("~", "Null"),
        ("", "Null"),
        ("'12'", "\"12\""),
        ("!!str 12", "\"12\""),
        ("2024-01-01", "time 2024-01-01"),
        ("2024-01-01x", "\"2024-01-01x\""),
        ("2024-13-01", "\"2024-13-01\""),
        ("10:30", "\"10:30\""),
        ("--flag", "\"--flag\""),
        ("0.0.0.0:80", "\"0.0.0.0:80\""),
    ] {
        assert_eq!(value(text), expected, "{text}");
    }
}

#[test]
fn dates_are_what_gos_layouts_take() {
    for text in [
        "2024-01-01",
        "2024-1-1",
        "2024-02-29",
        "0000-02-29",
        "2024-01-01T1:2:3Z",
        "2024-01-01t10:00:00-02:00",
        "2024-01-01T10:00:00,5Z",
        "2024-01-01T10:00:00.1234567890123Z",
        "2024-01-01T10:00:00+24:60",
        "2024-01-01 1:2:3.5",
        "2024-01-01   10:00:00",
    ] {
        assert_eq!(value(text), format!("time {text}"));
    }
    for text in [
        "2024-02-30",
        "2023-02-29",
        "1900-02-29",
        "2024-00-01",
        "2024-13-01",
        "2024-001-01",
        "2024-01-01x",
        "24-01-01",
        "2024-01-01T1:2:3",
        "2024-01-01T10:00Z",
        "2024-01-01T25:00:00Z",
        "2024-01-01T10:60:00Z",
        "2024-01-01T10:00:60Z",
        "2024-01-01T10:00:00.Z",
        "2024-01-01T10:00:00z",
        "2024-01-01T10:00:00+25:00",
        "2024-01-01T10:00:00+0200",
        "2024-01-01 10:00:00 +2",
        "2024-01-01 10:00:00Z",
        "2024-01-01T10:00:00+é1:00",
    ] {
        assert_eq!(value(text), format!("{text:?}"));
    }
}

#[test]
fn underscores_and_signs_in_numbers_are_those_of_go() {
    for (text, expected) in [
        (".5_5", "Float(0.55)"),
        (".5e1_0", "Float(5000000000.0)"),
        (".5__5", "\".5__5\""),
        (".5_", "\".5_\""),
        ("._5", "\"._5\""),
        (".5_e1", "\".5_e1\""),
        ("1_.5", "Float(1.5)"),
        ("0b-1", "Int(-1)"),
        ("0b+1", "Int(1)"),
        ("0o-7", "Int(-7)"),
        ("0_b_-1", "Int(-1)"),
        ("-0b-1", "\"-0b-1\""),
        ("+0b-1", "\"+0b-1\""),
        ("0x-1", "\"0x-1\""),
        ("0B-1", "\"0B-1\""),
        ("0b--1", "\"0b--1\""),
    ] {
        assert_eq!(value(text), expected, "{text}");
    }
}

#[test]
fn signs_that_end_a_plain_scalar_in_flow_style_are_faults() {
    for (text, place) in [
        ("a: [CMD, 'http://h/?a', http://h/?a=b]\n", "f:1:25"),
        ("a: {b: http://h/?a}\n", "f:1:8"),
        ("a: {b?: c}\n", "f:1:5"),
        ("a: [:80]\n", "f:1:5"),
        ("a: {b: :c}\n", "f:1:8"),
        ("a: {:b: c}\n", "f:1:5"),
        ("a: [\"\\/\"]\n", "f:1:5"),
        ("a: \"b\\\\\\/\"\n", "f:1:4"),
        ("a: {b\n  : c}\n", "f:1:5"),
        ("a: {\"b\" # c\n\n  : d}\n", "f:1:5"),
        ("a: {b\n  c: d}\n", "f:1:5"),
    ] {
        let reading = read(&Source::new("f", text));
        assert!(reading.broken.is_none(), "{text}");
        let places: Vec<_> = reading
            .faults
            .iter()
            .map(|fault| fault.span.to_string())
            .collect();
        assert_eq!(places, [place], "{text}");
        assert_eq!(reading.documents.len(), 1, "{text}");
    }
    for text in [
        "a: http://h/?a\n",
        "a: :80\n",
        "a: ['?', \":b\", b:c, http://h/]\n",
        "a: [\"\\\\/\", '\\/']\n",
        "a:\n- [b]\n- c?\n",
        "a: {? b\n  : c}\n",
        "a: {\"b\"\n  , c:\n  d, e: f\n  g}\n",
    ] {
        assert!(read(&Source::new("f", text)).faults.is_empty(), "{text}");
    }
}

#[test]
fn a_comment_may_stand_right_behind_a_quote_or_bracket() {
    for (text, expected) in [
        ("\"q\"#x", "\"q\""),
        ("'q'# é", "\"q\""),
        ("|#x\n  b\nc: 'd'#x", "\"b\\n\""),
        (">-#x\n  b#c", "\"b#c\""),
    ] {
        assert_eq!(value(text), expected, "{text}");
    }
    let text = "a: [b]#c\nd: [e,#f\n  g]\nh: {i: j}#é\nk: |\n  \"l\"#m\nn: 1\nn: 2\n";
    let reading = read(&Source::new("f", text));
    assert!(reading.broken.is_none());
    // What follows such a comment stays at its place.
    assert_eq!(reading.faults[0].span.to_string(), "f:8:1");
    let map = reading.documents[0].root.as_map().expect("a mapping");
    assert_eq!(map["k"].as_text(), Some("\"l\"#m\n"));
    let many = |count| format!("a: [\n{}]\n", "  b,#c\n".repeat(count));
    assert!(read(&Source::new("f", many(50))).broken.is_none());
    let broken = read(&Source::new("f", many(51))).broken.expect("a limit");
    assert_eq!(broken.span.to_string(), "f:52:5");
}

#[test]
fn explicit_keys_win_over_merged_ones_and_the_first_merge_over_the_next() {
    let root = root(
        "a: &a {x: 1, y: 1}\nb: &b {y: 2, z: 2}\nc:\n  <<: [*a, *b]\n  x: 3\nd:\n  !!merge <<: *b\n  y: 4\n",
    );
    let c = root.as_map().expect("a mapping")["c"]
        .as_map()
        .expect("a mapping");
    assert!(matches!(c["x"].value, Value::Int(3)));
    assert!(matches!(c["y"].value, Value::Int(1)));
    assert!(matches!(c["z"].value, Value::Int(2)));
    let d = root.as_map().expect("a mapping")["d"]
        .as_map()
        .expect("a mapping");
    assert!(matches!(d["y"].value, Value::Int(4)));
}

#[test]
fn keys_written_twice_are_a_fault_with_both_places() {
    let source = Source::new("f", "a: 1\nb: 2\na: 3\n");
    let reading = read(&source);
    assert_eq!(reading.faults.len(), 1);
    assert_eq!(reading.faults[0].span.to_string(), "f:3:1");
    assert!(
        reading.faults[0].message.contains("f:1:1"),
        "{}",
        reading.faults[0].message
    );
}

/// Lines of random depth, made of what YAML gives a meaning.
fn lines() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        8 => Just("key: "),
        6 => Just("- "),
        4 => prop::sample::select(vec!["a", "b:", "é", "0644", "null", "<<", "x y", "http://h:1", "-1", ":80"]),
        3 => prop::sample::select(vec!["'b'", "\"c\\n\"", "'it''s'", "\"\\\\\"", "'k': ", "\"open", "''"]),
        3 => prop::sample::select(vec!["[a, 'b']", "[", "]", ",", "{k: v}", "{", "}", "{}", "[[a], {b: 1}]"]),
        2 => prop::sample::select(vec!["|", ">-", "|+", ">", "|2", "# c", " #", "#"]),
        1 => prop::sample::select(vec!["&a ", "&a", "*a", "*b", "&b ", "<<: *a", "[*a, *b]", "&a-_1 1", "{<<: *a}"]),
        1 => prop::sample::select(vec!["&a ", "*a", "?", "!t ", "\t", "---", "...", "%", "@", "\u{a0}", "\u{85}"]),
        1 => prop::sample::select(vec![":", "-", " ", "  ", "\\", "\r"]),
        1 => prop::sample::select(vec!["[a?]", "[:b]", "{k: :v}", "{k?: v}", "\"\\/\"", "'q'#", "[a]#", "2024-1-1", ".5_5"]),
        1 => prop::sample::select(vec!["?a", "[--a, -b]", "{k: --v}", "[-", "--", "\"\\u00e9\"", "\"\\U0001F4BE \\u+123\"", "...\n", "... # c\n", "[\n", "]\n", "}\n"]),
    ];
    let line = (0_usize..5, prop::collection::vec(piece, 0..4));
    prop::collection::vec(line, 0..9).prop_map(|lines| {
        let line = |(depth, pieces): (usize, Vec<&str>)| "  ".repeat(depth) + &pieces.concat() + "\n";
        lines.into_iter().map(line).collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]
    /// Reading compares the two readers, and panics where they are of two minds.
    #[test]
    fn both_readers_make_the_same_of_a_text(text in lines()) {
        read(&Source::new("f", text));
    }
}

#[test]
fn what_most_files_are_made_of_needs_one_reader() {
    let text = "---\n# A comment.\nservices: # and one more\n  \"web\":\n    image: 'nginx:1.29'\n    command: [a, \"b\\n\", {c: 1}]\n    \
                environment:\n    - A=b\n    - C: >-\n        d\n        e\n\n         f\n      g: |+\n        h\n\n    ports:\n      -\n      - - 80:80\n    \
                tty:\n  db: &db {a: 1}\n  <<: {of: db, db: 2}\n  other:\n    <<: [*db, {b: 2}]\n    a: &one # comment\n      b: &two 'x'\n      c: *two\n    d: *one # and\n  none: {}\n  cache:\n    command: [\n      --save, '1'\n    ]\n    labels: {\n      icon: \"\\U0001F4BE\\u00e9\"\n    }\n    \
                hostname: ?token\n\n... # the end\n\n# after it\n";
    let source = Source::new("f", text);
    assert!(everyday::read(&source).is_some());
    read(&source);
}

#[test]
fn the_full_reader_has_the_rest() {
    for text in [
        "a: !!str 1",
        "a: &b\nc: *b",
        "a: &b\n- 1",
        "- &b a",
        "a: &b b: 1",
        "a: &b *c",
        "a: &b {c: *b}",
        "a: &b 1\nc: &b {d: *b}",
        "a: *b",
        "a: &b 1\nc: *b d",
        "a: &b 1\n*b : c",
        "a: {<<: {b: 1}}",
        "<<: 1",
        "<<: [1]",
        "<<: {a: 1}\n<<: {b: 1}",
        "a: 1\na: 2",
        "a: 1\n---\nb: 2",
        "a: b\n  c",
        "a: \"b\n  c\"",
        "a: b: c",
        "a:\tb",
        "a: 'b' c",
        "1: a",
        "? a\n: b",
        "[a]",
        "- a",
        "a: [b",
        "a:\r\n",
        "a: |2\n   b",
        "a: \u{85}",
        "a: b\n...\nc: d",
        "a: b\n... c",
        "a: b\n....",
        "a: [\nb]",
        "a: \"\\ud800\"",
        "%YAML 1.2\n---\na: b",
        "",
    ] {
        let source = Source::new("f", text);
        assert!(everyday::read(&source).is_none(), "{text}");
        read(&source);
    }
    let deep: String = (0..60)
        .map(|depth| format!("{}a:\n", " ".repeat(depth)))
        .collect();
    assert!(everyday::read(&Source::new("f", deep)).is_none());
}

#[test]
fn an_alias_bomb_is_refused_early() {
    let mut text = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
    for level in 1..12 {
        let aliases = vec![format!("*a{}", level - 1); 10].join(", ");
        text.push_str(&format!("a{level}: &a{level} [{aliases}]\n"));
    }
    let reading = read(&Source::new("f", text));
    assert!(reading.broken.expect("a limit").message.contains("values"));
}

#[test]
fn depth_and_self_reference_are_refused() {
    assert!(read(&Source::new("f", "[".repeat(5000))).broken.is_some());
    assert!(read(&Source::new("f", "a: &a [*a]\n")).broken.is_some());
}

#[test]
fn tags_of_compose_are_recorded_with_their_path() {
    let source = Source::new(
        "f",
        "services:\n  a:\n    ports: !reset []\n    image: !override x\n",
    );
    let reading = read(&source);
    let document = &reading.documents[0];
    let paths: Vec<_> = document.resets.iter().map(ToString::to_string).collect();
    assert_eq!(paths, ["services.a.ports", "services.a.image"]);
    let service = document.root.as_map().expect("a mapping")["services"]
        .as_map()
        .expect("a mapping")["a"]
        .clone();
    assert_eq!(service.as_map().expect("a mapping").len(), 1);
}
