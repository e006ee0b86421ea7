//! `cargo xtask firmware table`: every board that an emulator can be, in the loop with MuJoCo: return, instructions, memory. Knows
//! the trainer only by its command line.

use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};
use serde::Deserialize;

use crate::cargo::{cargo, target_folder};
use crate::firmware::{self, Selection};
use crate::process;
use crate::sizes;
use crate::workspace::Workspace;

const DEFAULT_IMAGE: &str = "models/zoo/InvertedPendulum-v5/sac/policy.rlfd";

const COLUMNS: [(&str, &str); 4] = [
    ("instructions per step", "instructions_per_step"),
    ("flash", "flash_bytes"),
    ("static RAM", "static_ram_bytes"),
    ("stack", "stack_bytes"),
];

/// What `trainer hil --json` says of interest here.
#[derive(Deserialize)]
struct Played {
    mean: f64,
    min: f64,
    episodes: usize,
}

/// Prints a table in Markdown with one line for each board.
///
/// # Errors
/// If a board cannot be built, measured or played with.
pub fn table(workspace: &Workspace, selection: &Selection, episodes: usize) -> Result<()> {
    let image = match &selection.image {
        Some(image) => image.clone(),
        None => workspace.path(DEFAULT_IMAGE),
    };
    let image = image
        .canonicalize()
        .with_context(|| format!("no policy image {}", image.display()))?;
    let selection = Selection {
        image: Some(image.clone()),
        ..selection.clone()
    };
    // With everything else, or its dependencies would be compiled again with fewer features.
    let mut build = cargo(workspace);
    build.args(["build", "--release", "--workspace", "--bins"]);
    process::run(&mut build)?;
    let trainer = target_folder(workspace)?.join("release/trainer");

    // Compilers and emulators talk on stderr meanwhile: the table comes in one piece at the end.
    let mut lines = vec![header()];
    for board in firmware::selected(workspace, &selection)? {
        if board.program("measure").is_none() {
            continue;
        }
        let numbers = sizes::measure(workspace, &board, &selection)?;
        let mut hil = Command::new(&trainer);
        hil.current_dir(workspace.root())
            .args(["hil", "--json", "--link", &format!("qemu:{}", board.name)])
            .args(["--episodes", &episodes.to_string(), "--image"])
            .arg(&image)
            .stderr(Stdio::inherit());
        let answer = process::output(&mut hil)?;
        let played = serde_json::from_str(answer.trim())
            .with_context(|| format!("`{}` answered `{answer}`", process::shown(&hil)))?;
        lines.push(row(&board.name, &played, &numbers)?);
    }
    println!("{}", lines.join("\n"));
    Ok(())
}

fn header() -> String {
    let names: Vec<&str> = COLUMNS.iter().map(|(title, _)| *title).collect();
    format!(
        "| board | return | {} |\n|---|---|{}",
        names.join(" | "),
        "---|".repeat(COLUMNS.len())
    )
}

fn row(board: &str, played: &Played, numbers: &[(String, u64)]) -> Result<String> {
    let Played {
        mean,
        min,
        episodes,
    } = played;
    let mut text = format!("| {board} | {mean:.1}, at least {min:.1} in {episodes} episodes |");
    for (title, quantity) in COLUMNS {
        let found = numbers.iter().find(|(name, _)| name == quantity);
        let Some((_, value)) = found else {
            bail!("{board} did not measure its {title} (`{quantity}`)");
        };
        text += &format!(" {value} |");
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_has_every_column_and_misses_none_silently() {
        let played =
            serde_json::from_str(r#"{"mean": 999.5, "min": 999, "episodes": 2, "std": 0}"#);
        let played = played.unwrap();
        let mut numbers: Vec<(String, u64)> = COLUMNS
            .iter()
            .zip(1..)
            .map(|((_, quantity), value)| ((*quantity).to_owned(), value))
            .collect();
        let line = row("microbit", &played, &numbers).unwrap();
        assert_eq!(
            line,
            "| microbit | 999.5, at least 999.0 in 2 episodes | 1 | 2 | 3 | 4 |"
        );
        let columns = |line: &str| line.matches('|').count();
        assert!(
            header()
                .lines()
                .all(|other| columns(other) == columns(&line))
        );
        numbers.pop();
        assert!(
            row("microbit", &played, &numbers)
                .unwrap_err()
                .to_string()
                .contains("stack")
        );
    }
}
