//! Real policies of other people's robots, from the folder that `RLFD_ONNX_POLICIES` names, against their recorded outputs in double
//! precision.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use rlfd_export::array::Array;
use rlfd_export::session::{Session, SessionBackend};
use rlfd_export::{ImageOptions, LowerOptions, Model, make_image, npz, operation};
use rlfd_runtime::image::{ImageBytes, PolicyImage};

fn folder() -> Option<PathBuf> {
    let folder = std::env::var_os("RLFD_ONNX_POLICIES").map(PathBuf::from);
    if folder.is_none() {
        println!("skipped: RLFD_ONNX_POLICIES names no folder with policies");
    }
    folder
}

struct Entry {
    name: String,
    path: PathBuf,
    tolerance: f64,
    is_recurrent: bool,
    recorded: Vec<String>,
}

fn entries(folder: &Path) -> Vec<Entry> {
    let manifest = std::fs::read_to_string(folder.join("manifest.json")).unwrap();
    let manifest: Vec<serde_json::Value> = serde_json::from_str(&manifest).unwrap();
    let entry = |entry: &serde_json::Value| {
        let reference = &entry["reference"];
        Entry {
            name: entry["name"].as_str().unwrap().to_string(),
            path: folder.join(entry["file"].as_str().unwrap()),
            tolerance: reference["suggested_tolerance_on_err_over_1_plus_abs"]
                .as_f64()
                .unwrap(),
            is_recurrent: entry["recurrent"].as_bool().unwrap(),
            recorded: reference["outputs_recorded"]
                .as_array()
                .unwrap()
                .iter()
                .map(|name| name.as_str().unwrap().to_string())
                .collect(),
        }
    };
    manifest.iter().map(entry).collect()
}

/// Greatest `|y - ref| / (1 + |ref|)` of every output of every sample; the state is carried along a sequence.
fn error_of(entry: &Entry, session: &mut Session, arrays: &BTreeMap<String, Array>) -> f64 {
    let slots = session.inputs();
    let leading = if entry.is_recurrent { 2 } else { 1 };
    let shape = &arrays[&format!("in__{}", slots[0].name)].shape;
    let count: usize = shape[..leading].iter().product();
    let steps = if entry.is_recurrent { shape[1] } else { 1 };
    let mut greatest = 0.0_f64;
    for at in 0..count {
        if at % steps == 0 {
            session.reset();
        }
        let sample = slots.iter().map(|slot| {
            let len: usize = slot.shape.iter().product();
            let all = &arrays[&format!("in__{}", slot.name)];
            let data = all.data[at * len..(at + 1) * len].to_vec();
            (
                slot.name.clone(),
                Array::new(slot.shape.clone(), data, slot.dtype).unwrap(),
            )
        });
        let answers = session.run(&sample.collect()).unwrap();
        for (name, answer) in answers {
            let len = answer.data.len();
            let reference = &arrays[&format!("ref64__{name}")].data[at * len..(at + 1) * len];
            for (y, expected) in answer.data.iter().zip(reference) {
                let error = (y - expected).abs() / (1.0 + expected.abs());
                assert!(!error.is_nan(), "{} {name} {y}", entry.name);
                greatest = greatest.max(error);
            }
        }
    }
    greatest
}

