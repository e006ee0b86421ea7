//! The table of algorithms: what `trainer list` prints and what a recipe's `algo` may name.

use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};
use tch::Device;

use super::{Algorithm, Dimensions, OffPolicySettings, Sac, SacSettings, Td3, Td3Settings};

/// One algorithm by its recipe name.
#[derive(Debug)]
pub struct AlgorithmEntry {
    /// As written in a recipe.
    pub name: &'static str,
    /// For `trainer list`.
    pub summary: &'static str,
    /// Reads the algorithm's own keys out of a recipe's table.
    pub settings: fn(&toml::Table) -> Result<AlgorithmSettings, toml::de::Error>,
}

/// Every algorithm there is.
pub const ALGORITHMS: &[AlgorithmEntry] = &[
    AlgorithmEntry {
        name: "sac",
        summary: "soft actor-critic: twin critics, automatic temperature (Haarnoja et al. 2018)",
        settings: |table| SacSettings::deserialize(table.clone()).map(AlgorithmSettings::Sac),
    },
    AlgorithmEntry {
        name: "td3",
        summary: "twin delayed DDPG: target smoothing, delayed policy (Fujimoto et al. 2018)",
        settings: |table| Td3Settings::deserialize(table.clone()).map(AlgorithmSettings::Td3),
    },
];

/// The keys of one algorithm alone.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub enum AlgorithmSettings {
    /// `algo = "sac"`
    Sac(SacSettings),
    /// `algo = "td3"`
    Td3(Td3Settings),
}

impl AlgorithmSettings {
    /// A freshly initialised learner.
    #[must_use]
    pub fn build(
        &self,
        dimensions: Dimensions,
        common: &OffPolicySettings,
        threads: usize,
        device: Device,
        rng: &mut ChaCha8Rng,
    ) -> Box<dyn Algorithm> {
        match self {
            Self::Sac(settings) => {
                Box::new(Sac::new(dimensions, common, settings, threads, device, rng))
            }
            Self::Td3(settings) => {
                Box::new(Td3::new(dimensions, common, settings, threads, device, rng))
            }
        }
    }
}
