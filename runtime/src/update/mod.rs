//! Another policy for a board in operation: received in chunks, signed, checked, put into the second of two slots, and run
//! from the next cycle on. Whatever is cut, lost or forged, the policy that runs stays. `docs/update.md` is the specification.
//!
//! The module knows flash as bytes that are erased and written, see [`Flash`]; links and loops are its caller's.

mod flash;
mod manifest;
mod receiver;
mod slot;

#[cfg(test)]
mod tests;

#[cfg(feature = "alloc")]
pub use flash::{Cut, SimulatedFlash, Supply};
pub use flash::{Flash, FlashError, RamFlash, UNIT};
#[cfg(feature = "alloc")]
pub use manifest::sign;
pub use manifest::{MANIFEST_LEN, Manifest, SIGNATURE_LEN, SignedImage, UPDATE_MAGIC};
pub use receiver::{Incumbent, Receiver};
pub use slot::{IMAGE_AT, Installed, choose};
