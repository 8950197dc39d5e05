//! What the hosted service answered about tailnets, and what we answer.

use homelab_tests::golden::Golden;
use homelab_tests::needs::{self, Need};

use crate::{Test, test};

pub(crate) fn tests() -> Vec<Test> {
    vec![test(
        "golden::the_tailnet_is_as_the_service_has_it",
        &[Need::Golden],
        tailnet,
    )]
}

fn tailnet() -> Result<(), String> {
    let golden = Golden::compare(&needs::golden()?)?;
    println!("golden: {golden}");
    match golden.is_equal() {
        true => Ok(()),
        false => Err(golden.to_string()),
    }
}
