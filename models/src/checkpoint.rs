//! [`Checkpoint`]: `policy.pt`, the deployable part of a trained policy — named tensors and their [`PolicySpec`].
//!
//! The file is the zip-and-pickle layout that `torch.save` writes for a dictionary of float tensors, so Python's
//! `torch.load(path, weights_only=True)` and libtorch's zip reader open it, plus one record `spec.json`. It is read and
//! written here whole. Optimisers, critics and random state are no part of it.
//!
//! ```
//! # use rlfd_models::*;
//! # use rlfd_models::checkpoint::{Checkpoint, Tensor};
//! # let spec = PolicySpec {
//! #     version: 1, environment: "Example-v0".into(), period_us: 20_000,
//! #     observation: vec![ObservationTerm { name: "angle".into(), unit: "rad".into(), source: Source::Sensor, dim: 2, scale: 1.0, offset: 0.0, clip: None, history: 1 }],
//! #     action: vec![ActionTerm { name: "torque".into(), unit: "N m".into(), dim: 1, scale: 1.0, offset: 0.0, low: -1.0, high: 1.0, max_rate: None, stiffness: None, damping: None, time_constant_s: None }],
//! #     network: Network { hidden: vec![], activation: Activation::Relu, normalizer: None, head: Head::Linear },
//! #     provenance: Provenance::default(),
//! # };
//! let tensors = [
//!     ("actor.0.weight".to_string(), Tensor { shape: vec![1, 2], data: vec![0.5, -0.5] }),
//!     ("actor.0.bias".to_string(), Tensor { shape: vec![1], data: vec![0.0] }),
//! ];
//! let checkpoint = Checkpoint { spec, tensors: tensors.into_iter().collect() };
//! let bytes = checkpoint.to_bytes()?;
//! assert_eq!(Checkpoint::from_bytes(&bytes)?, checkpoint);
//! # Ok::<(), rlfd_models::checkpoint::CheckpointError>(())
//! ```

mod archive;
mod contract;
mod pickle_reader;
mod pickle_value;
mod pickle_writer;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use thiserror::Error;

use crate::atomic_file;
use crate::spec::PolicySpec;

pub use contract::check_spec;

/// A dense array of `f32`, row-major.
#[derive(Clone, Debug, PartialEq)]
pub struct Tensor {
    /// Lengths of the axes, slowest first; empty for a scalar.
    pub shape: Vec<usize>,
    /// As many numbers as the product of `shape`.
    pub data: Vec<f32>,
}

/// A policy as it leaves the trainer.
#[derive(Clone, Debug, PartialEq)]
pub struct Checkpoint {
    /// The contract.
    pub spec: PolicySpec,
    /// The tensors that [`crate::spec::Network`] lists, by name.
    pub tensors: BTreeMap<String, Tensor>,
}

/// Why a `policy.pt` cannot be read or written.
#[derive(Debug, Error)]
pub enum CheckpointError {
    /// The file named is wrong for the reason given as source.
    #[error("{}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        #[source]
        source: Box<CheckpointError>,
    },
    /// The file system refused.
    #[error("cannot be read or written")]
    Io(#[from] std::io::Error),
    /// The zip container is damaged or is none.
    #[error("not a policy.pt: its zip container is damaged or missing")]
    Archive(#[from] zip::result::ZipError),
    /// A record of the container is absent or wrong.
    #[error("record `{record}`: {problem}")]
    Record {
        /// Its name without the archive's folder.
        record: String,
        /// What was expected.
        problem: String,
    },
    /// `data.pkl` is no pickle of a dictionary of tensors.
    #[error("record `data.pkl`, byte {offset}: {problem}")]
    Pickle {
        /// Where the reader stood.
        offset: usize,
        /// What was expected.
        problem: String,
    },
    /// `spec.json` is no JSON of a `PolicySpec`.
    #[error("record `spec.json` does not hold a policy contract")]
    Json(#[from] serde_json::Error),
    /// The contract contradicts itself.
    #[error("contract: {key}: {problem}")]
    Spec {
        /// Path to the value, e.g. `action[0].low`.
        key: String,
        /// What was expected.
        problem: String,
    },
    /// A tensor is absent, superfluous or wrong.
    #[error("tensor `{name}`: {problem}")]
    Tensor {
        /// Its name.
        name: String,
        /// What was expected.
        problem: String,
    },
}

impl Checkpoint {
    /// Opens and checks `path`.
    ///
    /// # Errors
    /// Names the file and the record, key or tensor that is wrong.
    pub fn read(path: &Path) -> Result<Self, CheckpointError> {
        in_file(path, || Self::from_bytes(&std::fs::read(path)?))
    }

    /// Writes `path` whole or not at all, replacing what was there.
    ///
    /// # Errors
    /// As [`Checkpoint::to_bytes`], or the file system refuses.
    pub fn write(&self, path: &Path) -> Result<(), CheckpointError> {
        in_file(path, || Ok(atomic_file::replace(path, &self.to_bytes()?)?))
    }

    /// The file's bytes; the same checkpoint gives the same bytes.
    ///
    /// # Errors
    /// The tensors do not match the contract, or the contract contradicts itself.
    pub fn to_bytes(&self) -> Result<Vec<u8>, CheckpointError> {
        self.check()?;
        let spec = serde_json::to_vec(&self.spec)?;
        archive::write(&self.tensors, Some(&spec))
    }

    /// Reads and checks a file's bytes.
    ///
    /// # Errors
    /// Names the record, key or tensor that is wrong.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, CheckpointError> {
        let contents = archive::read(bytes)?;
        let Some(spec) = contents.spec else {
            return Err(CheckpointError::Record {
                record: "spec.json".to_string(),
                problem: "missing; these are tensors without a policy contract".to_string(),
            });
        };
        let checkpoint = Self {
            spec: serde_json::from_slice(&spec)?,
            tensors: contents.tensors,
        };
        checkpoint.check()?;
        Ok(checkpoint)
    }

    /// Whether the contract is consistent and the tensors are those it asks for: names, shapes, finite numbers.
    ///
    /// # Errors
    /// Names the key or tensor that is wrong.
    pub fn check(&self) -> Result<(), CheckpointError> {
        check_spec(&self.spec)?;
        contract::check_tensors(&self.spec, &self.tensors)
    }
}

/// Reads the tensors alone, also from a dictionary that Python's `torch.save` wrote and that has no contract.
///
/// # Errors
/// Names the file and the record or tensor that is wrong; anything but contiguous-or-strided CPU `float32` is refused.
pub fn read_tensors(path: &Path) -> Result<BTreeMap<String, Tensor>, CheckpointError> {
    in_file(path, || Ok(archive::read(&std::fs::read(path)?)?.tensors))
}

/// Writes tensors alone, without a contract, whole or not at all.
///
/// # Errors
/// Names the file, if the file system refuses it.
pub fn write_tensors(
    path: &Path,
    tensors: &BTreeMap<String, Tensor>,
) -> Result<(), CheckpointError> {
    in_file(path, || {
        Ok(atomic_file::replace(path, &archive::write(tensors, None)?)?)
    })
}

/// Puts the file's name in front of what went wrong in it.
fn in_file<T>(
    path: &Path,
    operation: impl FnOnce() -> Result<T, CheckpointError>,
) -> Result<T, CheckpointError> {
    operation().map_err(|source| CheckpointError::File {
        path: path.to_owned(),
        source: Box::new(source),
    })
}

#[cfg(test)]
mod tests;
