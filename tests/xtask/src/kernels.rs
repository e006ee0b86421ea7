//! `cargo xtask firmware kernels`: whether kernels written for one processor compute what the portable ones do on another. Each
//! board's program logs a checksum for each kernel; all boards must log the same.

use std::collections::BTreeMap;
use std::process::Stdio;

use anyhow::{Result, bail};

use crate::firmware::{self, Selection};
use crate::process;
use crate::sizes::readings;
use crate::workspace::Workspace;

/// Prints the checksums of all boards; false if two differ.
///
/// # Errors
/// If a board cannot be built or logs nothing.
pub fn kernels(workspace: &Workspace, selection: &Selection) -> Result<bool> {
    let mut found: BTreeMap<String, Vec<(String, u64)>> = BTreeMap::new();
    for board in firmware::selected(workspace, selection)? {
        let Some(program) = board.program("kernels") else {
            continue;
        };
        let mut run = firmware::cargo_in(workspace, &board, selection, "run")?;
        run.args([
            "--release",
            "--features",
            "rlfd-firmware/quantized,rlfd-firmware/functions,rlfd-firmware/zip",
        ])
        .args(["--bin", &program])
        .stderr(Stdio::inherit());
        let said = process::output(&mut run)?;
        let checksums = readings(&said);
        if checksums.is_empty() {
            bail!("{program} logged no checksums; it said:\n{said}");
        }
        for (name, checksum) in checksums {
            found
                .entry(name)
                .or_default()
                .push((board.name.clone(), checksum));
        }
    }
    let (table, agree) = compare(&found);
    print!("{table}");
    Ok(agree)
}

fn compare(found: &BTreeMap<String, Vec<(String, u64)>>) -> (String, bool) {
    let boards = found.values().map(Vec::len).max().unwrap_or(0);
    let (mut text, mut agree) = (String::new(), true);
    for (name, checksums) in found {
        let same = checksums.windows(2).all(|pair| pair[0].1 == pair[1].1);
        let verdict = match (same, checksums.len() == boards) {
            (true, true) => "same",
            (true, false) => "missing on a board",
            (false, _) => "DIFFERENT",
        };
        agree &= verdict == "same";
        let each: Vec<String> = checksums
            .iter()
            .map(|(board, checksum)| format!("{board} {checksum:08x}"))
            .collect();
        text += &format!("{name:<20} {}  {verdict}\n", each.join("  "));
    }
    (text, agree)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_difference_or_gap_is_a_no() {
        let found = |rows: &[(&str, &[u64])]| {
            let boards = |checksums: &[u64]| {
                let names = ["a", "b"].iter().map(|name| (*name).to_owned());
                names.zip(checksums.iter().copied()).collect()
            };
            rows.iter()
                .map(|(name, checksums)| ((*name).to_owned(), boards(checksums)))
                .collect()
        };
        assert!(compare(&found(&[("dense", &[1, 1]), ("tanh", &[2, 2])])).1);
        assert!(!compare(&found(&[("dense", &[1, 1]), ("tanh", &[2, 3])])).1);
        assert!(!compare(&found(&[("dense", &[1, 1]), ("tanh", &[2])])).1);
    }
}
