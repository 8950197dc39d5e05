//! A secret has no `Display`.

use homelab_core::Secret;

fn main() {
    println!("{}", Secret::new("hunter2"));
}
