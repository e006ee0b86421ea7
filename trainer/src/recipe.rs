//! [`Recipe`]: what a run was asked to do, as flat TOML in which every key is present.
//!
//! The shipped recipe named like an algorithm is its schema: a key that is not in it is an error, a key of it that is
//! missing is an error, and so is a value of another type.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use tch::Device;
use thiserror::Error;

use crate::algo::{ALGORITHMS, AlgorithmSettings, OffPolicySettings};

/// A recipe that ships with the trainer.
#[derive(Debug)]
pub struct ShippedRecipe {
    /// For `--recipe`.
    pub name: &'static str,
    /// The file itself.
    pub text: &'static str,
}

/// Shipped recipes. The ones named like an algorithm serve any environment.
pub const RECIPES: &[ShippedRecipe] = &[
    ShippedRecipe {
        name: "sac",
        text: include_str!("../recipes/sac.toml"),
    },
    ShippedRecipe {
        name: "td3",
        text: include_str!("../recipes/td3.toml"),
    },
    ShippedRecipe {
        name: "inverted-pendulum-sac",
        text: include_str!("../recipes/inverted-pendulum-sac.toml"),
    },
    ShippedRecipe {
        name: "inverted-pendulum-td3",
        text: include_str!("../recipes/inverted-pendulum-td3.toml"),
    },
    ShippedRecipe {
        name: "half-cheetah-sac",
        text: include_str!("../recipes/half-cheetah-sac.toml"),
    },
    ShippedRecipe {
        name: "half-cheetah-td3",
        text: include_str!("../recipes/half-cheetah-td3.toml"),
    },
];

impl ShippedRecipe {
    /// The comment it opens with.
    #[must_use]
    pub fn summary(&self) -> &'static str {
        self.text
            .lines()
            .next()
            .unwrap_or_default()
            .trim_start_matches("# ")
    }
}

/// Keys that belong to the run rather than to an algorithm.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RunSettings {
    /// Environment, e.g. `HalfCheetah-v5`.
    pub env: String,
    /// Algorithm, e.g. `sac`.
    pub algo: String,
    /// Of every random stream.
    pub seed: u64,
    /// Environment steps over all environments.
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

/// Everything a run needs to know; the same recipe gives the same run.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Recipe {
    /// The run's own keys.
    #[serde(flatten)]
    pub run: RunSettings,
    /// Keys all off-policy algorithms share.
    #[serde(flatten)]
    pub off_policy: OffPolicySettings,
    /// Keys of the one algorithm.
    #[serde(flatten)]
    pub algorithm: AlgorithmSettings,
}

/// Why a recipe cannot be used.
#[derive(Debug, Error)]
pub enum RecipeError {
    /// The file cannot be read.
    #[error("{path}: cannot be read")]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// Not TOML.
    #[error("{origin}: not valid TOML: {message}")]
    Syntax {
        /// File or flag.
        origin: String,
        /// With line and column.
        message: String,
    },
    /// A name that is none of the shipped recipes and no file.
    #[error("no recipe `{name}`: neither a file nor one of {known} (nearest: `{nearest}`)")]
    UnknownRecipe {
        /// As asked.
        name: String,
        /// All there are.
        known: String,
        /// The nearest.
        nearest: String,
    },
    /// `algo` names nothing.
    #[error("{origin}: no algorithm `{name}`, expected one of {known} (nearest: `{nearest}`)")]
    UnknownAlgorithm {
        /// File or flag.
        origin: String,
        /// As asked.
        name: String,
        /// All there are.
        known: String,
        /// The nearest.
        nearest: String,
    },
    /// A key that the algorithm does not have.
    #[error("{origin}: unknown key `{key}` (nearest valid key: `{nearest}`)")]
    UnknownKey {
        /// File or flag.
        origin: String,
        /// As asked.
        key: String,
        /// The nearest.
        nearest: String,
    },
    /// A key that is not there.
    #[error(
        "{origin}: missing key `{key}` (the shipped recipe `{schema}` has `{key} = {example}`){written}"
    )]
    MissingKey {
        /// The file.
        origin: String,
        /// The absent key.
        key: String,
        /// Where it can be looked up.
        schema: String,
        /// Its value there.
        example: String,
        /// A key of the file that may have been meant.
        written: String,
    },
    /// A value of the wrong type or out of range.
    #[error("{origin}: `{key}` must be {expected}, found `{found}`")]
    Value {
        /// File or flag.
        origin: String,
        /// The key.
        key: String,
        /// In words.
        expected: String,
        /// As written.
        found: String,
    },
}

