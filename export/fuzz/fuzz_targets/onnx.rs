//! Any bytes as an ONNX model: read, made an image where that is possible, and the image run for a step. Whatever the bytes are, an
//! answer or an error comes in short time and little memory: `cfg(fuzzing)` makes the exporter's own limits low, so that what
//! exceeds them is refused and what gets around them is found.

#![no_main]

use libfuzzer_sys::fuzz_target;
use rlfd_export::{ImageOptions, LowerOptions, Model, image_of};
use rlfd_runtime::Policy;
use rlfd_runtime::backend::EnginePolicy;

fuzz_target!(|data: &[u8]| {
    let Ok(model) = Model::from_bytes(data) else {
        return;
    };
    let options = ImageOptions {
        period_us: Some(10_000),
        lower: LowerOptions {
            sampling_mean: true,
            ..LowerOptions::default()
        },
        ..ImageOptions::default()
    };
    let Ok(image) = image_of(&model, &options) else {
        return;
    };
    // What the exporter writes, the engine takes.
    let mut policy = EnginePolicy::from_bytes(&image).expect("an image of ours");
    let shape = policy.shape();
    let mut action = vec![0.0; shape.action_dim];
    policy.act(&vec![0.5; shape.observation_dim], &mut action);
});