#[test]
fn real_policies_answer_as_recorded() {
    let Some(folder) = folder() else { return };
    println!("| policy | operations | image bytes | arena bytes | MACs | greatest error | limit |");
    println!("|---|---|---|---|---|---|---|");
    let mut failures = Vec::new();
    for entry in entries(&folder) {
        // Every output, those that are state or constant included.
        let lower = LowerOptions {
            outputs: entry.recorded.clone(),
            sampling_mean: true,
            ..LowerOptions::default()
        };
        let model = Model::read(&entry.path).unwrap();
        let options = ImageOptions {
            period_us: Some(20_000),
            lower: lower.clone(),
            ..ImageOptions::default()
        };
        let made = make_image(&model, &options).unwrap();
        let arrays = npz::read(&folder.join(format!("{}.npz", entry.name))).unwrap();
        let mut session = Session::on_engine(&made.bytes).unwrap();
        let error = error_of(&entry, &mut session, &arrays);
        let bytes = ImageBytes::new(&made.bytes);
        let image = PolicyImage::view(&bytes).unwrap();
        println!(
            "| {} | {} | {} | {} | {} | {error:.1e} | {:.1e} |",
            entry.name,
            made.lowered.ops.len(),
            made.bytes.len(),
            4 * image.arena_len(),
            made.lowered
                .ops
                .iter()
                .map(|op| operation::macs(op, image.constants()))
                .sum::<u64>(),
            entry.tolerance,
        );
        if error > entry.tolerance {
            failures.push(format!("{}: {error:e} > {:e}", entry.name, entry.tolerance));
        }
    }
    assert!(failures.is_empty(), "{failures:#?}");
}

/// tract and ONNX Runtime carry the same state and answer the same, so `export run` means the same on each engine.
#[test]
fn every_engine_answers_as_recorded() {
    let Some(folder) = folder() else { return };
    for entry in entries(&folder) {
        let model = Model::read(&entry.path).unwrap();
        // Sampling is random elsewhere.
        if model
            .graph
            .nodes
            .iter()
            .any(|node| node.op.starts_with("Random"))
        {
            continue;
        }
        let arrays = npz::read(&folder.join(format!("{}.npz", entry.name))).unwrap();
        for backend in [SessionBackend::Tract, SessionBackend::Ort] {
            let mut session = match Session::open(&entry.path, backend, &LowerOptions::default()) {
                Ok(session) => session,
                Err(error)
                    if backend == SessionBackend::Ort
                        && std::env::var_os("ORT_DYLIB_PATH").is_none() =>
                {
                    println!("skipped: {error}");
                    continue;
                }
                // tract does not know every operator.
                Err(error) => {
                    println!("{backend:?} refuses {}: {error:?}", entry.name);
                    assert_eq!(backend, SessionBackend::Tract);
                    continue;
                }
            };
            let error = error_of(&entry, &mut session, &arrays);
            println!("{:<28} {backend:?} {error:.1e}", entry.name);
            assert!(
                error <= entry.tolerance,
                "{} {backend:?} {error:e}",
                entry.name
            );
        }
    }
}

#[test]
fn metadata_of_others_become_a_contract_or_a_warning() {
    let Some(folder) = folder() else { return };
    let options = ImageOptions {
        period_us: Some(20_000),
        ..ImageOptions::default()
    };
    let made =
        |name: &str| make_image(&Model::read(&folder.join(name)).unwrap(), &options).unwrap();
    // 19 joints for 18 actions: none is used.
    let microban = made("microban_walk.onnx");
    let says = |notes: &[String], what: &str| notes.iter().any(|note| note.contains(what));
    assert!(says(&microban.notes, "19 joints"), "{:?}", microban.notes);
    let bytes = ImageBytes::new(&microban.bytes);
    let image = PolicyImage::view(&bytes).unwrap();
    let terms: Vec<_> = image.action_terms().collect();
    assert_eq!(
        (terms.len(), terms[0].dim, terms[0].stiffness),
        (1, 18, 0.0)
    );
    // Names without default positions: named numbers, no targets.
    let holosoma = made("holosoma_fastsac_g1.onnx");
    assert!(says(&holosoma.notes, "without"), "{:?}", holosoma.notes);
    let bytes = ImageBytes::new(&holosoma.bytes);
    let image = PolicyImage::view(&bytes).unwrap();
    let terms: Vec<_> = image.action_terms().collect();
    assert_eq!(terms.len(), 29);
    assert_eq!(
        (terms[0].name, terms[0].unit, terms[0].stiffness),
        ("left_hip_pitch_joint", "1", 0.0)
    );
    // The state is found and said.
    let lstm = made("sru_b2w_lstm.onnx");
    assert_eq!(lstm.lowered.state.len(), 2);
    assert!(
        says(&lstm.notes, "`h_out` becomes `h_in`"),
        "{:?}",
        lstm.notes
    );
}
