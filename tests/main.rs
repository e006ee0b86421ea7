//! The one test binary: whatever needs two members or more.

mod gymnasium;
mod video;
