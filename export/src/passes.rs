//! Rewritings that keep a policy's function: which part of a graph is wanted ([`select()`]), what of it is constant
//! ([`fold_constants()`]), which of its nodes together are one operator ([`recognise()`]). None knows the image.

mod fold_constants;
mod patterns;
mod select;
mod state;

#[cfg(test)]
mod tests;

pub use fold_constants::{Folded, fold_constants};
pub use patterns::recognise;
pub use select::{Selection, needed_by, select};
pub use state::state_pairs;
