use super::*;

fn path(text: &str) -> LabPath {
    text.parse().expect(text)
}

fn plan(steps: impl IntoIterator<Item = Step>) -> Plan {
    Plan::new("try", steps).expect("no path twice")
}

#[test]
fn the_identity_is_made_of_all_that_will_happen_and_of_nothing_else() {
    let step = || Step::write_new(path("a"), "x");
    let same = plan([step()]);
    assert_eq!(same.id(), plan([step()]).id());
    assert_eq!(same, plan([step()]));
    assert_eq!(
        same.id().as_str(),
        "f19190ee6394efdff4c7f52490555bc7",
        "stable between versions"
    );
    let others = [
        plan([Step::write_new(path("b"), "x")]),
        plan([Step::write_new(path("a"), "y")]),
        plan([step().with_mode(FileMode::Private)]),
        plan([Step::replace(path("a"), "w", "x")]),
        plan([Step::replace(path("a"), "v", "x")]),
        plan([Step::create_folder(path("a"))]),
        plan([]),
        Plan::new("another", [step()]).expect("valid"),
    ];
    let mut ids: Vec<_> = others.iter().map(Plan::id).chain([same.id()]).collect();
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), others.len() + 1);
}

#[test]
fn two_steps_on_one_path_are_refused() {
    let error = Plan::new(
        "try",
        [Step::write_new(path("a"), "x"), Step::create_folder(path("a"))],
    )
    .expect_err("twice `a`");
    assert_eq!(error.kind(), ErrorKind::Invalid);
    assert_eq!(error.to_string(), "plan to try: two steps change `a`");
}

#[test]
fn a_dry_run_lists_the_steps_and_on_demand_their_content() {
    let plan = plan([
        Step::create_folder(path("services")),
        Step::write_new(path("lab.toml"), "audience = \"family\"\n"),
        Step::replace(path("old.toml"), "a\nb\n", "a\nc\n"),
        Step::write_new(path(".env"), Content::hidden("PASSWORD=hunter2")).with_mode(FileMode::Private),
        Step::write_new(path("logo.png"), vec![0u8, 159, 146, 150]),
    ]);
    assert_eq!(
        plan.to_string(),
        "try\n  1. create folder `services`\n  2. write new file `lab.toml` (20 B)\n  \
         3. replace file `old.toml` (4 B)\n  4. write new private file `.env` (16 B)\n  \
         5. write new file `logo.png` (4 B)\n"
    );
    assert_eq!(
        format!("{plan:#}"),
        "try\n  1. create folder `services`\n  2. write new file `lab.toml` (20 B)\n     --- /dev/null\n     \
         +++ b/lab.toml\n     @@ -0,0 +1,1 @@\n     +audience = \"family\"\n  3. replace file `old.toml` (4 B)\n     \
         --- a/old.toml\n     +++ b/old.toml\n     @@ -1,2 +1,2 @@\n      a\n     -b\n     +c\n  \
         4. write new private file `.env` (16 B)\n     (its content is secret)\n  \
         5. write new file `logo.png` (4 B)\n     (its content is not text)\n"
    );
    assert_eq!(
        super::Plan::new("rest", []).expect("valid").to_string(),
        "rest\n  nothing to do\n"
    );
}

#[test]
fn a_hidden_content_is_in_no_output() {
    let plan = plan([
        Step::write_new(path(".env"), Content::hidden("hunter2")),
        Step::replace(path("b"), Content::hidden("hunter2"), "open"),
    ]);
    let json = serde_json::to_string(&plan.view()).expect("plain data");
    let all = format!("{plan}{plan:#}{plan:?}{json}");
    assert!(!all.contains("hunter2"), "{all}");
    let public = super::Plan::new("x", [Step::write_new(path("a"), "of this lab alone")]).expect("valid");
    assert!(
        !format!("{public:?}").contains("of this lab alone"),
        "Debug shows nothing private"
    );
}

#[test]
fn the_view_says_the_same_as_the_plan() {
    let plan = plan([Step::replace(path("a/b"), "1\n", "2\n").with_mode(FileMode::Private)]);
    let view = plan.view();
    assert_eq!(view.id, plan.id().as_str());
    let step = &view.steps[0];
    assert_eq!((step.kind.as_str(), step.target.as_str()), ("write_file", "a/b"));
    assert_eq!((step.size, step.mode.as_deref()), (Some(2), Some("private")));
    assert_eq!(step.content.as_deref(), Some("2\n"));
    assert_eq!(step.diff, plan.steps()[0].diff());
    assert!(
        step.precondition
            .starts_with("a file with sha256 4355a46b19d348dc")
    );
}
