//! `export image`: a checkpoint or ONNX model to a policy image.

use std::path::PathBuf;

use anyhow::{Context, Result};
use rlfd_models::atomic_file;

use super::{Answer, Destination, Selection};
use crate::{Artefact, ImageOptions, make_image};

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
    #[command(flatten)]
    selection: Selection,
}

impl Image {
    pub(super) fn run(&self) -> Result<Answer> {
        let context = || self.input.display().to_string();
        let model = Artefact::open(&self.input)?.into_model(&self.input)?;
        let options = ImageOptions {
            period_us: self.period_us,
            lower: self.selection.options(),
        };
        let made = make_image(&model, &options).with_context(context)?;
        let path = self.destination.path(&self.input, "rlfd")?;
        atomic_file::replace(&path, &made.bytes).with_context(|| path.display().to_string())?;
        for note in &made.notes {
            eprintln!("note: {note}");
        }
        eprintln!("wrote {} ({} bytes)", path.display(), made.bytes.len());
        Ok(Answer::Yes)
    }
}
