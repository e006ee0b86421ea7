//! [`Recipe`]: what a run was asked to do, as flat TOML in which every key is present.
//!
//! The shipped recipe named like an algorithm is its schema: a key that is not in it is an error, a key of it that is
//! missing is an error, and so is a value of another type. Groups of keys may be there besides, each whole or not at
//! all, such as hindsight (`her`, …) and demonstrations (`demonstrations`, …).

mod draft;
mod error;
mod schema;
mod shipped;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use tch::Device;

use crate::algo::{AlgorithmSettings, DemonstrationSettings, ImitationSettings, PolicySettings};
use crate::data::{HindsightSettings, NStepSettings};
use crate::potential::PotentialSettings;

pub use draft::{Draft, SweepMember};
pub use error::RecipeError;
pub use shipped::{RECIPES, ShippedRecipe};

/// Keys that belong to the run rather than to an algorithm.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RunSettings {
    /// Environment, e.g. `HalfCheetah-v5`.
    pub env: String,
    /// Algorithm, e.g. `sac`.
    pub algo: String,
    /// Of every random stream.
    pub seed: u64,
    /// Environment steps over all environments; updates, where the algorithm takes no steps.
    pub total_steps: usize,
    /// Environments stepped together.
    pub n_envs: usize,
    /// Threads of the update and of stepping.
    pub threads: usize,
    /// `cpu`, `cuda` or `cuda:N`.
    pub device: String,
    /// Environment steps between rows of the log.
    pub log_interval: usize,
    /// Environment steps between evaluations.
    pub eval_interval: usize,
    /// Episodes per evaluation.
    pub eval_episodes: usize,
    /// Environment steps between checkpoints.
    pub checkpoint_interval: usize,
}

/// Recipe key of episodes that end before their time; absent in a recipe without.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EarlyEnd {
    /// Whether a training episode ends with its first success, and the task with it, so that nothing follows.
    pub end_on_success: bool,
}

/// Everything a run needs to know; the same recipe gives the same run.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Recipe {
    /// The run's own keys.
    #[serde(flatten)]
    pub run: RunSettings,
    /// Keys all policies share.
    #[serde(flatten)]
    pub policy: PolicySettings,
    /// Keys of the one algorithm.
    #[serde(flatten)]
    pub algorithm: AlgorithmSettings,
    /// How goals are taken from what was achieved; nothing where they stay.
    #[serde(flatten)]
    pub hindsight: Option<HindsightSettings>,
    /// What is learned from besides experience.
    #[serde(flatten)]
    pub demonstrations: Option<DemonstrationSettings>,
    /// What rewards are shaped by.
    #[serde(flatten)]
    pub shaping: Option<PotentialSettings>,
    /// How the actor begins, if not with random weights.
    #[serde(flatten)]
    pub imitation: Option<ImitationSettings>,
    /// Whether training episodes may end before their time.
    #[serde(flatten)]
    pub early_end: Option<EarlyEnd>,
    /// How many steps critics look ahead, if not one.
    #[serde(flatten)]
    pub n_step: Option<NStepSettings>,
}

impl Recipe {
    /// As TOML, every key present.
    #[must_use]
    pub fn to_toml(&self) -> String {
        toml::to_string(self).expect("plain data")
    }

    /// SHA-256 of [`Recipe::to_toml`], in hexadecimal.
    #[must_use]
    pub fn sha256(&self) -> String {
        Sha256::digest(self.to_toml())
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect()
    }

    /// SHA-256 of what decides every step of a run: of the recipe without `total_steps`, which only says when it is over.
    #[must_use]
    pub fn course_sha256(&self) -> String {
        let mut course = self.clone();
        course.run.total_steps = 0;
        course.sha256()
    }

    /// File of demonstrations and how many episodes of it are used.
    #[must_use]
    pub fn demonstration_file(&self) -> Option<(&str, usize)> {
        match (&self.algorithm, &self.demonstrations) {
            (AlgorithmSettings::Bc(bc), _) => Some((&bc.demonstrations, bc.num_demos)),
            (AlgorithmSettings::Gail(gail), _) => Some((&gail.demonstrations, gail.num_demos)),
            (_, Some(demos)) => Some((&demos.demonstrations, demos.num_demos)),
            (_, None) => None,
        }
    }

    /// The potential of another run, which is taken instead of fitting one.
    #[must_use]
    pub fn potential_file(&self) -> Option<&str> {
        let settings = self.shaping.as_ref()?;
        (!settings.potential_file.is_empty()).then_some(settings.potential_file.as_str())
    }

    /// How many of a batch's rows critics learn from: all, or those that are no demonstrations.
    #[must_use]
    pub fn critic_rows(&self) -> usize {
        let apart = match &self.demonstrations {
            Some(demos) if !demos.critic_on_demos => demos.demo_batch_size,
            _ => 0,
        };
        self.policy.batch_size - apart
    }

