//! The font of the pictures.

use std::sync::Once;

use plotters::style::{FontStyle, register_font};

/// Its name.
pub const FAMILY: &str = "sans-serif";

/// A bare machine has no font, so one travels with the program. Later calls do nothing.
pub fn install() {
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
