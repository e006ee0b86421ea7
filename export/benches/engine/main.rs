//! `cargo bench -p rlfd-export --bench engine`: the engine beside ONNX Runtime, tract and plain C, on this machine.
//!
//! - without arguments: times of a warm and of a cold step, heap calls, time from bytes to the first action
//! - `--write FOLDER`: the policies as `.onnx`, `.rlfd` and `.rs`
//! - `--generate`: builds the policies written as source, which `--steps` then finds
//! - `--steps POLICY ENGINE COUNT`: runs so many steps, for whoever counts instructions

mod engine;
mod generated;
mod heap;
mod library;
mod plain_c;
mod timing;
mod workload;

use std::path::Path;
use std::time::Instant;

use anyhow::{Context, Result, bail, ensure};
use ort::environment::Environment;
use rlfd_export::source::rust_source;
use rlfd_runtime::image::{ImageBytes, PolicyImage};

use engine::{Compiled, Engine, Ort, Ours, Tract};
use timing::{Bench, median};
use workload::Workload;

#[global_allocator]
static HEAP: heap::Counting = heap::Counting;

const WARM_ROUNDS: usize = 150;
const COLD_ROUNDS: usize = 60;
const START_ROUNDS: usize = 9;

/// How far the actions of two engines may lie apart; quantised ones by a step of the last scale.
const TOLERANCE: f32 = 1e-5;

fn main() -> Result<()> {
    // `cargo bench` adds an argument of its own.
    let arguments: Vec<String> = std::env::args()
        .skip(1)
        .filter(|word| word != "--bench")
        .collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words.as_slice() {
        [] => measure(),
        ["--write", folder] => write(Path::new(folder)),
        ["--generate"] => generated::build(&workload::all()).map(drop),
        ["--steps", policy, engine, count] => steps(policy, engine, count.parse()?),
        _ => bail!(
            "arguments: none, or --write FOLDER, or --generate, or --steps POLICY ENGINE COUNT"
        ),
    }
}

fn write(folder: &Path) -> Result<()> {
    std::fs::create_dir_all(folder)?;
    for workload in workload::all() {
        let path = |ending| folder.join(format!("{}.{ending}", workload.name));
        std::fs::write(path("onnx"), workload.model.to_bytes()?)?;
        let image = ImageBytes::new(&engine::image(&workload)?);
        std::fs::write(path("rlfd"), &*image)?;
        std::fs::write(path("rs"), rust_source(&PolicyImage::view(&image)?)?)?;
        println!("{} {}", workload.name, workload.multiplications);
    }
    Ok(())
}

fn steps(policy: &str, engine: &str, count: usize) -> Result<()> {
    let workload = workload::all()
        .into_iter()
        .find(|workload| workload.name == policy);
    let workload = workload.with_context(|| format!("no policy {policy}"))?;
    let onnx = workload.model.to_bytes()?;
    let mut engine: Box<dyn Engine> = match engine {
        "rlfd" => Box::new(Ours::open(&engine::image(&workload)?)?),
        "ort" => Box::new(Ort::open(&engine::ort_environment()?, &workload, &onnx)?),
        "tract" => Box::new(Tract::open(&workload, &onnx)?),
        "plain-c" => Box::new(Compiled::plain_c(&workload, &std::env::temp_dir())?),
        "source" => Box::new(Compiled::source(&workload, &generated::library()?)?),
        _ => bail!("no engine {engine}"),
    };
    Bench::new(&workload).steps(engine.as_mut(), count);
    Ok(())
}

fn measure() -> Result<()> {
    let environment = engine::ort_environment()?;
    let workloads = workload::all();
    let library = generated::build(&workloads)?;
    println!(
        "rlfd: the image; source: the same from `export rust`; plain C: gcc {}",
        plain_c::FLAGS.join(" ")
    );
    println!(
        "{:<4} {:<22} {:<8} {:>10} {:>8} {:>8} {:>10} {:>8} {:>8} {:>6} {:>10}",
        "",
        "policy",
        "engine",
        "warm ns",
        "x rlfd",
        "x source",
        "cold us",
        "x rlfd",
        "x source",
        "heap",
        "start us"
    );
    for workload in &workloads {
        compare(&environment, workload, &library)?;
    }
    Ok(())
}