/// The value a member of a sweep has on each axis, by key.
pub type AxisValues = Vec<(String, toml::Value)>;

/// A recipe being put together from a file and flags.
#[derive(Clone, Debug)]
pub struct Draft {
    origin: String,
    table: toml::Table,
}

impl Draft {
    /// A shipped recipe by name, or a file.
    ///
    /// # Errors
    /// [`RecipeError`] if there is neither, or the file is not TOML.
    pub fn open(name_or_path: &str) -> Result<Self, RecipeError> {
        if let Some(shipped) = RECIPES.iter().find(|recipe| recipe.name == name_or_path) {
            return Self::parse(format!("recipe `{name_or_path}`"), shipped.text);
        }
        let path = Path::new(name_or_path);
        if !path.exists() && !name_or_path.ends_with(".toml") {
            let names = RECIPES.iter().map(|recipe| recipe.name);
            return Err(RecipeError::UnknownRecipe {
                name: name_or_path.to_owned(),
                known: list(names.clone()),
                nearest: nearest(name_or_path, names),
            });
        }
        let read = |source| RecipeError::Read {
            path: path.to_owned(),
            source,
        };
        let bytes = std::fs::read(path).map_err(read)?;
        let text = String::from_utf8(bytes).map_err(|error| RecipeError::Syntax {
            origin: name_or_path.to_owned(),
            message: format!("byte {} is not UTF-8", error.utf8_error().valid_up_to()),
        })?;
        Self::parse(name_or_path.to_owned(), &text)
    }

    /// The shipped recipe for this pair: the one written for it, else the algorithm's own.
    ///
    /// # Errors
    /// [`RecipeError::UnknownAlgorithm`].
    pub fn choose(env: &str, algo: &str) -> Result<Self, RecipeError> {
        check_algorithm("--algo", algo)?;
        let drafts = RECIPES
            .iter()
            .map(|recipe| Self::parse(format!("recipe `{}`", recipe.name), recipe.text));
        let drafts = drafts.collect::<Result<Vec<_>, _>>()?;
        let is_for = |draft: &&Self, key: &str, value: &str| {
            draft.table.get(key).and_then(|v| v.as_str()) == Some(value)
        };
        let written_for_it = drafts
            .iter()
            .find(|draft| is_for(draft, "env", env) && is_for(draft, "algo", algo));
        match written_for_it {
            Some(draft) => Ok(draft.clone()),
            None => Self::open(algo),
        }
    }

    /// From a recipe's text; `origin` is what errors call it.
    ///
    /// # Errors
    /// [`RecipeError::Syntax`].
    pub fn parse(origin: String, text: &str) -> Result<Self, RecipeError> {
        match text.parse::<toml::Table>() {
            Ok(table) => Ok(Self { origin, table }),
            Err(error) => Err(RecipeError::Syntax {
                origin,
                message: error.to_string(),
            }),
        }
    }

    /// Overrides one key; `value` is TOML, or a bare string. A list where one value is needed is an axis, see
    /// [`Draft::members`].
    ///
    /// # Errors
    /// [`RecipeError`] if the key does not exist or the value has another type than it needs.
    pub fn set(&mut self, origin: &str, key: &str, value: &str) -> Result<(), RecipeError> {
        let value = match format!("v = {value}").parse::<toml::Table>() {
            Ok(mut table) => table.remove("v").expect("just written"),
            Err(_) => toml::Value::String(value.to_owned()),
        };
        if key == "algo" {
            check_algorithm(origin, value.as_str().unwrap_or_default())?;
        } else {
            let schema = self.schema()?;
            check_key(origin, key, &schema)?;
            if !is_axis(&value, &schema[key]) {
                check_type(origin, key, &value, &schema[key])?;
            }
        }
        self.table.insert(key.to_owned(), value);
        Ok(())
    }

