//! The table of algorithms: what `trainer list` prints and what a recipe's `algo` may name.

use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

use super::{
    Algorithm, Bc, BcSettings, Ddpg, DdpgSettings, OffPolicySettings, Sac, SacSettings, Setup, Td3,
    Td3Settings, UpdateSchedule,
};

/// One algorithm by its recipe name.
#[derive(Debug)]
pub struct AlgorithmEntry {
    /// As written in a recipe.
    pub name: &'static str,
    /// For `trainer list`.
    pub summary: &'static str,
    /// Whether it learns from a file alone and takes no step in an environment.
    pub is_offline: bool,
    /// Reads the algorithm's own keys out of a recipe's table.
    pub settings: fn(&toml::Table) -> Result<AlgorithmSettings, toml::de::Error>,
}

/// Every algorithm there is.
pub const ALGORITHMS: &[AlgorithmEntry] = &[
    AlgorithmEntry {
        name: "sac",
        summary: "soft actor-critic: twin critics, automatic temperature (Haarnoja et al. 2018)",
        is_offline: false,
        settings: |table| SacSettings::deserialize(table.clone()).map(AlgorithmSettings::Sac),
    },
    AlgorithmEntry {
        name: "td3",
        summary: "twin delayed DDPG: target smoothing, delayed policy (Fujimoto et al. 2018)",
        is_offline: false,
        settings: |table| Td3Settings::deserialize(table.clone()).map(AlgorithmSettings::Td3),
    },
    AlgorithmEntry {
        name: "ddpg",
        summary: "deep deterministic policy gradient in cycles, for goals (Lillicrap et al. 2016)",
        is_offline: false,
        settings: |table| DdpgSettings::deserialize(table.clone()).map(AlgorithmSettings::Ddpg),
    },
    AlgorithmEntry {
        name: "bc",
        summary: "behaviour cloning: regression on demonstrated actions, no environment steps",
        is_offline: true,
        settings: |table| BcSettings::deserialize(table.clone()).map(AlgorithmSettings::Bc),
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
    /// `algo = "ddpg"`
    Ddpg(DdpgSettings),
    /// `algo = "bc"`
    Bc(BcSettings),
}

impl AlgorithmSettings {
    /// A freshly initialised learner.
    #[must_use]
    pub fn build(&self, setup: &Setup<'_>, rng: &mut ChaCha8Rng) -> Box<dyn Algorithm> {
        match self {
            Self::Sac(settings) => Box::new(Sac::new(setup, settings, rng)),
            Self::Td3(settings) => Box::new(Td3::new(setup, settings, rng)),
            Self::Ddpg(settings) => Box::new(Ddpg::new(setup, settings, rng)),
            Self::Bc(_) => Box::new(Bc::new(setup, rng)),
        }
    }

    /// What it shares with others that learn from their own experience; nothing where there is none.
    #[must_use]
    pub fn off_policy(&self) -> Option<&OffPolicySettings> {
        match self {
            Self::Sac(settings) => Some(&settings.off_policy),
            Self::Td3(settings) => Some(&settings.off_policy),
            Self::Ddpg(settings) => Some(&settings.off_policy),
            Self::Bc(_) => None,
        }
    }

    /// When it updates; offline, a step is an update.
    #[must_use]
    pub fn schedule(&self) -> UpdateSchedule {
        let every_step = |updates| UpdateSchedule {
            interval: 1,
            updates,
        };
        match self {
            Self::Sac(settings) => every_step(settings.updates_per_step),
            Self::Td3(settings) => UpdateSchedule {
                interval: settings.cycle_steps,
                updates: settings.updates_per_cycle,
            },
            Self::Ddpg(settings) => UpdateSchedule {
                interval: settings.cycle_steps,
                updates: settings.updates_per_cycle,
            },
            Self::Bc(_) => every_step(1),
        }
    }
}
