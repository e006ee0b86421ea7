//! `trainer eval`

use std::path::PathBuf;

use anyhow::{Context, bail};
use clap::Args;
use clap::builder::RangedU64ValueParser;
use indicatif::{ProgressBar, ProgressStyle};
use rlfd_runtime::PolicyImage;
use serde_json::json;

use super::opened::{default_backend, open};
use crate::env::{Env, EnvSpec, registry};
use crate::run::{Deployment, Evaluation, Recording};
use crate::video::Video;

const VIDEO_SIZE: (u32, u32) = (640, 480);

/// Measure a policy over whole episodes.
#[derive(Debug, Args)]
pub struct EvalArgs {
    /// policy.pt (torch), policy.onnx (tract, ort) or policy.rlfd (engine, a link)
    file: PathBuf,
    /// Environment [default: the one the policy was trained in]
    #[arg(long)]
    env: Option<String>,
    /// Number of episodes
    #[arg(long, default_value_t = 10, value_parser = RangedU64ValueParser::<usize>::new().range(1..))]
    episodes: usize,
    /// Seed of the initial states
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// torch, tract, ort, engine, or a link to a board such as qemu:mps2-an386
    /// [default: torch for .pt, ort for .onnx, engine for .rlfd]
    #[arg(long)]
    backend: Option<String>,
    /// Write a video of all episodes, or an animation of half the size as FILE.gif
    #[arg(long, value_name = "FILE.mp4")]
    video: Option<PathBuf>,
    /// Write what the policy observed and answered, `obs` and `actions`: for `export image --calibrate`
    #[arg(long, value_name = "FILE.npz")]
    record: Option<PathBuf>,
    /// End each episode with its first success
    #[arg(long)]
    end_on_success: bool,
    /// Standard deviation of Gaussian noise on the actions, in halves of their range
    #[arg(long, value_name = "STD", default_value_t = 0.0, value_parser = deviation)]
    action_noise: f64,
    /// Exit with 1 if the mean return is below this
    #[arg(long, value_name = "RETURN", allow_negative_numbers = true)]
    threshold: Option<f64>,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

/// Runs `trainer eval`; false if the mean return is below the threshold.
///
/// # Errors
/// If the file is damaged, or does not fit backend or environment.
pub fn eval(args: &EvalArgs) -> anyhow::Result<bool> {
    let backend = match &args.backend {
        Some(backend) => backend.as_str(),
        None => default_backend(&args.file)?,
    };
    let evaluation = match backend {
        "torch" | "tract" | "ort" | "engine" => evaluate_here(args, backend)?,
        link => evaluate_on_board(args, link)?,
    };
    report(args, backend, &evaluation);
    Ok(args
        .threshold
        .is_none_or(|threshold| evaluation.mean() >= threshold))
}

fn evaluate_here(args: &EvalArgs, backend: &str) -> anyhow::Result<Evaluation> {
    let mut opened = open(&args.file, backend)?;
    let id = environment(args, opened.environment.as_deref())?;
    let mut env = registry::open(id)?;
    let spec = env.spec().clone();
    let (observation, action) = opened.terms.unwrap_or_else(|| {
        eprintln!(
            "{}: holds no contract; the environment's own terms are used",
            args.file.display()
        );
        (spec.observation.clone(), spec.action.clone())
    });
    let context = || args.file.display().to_string();
    let mut recording = Recording::new(opened.policy.as_mut());
    if args.end_on_success && env.is_success().is_none() {
        bail!("--end-on-success: {id} does not know what a success is");
    }
    let mut deployment = Deployment::new(&mut recording, observation, action, env.as_ref())
        .with_context(context)?
        .ending_on_success(args.end_on_success)
        .with_noise(args.action_noise);
    let mut video = open_video(args, env.as_ref(), &spec)?;
    let bar = episodes_bar(args.episodes);
    let evaluation = deployment.play(env.as_mut(), args.episodes, args.seed, |env, episode| {
        bar.set_position(episode as u64);
        film(&mut video, env)
    })?;
    bar.finish_and_clear();
    if let Some(video) = video {
        video.finish()?;
    }
    drop(deployment);
    if let Some(path) = &args.record {
        recording.write(path)?;
    }
    Ok(evaluation)
}

fn evaluate_on_board(args: &EvalArgs, link: &str) -> anyhow::Result<Evaluation> {
    if args.record.is_some() {
        bail!("--record: a board keeps no record; use torch, tract, ort or engine");
    }
    if args.end_on_success {
        bail!("--end-on-success: a board plays whole episodes; use torch, tract, ort or engine");
    }
    if args.action_noise > 0.0 {
        bail!("--action-noise: a board does what its policy says; use torch, tract, ort or engine");
    }
    if !link.contains(':') {
        bail!(
            "backend `{link}`: expected torch, tract, ort, engine, or a link such as qemu:mps2-an386"
        );
    }
    let image = crate::hil::read_image(&args.file)?;
    let trained_in = PolicyImage::view(&image)
        .with_context(|| args.file.display().to_string())?
        .environment()
        .to_owned();
    let mut env = registry::open(environment(args, Some(&trained_in))?)?;
    let mut video = open_video(args, env.as_ref(), &env.spec().clone())?;
    let bar = episodes_bar(args.episodes);
    let evaluation = super::hil::evaluate(
        link,
        &args.file,
        env.as_mut(),
        args.episodes,
        args.seed,
        |env, episode| {
            bar.set_position(episode as u64);
            film(&mut video, env)
        },
    )?;
    bar.finish_and_clear();
    if let Some(video) = video {
        video.finish()?;
    }
    Ok(evaluation)
}

fn film(video: &mut Option<Video>, env: &dyn Env) -> anyhow::Result<()> {
    match video {
        Some(video) => Ok(video.frame(env)?),
        None => Ok(()),
    }
}

fn environment<'a>(args: &'a EvalArgs, trained_in: Option<&'a str>) -> anyhow::Result<&'a str> {
    args.env
        .as_deref()
        .or(trained_in.filter(|id| !id.is_empty()))
        .with_context(|| {
            format!(
                "{}: does not say which environment it is for; give --env",
                args.file.display()
            )
        })
}

fn open_video(args: &EvalArgs, env: &dyn Env, spec: &EnvSpec) -> anyhow::Result<Option<Video>> {
    let Some(path) = &args.video else {
        return Ok(None);
    };
    let fps = 1_000_000_u32.div_ceil(spec.period_us.max(1));
    Ok(Some(Video::open(
        path,
        env,
        VIDEO_SIZE.0,
        VIDEO_SIZE.1,
        fps,
    )?))
}

fn episodes_bar(episodes: usize) -> ProgressBar {
    let bar = ProgressBar::new(episodes as u64);
    let style = ProgressStyle::with_template("{bar:30} {pos}/{len} episodes  {elapsed}");
    bar.set_style(style.expect("a constant template"));
    bar
}

fn deviation(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(number) if number.is_finite() && number >= 0.0 => Ok(number),
        _ => Err("a number of at least 0 is expected".to_owned()),
    }
}

