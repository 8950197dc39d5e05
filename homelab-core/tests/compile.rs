//! What must not compile, each with the compiler's own message beside it: a name is no other name, what is shareable
//! cannot be claimed, and what is private has no stored form. `TRYBUILD=overwrite cargo test --test compile` rewrites
//! the messages after a change that was meant, such as a new compiler's words.

#[test]
fn what_must_not_compile_does_not() {
    trybuild::TestCases::new().compile_fail("tests/compile/*.rs");
}
