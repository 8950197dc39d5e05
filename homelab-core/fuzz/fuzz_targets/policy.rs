//! Any bytes as a tailnet's policy.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    homelab_tests::fuzzing::policy(data);
});