    /// Checks everything and settles it.
    ///
    /// # Errors
    /// [`RecipeError`] with the first thing found wrong.
    pub fn resolve(mut self) -> Result<Recipe, RecipeError> {
        let schema = self.schema()?;
        for (key, value) in &self.table {
            check_key(&self.origin, key, &schema)?;
            check_type(&self.origin, key, value, &schema[key])?;
        }
        for (key, example) in &schema {
            let value = self
                .table
                .get_mut(key)
                .ok_or_else(|| RecipeError::MissingKey {
                    origin: self.origin.clone(),
                    key: key.clone(),
                    schema: schema["algo"].as_str().unwrap_or_default().to_owned(),
                    example: example.to_string(),
                    written: String::new(),
                })?;
            // `gamma = 1` means 1.0.
            if let (toml::Value::Float(_), toml::Value::Integer(integer)) = (example, &*value) {
                *value = toml::Value::Float(*integer as f64);
            }
        }
        let recipe = self.read()?;
        recipe.check(&self.origin)?;
        Ok(recipe)
    }

    /// One draft per combination of the axes' values, each with its values by key; a draft without axes has itself as
    /// its only member. The last axis, in alphabetical order, varies fastest.
    ///
    /// # Errors
    /// [`RecipeError`] if `algo` is missing or unknown.
    pub fn members(&self) -> Result<Vec<(AxisValues, Self)>, RecipeError> {
        let schema = self.schema()?;
        let axis = self.table.iter().find_map(|(key, value)| match value {
            toml::Value::Array(items) if is_axis(value, schema.get(key)?) => Some((key, items)),
            _ => None,
        });
        let Some((key, items)) = axis else {
            return Ok(vec![(Vec::new(), self.clone())]);
        };
        let mut members = Vec::new();
        for item in items {
            let mut draft = self.clone();
            draft.table.insert(key.clone(), item.clone());
            for (mut values, draft) in draft.members()? {
                values.insert(0, (key.clone(), item.clone()));
                members.push((values, draft));
            }
        }
        Ok(members)
    }

    fn read(&self) -> Result<Recipe, RecipeError> {
        let name = self.algorithm();
        let entry = ALGORITHMS
            .iter()
            .find(|entry| entry.name == name)
            .expect("checked by schema");
        let value = |error: toml::de::Error| RecipeError::Syntax {
            origin: self.origin.clone(),
            message: error.message().to_owned(),
        };
        Ok(Recipe {
            run: RunSettings::deserialize(self.table.clone()).map_err(value)?,
            off_policy: OffPolicySettings::deserialize(self.table.clone()).map_err(value)?,
            algorithm: (entry.settings)(&self.table).map_err(value)?,
        })
    }

    fn algorithm(&self) -> &str {
        self.table
            .get("algo")
            .and_then(|value| value.as_str())
            .unwrap_or_default()
    }

