//! The build script of every function with a store: links it so that what a start runs lies together (functions.ld).

use std::env;
use std::path::Path;

fn main() {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../infra/start-order/functions.ld");
    let script = script.display();
    println!("cargo::rerun-if-changed={script}");
    println!("cargo::rerun-if-env-changed=RUSTC_LINKER");
    // As it is shipped: what is built for a test has other names in it. GNU's linker takes many minutes over a script of
    // thousands of patterns, and other systems' know no such scripts, so that only zig's, which `cargo lambda` uses, gets it.
    let contains =
        |variable, text: &str| env::var(variable).is_ok_and(|value| value.contains(text));
    if contains("PROFILE", "release") && contains("RUSTC_LINKER", "zig") {
        println!("cargo::rustc-link-arg-bins=-Wl,-T,{script}");
    }
}
