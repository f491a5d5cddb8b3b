//! The build script of every function with a store: links it so that what a start runs lies together (functions.ld).

use std::env;
use std::path::Path;

fn main() {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../infra/start-order/functions.ld");
    let script = script.display();
    println!("cargo::rerun-if-changed={script}");
    // As it is shipped: what is built for a test has other names in it, and other systems' linkers know no such scripts.
    let is = |variable, value: &str| env::var(variable).is_ok_and(|is| is == value);
    if is("PROFILE", "release") && is("CARGO_CFG_TARGET_OS", "linux") {
        println!("cargo::rustc-link-arg-bins=-Wl,-T,{script}");
    }
}
