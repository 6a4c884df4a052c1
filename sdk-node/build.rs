//! Tells the linker of each platform where the symbols of Node come from: from the process that loads the addon. And that the addon stays: Node unloads it with the
//! last worker that uses it, while the engine's thread goes on.

fn main() {
    napi_build::setup();
    if std::env::var("CARGO_CFG_TARGET_OS")
        .is_ok_and(|system| ["linux", "android", "freebsd"].contains(&&*system))
    {
        println!("cargo:rustc-cdylib-link-arg=-Wl,-z,nodelete");
    }
}
