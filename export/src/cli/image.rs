//! `export image`: a checkpoint or ONNX model to a policy image.

use std::path::PathBuf;

use anyhow::{Context, Result};
use rlfd_models::atomic_file;

use super::{Answer, Destination};
use crate::{Artefact, ImageOptions, image_of};

/// Write policy.pt or policy.onnx as a policy image for rlfd-runtime; both give the same bytes
#[derive(Debug, clap::Args)]
pub(super) struct Image {
    /// The .pt or .onnx file
    input: PathBuf,
    #[command(flatten)]
    destination: Destination,
    /// Control period in microseconds, for an ONNX model without rlfd contract
    #[arg(long)]
    period_us: Option<u32>,
    /// Name of the output that is the action, for an ONNX model with several
    #[arg(long)]
    output_name: Option<String>,
}

impl Image {
    pub(super) fn run(&self) -> Result<Answer> {
        let context = || self.input.display().to_string();
        let model = Artefact::open(&self.input)?.into_model(&self.input)?;
        let options = ImageOptions {
            period_us: self.period_us,
            output: self.output_name.clone(),
        };
        let bytes = image_of(&model, &options).with_context(context)?;
        let path = self.destination.path(&self.input, "rlfd")?;
        atomic_file::replace(&path, &bytes).with_context(|| path.display().to_string())?;
        eprintln!("wrote {} ({} bytes)", path.display(), bytes.len());
        Ok(Answer::Yes)
    }
}
