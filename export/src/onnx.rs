//! [`Model`]: an `.onnx` file, read and written here whole. Knows the format, not what an operator means.

#[allow(missing_docs)]
mod proto;
mod read;
mod write;

#[cfg(test)]
mod tests;

use std::ops::RangeInclusive;
use std::path::Path;

use prost::Message;
use rlfd_models::PolicySpec;
use rlfd_models::atomic_file;
use rlfd_models::checkpoint::check_spec;
use sha2::{Digest, Sha256};

use crate::error::ExportError;
use crate::graph::{Graph, Value};

/// The operator set our models are written against.
pub const OPSET: i64 = 17;
/// The operator sets that are read: within them the operators we know have not changed their meaning.
pub const OPSETS: RangeInclusive<i64> = 9..=23;
/// The file format version that came with [`OPSET`] (onnx, `docs/Versioning.md`).
pub const IR_VERSION: i64 = 8;
/// What our models name as their producer.
pub const PRODUCER: &str = "rlfd-export";
/// Metadata key of the canonical JSON of the [`PolicySpec`].
pub const SPEC_KEY: &str = "rlfd.policy_spec";
/// Metadata key of the SHA-256 of everything else in the model.
pub const DIGEST_KEY: &str = "rlfd.sha256";

/// A graph and what its file says about it.
#[derive(Clone, Debug, PartialEq)]
pub struct Model {
    /// File format version.
    pub ir_version: i64,
    /// Program and version that wrote it.
    pub producer: String,
    /// Keys and values in the file's order, repeated keys included.
    pub metadata: Vec<(String, String)>,
    /// The function.
    pub graph: Graph,
}

impl Model {
    /// Opens `path`; tensors kept in files of their own are read from beside it.
    ///
    /// # Errors
    /// Names the file and what is damaged.
    pub fn read(path: &Path) -> Result<Self, ExportError> {
        let bytes = std::fs::read(path).map_err(|error| ExportError::from(error).in_file(path))?;
        let folder = path.parent();
        read::read(&bytes, folder).map_err(|error| error.in_file(path))
    }

    /// Reads a model that is complete in itself.
    ///
    /// # Errors
    /// Names what is damaged.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, ExportError> {
        read::read(bytes, None)
    }

    /// The file's bytes; the same model gives the same bytes.
    ///
    /// # Errors
    /// The graph holds something that only a foreign file can hold.
    pub fn to_bytes(&self) -> Result<Vec<u8>, ExportError> {
        write::write(self)
    }

    /// Writes `path` whole or not at all.
    ///
    /// # Errors
    /// As [`Model::to_bytes`], or the file system refuses.
    pub fn write(&self, path: &Path) -> Result<(), ExportError> {
        let bytes = self.to_bytes().map_err(|error| error.in_file(path))?;
        atomic_file::replace(path, &bytes).map_err(|error| ExportError::from(error).in_file(path))
    }

    /// Whether its operators mean what [`crate::ops`] takes them to mean.
    ///
    /// # Errors
    /// Its operator set is outside [`OPSETS`].
    pub fn check_opset(&self) -> Result<(), ExportError> {
        if OPSETS.contains(&self.graph.opset) {
            return Ok(());
        }
        Err(ExportError::Model(format!(
            "operator set {} is not supported; {} to {} are",
            self.graph.opset,
            OPSETS.start(),
            OPSETS.end()
        )))
    }

    /// The contract in the metadata; `None` in a foreign model.
    ///
    /// # Errors
    /// The contract occurs twice, is no JSON of a [`PolicySpec`], or contradicts itself.
    pub fn spec(&self) -> Result<Option<PolicySpec>, ExportError> {
        let mut found = self.metadata.iter().filter(|(key, _)| key == SPEC_KEY);
        let Some((_, json)) = found.next() else {
            return Ok(None);
        };
        if found.next().is_some() {
            return Err(ExportError::Model(format!(
                "metadata `{SPEC_KEY}` occurs twice"
            )));
        }
        let spec: PolicySpec = serde_json::from_str(json)?;
        check_spec(&spec)?;
        Ok(Some(spec))
    }
}

/// Name and elements of a tensor that is a file of its own, as in ONNX's test cases.
///
/// # Errors
/// It is damaged.
pub fn read_tensor_file(bytes: &[u8]) -> Result<(String, Value), ExportError> {
    read::read_tensor_file(bytes)
}

/// SHA-256, in hexadecimal, of the model without its digest. Protocol buffers carry no checksum, and a weight with a
/// flipped bit looks like any other weight.
fn digest(model: &proto::ModelProto) -> String {
    let mut model = model.clone();
    model.metadata_props.retain(|entry| entry.key != DIGEST_KEY);
    let digest = Sha256::digest(model.encode_to_vec());
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}
