//! Hardware in the loop.
