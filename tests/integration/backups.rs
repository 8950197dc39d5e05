//! The embedded repository and restic: each checks and restores what the other wrote.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use homelab_core::observed::{Completeness, Depth};
use homelab_core::repository::rustic::RusticRepository;
use homelab_core::repository::{Repository, Source, Watch, contract};
use homelab_core::{Result as Answer, Secret};
use homelab_tests::needs::Need;
use jiff::Timestamp;

use crate::{Test, test};

const PASSWORD: &str = "correct horse";

pub(crate) fn tests() -> Vec<Test> {
    vec![
        test(
            "backups::the_embedded_repository_keeps_the_contract",
            &[],
            keeps_the_contract,
        ),
        test(
            "backups::restic_checks_and_restores_what_we_wrote_and_we_what_it_did",
            &[Need::Restic],
            interoperates,
        ),
    ]
}

fn wait<T>(work: impl Future<Output = Answer<T>>) -> Result<T, String> {
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    let answer = runtime.map_err(text)?.block_on(work);
    answer.map_err(|error| format!("failed to {error} ({error:?})"))
}

fn text(error: impl std::fmt::Display) -> String {
    error.to_string()
}

fn repository(path: PathBuf) -> Result<RusticRepository, String> {
    Ok(RusticRepository::new(
        "local".parse().map_err(text)?,
        path,
        Secret::new(PASSWORD),
    ))
}

fn keeps_the_contract() -> Result<(), String> {
    let folder = tempfile::tempdir().map_err(text)?;
    let repository = repository(folder.path().join("repository"))?;
    let work = folder.path().join("work");
    fs::create_dir(&work).map_err(text)?;
    match wait(async { Ok(contract::check(&repository, &work).await) })?.as_slice() {
        [] => Ok(()),
        problems => Err(problems.join("\n")),
    }
}

fn restic(repository: &Path, words: &[&str]) -> Result<String, String> {
    let output = Command::new("restic")
        .arg("--no-cache")
        .arg("--repo")
        .arg(repository)
        .args(words)
        .env("RESTIC_PASSWORD", PASSWORD)
        .stdin(Stdio::null())
        .output()
        .map_err(text)?;
    match output.status.success() {
        true => Ok(String::from_utf8_lossy(&output.stdout).into_owned()),
        false => Err(format!(
            "restic {words:?}: {}",
            String::from_utf8_lossy(&output.stderr)
        )),
    }
}

fn expect(what: &str, holds: bool) -> Result<(), String> {
    holds.then_some(()).ok_or_else(|| what.to_owned())
}

/// Returns the content of a file that was restored below a folder.
fn back(folder: &Path, file: &Path) -> Result<Vec<u8>, String> {
    fs::read(folder.join(file.strip_prefix("/").map_err(text)?)).map_err(text)
}

fn interoperates() -> Result<(), String> {
    let folder = tempfile::tempdir().map_err(text)?;
    let at = |name: &str| folder.path().join(name);
    let (data, file) = (at("data"), at("data/file"));
    fs::create_dir(&data).map_err(text)?;
    let content: Vec<u8> = (0..400_000u32)
        .flat_map(|n| n.wrapping_mul(2_654_435_761).to_le_bytes())
        .collect();
    fs::write(&file, &content).map_err(text)?;
    std::os::unix::fs::symlink("file", data.join("link")).map_err(text)?;
    let watch = Watch::new();
    let source = |second: i64| -> Result<Source, String> {
        let moment = Timestamp::from_second(second).map_err(text)?;
        Ok(Source::new("nas".parse().map_err(text)?, moment, [data.clone()]))
    };
    let words = data.display().to_string();

    // What we wrote.
    let ours = repository(at("ours"))?;
    wait(ours.init(&watch))?;
    wait(ours.run(&source(1_000_000)?, &watch))?;
    restic(&at("ours"), &["check", "--read-data"])?;
    let target = at("by-restic").display().to_string();
    restic(&at("ours"), &["restore", "latest", "--target", &target])?;
    expect(
        "restic restores what we wrote",
        back(&at("by-restic"), &file)? == content,
    )?;
    let listed = restic(&at("ours"), &["snapshots", "--json"])?;
    expect(
        "restic lists it, of the right machine",
        listed.contains("\"hostname\":\"nas\""),
    )?;

    // What restic wrote into the same one.
    fs::write(&file, "changed").map_err(text)?;
    restic(&at("ours"), &["backup", "--host", "nas", &words])?;
    let all = wait(ours.snapshots(&watch))?;
    let states: Vec<Completeness> = all.iter().map(|one| one.completeness).collect();
    expect(
        "ours is complete, of restic's that is not recorded",
        states == [Completeness::Complete, Completeness::NotRecorded],
    )?;
    expect("restic's says what it holds", all[1].holds(&words))?;
    let checked = wait(ours.check(Depth::All, &watch))?;
    expect(
        &format!("it is whole: {:?}", checked.faults),
        checked.faults.is_empty(),
    )?;
    wait(ours.restore(&all[1].id, &at("by-us"), &watch))?;
    expect(
        "we restore what restic wrote",
        back(&at("by-us"), &file)? == b"changed",
    )?;

    // A repository that restic made, and what both do to it.
    restic(&at("theirs"), &["init"])?;
    restic(&at("theirs"), &["backup", "--host", "nas", &words])?;
    let theirs = repository(at("theirs"))?;
    wait(theirs.run(&source(2_000_000)?, &watch))?;
    let all = wait(theirs.snapshots(&watch))?;
    wait(theirs.forget(std::slice::from_ref(&all[0].id), &watch))?;
    wait(theirs.prune(&watch))?;
    restic(&at("theirs"), &["check", "--read-data"])?;
    let checked = wait(theirs.check(Depth::All, &watch))?;
    expect(
        &format!("it is whole: {:?}", checked.faults),
        checked.faults.is_empty(),
    )
}
