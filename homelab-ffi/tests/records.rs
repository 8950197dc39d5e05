//! The records that cross are the core's: each is restated, with the core's own words.

use std::collections::BTreeMap;

/// Returns every public struct and enum of a source by its name, with its comments and without its attributes.
fn shapes(source: &str) -> BTreeMap<String, String> {
    let lines: Vec<&str> = source.lines().collect();
    let mut shapes = BTreeMap::new();
    for (start, line) in lines.iter().enumerate() {
        let Some(rest) = line
            .strip_prefix("pub struct ")
            .or_else(|| line.strip_prefix("pub enum "))
        else {
            continue;
        };
        let name = rest.split([' ', '{']).next().expect("a name").to_owned();
        let above = lines[..start]
            .iter()
            .rposition(|line| !line.starts_with("///") && !line.starts_with("#["))
            .map_or(0, |index| index + 1);
        let end = start
            + lines[start..]
                .iter()
                .position(|line| *line == "}")
                .expect("its end");
        let shape: Vec<&str> = lines[above..=end]
            .iter()
            .copied()
            .filter(|line| !line.trim_start().starts_with("#["))
            .collect();
        shapes.insert(name, shape.join("\n"));
    }
    shapes
}

#[test]
fn every_view_record_of_the_core_crosses_with_its_comments() {
    let theirs = shapes(include_str!("../../homelab-core/src/view.rs"));
    let ours = shapes(include_str!("../src/view.rs"));
    assert!(theirs.len() > 10, "{theirs:?}");
    for (name, shape) in theirs {
        let restated = ours
            .get(&name)
            .unwrap_or_else(|| panic!("`{name}` is not in homelab-ffi/src/view.rs"));
        assert_eq!(*restated, shape, "`{name}` differs from the core's");
    }
}

#[test]
fn every_answer_about_a_tailnet_copies_or_what_runs_crosses_with_its_comments() {
    let mut theirs = shapes(include_str!("../../homelab-core/src/view/reachability.rs"));
    theirs.extend(shapes(include_str!("../../homelab-core/src/view/portal.rs")));
    theirs.extend(shapes(include_str!("../../homelab-core/src/view/live.rs")));
    theirs.extend(shapes(include_str!("../../homelab-core/src/view/engine.rs")));
    theirs.extend(shapes(include_str!("../../homelab-core/src/view/backup.rs")));
    let mut ours = shapes(include_str!("../src/view.rs"));
    ours.extend(shapes(include_str!("../src/portal.rs")));
    ours.extend(shapes(include_str!("../src/live.rs")));
    ours.extend(shapes(include_str!("../src/view/engine.rs")));
    ours.extend(shapes(include_str!("../src/backup.rs")));
    let mirrored = include_str!("../src/reachability.rs");
    let outdented: Vec<&str> = mirrored
        .lines()
        .map(|line| line.strip_prefix("    ").unwrap_or(line))
        .collect();
    ours.extend(shapes(&outdented.join("\n")));
    assert!(theirs.len() > 10, "{theirs:?}");
    for (name, shape) in theirs {
        let restated = ours
            .get(&name)
            .unwrap_or_else(|| panic!("`{name}` does not cross"));
        assert_eq!(
            *restated,
            shape.replace("Arc<str>", "String"),
            "`{name}` differs from the core's"
        );
    }
}

#[test]
fn the_enums_that_are_no_views_have_the_cores_comments_too() {
    let mut ours = shapes(include_str!("../src/view.rs"));
    ours.extend(shapes(include_str!("../src/portal.rs")));
    for (name, source) in [
        ("Severity", include_str!("../../homelab-core/src/finding.rs")),
        ("Answer", include_str!("../../homelab-core/src/query.rs")),
        ("HostKind", include_str!("../../homelab-core/src/lab/instance.rs")),
    ] {
        assert_eq!(ours[name], shapes(source)[name]);
    }
}
