//! [`Recording`]: a policy whose observations and actions are kept, e.g. to find the scales of integers with.

use std::io::Cursor;
use std::path::Path;

use anyhow::Context;
use ndarray::Array2;
use ndarray_npy::NpzWriter;
use rlfd_models::atomic_file;
use rlfd_runtime::{Policy, Shape};

/// Passes everything through and keeps it.
pub struct Recording<'a> {
    policy: &'a mut dyn Policy,
    observations: Vec<f32>,
    actions: Vec<f32>,
}

impl<'a> Recording<'a> {
    /// Nothing kept yet.
    pub fn new(policy: &'a mut dyn Policy) -> Self {
        Self {
            policy,
            observations: Vec::new(),
            actions: Vec::new(),
        }
    }

    /// What the policy has seen, `[N * observation_dim]`.
    #[must_use]
    pub fn observations(&self) -> &[f32] {
        &self.observations
    }

    /// What the policy has answered, `[N * action_dim]`.
    #[must_use]
    pub fn actions(&self) -> &[f32] {
        &self.actions
    }

    /// Writes `obs` `[N, observation_dim]` and `actions` `[N, action_dim]`, as the policy sees and gives them, to an `.npz` file.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn write(&self, path: &Path) -> anyhow::Result<()> {
        let shape = self.policy.shape();
        let rows = |numbers: &[f32], width: usize| {
            let width = width.max(1);
            Array2::from_shape_vec((numbers.len() / width, width), numbers.to_vec())
        };
        let mut bytes = Vec::new();
        let mut npz = NpzWriter::new_compressed(Cursor::new(&mut bytes));
        npz.add_array("obs", &rows(&self.observations, shape.observation_dim)?)?;
        npz.add_array("actions", &rows(&self.actions, shape.action_dim)?)?;
        npz.finish()?;
        atomic_file::replace(path, &bytes)
            .with_context(|| format!("cannot write {}", path.display()))
    }
}

impl std::fmt::Debug for Recording<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Recording")
            .field("shape", &self.policy.shape())
            .field("numbers", &self.observations.len())
            .finish_non_exhaustive()
    }
}

impl Policy for Recording<'_> {
    fn shape(&self) -> Shape {
        self.policy.shape()
    }

    fn reset(&mut self) {
        self.policy.reset();
    }

    fn act(&mut self, observation: &[f32], action: &mut [f32]) {
        self.policy.act(observation, action);
        self.observations.extend_from_slice(observation);
        self.actions.extend_from_slice(action);
    }
}
