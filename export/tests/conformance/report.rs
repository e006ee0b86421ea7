//! What all cases came to, as committed files.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use rlfd_export::ops;
use rlfd_export::session::SessionBackend;
use rlfd_runtime::image::Op;

use super::case::Outcome;

#[derive(Default)]
pub struct Report {
    rows: BTreeMap<String, Row>,
    refused: Vec<String>,
    pub wrong: Vec<String>,
    /// Cases that pass with weights or axes as constants, as they are in a policy.
    with_constants: usize,
    /// Cases that are not about a supported operator on numbers of ours, by reason.
    pub outside: BTreeMap<&'static str, usize>,
    /// Cases whose files hold sequences, maps or nothing.
    pub unreadable: usize,
}

#[derive(Default)]
struct Row {
    passed: usize,
    refused: usize,
    wrong: usize,
    tract: usize,
    ort: usize,
    features: BTreeSet<&'static str>,
}

impl Report {
    pub fn note(&mut self, op: &str, case: &str, outcome: Outcome, used: &[Op]) {
        let row = self.rows.entry(op.to_string()).or_default();
        row.features.extend(used.iter().flat_map(Op::features));
        match outcome {
            Outcome::Passed(n_constant) => {
                row.passed += 1;
                self.with_constants += usize::from(n_constant > 0);
            }
            Outcome::Wrong(problem) => {
                row.wrong += 1;
                self.wrong.push(format!("{case}: {problem}"));
            }
            Outcome::Refused(reason) => {
                row.refused += 1;
                self.refused.push(format!("{case}: {reason}"));
            }
        }
    }

    pub fn note_other(&mut self, op: &str, backend: SessionBackend) {
        let row = self.rows.entry(op.to_string()).or_default();
        match backend {
            SessionBackend::Tract => row.tract += 1,
            _ => row.ort += 1,
        }
    }

    /// Counts and refusals.
    pub fn golden(&self) -> String {
        let sum = |f: fn(&Row) -> usize| self.rows.values().map(f).sum::<usize>();
        let mut text = String::new();
        let passed = sum(|row| row.passed);
        let _ = writeln!(
            text,
            "cases of supported operators   {}",
            passed + sum(|row| row.refused) + sum(|row| row.wrong)
        );
        let _ = writeln!(text, "passed on our engine           {passed}");
        let _ = writeln!(
            text,
            "  of them with constants       {}",
            self.with_constants
        );
        let _ = writeln!(
            text,
            "  of them on tract             {}",
            sum(|row| row.tract)
        );
        let _ = writeln!(
            text,
            "  of them on ONNX Runtime      {}",
            sum(|row| row.ort)
        );
        let _ = writeln!(
            text,
            "wrong                          {}",
            sum(|row| row.wrong)
        );
        let _ = writeln!(
            text,
            "refused                        {}",
            sum(|row| row.refused)
        );
        for (reason, count) in &self.outside {
            let _ = writeln!(text, "not tried: {reason:<19} {count}");
        }
        let _ = writeln!(text, "not tried: no tensors          {}", self.unreadable);
        let _ = writeln!(text, "\nrefused:");
        for line in &self.refused {
            let _ = writeln!(text, "{line}");
        }
        text
    }

    /// Which operator runs where.
    pub fn table(&self) -> String {
        let mut text = String::from(
            "# Operators\n\n\
             Written by the test `conformance` of this crate; `RLFD_BLESS=1 cargo test --release -p rlfd-export conformance` rewrites it.\n\n\
             An operator of an ONNX file becomes operations of an image, which run on every target of `rlfd-runtime`: a host, a \
             Cortex-M, a RISC-V. *Feature* is what the runtime must be built with. The counts are ONNX's own cases for that \
             operator with `float32`, integers or booleans: passed on our engine / refused with a reason, and how many of the passed \
             ones tract and ONNX Runtime answer within the same tolerance (2e-5 relative).\n\n\
             | operator | becomes | feature | engine | tract | ONNX Runtime |\n|---|---|---|---|---|---|\n",
        );
        let empty = Row::default();
        for op in ops::TABLE {
            let row = self.rows.get(op.name).unwrap_or(&empty);
            let features: Vec<&str> = row.features.iter().copied().collect();
            let features = match features.as_slice() {
                [] => "–".to_string(),
                features => features.join(", "),
            };
            let _ = writeln!(
                text,
                "| {} | {} | {features} | {} / {} | {} | {} |",
                op.name, op.becomes, row.passed, row.refused, row.tract, row.ort
            );
        }
        if let Some(row) = self.rows.get("several, composed") {
            let _ = writeln!(
                text,
                "| *several, composed* | | {} | {} / {} | {} | {} |",
                row.features.iter().copied().collect::<Vec<_>>().join(", "),
                row.passed,
                row.refused,
                row.tract,
                row.ort
            );
        }
        let _ = writeln!(
            text,
            "\nRandomUniformLike, RandomNormalLike and Multinomial are known to be left out: where a kept output needs one, the policy is refused, or \
             `--sampling mean` puts the mean in its place."
        );
        text
    }
}
