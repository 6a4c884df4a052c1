//! Rebuilds when a migration is added: they are embedded in the binary, and cargo does not look into their folder by itself.

fn main() {
    println!("cargo:rerun-if-changed=migrations");
}
