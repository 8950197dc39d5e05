//! Any bytes as a project of several files.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    homelab_tests::fuzzing::project(data);
});
