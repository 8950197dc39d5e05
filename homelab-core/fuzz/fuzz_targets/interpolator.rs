//! Any text between the quotes of a value.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    homelab_tests::fuzzing::interpolator(data);
});
