//! The schema of recipes: the shipped recipe of an algorithm, and groups of keys that a recipe has all or none of.

use super::{RECIPES, RecipeError};
use crate::algo::{ALGORITHMS, Regime};

/// Keys that come together. The first is what a recipe asks for the group by; without it, or with an empty string, zero or
/// false, the group is absent.
#[derive(Debug)]
pub(super) struct Group {
    /// e.g. `her`.
    pub lead: &'static str,
    text: &'static str,
}

const EARLY_END: &str = "end_on_success";
const N_STEP: &str = "n_step";

/// All groups. Algorithms that learn from all their experience may have each of them, sums over several steps those of them
/// that learn in cycles; algorithms that learn from rollouts may have early ends.
const GROUPS: &[Group] = &[
    Group {
        lead: "her",
        text: include_str!("../../recipes/groups/hindsight.toml"),
    },
    Group {
        lead: "demonstrations",
        text: include_str!("../../recipes/groups/demonstrations.toml"),
    },
    Group {
        lead: "potential",
        text: include_str!("../../recipes/groups/potential.toml"),
    },
    Group {
        lead: "bc_init_epochs",
        text: include_str!("../../recipes/groups/imitation.toml"),
    },
    Group {
        lead: EARLY_END,
        text: include_str!("../../recipes/groups/early-end.toml"),
    },
    Group {
        lead: N_STEP,
        text: include_str!("../../recipes/groups/n-step.toml"),
    },
];

impl Group {
    /// Its keys with the values they are filled up with.
    pub(super) fn keys(&self) -> toml::Table {
        self.text.parse().expect("shipped groups are TOML")
    }

    /// Whether `table` asks for it.
    pub(super) fn is_in(&self, table: &toml::Table) -> bool {
        table.contains_key(self.lead) && !self.is_declined(table)
    }

    /// Whether `table` says that it wants none.
    pub(super) fn is_declined(&self, table: &toml::Table) -> bool {
        table.get(self.lead).is_some_and(|value| {
            value.as_str() == Some("")
                || value.as_integer() == Some(0)
                || value.as_bool() == Some(false)
        })
    }
}

/// Groups that recipes of `algorithm` may have.
pub(super) fn groups(algorithm: &str) -> Vec<&'static Group> {
    let entry = ALGORITHMS.iter().find(|entry| entry.name == algorithm);
    let regime = entry.map_or(Regime::OffPolicy, |entry| entry.regime);
    let in_cycles = RECIPES
        .iter()
        .any(|recipe| recipe.name == algorithm && recipe.text.contains("\ncycle_steps ="));
    let may_have = |group: &&Group| match regime {
        Regime::Offline => false,
        Regime::OffPolicy => group.lead != N_STEP || in_cycles,
        Regime::OnPolicy => group.lead == EARLY_END,
    };
    GROUPS.iter().filter(may_have).collect()
}

/// The keys every recipe of `algorithm` has.
pub(super) fn required(algorithm: &str) -> toml::Table {
    let shipped = RECIPES
        .iter()
        .find(|recipe| recipe.name == algorithm)
        .expect("one per algorithm");
    shipped.text.parse().expect("shipped recipes are TOML")
}

/// All keys that a recipe of `algorithm` may have.
pub(super) fn allowed(algorithm: &str) -> toml::Table {
    let mut table = required(algorithm);
    for group in groups(algorithm) {
        table.extend(group.keys());
    }
    table
}

pub(super) fn check_algorithm(origin: &str, name: &str) -> Result<(), RecipeError> {
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

pub(super) fn check_key(origin: &str, key: &str, schema: &toml::Table) -> Result<(), RecipeError> {
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

/// Whether `value` may stand where the shipped recipe has `example`.
pub(super) fn check_type(
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
pub(super) fn is_axis(value: &toml::Value, example: &toml::Value) -> bool {
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

pub(super) fn nearest<'a>(asked: &str, known: impl Iterator<Item = &'a str>) -> String {
    let distance = |name: &&str| strsim::damerau_levenshtein(asked, name);
    known.min_by_key(distance).unwrap_or_default().to_owned()
}

pub(super) fn list<'a>(names: impl Iterator<Item = &'a str>) -> String {
    names
        .map(|name| format!("`{name}`"))
        .collect::<Vec<_>>()
        .join(", ")
}
