//! [`PolicySpec`]: everything that must be known to run a policy besides its numbers.
//!
//! ```text
//! measurement --ObservationTerm--> observation --Network--> action --ActionTerm--> command
//!   sensor units   scale, offset, clip    normaliser, MLP, head    scale, offset, limits   actuator units
//! ```

use serde::{Deserialize, Serialize};

/// Version of the JSON layout below; a reader refuses a newer one.
pub const SPEC_VERSION: u32 = 1;

/// The contract of a policy: what it reads, what it answers, how often, and where it came from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PolicySpec {
    /// [`SPEC_VERSION`] of the writer.
    pub version: u32,
    /// The environment it was trained in, e.g. `InvertedPendulum-v5`.
    pub environment: String,
    /// Control period in microseconds: the policy is asked once per period.
    pub period_us: u32,
    /// What the policy observes, in order.
    pub observation: Vec<ObservationTerm>,
    /// What the policy commands, in order.
    pub action: Vec<ActionTerm>,
    /// The function from observation to action.
    pub network: Network,
    /// How it came to be.
    pub provenance: Provenance,
}

/// A named group of numbers and how it becomes part of the observation:
/// `observation = clamp(number * scale + offset, -clip, clip)`, for each of `dim` numbers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ObservationTerm {
    /// e.g. `cart position`.
    pub name: String,
    /// SI unit before scaling, `1` if it has none, e.g. `m`, `rad`, `m/s`.
    pub unit: String,
    /// Where the numbers come from; absent means sensors.
    #[serde(default, skip_serializing_if = "Source::is_sensor")]
    pub source: Source,
    /// How many numbers.
    pub dim: usize,
    /// Factor to the observation.
    pub scale: f32,
    /// Added after scaling.
    pub offset: f32,
    /// Symmetric bound on the observation; absent means none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clip: Option<f32>,
    /// How many consecutive samples are stacked, oldest first; 1 is the newest alone.
    pub history: usize,
}

/// A named group of commands and how it follows from the action:
/// `command = clamp(action * scale + offset, low, high)`, for each of `dim` numbers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ActionTerm {
    /// The actuator, e.g. `slide`.
    pub name: String,
    /// SI unit of the command, e.g. `N`, `N m`.
    pub unit: String,
    /// How many numbers.
    pub dim: usize,
    /// Factor from action to command.
    pub scale: f32,
    /// Added after scaling, in command units.
    pub offset: f32,
    /// Least command.
    pub low: f32,
    /// Greatest command.
    pub high: f32,
    /// Greatest change of the command per second; absent means none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_rate: Option<f32>,
    /// Gain from position error to torque, where the command is the target position of a joint; absent where it is not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stiffness: Option<f32>,
    /// Gain from joint velocity to opposing torque; absent for none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub damping: Option<f32>,
    /// Time constant of the first-order low-pass that smooths the command, in seconds; absent for none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time_constant_s: Option<f32>,
}

/// Where the numbers of an observation term come from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// The machine's sensors.
    #[default]
    Sensor,
    /// Whoever asks something of the machine: a velocity, a goal.
    Setpoint,
    /// The policy itself: the action it answered last, all of it.
    LastAction,
}

impl Source {
    /// Whether it is the machine's sensors.
    #[must_use]
    pub fn is_sensor(&self) -> bool {
        *self == Self::Sensor
    }
}

/// A multi-layer perceptron with optional observation normaliser in front and a deterministic head behind:
/// `action = head(actor.N(…activation(actor.0((observation - mean) / std))…))`.
///
/// Its tensors in `policy.pt` are `actor.<i>.weight` `[out, in]`, `actor.<i>.bias` `[out]` and, with a normaliser,
/// `normalizer.mean` and `normalizer.std` `[observation_dim]`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Network {
    /// Widths of the hidden layers, e.g. `[256, 256]`.
    pub hidden: Vec<usize>,
    /// Between layers.
    pub activation: Activation,
    /// Whether `normalizer.mean` and `normalizer.std` exist, and the symmetric bound applied after them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub normalizer: Option<Normalizer>,
    /// From the last layer to the action.
    pub head: Head,
}

/// `clamp((observation - mean) / std, -clip, clip)`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Normalizer {
    /// Symmetric bound after normalising; absent means none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clip: Option<f32>,
}

/// Deterministic heads.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind", deny_unknown_fields)]
pub enum Head {
    /// `action = tanh(u) * scale + offset`, element by element: the squashed mean of SAC, the output of TD3.
    Tanh {
        /// Half the width of each action's range.
        scale: Vec<f32>,
        /// Middle of each action's range.
        offset: Vec<f32>,
    },
    /// `action = u`.
    Linear,
}

/// Between layers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Activation {
    /// `max(x, 0)`
    Relu,
    /// `x` if positive, else `exp(x) - 1`
    Elu,
    /// `tanh(x)`
    Tanh,
    /// `1 / (1 + exp(-x))`
    Sigmoid,
}

/// How a policy came to be.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Provenance {
    /// Version of the trainer.
    pub trainer: String,
    /// e.g. `sac`.
    pub algorithm: String,
    /// SHA-256 of the resolved recipe, in hexadecimal.
    pub recipe_sha256: String,
    /// Seed of the run.
    pub seed: u64,
    /// Environment steps taken when these tensors were saved.
    pub environment_steps: u64,
    /// Mean return of the evaluation that chose them; absent before any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mean_return: Option<f64>,
}

impl PolicySpec {
    /// Numbers in one observation, history included.
    #[must_use]
    pub fn observation_dim(&self) -> usize {
        self.observation
            .iter()
            .map(|term| term.dim * term.history)
            .sum()
    }

    /// Numbers in one action.
    #[must_use]
    pub fn action_dim(&self) -> usize {
        self.action.iter().map(|term| term.dim).sum()
    }
}
