//! The policy image (`.rlfd`): everything a device needs to run a policy, in one aligned, checksummed block of bytes.
//!
//! [`PolicyImage::view`] checks all of it once and borrows; afterwards nothing fails. `write` is its counterpart, behind the
//! feature `alloc`. `docs/image.md` is the specification. The image knows neither files nor training; where it came from is
//! a line of text.

mod aligned;
mod contract;
mod error;
mod op;
#[cfg(feature = "alloc")]
mod owned;
mod prelude;
mod program;
mod term;
mod view;
#[cfg(feature = "alloc")]
mod write;

pub use aligned::Aligned;
#[cfg(feature = "alloc")]
pub use aligned::ImageBytes;
pub use contract::{ActionRule, Contract, ObservationRule};
pub use error::ImageError;
pub use op::{Dense, Layer, Op, OpCode};
#[cfg(feature = "alloc")]
pub use owned::OwnedImage;
pub use prelude::{ALIGNMENT, IMAGE_VERSION, MAGIC};
pub use program::{Golden, Program};
pub use term::{ActionTerm, ObservationTerm};
pub use view::PolicyImage;
#[cfg(feature = "alloc")]
pub use write::{ImageSource, write};

#[cfg(test)]
mod tests;
