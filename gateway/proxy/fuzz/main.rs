//! The entry of libFuzzer: `.ci/fuzz` builds and runs it. Which target is fuzzed stands in `WAYPOST_FUZZ`.
#![no_main]

use std::sync::LazyLock;

static TARGET: LazyLock<fn(&[u8])> = LazyLock::new(|| {
    let name = std::env::var("WAYPOST_FUZZ").unwrap_or_default();
    waypost_proxy::fuzz::target(&name)
});

libfuzzer_sys::fuzz_target!(|data: &[u8]| TARGET(data));
