//! Hardware in the loop: the plant is simulated here, the policy runs on a board at the other end of a link.
//!
//! ```text
//! Plant --measurement--> Session --frame--> Injector --bytes--> Link ==> board
//!   env   <--command----   asks   <--frame--   bad cable <--bytes--  QEMU, serial, TCP
//! ```
//!
//! It refuses to know what the policy is: the board has its own image, and says which.

mod address;
mod conversation;
pub mod emulator;
mod error;
mod injector;
mod latency;
mod link;
mod plant;
mod session;
mod upload;

use std::fs;
use std::path::Path;

use rlfd_runtime::PolicyImage;
use rlfd_runtime::image::ImageBytes;

pub use address::LinkAddress;
pub use conversation::{LinkCounters, Patience};
pub use error::HilError;
pub use injector::{Disturbance, InjectorCounters};
pub use latency::Latency;
pub use link::Link;
pub use plant::{EpisodeReport, Pace, Plant, evaluation};
pub use session::{Answer, BoardCounters, BoardInfo, Expectation, Session};
pub use upload::Upload;

/// Reads an image file into aligned memory.
///
/// # Errors
/// If there is no such file or it is no image.
pub fn read_image(path: &Path) -> Result<ImageBytes, HilError> {
    let bytes = fs::read(path).map_err(|source| HilError::File {
        path: path.to_owned(),
        source,
    })?;
    let image = ImageBytes::new(&bytes);
    PolicyImage::view(&image).map_err(|source| HilError::Image {
        path: path.to_owned(),
        source,
    })?;
    Ok(image)
}
