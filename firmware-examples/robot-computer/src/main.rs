//! `robot-computer`: waits for one plant, serves it with a period, and tells how the period was kept.

use std::fs;
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result};
use clap::{Parser, ValueEnum};
use rlfd_runtime::backend::EnginePolicy;
use rlfd_runtime::backend::ort::OrtPolicy;
use rlfd_runtime::backend::tract::TractPolicy;
use rlfd_runtime::image::ImageBytes;
use rlfd_runtime::{Policy, PolicyImage};
use robot_computer::metronome::Metronome;
use robot_computer::server::Memory;
use robot_computer::{real_time, serve};

/// Runs a policy in a periodic loop for a robot at the other end of a TCP connection, and tells how well the period was kept.
#[derive(Debug, Parser)]
struct Cli {
    /// The policy image: contract, limits, golden pair, and the weights of the engine
    #[arg(long, value_name = "FILE.rlfd")]
    image: PathBuf,
    /// What computes the policy
    #[arg(long, value_enum, default_value_t = Backend::Engine)]
    backend: Backend,
    /// The same policy as a model, for tract and ort
    #[arg(long, value_name = "FILE.onnx", required_if_eq_any([("backend", "tract"), ("backend", "ort")]))]
    onnx: Option<PathBuf>,
    /// Where to wait for the robot; port 0 takes one that is free
    #[arg(long, default_value = "127.0.0.1:5555")]
    listen: String,
    /// Period of the loop [default: the image's]; the plant's clock goes on in the image's
    #[arg(long, value_name = "US")]
    period_us: Option<u32>,
    /// Ask for neither SCHED_FIFO nor locked memory
    #[arg(long)]
    no_real_time: bool,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Backend {
    Engine,
    Tract,
    Ort,
}

fn main() -> ExitCode {
    match run(&Cli::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::from(2)
        }
    }
}

fn run(cli: &Cli) -> Result<()> {
    let path = cli.image.display();
    let bytes = fs::read(&cli.image).with_context(|| format!("cannot read {path}"))?;
    let bytes = ImageBytes::new(&bytes);
    let image = PolicyImage::view(&bytes).with_context(|| path.to_string())?;
    let mut policy = open(cli, &bytes)?;
    let mut memory = Memory::new(&image, policy.as_mut())?;
    let mut server = memory.serve(image, policy.as_mut())?;
    let period = Duration::from_micros(cli.period_us.unwrap_or(image.period_us()).into());
    let metronome = Metronome::new(period).context("--period-us")?;

    let listener = TcpListener::bind(&cli.listen)
        .with_context(|| format!("cannot listen on {}", cli.listen))?;
    eprintln!(
        "{:?} for {}, every {} us; waiting on {}",
        cli.backend,
        image.environment(),
        metronome.period().as_micros(),
        listener.local_addr()?
    );
    let (mut stream, robot) = listener.accept().context("cannot accept the robot")?;
    eprintln!("serving {robot}");
    if !cli.no_real_time {
        for line in real_time::ask() {
            eprintln!("{line}");
        }
    }
    // The wait for the robot was longer than a period.
    let metronome = Metronome::new(metronome.period())?;
    let (punctuality, _) = serve(&mut server, &mut stream, metronome)
        .with_context(|| format!("the connection to {robot} broke"))?;
    print!("{punctuality}");
    Ok(())
}

fn open(cli: &Cli, image: &[u8]) -> Result<Box<dyn Policy>> {
    let onnx = || cli.onnx.as_deref().context("--onnx is missing");
    Ok(match cli.backend {
        Backend::Engine => Box::new(EnginePolicy::from_bytes(image)?),
        Backend::Tract => Box::new(TractPolicy::open(onnx()?)?),
        Backend::Ort => Box::new(OrtPolicy::open(onnx()?)?),
    })
}