    /// The shipped recipe of this draft's algorithm.
    fn schema(&self) -> Result<toml::Table, RecipeError> {
        if let Some(key) = ["algo"]
            .into_iter()
            .find(|key| !self.table.contains_key(*key))
        {
            let near = self
                .table
                .keys()
                .filter(|written| strsim::damerau_levenshtein(written, key) <= 2);
            return Err(RecipeError::MissingKey {
                origin: self.origin.clone(),
                key: key.to_owned(),
                schema: "sac".to_owned(),
                example: "\"sac\"".to_owned(),
                written: near
                    .map(|written| format!("; `{written}` may have been meant"))
                    .collect(),
            });
        }
        check_algorithm(&self.origin, self.algorithm())?;
        let shipped = RECIPES
            .iter()
            .find(|recipe| recipe.name == self.algorithm())
            .expect("one per algorithm");
        Ok(shipped.text.parse().expect("shipped recipes are TOML"))
    }
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
        let (run, common) = (&self.run, &self.off_policy);
        let positive = [
            ("total_steps", run.total_steps),
            ("n_envs", run.n_envs),
            ("threads", run.threads),
            ("log_interval", run.log_interval),
            ("eval_interval", run.eval_interval),
            ("eval_episodes", run.eval_episodes),
            ("checkpoint_interval", run.checkpoint_interval),
            ("buffer_size", common.buffer_size),
            ("batch_size", common.batch_size),
        ];
        if let Some((key, value)) = positive.into_iter().find(|(_, value)| *value == 0) {
            return fail(key, "at least 1", value.to_string());
        }
        for (key, widths) in [
            ("actor_hidden", &common.actor_hidden),
            ("critic_hidden", &common.critic_hidden),
        ] {
            if widths.contains(&0) {
                return fail(key, "widths of at least 1", format!("{widths:?}"));
            }
        }
        let mut rates = vec![
            ("actor_learning_rate", common.actor_learning_rate),
            ("critic_learning_rate", common.critic_learning_rate),
            ("observation_clip", common.observation_clip),
        ];
        match &self.algorithm {
            AlgorithmSettings::Sac(sac) => {
                rates.push(("initial_temperature", sac.initial_temperature));
                rates.push(("temperature_learning_rate", sac.temperature_learning_rate));
            }
            AlgorithmSettings::Td3(td3) => {
                if td3.policy_delay == 0 {
                    return fail("policy_delay", "at least 1", "0".to_owned());
                }
            }
        }
        if let Some((key, value)) = rates
            .into_iter()
            .find(|(_, value)| !(value.is_finite() && *value > 0.0))
        {
            return fail(key, "a positive number", value.to_string());
        }
        for (key, value) in [("gamma", common.gamma), ("tau", common.tau)] {
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

fn check_algorithm(origin: &str, name: &str) -> Result<(), RecipeError> {
    let names = ALGORITHMS.iter().map(|entry| entry.name);
    if names.clone().any(|known| known == name) {
        return Ok(());
    }
    Err(RecipeError::UnknownAlgorithm {
        origin: origin.to_owned(),
        name: name.to_owned(),
        known: list(names.clone()),
        nearest: nearest(name, names),
    })
}

fn check_key(origin: &str, key: &str, schema: &toml::Table) -> Result<(), RecipeError> {
    if schema.contains_key(key) {
        return Ok(());
    }
    let nearest = nearest(key, schema.keys().map(String::as_str));
    Err(RecipeError::UnknownKey {
        origin: origin.to_owned(),
        key: key.to_owned(),
        nearest,
    })
}

fn check_type(
    origin: &str,
    key: &str,
    value: &toml::Value,
    example: &toml::Value,
) -> Result<(), RecipeError> {
    use toml::Value::{Array, Boolean, Float, Integer, String as Text};
    if fits(value, example) {
        return Ok(());
    }
    let expected = match example {
        Float(_) => "a number",
        Text(_) => "a string",
        Boolean(_) => "true or false",
        Integer(_) => "a whole number, not negative",
        Array(_) => "a list of whole numbers",
        _ => "of the type it has in the shipped recipe",
    };
    let axis = match is_axis(value, example) {
        true => "; a list of them is an axis of `trainer sweep`",
        false => "",
    };
    Err(RecipeError::Value {
        origin: origin.to_owned(),
        key: key.to_owned(),
        expected: format!("{expected} (the shipped recipe has `{example}`{axis})"),
        found: value.to_string(),
    })
}

/// Whether `value` is a list of several values that may stand where the shipped recipe has `example`.
fn is_axis(value: &toml::Value, example: &toml::Value) -> bool {
    let toml::Value::Array(items) = value else {
        return false;
    };
    !items.is_empty() && !fits(value, example) && items.iter().all(|item| fits(item, example))
}

fn fits(value: &toml::Value, example: &toml::Value) -> bool {
    use toml::Value::{Array, Boolean, Float, Integer, String as Text};
    match (example, value) {
        (Float(_), Float(_) | Integer(_)) | (Text(_), Text(_)) | (Boolean(_), Boolean(_)) => true,
        (Integer(_), Integer(integer)) => *integer >= 0,
        (Array(_), Array(items)) => items
            .iter()
            .all(|item| matches!(item, Integer(i) if *i >= 0)),
        _ => false,
    }
}

fn nearest<'a>(asked: &str, known: impl Iterator<Item = &'a str>) -> String {
    let distance = |name: &&str| strsim::damerau_levenshtein(asked, name);
    known.min_by_key(distance).unwrap_or_default().to_owned()
}

fn list<'a>(names: impl Iterator<Item = &'a str>) -> String {
    names
        .map(|name| format!("`{name}`"))
        .collect::<Vec<_>>()
        .join(", ")
}

