//! Which runs are drawn as one curve, and what the curve is called: runs are told apart by the name they were given and by
//! what their recipes say about learning, never by the seed, and named by their name and the keys that tell them apart.

use std::collections::BTreeSet;

use super::Curve;

/// Keys that never make a group: the seed, the environment, which has a picture of its own, and what only says where a run
/// computes, how long it goes on and how often it is looked at.
const IGNORED: [&str; 9] = [
    "seed",
    "env",
    "total_steps",
    "threads",
    "device",
    "log_interval",
    "eval_interval",
    "eval_episodes",
    "checkpoint_interval",
];

/// Groups in the order of their labels, each with the runs in it.
pub(super) fn split(curves: &[Curve]) -> Vec<(String, Vec<&Curve>)> {
    let keys = telling(curves);
    let mut groups: Vec<(Values, Vec<&Curve>)> = Vec::new();
    for curve in curves {
        let values = values(curve, &keys);
        match groups.iter_mut().find(|(known, _)| *known == values) {
            Some((_, members)) => members.push(curve),
            None => groups.push((values, vec![curve])),
        }
    }
    let several_algorithms = keys.contains(&"algo");
    let labelled = groups.into_iter().map(|((name, values), members)| {
        let mut words = Vec::new();
        if let Some(name) = name {
            words.push(name.to_owned());
        } else if !several_algorithms {
            let algorithm = members[0].value("algo").map(unquoted);
            words.extend(algorithm.map(str::to_owned));
        }
        for (key, value) in keys.iter().zip(values) {
            let Some(value) = value.map(unquoted) else {
                continue;
            };
            words.push(match *key {
                "algo" => value.to_owned(),
                key => format!("{key}={value}"),
            });
        }
        let n = members.len();
        words.push(format!("({n} seed{})", if n == 1 { "" } else { "s" }));
        (words.join(" "), members)
    });
    labelled.collect()
}

/// The keys whose values differ, in the order of the recipes. Keys that only some runs have, as those of an algorithm or
/// of a group of keys do, count only where the keys before them leave runs together that they tell apart.
fn telling(curves: &[Curve]) -> Vec<&str> {
    let mut known: Vec<&str> = Vec::new();
    for (key, _) in curves.iter().flat_map(|curve| &curve.keys) {
        if !known.contains(&key.as_str()) && !IGNORED.contains(&key.as_str()) {
            known.push(key);
        }
    }
    // The algorithm explains more than any other key.
    known.sort_by_key(|key| *key != "algo");
    let names: BTreeSet<_> = curves.iter().map(|curve| &curve.name).collect();
    let several_names = names.len() > 1;
    let parts = |keys: &[&str]| {
        let parts: BTreeSet<_> = curves.iter().map(|curve| values(curve, keys)).collect();
        parts.len()
    };
    let mut telling = Vec::new();
    for key in known {
        let found: BTreeSet<_> = curves.iter().map(|curve| curve.value(key)).collect();
        let before = parts(&telling);
        telling.push(key);
        let is_new = parts(&telling) > before;
        // With several names or algorithms, values that only those decide are no difference of their own.
        let confounded = found.contains(&None) || telling.contains(&"algo") || several_names;
        if found.len() < 2 || (confounded && !is_new) {
            telling.pop();
        }
    }
    telling
}

/// A curve's name, and what it has for each key.
type Values<'a> = (Option<&'a str>, Vec<Option<&'a str>>);

fn values<'a>(curve: &'a Curve, keys: &[&str]) -> Values<'a> {
    let values = keys.iter().map(|key| curve.value(key)).collect();
    (curve.name.as_deref(), values)
}

