//! Damaged and hostile files: the bodies of the fuzz targets, over fixed seeds.

use std::env;
use std::panic::{self, AssertUnwindSafe};
use std::time::{Duration, Instant};

use homelab_tests::fuzzing;

use crate::{Test, test};

/// How many damaged projects the usual run reads; `--long` reads a hundred times as many.
const USUAL: u64 = 4_000;

/// How long one input may take, on a slow machine and without optimisation.
const MOST: Duration = Duration::from_secs(30);

pub(crate) fn tests() -> Vec<Test> {
    vec![
        test("hostile::damaged_projects_never_panic", &[], damaged),
        test(
            "hostile::text_between_dollar_and_brace_never_panics",
            &[],
            interpolation,
        ),
        test("hostile::damaged_labs_are_parted_and_joined", &[], strata),
        test("hostile::damaged_policies_never_panic", &[], policies),
        test("hostile::bombs_are_refused_at_once", &[], bombs),
    ]
}

fn damaged() -> Result<(), String> {
    let rounds = if env::var_os("HOMELAB_LONG").is_some() {
        USUAL * 100
    } else {
        USUAL
    };
    let mut accepted = 0;
    for seed in 0..rounds {
        let data = fuzzing::damaged(seed);
        accepted += u64::from(try_one(&format!("seed {seed}"), &data, fuzzing::project)?);
    }
    println!("hostile: {rounds} damaged projects read, {accepted} of them still valid");
    if accepted * 20 < rounds {
        return Err(
            "less than one in twenty is still valid: what is behind the checks is not reached".to_owned(),
        );
    }
    Ok(())
}

fn policies() -> Result<(), String> {
    let long = env::var_os("HOMELAB_LONG").is_some();
    let rounds = if long { USUAL * 100 } else { USUAL };
    let mut accepted = 0;
    for seed in 0..rounds {
        let data = fuzzing::damaged_policy(seed);
        accepted += u64::from(try_one(&format!("seed {seed}"), &data, fuzzing::policy)?);
    }
    println!("hostile: {rounds} damaged policies read, {accepted} of them still valid");
    match accepted * 20 < rounds {
        true => Err("less than one in twenty is still valid: the evaluator is not reached".to_owned()),
        false => Ok(()),
    }
}

fn strata() -> Result<(), String> {
    // Each is read a dozen times, for the proof.
    let long = env::var_os("HOMELAB_LONG").is_some();
    let rounds = if long { USUAL } else { USUAL / 20 };
    let mut proven = 0;
    for seed in 0..rounds {
        let data = fuzzing::damaged(seed);
        proven += u64::from(try_one(&format!("seed {seed}"), &data, fuzzing::strata)?);
    }
    println!("hostile: {rounds} damaged labs parted and joined, {proven} of them can be shared");
    match proven * 20 < rounds {
        true => Err("less than one in twenty can be shared: the proof is not reached".to_owned()),
        false => Ok(()),
    }
}

fn interpolation() -> Result<(), String> {
    let parts = [
        "$", "${", "}", "{", "A", "SET", "EMPTY", ":-", "-", ":?", "?", ":+", "+", ":", "$$", " ", "\u{fc}",
        "\0", "\"",
    ];
    let mut state: usize = 1;
    for round in 0..3_000 {
        let mut text = String::new();
        for _ in 0..(round % 12) + 1 {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            text.push_str(parts[(state >> 33) % parts.len()]);
        }
        try_one(&format!("{text:?}"), text.as_bytes(), fuzzing::interpolator)?;
    }
    Ok(())
}

/// What is small and would become large: aliases of aliases, nesting, long chains of defaults.
fn bombs() -> Result<(), String> {
    let mut aliases = "x-0: &a0 [lol, lol, lol, lol, lol, lol, lol, lol, lol, lol]\n".to_owned();
    for level in 1..30 {
        let before = level - 1;
        aliases.push_str(&format!(
            "x-{level}: &a{level} [{}]\n",
            vec![format!("*a{before}"); 10].join(", ")
        ));
    }
    aliases.push_str("services: {a: {image: x, command: *a29}}\n");
    let mut merges = "x-0: &a0 {k0: v}\n".to_owned();
    for level in 1..200 {
        merges.push_str(&format!(
            "x-{level}: &a{level} {{<<: [*a{0}, *a{0}], k{level}: v}}\n",
            level - 1
        ));
    }
    let bombs: [(&str, String); 9] = [
        ("aliases", aliases),
        ("merge keys", merges),
        (
            "an alias inside its own anchor",
            "a: &a [*a]\nservices: {a: {image: x, command: *a}}\n".to_owned(),
        ),
        (
            "nesting of lists",
            format!("x: {}{}\n", "[".repeat(50_000), "]".repeat(50_000)),
        ),
        ("nesting of maps", format!("x: {}\n", "{a: ".repeat(20_000))),
        ("nesting of dashes", format!("x:\n  {}a\n", "- ".repeat(20_000))),
        (
            "nested defaults",
            format!(
                "services: {{a: {{image: \"{}x{}\"}}}}\n",
                "${A:-".repeat(20_000),
                "}".repeat(20_000)
            ),
        ),
        (
            "a range of all ports, many times",
            format!(
                "services: {{a: {{image: x, ports: [{}]}}}}\n",
                "'1-65535:1-65535', ".repeat(200)
            ),
        ),
        (
            "a file that includes itself",
            "include: [compose.yaml]\nservices: {a: {extends: a}}\n".to_owned(),
        ),
    ];
    for (name, text) in bombs {
        let began = Instant::now();
        try_one(name, text.as_bytes(), fuzzing::reader)?;
        println!(
            "hostile: {name}: {} bytes read in {:.0?}",
            text.len(),
            began.elapsed()
        );
    }
    Ok(())
}

fn try_one(name: &str, data: &[u8], body: fn(&[u8]) -> bool) -> Result<bool, String> {
    let began = Instant::now();
    let result = panic::catch_unwind(AssertUnwindSafe(|| body(data)));
    let text = || String::from_utf8_lossy(&data[..data.len().min(2_000)]).replace('\0', "\n--- next file\n");
    let accepted = result.map_err(|payload| {
        let message = payload
            .downcast_ref::<String>()
            .cloned()
            .or_else(|| payload.downcast_ref::<&str>().map(|&message| message.to_owned()));
        format!("{name}: {}\n{}", message.unwrap_or_default(), text())
    })?;
    match began.elapsed() {
        time if time > MOST => Err(format!("{name}: took {time:?}\n{}", text())),
        _ => Ok(accepted),
    }
}
