//! [`ImageError`]: why bytes are no policy image, or a source cannot become one.

use super::OpCode;

/// Why an image is refused. Indices count from 0; a length is in the unit the message names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ImageError {
    /// Fewer bytes than the prelude says, or than a prelude has.
    #[error("truncated: {needed} bytes expected, {found} found")]
    Truncated {
        /// Bytes expected.
        needed: usize,
        /// Bytes there.
        found: usize,
    },
    /// Bytes after the end.
    #[error("{found} bytes found where the image ends after {stated}")]
    TrailingBytes {
        /// Length in the prelude.
        stated: usize,
        /// Bytes there.
        found: usize,
    },
    /// The first bytes are not [`MAGIC`](super::MAGIC).
    #[error("not a policy image: the first eight bytes are not its magic number")]
    Magic,
    /// The bytes do not start at a multiple of [`ALIGNMENT`](super::ALIGNMENT).
    #[error(
        "not aligned: the image starts {remainder} bytes past a 16-byte boundary (see include_image!)"
    )]
    Unaligned {
        /// Address modulo 16.
        remainder: usize,
    },
    /// Another version of the format.
    #[error("image version {found}, this runtime reads version {supported}")]
    Version {
        /// Of the image.
        found: u16,
        /// [`IMAGE_VERSION`](super::IMAGE_VERSION).
        supported: u16,
    },
    /// Checksum and content disagree: the bytes were damaged.
    #[error("damaged: CRC-32 is {found:#010x}, the image states {stated:#010x}")]
    Checksum {
        /// In the prelude.
        stated: u32,
        /// Of these bytes.
        found: u32,
    },
    /// The header does not decode.
    #[error("header does not decode")]
    Header,
    /// A section has an impossible length.
    #[error("section {index} ({name}) has an impossible length of {len} bytes")]
    Section {
        /// Position in the section table.
        index: usize,
        /// As in `docs/image.md`.
        name: &'static str,
        /// Length in bytes.
        len: usize,
    },
    /// Name or unit of a term does not decode.
    #[error("name or unit of term {index} does not decode")]
    Label {
        /// Observation terms first, then action terms.
        index: usize,
    },
    /// A number of an observation term is out of its range.
    #[error("observation term {index}: {field} is out of range ({expected})")]
    ObservationTerm {
        /// Which term.
        index: usize,
        /// Which field.
        field: &'static str,
        /// What is allowed.
        expected: &'static str,
    },
    /// A number of an action term is out of its range.
    #[error("action term {index}: {field} is out of range ({expected})")]
    ActionTerm {
        /// Which term.
        index: usize,
        /// Which field.
        field: &'static str,
        /// What is allowed.
        expected: &'static str,
    },
    /// Observation, action, layers, their outputs or the period missing.
    #[error("{0} missing: at least one is needed")]
    Missing(&'static str),
    /// An operation of a later version.
    #[error("operation {index} has the unknown code {code}")]
    UnknownOp {
        /// Which operation.
        index: usize,
        /// Its code.
        code: u8,
    },
    /// An operation's function, type of weights or reserved field is unknown.
    #[error("operation {index} ({op:?}): unknown {field} {value}")]
    UnknownField {
        /// Which operation.
        index: usize,
        /// What it does.
        op: OpCode,
        /// Which field.
        field: &'static str,
        /// Its value.
        value: u8,
    },
    /// An operation that this build leaves out.
    #[error("operation {index} needs the feature `{feature}` of rlfd-runtime")]
    Feature {
        /// Which operation.
        index: usize,
        /// Which feature.
        feature: &'static str,
    },
    /// An operand, the result or a parameter of an operation lies outside of its memory, on top of another, or is missing.
    #[error("operation {index}: its {what} does not fit")]
    Operand {
        /// Which operation.
        index: usize,
        /// Which of its places.
        what: &'static str,
    },
    /// An input or output lies outside of its memory.
    #[error("{what} {index} lies outside of its memory")]
    Port {
        /// Which.
        index: usize,
        /// `input` or `output`.
        what: &'static str,
    },
    /// An array of a layer has another length than its place.
    #[error("layer {index}: {what} has {found} numbers, expected {expected}")]
    Width {
        /// Which layer.
        index: usize,
        /// Which array.
        what: &'static str,
        /// From the context.
        expected: usize,
        /// There.
        found: usize,
    },
    /// NaN or infinity where a finite number belongs.
    #[error("operation {index}: {what} holds a number out of range ({expected})")]
    Number {
        /// Which operation.
        index: usize,
        /// Which array.
        what: &'static str,
        /// What is allowed.
        expected: &'static str,
    },
    /// Golden observation or action has a wrong length or a number that is not finite.
    #[error("golden {what}: {expected} finite numbers expected, {found} numbers found")]
    Golden {
        /// `observation` or `action`.
        what: &'static str,
        /// Numbers expected.
        expected: usize,
        /// Numbers there.
        found: usize,
    },
    /// The statistics of the observation have a wrong length, a number that is not finite or a negative deviation.
    #[error(
        "observation statistics: {expected} finite means and as many deviations, not negative, expected; {found} numbers found"
    )]
    Statistics {
        /// Numbers in an observation.
        expected: usize,
        /// Numbers there.
        found: usize,
    },
    /// A stated value differs from the one that follows from the content.
    #[error("stated {what} differs from the content's")]
    Inconsistent {
        /// Which value.
        what: &'static str,
    },
    /// Lent memory is too small.
    #[error("{needed} numbers of memory needed, {found} given")]
    Arena {
        /// Numbers needed.
        needed: usize,
        /// Numbers given.
        found: usize,
    },
    /// Longer than the format's 32-bit lengths.
    #[error("larger than the format allows: {what}")]
    TooLarge {
        /// What is too large.
        what: &'static str,
    },
}
