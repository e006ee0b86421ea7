//! `export image`: a checkpoint or ONNX model to a policy image.

use std::path::PathBuf;

use anyhow::{Context, Result};
use rlfd_models::atomic_file;

use super::{Answer, Destination, Selection};
use crate::calibration;
use crate::image::Reduced;
use crate::lower::Precision;
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
    #[command(flatten)]
    bits: Bits,
    /// Observations from the policy's use, an .npz of arrays named after the inputs, first axis samples; `obs` or
    /// `observation` will do for a policy with one input. They give the scales of integers and, for a policy without a
    /// normaliser of our trainer's, the mean and deviation that the loop's guard against unfamiliar observations compares with
    #[arg(long, value_name = "FILE.npz", required_if_eq_any([("int8", "true"), ("int16", "true")]))]
    calibrate: Option<PathBuf>,
}

/// Weights of fewer bits than 32.
#[derive(Clone, Copy, Debug, clap::Args)]
#[group(multiple = false)]
struct Bits {
    /// Weights and activations of 8 bits
    #[arg(long)]
    int8: bool,
    /// Weights of up to 16 bits, activations of 14
    #[arg(long)]
    int16: bool,
    /// Weights in half precision
    #[arg(long)]
    f16: bool,
}

impl Image {
    pub(super) fn run(&self) -> Result<Answer> {
        let context = || self.input.display().to_string();
        let model = Artefact::open(&self.input)?.into_model(&self.input)?;
        let mut options = ImageOptions {
            period_us: self.period_us,
            lower: self.selection.options(),
            reduced: None,
            statistics: None,
        };
        let calibration = match &self.calibrate {
            Some(path) => {
                let full = make_image(&model, &options).with_context(context)?;
                calibration::read(path, &full.lowered.inputs)?
            }
            None => Vec::new(),
        };
        if !calibration.is_empty() {
            options.statistics = Some(calibration::statistics(&calibration));
        }
        if let Some(precision) = self.bits.precision() {
            options.reduced = Some(Reduced {
                precision,
                calibration,
            });
        }
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

impl Bits {
    fn precision(self) -> Option<Precision> {
        match (self.int8, self.int16, self.f16) {
            (true, _, _) => Some(Precision::I8),
            (_, true, _) => Some(Precision::I16),
            (_, _, true) => Some(Precision::F16),
            _ => None,
        }
    }
}
