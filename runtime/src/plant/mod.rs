//! Tiny simulators that also run on the device, for a loop without hardware. They know physics and no policy.

mod pendulum;

pub use pendulum::Pendulum;

#[cfg(test)]
mod tests;
