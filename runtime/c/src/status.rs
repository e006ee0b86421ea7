//! [`Status`]: how a call went.

use core::ffi::{CStr, c_char};

use rlfd_runtime::ControlError;
use rlfd_runtime::control::OptionError;
use rlfd_runtime::image::ImageError;

/// How a call went; 0 is well. The numbers never change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(i32)]
pub enum Status {
    /// It went well.
    Ok = 0,
    /// A pointer that must lead somewhere is NULL.
    NullPointer = 1,
    /// The image does not begin at a multiple of 16 bytes.
    ImageUnaligned = 2,
    /// More or fewer bytes than the image says it has.
    ImageLength = 3,
    /// The first bytes are not those of a policy image.
    ImageMagic = 4,
    /// The image is of another version of the format.
    ImageVersion = 5,
    /// The image was damaged: its checksum differs.
    ImageChecksum = 6,
    /// The image needs a feature of the runtime that this library was built without.
    ImageFeature = 7,
    /// The image contradicts itself.
    ImageContent = 8,
    /// The memory is too small; `rlfd_contract` says how much is needed.
    MemoryTooSmall = 9,
    /// The memory does not begin at a multiple of `RLFD_MEMORY_ALIGNMENT`.
    MemoryUnaligned = 10,
    /// An array has another length than the contract says.
    Width = 11,
    /// There is no term of this index.
    Index = 12,
    /// A command's limits are no limits, or leave nothing of what the image allows.
    Limits = 13,
    /// Not possible in the phase the loop is in.
    WrongPhase = 14,
    /// This machine does not compute the image's golden action, bit for bit.
    SelfTest = 15,
    /// There is no fault of this number.
    UnknownFault = 16,
    /// `steps_per_action` is more than the microseconds of a period, or `between` is no `rlfd_between`.
    OptionSteps = 17,
    /// `max_stuck` has another length than the contract has observation terms.
    OptionStuck = 18,
    /// `joints` are not one for each command, or one reads what is not measured, or its numbers are none.
    OptionJoints = 19,
    /// `max_deviations` or its patience is not above 0, or the image has no statistics of its training.
    OptionFamiliarity = 20,
    /// `fallback` is not one finite constant for each command, or a gain is not finite or of no measurement or command.
    OptionFallback = 21,
    /// There is nothing (more) to tell.
    Empty = 22,
}

impl Status {
    const ALL: [(Self, &'static CStr); 23] = [
        (Self::Ok, c"ok"),
        (Self::NullPointer, c"a pointer is NULL"),
        (
            Self::ImageUnaligned,
            c"the image does not begin at a multiple of 16 bytes",
        ),
        (
            Self::ImageLength,
            c"the image has another length than it says",
        ),
        (Self::ImageMagic, c"not a policy image"),
        (
            Self::ImageVersion,
            c"the image is of another version of the format",
        ),
        (Self::ImageChecksum, c"the image is damaged"),
        (
            Self::ImageFeature,
            c"the image needs a feature that the library was built without",
        ),
        (Self::ImageContent, c"the image contradicts itself"),
        (Self::MemoryTooSmall, c"the memory is too small"),
        (Self::MemoryUnaligned, c"the memory is not aligned"),
        (
            Self::Width,
            c"an array has another length than the contract says",
        ),
        (Self::Index, c"there is no term of this index"),
        (
            Self::Limits,
            c"a command's limits are no limits, or leave nothing of what the image allows",
        ),
        (
            Self::WrongPhase,
            c"not possible in the phase the loop is in",
        ),
        (
            Self::SelfTest,
            c"this machine does not compute the golden action",
        ),
        (Self::UnknownFault, c"there is no fault of this number"),
        (
            Self::OptionSteps,
            c"options steps_per_action and between: steps of at least a microsecond, held or interpolated",
        ),
        (
            Self::OptionStuck,
            c"option max_stuck: one entry for each observation term",
        ),
        (
            Self::OptionJoints,
            c"option joints: one for each command, measured, with a torque limit above 0",
        ),
        (
            Self::OptionFamiliarity,
            c"option max_deviations: above 0 with a patience above 0, and an image with statistics",
        ),
        (
            Self::OptionFallback,
            c"option fallback: one finite constant for each command, gains of what is measured",
        ),
        (Self::Empty, c"there is nothing to tell"),
    ];
}

impl From<ImageError> for Status {
    fn from(error: ImageError) -> Self {
        match error {
            ImageError::Unaligned { .. } => Self::ImageUnaligned,
            ImageError::Truncated { .. } | ImageError::TrailingBytes { .. } => Self::ImageLength,
            ImageError::Magic => Self::ImageMagic,
            ImageError::Version { .. } => Self::ImageVersion,
            ImageError::Checksum { .. } => Self::ImageChecksum,
            ImageError::Feature { .. } => Self::ImageFeature,
            ImageError::Arena { .. } => Self::MemoryTooSmall,
            // The checksum was right, so whoever wrote the image wrote this.
            _ => Self::ImageContent,
        }
    }
}

impl From<ControlError> for Status {
    fn from(error: ControlError) -> Self {
        match error {
            ControlError::Contract(_) | ControlError::PolicyShape { .. } => Self::ImageContent,
            ControlError::Channels { .. } => Self::Width,
            ControlError::Limits { .. } => Self::Limits,
            ControlError::Option(option) => option.into(),
            ControlError::Memory { .. } => Self::MemoryTooSmall,
        }
    }
}

impl From<OptionError> for Status {
    fn from(error: OptionError) -> Self {
        match error {
            OptionError::StepsPerAction => Self::OptionSteps,
            OptionError::MaxStuck => Self::OptionStuck,
            OptionError::Joints | OptionError::JointIndex | OptionError::JointNumbers => {
                Self::OptionJoints
            }
            OptionError::Statistics | OptionError::Familiarity => Self::OptionFamiliarity,
            OptionError::Constants | OptionError::Gain => Self::OptionFallback,
        }
    }
}

/// What an answer of type `rlfd_status` says, as text for people; never NULL.
#[unsafe(no_mangle)]
pub extern "C" fn rlfd_status_name(status: i32) -> *const c_char {
    let mut all = Status::ALL.iter();
    let found = all.find(|(candidate, _)| *candidate as i32 == status);
    found.map_or(c"unknown status", |(_, name)| name).as_ptr()
}

/// The status of a computation that can fail.
pub(crate) fn status_of(result: Result<(), Status>) -> Status {
    match result {
        Ok(()) => Status::Ok,
        Err(status) => status,
    }
}
