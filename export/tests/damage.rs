//! Truncated files and flipped bits: an error each time, or the very same policy; never a panic.

mod harness;

use std::error::Error;

use harness::{checkpoint, export, stderr};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use rlfd_export::{ImageOptions, Model, image_of, model_of};
use rlfd_models::checkpoint::Checkpoint;
use rlfd_runtime::image::{ImageBytes, PolicyImage};

const ROUNDS: usize = 1000;
/// Damaged files of each kind and damage that go through the program.
const PROGRAM_ROUNDS: usize = 20;

struct Damage(ChaCha8Rng);

impl Damage {
    fn below(&mut self, n: usize) -> usize {
        self.0.next_u64() as usize % n
    }

    fn truncated(&mut self, whole: &[u8]) -> Vec<u8> {
        whole[..self.below(whole.len())].to_vec()
    }

    fn flipped(&mut self, whole: &[u8]) -> Vec<u8> {
        let mut bytes = whole.to_vec();
        let at = self.below(bytes.len());
        bytes[at] ^= 1 << self.below(8);
        bytes
    }
}

/// Damages `whole` both ways; `read` answers whether what it read is the same policy.
fn damage(whole: &[u8], read: impl Fn(&[u8]) -> Result<bool, Box<dyn Error>>) {
    assert!(read(whole).unwrap());
    let mut damage = Damage(ChaCha8Rng::seed_from_u64(11));
    for _ in 0..ROUNDS {
        let cut = damage.truncated(whole);
        assert!(read(&cut).is_err(), "cut to {} bytes", cut.len());
        match read(&damage.flipped(whole)) {
            Ok(same) => assert!(same, "damage went unnoticed"),
            Err(error) => assert!(!error.to_string().is_empty()),
        }
    }
}

#[test]
fn damaged_checkpoints_are_refused() {
    let original = checkpoint(1.0);
    damage(&original.to_bytes().unwrap(), |bytes| {
        Ok(Checkpoint::from_bytes(bytes)? == original)
    });
}

#[test]
fn damaged_models_are_refused() {
    let original = model_of(&checkpoint(1.0)).unwrap();
    damage(&original.to_bytes().unwrap(), |bytes| {
        let model = Model::from_bytes(bytes)?;
        Ok(model.graph == original.graph && model.spec()? == original.spec()?)
    });
}

/// As foreign models are: without digest, so that damage reaches the graph and what lowers and evaluates it.
#[test]
fn damaged_models_without_digest_never_panic() {
    let mut original = model_of(&checkpoint(1.0)).unwrap();
    original.producer = "elsewhere 1".to_string();
    let whole = original.to_bytes().unwrap();
    let mut damage = Damage(ChaCha8Rng::seed_from_u64(12));
    let mut n_refused = 0;
    for _ in 0..ROUNDS {
        let mut bytes = damage.flipped(&whole);
        // The digest is the last entry; a flip in its key makes it a stranger's.
        let at = bytes.windows(11).rposition(|w| w == b"rlfd.sha256");
        if let Some(at) = at {
            bytes[at] = b'R';
        }
        for bytes in [damage.truncated(&bytes), bytes] {
            let options = ImageOptions::default();
            match Model::from_bytes(&bytes).and_then(|model| image_of(&model, &options)) {
                Ok(image) => drop(PolicyImage::view(&ImageBytes::new(&image)).unwrap()),
                Err(_) => n_refused += 1,
            }
        }
    }
    assert!(n_refused > ROUNDS, "{n_refused}");
}

#[test]
fn damaged_images_are_refused() {
    let model = model_of(&checkpoint(1.0)).unwrap();
    let original = image_of(&model, &ImageOptions::default()).unwrap();
    damage(&original, |bytes| {
        PolicyImage::view(&ImageBytes::new(bytes))?;
        Ok(bytes == original)
    });
}

#[test]
fn the_program_ends_with_2_on_damaged_files() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let original = checkpoint(1.0);
    let model = model_of(&original).unwrap();
    let image = image_of(&model, &ImageOptions::default()).unwrap();
    let mut damage = Damage(ChaCha8Rng::seed_from_u64(13));
    for (file, whole) in [
        ("damaged.pt", original.to_bytes().unwrap()),
        ("damaged.onnx", model.to_bytes().unwrap()),
        ("damaged.rlfd", image),
    ] {
        for _ in 0..PROGRAM_ROUNDS {
            std::fs::write(path.join(file), damage.truncated(&whole)).unwrap();
            let message = stderr(&export(path, &["inspect", file]), 2);
            assert!(
                message.starts_with(&format!("error: {file}: ")),
                "{message}"
            );

            std::fs::write(path.join(file), damage.flipped(&whole)).unwrap();
            let output = export(path, &["verify", file, file, "--count", "2"]);
            // A flip in padding changes nothing, so the program may also run.
            if output.status.code() != Some(0) {
                let message = stderr(&output, 2);
                assert!(
                    message.starts_with(&format!("error: {file}: ")),
                    "{message}"
                );
            }
        }
    }
}
