//! Checks of programs that are run in containers, and of files and images.

use std::time::Duration;

use super::{Checked, FOLDER, Stage, ensure, fails, script, wrong};
use crate::engine::{EngineExt, ExecItem, ExecOptions, Feed};
use crate::error::ErrorKind;
use crate::secret::Secret;

fn shell(script: &str) -> ExecOptions {
    ExecOptions::new(["sh", "-c", script])
}

pub(super) async fn programs_have_two_outputs_and_a_code(stage: &Stage) -> Checked {
    let result = stage.engine.run(&stage.subject, shell(script::BOTH)).await?;
    ensure(
        result.stdout == b"out\n" && result.stderr == b"err\n" && result.code == 3,
        || format!("it is {result:?}"),
    )?;
    // Engines differ in where they say that there is no such program, not in that it is a failure.
    let missing = stage
        .engine
        .run(&stage.subject, ExecOptions::new(["/homelab/no-such-program"]))
        .await;
    match missing {
        Ok(result) => ensure([126, 127].contains(&result.code), || {
            format!("a program that is not there ends with {}", result.code)
        }),
        Err(error) => ensure(error.kind() == ErrorKind::NotFound, || {
            format!("a program that is not there is {:?}", error.kind())
        }),
    }
}

pub(super) async fn programs_get_what_they_are_given(stage: &Stage) -> Checked {
    let mut options = shell(script::SURROUNDINGS);
    options.environment.push(("A".to_owned(), Secret::new("a = b c")));
    options.folder = Some(FOLDER.to_owned());
    options.user = Some("1234".to_owned());
    let result = stage.engine.run(&stage.subject, options).await?;
    let text = String::from_utf8_lossy(&result.stdout).into_owned();
    ensure(text == format!("a = b c\n{FOLDER}\n1234\n"), || {
        format!("it says {text:?}")
    })?;
    let pieces: Vec<Vec<u8>> = (0..200).map(|number| vec![number; 5000]).collect();
    let mut options = ExecOptions::new(["cat"]);
    options.input = Some(Feed::of(pieces.clone()));
    let result = stage.engine.run(&stage.subject, options).await?;
    ensure(result.stdout == pieces.concat() && result.code == 0, || {
        format!("of 1000000 bytes came back {}", result.stdout.len())
    })
}

pub(super) async fn data_comes_as_it_is(stage: &Stage) -> Checked {
    let result = stage.engine.run(&stage.subject, shell(script::BINARY)).await?;
    let mut expected = vec![0; 16];
    expected.extend(b"\r\n\x01");
    ensure(result.stdout == expected, || {
        format!("binary data became {:?}", result.stdout)
    })?;
    let mut feed = stage.engine.exec(&stage.subject, shell(script::MANY));
    let (mut zeros, mut last) = (0, None);
    while let Some(item) = feed.next().await? {
        if let ExecItem::Stdout(bytes) = &item {
            zeros += bytes.iter().filter(|byte| **byte == 0).count();
        }
        last = Some(item);
    }
    ensure(zeros == 8 << 20 && last == Some(ExecItem::Exit(0)), || {
        format!("of 8388608 bytes came {zeros}")
    })
}

pub(super) async fn a_silent_program_can_be_given_up(stage: &Stage) -> Checked {
    let mut options = shell(script::SILENT);
    options.idle = Some(Duration::from_millis(300));
    let result = stage.engine.run(&stage.subject, options).await;
    fails("a silent program", ErrorKind::TimedOut, result, stage)
}

pub(super) async fn files_go_in_and_out(stage: &Stage) -> Checked {
    let engine = &stage.engine;
    let path = format!("{FOLDER}/contract.bin");
    let content: Vec<u8> = (0..100_000u32).flat_map(u32::to_le_bytes).collect();
    engine.write_file(&stage.subject, &path, 0o600, &content).await?;
    let read = engine.read_file(&stage.subject, &path, 1 << 20).await?;
    ensure(read == content, || {
        format!("of {} bytes came back {}", content.len(), read.len())
    })?;
    let little = engine.read_file(&stage.subject, &path, 1000).await;
    fails("a file that is too large", ErrorKind::Refused, little, stage)?;
    let missing = engine
        .read_file(&stage.subject, "/homelab/no-such-file", 1000)
        .await;
    fails("a file that is not there", ErrorKind::NotFound, missing, stage)?;
    let nowhere = engine
        .write_file(&stage.subject, "/homelab/no-such-folder/x", 0o600, b"x")
        .await;
    fails("a folder that is not there", ErrorKind::NotFound, nowhere, stage)
}

/// Nothing listens on port 1 of this machine.
pub(super) async fn an_image_that_is_nowhere_is_an_error(stage: &Stage) -> Checked {
    let result = stage.engine.pull("127.0.0.1:1/homelab/nowhere:1").all().await;
    match result {
        Ok(progress) => Err(wrong(format!("it was pulled: {progress:?}"))),
        Err(error) => ensure(
            [ErrorKind::Unreachable, ErrorKind::NotFound].contains(&error.kind()),
            || format!("it is {:?}: {error}", error.kind()),
        ),
    }
}
