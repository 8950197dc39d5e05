//! Loads and audits a lab again and again, in one process, and prints the best time as JSON: what a binding of another
//! language is measured beside.
//!
//! `load [--rounds N] DIR`

use std::env;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

use homelab_core::{Lab, Observed};
use jiff::Timestamp;

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            eprintln!("load: {problem}");
            ExitCode::from(2)
        }
    }
}

fn run() -> Result<(), String> {
    let (mut rounds, mut folder) = (5_u32, None);
    let mut arguments = env::args().skip(1);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--rounds" => {
                let number = arguments.next().and_then(|number| number.parse().ok());
                rounds = number.ok_or("--rounds needs a number")?;
            }
            other => folder = Some(PathBuf::from(other)),
        }
    }
    let folder = folder.ok_or("name the folder of a lab")?;
    let seen = Observed::none(Timestamp::UNIX_EPOCH);
    let (mut best, mut services, mut findings) = (f64::INFINITY, 0, 0);
    for _ in 0..rounds {
        let began = Instant::now();
        let lab = Lab::load(&folder).map_err(|error| error.to_string())?;
        let report = lab.audit(&seen);
        best = best.min(began.elapsed().as_secs_f64());
        (services, findings) = (report.services().len(), report.findings().len());
    }
    println!(
        "{}",
        serde_json::json!({"services": services, "findings": findings, "seconds": best})
    );
    Ok(())
}