fn unquoted(value: &str) -> &str {
    value.trim_matches('"')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(runs: &[&str]) -> Vec<String> {
        let runs: Vec<_> = runs.iter().map(|recipe| (None, *recipe)).collect();
        labels_of_named(&runs)
    }

    /// Of runs by their names and recipes.
    fn labels_of_named(runs: &[(Option<&str>, &str)]) -> Vec<String> {
        let curves = runs.iter().map(|(name, recipe)| {
            let keys = recipe.split(' ').filter_map(|pair| pair.split_once('='));
            let keys = keys.map(|(key, value)| (key.to_owned(), value.to_owned()));
            let curve = Curve::parse("e.csv", "step,return_mean\n1,2\n", keys.collect());
            let mut curve = curve.unwrap();
            curve.name = name.map(str::to_owned);
            curve
        });
        let curves: Vec<Curve> = curves.collect();
        split(&curves).into_iter().map(|(label, _)| label).collect()
    }

    #[test]
    fn seeds_are_never_a_group() {
        let runs = [
            "algo=\"sac\" seed=0 gamma=0.9",
            "algo=\"sac\" seed=1 gamma=0.9",
        ];
        assert_eq!(labels(&runs), ["sac (2 seeds)"]);
    }

    /// A run that goes on for longer is another seed of the same, and hides no difference in learning.
    #[test]
    fn the_length_of_a_run_tells_nothing() {
        let runs = [
            "algo=\"td3\" seed=0 total_steps=300 q_filter=true",
            "algo=\"td3\" seed=1 total_steps=150 q_filter=true",
            "algo=\"td3\" seed=0 total_steps=75 q_filter=false",
        ];
        let expected = ["td3 q_filter=true (2 seeds)", "td3 q_filter=false (1 seed)"];
        assert_eq!(labels(&runs), expected);
    }

    #[test]
    fn every_differing_key_is_in_the_label() {
        let runs = [
            "algo=\"sac\" seed=0 gamma=0.9 tau=0.1 n=1",
            "algo=\"sac\" seed=0 gamma=0.8 tau=0.2 n=1",
            "algo=\"sac\" seed=1 gamma=0.8 tau=0.2 n=1",
        ];
        let expected = [
            "sac gamma=0.9 tau=0.1 (1 seed)",
            "sac gamma=0.8 tau=0.2 (2 seeds)",
        ];
        assert_eq!(labels(&runs), expected);
    }

    /// What differs between names needs no words; what differs within one does.
    #[test]
    fn a_name_stands_for_what_it_explains() {
        let runs = [
            (Some("alone"), "algo=\"td3\" seed=0 batch=256"),
            (Some("alone"), "algo=\"td3\" seed=1 batch=256"),
            (Some("shaped"), "algo=\"sac\" seed=0 batch=384"),
        ];
        assert_eq!(
            labels_of_named(&runs),
            ["alone (2 seeds)", "shaped (1 seed)"]
        );
        assert_eq!(labels_of_named(&runs[..1]), ["alone (1 seed)"]);
        let within = [
            (Some("alone"), "algo=\"td3\" seed=0 batch=256"),
            (Some("alone"), "algo=\"td3\" seed=0 batch=384"),
            (None, "algo=\"td3\" seed=0 batch=384"),
        ];
        let expected = [
            "alone batch=256 (1 seed)",
            "alone batch=384 (1 seed)",
            "td3 batch=384 (1 seed)",
        ];
        assert_eq!(labels_of_named(&within), expected);
    }

    #[test]
    fn keys_that_come_with_another_are_left_out() {
        let runs = [
            "algo=\"ddpg\" gamma=0.9",
            "algo=\"ddpg\" gamma=0.9 her=\"future\" her_k=4.0",
            "algo=\"ddpg\" gamma=0.9 her=\"future\" her_k=8.0",
        ];
        let expected = [
            "ddpg (1 seed)",
            "ddpg her=future her_k=4.0 (1 seed)",
            "ddpg her=future her_k=8.0 (1 seed)",
        ];
        assert_eq!(labels(&runs), expected);
        assert_eq!(
            labels(&runs[..2]),
            ["ddpg (1 seed)", "ddpg her=future (1 seed)"]
        );
        let algorithms = [
            "algo=\"sac\" tau=0.1 alpha=1",
            "algo=\"td3\" tau=0.2 delay=2",
        ];
        assert_eq!(labels(&algorithms), ["sac (1 seed)", "td3 (1 seed)"]);
    }
}
