//! The one test binary: whatever needs two members or more.

mod architecture;
mod gymnasium;
mod video;
