//! Secrets, private values, labs and observations do not serialise.

use homelab_core::stratum::Private;
use homelab_core::{Lab, Observed, Secret};

fn stored<T: serde::Serialize>() {}

fn main() {
    stored::<Secret>();
    stored::<Private<String>>();
    stored::<Lab>();
    stored::<Observed>();
}
