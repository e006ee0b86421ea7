//! The command line: one file per subcommand. Results go to stdout, talk to stderr.

mod collect;
mod demos;
mod eval;
mod fit;
pub mod hil;
mod list;
mod opened;
mod plot;
pub mod replay;
mod sweep;

use clap::{Parser, Subcommand};

/// Learns control policies from reward and demonstrations.
#[derive(Debug, Parser)]
#[command(name = "trainer", version)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Learn a policy
    Fit(fit::FitArgs),
    /// Run every combination of a recipe's lists, several at a time
    Sweep(sweep::SweepArgs),
    /// Record demonstrations, of a script or of a policy
    Collect(collect::CollectArgs),
    /// Look at recordings, merge, clip, draw and convert them
    Demos(demos::DemosArgs),
    /// Measure a policy over whole episodes
    Eval(eval::EvalArgs),
    /// Close the loop with a board: the plant here, the policy there
    Hil(hil::HilArgs),
    /// Draw learning curves: median and quartiles over seeds, one picture per environment
    Plot(plot::PlotArgs),
    /// Check an environment against a recording
    Replay(replay::ReplayArgs),
    /// Name environments, algorithms and recipes
    List(list::ListArgs),
}

/// Runs what was asked. `Ok(false)` means it ran and the answer is no.
///
/// # Errors
/// Whatever kept the command from running.
pub fn run(cli: &Cli) -> anyhow::Result<bool> {
    match &cli.command {
        Command::Fit(args) => fit::fit(args),
        Command::Sweep(args) => sweep::sweep(args),
        Command::Collect(args) => collect::collect(args).map(|()| true),
        Command::Demos(args) => demos::demos(args).map(|()| true),
        Command::Eval(args) => eval::eval(args),
        Command::Hil(args) => hil::hil(args),
        Command::Plot(args) => plot::plot(args).map(|()| true),
        Command::Replay(args) => replay::replay(args).map(|()| true),
        Command::List(args) => list::list(args).map(|()| true),
    }
}
