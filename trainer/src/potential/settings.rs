//! [`PotentialSettings`]: the recipe keys of a potential.

use serde::{Deserialize, Serialize};

/// What Φ is made from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PotentialModel {
    /// Density of a masked autoregressive flow (Papamakarios, Pavlakou & Murray 2017).
    Maf,
    /// Density of a flow of coupling layers (Dinh, Sohl-Dickstein & Bengio 2017), half of the numbers passing through.
    RealNvp,
    /// Critic of a Wasserstein GAN with gradient penalty (Gulrajani et al. 2017).
    Gan,
}

impl PotentialModel {
    /// As recipes name it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Maf => "maf",
            Self::RealNvp => "realnvp",
            Self::Gan => "gan",
        }
    }

    /// Whether Φ is made from the density of a flow, and not one network's answer.
    #[must_use]
    pub(super) fn is_flow(self) -> bool {
        match self {
            Self::Maf | Self::RealNvp => true,
            Self::Gan => false,
        }
    }
}

/// How Φ is learned and used; every one is a recipe key.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PotentialSettings {
    /// What Φ is made from.
    pub potential: PotentialModel,
    /// `potential.pt` of another run, whose Φ is taken instead of fitting one; empty to fit.
    pub potential_file: String,
    /// Factor w of Φ.
    pub potential_weight: f64,
    /// Independent models whose mean Φ is.
    pub potential_ensemble: usize,
    /// Passes over the demonstrations.
    pub potential_epochs: usize,
    /// Adam's learning rate.
    pub potential_learning_rate: f64,
    /// Widths of the hidden layers of every network of the model.
    pub potential_hidden: Vec<usize>,
    /// Factor on Φ after each `potential_decay_interval` updates past `potential_decay_start`; 1 keeps it.
    pub potential_decay: f64,
    /// Updates before Φ begins to shrink.
    pub potential_decay_start: u64,
    /// Updates between two factors.
    pub potential_decay_interval: u64,
    /// Layers K of a flow.
    pub flow_layers: usize,
    /// Weight of the norm of the loss's gradient by a batch of 128 rows, which keeps a flow's density smooth.
    pub flow_smoothing: f64,
    /// Numbers in a GAN's latent variable.
    pub gan_latent: usize,
    /// Weight λ of the gradient penalty.
    pub gan_penalty: f64,
    /// Updates of a GAN's critic per update of its generator.
    pub gan_critic_updates: usize,
}

impl PotentialSettings {
    /// What is left of Φ after so many updates.
    #[must_use]
    pub fn remaining(&self, updates: u64) -> f64 {
        let past = updates.saturating_sub(self.potential_decay_start);
        let factors = past / self.potential_decay_interval.max(1);
        self.potential_decay.powf(factors as f64)
    }
}

#[cfg(test)]
impl PotentialSettings {
    /// Small and quick.
    pub(crate) fn tiny(potential: PotentialModel) -> Self {
        Self {
            potential,
            potential_file: String::new(),
            potential_weight: 3.0,
            potential_ensemble: 1,
            potential_epochs: 1,
            potential_learning_rate: 1e-3,
            potential_hidden: vec![16, 12],
            potential_decay: 1.0,
            potential_decay_start: 0,
            potential_decay_interval: 1,
            flow_layers: 3,
            flow_smoothing: 0.0,
            gan_latent: 3,
            gan_penalty: 0.1,
            gan_critic_updates: 5,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_potential_shrinks_by_a_factor_at_each_interval_past_the_start() {
        let mut settings = PotentialSettings::tiny(PotentialModel::Maf);
        assert_eq!(settings.remaining(1_000_000), 1.0);
        settings.potential_decay = 0.5;
        settings.potential_decay_start = 100;
        settings.potential_decay_interval = 10;
        let remaining = [0, 109, 110, 119, 120].map(|updates| settings.remaining(updates));
        assert_eq!(remaining, [1.0, 1.0, 0.5, 0.5, 0.25]);
    }
}