fn report(args: &EvalArgs, backend: &str, evaluation: &Evaluation) {
    let Evaluation {
        returns, lengths, ..
    } = evaluation;
    if args.json {
        let (mean, std, min, max) = (
            evaluation.mean(),
            evaluation.std(),
            evaluation.min(),
            evaluation.max(),
        );
        let length_mean = evaluation.mean_length();
        let episodes = returns.len();
        let (success_rate, successes) = (evaluation.success_rate(), &evaluation.successes);
        let mut report = json!({ "backend": backend, "episodes": episodes, "mean": mean, "std": std, "min": min, "max": max,
                "length_mean": length_mean, "returns": returns, "lengths": lengths });
        if let Some(rate) = success_rate {
            report["success_rate"] = json!(rate);
            report["successes"] = json!(successes);
        }
        if let Some(rate) = evaluation.ever_success_rate() {
            report["ever_success_rate"] = json!(rate);
        }
        println!("{report}");
    } else {
        let success = evaluation.success_rate().map_or_else(String::new, |rate| {
            let ever = evaluation.ever_success_rate().filter(|ever| *ever != rate);
            let ever = ever.map_or_else(String::new, |ever| {
                format!(" in the end, {:.1} % ever", ever * 100.0)
            });
            format!(", success {:.1} %{ever}", rate * 100.0)
        });
        println!(
            "{backend}: return {:.2} ± {:.2} (min {:.2}, max {:.2}), {:.1} steps{success}, over {} episodes",
            evaluation.mean(),
            evaluation.std(),
            evaluation.min(),
            evaluation.max(),
            evaluation.mean_length(),
            returns.len()
        );
    }
}
