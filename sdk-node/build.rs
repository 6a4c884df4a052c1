//! Tells the linker of each platform where the symbols of Node come from: from the process that loads the addon.

fn main() {
    napi_build::setup();
}
