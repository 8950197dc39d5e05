//! What the tests that cross crates share: comparing our answers with those of the programs that we claim to agree
//! with.

pub mod beside;
pub mod budget;
pub mod compare;
pub mod corpus;
pub mod fuzzing;
pub mod generate;
pub mod golden;
pub mod needs;
pub mod parity;
pub mod planted;
pub mod summary;
pub mod tailnet;
