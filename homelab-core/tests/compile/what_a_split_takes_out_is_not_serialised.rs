//! What a split takes out, and the words that identify a lab, have no stored form but the one that says so.

use homelab_core::leak::Term;
use homelab_core::split::{Split, Values};
use homelab_core::Vocabulary;

fn stored<T: serde::Serialize>() {}

fn main() {
    stored::<Values>();
    stored::<Split>();
    stored::<Vocabulary>();
    stored::<Term>();
}
