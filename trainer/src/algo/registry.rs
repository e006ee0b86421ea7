//! The table of algorithms: what `trainer list` prints and what a recipe's `algo` may name.

use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

use super::{
    Bc, BcSettings, Ddpg, DdpgSettings, Gail, GailSettings, Learner, OffPolicySettings,
    OnPolicySettings, Sac, SacSettings, Setup, Td3, Td3Settings, Trpo, TrpoSettings,
    TrustRegionSettings, UpdateSchedule,
};

/// Where the steps come from that are learned from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Regime {
    /// A file alone: no step is taken in an environment.
    Offline,
    /// All steps taken so far.
    OffPolicy,
    /// The steps of the present policy.
    OnPolicy,
}

/// One algorithm by its recipe name.
#[derive(Debug)]
pub struct AlgorithmEntry {
    /// As written in a recipe.
    pub name: &'static str,
    /// For `trainer list`.
    pub summary: &'static str,
    /// Where its steps come from.
    pub regime: Regime,
    /// Reads the algorithm's own keys out of a recipe's table.
    pub settings: fn(&toml::Table) -> Result<AlgorithmSettings, toml::de::Error>,
}

/// Every algorithm there is.
pub const ALGORITHMS: &[AlgorithmEntry] = &[
    AlgorithmEntry {
        name: "sac",
        summary: "soft actor-critic: twin critics, automatic temperature (Haarnoja et al. 2018)",
        regime: Regime::OffPolicy,
        settings: |table| SacSettings::deserialize(table.clone()).map(AlgorithmSettings::Sac),
    },
    AlgorithmEntry {
        name: "td3",
        summary: "twin delayed DDPG: target smoothing, delayed policy (Fujimoto et al. 2018)",
        regime: Regime::OffPolicy,
        settings: |table| Td3Settings::deserialize(table.clone()).map(AlgorithmSettings::Td3),
    },
    AlgorithmEntry {
        name: "ddpg",
        summary: "deep deterministic policy gradient in cycles, for goals (Lillicrap et al. 2016)",
        regime: Regime::OffPolicy,
        settings: |table| DdpgSettings::deserialize(table.clone()).map(AlgorithmSettings::Ddpg),
    },
    AlgorithmEntry {
        name: "bc",
        summary: "behaviour cloning: regression on demonstrated actions, no environment steps",
        regime: Regime::Offline,
        settings: |table| BcSettings::deserialize(table.clone()).map(AlgorithmSettings::Bc),
    },
    AlgorithmEntry {
        name: "trpo",
        summary: "trust-region policy optimisation, advantages by GAE (Schulman et al. 2015, 2016)",
        regime: Regime::OnPolicy,
        settings: |table| TrpoSettings::deserialize(table.clone()).map(AlgorithmSettings::Trpo),
    },
    AlgorithmEntry {
        name: "gail",
        summary: "generative adversarial imitation: TRPO on a discriminator's reward (Ho & Ermon 2016)",
        regime: Regime::OnPolicy,
        settings: |table| GailSettings::deserialize(table.clone()).map(AlgorithmSettings::Gail),
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
    /// `algo = "trpo"`
    Trpo(TrpoSettings),
    /// `algo = "gail"`
    Gail(GailSettings),
}

impl AlgorithmSettings {
    /// A freshly initialised learner.
    #[must_use]
    pub fn build(&self, setup: &Setup<'_>, rng: &mut ChaCha8Rng) -> Learner {
        match self {
            Self::Sac(settings) => Learner::Batches(Box::new(Sac::new(setup, settings, rng))),
            Self::Td3(settings) => Learner::Batches(Box::new(Td3::new(setup, settings, rng))),
            Self::Ddpg(settings) => Learner::Batches(Box::new(Ddpg::new(setup, settings, rng))),
            Self::Bc(_) => Learner::Batches(Box::new(Bc::new(setup, rng))),
            Self::Trpo(settings) => Learner::Rollouts(Box::new(Trpo::new(setup, settings, rng))),
            Self::Gail(settings) => Learner::Rollouts(Box::new(Gail::new(setup, settings, rng))),
        }
    }

    /// What it shares with others that learn from their own experience; nothing where there is none.
    #[must_use]
    pub fn off_policy(&self) -> Option<&OffPolicySettings> {
        match self {
            Self::Sac(settings) => Some(&settings.off_policy),
            Self::Td3(settings) => Some(&settings.off_policy),
            Self::Ddpg(settings) => Some(&settings.off_policy),
            Self::Bc(_) | Self::Trpo(_) | Self::Gail(_) => None,
        }
    }

    /// What it shares with others that learn from rollouts.
    #[must_use]
    pub fn on_policy(&self) -> Option<&OnPolicySettings> {
        match self {
            Self::Trpo(settings) => Some(&settings.on_policy),
            Self::Gail(settings) => Some(&settings.on_policy),
            Self::Sac(_) | Self::Td3(_) | Self::Ddpg(_) | Self::Bc(_) => None,
        }
    }

    /// How it bounds a step of the policy, where it does.
    #[must_use]
    pub fn trust_region(&self) -> Option<&TrustRegionSettings> {
        match self {
            Self::Trpo(settings) => Some(&settings.trust_region),
            Self::Gail(settings) => Some(&settings.trust_region),
            Self::Sac(_) | Self::Td3(_) | Self::Ddpg(_) | Self::Bc(_) => None,
        }
    }

    /// Where the steps come from that it learns from.
    #[must_use]
    pub fn regime(&self) -> Regime {
        match (self.off_policy(), self.on_policy()) {
            (Some(_), _) => Regime::OffPolicy,
            (None, Some(_)) => Regime::OnPolicy,
            (None, None) => Regime::Offline,
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
            Self::Trpo(TrpoSettings { on_policy, .. })
            | Self::Gail(GailSettings { on_policy, .. }) => UpdateSchedule {
                interval: on_policy.rollout_steps,
                updates: 1,
            },
        }
    }
}
