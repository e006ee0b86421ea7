//! Recurrent state: inputs and outputs that belong together, found by how people name them.

use crate::graph::Graph;

/// What a state is called, as a whole or as a part between underscores, dots and digits.
const NOUNS: [&str; 13] = [
    "h",
    "c",
    "hx",
    "cx",
    "hidden",
    "cell",
    "state",
    "states",
    "recurrent",
    "rnn",
    "lstm",
    "gru",
    "memory",
];

/// Pairs of an input and the output that is the same state one step later: `h_in` and `h_out`, `h` and `h_next`, `state_in_0` and
/// `state_out_0`, of equal shape.
#[must_use]
pub fn state_pairs(graph: &Graph) -> Vec<(String, String)> {
    let symbols = graph.batch_symbols();
    let mut pairs: Vec<(String, String)> = Vec::new();
    for input in &graph.inputs {
        let Ok(fact) = input.resolved(&symbols) else {
            continue;
        };
        if !fact.0.is_float() || !names_a_state(&input.name) {
            continue;
        }
        let found = names_of_next(&input.name).into_iter().find_map(|name| {
            let output = graph
                .outputs
                .iter()
                .find(|port| port.name.eq_ignore_ascii_case(&name))?;
            let taken = pairs.iter().any(|(_, taken)| *taken == output.name);
            // A shape that the file does not state is compared when it is known.
            let fits = output.shape.is_none()
                || output.resolved(&symbols).is_ok_and(|other| other == fact);
            (fits && !taken).then(|| output.name.clone())
        });
        if let Some(output) = found {
            pairs.push((input.name.clone(), output));
        }
    }
    pairs
}

fn names_a_state(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    let parts = name.split(|c: char| !c.is_ascii_alphabetic());
    parts.into_iter().any(|part| {
        NOUNS.contains(&part)
            || NOUNS
                .iter()
                .any(|noun| noun.len() > 2 && part.contains(noun))
    })
}

fn names_of_next(input: &str) -> Vec<String> {
    let lower = input.to_ascii_lowercase();
    let mut names = Vec::new();
    for (from, to) in [
        ("_in", "_out"),
        ("in_", "out_"),
        (".in", ".out"),
        ("input", "output"),
        ("prev", "next"),
        ("old", "new"),
        ("_0", "_n"),
        ("0", "n"),
    ] {
        if let Some(at) = lower.rfind(from) {
            names.push(format!("{}{to}{}", &lower[..at], &lower[at + from.len()..]));
        }
    }
    let stem = lower
        .strip_suffix("_in")
        .or_else(|| lower.strip_suffix('0'))
        .unwrap_or(&lower)
        .trim_end_matches('_');
    for name in [&lower, stem] {
        for suffix in ["_out", "_next", "_n", "n", "_new", "_t1"] {
            names.push(format!("{name}{suffix}"));
        }
        for prefix in ["next_", "new_", "out_"] {
            names.push(format!("{prefix}{name}"));
        }
    }
    names.retain(|name| *name != lower);
    names
}
