//! [`Refusal`]: why an [`Updater`](crate::update::Updater) does not take another image.

use core::ffi::{CStr, c_char};

use rlfd_runtime::wire::UpdateRefusal;

/// Why another image is not taken; 0 is that it is. The numbers never change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(i32)]
pub enum Refusal {
    /// It is taken, as far as it is here.
    None = 0,
    /// There is no signature.
    Unsigned = 1,
    /// Signature, manifest and image do not belong together.
    Tampered = 2,
    /// The counter or the image that runs.
    Replayed = 3,
    /// A lower counter than the one that runs.
    Older = 4,
    /// More than a slot holds.
    Oversized = 5,
    /// It works in more memory than is lent.
    Memory = 6,
    /// It wires up another machine, or wants another period.
    Contract = 7,
    /// A chunk was altered; send it again.
    Checksum = 8,
    /// Not the next chunk, or a commit before the last, or another offer after a commit; `rlfd_update_status.received` says where
    /// to go on.
    Order = 9,
    /// No manifest of this version.
    Manifest = 10,
    /// Signed, and no image that this library runs.
    Image = 11,
    /// It does not compute its golden action on this machine.
    Golden = 12,
    /// The flash cannot be erased or written, or does not hold what was written.
    Flash = 13,
    /// A pointer that must lead somewhere is NULL.
    NullPointer = 14,
}

const NAMES: [(Refusal, &CStr); 15] = [
    (Refusal::None, c"not refused"),
    (Refusal::Unsigned, c"the image is not signed"),
    (
        Refusal::Tampered,
        c"signature, manifest and image do not belong together",
    ),
    (
        Refusal::Replayed,
        c"the image is the one that runs, or one with its counter",
    ),
    (Refusal::Older, c"the image is older than the one that runs"),
    (Refusal::Oversized, c"the image is too large for a slot"),
    (
        Refusal::Memory,
        c"the image works in more memory than is lent",
    ),
    (
        Refusal::Contract,
        c"the image is for another contract or period",
    ),
    (Refusal::Checksum, c"a chunk's checksum does not match"),
    (Refusal::Order, c"out of order"),
    (
        Refusal::Manifest,
        c"the manifest is not one this library reads",
    ),
    (
        Refusal::Image,
        c"the bytes are no policy image that this library runs",
    ),
    (
        Refusal::Golden,
        c"the image does not compute its golden action on this machine",
    ),
    (Refusal::Flash, c"the flash cannot be written"),
    (Refusal::NullPointer, c"a pointer is NULL"),
];

impl From<UpdateRefusal> for Refusal {
    fn from(refusal: UpdateRefusal) -> Self {
        match refusal {
            // A receiver that is there takes updates.
            UpdateRefusal::Unsupported | UpdateRefusal::Flash => Self::Flash,
            UpdateRefusal::Unsigned => Self::Unsigned,
            UpdateRefusal::Tampered => Self::Tampered,
            UpdateRefusal::Replayed { .. } => Self::Replayed,
            UpdateRefusal::Older { .. } => Self::Older,
            UpdateRefusal::Oversized { .. } => Self::Oversized,
            UpdateRefusal::Memory { .. } => Self::Memory,
            UpdateRefusal::Contract { .. } => Self::Contract,
            UpdateRefusal::Checksum => Self::Checksum,
            UpdateRefusal::Order { .. } => Self::Order,
            UpdateRefusal::Manifest => Self::Manifest,
            UpdateRefusal::Image => Self::Image,
            UpdateRefusal::Golden => Self::Golden,
        }
    }
}

/// What an answer of type `rlfd_refusal` says, as text for people; never NULL.
#[unsafe(no_mangle)]
pub extern "C" fn rlfd_refusal_name(refusal: i32) -> *const c_char {
    let mut all = NAMES.iter();
    let found = all.find(|(candidate, _)| *candidate as i32 == refusal);
    found.map_or(c"unknown refusal", |(_, name)| name).as_ptr()
}
