//! [`BackendError`]: why an `.onnx` file does not become a policy.

use std::path::{Path, PathBuf};
use std::string::{String, ToString};

/// Why an `.onnx` file does not become a policy.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BackendError {
    /// The file cannot be read.
    #[error("cannot read {}", path.display())]
    Read {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The engine's shared library cannot be loaded.
    #[error("cannot load ONNX Runtime from {} (environment variable ORT_DYLIB_PATH): {reason}", path.display())]
    Library {
        /// Where it was looked for.
        path: PathBuf,
        /// In the loader's words.
        reason: String,
    },
    /// The engine refuses the model.
    #[error("{engine} cannot load {}: {reason}", path.display())]
    Model {
        /// Which engine.
        engine: &'static str,
        /// Which file.
        path: PathBuf,
        /// In the engine's words.
        reason: String,
    },
    /// The model is no policy: one f32 input `[batch, n]` or `[n]` and one such output are expected.
    #[error("{}: {what} (expected one f32 input and one f32 output, [batch, n] or [n])", path.display())]
    NotAPolicy {
        /// Which file.
        path: PathBuf,
        /// What is there instead.
        what: String,
    },
}

/// Reads a whole file.
pub(super) fn read(path: &Path) -> Result<std::vec::Vec<u8>, BackendError> {
    std::fs::read(path).map_err(|source| BackendError::Read {
        path: path.to_path_buf(),
        source,
    })
}

impl BackendError {
    pub(super) fn model(
        engine: &'static str,
        path: &Path,
        reason: &dyn core::fmt::Display,
    ) -> Self {
        Self::Model {
            engine,
            path: path.to_path_buf(),
            reason: reason.to_string(),
        }
    }

    pub(super) fn not_a_policy(path: &Path, what: String) -> Self {
        Self::NotAPolicy {
            path: path.to_path_buf(),
            what,
        }
    }
}
