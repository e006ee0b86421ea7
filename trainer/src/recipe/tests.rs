//! Recipes as people write them, right and wrong.

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

/// What made a committed policy must go on making it.
#[test]
fn every_recipe_beside_a_committed_policy_resolves() {
    let folders = |path: &std::path::Path| -> Vec<_> {
        let entries = std::fs::read_dir(path).unwrap().map(|e| e.unwrap().path());
        entries.filter(|path| path.is_dir()).collect()
    };
    let zoo = concat!(env!("CARGO_MANIFEST_DIR"), "/../models/zoo");
    let runs = folders(zoo.as_ref())
        .into_iter()
        .flat_map(|environment| folders(&environment));
    let recipes: Vec<_> = runs
        .map(|run| run.join("recipe.toml"))
        .filter(|path| path.exists())
        .collect();
    assert!(recipes.len() > 8, "{recipes:?}");
    for path in recipes {
        let draft = Draft::open(path.to_str().unwrap());
        draft.and_then(Draft::resolve).unwrap();
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
        (
            recipe.algorithm.off_policy().unwrap().gamma,
            recipe.policy.actor_hidden
        ),
        (1.0, vec![32])
    );
}

#[test]
fn a_group_of_keys_is_there_whole_or_not_at_all() {
    let mut draft = Draft::open("sac").unwrap();
    assert_eq!(draft.clone().resolve().unwrap().hindsight, None);
    draft.set("--set", "her", "future").unwrap();
    draft.set("--set", "demonstrations", "some.npz").unwrap();
    draft.set("--set", "bc_weight", "2").unwrap();
    let recipe = draft.clone().resolve().unwrap();
    assert_eq!(recipe.hindsight.unwrap().her_k, 4.0);
    let demonstrations = recipe.demonstrations.clone().unwrap();
    assert_eq!(demonstrations.demonstrations, "some.npz");
    assert_eq!(demonstrations.bc_weight, 2.0);
    let again = Draft::parse("again".into(), &recipe.to_toml()).unwrap();
    assert_eq!(again.resolve().unwrap(), recipe);
    draft.set("--set", "demonstrations", "").unwrap();
    assert_eq!(draft.resolve().unwrap().demonstrations, None);

    let lone = message(|text| format!("{text}her_k = 4.0\n"));
    assert!(lone.contains("missing key `her`"), "{lone}");
    let bound =
        message(|text| format!("{text}her = \"future\"\nher_k = -1.0\nclip_target = true\n"));
    assert!(bound.contains("`her_k` must be"), "{bound}");
    let word = message(|text| format!("{text}her = \"futur\"\nher_k = 4.0\nclip_target = true\n"));
    let expected =
        "mine.toml: `her` must be one of `future`, `final`, `episode`, `none`, found `futur`";
    assert_eq!(word, expected);
    let mut bc = Draft::open("bc").unwrap();
    assert!(bc.set("--set", "her", "future").is_err());
    let mut gail = Draft::open("gail").unwrap();
    assert!(gail.set("--set", "her", "future").is_err());
    for (value, ends) in [("true", true), ("false", false)] {
        gail.set("--set", "end_on_success", value).unwrap();
        let recipe = gail.clone().resolve().unwrap();
        assert_eq!(recipe.ends_on_success(), ends);
        assert_eq!(recipe.to_toml().contains("end_on_success"), ends);
    }
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
        .map(|(n, recipe)| (n, recipe.policy.actor_hidden, recipe.run.seed))
        .collect();
    let expected = [
        (2, vec![8], 3),
        (2, vec![8], 1),
        (2, vec![9, 9], 3),
        (2, vec![9, 9], 1),
    ];
    assert_eq!(recipes, expected);
    let alone = draft.resolve().unwrap_err().to_string();
    assert!(alone.contains("axis of `trainer sweep`"), "{alone}");
    let mixed = Draft::open("sac")
        .unwrap()
        .set("--set", "seed", "[1, true]");
    assert!(mixed.is_err());
}

#[test]
fn the_recipe_written_for_a_pair_is_preferred() {
    let pendulum = Draft::choose("InvertedPendulum-v5", "sac")
        .unwrap()
        .resolve()
        .unwrap();
    assert_eq!(pendulum.run.total_steps, 10_000);
    let ant = Draft::choose("Ant-v5", "td3").unwrap();
    assert_eq!(ant.resolve().unwrap().run.algo, "td3");
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