#[cfg(test)]
mod tests {
    use rand::{RngExt, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    use super::*;

    #[test]
    fn every_shipped_recipe_resolves_and_survives_its_own_toml() {
        for shipped in RECIPES {
            let recipe = Draft::open(shipped.name).unwrap().resolve().unwrap();
            let again = Draft::parse("again".into(), &recipe.to_toml())
                .unwrap()
                .resolve()
                .unwrap();
            assert_eq!(recipe, again);
            assert_eq!(recipe.sha256(), again.sha256());
        }
    }

    fn message(edit: impl Fn(&str) -> String) -> String {
        let text = edit(RECIPES[0].text);
        Draft::parse("mine.toml".into(), &text)
            .and_then(Draft::resolve)
            .unwrap_err()
            .to_string()
    }

    #[test]
    fn errors_name_key_and_nearest() {
        let unknown = message(|text| text.replace("batch_size", "batchsize"));
        assert_eq!(
            unknown,
            "mine.toml: unknown key `batchsize` (nearest valid key: `batch_size`)"
        );
        let missing = message(|text| text.replace("tau = 0.005", ""));
        assert!(
            missing.contains("missing key `tau`") && missing.contains("0.005"),
            "{missing}"
        );
        let wrong = message(|text| text.replace("gamma = 0.99", "gamma = \"high\""));
        assert!(wrong.contains("`gamma` must be a number"), "{wrong}");
        let range = message(|text| text.replace("gamma = 0.99", "gamma = 1.5"));
        assert!(range.contains("between 0 and 1"), "{range}");
        let algo = message(|text| text.replace("algo = \"sac\"", "algo = \"scc\""));
        assert!(algo.contains("nearest: `sac`"), "{algo}");
    }

    #[test]
    fn set_overrides_and_checks() {
        let mut draft = Draft::open("sac").unwrap();
        draft.set("--set", "gamma", "1").unwrap();
        draft.set("--set", "actor_hidden", "[32]").unwrap();
        draft.set("--set", "activation", "tanh").unwrap();
        let unknown = draft
            .set("--set", "policy_delay", "2")
            .unwrap_err()
            .to_string();
        assert!(
            unknown.starts_with("--set: unknown key `policy_delay`"),
            "{unknown}"
        );
        let recipe = draft.resolve().unwrap();
        assert_eq!(
            (recipe.off_policy.gamma, recipe.off_policy.actor_hidden),
            (1.0, vec![32])
        );
    }

    #[test]
    fn lists_are_axes_of_a_sweep() {
        let mut draft = Draft::open("sac").unwrap();
        draft.set("--set", "seed", "[3, 1]").unwrap();
        draft.set("--set", "actor_hidden", "[[8], [9, 9]]").unwrap();
        let members = draft.members().unwrap();
        let recipes: Vec<_> = members
            .into_iter()
            .map(|(values, draft)| (values.len(), draft.resolve().unwrap()))
            .map(|(n, recipe)| (n, recipe.off_policy.actor_hidden, recipe.run.seed))
            .collect();
        let expected = [
            (2, vec![8], 3),
            (2, vec![8], 1),
            (2, vec![9, 9], 3),
            (2, vec![9, 9], 1),
        ];
        assert_eq!(recipes, expected);
        let refused = draft.resolve().unwrap_err().to_string();
        assert!(refused.contains("trainer sweep"), "{refused}");
        for (key, value) in [("gamma", "[]"), ("gamma", "[0.9, \"high\"]")] {
            let mut draft = Draft::open("sac").unwrap();
            assert!(draft.set("--set", key, value).is_err(), "{value}");
        }
    }

    #[test]
    fn the_recipe_written_for_a_pair_is_preferred() {
        let pendulum = Draft::choose("InvertedPendulum-v5", "sac")
            .unwrap()
            .resolve()
            .unwrap();
        assert_eq!(pendulum.run.total_steps, 10_000);
        assert_eq!(Draft::choose("Ant-v5", "td3").unwrap().algorithm(), "td3");
    }

    /// Truncated and flipped files: an error or a recipe, never a panic.
    #[test]
    fn a_thousand_damaged_recipes_never_panic() {
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let whole = RECIPES[0].text.as_bytes();
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("damaged.toml");
        let mut refused = 0;
        for round in 0..1000 {
            let mut bytes = whole.to_vec();
            if round % 2 == 0 {
                bytes.truncate(rng.random_range(0..whole.len()));
            } else {
                bytes[rng.random_range(0..whole.len())] ^= 1 << rng.random_range(0..8u32);
            }
            std::fs::write(&path, &bytes).unwrap();
            if let Err(error) = Draft::open(path.to_str().unwrap()).and_then(Draft::resolve) {
                assert!(error.to_string().contains("damaged.toml"), "{error}");
                refused += 1;
            }
        }
        // Damage in comments is harmless; most is not.
        assert!(refused > 600, "{refused}");
    }
}
