//! `export onnx`: a checkpoint to ONNX.

use std::path::PathBuf;

use anyhow::{Context, Result};

use super::{Answer, Destination};
use crate::model_of;
use rlfd_models::checkpoint::Checkpoint;

/// Write policy.pt as ONNX: normaliser and head inside, the contract in its metadata
#[derive(Debug, clap::Args)]
pub(super) struct Onnx {
    /// The policy.pt
    input: PathBuf,
    #[command(flatten)]
    destination: Destination,
}

impl Onnx {
    pub(super) fn run(&self) -> Result<Answer> {
        let checkpoint = Checkpoint::read(&self.input)?;
        let model = model_of(&checkpoint).with_context(|| self.input.display().to_string())?;
        let path = self.destination.path(&self.input, "onnx")?;
        model.write(&path)?;
        eprintln!("wrote {}", path.display());
        Ok(Answer::Yes)
    }
}
