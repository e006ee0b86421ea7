//! What the log of a run says, however it was run.

use super::RunDirectory;
use super::check::{finish, recipe};

/// Rows between two rounds of updates tell of the last of these, also when the run went on between.
#[test]
fn rows_of_a_run_that_went_on_are_those_of_one_that_was_never_stopped() {
    let rows = |ends: &[&str]| {
        let settings = |total: &str| {
            let settings = [
                ("total_steps", total),
                ("cycle_steps", "80"),
                ("log_interval", "30"),
                ("checkpoint_interval", "1000"),
                ("eval_interval", "1000"),
            ];
            recipe("point-reach-her", &settings)
        };
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("run");
        let recipe = settings(ends[0]);
        let directory = RunDirectory::create(Some(&root), &recipe).unwrap();
        finish(&recipe, &directory, None).unwrap();
        for total in &ends[1..] {
            let recipe = directory.prolong(total.parse().unwrap()).unwrap();
            finish(&recipe, &directory, None).unwrap();
        }
        let mut reader = csv::Reader::from_path(directory.progress()).unwrap();
        let names = reader.headers().unwrap().clone();
        let is_time = |name: &str| ["steps_per_s", "elapsed_s"].contains(&name);
        let records = reader.records().map(|record| {
            let record = record.unwrap();
            let cells = names.iter().zip(&record);
            let cells = cells.filter(|(name, _)| !is_time(name));
            let cells = cells.map(|(name, cell)| (name.to_owned(), cell.to_owned()));
            cells.collect::<Vec<_>>()
        });
        records.collect::<Vec<_>>()
    };
    let (whole, resumed) = (rows(&["420"]), rows(&["180", "420"]));
    assert_eq!(whole.len(), 14);
    assert_eq!(whole, resumed);
    let of = |row: usize, wanted: &str| {
        let cell = whole[row].iter().find(|(name, _)| name == wanted);
        cell.unwrap().1.clone()
    };
    // Updates were made after 80, 160, 240, … steps; rows are written after 30, 60, 90, …
    for row in 2..14 {
        assert_ne!(of(row, "q"), "", "row {row}");
        let is_new = of(row, "updates") != of(row - 1, "updates");
        assert_eq!(of(row, "q") != of(row - 1, "q"), is_new, "row {row}");
    }
}

/// A log that lost rows is not filled up with zero bytes.
#[test]
fn a_log_that_lost_rows_is_refused() {
    let settings = [("total_steps", "90"), ("log_interval", "30")];
    let recipe = recipe("point-reach-her", &settings);
    let folder = tempfile::tempdir().unwrap();
    let directory = RunDirectory::create(Some(&folder.path().join("run")), &recipe).unwrap();
    finish(&recipe, &directory, None).unwrap();
    let log = std::fs::read(directory.progress()).unwrap();
    std::fs::write(directory.progress(), &log[..log.len() - 20]).unwrap();
    std::fs::remove_file(directory.outcome()).unwrap();
    let refused = format!("{:#}", finish(&recipe, &directory, None).unwrap_err());
    assert!(
        refused.contains("progress.csv") && refused.contains("rows are missing"),
        "{refused}"
    );
}
