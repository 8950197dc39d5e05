//! No language lacks an operation of the core.

use std::{env, fs};

use homelab_tests::needs::repository;
use homelab_tests::parity::Parity;

use crate::{Test, test};

pub(crate) fn tests() -> Vec<Test> {
    vec![test(
        "parity::every_operation_is_in_every_language_and_in_the_table",
        &[],
        every_operation,
    )]
}

fn every_operation() -> Result<(), String> {
    let parity = Parity::of(repository())?;
    if !parity.problems.is_empty() {
        return Err(parity.problems.join("\n"));
    }
    let path = repository().join("docs/parity.md");
    if env::var_os("HOMELAB_UPDATE").is_some() {
        return fs::write(path, parity.page).map_err(|error| error.to_string());
    }
    match fs::read_to_string(path) {
        Ok(page) if page == parity.page => Ok(()),
        _ => Err("docs/parity.md is not current: run with HOMELAB_UPDATE=1 if this is meant".to_owned()),
    }
}
