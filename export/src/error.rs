//! [`ExportError`]: what can be wrong with a policy file or a graph.

use std::path::{Path, PathBuf};

use rlfd_models::checkpoint::CheckpointError;
#[cfg(feature = "backends")]
use rlfd_runtime::backend::BackendError;
use rlfd_runtime::image::ImageError;
use thiserror::Error;

/// Why a file cannot be read, converted, run or written.
#[derive(Debug, Error)]
pub enum ExportError {
    /// The file named is wrong for the reason given as source.
    #[error("{}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        #[source]
        source: Box<ExportError>,
    },
    /// The file system refused.
    #[error("cannot be read or written")]
    Io(#[from] std::io::Error),
    /// A `policy.pt` is wrong.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// The bytes are no ONNX model.
    #[error("not an ONNX model: damaged or truncated")]
    Protobuf(#[from] prost::DecodeError),
    /// An ONNX model, but one that contradicts itself or is not supported.
    #[error("{0}")]
    Model(String),
    /// A tensor of the model is wrong.
    #[error("tensor `{name}`: {problem}")]
    Tensor {
        /// Its name.
        name: String,
        /// What was expected.
        problem: String,
    },
    /// A node of the model is wrong or not supported.
    #[error("node `{node}` ({op}): {problem}")]
    Node {
        /// Its name, or the name of its first output.
        node: String,
        /// Its operator.
        op: String,
        /// What was expected.
        problem: String,
    },
    /// The contract in a model's metadata is no JSON of a `PolicySpec`.
    #[error("metadata `{}` does not hold a policy contract", crate::onnx::SPEC_KEY)]
    Spec(#[from] serde_json::Error),
    /// A policy image is wrong or cannot be made.
    #[error("policy image")]
    Image(#[from] ImageError),
    /// An inference engine refused the model.
    #[cfg(feature = "backends")]
    #[error(transparent)]
    Backend(#[from] BackendError),
}

impl ExportError {
    /// Puts the file's name in front of what went wrong in it.
    #[must_use]
    pub fn in_file(self, path: &Path) -> Self {
        Self::File {
            path: path.to_owned(),
            source: Box::new(self),
        }
    }
}
