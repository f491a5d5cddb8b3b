//! The executables, built once for all tests by the cargo that runs them.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Command;
use std::sync::OnceLock;

use crate::world::World;

/// The folder of the built executables, or the one that `BOXOFFICE_FUNCTIONS` names.
///
/// # Panics
/// If they cannot be built.
pub fn folder() -> &'static PathBuf {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    FOLDER.get_or_init(|| {
        if let Some(folder) = std::env::var_os("BOXOFFICE_FUNCTIONS") {
            return folder.into();
        }
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
        // The test executable itself is in deps/ of the same folder.
        let mut folder = std::env::current_exe().expect("a path");
        folder.pop();
        folder.pop();
        folder
    })
}

/// The path of an executable.
#[must_use]
pub fn path(name: &str) -> PathBuf {
    folder().join(name)
}

/// The environment that Lambda and the template give a function, with the Runtime API at `runtime_api`.
#[must_use]
pub fn environment(
    function: &str,
    world: &World,
    runtime_api: SocketAddr,
) -> [(&'static str, String); 15] {
    [
        ("AWS_LAMBDA_RUNTIME_API", runtime_api.to_string()),
        ("AWS_LAMBDA_FUNCTION_NAME", function.to_owned()),
        ("AWS_LAMBDA_FUNCTION_VERSION", "1".to_owned()),
        ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "256".to_owned()),
        ("AWS_LAMBDA_LOG_GROUP_NAME", "group".to_owned()),
        ("AWS_LAMBDA_LOG_STREAM_NAME", "stream".to_owned()),
        ("AWS_REGION", "ap-northeast-2".to_owned()),
        ("AWS_ACCESS_KEY_ID", "test".to_owned()),
        ("AWS_SECRET_ACCESS_KEY", "test".to_owned()),
        ("AWS_ENDPOINT_URL_DYNAMODB", world.endpoint_url().to_owned()),
        ("BOXOFFICE_TABLE", world.tables.main.clone()),
        ("BOXOFFICE_KEYS_TABLE", world.tables.keys.clone()),
        ("BOXOFFICE_USER_IDENTITY", "TrustUserIdInRequest".to_owned()),
        ("BOXOFFICE_PAYMENT_PROVIDER", "TrustCharges".to_owned()),
        ("BOXOFFICE_METRICS_NAMESPACE", "Boxoffice/test".to_owned()),
    ]
}
