//! Says what becomes different on a lab's engines: `watch [DIR] [OPTIONS]`.

use std::process::ExitCode;

use homelab_core::inventory::Change;
use homelab_core::{Lab, Result, World};
use homelab_examples::{Arguments, fail, one, say, wait};

const USAGE: &str = "watch [DIR] [OPTIONS]

Says what the engines of the lab of this folder (the working folder without one) run, and then one line for whatever
becomes different, until it is interrupted. Nothing is polled: the engines tell.

  --once            only what runs now";

fn main() -> ExitCode {
    match run(Arguments::from_environment(USAGE)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => fail(&error, 2),
    }
}

fn run(mut arguments: Arguments) -> Result<()> {
    let once = arguments.flag("--once");
    let lab = Lab::load(one(arguments.rest()?)?)?;
    wait(async {
        let mut changes = World::connect(&lab).await.engines().watch();
        while let Some(change) = changes.next().await {
            say(&format!("{change}\n"))?;
            if let Change::Full(inventory) = &change {
                say(&inventory.to_string())?;
                if once {
                    break;
                }
            }
        }
        Ok(())
    })
}
