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
    ShippedRecipe {
        name: "sac",
        text: include_str!("../../recipes/sac.toml"),
    },
    ShippedRecipe {
        name: "td3",
        text: include_str!("../../recipes/td3.toml"),
    },
    ShippedRecipe {
        name: "ddpg",
        text: include_str!("../../recipes/ddpg.toml"),
    },
    ShippedRecipe {
        name: "bc",
        text: include_str!("../../recipes/bc.toml"),
    },
    shipped!("trpo"),
    shipped!("gail"),
    shipped!("inverted-pendulum-trpo"),
    shipped!("reach2df-gail"),
    shipped!("peg-in-hole-rand-init-gail"),
    ShippedRecipe {
        name: "inverted-pendulum-sac",
        text: include_str!("../../recipes/inverted-pendulum-sac.toml"),
    },
    ShippedRecipe {
        name: "inverted-pendulum-td3",
        text: include_str!("../../recipes/inverted-pendulum-td3.toml"),
    },
    ShippedRecipe {
        name: "half-cheetah-sac",
        text: include_str!("../../recipes/half-cheetah-sac.toml"),
    },
    ShippedRecipe {
        name: "half-cheetah-td3",
        text: include_str!("../../recipes/half-cheetah-td3.toml"),
    },
    ShippedRecipe {
        name: "point-reach-her",
        text: include_str!("../../recipes/point-reach-her.toml"),
    },
    ShippedRecipe {
        name: "fetch-reach-her",
        text: include_str!("../../recipes/fetch-reach-her.toml"),
    },
    ShippedRecipe {
        name: "fetch-push-her",
        text: include_str!("../../recipes/fetch-push-her.toml"),
    },
    ShippedRecipe {
        name: "fetch-pick-and-place-demos",
        text: include_str!("../../recipes/fetch-pick-and-place-demos.toml"),
    },
    ShippedRecipe {
        name: "reach2df-td3",
        text: include_str!("../../recipes/reach2df-td3.toml"),
    },
    ShippedRecipe {
        name: "reach2df-td3-bc",
        text: include_str!("../../recipes/reach2df-td3-bc.toml"),
    },
    ShippedRecipe {
        name: "reach2df-td3-maf",
        text: include_str!("../../recipes/reach2df-td3-maf.toml"),
    },
    ShippedRecipe {
        name: "reach2df-td3-gan",
        text: include_str!("../../recipes/reach2df-td3-gan.toml"),
    },
    ShippedRecipe {
        name: "reach2df-v2-td3-maf",
        text: include_str!("../../recipes/reach2df-v2-td3-maf.toml"),
    },
    ShippedRecipe {
        name: "reach2df-v2-td3-gan",
        text: include_str!("../../recipes/reach2df-v2-td3-gan.toml"),
    },
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
