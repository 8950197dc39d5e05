//! Any bytes as a Compose file.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    homelab_tests::fuzzing::reader(data);
});
