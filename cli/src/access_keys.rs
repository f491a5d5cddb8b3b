//! The access keys of the embedded DynamoDB, and where the commands of this machine find them.
//!
//! `serve` writes the keys to a file for its port, in a folder that only its user can open. `--local` reads them there. The
//! format is the AWS CLI's, so the file can be used as `AWS_SHARED_CREDENTIALS_FILE`.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow};
use aws_credential_types::Credentials;

/// An access key id and its secret.
#[derive(Clone, PartialEq, Eq)]
pub struct AccessKeys {
    pub(crate) id: String,
    pub(crate) secret: String,
}

const ID: &str = "aws_access_key_id";
const SECRET: &str = "aws_secret_access_key";
/// 128 and 256 random bits.
const ID_BYTES: usize = 16;
const SECRET_BYTES: usize = 32;

impl AccessKeys {
    pub fn random() -> Result<Self> {
        Ok(Self {
            id: hex::encode_upper(random_bytes::<ID_BYTES>()?),
            secret: hex::encode(random_bytes::<SECRET_BYTES>()?),
        })
    }

    #[must_use]
    pub fn credentials(&self) -> Credentials {
        Credentials::from_keys(&self.id, &self.secret, None)
    }

    /// Reads a file that [`AccessKeys::write`] wrote; None if there is no file.
    pub fn read(file: &Path) -> Result<Option<Self>> {
        let text = match fs::read_to_string(file) {
            Ok(text) => text,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => {
                return Err(error)
                    .with_context(|| format!("cannot read the access keys in {}", file.display()));
            }
        };
        let value = |name: &str| {
            text.lines()
                .filter_map(|line| line.split_once('='))
                .find_map(|(key, value)| (key.trim() == name).then(|| value.trim().to_owned()))
                .filter(|value| !value.is_empty())
        };
        match (value(ID), value(SECRET)) {
            (Some(id), Some(secret)) => Ok(Some(Self { id, secret })),
            _ => Err(anyhow!(
                "{} contains no access keys; delete it, and `serve` makes new ones",
                file.display()
            )),
        }
    }

    /// Writes the file so that only this user can read it, and no reader sees half of it.
    pub fn write(&self, file: &Path) -> Result<()> {
        let text = format!(
            "[default]\n{ID} = {}\n{SECRET} = {}\n",
            self.id, self.secret
        );
        let new = file.with_extension(format!("{}.new", std::process::id()));
        let write = || -> std::io::Result<()> {
            create_private(&new)?.write_all(text.as_bytes())?;
            fs::rename(&new, file)
        };
        write().with_context(|| format!("cannot write the access keys to {}", file.display()))
    }
}

fn random_bytes<const N: usize>() -> Result<[u8; N]> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|error| anyhow!("cannot get random bytes: {error}"))?;
    Ok(bytes)
}

/// Opens a file that only this user can read, and empties it.
pub(crate) fn create_private(file: &Path) -> std::io::Result<File> {
    OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(file)
}

/// Creates a folder that only this user can open, if it is missing.
pub(crate) fn create_private_folder(folder: &Path) -> std::io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(folder)
}

/// The file of the `serve` whose DynamoDB has this port; None if this user has no folder for it.
#[must_use]
pub fn file_of_port(port: u16) -> Option<PathBuf> {
    let variable = |name: &str| {
        std::env::var_os(name)
            .map(PathBuf::from)
            .filter(|path| path.is_absolute())
    };
    let cache = variable("XDG_CACHE_HOME").or_else(|| Some(variable("HOME")?.join(".cache")))?;
    Some(cache.join("boxoffice").join(format!("dynamodb-{port}.ini")))
}

/// The keys of the `serve` whose DynamoDB has this address on this machine, if there is one.
pub fn of_endpoint(endpoint_url: &str) -> Result<Option<AccessKeys>> {
    let port = endpoint_url
        .parse::<axum::http::Uri>()
        .ok()
        .and_then(|uri| uri.port_u16());
    match port.and_then(file_of_port) {
        Some(file) => AccessKeys::read(&file),
        None => Ok(None),
    }
}

/// A file of a port, removed when this is dropped.
pub struct Published {
    file: PathBuf,
    keys: AccessKeys,
}

impl Published {
    pub fn new(keys: &AccessKeys, port: u16) -> Result<Self> {
        let file = file_of_port(port)
            .context("there is no folder for this user: set HOME or XDG_CACHE_HOME")?;
        if let Some(folder) = file.parent() {
            create_private_folder(folder)
                .with_context(|| format!("cannot create the folder {}", folder.display()))?;
        }
        keys.write(&file)?;
        Ok(Self {
            file,
            keys: keys.clone(),
        })
    }

    #[must_use]
    pub fn file(&self) -> &Path {
        &self.file
    }
}

impl Drop for Published {
    fn drop(&mut self) {
        // Another `serve` may have this port by now, and written its own keys.
        if AccessKeys::read(&self.file).is_ok_and(|keys| keys.as_ref() == Some(&self.keys)) {
            // If that fails, the next `serve` on this port overwrites the file.
            let _ = fs::remove_file(&self.file);
        }
    }
}
