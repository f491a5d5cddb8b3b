//! The folder of the embedded DynamoDB's data. Only its user can read what is in it.

use std::fs::{self, File, Permissions, TryLockError};
use std::io::ErrorKind;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow, bail};

use crate::access_keys::{AccessKeys, create_private, create_private_folder};

pub(super) struct DataFolder {
    path: PathBuf,
    /// Keeps other processes from using the folder.
    _lock: File,
}

const DATABASE: &str = "boxoffice.db";
const LOCK: &str = "lock";
const KEYS: &str = "credentials";

impl DataFolder {
    /// Opens the folder, creating it if it is missing, and locks it for this process.
    pub(super) fn open(path: &Path) -> Result<Self> {
        let name = path.display();
        create_private_folder(path)
            .with_context(|| format!("cannot create the data folder {name}"))?;
        let lock = create_private(&path.join(LOCK))
            .with_context(|| format!("cannot write to the data folder {name}"))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => bail!(
                "the data folder {name} is in use by another `boxoffice serve`; stop it, or choose another folder with --data"
            ),
            Err(TryLockError::Error(error)) => {
                return Err(error).with_context(|| format!("cannot lock the data folder {name}"));
            }
        }
        let folder = Self {
            path: path.to_owned(),
            _lock: lock,
        };
        folder.refuse_lost_data()?;
        folder.make_private()?;
        Ok(folder)
    }

    /// The path of the database's file.
    pub(super) fn database(&self) -> Result<String> {
        self.path
            .join(DATABASE)
            .into_os_string()
            .into_string()
            .map_err(|_| anyhow!("the path of the data folder is not UTF-8"))
    }

    /// The keys of this folder's data. They are made once.
    pub(super) fn keys(&self) -> Result<AccessKeys> {
        let file = self.keys_file();
        if let Some(keys) = AccessKeys::read(&file)? {
            return Ok(keys);
        }
        let keys = AccessKeys::random()?;
        keys.write(&file)?;
        Ok(keys)
    }

    pub(super) fn keys_file(&self) -> PathBuf {
        self.path.join(KEYS)
    }

    /// SQLite takes an empty file for a new database, and a missing one too, even if its log is there. Both are what remains
    /// of data after an accident.
    fn refuse_lost_data(&self) -> Result<()> {
        let database = self.path.join(DATABASE);
        let name = database.display();
        let log = self.path.join(format!("{DATABASE}-wal"));
        match (length(&database)?, length(&log)?) {
            (Some(0), _) => bail!(
                "the database {name} is empty: its data are lost. Restore it from a backup, or delete it to start anew"
            ),
            (None, Some(1..)) => bail!(
                "the database {name} is missing, but its log {} is there. Restore it from a backup, or delete the log to start anew",
                log.display()
            ),
            _ => Ok(()),
        }
    }

    /// Lets only this user open the folder, if it has nothing but our data, and the files in any case.
    pub(super) fn make_private(&self) -> Result<()> {
        let name = self.path.display();
        let restrict = || -> std::io::Result<bool> {
            let mut is_only_ours = true;
            for entry in fs::read_dir(&self.path)? {
                let entry = entry?;
                let file = entry.file_name();
                let file = file.to_string_lossy();
                if file == LOCK || file == KEYS || file.starts_with(DATABASE) {
                    fs::set_permissions(entry.path(), Permissions::from_mode(0o600))?;
                } else {
                    is_only_ours = false;
                }
            }
            if is_only_ours {
                fs::set_permissions(&self.path, Permissions::from_mode(0o700))?;
            }
            let mode = fs::metadata(&self.path)?.permissions().mode();
            let others = mode & 0o077;
            Ok(others == 0)
        };
        let is_private =
            restrict().with_context(|| format!("cannot make the data folder {name} private"))?;
        if !is_private {
            tracing::warn!(
                "other users can open the data folder {name}, because it contains other files; its data are protected"
            );
        }
        Ok(())
    }
}

/// None if there is no such file.
fn length(file: &Path) -> Result<Option<u64>> {
    match fs::metadata(file) {
        Ok(metadata) => Ok(Some(metadata.len())),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error).with_context(|| format!("cannot read {}", file.display())),
    }
}
