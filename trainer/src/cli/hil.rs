//! `trainer hil`: the plant here, the policy on a board.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, ensure};
use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use rlfd_runtime::PolicyImage;
use serde_json::json;

use crate::env::{Env, registry};
use crate::hil::{
    self, Disturbance, EpisodeReport, Expectation, Link, LinkAddress, Pace, Patience, Plant,
    Session, Upload,
};
use crate::run::Evaluation;

/// Close the loop with a board: the plant is simulated here, the policy runs there.
///
/// LINK is qemu:BOARD such as qemu:mps2-an386 (started and ended here; =ELF names another program than the one in
/// firmware-examples), serial:DEVICE@BAUD, or tcp:HOST:PORT. The board must run the image given with --image.
#[derive(Args, Clone, Debug)]
pub struct HilArgs {
    /// Environment [default: the one the image was trained in]
    #[arg(long)]
    pub env: Option<String>,
    /// The policy image that the board runs
    #[arg(long, value_name = "FILE.rlfd")]
    pub image: PathBuf,
    /// Where the board is
    #[arg(long)]
    pub link: String,
    /// Number of episodes
    #[arg(long, default_value_t = 1)]
    pub episodes: usize,
    /// Seed of the initial states and of the disturbances
    #[arg(long, default_value_t = 0)]
    pub seed: u64,
    /// Step the plant once per control period and hold the last command if none has come, rather than wait
    #[arg(long)]
    pub real_time: bool,
    /// Probability that a frame is lost, each way
    #[arg(long, value_name = "P", default_value_t = 0.0)]
    pub drop: f64,
    /// Probability that bits of a frame flip, each way
    #[arg(long, value_name = "P", default_value_t = 0.0)]
    pub corrupt: f64,
    /// Probability that a frame arrives twice, each way
    #[arg(long, value_name = "P", default_value_t = 0.0)]
    pub duplicate: f64,
    /// Hold every frame back for a random time up to this, each way
    #[arg(long, value_name = "MS", default_value_t = 0.0)]
    pub delay_ms: f64,
    /// Ask again after this long without an answer
    #[arg(long, value_name = "MS", default_value_t = 200.0)]
    pub retry_ms: f64,
    /// Replace the board's policy while it plays, by a file of `export sign`; --image is still the one it starts with
    #[arg(long, value_name = "FILE.rlfu")]
    pub update: Option<PathBuf>,
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
}

/// Runs `trainer hil`; false where the board did not take the policy of `--update`.
///
/// # Errors
/// If the board does not answer or is not the one expected, or image and environment do not fit.
pub fn hil(args: &HilArgs) -> anyhow::Result<bool> {
    let bytes = hil::read_image(&args.image)?;
    let image = view(&bytes, &args.image)?;
    let mut env = open_env(args.env.as_deref(), &image)?;
    let (pace, disturbance) = (args.pace(), args.disturbance()?);
    let mut plant = Plant::new(env.as_mut(), &image, pace)?;
    if let Some(path) = &args.update {
        plant.upload(Upload::open(path)?);
    }
    let link = Link::open(&args.link.parse()?)?;
    let patience = Patience {
        retry: milliseconds("--retry-ms", args.retry_ms)?,
        ..Patience::default()
    };
    let mut session = Session::open(link, Expectation::from(&image), patience, disturbance)?;
    let bar = episodes_bar(args.episodes);
    let reports = plant.play(&mut session, args.episodes, args.seed, |_, episode| {
        bar.set_position(episode as u64);
        Ok(())
    })?;
    bar.finish_and_clear();
    let board = session.close()?;
    if args.json {
        print_json(args, &session, &reports);
    } else {
        print(&session, &reports);
        println!(
            "board: {} steps acted, {} refused, {} bad frames, {} repeated questions",
            board.acted, board.refused, board.bad_frames, board.repeated
        );
    }
    if args.update.is_some() {
        eprintln!("{}", became_of_update(&plant));
    }
    Ok(plant.has_uploaded())
}

fn became_of_update(plant: &Plant<'_>) -> String {
    if let Some(refusal) = plant.refusal() {
        let causes =
            std::iter::successors(std::error::Error::source(refusal), |cause| cause.source());
        let causes: String = causes.map(|cause| format!(": {cause}")).collect();
        return format!("not updated: {refusal}{causes}");
    }
    if plant.has_uploaded() {
        return "updated: the board took the other policy over while it played".to_owned();
    }
    "not updated: the episodes were over before the board had the whole policy; give more --episodes"
        .to_owned()
}

