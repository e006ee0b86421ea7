//! `seeds MODELS IMAGES`: policy images of a folder's small ONNX models, in every precision, for the fuzzer of images to start
//! from when their format has changed.

use std::fs;
use std::path::Path;

use rlfd_export::image::Reduced;
use rlfd_export::lower::Precision;
use rlfd_export::{ImageOptions, LowerOptions, Model, image_of};
use rlfd_runtime::Policy;
use rlfd_runtime::backend::EnginePolicy;

/// The greatest image that is worth mutating.
const MOST_BYTES: usize = 6_000;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [models, images] = arguments.as_slice() else {
        eprintln!("usage: seeds MODELS IMAGES");
        std::process::exit(2);
    };
    fs::create_dir_all(images).expect("a folder for images");
    let mut written = 0;
    for entry in fs::read_dir(models).expect("a folder of models") {
        let path = entry.expect("a file").path();
        let Some(made) = images_of(&path) else {
            continue;
        };
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        for (kind, bytes) in made.iter().enumerate() {
            if bytes.len() <= MOST_BYTES {
                let path = Path::new(images).join(format!("{name}-{kind}"));
                fs::write(path, bytes).expect("a place for an image");
                written += 1;
            }
        }
    }
    println!("{written} images");
}

/// `None` where the model is not one.
fn images_of(path: &Path) -> Option<Vec<Vec<u8>>> {
    let model = Model::from_bytes(&fs::read(path).ok()?).ok()?;
    let mut options = ImageOptions {
        period_us: Some(10_000),
        lower: LowerOptions {
            sampling_mean: true,
            ..LowerOptions::default()
        },
        ..ImageOptions::default()
    };
    let full = image_of(&model, &options).ok()?;
    let dim = EnginePolicy::from_bytes(&full)
        .ok()?
        .shape()
        .observation_dim;
    let mut images = vec![full];
    for precision in [Precision::F16, Precision::I16, Precision::I8] {
        options.reduced = Some(Reduced {
            precision,
            calibration: vec![vec![0.5; dim], vec![-0.25; dim]],
        });
        images.extend(image_of(&model, &options));
    }
    Some(images)
}
