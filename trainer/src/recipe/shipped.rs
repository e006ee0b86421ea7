//! [`ShippedRecipe`]: the recipes inside the program.

/// A recipe that ships with the trainer.
#[derive(Debug)]
pub struct ShippedRecipe {
    /// For `--recipe`.
    pub name: &'static str,
    /// The file itself.
    pub text: &'static str,
}

/// A recipe by its name, which is its file's too.
macro_rules! shipped {
    ($name:literal) => {
        ShippedRecipe {
            name: $name,
            text: include_str!(concat!("../../recipes/", $name, ".toml")),
        }
    };
}

/// Shipped recipes. The ones named like an algorithm serve any environment.
pub const RECIPES: &[ShippedRecipe] = &[
    shipped!("sac"),
    shipped!("td3"),
    shipped!("ddpg"),
    shipped!("bc"),
    shipped!("trpo"),
    shipped!("gail"),
    shipped!("inverted-pendulum-trpo"),
    shipped!("reach2df-gail"),
    shipped!("peg-in-hole-rand-init-gail"),
    shipped!("inverted-pendulum-sac"),
    shipped!("inverted-pendulum-td3"),
    shipped!("half-cheetah-sac"),
    shipped!("half-cheetah-td3"),
    shipped!("point-reach-her"),
    shipped!("fetch-reach-her"),
    shipped!("fetch-push-her"),
    shipped!("fetch-pick-and-place-demos"),
    shipped!("reach2df-td3"),
    shipped!("reach2df-td3-bc"),
    shipped!("reach2df-td3-maf"),
    shipped!("reach2df-td3-gan"),
    shipped!("reach2df-v2-td3"),
    shipped!("reach2df-v2-td3-bc"),
    shipped!("reach2df-v2-td3-maf"),
    shipped!("reach2df-v2-td3-gan"),
    shipped!("peg-in-hole-2d-td3"),
    shipped!("peg-in-hole-2d-td3-bc"),
    shipped!("peg-in-hole-2d-td3-maf"),
    shipped!("peg-in-hole-2d-td3-gan"),
    shipped!("peg-in-hole-2d-g2-td3"),
    shipped!("peg-in-hole-2d-g2-td3-bc"),
    shipped!("peg-in-hole-2d-g2-td3-maf"),
    shipped!("peg-in-hole-2d-g2-td3-gan"),
    shipped!("peg-in-hole-rand-init-td3"),
    shipped!("peg-in-hole-rand-init-td3-bc"),
    shipped!("peg-in-hole-rand-init-td3-maf"),
    shipped!("peg-in-hole-rand-init-td3-gan"),
    shipped!("peg-in-hole-rand-init-g2-td3"),
    shipped!("peg-in-hole-rand-init-g2-td3-bc"),
    shipped!("peg-in-hole-rand-init-g2-td3-maf"),
    shipped!("peg-in-hole-rand-init-g2-td3-gan"),
    shipped!("pick-and-place-rand-init-td3"),
    shipped!("pick-and-place-rand-init-td3-bc"),
    shipped!("pick-and-place-rand-init-td3-maf"),
    shipped!("pick-and-place-rand-init-td3-gan"),
    shipped!("pick-and-place-rand-init-g2-td3"),
    shipped!("pick-and-place-rand-init-g2-td3-bc"),
    shipped!("pick-and-place-rand-init-g2-td3-maf"),
    shipped!("pick-and-place-rand-init-g2-td3-gan"),
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
