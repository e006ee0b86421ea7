//! `export run`: recorded inputs through a policy.

use std::collections::BTreeMap;
use std::path::PathBuf;

use anyhow::{Context, Result, bail};

use super::{Answer, Selection};
use crate::array::Array;
use crate::npz;
use crate::session::{Session, SessionBackend, Slot};

/// Run recorded inputs through an .onnx or .rlfd file and write its outputs
///
/// The arrays of the input file have the names of the graph's inputs; their first axis counts samples. With --recurrent the first two
/// axes count sequences and steps; the state of a recurrent policy starts at zero with each sequence and is carried. The
/// output file has the graph's outputs likewise.
#[derive(Debug, clap::Args)]
pub(super) struct Run {
    /// The .onnx or .rlfd file
    file: PathBuf,
    /// The .npz with inputs
    #[arg(long)]
    inputs: PathBuf,
    /// The .npz to write
    #[arg(long)]
    outputs: PathBuf,
    /// Engine that runs it
    #[arg(long, value_enum, default_value_t = SessionBackend::Engine)]
    backend: SessionBackend,
    /// Inputs are sequences: [sequence, step, …]
    #[arg(long)]
    recurrent: bool,
    #[command(flatten)]
    selection: Selection,
}

impl Run {
    pub(super) fn run(&self) -> Result<Answer> {
        let mut session = Session::open(&self.file, self.backend, &self.selection.options())?;
        let mut arrays = npz::read(&self.inputs)?;
        let in_inputs = || self.inputs.display().to_string();
        let leading = if self.recurrent { 2 } else { 1 };
        let slots = session.inputs();
        let counts = check(&arrays, &slots, leading).with_context(in_inputs)?;
        arrays.retain(|name, _| slots.iter().any(|slot| slot.name == *name));
        let (sequences, steps) = match counts.as_slice() {
            [sequences, steps] => (*sequences, *steps),
            [samples] => (*samples, 1),
            _ => bail!("{} has no arrays", self.inputs.display()),
        };
        let mut collected: Vec<(String, Array)> = Vec::new();
        for sequence in 0..sequences {
            session.reset();
            for step in 0..steps {
                let at = sequence * steps + step;
                let sample = slots
                    .iter()
                    .map(|slot| (slot.name.clone(), sample(&arrays[&slot.name], slot, at)));
                let answers = session
                    .run(&sample.collect())
                    .with_context(|| self.file.display().to_string())?;
                if collected.is_empty() {
                    let empty = |(name, array): &(String, Array)| {
                        let shape = [&counts[..], &array.shape].concat();
                        let data = Vec::new();
                        (
                            name.clone(),
                            Array {
                                shape,
                                data,
                                dtype: array.dtype,
                            },
                        )
                    };
                    collected = answers.iter().map(empty).collect();
                }
                for ((_, all), (_, answer)) in collected.iter_mut().zip(answers) {
                    all.data.extend(answer.data);
                }
            }
        }
        npz::write(&self.outputs, &collected)?;
        let names: Vec<&str> = collected.iter().map(|(name, _)| name.as_str()).collect();
        eprintln!(
            "wrote {} ({} samples of {})",
            self.outputs.display(),
            sequences * steps,
            names.join(", ")
        );
        Ok(Answer::Yes)
    }
}

/// The leading lengths that all arrays have; names every array that is unknown, missing or misshapen.
fn check(arrays: &BTreeMap<String, Array>, slots: &[Slot], leading: usize) -> Result<Vec<usize>> {
    let mut problems = Vec::new();
    for name in arrays.keys() {
        if !slots.iter().any(|slot| slot.name == *name) {
            problems.push(format!("`{name}` is no input"));
        }
    }
    let mut counts: Option<(&str, &[usize])> = None;
    for slot in slots {
        let Some(array) = arrays.get(&slot.name) else {
            problems.push(format!("`{}` is missing", slot.name));
            continue;
        };
        let fits =
            array.shape.len() >= leading && same_but_ones(&array.shape[leading..], &slot.shape);
        if !fits {
            let expected = if leading == 2 {
                "sequences, steps"
            } else {
                "samples"
            };
            problems.push(format!(
                "`{}` has shape {:?}, [{expected}] and then {:?} is expected",
                slot.name, array.shape, slot.shape
            ));
            continue;
        }
        let own = &array.shape[..leading];
        match counts {
            Some((name, counts)) if counts != own => problems.push(format!(
                "`{}` counts {own:?} samples, `{name}` {counts:?}",
                slot.name
            )),
            _ => counts = Some((&slot.name, own)),
        }
    }
    if !problems.is_empty() {
        let names: Vec<String> = slots
            .iter()
            .map(|slot| format!("`{}` {:?}", slot.name, slot.shape))
            .collect();
        bail!(
            "{}; the inputs are {}",
            problems.join("; "),
            names.join(", ")
        );
    }
    Ok(counts
        .map(|(_, counts)| counts.to_vec())
        .unwrap_or_default())
}

fn same_but_ones(a: &[usize], b: &[usize]) -> bool {
    let long =
        |shape: &[usize]| -> Vec<usize> { shape.iter().copied().filter(|n| *n != 1).collect() };
    long(a) == long(b)
}

/// Sample number `at`, in the shape of its input.
fn sample(array: &Array, slot: &Slot, at: usize) -> Array {
    let len: usize = slot.shape.iter().product();
    Array {
        shape: slot.shape.clone(),
        data: array.data[at * len..(at + 1) * len].to_vec(),
        dtype: slot.dtype,
    }
}
