//! Only what was proved can be shared: nobody else makes a `Shareable`.

use homelab_core::stratum::Shareable;

fn export(_: Shareable<String>) {}

fn main() {
    let text = String::from("192.0.2.10");
    export(Shareable(text.clone()));
    export(Shareable::proven(text.clone()));
    export(text.into());
}
