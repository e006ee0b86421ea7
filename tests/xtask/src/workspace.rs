//! Where things lie in this checkout. Knows paths, not what is in them.

use std::path::{Path, PathBuf};

/// The root folder of the repository and the places below it that more than one command names.
#[derive(Clone, Debug)]
pub struct Workspace {
    root: PathBuf,
}

impl Workspace {
    /// The checkout this binary was built from: cargo tells at run time, so a moved folder is still found.
    pub fn here() -> Self {
        let manifest = std::env::var_os("CARGO_MANIFEST_DIR")
            .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")), PathBuf::from);
        let root = manifest.ancestors().nth(2).unwrap_or(&manifest).to_owned();
        Self { root }
    }

    pub fn root(&self) -> &Path {
        &self.root
    }

    /// A path given relative to the root.
    pub fn path(&self, relative: impl AsRef<Path>) -> PathBuf {
        self.root.join(relative)
    }

    /// The ignored folder that set-up fills.
    pub fn native(&self) -> PathBuf {
        self.root.join(".native")
    }

    /// Set-up's scratch space; on the same file system as its results, so that a rename is atomic.
    pub fn scratch(&self) -> PathBuf {
        self.root.join(".native/tmp")
    }

    pub fn firmware(&self) -> PathBuf {
        self.root.join("firmware-examples")
    }
}
