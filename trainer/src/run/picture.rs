//! What all pictures have in common: their font, and that a file is either whole or what it was before.

use std::error::Error;
use std::path::Path;
use std::sync::Once;

use anyhow::{Context, anyhow};
use plotters::style::{FontStyle, register_font};
use rlfd_models::atomic_file;

/// Name of the font.
pub const FAMILY: &str = "sans-serif";

/// Lets `draw` write a picture under another name and puts it at `path`, a `.png`, when it is whole.
///
/// # Errors
/// If it cannot be drawn or written; what was at `path` is untouched.
pub fn replace(
    path: &Path,
    draw: impl FnOnce(&Path) -> Result<(), Box<dyn Error>>,
) -> anyhow::Result<()> {
    install_font();
    let name = path.display();
    let folder = path
        .parent()
        .filter(|parent| !parent.as_os_str().is_empty())
        .unwrap_or(Path::new("."));
    let draft = tempfile::Builder::new()
        .prefix(".")
        .suffix(".png")
        .tempfile_in(folder)
        .with_context(|| format!("{name}: cannot be written"))?
        .into_temp_path();
    draw(&draft).map_err(|error| anyhow!("{name}: cannot be drawn: {error}"))?;
    atomic_file::replace(path, &std::fs::read(&draft)?)
        .with_context(|| format!("{name}: cannot be written"))
}

/// A bare machine has no font, so one travels with the program. Later calls do nothing.
fn install_font() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        // Only a file that is no font is refused, and this one is part of a released crate.
        let _ = register_font(
            FAMILY,
            FontStyle::Normal,
            epaint_default_fonts::UBUNTU_LIGHT,
        );
    });
}
