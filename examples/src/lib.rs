//! Examples.

pub mod terminal;
