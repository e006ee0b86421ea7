//! The policy image (`.rlfd`): everything a device needs to run a policy, in one aligned, checksummed block of bytes.
//!
//! [`PolicyImage::view`] checks all of it once and borrows; afterwards nothing fails. `write` is its counterpart, behind the
//! feature `alloc`. `docs/image.md` is the specification. The image knows neither files nor training; where it came from is
//! a line of text.

mod aligned;
#[cfg(feature = "alloc")]
mod chain;
mod check;
#[cfg(feature = "alloc")]
mod constants;
mod contract;
mod error;
mod execute;
mod op;
#[cfg(feature = "alloc")]
mod owned;
mod port;
mod prelude;
mod program;
mod slot;
mod term;
mod view;
#[cfg(feature = "alloc")]
mod write;

pub use aligned::Aligned;
#[cfg(feature = "alloc")]
pub use aligned::ImageBytes;
#[cfg(feature = "alloc")]
pub use chain::{Chain, Layer};
#[cfg(feature = "alloc")]
pub use constants::{Constants, panels};
pub use contract::{ActionRule, Contract, ObservationRule, Source, Statistics};
pub use error::ImageError;
pub use op::{CONV_PARAMETERS, Extents, Op, OpCode, Place, WeightType};
#[cfg(feature = "alloc")]
pub use owned::OwnedImage;
pub use port::Port;
pub use prelude::{ALIGNMENT, IMAGE_VERSION, MAGIC};
pub use program::{Golden, Program};
pub use term::{ActionTerm, ObservationTerm};
pub use view::PolicyImage;
#[cfg(feature = "alloc")]
pub use write::{ImageSource, ProgramSource, write};

#[cfg(test)]
mod tests;
