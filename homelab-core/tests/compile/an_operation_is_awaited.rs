//! A plan that is only made, and an operation that is dropped at once, are mistakes.

#![deny(unused_must_use)]

use homelab_core::{Plan, World};

fn plan() -> Plan {
    Plan::new("nothing", []).unwrap()
}

fn f(world: &World) {
    plan();
    plan().apply(world);
}

fn main() {}
