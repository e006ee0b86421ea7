//! [`RecipeError`]: why a recipe cannot be used.

use std::path::PathBuf;

use thiserror::Error;

/// Why a recipe cannot be used.
#[derive(Debug, Error)]
pub enum RecipeError {
    /// The file cannot be read.
    #[error("{path}: cannot be read")]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// Not TOML.
    #[error("{origin}: not valid TOML: {message}")]
    Syntax {
        /// File or flag.
        origin: String,
        /// With line and column.
        message: String,
    },
    /// A name that is none of the shipped recipes and no file.
    #[error("no recipe `{name}`: neither a file nor one of {known} (nearest: `{nearest}`)")]
    UnknownRecipe {
        /// As asked.
        name: String,
        /// All there are.
        known: String,
        /// The nearest.
        nearest: String,
    },
    /// `algo` names nothing.
    #[error("{origin}: no algorithm `{name}`, expected one of {known} (nearest: `{nearest}`)")]
    UnknownAlgorithm {
        /// File or flag.
        origin: String,
        /// As asked.
        name: String,
        /// All there are.
        known: String,
        /// The nearest.
        nearest: String,
    },
    /// A key that the algorithm does not have.
    #[error("{origin}: unknown key `{key}` (nearest valid key: `{nearest}`)")]
    UnknownKey {
        /// File or flag.
        origin: String,
        /// As asked.
        key: String,
        /// The nearest.
        nearest: String,
    },
    /// A key that is not there.
    #[error(
        "{origin}: missing key `{key}` (the shipped recipe `{schema}` has `{key} = {example}`){written}"
    )]
    MissingKey {
        /// The file.
        origin: String,
        /// The absent key.
        key: String,
        /// Where it can be looked up.
        schema: String,
        /// Its value there.
        example: String,
        /// A key of the file that may have been meant.
        written: String,
    },
    /// A value of the wrong type or out of range.
    #[error("{origin}: `{key}` must be {expected}, found `{found}`")]
    Value {
        /// File or flag.
        origin: String,
        /// The key.
        key: String,
        /// In words.
        expected: String,
        /// As written.
        found: String,
    },
}
