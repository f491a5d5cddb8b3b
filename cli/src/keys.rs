//! `boxoffice keys`: the keys that sign queue tokens.

use anyhow::Result;
use shared::store::{Rotation, Store};

use crate::command::Outcome;

/// Makes a new key, and says what that means.
pub async fn rotate(store: &Store) -> Result<Outcome> {
    let Rotation {
        kid,
        signs_from,
        retired,
        former_until,
    } = store.rotate_signing_keys().await?;
    println!(
        "new key    {kid}, signs from {signs_from} on; a running process hears of it within 5 minutes"
    );
    for former in retired {
        println!(
            "retired    {former}, its tokens are valid until they end, {former_until} at the latest"
        );
    }
    Ok(Outcome::Done)
}
