//! ONNX's own test cases of operators (`onnx/backend/test/data/node` of the wheel that `cargo xtask setup` unpacks), through an image
//! on our engine, with tract and ONNX Runtime beside it. `RLFD_BLESS=1` rewrites what is committed.

#[path = "conformance/case.rs"]
mod case;
#[path = "conformance/report.rs"]
mod report;

use std::path::{Path, PathBuf};

use case::{Case, Outcome};
use report::Report;
use rlfd_export::session::SessionBackend;

const GOLDEN: &str = "tests/conformance/golden.txt";
const TABLE: &str = "docs/operators.md";

fn folder() -> Option<PathBuf> {
    let folder =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../.native/python/onnx/backend/test/data/node");
    if folder.is_dir() {
        return Some(folder);
    }
    println!(
        "skipped: `cargo xtask setup` unpacks the cases of ONNX into {}",
        folder.display()
    );
    None
}

#[test]
fn operators_do_what_onnx_expects() {
    let Some(folder) = folder() else { return };
    // tract panics on some models; that is its answer.
    std::panic::set_hook(Box::new(|_| {}));
    let mut folders: Vec<PathBuf> = std::fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    folders.sort();
    let mut report = Report::default();
    for folder in folders {
        let name = folder.file_name().unwrap().to_string_lossy().into_owned();
        let Some(case) = Case::read(&folder) else {
            report.unreadable += 1;
            continue;
        };
        match case.scope() {
            Err(reason) => *report.outside.entry(reason).or_default() += 1,
            Ok(op) => {
                let (outcome, used) = case.on_engine();
                if !matches!(outcome, Outcome::Refused(_)) {
                    for backend in [SessionBackend::Tract, SessionBackend::Ort] {
                        if case.on(backend) {
                            report.note_other(&op, backend);
                        }
                    }
                }
                report.note(&op, &name, outcome, &used);
            }
        }
    }
    drop(std::panic::take_hook());
    print!("{}", report.golden());
    assert!(report.wrong.is_empty(), "{:#?}", report.wrong);
    compare(GOLDEN, &report.golden());
    compare(TABLE, &report.table());
}

fn compare(path: &str, found: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    if std::env::var_os("RLFD_BLESS").is_some() {
        std::fs::write(&path, found).unwrap();
        return;
    }
    let committed = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        committed == found,
        "{} is out of date; RLFD_BLESS=1 rewrites it:\n{found}",
        path.display()
    );
}
