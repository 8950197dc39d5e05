//! A name that exists was parsed: nobody makes one of any text.

use homelab_core::ServiceName;

fn main() {
    let _ = ServiceName("Not A Name".into());
}