/// Plays whole episodes with the policy on a board, for comparison with other backends: same environment, same seeds,
/// same initial states. `each` sees the environment after every reset and step.
///
/// # Errors
/// As [`hil()`].
pub fn evaluate(
    link: &str,
    image: &Path,
    env: &mut (dyn Env + 'static),
    episodes: usize,
    seed: u64,
    each: impl FnMut(&dyn Env, usize) -> anyhow::Result<()>,
) -> anyhow::Result<Evaluation> {
    let address: LinkAddress = link.parse()?;
    let bytes = hil::read_image(image)?;
    let view = view(&bytes, image)?;
    let mut plant = Plant::new(env, &view, Pace::LockStep)?;
    let mut session = Session::open(
        Link::open(&address)?,
        Expectation::from(&view),
        Patience::default(),
        Disturbance::default(),
    )?;
    let reports = plant.play(&mut session, episodes, seed, each)?;
    session.close()?;
    Ok(hil::evaluation(&reports))
}

fn view<'a>(bytes: &'a [u8], path: &Path) -> anyhow::Result<PolicyImage<'a>> {
    PolicyImage::view(bytes).with_context(|| path.display().to_string())
}

fn open_env(asked: Option<&str>, image: &PolicyImage<'_>) -> anyhow::Result<Box<dyn Env>> {
    Ok(registry::open(asked.unwrap_or(image.environment()))?)
}

impl HilArgs {
    fn pace(&self) -> Pace {
        if self.real_time {
            Pace::RealTime
        } else {
            Pace::LockStep
        }
    }

    fn disturbance(&self) -> anyhow::Result<Disturbance> {
        for (flag, probability) in [
            ("--drop", self.drop),
            ("--corrupt", self.corrupt),
            ("--duplicate", self.duplicate),
        ] {
            ensure!(
                (0.0..=1.0).contains(&probability),
                "{flag} {probability}: expected a probability from 0 to 1"
            );
        }
        Ok(Disturbance {
            drop: self.drop,
            corrupt: self.corrupt,
            duplicate: self.duplicate,
            delay: milliseconds("--delay-ms", self.delay_ms)?,
            seed: self.seed,
        })
    }
}

fn milliseconds(flag: &str, value: f64) -> anyhow::Result<Duration> {
    Duration::try_from_secs_f64(value * 1e-3)
        .ok()
        .with_context(|| format!("{flag} {value}: expected a time in milliseconds"))
}

fn episodes_bar(episodes: usize) -> ProgressBar {
    let bar = ProgressBar::new(episodes as u64);
    let style = ProgressStyle::with_template("{bar:30} {pos}/{len} episodes  {elapsed}");
    bar.set_style(style.expect("a constant template"));
    bar
}

fn print(session: &Session, reports: &[EpisodeReport]) {
    let info = session.board();
    println!(
        "{}: image {:#010x}, {} numbers in, {} out, every {} ms",
        info.board,
        info.image_checksum,
        info.measurement_dim,
        info.command_dim,
        f64::from(info.period_us) * 1e-3
    );
    for (episode, report) in reports.iter().enumerate() {
        let end = match (report.fault, report.terminated) {
            (Some(fault), _) => format!("fault: {fault}, {} commands safe ones", report.refused),
            (None, true) => "terminated".to_owned(),
            (None, false) => "time limit".to_owned(),
        };
        println!(
            "episode {episode}: return {:.2}, {} steps, {end}",
            report.ret, report.len
        );
    }
    let evaluation = hil::evaluation(reports);
    let success = evaluation.success_rate().map_or_else(String::new, |rate| {
        format!(", success {:.1} %", rate * 100.0)
    });
    println!(
        "return {:.2} ± {:.2}{success} over {} episodes",
        evaluation.mean(),
        evaluation.std(),
        reports.len()
    );
    println!("latency: {}", session.latency());
    println!("link: {}", session.counters());
    for (direction, counters) in ["to the board", "from the board"]
        .into_iter()
        .zip(session.disturbed())
    {
        if counters.dropped + counters.corrupted + counters.duplicated + counters.delayed > 0 {
            println!(
                "injected {direction}: {} of {} frames dropped, {} corrupted, {} duplicated, {} delayed",
                counters.dropped,
                counters.frames,
                counters.corrupted,
                counters.duplicated,
                counters.delayed
            );
        }
    }
}

fn print_json(args: &HilArgs, session: &Session, reports: &[EpisodeReport]) {
    let evaluation = hil::evaluation(reports);
    let (counters, latency) = (session.counters(), session.latency());
    let in_ms = |time: Option<Duration>| time.map(|time| time.as_secs_f64() * 1e3);
    let faults: Vec<Option<String>> = reports
        .iter()
        .map(|report| report.fault.map(|fault| fault.to_string()))
        .collect();
    let object = json!({
        "link": args.link,
        "board": session.board().board,
        "episodes": reports.len(),
        "mean": evaluation.mean(),
        "std": evaluation.std(),
        "min": evaluation.min(),
        "max": evaluation.max(),
        "length_mean": evaluation.mean_length(),
        "returns": evaluation.returns,
        "lengths": evaluation.lengths,
        "success_rate": evaluation.success_rate(),
        "faults": faults,
        "latency_ms": {
            "p50": in_ms(latency.quantile(0.5)),
            "p99": in_ms(latency.quantile(0.99)),
            "max": in_ms(latency.max()),
        },
        "questions": counters.questions,
        "retransmitted": counters.retransmitted,
        "bad_frames": counters.bad_frames,
        "late_answers": counters.late_answers,
        "missed_deadlines": counters.missed_deadlines,
    });
    println!("{object}");
}
