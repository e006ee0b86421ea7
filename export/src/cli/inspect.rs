//! `export inspect`: what is in a policy file.

use std::path::PathBuf;

use anyhow::Result;

use super::{Answer, print};
use crate::Artefact;
use crate::inspection::Inspection;

/// Show what is in a .pt, .onnx or .rlfd file
#[derive(Debug, clap::Args)]
pub(super) struct Inspect {
    /// The file
    file: PathBuf,
    /// As JSON
    #[arg(long)]
    json: bool,
}

impl Inspect {
    pub(super) fn run(&self) -> Result<Answer> {
        let inspection = Inspection::of(&Artefact::open(&self.file)?)?;
        print(&if self.json {
            format!("{}\n", serde_json::to_string_pretty(&inspection)?)
        } else {
            inspection.to_string()
        })?;
        Ok(Answer::Yes)
    }
}
