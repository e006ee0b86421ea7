//! The one test binary: whatever needs two members or more.

mod agreement;
mod architecture;
mod c_library;
mod gymnasium;
mod hil;
mod onnx_checker;
mod policy_file;
mod random_policy;
mod robot_computer;
mod strangers_robot;
mod video;
