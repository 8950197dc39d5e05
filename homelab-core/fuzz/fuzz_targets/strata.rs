//! Any bytes as a lab whose values are looked for, lifted out and put back.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    homelab_tests::fuzzing::strata(data);
});
