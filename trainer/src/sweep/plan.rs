//! [`Plan`]: the members of a sweep, named after what differs. Knows no files.

use std::collections::BTreeMap;

use anyhow::{Context, bail};

use crate::recipe::{Draft, Recipe};

/// The axis of a sweep of several recipes; no recipe has such a key.
pub const RECIPE: &str = "recipe";

/// Longest name of a folder that common file systems take.
const NAME_LIMIT: usize = 200;

/// One run of a sweep.
#[derive(Clone, Debug, PartialEq)]
pub struct Member {
    /// Of its folder: `gamma_0.98/seed_0`.
    pub name: String,
    /// Its value on each axis, as it is written in a recipe.
    pub values: BTreeMap<String, String>,
    /// All of it.
    pub recipe: Recipe,
}

/// The members of a sweep; the last axis in alphabetical order varies fastest, the recipe slowest.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    /// At least one.
    pub members: Vec<Member>,
}

impl Plan {
    /// The product of each draft's axes; of several drafts, each by its name, the name is an axis, too: `recipe`.
    ///
    /// # Errors
    /// If a combination is no valid recipe, or two combinations are the same run or would have the same folder.
    pub fn new(drafts: &[(String, Draft)]) -> anyhow::Result<Self> {
        let mut members: Vec<Member> = Vec::new();
        let mut recipes = BTreeMap::new();
        let mut combinations = Vec::new();
        for (recipe, draft) in drafts {
            for (mut values, draft) in draft.members()? {
                if drafts.len() > 1 {
                    values.insert(0, (RECIPE.to_owned(), toml::Value::String(recipe.clone())));
                }
                combinations.push((values, draft));
            }
        }
        for (values, draft) in combinations {
            let name = name(&values);
            let recipe = draft.resolve().with_context(|| format!("member {name}"))?;
            if let Some(twin) = recipes.insert(recipe.sha256(), name.clone()) {
                bail!(
                    "members {twin} and {name} are the same run: a recipe is given twice, or an axis has a value twice"
                );
            }
            if members.iter().any(|member| member.name == name) {
                bail!("two members would have the same folder, {name}");
            }
            let values = values
                .into_iter()
                .map(|(key, value)| (key, value.to_string()))
                .collect();
            members.push(Member {
                name,
                values,
                recipe,
            });
        }
        Ok(Self { members })
    }
}

/// `actor_hidden_64x64/gamma_0.98/seed_0`, a folder in a folder; a sweep without axes has one member, `run`.
fn name(values: &[(String, toml::Value)]) -> String {
    if values.is_empty() {
        return "run".to_owned();
    }
    let part = |(key, value): &(String, toml::Value)| {
        let mut part = format!("{key}_{}", word(value));
        part.truncate(part.floor_char_boundary(NAME_LIMIT));
        part
    };
    values.iter().map(part).collect::<Vec<_>>().join("/")
}

/// A value as part of a folder's name: of a path, what follows the last slash.
fn word(value: &toml::Value) -> String {
    match value {
        toml::Value::Array(items) => items.iter().map(word).collect::<Vec<_>>().join("x"),
        toml::Value::String(text) => {
            let last = text.trim_end_matches('/').rsplit('/').next();
            let last = last.filter(|last| !last.is_empty()).unwrap_or("none");
            let safe = |c: char| {
                if c.is_alphanumeric() || "-._+".contains(c) {
                    c
                } else {
                    '_'
                }
            };
            last.chars().map(safe).collect()
        }
        number => number.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(settings: &[(&str, &str)]) -> anyhow::Result<Plan> {
        plan_of(&["sac"], settings)
    }

    fn plan_of(recipes: &[&str], settings: &[(&str, &str)]) -> anyhow::Result<Plan> {
        let mut drafts = Vec::new();
        for recipe in recipes {
            let mut draft = Draft::open(recipe)?;
            for (key, value) in settings {
                draft.set("--set", key, value)?;
            }
            drafts.push(((*recipe).to_owned(), draft));
        }
        Plan::new(&drafts)
    }

    #[test]
    fn members_are_the_product_and_are_named_after_what_differs() {
        let plan = plan(&[
            ("seed", "[0, 1]"),
            ("actor_hidden", "[[64, 64], [8]]"),
            ("env", "[\"Hopper-v5\", \"a/b c\"]"),
        ]);
        let plan = plan.unwrap();
        let names: Vec<&str> = plan.members.iter().map(|m| m.name.as_str()).collect();
        assert_eq!(names.len(), 8);
        assert_eq!(names[0], "actor_hidden_64x64/env_Hopper-v5/seed_0");
        assert_eq!(names[7], "actor_hidden_8/env_b_c/seed_1");
        assert_eq!(plan.members[7].recipe.run.seed, 1);
        assert_eq!(plan.members[7].values["actor_hidden"], "[8]");
    }

    #[test]
    fn several_recipes_are_an_axis() {
        let plan = plan_of(&["td3", "sac"], &[("seed", "[0, 1]")]).unwrap();
        let names: Vec<&str> = plan.members.iter().map(|m| m.name.as_str()).collect();
        let expected = [
            "recipe_td3/seed_0",
            "recipe_td3/seed_1",
            "recipe_sac/seed_0",
            "recipe_sac/seed_1",
        ];
        assert_eq!(names, expected);
        assert_eq!(plan.members[2].values[RECIPE], "\"sac\"");
        assert_eq!(plan.members[2].recipe.run.algo, "sac");
        let twice = format!("{:#}", plan_of(&["sac", "sac"], &[]).unwrap_err());
        assert!(
            twice.contains("recipe_sac and recipe_sac are the same run"),
            "{twice}"
        );
    }

    #[test]
    fn a_sweep_without_axes_is_one_run() {
        let plan = plan(&[]).unwrap();
        assert_eq!(plan.members.len(), 1);
        assert_eq!(plan.members[0].name, "run");
    }

    #[test]
    fn what_cannot_be_run_is_refused_before_anything_is() {
        let said = |settings: &[(&str, &str)]| format!("{:#}", plan(settings).unwrap_err());
        let twice = said(&[("seed", "[4, 5, 4]")]);
        assert!(
            twice.contains("seed_4 and seed_4 are the same run"),
            "{twice}"
        );
        let invalid = said(&[("gamma", "[0.9, 1.9]")]);
        assert!(invalid.contains("member gamma_1.9: "), "{invalid}");
        let folder = said(&[("env", "[\"a/x\", \"b/x\"]")]);
        assert!(folder.contains("the same folder, env_x"), "{folder}");
    }
}
