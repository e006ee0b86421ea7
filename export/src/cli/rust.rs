//! `export rust`: a policy as Rust source.

use std::path::PathBuf;

use anyhow::{Context, Result};
use rlfd_models::atomic_file;
use rlfd_runtime::image::{ImageBytes, PolicyImage};

use super::{Answer, Destination, Selection};
use crate::source::rust_source;
use crate::{Artefact, ImageOptions, image_of};

/// Write a policy as `no_std` Rust source: lengths and weights as constants, the kernels of rlfd-runtime
///
/// A module with one type that implements rlfd_runtime::Policy and answers the same bits as the policy image. It saves the
/// reading of the image at each step; in exchange another policy means another firmware, and the contract (terms, units and
/// limits) stays outside. For fewer bits give the .rlfd that `export image --int8` wrote.
#[derive(Debug, clap::Args)]
pub(super) struct Rust {
    /// The .pt, .onnx or .rlfd file
    input: PathBuf,
    #[command(flatten)]
    destination: Destination,
    #[command(flatten)]
    selection: Selection,
}

impl Rust {
    pub(super) fn run(&self) -> Result<Answer> {
        let context = || self.input.display().to_string();
        let image = match Artefact::open(&self.input)? {
            Artefact::Image(bytes) => bytes,
            artefact => {
                let model = artefact.into_model(&self.input)?;
                let options = ImageOptions {
                    // The function does not depend on it; a model with a contract has its own.
                    period_us: model.spec().with_context(context)?.is_none().then_some(1),
                    lower: self.selection.options(),
                    ..ImageOptions::default()
                };
                ImageBytes::new(&image_of(&model, &options).with_context(context)?)
            }
        };
        let image = PolicyImage::view(&image).with_context(context)?;
        let source = rust_source(&image).with_context(context)?;
        let path = self.destination.path(&self.input, "rs")?;
        atomic_file::replace(&path, source.as_bytes())
            .with_context(|| path.display().to_string())?;
        eprintln!("wrote {} ({} bytes)", path.display(), source.len());
        Ok(Answer::Yes)
    }
}