    /// Of the actor's loss without cloning.
    #[must_use]
    pub fn rl_weight(&self) -> f64 {
        (self.demonstrations.as_ref()).map_or(1.0, |demos| demos.rl_weight)
    }

    /// Whether a training episode ends with its first success.
    #[must_use]
    pub fn ends_on_success(&self) -> bool {
        self.early_end.is_some_and(|early| early.end_on_success)
    }

    /// Updates, the first ones, in which only critics learn.
    #[must_use]
    pub fn critic_warmup(&self) -> u64 {
        (self.imitation.as_ref()).map_or(0, |settings| settings.critic_warmup)
    }

    /// Where the tensors live.
    #[must_use]
    pub fn device(&self) -> Device {
        match parse_device(&self.run.device) {
            Some(device) => device,
            None => unreachable!("checked when the recipe was resolved"),
        }
    }

    fn check(&self, origin: &str) -> Result<(), RecipeError> {
        let fail = |key: &str, expected: &str, found: String| {
            Err(RecipeError::Value {
                origin: origin.to_owned(),
                key: key.to_owned(),
                expected: expected.to_owned(),
                found,
            })
        };
        let (run, policy) = (&self.run, &self.policy);
        let mut positive = vec![
            ("total_steps", run.total_steps),
            ("n_envs", run.n_envs),
            ("threads", run.threads),
            ("log_interval", run.log_interval),
            ("eval_interval", run.eval_interval),
            ("eval_episodes", run.eval_episodes),
            ("checkpoint_interval", run.checkpoint_interval),
            ("batch_size", policy.batch_size),
        ];
        let mut widths = vec![("actor_hidden", &policy.actor_hidden)];
        let mut rates = vec![("observation_clip", policy.observation_clip)];
        rates.extend(
            policy
                .actor_learning_rate
                .map(|rate| ("actor_learning_rate", rate)),
        );
        let mut fractions = Vec::new();
        let mut weights = Vec::new();
        let mut finite = Vec::new();
        if let Some(common) = self.algorithm.off_policy() {
            positive.push(("buffer_size", common.buffer_size));
            widths.push(("critic_hidden", &common.critic_hidden));
            rates.push(("critic_learning_rate", common.critic_learning_rate));
            fractions.extend([("gamma", common.gamma), ("tau", common.tau)]);
        }
        if let Some(common) = self.algorithm.on_policy() {
            positive.extend([
                ("rollout_steps", common.rollout_steps),
                ("value_passes", common.value_passes),
            ]);
            widths.push(("value_hidden", &common.value_hidden));
            rates.push(("value_learning_rate", common.value_learning_rate));
            fractions.extend([("gamma", common.gamma), ("gae_lambda", common.gae_lambda)]);
            weights.push(("entropy_weight", common.entropy_weight));
            finite.push(("initial_log_std", common.initial_log_std));
            if !common.rollout_steps.is_multiple_of(run.n_envs) {
                let expected = format!("a multiple of `n_envs`, {}", run.n_envs);
                return fail("rollout_steps", &expected, common.rollout_steps.to_string());
            }
        }
        if let Some(region) = self.algorithm.trust_region() {
            positive.extend([
                ("cg_iterations", region.cg_iterations),
                ("fisher_stride", region.fisher_stride),
                ("line_search_steps", region.line_search_steps),
            ]);
            rates.push(("max_kl", region.max_kl));
            weights.push(("cg_damping", region.cg_damping));
        }
        match &self.algorithm {
            AlgorithmSettings::Sac(sac) => {
                rates.extend([
                    ("initial_temperature", sac.initial_temperature),
                    ("temperature_learning_rate", sac.temperature_learning_rate),
                ]);
                finite.push(("target_entropy_per_action", sac.target_entropy_per_action));
            }
            AlgorithmSettings::Td3(td3) => {
                positive.extend([
                    ("policy_delay", td3.policy_delay as usize),
                    ("cycle_steps", td3.cycle_steps),
                    (
                        "target_update_interval",
                        td3.target_update_interval as usize,
                    ),
                ]);
                fractions.push(("random_eps", td3.random_eps));
                weights.extend([
                    ("target_noise", td3.target_noise),
                    ("target_noise_clip", td3.target_noise_clip),
                    ("exploration_noise", td3.exploration_noise),
                    ("action_l2", td3.action_l2),
                ]);
            }
            AlgorithmSettings::Ddpg(ddpg) => {
                positive.extend([
                    ("cycle_steps", ddpg.cycle_steps),
                    (
                        "target_update_interval",
                        ddpg.target_update_interval as usize,
                    ),
                ]);
                fractions.push(("random_eps", ddpg.random_eps));
                weights.extend([("noise_eps", ddpg.noise_eps), ("action_l2", ddpg.action_l2)]);
            }
            AlgorithmSettings::Bc(bc) => positive.push(("num_demos", bc.num_demos)),
            AlgorithmSettings::Trpo(_) => {}
            AlgorithmSettings::Gail(gail) => {
                positive.extend([
                    ("num_demos", gail.num_demos),
                    (
                        "discriminator_interval",
                        gail.discriminator_interval as usize,
                    ),
                    ("discriminator_updates", gail.discriminator_updates),
                ]);
                widths.push(("discriminator_hidden", &gail.discriminator_hidden));
                rates.push((
                    "discriminator_learning_rate",
                    gail.discriminator_learning_rate,
                ));
                weights.push(("discriminator_entropy", gail.discriminator_entropy));
            }
        }
        if let Some(hindsight) = &self.hindsight {
            weights.push(("her_k", hindsight.her_k));
        }
        if let Some(demos) = &self.demonstrations {
            positive.extend([
                ("num_demos", demos.num_demos),
                ("demo_batch_size", demos.demo_batch_size),
                ("bc_decay_interval", demos.bc_decay_interval as usize),
            ]);
            weights.extend([
                ("bc_weight", demos.bc_weight),
                ("rl_weight", demos.rl_weight),
            ]);
            fractions.extend([
                ("reset_to_demo_prob", demos.reset_to_demo_prob),
                ("bc_decay", demos.bc_decay),
            ]);
            if demos.demo_batch_size >= policy.batch_size {
                let expected = format!("less than `batch_size`, {}", policy.batch_size);
                return fail(
                    "demo_batch_size",
                    &expected,
                    demos.demo_batch_size.to_string(),
                );
            }
        }
        if let Some(shaping) = &self.shaping {
            if self.demonstrations.is_none() {
                let found = "no key `demonstrations`".to_owned();
                return fail("potential", "with demonstrations to fit it to", found);
            }
            positive.extend([
                ("potential_ensemble", shaping.potential_ensemble),
                ("potential_epochs", shaping.potential_epochs),
                (
                    "potential_decay_interval",
                    shaping.potential_decay_interval as usize,
                ),
                ("flow_layers", shaping.flow_layers),
                ("gan_latent", shaping.gan_latent),
                ("gan_critic_updates", shaping.gan_critic_updates),
            ]);
            widths.push(("potential_hidden", &shaping.potential_hidden));
            rates.push(("potential_learning_rate", shaping.potential_learning_rate));
            fractions.push(("potential_decay", shaping.potential_decay));
            weights.extend([
                ("potential_weight", shaping.potential_weight),
                ("flow_smoothing", shaping.flow_smoothing),
                ("gan_penalty", shaping.gan_penalty),
            ]);
        }
        if let Some(imitation) = &self.imitation {
            if self.demonstrations.is_none() {
                let found = "no key `demonstrations`".to_owned();
                return fail("bc_init_epochs", "with demonstrations to clone", found);
            }
            positive.push(("bc_init_batch_size", imitation.bc_init_batch_size));
            rates.push(("bc_init_learning_rate", imitation.bc_init_learning_rate));
        }
        if let Some(n_step) = &self.n_step {
            fractions.push(("n_step_share", n_step.n_step_share));
        }
        if let Some((key, value)) = positive.into_iter().find(|(_, value)| *value == 0) {
            return fail(key, "at least 1", value.to_string());
        }
        for (key, widths) in widths {
            if widths.contains(&0) {
                return fail(key, "widths of at least 1", format!("{widths:?}"));
            }
        }
        if let Some((key, value)) = rates
            .into_iter()
            .find(|(_, value)| !(value.is_finite() && *value > 0.0))
        {
            return fail(key, "a positive number", value.to_string());
        }
        for (key, value) in weights {
            if !(value.is_finite() && value >= 0.0) {
                return fail(key, "a number, not negative", value.to_string());
            }
        }
        for (key, value) in finite {
            if !value.is_finite() {
                return fail(key, "a number", value.to_string());
            }
        }
        for (key, value) in fractions {
            if !(0.0..=1.0).contains(&value) {
                return fail(key, "between 0 and 1", value.to_string());
            }
        }
        if parse_device(&run.device).is_none() {
            return fail("device", "`cpu`, `cuda` or `cuda:N`", run.device.clone());
        }
        Ok(())
    }
}

fn parse_device(name: &str) -> Option<Device> {
    match name.split_once(':') {
        None if name == "cpu" => Some(Device::Cpu),
        None if name == "cuda" => Some(Device::Cuda(0)),
        Some(("cuda", index)) => index.parse().ok().map(Device::Cuda),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
