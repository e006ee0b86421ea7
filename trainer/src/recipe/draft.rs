//! [`Draft`]: a recipe being put together from a file and flags.

use std::path::Path;

use serde::Deserialize;

use super::schema::{self, check_algorithm, check_key, check_type, is_axis, list, nearest};
use super::{EarlyEnd, RECIPES, Recipe, RecipeError, RunSettings};
use crate::algo::{ALGORITHMS, DemonstrationSettings, ImitationSettings, PolicySettings};
use crate::data::{HindsightSettings, NStepSettings};
use crate::potential::PotentialSettings;

/// Values of a sweep's axes by key, and the draft that has them.
pub type SweepMember = (Vec<(String, toml::Value)>, Draft);

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
    /// [`Draft::members`]. The first key of a group that is not there yet brings the others with it.
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
            self.check_algorithm()?;
            let schema = schema::allowed(self.algorithm());
            check_key(origin, key, &schema)?;
            if !is_axis(&value, &schema[key]) {
                check_type(origin, key, &value, &schema[key])?;
            }
            if let Some(group) = schema::groups(self.algorithm())
                .iter()
                .find(|g| g.lead == key)
            {
                for (key, value) in group.keys() {
                    self.table.entry(key).or_insert(value);
                }
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
        self.check_algorithm()?;
        let allowed = schema::allowed(self.algorithm());
        for (key, value) in &self.table {
            check_key(&self.origin, key, &allowed)?;
            check_type(&self.origin, key, value, &allowed[key])?;
        }
        let mut needed = schema::required(self.algorithm());
        for group in schema::groups(self.algorithm()) {
            let keys = group.keys();
            if group.is_declined(&self.table) {
                keys.keys().for_each(|key| drop(self.table.remove(key)));
            } else if keys.keys().any(|key| self.table.contains_key(key)) {
                needed.extend(keys);
            }
        }
        // A group is asked for by its first key, so that is the one to name.
        let leads = schema::groups(self.algorithm())
            .into_iter()
            .filter_map(|group| needed.get_key_value(group.lead));
        for (key, example) in leads.chain(&needed) {
            let value = self
                .table
                .get_mut(key)
                .ok_or_else(|| RecipeError::MissingKey {
                    origin: self.origin.clone(),
                    key: key.clone(),
                    schema: needed["algo"].as_str().unwrap_or_default().to_owned(),
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
    /// [`RecipeError`] if `algo` is missing or unknown; of a recipe with `algo` as an axis, if one is unknown.
    pub fn members(&self) -> Result<Vec<SweepMember>, RecipeError> {
        if let Some(toml::Value::Array(names)) = self.table.get("algo") {
            let mut members = Vec::new();
            for name in names {
                let mut draft = self.clone();
                draft.table.insert("algo".to_owned(), name.clone());
                for (mut values, draft) in draft.members()? {
                    values.insert(0, ("algo".to_owned(), name.clone()));
                    members.push((values, draft));
                }
            }
            return Ok(members);
        }
        self.check_algorithm()?;
        let schema = schema::allowed(self.algorithm());
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
        let value = |error: toml::de::Error| self.misfit(error.message());
        let groups = schema::groups(name);
        let has = |lead: &str| {
            groups
                .iter()
                .any(|group| group.lead == lead && group.is_in(&self.table))
        };
        let table = || self.table.clone();
        Ok(Recipe {
            run: RunSettings::deserialize(table()).map_err(value)?,
            policy: PolicySettings::deserialize(table()).map_err(value)?,
            algorithm: (entry.settings)(&self.table).map_err(value)?,
            hindsight: has("her")
                .then(|| HindsightSettings::deserialize(table()))
                .transpose()
                .map_err(value)?,
            demonstrations: has("demonstrations")
                .then(|| DemonstrationSettings::deserialize(table()))
                .transpose()
                .map_err(value)?,
            shaping: has("potential")
                .then(|| PotentialSettings::deserialize(table()))
                .transpose()
                .map_err(value)?,
            imitation: has("bc_init_epochs")
                .then(|| ImitationSettings::deserialize(table()))
                .transpose()
                .map_err(value)?,
            early_end: has("end_on_success")
                .then(|| EarlyEnd::deserialize(table()))
                .transpose()
                .map_err(value)?,
            n_step: has("n_step")
                .then(|| NStepSettings::deserialize(table()))
                .transpose()
                .map_err(value)?,
        })
    }

    /// Types are checked before, so that what is left is a word that is none of those a key may have; serde tells the word alone.
    fn misfit(&self, message: &str) -> RecipeError {
        let origin = self.origin.clone();
        let expected = |word: &str| message.strip_prefix(&format!("unknown variant `{word}`, "));
        let found = self.table.iter().find_map(|(key, value)| {
            let word = value.as_str()?;
            Some((key, word, expected(word)?))
        });
        match found {
            Some((key, word, expected)) => RecipeError::Value {
                origin,
                key: key.clone(),
                expected: expected.trim_start_matches("expected ").to_owned(),
                found: word.to_owned(),
            },
            None => RecipeError::Syntax {
                origin,
                message: message.to_owned(),
            },
        }
    }

    fn algorithm(&self) -> &str {
        self.table
            .get("algo")
            .and_then(|value| value.as_str())
            .unwrap_or_default()
    }

    /// `algo` is there and names an algorithm, so that there is a schema.
    fn check_algorithm(&self) -> Result<(), RecipeError> {
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
        check_algorithm(&self.origin, self.algorithm())
    }
}
