//! A file that a command writes for its `--output`.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use crate::output::Output;

/// A file under a name of its own until it is complete. So a file of the wanted name is always a
/// whole one.
pub struct OutputFile {
    path: PathBuf,
    partial: PathBuf,
    is_complete: bool,
}

impl OutputFile {
    /// Creates the partial file beside the wanted one, and returns where to write to.
    ///
    /// # Errors
    /// If it cannot be created, or if the wanted name is that of a folder or a device.
    pub fn create(path: &Path) -> Result<(Self, Output)> {
        let shown = path.display();
        if fs::metadata(path).is_ok_and(|metadata| !metadata.is_file()) {
            bail!("--output: {shown} is not a file");
        }
        let mut partial = path.as_os_str().to_owned();
        partial.push(".partial");
        let partial = PathBuf::from(partial);
        let file =
            File::create(&partial).with_context(|| format!("--output: cannot write {shown}"))?;
        let output = Self {
            path: path.to_owned(),
            partial,
            is_complete: false,
        };
        Ok((output, Output::to(Box::new(file))))
    }

    /// Gives the file its name, in place of a former file of this name.
    pub fn complete(mut self) -> Result<()> {
        fs::rename(&self.partial, &self.path)
            .with_context(|| format!("--output: cannot write {}", self.path.display()))?;
        self.is_complete = true;
        Ok(())
    }
}

impl Drop for OutputFile {
    fn drop(&mut self) {
        if !self.is_complete {
            // Nobody can be told if this fails, and the name says that it is partial.
            let _ = fs::remove_file(&self.partial);
        }
    }
}