fn compare(environment: &Environment, workload: &Workload, library: &Path) -> Result<()> {
    let onnx = workload.model.to_bytes()?;
    let image = engine::image(workload)?;
    let folder = std::env::temp_dir();
    let mut bench = Bench::new(workload);
    let starts = [
        Some(start(&mut bench, || Ok(Box::new(Ours::open(&image)?)))?),
        // What is compiled in has nothing to open.
        None,
        Some(start(&mut bench, || {
            Ok(Box::new(Ort::open(environment, workload, &onnx)?))
        })?),
        Some(start(&mut bench, || {
            Ok(Box::new(Tract::open(workload, &onnx)?))
        })?),
    ];
    let mut engines: Vec<Box<dyn Engine>> = vec![
        Box::new(Ours::open(&image)?),
        Box::new(Compiled::source(workload, library)?),
        Box::new(Ort::open(environment, workload, &onnx)?),
        Box::new(Tract::open(workload, &onnx)?),
        Box::new(Compiled::plain_c(workload, &folder)?),
    ];
    agree(workload, &mut bench, &mut engines)?;
    let mut heap_calls = Vec::new();
    for engine in &mut engines {
        bench.steps(engine.as_mut(), 10);
        let before = heap::calls();
        bench.steps(engine.as_mut(), 100);
        heap_calls.push((heap::calls() - before) as f64 / 100.0);
    }
    let warm = bench.warm(&mut engines, WARM_ROUNDS);
    let cold = bench.cold(&mut engines, COLD_ROUNDS);
    for (index, engine) in engines.iter().enumerate() {
        let (warm, cold) = (&warm[index], &cold[index]);
        let start = starts
            .get(index)
            .and_then(Option::as_ref)
            .map_or(String::new(), |us| format!("{us:.0}"));
        println!(
            "{:<4} {:<22} {:<8} {:>10.0} {:>8.2} {:>8.2} {:>10.1} {:>8.2} {:>8.2} {:>6.1} {start:>10}",
            workload.name,
            workload.title,
            engine.name(),
            warm.least_ns,
            warm.ratios[0],
            warm.ratios[1],
            cold.median_ns / 1e3,
            cold.ratios[0],
            cold.ratios[1],
            heap_calls[index],
        );
    }
    ensure!(
        heap_calls[..2] == [0.0, 0.0],
        "a step of ours uses the heap"
    );
    Ok(())
}

/// Microseconds from the file's bytes in memory to the first action; the median.
fn start(bench: &mut Bench, open: impl Fn() -> Result<Box<dyn Engine>>) -> Result<f64> {
    let mut samples = Vec::new();
    for _ in 0..START_ROUNDS {
        let begin = Instant::now();
        let mut engine = open()?;
        bench.answer(engine.as_mut(), 0);
        samples.push(begin.elapsed().as_secs_f64() * 1e6);
    }
    Ok(median(samples))
}

/// All engines compute the same function; ours, from the image and as source, the same bits.
fn agree(workload: &Workload, bench: &mut Bench, engines: &mut [Box<dyn Engine>]) -> Result<()> {
    for index in 0..20 {
        let expected = bench.answer(engines[0].as_mut(), index);
        for engine in engines[1..].iter_mut() {
            let found = bench.answer(engine.as_mut(), index);
            let (policy, engine) = (workload.name, engine.name());
            let step = match &workload.net {
                _ if engine == "source" => 0.0,
                workload::Net::Quantised { output_scale, .. } => 1.01 * output_scale,
                _ => TOLERANCE,
            };
            let apart = found.iter().zip(&expected).map(|(a, b)| (a - b).abs());
            let apart = apart.fold(0.0, f32::max);
            ensure!(
                apart <= step,
                "{policy}: {engine} is {apart} away from ours"
            );
        }
    }
    Ok(())
}
