//! `export inspect`: what is in a policy file.

use std::path::PathBuf;

use anyhow::Result;

use super::Answer;
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
        if self.json {
            println!("{}", serde_json::to_string_pretty(&inspection)?);
        } else {
            print!("{inspection}");
        }
        Ok(Answer::Yes)
    }
}
