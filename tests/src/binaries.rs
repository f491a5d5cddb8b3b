//! The executables: built once for all tests, by the cargo that runs them.

use std::path::PathBuf;
use std::process::Command;
use std::sync::OnceLock;

/// The folder of the built executables.
///
/// # Panics
/// Where they cannot be built.
pub fn folder() -> &'static PathBuf {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    FOLDER.get_or_init(|| {
        let root = concat!(env!("CARGO_MANIFEST_DIR"), "/..");
        let output = Command::new(env!("CARGO"))
            .args(["build", "--workspace", "--bins", "--quiet"])
            .current_dir(root)
            .output()
            .expect("cargo");
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
        // This test's own executable lies in deps/ of the same folder.
        let mut folder = std::env::current_exe().expect("a path");
        folder.pop();
        folder.pop();
        folder
    })
}

/// An executable's path.
#[must_use]
pub fn path(name: &str) -> PathBuf {
    folder().join(name)
}
