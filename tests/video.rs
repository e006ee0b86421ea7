//! Videos, drawn without a screen and read back with `ffmpeg`.

use std::process::Command;

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use rlfd_trainer::env::registry;
use rlfd_trainer::video::Video;

const WIDTH: u32 = 160;
const HEIGHT: u32 = 120;
const N_FRAMES: usize = 12;

#[test]
fn a_video_shows_an_environment_that_moves() {
    // One model with a camera of its own, one without, one with a goal to show, and one that is ours on top of another.
    for (id, file) in [
        ("HalfCheetah-v5", "out.mp4"),
        ("InvertedPendulum-v5", "out.mp4"),
        ("FetchReach-v4", "out.mp4"),
        ("PegInHole-v0", "out.mp4"),
        ("PegInHole-v0", "out.gif"),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(file);
        let mut env = registry::open(id).unwrap();
        let mut observation = vec![0.0; env.spec().observation_dim()];
        env.reset(&mut ChaCha8Rng::seed_from_u64(2), &mut observation);
        let action: Vec<f64> = env
            .spec()
            .action_high()
            .into_iter()
            .map(f64::from)
            .collect();

        let mut video = Video::open(&path, env.as_ref(), WIDTH, HEIGHT, 25)
            .unwrap_or_else(|error| panic!("{id}: {error}"));
        for _ in 0..N_FRAMES {
            env.step(&action, &mut observation);
            video.frame(env.as_ref()).unwrap();
        }
        video.finish().unwrap();

        let decoded = Command::new("ffmpeg")
            .args(["-loglevel", "error", "-i"])
            .arg(&path)
            .args(["-f", "rawvideo", "-pix_fmt", "gray", "-"])
            .output()
            .unwrap();
        // An animation has half of both.
        let smaller = if file == "out.gif" { 4 } else { 1 };
        let frame_len = (WIDTH * HEIGHT / smaller) as usize;
        assert_eq!(decoded.stdout.len(), N_FRAMES * frame_len, "{id}, {file}");
        let frames: Vec<&[u8]> = decoded.stdout.chunks(frame_len).collect();
        let (first, last) = (frames[0], frames[N_FRAMES - 1]);
        let contrast = first.iter().max().unwrap() - first.iter().min().unwrap();
        assert!(
            contrast > 30,
            "{id}, {file}: a blank picture, contrast {contrast}"
        );
        let n_changed = first
            .iter()
            .zip(last)
            .filter(|(a, b)| a.abs_diff(**b) > 20)
            .count();
        assert!(
            n_changed > 50 / smaller as usize,
            "{id}, {file}: only {n_changed} points moved"
        );
    }
}
