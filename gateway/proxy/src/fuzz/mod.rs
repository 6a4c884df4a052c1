//! What holds of any bytes whatsoever, for a fuzzer to search for bytes of which it does not. Each target takes bytes as they come and panics where something
//! does not hold; `.ci/fuzz` runs them with coverage (libFuzzer), and the tests here with the seeds of `fuzz/seeds`. No part of the data plane.
//!
//! | target | what holds |
//! | --- | --- |
//! | `path` | a normal form is its own, is whole, and names nothing above the root, however it is decoded |
//! | `headers` | two readers of a head agree; nothing of a hop goes on; a list in one line says what it says in many |
//! | `config` | a file is read or refused with its lines; what is read can be carried out |
//! | `token` | whoever has no key gets in with no token, and with a key only by claims that hold |
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "the fuzzer wants to be told, as a test does"
)]

mod config;
mod headers;
mod path;
mod token;

/// A target by its name.
///
/// # Panics
/// There is none of that name.
pub fn target(name: &str) -> fn(&[u8]) {
    match name {
        "path" => path::holds,
        "headers" => headers::holds,
        "config" => config::holds,
        "token" => token::holds,
        _ => panic!("there is no target `{name}`; there are: path, headers, config, token"),
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    #[test]
    fn it_holds_of_every_seed() {
        for name in ["path", "headers", "config", "token"] {
            let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/seeds").join(name);
            let mut seeds = 0;
            for entry in std::fs::read_dir(folder).unwrap() {
                super::target(name)(&std::fs::read(entry.unwrap().path()).unwrap());
                seeds += 1;
            }
            assert!(seeds > 3, "{name}");
        }
    }
}
